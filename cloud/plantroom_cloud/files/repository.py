"""Queries over files."""

from collections.abc import Collection, Sequence

from sqlmodel import Session, col, select

from plantroom_cloud.files.models import StoredFile


def described(session: Session, ids: Collection[str]) -> Sequence[tuple[str, str, int]]:
    """Id, type and size; contents stay where they are."""
    query = select(StoredFile.id, StoredFile.media_type, StoredFile.size).where(col(StoredFile.id).in_(ids))
    return session.exec(query).all()

"""Queries over documents."""

from sqlmodel import Session, col, select

from plantroom_cloud.documents.models import AssetDocument


def of_asset(session: Session, asset_id: int) -> list[AssetDocument]:
    """In the order they were added."""
    query = select(AssetDocument).where(AssetDocument.asset_id == asset_id).order_by(col(AssetDocument.id))
    return list(session.exec(query))


def with_file(session: Session, asset_id: int, file_id: str) -> AssetDocument | None:
    """The one that keeps this content for the asset."""
    query = select(AssetDocument).where(AssetDocument.asset_id == asset_id, AssetDocument.file_id == file_id)
    return session.exec(query).first()

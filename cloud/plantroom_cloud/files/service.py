"""Files: checked by what they are, not by what they are called, and kept by their content."""

import hashlib
from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.files import repository
from plantroom_cloud.files.content import ENDINGS, media_type
from plantroom_cloud.files.models import StoredFile
from plantroom_shared.said import said

MOST_BYTES = 10_000_000


@dataclass(frozen=True)
class Described:
    """A file without its content."""

    media_type: str
    size: int


class FileService:
    """Works in the session it is given."""

    def store(
        self,
        session: Session,
        content: bytes,
        actor: str,
        at: datetime,
        *,
        kinds: Collection[str] = tuple(ENDINGS),
        most: int = MOST_BYTES,
        called: str = "JPEG, PNG or WebP picture, PDF, XLSX without macros, or text in UTF-8",
    ) -> StoredFile:
        """Keep a file; the same content again is the same file. Raises InvalidError."""
        if len(content) > most:
            raise InvalidError(
                said("the file has %(count)s bytes; at most %(most)s are taken", count=len(content), most=most)
            )
        kind = media_type(content)
        if kind is None or kind not in kinds:
            raise InvalidError(said("this is no %(called)s", called=called))
        name = hashlib.sha256(content).hexdigest()
        file = session.get(StoredFile, name)
        if file is None:
            file = StoredFile(
                id=name, media_type=kind, size=len(content), content=content, stored_by=actor, stored_at=at
            )
            session.add(file)
            session.flush()
        return file

    def get(self, session: Session, file_id: str) -> StoredFile:
        """Raises NotFoundError."""
        file = session.get(StoredFile, file_id)
        if file is None:
            raise NotFoundError(said("there is no file %(file_id)r", file_id=file_id[:64]))
        return file

    def described(self, session: Session, ids: Collection[str]) -> dict[str, Described]:
        """By id, without reading contents."""
        return {name: Described(kind, size) for name, kind, size in repository.described(session, ids)}

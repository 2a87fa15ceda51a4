"""Photos: files that are pictures, small enough to come over a phone's network."""

from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.files.content import PICTURES
from plantroom_cloud.files.models import StoredFile
from plantroom_cloud.files.service import FileService
from plantroom_shared.said import said

MOST_BYTES = 1_500_000


class PhotoService:
    """Works in the session it is given."""

    def __init__(self, files: FileService | None = None) -> None:
        self._files = files or FileService()

    def store(self, session: Session, content: bytes, actor: str, at: datetime) -> StoredFile:
        """Keep a picture; the same one again is the same photo. Raises InvalidError."""
        return self._files.store(
            session, content, actor, at, kinds=PICTURES, most=MOST_BYTES, called="JPEG, PNG or WebP picture"
        )

    def get(self, session: Session, photo_id: str) -> StoredFile:
        """Raises NotFoundError."""
        file = session.get(StoredFile, photo_id)
        if file is None or file.media_type not in PICTURES:
            raise NotFoundError(said("there is no photo %(photo_id)r", photo_id=photo_id[:64]))
        return file

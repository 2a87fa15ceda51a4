"""Photos: checked by what they are, not by what they are called, and kept by their content."""

import hashlib
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.photos.models import Photo

MOST_BYTES = 1_500_000


class PhotoService:
    """Works in the session it is given."""

    def store(self, session: Session, content: bytes, actor: str, at: datetime) -> Photo:
        """Keep a picture; the same one again is the same photo. Raises InvalidError."""
        if len(content) > MOST_BYTES:
            raise InvalidError(f"the photo has {len(content)} bytes; at most {MOST_BYTES} are taken")
        media_type = _media_type(content)
        if media_type is None:
            raise InvalidError("this is no JPEG, PNG or WebP picture")
        name = hashlib.sha256(content).hexdigest()
        photo = session.get(Photo, name)
        if photo is None:
            photo = Photo(
                id=name, media_type=media_type, size=len(content), content=content, taken_by=actor, stored_at=at
            )
            session.add(photo)
            session.flush()
        return photo

    def get(self, session: Session, photo_id: str) -> Photo:
        """Raises NotFoundError."""
        photo = session.get(Photo, photo_id)
        if photo is None:
            raise NotFoundError(f"there is no photo {photo_id[:64]!r}")
        return photo


def _media_type(content: bytes) -> str | None:
    """By the first bytes; nothing that a browser could run (SVG, HTML) is among them."""
    if content.startswith(b"\xff\xd8\xff"):
        return "image/jpeg"
    if content.startswith(b"\x89PNG\r\n\x1a\n"):
        return "image/png"
    if content[:4] == b"RIFF" and content[8:12] == b"WEBP":
        return "image/webp"
    return None

"""/api/v1/photos."""

from typing import Annotated

from fastapi import APIRouter, Body
from fastapi.responses import Response
from pydantic import BaseModel

from plantroom_cloud.dependencies import At, ReadSession, ServicesDep, Technician, Viewer, WriteSession
from plantroom_cloud.files.answer import sent
from plantroom_cloud.files.content import plain_name

router = APIRouter(prefix="/api/v1/photos", tags=["photos"])


class Stored(BaseModel):
    """`id` is the SHA-256 of the content."""

    id: str
    media_type: str
    size: int


@router.post("", status_code=201)
def store(
    content: Annotated[bytes, Body(media_type="image/jpeg")],
    user: Technician,
    session: WriteSession,
    services: ServicesDep,
    at: At,
) -> Stored:
    """The picture itself as the body: JPEG, PNG or WebP, at most 1.5 MB. The same one again is the same photo."""
    photo = services.photos.store(session, content, user.name, at)
    return Stored(id=photo.id, media_type=photo.media_type, size=photo.size)


@router.get("/{photo_id}", response_class=Response)
def get(photo_id: str, _user: Viewer, session: ReadSession, services: ServicesDep) -> Response:
    """The picture."""
    photo = services.photos.get(session, photo_id)
    return sent(photo, plain_name("", photo.media_type))

"""Documents of assets: files kept by their content, and links."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.documents import repository
from plantroom_cloud.documents.models import AssetDocument
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.files.content import plain_name
from plantroom_cloud.files.service import FileService
from plantroom_shared.said import said

MOST_TITLE = 200
MOST_URL = 2000


class DocumentService:
    """Works in the session it is given; whoever calls has looked whether the person may know of the asset."""

    def __init__(self, files: FileService) -> None:
        self._files = files

    def of_asset(self, session: Session, asset_id: int) -> Sequence[AssetDocument]:
        """In the order they were added."""
        return repository.of_asset(session, asset_id)

    def get(self, session: Session, asset_id: int, document_id: int) -> AssetDocument:
        """Raises NotFoundError."""
        document = session.get(AssetDocument, document_id)
        if document is None or document.asset_id != asset_id:
            raise NotFoundError(said("there is no document %(document_id)s", document_id=document_id))
        return document

    def add_link(
        self, session: Session, asset_id: int, title: str, url: str, actor: str, at: datetime
    ) -> AssetDocument:
        """To where it stands; raises InvalidFieldsError."""
        wrong = {}
        if not 0 < len(title.strip()) <= MOST_TITLE:
            wrong["title"] = said("say what it is, in at most %(most)s letters", most=MOST_TITLE)
        if not url.startswith(("https://", "http://")) or len(url) > MOST_URL:
            wrong["url"] = said("a link begins with https:// and has at most %(most)s letters", most=MOST_URL)
        if wrong:
            raise InvalidFieldsError(wrong)
        document = AssetDocument(asset_id=asset_id, title=title.strip(), url=url, added_at=at, added_by=actor)
        session.add(document)
        session.flush()
        return document

    def add_file(
        self, session: Session, asset_id: int, title: str, content: bytes, name: str, actor: str, at: datetime
    ) -> AssetDocument:
        """Without a title it is called as the file; the same content again changes its title. Raises InvalidError."""
        if len(title.strip()) > MOST_TITLE:
            raise InvalidFieldsError({"title": said("say what it is, in at most %(most)s letters", most=MOST_TITLE)})
        stored = self._files.store(session, content, actor, at)
        called = plain_name(name, stored.media_type)
        document = repository.with_file(session, asset_id, stored.id)
        if document is None:
            document = AssetDocument(asset_id=asset_id, title="", file_id=stored.id, added_at=at, added_by=actor)
            session.add(document)
        document.title, document.name = title.strip() or called, called
        session.flush()
        return document

    def remove(self, session: Session, asset_id: int, document_id: int) -> AssetDocument:
        """It belongs elsewhere; other assets keep theirs. What it was. Raises NotFoundError."""
        document = self.get(session, asset_id, document_id)
        session.delete(document)
        return document

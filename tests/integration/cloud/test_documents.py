"""Documents of assets: kept as files or linked, for who may know of the asset."""

from collections.abc import Iterator
from datetime import UTC, datetime

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.database import Database
from plantroom_cloud.documents.service import DocumentService
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.files.service import FileService
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in

NOW = datetime(2026, 3, 10, 12, tzinfo=UTC)
PDF = b"%PDF-1.7 the manual"


def test_an_asset_keeps_what_is_written_about_it(database: Database) -> None:
    documents = DocumentService(FileService())
    with database.write() as session:
        session.add(Site(id="main", name="Main"))
        session.flush()
        for code in ("P1", "P2"):
            session.add(Asset(code=code, name=code, kind=AssetKind.EQUIPMENT, site_id="main", created_at=NOW))
        session.flush()
        documents.add_link(session, 1, " Drawing ", "https://example.org/d", "mia", NOW)
        first = documents.add_file(session, 1, "", PDF, "C200.pdf", "mia", NOW)
        again = documents.add_file(session, 1, "Manual", PDF, "C200.pdf", "tom", NOW)
        assert again.id == first.id
        documents.add_file(session, 2, "Manual", PDF, "C200.pdf", "mia", NOW)
    with database.write() as session:
        told = [(one.title, one.url, one.name, one.added_by) for one in documents.of_asset(session, 1)]
        assert told == [("Drawing", "https://example.org/d", "", "mia"), ("Manual", "", "C200.pdf", "mia")]
        [theirs] = documents.of_asset(session, 2)
        assert theirs.id is not None
        with pytest.raises(NotFoundError):
            documents.remove(session, 1, theirs.id)
        documents.remove(session, 2, theirs.id)
    with database.read() as session:
        assert len(documents.of_asset(session, 1)) == 2
        assert documents.of_asset(session, 2) == []


@pytest.mark.parametrize(
    ("title", "url", "field"),
    [
        ("", "https://example.org", "title"),
        ("x" * 201, "https://example.org", "title"),
        ("Drawing", "javascript:alert(1)", "url"),
        ("Drawing", "https://" + "x" * 2000, "url"),
    ],
)
def test_a_wrong_link_is_told_at_its_field(database: Database, title: str, url: str, field: str) -> None:
    with database.write() as session, pytest.raises(InvalidFieldsError) as caught:
        DocumentService(FileService()).add_link(session, 1, title, url, "mia", NOW)
    assert list(caught.value.fields) == [field]


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """mia and vera of the east, where asset 1 stands; wes of the west."""
    with services_in(tmp_path_factory.mktemp("api")) as services:
        found = clients(
            services,
            [("mia", Role.MANAGER, ["east"]), ("vera", Role.VIEWER, ["east"]), ("wes", Role.MANAGER, ["west"])],
        )
        made = found["mia"].post("assets", json={"code": "P1", "name": "Pump", "kind": "equipment", "site_id": "east"})
        assert made.json()["id"] == 1, made.text
        yield found


def test_documents_by_the_api(people: dict[str, TestClient]) -> None:
    mia, vera, path = people["mia"], people["vera"], "assets/1/documents"
    linked = mia.post(path, json={"title": "Drawing", "url": "https://example.org/d"})
    assert (linked.status_code, linked.json()["media_type"]) == (201, None)
    large = PDF + b"x" * 5_000_000
    kept = mia.post(f"{path}/file?name=../C200.pdf", content=large)
    assert kept.status_code == 201, kept.text
    told = kept.json()
    assert (told["title"], told["media_type"], told["size"]) == ("C200.pdf", "application/pdf", len(large))
    assert [one["title"] for one in vera.get(path).json()["items"]] == ["Drawing", "C200.pdf"]
    content = vera.get(f"http://test{told['url']}")
    assert content.content == large
    assert content.headers["content-disposition"].startswith("attachment;")
    assert vera.get(f"{path}/{linked.json()['id']}/file").status_code == 404  # a link has no content here
    for wrong, status in ((b"MZ\x90\x00", 422), (b"", 422), (b"x" * 10_300_000, 413)):
        assert mia.post(f"{path}/file", content=wrong).status_code == status
    assert mia.post(path, json={"title": "x", "url": "javascript:alert(1)"}).status_code == 422
    assert vera.post(f"{path}/file", content=PDF).status_code == 403
    assert vera.delete(f"{path}/{told['id']}").status_code == 403
    for asked in (path, f"{path}/{told['id']}/file"):
        assert people["wes"].get(asked).status_code == 404
    assert people["wes"].delete(f"{path}/{told['id']}").status_code == 404
    assert mia.delete(f"{path}/{told['id']}").status_code == 204
    assert [one["title"] for one in vera.get(path).json()["items"]] == ["Drawing"]

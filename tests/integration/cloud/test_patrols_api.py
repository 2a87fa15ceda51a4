"""What people may see and send of patrols over the API: by role, by site, again and again, and wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in

AT = "2026-03-01T12:00:00Z"
JPEG = b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    """A client for each person: two managers of one site each, a technician, a viewer, and nobody."""
    with services_in(tmp_path_factory.mktemp("api")) as services:
        yield clients(
            services,
            [
                ("east", Role.MANAGER, ["east"]),
                ("west", Role.MANAGER, ["west"]),
                ("tom", Role.TECHNICIAN, []),
                ("vera", Role.VIEWER, []),
            ],
        )


@pytest.fixture(scope="module")
def roof(people: dict[str, TestClient]) -> dict[str, Any]:
    answer = people["east"].post("patrols/points", json={"id": "roof", "site_id": "east", "name": "Roof"})
    assert answer.status_code == 201, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.fixture(scope="module")
def walk(people: dict[str, TestClient], roof: dict[str, Any]) -> int:
    body = {"site_id": "east", "name": "Round", "stops": [{"point_id": "roof"}], "travel_s": 0}
    route = people["east"].post("patrols/routes", json=body).json()["id"]
    number: int = people["tom"].post(f"patrols/routes/{route}/rounds").json()["id"]
    return number


def report(kind: str, ref: str, **more: Any) -> dict[str, Any]:
    return {"kind": kind, "ref": ref, "phone": "p", "at": AT, **more}


def test_a_key_is_told_once_and_only_to_who_made_the_point(people: dict[str, TestClient], roof: dict[str, Any]) -> None:
    assert roof["label_code"].startswith("P1:ROOF:")
    assert len(roof["key"]) == 52
    for path in ("patrols/points", "patrols/points/roof", "patrols/points/roof/keys"):
        answer = people["east"].get(path)
        assert answer.status_code == 200
        assert roof["key"] not in answer.text
        assert roof["label_code"] not in answer.text


def test_sites_bound_what_a_person_sees(people: dict[str, TestClient], roof: dict[str, Any], walk: int) -> None:
    west = people["west"]
    assert west.get("patrols/points").json()["items"] == []
    assert west.get("patrols/rounds").json()["items"] == []
    assert west.get("patrols/routes").json()["items"] == []
    for path in (
        "patrols/points/roof",
        "patrols/points/roof/keys",
        f"patrols/rounds/{walk}",
        "patrols/labels.pdf?point=roof",
    ):
        assert west.get(path).status_code == 404, path
    assert west.patch("patrols/points/roof", json={"name": "x"}).status_code == 404
    assert west.post("patrols/points/roof/rotate-key", json={"reason": "x"}).status_code == 404
    assert west.post(f"patrols/rounds/{walk}/cancel", json={"reason": "x"}).status_code == 404
    assert west.post("patrols/points", json={"id": "attic", "site_id": "east", "name": "A"}).status_code == 422
    assert west.get("patrols/walk").json()["rounds"] == []
    foreign = report("scan", "west-scan-1", code=roof["label_code"])
    assert west.post("patrols/walk/reports", json=foreign).json()["text"] == "foreign"
    assert (
        west.post("patrols/walk/reports", json={**foreign, "ref": "west-scan-2", "round_id": walk}).status_code == 404
    )


def test_roles_bound_what_a_person_does(people: dict[str, TestClient], roof: dict[str, Any], walk: int) -> None:
    for path in ("patrols/points", "patrols/rounds", "patrols/visits", "patrols/walk", "photos/x"):
        assert people["nobody"].get(path).status_code == 401, path
    assert people["vera"].get("patrols/points").status_code == 200
    assert people["vera"].get("patrols/walk").status_code == 403
    assert people["vera"].get("patrols/labels.pdf?point=roof").status_code == 403
    assert people["tom"].get("patrols/points/roof/keys").status_code == 403
    assert people["tom"].post("patrols/points", json={"id": "x", "site_id": "east", "name": "X"}).status_code == 403
    assert people["tom"].post(f"patrols/rounds/{walk}/review", json={"note": "x"}).status_code == 403
    assert people["vera"].post("photos", content=JPEG, headers={"Content-Type": "image/jpeg"}).status_code == 403


def test_what_a_phone_sends_again_counts_once_and_gets_the_same_answer(
    people: dict[str, TestClient], roof: dict[str, Any], walk: int
) -> None:
    tom = people["tom"]
    photo = tom.post("photos", content=JPEG, headers={"Content-Type": "image/jpeg"}).json()["id"]
    assert tom.post("photos", content=JPEG, headers={"Content-Type": "image/jpeg"}).json()["id"] == photo
    reports = [
        report("scan", "tom-scan-1", code=roof["label_code"], round_id=walk),
        report("finding", "tom-find-1", point_id="roof", text="Loose cover", photos=[photo], round_id=walk),
    ]
    first = [tom.post("patrols/walk/reports", json=each).json() for each in reports]
    assert [tom.post("patrols/walk/reports", json=each).json() for each in reports] == first
    story = tom.get(f"patrols/rounds/{walk}").json()
    assert [(len(story["visits"]) <= 1, len(story["findings"]))] == [(True, 1)]
    assert len([v for v in tom.get("patrols/visits").json()["items"] if v["person"] == "tom"]) == 1
    picture = tom.get(f"photos/{photo}")
    assert (picture.content, picture.headers["content-type"]) == (JPEG, "image/jpeg")
    assert picture.headers["x-content-type-options"] == "nosniff"


@pytest.mark.parametrize("wrong", [
    {"kind": "scan", "code": "x", "at": "2026-03-01T12:00:00"},
    {"kind": "scan", "code": ""},
    {"kind": "scan", "code": "x", "ref": "../../../etc"},
    {"kind": "finding", "point_id": "roof", "text": "x", "photos": ["nothing"]},
    {"kind": "finding", "point_id": "nowhere", "text": "x"},
    {"kind": "skip", "round_id": 999, "position": 1, "reason": "x"},
    {"kind": "dance"},
])  # fmt: skip
def test_a_wrong_report_is_refused_with_a_reason(
    people: dict[str, TestClient], walk: int, wrong: dict[str, Any]
) -> None:
    answer = people["tom"].post("patrols/walk/reports", json={"ref": "wrong-one", "phone": "p", "at": AT, **wrong})
    assert answer.status_code in (404, 422)
    assert answer.json()["detail"]


def test_photos_are_what_they_say_and_bounded(people: dict[str, TestClient]) -> None:
    headers = {"Content-Type": "image/jpeg"}
    for content, status in ((b"<svg onload=alert(1)>", 422), (JPEG + b"x" * 1_600_000, 422), (JPEG * 200_000, 413)):
        assert people["tom"].post("photos", content=content, headers=headers).status_code == status


def test_what_is_left_out_of_a_change_stays_and_a_preview_tells_times(people: dict[str, TestClient]) -> None:
    east = people["east"]
    body = {"id": "store", "site_id": "east", "name": "Store", "location": "Yard", "code_kind": "rotating"}
    assert east.post("patrols/points", json=body).json()["label_code"] is None
    changed = east.patch("patrols/points/store", json={"name": "Old store", "location": None}).json()
    assert (changed["name"], changed["location"], changed["code_kind"]) == ("Old store", "Yard", "rotating")
    assert east.get("patrols/labels.pdf?point=store").status_code == 409
    assert east.get("patrols/labels.pdf?point=store&sheet=none").status_code == 422
    times = east.get("patrols/routes/preview?rule=FREQ=DAILY;COUNT=3&starts=2099-01-01T06:00&timezone=Asia/Shanghai")
    assert times.json() == []  # further ahead than a year
    assert len(east.get("patrols/routes/preview?rule=FREQ=HOURLY&starts=2026-01-01T06:00").json()) == 10
    assert east.get("patrols/routes/preview?rule=often&starts=2026-01-01T06:00").status_code == 422

"""Checklists over the API: by role, by site, again and again, and wrong."""

from collections.abc import Iterator
from typing import Any

import pytest
from fastapi.testclient import TestClient

from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.users.models import Role
from tests.fakes.cast import clients, services_in

STEPS: list[dict[str, Any]] = [
    {"kind": "check", "label": "Seal dry", "follow_up": "high"},
    {"kind": "number", "label": "Pressure", "low": 2, "high": 4, "unit": "bar"},
    {"kind": "choice", "label": "Noise", "choices": ["none", "some", "loud"], "failing": ["loud"]},
    {"kind": "text", "label": "Remarks", "required": False},
    {"kind": "photo", "label": "Photo"},
    {"kind": "meter", "label": "Hours", "counter": True, "unit": "h"},
    {"kind": "signature", "label": "Signed"},
]
PNG, JPEG = b"\x89PNG\r\n\x1a\n0000", b"\xff\xd8\xff\xe0 a picture"


@pytest.fixture(scope="module")
def people(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, TestClient]]:
    with services_in(tmp_path_factory.mktemp("api")) as services:
        with services.database.write() as session:
            session.add(Gateway(id="gw", site_id="east", enrolled_at=services.now()))
            session.flush()
            session.add(Device(id="gw.pump", gateway_id="gw", name="pump", registered_at=services.now()))
        yield clients(
            services,
            [
                ("mia", Role.MANAGER, ["east"]),
                ("west", Role.MANAGER, ["west"]),
                ("tom", Role.TECHNICIAN, []),
                ("vera", Role.VIEWER, []),
            ],
        )


@pytest.fixture(scope="module")
def template(people: dict[str, TestClient]) -> int:
    made = people["mia"].post("checklist-templates", json={"name": "Pump", "steps": STEPS})
    assert made.status_code == 201, made.text
    number: int = made.json()["id"]
    return number


@pytest.fixture
def order(people: dict[str, TestClient], template: int) -> tuple[str, list[dict[str, Any]]]:
    """The path of an order's checklists, and their steps."""
    made = people["tom"].post("work-orders", json={"title": "Service", "site_id": "east"}).json()["id"]
    path = f"work-orders/{made}/checklists"
    for _ in range(2):
        attached = people["tom"].post(path, json={"template_id": template})
        assert attached.status_code == 201, attached.text
    [checklist] = attached.json()["items"]
    return path, checklist["steps"]


def _say(client: TestClient, path: str, step: dict[str, Any], ref: str, **said: Any) -> Any:
    return client.post(f"{path}/steps/{step['id']}/answers", json={"ref": f"answer-{ref}", **said})


def test_managers_make_and_change_templates(people: dict[str, TestClient]) -> None:
    body = {"name": "Filter", "description": "Each month", "steps": STEPS[:1]}
    assert people["tom"].post("checklist-templates", json=body).status_code == 403
    assert people["nobody"].get("checklist-templates").status_code == 401
    made = people["mia"].post("checklist-templates", json=body).json()
    path = f"checklist-templates/{made['id']}"
    assert people["vera"].get(path).json()["steps"][0]["follow_up"] == "high"
    changed = people["mia"].put(path, json={**body, "version": 1, "steps": STEPS[:2]})
    assert (changed.json()["version"], len(changed.json()["steps"])) == (2, 2)
    stale = people["mia"].put(path, json={**body, "version": 1})
    assert stale.status_code == 409
    assert "mia changed this checklist meanwhile" in stale.json()["detail"]
    twice = people["mia"].post("checklist-templates", json=body)
    assert (twice.status_code, twice.json()["detail"]) == (422, "name: 'Filter' is taken")
    assert people["mia"].delete(path).json()["retired_at"] is not None
    assert made["id"] not in [one["id"] for one in people["vera"].get("checklist-templates").json()["items"]]
    assert made["id"] in [one["id"] for one in people["vera"].get("checklist-templates?retired=1").json()["items"]]


@pytest.mark.parametrize("wrong", [
    [], [{"kind": "dance", "label": "x"}], [{"kind": "check", "label": "x", "surprise": 1}],
    [{"kind": "number", "label": "x", "low": 2, "high": 1}], [{"kind": "choice", "label": "x", "choices": ["a"]}],
])  # fmt: skip
def test_a_wrong_template_is_refused(people: dict[str, TestClient], wrong: list[dict[str, Any]]) -> None:
    answer = people["mia"].post("checklist-templates", json={"name": "Wrong", "steps": wrong})
    assert answer.status_code == 422
    assert "steps" in answer.json()["detail"]


def test_an_order_goes_through_its_checklist(
    people: dict[str, TestClient], order: tuple[str, list[dict[str, Any]]]
) -> None:
    tom, (path, steps) = people["tom"], order
    work_order = path.removesuffix("/checklists")
    assert tom.post(f"{work_order}/claim").status_code == 200
    refused = tom.post(f"{work_order}/complete", json={"note": "done"})
    assert refused.status_code == 409
    assert "6 required steps" in refused.json()["detail"]
    photo = tom.post("photos", content=JPEG, headers={"Content-Type": "image/jpeg"}).json()["id"]
    signed = tom.post("photos", content=PNG, headers={"Content-Type": "image/png"}).json()["id"]
    for step, value in zip(steps, (False, 3, "some", None, [photo], 1200, signed), strict=True):
        if value is not None:
            first = _say(tom, path, step, f"{step['id']}-1", value=value, at="2026-03-01T12:00:00+01:00")
            assert first.status_code == 200, first.text
            assert _say(tom, path, step, f"{step['id']}-1", value=value).json() == first.json()
    shown = people["vera"].get(path).json()["items"][0]
    assert (shown["answered"], shown["failed"]) == (6, 1)
    assert [step["verdict"] for step in shown["steps"]] == [
        "failed", "passed", "passed", None, "passed", "passed", "passed",
    ]  # fmt: skip
    assert shown["steps"][0]["answers"][0]["claimed_at"] == "2026-03-01T11:00:00Z"
    follow_up = shown["steps"][0]["follow_up_order"]
    assert follow_up["state"] == "open"
    told = people["vera"].get(f"work-orders/{follow_up['work_order_id']}/checklists").json()
    assert (told["items"], told["follows"]["step"]) == ([], "Seal dry")
    assert f"work-orders/{told['follows']['work_order_id']}" == work_order
    assert tom.post(f"{work_order}/complete", json={"note": "done"}).json()["state"] == "closed"


def test_a_counter_that_goes_backwards_asks(people: dict[str, TestClient], template: int) -> None:
    tom = people["tom"]
    found = []
    for number in (1, 2):
        body = {"title": f"Service {number}", "site_id": "east", "device_id": "gw.pump"}
        path = f"work-orders/{tom.post('work-orders', json=body).json()['id']}/checklists"
        found.append((path, tom.post(path, json={"template_id": template}).json()["items"][0]["steps"][5]))
    assert _say(tom, *found[0], "hours-1", value=100).status_code == 200
    refused = _say(tom, *found[1], "hours-2", value=90)
    assert (refused.status_code, refused.json()["title"]) == (409, "Is this right?")
    assert "90 after 100" in refused.json()["detail"]
    tom.headers["accept-language"] = "zh-CN"
    told = _say(tom, *found[1], "hours-2", value=90).json()
    assert told["title"] != refused.json()["title"]
    assert told["type"] == refused.json()["type"] == "urn:plantroom:confirm"  # a script tells it by this
    del tom.headers["accept-language"]
    taken = _say(tom, *found[1], "hours-2", value=90, confirmed=True)
    assert taken.json()["answers"][0]["confirmed"]


@pytest.mark.parametrize(("step", "said"), [
    (0, {"value": "yes"}), (0, {}), (1, {"value": "3"}), (1, {"value": True}), (2, {"value": "deafening"}),
    (3, {"value": ""}), (4, {"value": ["nothing"]}), (4, {"value": []}), (6, {"value": "nothing"}),
    (1, {"verdict": "not-applicable"}), (1, {"verdict": "failed"}), (1, {"verdict": "unsure", "value": 3}),
    (0, {"value": True, "at": "2026-03-01T12:00:00"}), (0, {"value": True, "ref": "../etc"}),
])  # fmt: skip
def test_a_wrong_answer_is_refused_with_its_reason(
    people: dict[str, TestClient], order: tuple[str, list[dict[str, Any]]], step: int, said: dict[str, Any]
) -> None:
    path, steps = order
    body = {"ref": "wrong-answer", **said}
    answer = people["tom"].post(f"{path}/steps/{steps[step]['id']}/answers", json=body)
    assert answer.status_code == 422, answer.text
    assert answer.json()["detail"]


def test_roles_and_sites_bound_it(people: dict[str, TestClient], order: tuple[str, list[dict[str, Any]]]) -> None:
    path, steps = order
    assert people["vera"].get(path).status_code == 200
    assert _say(people["vera"], path, steps[0], "vera-1", value=True).status_code == 403
    assert people["west"].get(path).status_code == 404
    assert people["west"].post(path, json={"template_id": 1}).status_code == 404
    assert _say(people["west"], path, steps[0], "west-1", value=True).status_code == 404
    assert people["tom"].post(path, json={"template_id": 999}).status_code == 404
    assert _say(people["tom"], path, {"id": 99999}, "tom-1", value=True).status_code == 404


def test_an_order_keeps_files_that_are_what_they_are(
    people: dict[str, TestClient], order: tuple[str, list[dict[str, Any]]]
) -> None:
    tom, path = people["tom"], order[0].replace("checklists", "files")
    page = b"<html><script>alert(document.cookie)</script></html>"
    added = tom.post(f"{path}?name=../manual.html", content=page)
    assert added.status_code == 201, added.text
    assert (added.json()["name"], added.json()["media_type"]) == ("manual.html.txt", "text/plain")
    assert tom.post(f"{path}?name=again.txt", content=page).json() == added.json()  # the same content is the same file
    for content in (JPEG, b"%PDF-1.7 " + b"x" * 5_000_000):
        assert tom.post(path, content=content).status_code == 201
    listed = people["vera"].get(path).json()["items"]
    assert [(file["name"], file["added_by"]) for file in listed] == [
        ("manual.html.txt", "tom"), ("photo.jpg", "tom"), ("file.pdf", "tom"),
    ]  # fmt: skip
    kept = people["vera"].get(f"{path}/{added.json()['id']}")
    assert kept.content == page
    assert kept.headers["content-type"] == "text/plain; charset=utf-8"
    assert kept.headers["content-disposition"].startswith("attachment;")
    assert kept.headers["x-content-type-options"] == "nosniff"
    assert kept.headers["content-security-policy"] == "default-src 'none'; sandbox"
    picture = people["vera"].get(f"{path}/{listed[1]['id']}")
    assert picture.headers["content-disposition"].startswith("inline;")
    for wrong, status in (
        (b"MZ\x90\x00", 422),
        (b"", 422),
        (b"%PDF-" + b"x" * 10_000_000, 422),
        (b"x" * 10_300_000, 413),
    ):
        assert tom.post(path, content=wrong).status_code == status
    other = tom.post("work-orders", json={"title": "Other", "site_id": "east"}).json()["id"]
    assert tom.get(f"work-orders/{other}/files/{listed[0]['id']}").status_code == 404  # not by guessing
    assert people["west"].get(f"{path}/{listed[0]['id']}").status_code == 404
    assert people["vera"].post(path, content=JPEG).status_code == 403
    assert tom.delete(f"{path}/{listed[0]['id']}").status_code == 403
    assert people["mia"].delete(f"{path}/{listed[0]['id']}").status_code == 204
    assert len(people["vera"].get(path).json()["items"]) == 2
    assert people["vera"].get(f"photos/{listed[2]['id']}").status_code == 404  # a document is no photo

"""Gates, people and rights in real Chromium, wide and on a phone."""

import csv
import io
import uuid
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from sqlmodel import select

from plantroom_cloud.access.models import AccessCredential, AccessPerson, Standing
from plantroom_cloud.gateways.models import GatewayAuthority, GatewayCommand
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.messages import VERSION, Action, BirthDevice, Metric
from tests.browser.building import GATEWAY, PASSWORD, Building, ms_of, wait_for
from tests.browser.conftest import settle

GATE = f"{GATEWAY}.gate-yard"


def gate() -> BirthDevice:
    names = {"open": "Open", "close": "Close", "lock-down": "Lock down", "lift": "Lift", "hold": "Hold", "release": "R"}
    metrics = [Metric(name=name, label=name, kind="state") for name in ("position", "mode", "forced", "loop")]
    actions = [Action(name=name, label=label) for name, label in names.items()]
    return BirthDevice(
        device="gate-yard", label="Yard barrier", profile="w/relay", kind="gate", location="North entrance",
        period_s=1, metrics=metrics, actions=actions,
    )  # fmt: skip


class Site:
    """A building with a gate; the test is its gateway."""

    def __init__(self, folder: Path) -> None:
        self.building = Building(folder)
        self.building.start()
        reader = BirthDevice(
            device="reader-in", label="Reader outside", profile="g/osdp", kind="reader",
            identity={"gate": "gate-yard", "direction": "in"},
        )  # fmt: skip
        self.building.enrol([gate(), reader])
        self.url = self.building.url
        self._seq = 0
        self.tick()
        self.shows("closed")

    def tick(self) -> None:
        with self.building.services.database.write() as session:
            self.building.services.access.tick(session, self.building.now())

    def shows(self, position: str, mode: str = "normal") -> None:
        now = ms_of(self.building.now())
        values: dict[str, list[Any]] = {"position": [position], "mode": [mode], "forced": [False], "loop": [False]}
        self.building.readings([DeviceRows(device="gate-yard", times=[now], values=values)], until=now)

    def tells(self, kind: str, data: dict[str, Any]) -> str:
        self._seq += 1
        event = Event(id=uuid.uuid4().hex, kind=kind, time=ms_of(self.building.now()), device="gate-yard", data=data)
        batch = Batch(
            v=VERSION, gateway=GATEWAY, outbox="e", stream="events", seq=self._seq, boot="b",
            sent_at=event.time, events=[event],
        )  # fmt: skip
        self.building.send("data", batch)
        return event.id

    def commands(self) -> list[GatewayCommand]:
        with self.building.services.database.read() as session:
            return list(session.exec(select(GatewayCommand)))

    def allow_list(self) -> dict[str, Any]:
        self.tick()
        with self.building.services.database.read() as session:
            return session.exec(select(GatewayAuthority)).one().document


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Site]:
    site = Site(tmp_path)
    yield site
    site.building.stop()


def log_in(browser: Browser, site: Site, name: str, width: int) -> tuple[BrowserContext, Page, list[str]]:
    errors: list[str] = []
    scheme = "dark" if width < 500 else "light"
    context = browser.new_context(viewport={"width": width, "height": 900}, color_scheme=scheme)
    page = context.new_page()
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.goto(site.url)
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(site.url + "/")
    return context, page, errors


def follow(page: Page, url: str) -> None:
    """Go there; from now on the page is told what changes."""
    with page.expect_response("**/api/v1/stream"):
        page.goto(url)


def fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} is wider than {width} px"


@pytest.mark.parametrize("width", [360, 1920])
def test_rights_are_made_on_the_pages_and_a_gate_is_opened(browser: Browser, site: Site, width: int) -> None:
    context, page, errors = log_in(browser, site, "anna", width)
    page.goto(site.url + "/access/rights")
    page.fill("#zones .card-footer input[name=name]", "Yard")
    page.click("#zones .card-footer button")
    page.fill("#hours .card-footer input[name=name]", "Office hours")
    page.fill("#hours .card-footer textarea", "mo-fr 7:00-19:00")
    page.click("#hours .card-footer button")
    group = page.locator("#groups form").last
    group.locator("input[name=name]").fill("Staff")
    group.locator("select").select_option(label="Office hours")
    group.get_by_role("button", name="Add").click()
    expect(page.get_by_label("Name of group Staff")).to_be_visible()
    page.fill("#hours .card-footer input[name=name]", "Nights")
    page.fill("#hours .card-footer textarea", "every night")
    page.click("#hours .card-footer button")
    expect(page.get_by_role("alert")).to_contain_text("write it like: mo-fr 07:00-19:00")
    fits(page, width)

    page.goto(site.url + "/access/people/new")
    page.fill("#name", "Jörg Weiß")
    page.get_by_label("Staff").check()
    page.fill("#pin", "12")
    page.fill("#key", "w26:12:3456")
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#pin-problem")).to_contain_text("4 to 8 digits")
    expect(page.locator("#name")).to_have_value("Jörg Weiß")
    page.fill("#pin", "4711")
    page.get_by_role("button", name="Save").click()
    page.wait_for_url("**/access/people/jorg-wei")
    fits(page, width)
    page.goto(site.url + f"/gates/{GATE}")
    page.select_option("#inside", label="Yard")
    page.get_by_role("button", name="Save").click()
    settle(page)
    document = site.allow_list()
    assert document["gates"] == {"gate-yard": {"inside": "yard"}}
    assert document["credentials"]["w26:12:3456"][:2] == ["jorg-wei", ["staff"]]
    fits(page, width)

    page.goto(site.url + "/gates")
    expect(page.get_by_text("closed", exact=True)).to_be_visible()
    page.get_by_role("button", name="Open").click()  # without a reason the browser keeps it
    assert site.commands() == []
    page.get_by_label("Why").fill("delivery")
    page.get_by_role("button", name="Open").click()
    settle(page)
    expect(page.get_by_text("on its way")).to_be_visible()
    (command,) = site.commands()
    assert (command.action, command.reason, command.issued_by, command.args) == ("open", "delivery", "anna", {})
    data = {"id": command.id, "state": "done", "detail": "limit switch 'open' reached", "readback": "open"}
    site.tells("command.result", data)
    site.shows("open")
    expect(page.get_by_text("confirmed").first).to_be_visible()  # without reload
    expect(page.get_by_text("open", exact=True).first).to_be_visible()
    expect(page.get_by_text("limit switch 'open' reached").first).to_be_visible()
    fits(page, width)
    page.locator(".gate-command summary").click()
    fits(page, width)
    assert errors == []
    context.close()


@pytest.mark.parametrize("width", [360, 1920])
def test_the_log_comes_live_is_filtered_and_exported(browser: Browser, site: Site, width: int) -> None:
    with site.building.services.database.write() as session:
        now = site.building.now()
        person = AccessPerson(id="anna-huber", site_id="main", name="Anna Huber", made_at=now)
        person = site.building.services.access.rights.put(session, person, "admin", now)
        site.building.services.access.rights.add_credential(session, person, "w26:12:1", "admin", now)
    context, page, errors = log_in(browser, site, "anna", width)
    follow(page, site.url + "/access-log")
    expect(page.get_by_text("Nothing found")).to_be_visible()
    data = {"reader": "reader-in", "direction": "in", "credential": "w26:12:1", "person": "anna-huber", "zone": "yard"}
    number = site.tells("access.decision", data | {"outcome": "granted", "reason": "granted", "list_version": 4})
    site.tells("access.result", {"decision": number, "state": "opened", "detail": "limit switch 'open' reached"})
    denied = {"credential": "w26:66:6", "person": "", "outcome": "denied", "reason": "shown-during-outage"}
    site.tells("access.decision", data | denied | {"list_version": 4})
    site.tells("access.forced", {"position": "between"})
    expect(page.get_by_text("Forced open")).to_be_visible()
    expect(page.locator("#log strong", has_text="Anna Huber")).to_be_visible()
    expect(page.get_by_text("shown while the reader was cut off")).to_be_visible()
    fits(page, width)
    page.get_by_label("Person or card").fill("huber")
    page.get_by_role("button", name="Show").click()
    expect(page.get_by_text("Forced open")).to_have_count(0)
    with page.expect_download() as download:
        page.get_by_text("Export CSV").click()
    rows = list(csv.DictReader(io.StringIO(Path(download.value.path()).read_text())))
    assert [(row["person"], row["result"], row["list_version"]) for row in rows] == [("Anna Huber", "opened", "4")]
    page.goto(site.url + "/access/people/anna-huber")
    page.get_by_role("button", name="Lost").click()
    expect(page.get_by_text("lost", exact=True)).to_be_visible()
    with site.building.services.database.read() as session:
        card = session.get(AccessCredential, ("main", "w26:12:1"))
        assert card is not None
        assert card.standing is Standing.LOST
    fits(page, width)
    page.goto(site.url + "/access/people")
    fits(page, width)
    assert errors == []
    context.close()


def test_who_may_only_look_has_no_buttons_and_no_log(browser: Browser, site: Site) -> None:
    context, page, _ = log_in(browser, site, "vera", 1920)
    page.goto(site.url + "/gates")
    expect(page.get_by_text("Yard barrier")).to_be_visible()
    expect(page.get_by_role("button", name="Open", exact=True)).to_have_count(0)
    page.goto(site.url + "/access-log")
    expect(page.get_by_text("this needs the role dispatcher")).to_be_visible()
    wait_for(lambda: site.commands() == [], "nothing was asked")
    context.close()

"""What people do on the pages, in real Chromium: live without reload, by keyboard, over lost connections."""

import re
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest
from playwright.sync_api import Browser, Route, expect

from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.messages import VERSION
from tests.browser.building import GATEWAY, PASSWORD, Building, furnish, ms_of, pump, wait_for
from tests.browser.conftest import DESK, PHONE, Visitor, visit


class MovedClock(SystemClock):
    """The machine's clock, put forward by the test that owns it."""

    ahead = timedelta()

    def now_ms(self) -> int:
        return super().now_ms() + round(self.ahead.total_seconds() * 1000)


@pytest.fixture
def clock() -> MovedClock:
    return MovedClock()


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory, clock: MovedClock) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"), clock)
    building.start()
    yield building
    building.stop()


@pytest.fixture(params=[(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def visitor(request: pytest.FixtureRequest, browser: Browser, building: Building) -> Iterator[Visitor]:
    context, visitor = visit(browser, building.url, *request.param)
    yield visitor
    context.close()


@pytest.fixture
def at_desk(browser: Browser, building: Building) -> Iterator[Visitor]:
    context, visitor = visit(browser, building.url, 1280)
    yield visitor
    context.close()


def reading(building: Building, celsius: float) -> None:
    """One reading of pump 1, now, and its watermark."""
    moment = ms_of(building.now())
    values: dict[str, list[Any]] = {"bearing_temperature": [celsius]}
    building.readings([DeviceRows(device="pump-1", times=[moment], values=values)], until=moment)


def heat(building: Building, clock: MovedClock) -> None:
    """Hot for longer than the rule's on-delay."""
    reading(building, 95)
    clock.ahead += timedelta(seconds=6)
    reading(building, 96)


def tick(building: Building) -> None:
    with building.services.database.write() as session:
        building.services.alarms.tick(session, building.now())


def answer(building: Building, command_id: str) -> None:
    """The gateway has done it."""
    moment = ms_of(building.now())
    data = {"id": command_id, "state": "done", "detail": "", "readback": 900}
    event = Event(id="e1", kind="command.result", time=moment, data=data)
    building.send(
        "data",
        Batch(v=VERSION, gateway=GATEWAY, outbox="o", stream="events", seq=1, boot="b", sent_at=moment, events=[event]),
    )


def test_from_the_alarm_to_the_verified_work_order(building: Building, clock: MovedClock, visitor: Visitor) -> None:
    building.enrol([pump(1)])
    reading(building, 55)
    page = visitor.page
    visitor.log_in()
    expect(page.get_by_text("All quiet")).to_be_visible()
    heat(building, clock)
    alarm = page.get_by_role("link", name=re.compile("Pump bearing hot.*active"))
    expect(alarm).to_be_visible()  # without reload
    alarm.click()
    page.click("#acknowledge")
    expect(page.locator("#head")).to_contain_text("active, acknowledged")
    page.click("#work-order")
    page.click("#step-claim")
    page.click("#step-start")
    page.fill("#note", "greased the bearing")
    page.click("#step-complete")
    expect(page.locator("#state")).to_contain_text("done, being verified")
    reading(building, 50)
    clock.ahead += timedelta(seconds=90)
    reading(building, 50)
    tick(building)
    expect(page.locator("#state")).to_contain_text("verified by telemetry")  # without reload
    page.locator("a.btn", has_text="Alarm 1").click()
    expect(page.locator("#story")).to_contain_text("acknowledged → normal")
    visitor.check()


def test_a_rule_is_edited_with_mistakes_beside_their_fields(
    building: Building, clock: MovedClock, at_desk: Visitor
) -> None:
    building.enrol([pump(1)])
    page = at_desk.page
    at_desk.log_in()
    at_desk.open("/rules")
    page.get_by_role("link", name="Pump bearing hot").click()
    page.fill("#limit", "")
    page.fill("#on_delay_s", "-1")
    page.click("#save")
    expect(page.locator("#limit-problem")).to_contain_text("say the limit, a number")
    expect(page.locator("#on_delay_s-problem")).to_be_visible()
    at_desk.errors.clear()  # Chromium reports the 422, which is right
    page.fill("#limit", "40")
    page.fill("#on_delay_s", "0")
    page.click("#save")
    page.wait_for_url("**/rules")
    expect(page.locator("table")).to_contain_text("bearing_temperature > 40")
    page.get_by_role("link", name="Pump bearing hot").click()
    expect(page.get_by_text("limit: 80 → 40")).to_be_visible()
    clock.ahead += timedelta(seconds=2)
    reading(building, 55)
    at_desk.open("/alarms")
    expect(page.get_by_text("Pump bearing hot")).to_be_visible()
    at_desk.check()


def test_a_rule_is_made_switched_and_deleted(building: Building, visitor: Visitor) -> None:
    building.enrol([pump(1)])
    page = visitor.page
    visitor.log_in()
    visitor.open("/devices/gw-a.pump-1")
    page.get_by_role("link", name="New rule for it").click()
    page.fill("#name", "Too slow")
    with page.expect_response("**/rules/metrics?**"):
        page.select_option("#target", "profile:lab/pump")
    page.wait_for_load_state("networkidle")
    page.select_option("#metric", "speed")
    page.select_option("#operator", "<")
    page.fill("#limit", "300")
    expect(page.locator("#severity-of-rule")).to_contain_text("this rule makes events")
    page.select_option("#impact", "serious")
    with page.expect_response("**/rules/severity?**respond_within_s=900**"):
        page.select_option("#respond_within_s", "900")
    expect(page.locator("#severity-of-rule")).to_contain_text("critical")
    page.click("#save")
    page.wait_for_url("**/rules")
    expect(page.locator("tr", has_text="Too slow")).to_contain_text("events only")
    page.get_by_role("link", name="Too slow").click()
    expect(page.locator("#lacks")).to_contain_text("say the cause, the consequence in words, the response")
    for text in ("cause", "consequence", "response"):
        page.fill(f"#{text}", "told")
    page.click("#save")
    page.wait_for_url("**/rules")
    expect(page.locator("tr", has_text="Too slow")).to_contain_text("critical")
    page.get_by_role("button", name="Disable Too slow").click()
    expect(page.get_by_role("button", name="Enable Too slow")).to_be_visible()
    page.get_by_role("link", name="Too slow").click()
    page.click("#delete")
    page.click("#ask-yes")
    page.wait_for_url("**/rules")
    expect(page.get_by_text("Too slow")).to_have_count(0)
    visitor.check()


def test_levels_of_a_metric_are_set_together(building: Building, visitor: Visitor) -> None:
    furnish(building)
    page = visitor.page
    visitor.log_in()
    visitor.open("/rules")
    page.click("#new-levels")
    page.wait_for_load_state("networkidle")
    page.fill("#name", "Bearing")
    with page.expect_response("**/rules/metrics?**"):
        page.select_option("#target", "profile:lab/pump")
    page.wait_for_load_state("networkidle")
    page.select_option("#metric", "bearing_temperature")
    page.fill("#HH_limit", "60")
    page.fill("#H_limit", "70")
    page.click("#save")
    expect(page.locator("#HH_limit-problem")).to_contain_text("must be above that of high")
    visitor.errors.clear()  # Chromium reports the 422, which is right
    page.fill("#HH_limit", "75")
    with page.expect_response("**/alarm-levels/preview"):
        page.click("#preview-button")
    expect(page.locator("#preview")).to_contain_text("alarms a day")
    expect(page.locator("#preview")).to_contain_text("HH:")
    page.click("#save")
    page.wait_for_url("**/rules")
    expect(page.locator("tr", has_text="Bearing HH")).to_contain_text("bearing_temperature > 75")
    page.get_by_role("link", name="Bearing H", exact=True).click()
    page.wait_for_url("**/alarm-levels/*")
    expect(page.locator("#HH_limit")).to_have_value("75")
    page.fill("#HH_limit", "")
    page.click("#save")
    page.wait_for_url("**/rules")
    expect(page.get_by_text("Bearing HH")).to_have_count(0)
    page.get_by_role("link", name="Bearing H", exact=True).click()
    expect(page.get_by_text("high-high limit: 75")).to_be_visible()
    visitor.check()


def test_the_chart_shows_any_range(building: Building, visitor: Visitor) -> None:
    furnish(building)
    page = visitor.page
    visitor.log_in()
    visitor.open("/devices/gw-a.pump-1")
    note = page.locator("#chart-note")
    expect(note).to_contain_text("highest 9")
    expect(page.locator("#chart canvas")).to_be_visible()
    expect(note).to_contain_text("One point is 1 min")
    page.get_by_role("button", name="7 d").click()
    expect(note).to_contain_text("One point is 15 min")
    page.get_by_role("button", name="1 h", exact=True).click()
    expect(note).to_contain_text("One point is 1 min")
    for _ in range(3):
        page.get_by_role("button", name="Zoom in").click()
    expect(note).to_contain_text("Every value")
    page.get_by_role("button", name="Zoom out").click()
    page.get_by_role("button", name="Earlier").click()
    expect(note).not_to_contain_text("Loading")
    page.get_by_text("Choose a range").click()
    page.fill("[name=start]", "2020-01-01T00:00")
    page.fill("[name=end]", "2020-01-02T00:00")
    page.get_by_role("button", name="Show", exact=True).click()
    expect(note).to_contain_text("Nothing was recorded in this range")
    page.select_option("#metric", "speed")
    page.get_by_role("button", name="24 h").click()
    expect(note).to_contain_text("rpm")
    visitor.check()


def test_a_command_is_confirmed_and_its_result_appears(building: Building, at_desk: Visitor) -> None:
    building.enrol([pump(1)])
    page = at_desk.page
    at_desk.log_in()
    at_desk.open("/devices/gw-a.pump-1")
    page.fill("#arg-set_speed-value", "900")
    page.get_by_role("button", name="Set speed").click()
    expect(page.locator("#ask-text")).to_have_text("Set speed: 900 on Chilled-water pump 1?")
    page.keyboard.press("Escape")
    expect(page.locator("#commands")).to_contain_text("None was sent yet")
    page.get_by_role("button", name="Set speed").click()
    page.click("#ask-yes")
    expect(page.locator("#commands")).to_contain_text("queued")
    with building.services.database.read() as session:
        [command] = building.services.gateways.commands(session, GATEWAY)
        assert (command.action, command.args) == ("set_speed", {"value": 900})
    answer(building, command.id)
    expect(page.locator("#commands")).to_contain_text("read back 900")  # without reload
    at_desk.check()


def test_what_changes_while_the_page_is_fetched_is_fetched_after_it(building: Building, at_desk: Visitor) -> None:
    building.enrol([pump(1)])
    page = at_desk.page
    at_desk.log_in()
    page.add_init_script("window.told = 0; document.addEventListener('live:command', () => window.told++)")
    at_desk.open("/devices/gw-a.pump-1")
    page.wait_for_load_state("networkidle")
    held: list[Route] = []

    def hold(route: Route) -> None:
        if "commands" not in (route.request.headers.get("hx-target") or "") or held:
            route.continue_()
        else:
            held.append(route)

    page.route("**/devices/gw-a.pump-1", hold)
    with building.services.database.write() as session:
        command = building.services.gateways.command(
            session, GATEWAY, "pump-1", "set_speed", {"value": 900}, "", "anna", 60, building.now()
        )

    def is_held() -> bool:
        page.wait_for_timeout(20)  # Playwright hands routes out only while it is called
        return bool(held)

    wait_for(is_held, "the page fetches its commands")
    fetched = held[0].fetch()
    assert "queued" in fetched.text()
    answer(building, command.id)
    wait_for(lambda: page.evaluate("window.told") >= 2, "the page is told of the answer")
    held[0].fulfill(response=fetched)  # older than what was told meanwhile
    expect(page.locator("#commands")).to_contain_text("read back 900")
    at_desk.check()


def test_everything_by_keyboard(building: Building, clock: MovedClock, at_desk: Visitor) -> None:
    building.enrol([pump(1)])
    reading(building, 55)
    heat(building, clock)
    page = at_desk.page
    at_desk.open("/login")
    for text in ("anna", PASSWORD):
        page.keyboard.type(text)
        page.keyboard.press("Tab")
    page.keyboard.press("Enter")
    page.wait_for_url(building.url + "/")
    page.keyboard.press("Tab")
    assert page.evaluate("document.activeElement.className") == "skip"
    page.keyboard.press("Enter")
    assert page.evaluate("document.activeElement.id") == "main"
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "attention-1":
            break
    page.keyboard.press("Enter")
    page.wait_for_url("**/alarms/1")
    for _ in range(30):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "acknowledge":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    page.keyboard.press("Enter")
    expect(page.locator("#head")).to_contain_text("active, acknowledged")
    at_desk.check()


def test_a_lost_connection_is_said_and_made_up_for(building: Building, clock: MovedClock, at_desk: Visitor) -> None:
    building.enrol([pump(1)])
    reading(building, 55)
    page = at_desk.page
    at_desk.log_in()
    expect(page.get_by_text("All quiet")).to_be_visible()
    building.stop()
    expect(page.locator("#offline")).to_contain_text("Offline, last update")
    heat(building, clock)
    building.serve()
    expect(page.get_by_role("link", name=re.compile("Pump bearing hot.*active"))).to_be_visible(timeout=40_000)
    expect(page.locator("#offline")).to_be_hidden()
    assert at_desk.foreign == []  # the lost connection itself is in the console, as it should be


def test_an_ended_session_leads_to_the_login_and_back(building: Building, at_desk: Visitor) -> None:
    furnish(building)
    page = at_desk.page
    at_desk.log_in()
    at_desk.open("/devices?kind=pump")
    with building.services.database.write() as session:
        building.services.accounts.end_sessions(session, "anna")
    with building.services.database.write() as session:  # something changes: the page wants to look at it
        building.services.devices.register_direct(session, GATEWAY, "sensor", {"t": 1.0}, building.now())
    page.wait_for_url("**/login?next=**")
    page.fill("#name", "anna")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url("**/devices?kind=pump")
    expect(page.get_by_text("Chilled-water pump 1")).to_be_visible()


def test_the_login_leads_nowhere_else(building: Building, at_desk: Visitor) -> None:
    at_desk.open("/login?next=//example.org/")
    at_desk.page.fill("#name", "anna")
    at_desk.page.fill("#password", PASSWORD)
    at_desk.page.click("button.btn-primary")
    at_desk.page.wait_for_url(building.url + "/")
    at_desk.check()


def test_people_are_added_and_look_after_themselves(building: Building, visitor: Visitor) -> None:
    page = visitor.page
    visitor.log_in()
    visitor.open("/teams")
    page.fill("#id", "hvac")
    page.fill("#name", "HVAC")
    page.click("#add-team")
    visitor.open("/users/new")
    page.fill("#name", "dora")
    page.fill("#password", "short")
    page.select_option("#role", "dispatcher")
    page.select_option("#team_id", "hvac")
    page.click("#save")
    expect(page.locator("#password-problem")).to_contain_text("at least 10")
    visitor.errors.clear()  # Chromium reports the 422, which is right
    page.fill("#password", PASSWORD)
    page.click("#save")
    page.wait_for_url("**/users")
    expect(page.get_by_role("link", name="dora")).to_be_visible()
    visitor.open("/users/dora")
    page.click("#reset-password")
    page.click("#ask-yes")
    password = page.locator("#secret").inner_text()
    page.click("#you")
    page.click("#log-out")
    visitor.log_in("dora", password)
    visitor.open("/account")
    page.fill("#purpose", "reports")
    page.click("#make-token")
    token = page.locator("#secret").inner_text()
    answer = page.request.get(f"{building.url}/api/v1/devices", headers={"Authorization": f"Bearer {token}"})
    assert answer.status == 200
    visitor.open("/account")
    expect(page.locator("#secret")).to_have_count(0)  # shown once
    page.fill("#old", password)
    page.fill("#password", "another good one")
    page.fill("#again", "another good one")
    page.click("#change-password")
    expect(page.get_by_text("Your password is changed.")).to_be_visible()
    page.get_by_role("button", name="Revoke reports").click()
    page.click("#ask-yes")
    expect(page.get_by_text("No program acts as you.")).to_be_visible()
    visitor.check()


def test_work_is_opened_by_hand_given_and_found(building: Building, visitor: Visitor) -> None:
    furnish(building)
    page = visitor.page
    visitor.log_in()
    visitor.open("/work-orders/new")
    page.click("#open-order")
    expect(page.locator("#title-problem")).to_be_visible()
    visitor.errors.clear()  # Chromium reports the 422, which is right
    page.fill("#title", "Repaint the pump")
    page.select_option("#device_id", "gw-a.pump-2")
    page.click("#open-order")
    page.select_option("#person", "tom")
    page.click("#assign")
    expect(page.locator("#who")).to_contain_text("Tom")
    visitor.open("/work-orders?q=repaint")
    expect(page.locator(".list-group-item")).to_have_count(1)
    visitor.open("/work-orders?show=mine")
    expect(page.get_by_text("Nothing to do")).to_be_visible()
    visitor.check()


def test_a_quarantined_message_is_text_and_never_part_of_the_page(building: Building, at_desk: Visitor) -> None:
    furnish(building)
    page = at_desk.page
    at_desk.log_in()
    at_desk.open("/quarantine?q=object")
    page.locator("#message-1").click()
    expect(page.locator("pre").first).to_have_text("<script>alert(1)</script> no batch")
    page.click("#dismiss")
    page.wait_for_url("**/quarantine")
    expect(page.locator("#message-1")).to_have_count(0)
    expect(page.locator("#message-2")).to_be_visible()
    at_desk.check()


def test_errors_are_pages_too(building: Building, at_desk: Visitor, monkeypatch: pytest.MonkeyPatch) -> None:
    page = at_desk.page
    at_desk.log_in("vera")
    assert at_desk.open("/users") == 403
    expect(page.get_by_role("heading", name="Not allowed")).to_be_visible()
    assert at_desk.open("/alarms/999") == 404
    expect(page.get_by_text("there is no alarm 999")).to_be_visible()
    assert at_desk.open("/nowhere") == 404
    expect(page.get_by_role("link", name="To the overview")).to_be_visible()
    monkeypatch.setattr(building.services.gateways, "list", None)
    assert at_desk.open("/gateways") == 500
    expect(page.get_by_text("it is in the log")).to_be_visible()
    at_desk.open("/work-orders")
    expect(page.get_by_role("link", name="New work order")).to_have_count(0)  # a viewer looks
    at_desk.check()


def test_light_or_dark_is_remembered(building: Building, at_desk: Visitor) -> None:
    page = at_desk.page
    at_desk.log_in()
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "light"
    page.click("#theme")
    at_desk.open("/devices")
    assert page.evaluate("document.documentElement.dataset.bsTheme") == "dark"
    at_desk.check()

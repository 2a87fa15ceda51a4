"""A manager promises times and sees how they are kept; what is due stands on the lists and moves by itself."""

from collections.abc import Iterator
from datetime import timedelta

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_from_the_calendar_to_a_breach(browser: Browser, building: Building, width: int, scheme: str) -> None:
    services = building.services
    context, anna = visit(browser, building.url, width, scheme)
    page = anna.page
    anna.log_in()

    assert anna.open("/calendars/new") == 200
    page.fill("#id", "office")
    page.fill("#name", "Office hours")
    page.fill("#friday", "8-15")
    page.select_option("#country", "DE")
    anna.check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#friday-problem")).to_contain_text("write it like 08:00-12:00")
    page.fill("#friday", "08:00-15:00")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("Public holidays of Germany")).to_be_visible()
    assert anna.open("/calendars/office") == 200
    expect(page.get_by_text("The days to come")).to_be_visible()
    anna.check()

    assert anna.open("/sla/policies/new") == 200
    page.fill("#name", "Urgent")
    page.select_option("#priority", "critical")
    page.select_option("#calendar", "always")
    page.fill("#response_min", "-5")
    page.locator("[name=step_after]").first.fill("50")
    page.locator("[name=step_to]").first.select_option("managers")
    anna.check()
    page.get_by_role("button", name="Save").click()
    expect(page.locator("#response_min-problem")).to_be_visible()
    page.fill("#response_min", "15")
    page.get_by_role("button", name="Save").click()
    expect(page.get_by_text("response within 15 min, restoration within 4 h")).to_be_visible()

    with services.database.write() as session:
        orders = services.work_orders
        for title, minutes in (("Water in the lift pit", 14), ("Chiller down", 130), ("No light in theatre 2", 1)):
            at = building.now() - timedelta(minutes=minutes)
            made = orders.create(session, title, "", "main", None, "critical", None, "anna", at)
            assert made.id is not None
            if minutes == 130:
                orders.start(session, made.id, "tom", at + timedelta(minutes=9))
                orders.hold(session, made.id, "parts", "fan", "tom", at + timedelta(minutes=100))
        services.sla.tick(session, building.now())
    assert anna.open("/work-orders?sort=due") == 200
    expect(page.locator(".list-group-item").first).to_contain_text("Water in the lift pit")
    expect(page.locator(".list-group-item").first).to_contain_text("due in")
    expect(page.locator(".badge", has_text="clock paused")).to_be_visible()
    anna.check()
    with services.database.write() as session:
        services.sla.tick(session, building.now() + timedelta(minutes=2))
    expect(page.locator(".list-group-item").first).to_contain_text("was due")
    page.locator(".list-group-item").first.click()
    expect(page.locator("#sla")).to_contain_text("over its time")
    page.get_by_text("Warnings and escalation").click()
    anna.check()
    for path in ("/", "/sla", "/sla?by=priority", "/sla/policies/1", "/calendars"):
        assert anna.open(path) == 200
        anna.check()
    anna.open("/sla?by=priority")
    expect(page.get_by_role("row", name="critical")).to_contain_text("50 %")
    context.close()

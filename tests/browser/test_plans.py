"""Somebody makes a maintenance plan, sees its dates before it is saved, and the order that it opens."""

from collections.abc import Iterator

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
def test_make_a_plan_see_its_dates_and_its_order(browser: Browser, building: Building, width: int, scheme: str) -> None:
    context, visitor = visit(browser, building.url, width, scheme)
    page = visitor.page
    visitor.log_in()
    assert visitor.open("/plans") == 200
    expect(page.get_by_text("No plan yet")).to_be_visible()
    page.click("#new-plan")
    page.wait_for_url("**/plans/new")
    expect(page.locator("#preview time")).to_have_count(10)
    page.fill("#rule", "FREQ=SOMETIMES")
    expect(page.locator("#preview .invalid-feedback")).to_contain_text("FREQ=SOMETIMES")
    page.fill("#rule", "FREQ=DAILY;INTERVAL=10")
    expect(page.locator("#preview time")).to_have_count(10)
    visitor.check()

    page.select_option("#trigger", "counter")
    expect(page.locator("#every")).to_be_visible()
    expect(page.locator("#rule")).to_be_hidden()
    page.select_option("#trigger", "alarm")
    expect(page.locator("#alarm_rule_id")).to_be_visible()
    page.select_option("#trigger", "calendar")
    page.select_option("#device_id", "gw-a.pump-1")
    page.fill("#lead_days", "11")
    page.click("#save")
    expect(page.locator("#title-problem")).to_be_visible()
    visitor.errors.clear()  # the browser names each answer 422
    page.fill("#title", "Grease the bearings")
    page.click("#save")
    page.wait_for_url("**/plans/1")
    expect(page.locator("#coming li")).to_have_count(10)
    visitor.check()

    page.locator("#occurrences a").first.click()
    page.wait_for_url("**/work-orders/*")
    expect(page.get_by_role("heading", name="Grease the bearings")).to_be_visible()
    page.get_by_role("link", name="Its plan").click()
    page.wait_for_url("**/plans/1")
    for path in ("/plans", "/plans/calendar", "/plans/1/edit", "/devices/gw-a.pump-1"):
        assert visitor.open(path) == 200
        visitor.check()
    expect(page.locator("#plans")).to_contain_text("Grease the bearings")
    visitor.open("/plans/calendar")
    page.locator(".heat a").nth(1).click()
    expect(page.locator("#weeks details[open]").get_by_text("Grease the bearings")).to_be_visible()
    context.close()

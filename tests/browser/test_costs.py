"""A technician's time by thumb, parts from the store, downtime from the alarm; what it cost stands on the page."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit

#: Where pictures of the pages go, for whoever wants to look at them.
PICTURES = os.environ.get("PLANTROOM_PICTURES", "")


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


def _unfold(page: Page, text: str) -> None:
    """Open a part of the page, if it is not open."""
    part = page.locator("#costs details", has=page.locator("summary", has_text=text)).first
    if part.get_attribute("open") is None:
        part.locator("summary").first.click()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_time_parts_and_downtime_by_thumb(browser: Browser, building: Building, width: int, scheme: str) -> None:
    code = f"BRG-{width}"
    context, staff = visit(browser, building.url, width, scheme)
    staff.log_in()
    page = staff.page
    staff.open("/labour-rates")
    page.fill("#amount", "48")
    page.fill("#weekly_hours", "38.5")
    page.click("#set-rate")
    staff.settle()
    expect(page.get_by_role("cell", name="48.00")).to_be_visible()
    staff.check()
    staff.open("/parts")
    page.fill("#code", code)
    page.fill("#name", "Ball bearing 6204")
    page.fill("#unit_cost", "12,50")
    page.fill("#minimum", "2")
    page.fill("#stock", "2")
    page.click("#add-part")
    staff.settle()
    expect(page.get_by_role("cell", name=code)).to_be_visible()
    staff.check()

    staff.open("/work-orders")
    page.get_by_role("link", name="Pump bearing hot").first.click()
    order = page.url.split("#")[0]
    if page.locator("#timer-start").count() == 0 or page.locator("#step-claim").count():
        page.click("#step-claim")
        staff.settle()
    page.locator("#costs select[name=activity]").first.select_option("diagnose")
    page.click("#timer-start")
    staff.settle()
    expect(page.locator("#costs")).to_contain_text("Your time runs: diagnose")
    page.click("#timer-stop")
    staff.settle()
    expect(page.locator("#timer-stop")).to_have_count(0)
    _unfold(page, "Parts")
    page.locator("#costs select[name=code]").select_option(code)
    page.click("#use-part")
    staff.settle()
    expect(page.locator("#costs").get_by_role("link", name="Ball bearing 6204").last).to_be_visible()
    _unfold(page, "Extra costs")
    page.locator("#costs input[name=text]").fill("Crane")
    page.locator("#costs input[name=amount]").fill("99.90")
    page.click("#add-cost")
    staff.settle()
    expect(page.locator("#total")).to_contain_text("EUR")
    if page.get_by_role("button", name="It was down then").count():
        page.get_by_role("button", name="It was down then").first.click()
    expect(page.locator("#costs").get_by_text("unplanned").first).to_be_visible()
    staff.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"work_order_{width}.png"), full_page=True)

    staff.open("/parts")
    page.get_by_role("row", name=code).get_by_role("link").click()
    expect(page.locator("#stock")).to_have_text("1 pcs")
    expect(page.get_by_text("below the minimum of 2")).to_be_visible()
    staff.check()
    for path in ("/parts", "/labour-rates"):
        if PICTURES:
            staff.open(path)
            page.screenshot(path=str(Path(PICTURES) / f"{path[1:]}_{width}.png"), full_page=True)
    assert staff.open(order.removeprefix(building.url)) == 200
    before = page.locator("#total").inner_text()
    _unfold(page, "Labour")
    page.locator("#costs input[name=minutes]").fill("90")
    page.locator("#costs select[name=person]").select_option("tom")
    page.click("#add-labour")
    staff.settle()
    if width == DESK:  # the phone was first: tom is said to have worked at the same moment
        expect(page.get_by_text("a person does one thing at a time")).to_be_visible()
    else:
        expect(page.locator("#total")).not_to_have_text(before)
    context.close()

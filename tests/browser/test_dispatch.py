"""A dispatcher sees who should do what nobody has taken, and why; a manager says what people can do and teams want."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    with building.services.database.write() as session:
        building.services.accounts.add_team(session, "lifts", "Lifts and doors", "anna", building.now())
    yield building
    building.stop()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_from_skills_to_who_has_it(browser: Browser, building: Building, width: int, scheme: str) -> None:
    services = building.services
    with services.database.write() as session:
        made = services.work_orders.create(
            session, f"Door of lift {width}", "", "main", None, "high", None, "anna", building.now()
        )
    context, anna = visit(browser, building.url, width, scheme)
    page = anna.page
    anna.log_in()
    assert anna.open("/dispatch") == 200
    anna.check()
    page.get_by_label("Skills of tom").fill("Lifts, doors")
    page.locator("#people form", has_text="Tom").get_by_role("button", name="Save").click()
    expect(page.get_by_label("Skills of tom")).to_have_value("doors, lifts")
    page.get_by_label("Lifts and doors").select_option("yes")
    page.locator("#teams").get_by_role("button", name="Save").click()
    expect(page.get_by_label("Lifts and doors")).to_have_value("yes")
    page.select_option("#origin", label="Pump bearing hot (lab/pump)")
    page.get_by_label("Skills it needs").fill("pumps")
    page.get_by_role("button", name="Add").click()
    expect(page.get_by_label("Skills for Pump bearing hot (lab/pump)")).to_have_value("pumps")
    expect(page.locator("#pool")).to_contain_text("lacks pumps")

    anna.open(f"/work-orders/{made.id}")
    page.fill("#skills", "doors")
    page.locator("form", has=page.locator("#skills")).get_by_role("button", name="Save").click()
    expect(page.get_by_text("has doors, on shift")).to_be_visible()
    anna.check()
    page.get_by_label("Give it to tom").click()
    expect(page.locator("#who")).to_contain_text("tom")
    page.select_option("#helper", "anna")
    page.click("#join")
    expect(page.locator("#who")).to_contain_text("tom, with anna")
    anna.check()
    context.close()

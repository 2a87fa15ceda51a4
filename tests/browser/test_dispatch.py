"""A dispatcher sees who should do what nobody has taken, and why; a manager says what people can do and teams want."""

import os
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Locator, expect

from tests.browser.building import Building, furnish
from tests.browser.conftest import DESK, PHONE, visit

#: Where pictures of the pages go, for whoever wants to look at them.
PICTURES = os.environ.get("PLANTROOM_PICTURES", "")


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    with building.services.database.write() as session:
        building.services.accounts.add_team(session, "lifts", "Lifts and doors", "anna", building.now())
    yield building
    building.stop()


def _press(button: Locator) -> None:
    """And wait for the page that follows."""
    with button.page.expect_event("load"):
        button.click()


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
    _press(page.locator("#people form", has_text="Tom").get_by_role("button", name="Save"))
    expect(page.get_by_label("Skills of tom")).to_have_value("doors, lifts")
    page.get_by_label("Lifts and doors").select_option("yes")
    _press(page.locator("#teams").get_by_role("button", name="Save"))
    expect(page.get_by_label("Lifts and doors")).to_have_value("yes")
    page.select_option("#origin", label="Pump bearing hot (lab/pump)")
    page.get_by_label("Skills it needs").fill("pumps")
    _press(page.get_by_role("button", name="Add"))
    expect(page.get_by_label("Skills for Pump bearing hot (lab/pump)")).to_have_value("pumps")
    expect(page.locator("#pool")).to_contain_text("lacks pumps")

    anna.open(f"/work-orders/{made.id}")
    page.fill("#skills", "doors")
    _press(page.locator("form", has=page.locator("#skills")).get_by_role("button", name="Save"))
    expect(page.get_by_text("has doors, on shift")).to_be_visible()
    anna.check()
    _press(page.get_by_label("Give it to tom"))
    expect(page.locator("#who")).to_contain_text("Tom")
    page.select_option("#helper", "anna")
    _press(page.locator("#join"))
    expect(page.locator("#who")).to_contain_text("Tom, with Anna")
    anna.check()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_a_mistake_is_told_at_its_field_and_what_was_typed_stays(
    browser: Browser, building: Building, width: int, scheme: str
) -> None:
    context, anna = visit(browser, building.url, width, scheme)
    page = anna.page
    anna.log_in()
    anna.open("/dispatch")
    page.get_by_label("Skills of tom").fill("x" * 50)
    page.locator("#people form", has_text="Tom").get_by_role("button", name="Save").click()
    field = page.get_by_label("Skills of tom")
    expect(field).to_have_attribute("aria-invalid", "true")
    expect(field).to_be_focused()
    expect(field).to_have_value("x" * 50)
    expect(page.locator("#people").get_by_role("alert")).to_contain_text("at most 40 letters")
    assert page.url.endswith("/dispatch")
    field.fill("Doors")
    expect(page.locator("#people").get_by_role("alert")).to_have_count(0)
    _press(page.locator("#people form", has_text="Tom").get_by_role("button", name="Save"))
    expect(page.get_by_label("Skills of tom")).to_have_value("doors")

    anna.open("/parts")
    page.fill("#code", f"SEAL-{width}")
    page.fill("#name", "Seal")
    page.fill("#unit_cost", "much")
    page.click("#add-part")
    expect(page.locator("#unit_cost")).to_be_focused()
    expect(page.get_by_role("alert")).to_contain_text("'much' is no number")
    expect(page.locator("#code")).to_have_value(f"SEAL-{width}")
    page.fill("#unit_cost", "2,50")
    _press(page.locator("#add-part"))
    expect(page.get_by_role("status").first).to_contain_text(f"SEAL-{width}")

    with building.services.database.write() as session:
        made = building.services.work_orders.create(
            session, "Leak", "", "main", "gw-a.pump-1", "high", None, "anna", building.now()
        )
    anna.open(f"/work-orders/{made.id}")
    page.locator("#costs summary", has_text="Labour").click()
    page.locator("#costs input[name=minutes]").fill("30")
    page.get_by_label("Until when").fill("2099-01-01T10:00")
    page.click("#add-labour")
    expect(page.locator("#costs").get_by_role("alert")).to_contain_text("lies in the future")
    expect(page.locator("#costs input[name=minutes]")).to_have_value("30")
    page.route("**/labour/record", lambda route: route.abort())
    page.click("#add-labour")
    expect(page.locator("#costs").get_by_role("alert")).to_contain_text("No network")
    anna.errors.clear()  # the browser tells of each answer that is no success
    anna.check()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_who_is_away_is_entered_and_shown(browser: Browser, building: Building, width: int, scheme: str) -> None:
    context, anna = visit(browser, building.url, width, scheme)
    page = anna.page
    anna.log_in()
    assert anna.open("/absences") == 200
    anna.check()
    page.select_option("#user", "tom")
    page.select_option("#substitute", "tom")
    page.click("#enter-absence")
    expect(page.locator("#substitute")).to_have_attribute("aria-invalid", "true")
    expect(page.get_by_text("choose somebody else, or nobody")).to_be_visible()
    anna.errors.clear()
    page.select_option("#substitute", "anna")
    page.select_option("#reason", "training")
    _press(page.locator("#enter-absence"))
    expect(page.locator("#away")).to_contain_text("Anna stands in")
    expect(page.locator("#away")).to_contain_text("training")
    anna.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"absences_{width}.png"), full_page=True)
    anna.open("/dispatch")
    expect(page.locator("#away")).to_contain_text("Tom")
    expect(page.locator("#pool form", has_text="Tom")).to_have_count(0)
    anna.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"dispatch_{width}.png"), full_page=True)
    anna.open("/absences")
    for _ in range(10):  # the part is fetched once more when the stream opens: a click may meet the button that leaves
        page.get_by_label("Tom: back already").click()
        if page.locator("#ask-yes").is_visible():
            break
    _press(page.locator("#ask-yes"))
    expect(page.locator("#away")).to_contain_text("Everybody is there")
    anna.check()
    context.close()


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_turns_and_escalation_by_hand(browser: Browser, building: Building, width: int, scheme: str) -> None:
    context, anna = visit(browser, building.url, width, scheme)
    page = anna.page
    anna.log_in()
    assert anna.open("/on-call") == 200
    anna.check()
    page.fill("#users-lifts", "tom, nobody")
    page.click("#rota-lifts")
    expect(page.locator("#users-lifts")).to_be_focused()
    expect(page.get_by_text("there is no active person nobody")).to_be_visible()
    anna.errors.clear()
    page.fill("#users-lifts", "tom, anna")
    _press(page.locator("#rota-lifts"))
    expect(page.locator("#now-lifts")).to_have_text("Tom")
    page.get_by_label("Step 1: after how many minutes").fill("10")
    page.get_by_label("Step 1: whom to tell").select_option("managers")
    _press(page.locator("#escalation-lifts"))
    expect(page.get_by_label("Step 1: whom to tell")).to_have_value("managers")
    anna.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"on_call_{width}.png"), full_page=True)
    context.close()

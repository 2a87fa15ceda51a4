"""A dispatcher and a technician move work over the board: by keyboard, by hand, beside others, on a phone."""

from collections.abc import Iterator
from contextlib import suppress

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from plantroom_cloud.users.models import Role
from plantroom_cloud.workorders.models import WorkOrderState
from tests.browser.building import PASSWORD, Building, furnish
from tests.browser.conftest import DESK, PHONE, visit


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    """The hot pump's order is 1; 2 is free; 3 is tom's and under way; 4 a request."""
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    services, at = building.services, building.now()
    with services.database.write() as session:
        services.users.add(session, "dora", PASSWORD, Role.DISPATCHER, at, "Dora")
        orders = services.work_orders
        orders.create(session, "Change the filter", "", "main", "gw-a.pump-2", "low", None, "dora", at)
        orders.create(session, "Door closer leaks", "", "main", None, "medium", None, "dora", at)
        orders.start(session, 3, "tom", at)
        orders.create(session, "It drips", "", "main", None, "medium", None, "requester", at, requester="Zoe, room 12")
    yield building
    building.stop()


def state(building: Building, order: int) -> WorkOrderState:
    with building.services.database.read() as session:
        return building.services.work_orders.get(session, order).state


def drag(page: Page, card: str, column: str) -> None:
    """Until it is there: while the page is still being laid out, a card may slip from under the pointer."""
    for _ in range(3):
        page.drag_and_drop(card, column)
        with suppress(AssertionError):
            expect(page.locator(f"{column} {card}")).to_be_visible(timeout=10_000)
            return
    raise AssertionError(f"{card} does not stay in {column}")


def accessible(page: Page) -> None:
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()


def test_by_keyboard_alone(browser: Browser, building: Building) -> None:
    context, dora = visit(browser, building.url, DESK)
    dora.log_in("dora")
    assert dora.open("/work-orders") == 200
    page = dora.page
    page.locator("#view-board").press("Enter")
    expect(page.locator("#column-in-progress #card-3")).to_be_visible()
    expect(page.locator("#card-2")).to_contain_text("Chilled-water pump 2")
    accessible(page)

    page.locator("#move-2").press("Enter")
    expect(page.locator("#move")).to_be_visible()
    page.select_option("#move-user", "tom")
    accessible(page)
    page.locator("#move-user").press("Tab")
    page.keyboard.press("Enter")
    expect(page.locator("#column-assigned #card-2")).to_contain_text("Tom")
    expect(page.locator("#said")).to_contain_text("#2 was moved; it is tom's.")
    assert page.evaluate("document.activeElement.id") == "move-2"

    page.locator("#move-4").press("Enter")
    page.locator("#why-reject").fill("the landlord does it")
    page.keyboard.press("Enter")
    expect(page.locator("#card-4")).to_have_count(0)
    assert state(building, 4) is WorkOrderState.REJECTED
    dora.check()
    context.close()


def test_by_hand_and_beside_somebody_else(browser: Browser, building: Building) -> None:
    services = building.services
    context, tom = visit(browser, building.url, DESK)
    tom.log_in("tom")
    assert tom.open("/work-orders?view=board") == 200
    page = tom.page
    drag(page, "#card-2", "#column-assigned")

    page.drag_and_drop("#card-3", "#column-on-hold")  # which asks why
    page.select_option("#move-hold", "access")
    page.locator("#move [name=note]").fill("no key")
    page.get_by_role("button", name="Hold").click()
    expect(page.locator("#column-on-hold #card-3")).to_be_visible()
    with services.database.read() as session:
        assert services.work_orders.trail(session, 3)[-1].note == "access: no key"
    page.drag_and_drop("#card-3", "#column-closed")  # which cannot be
    expect(page.locator("#column-on-hold #card-3")).to_be_visible()
    assert state(building, 3) is WorkOrderState.ON_HOLD

    page.locator("#move-1").click()
    take = page.get_by_role("button", name="Take it yourself")
    expect(take).to_be_visible()
    with services.database.write() as session:
        services.work_orders.claim(session, 1, "anna", building.now())
    expect(page.locator("#column-assigned #card-1")).to_contain_text("Anna")  # live, behind the dialog
    take.click()
    expect(page.locator("#move-problem")).to_contain_text("anna's already")
    page.get_by_role("button", name="Close", exact=True).click()
    expect(page.locator("#move-1")).to_have_count(0)  # nothing a technician may do with it
    tom.errors[:] = [error for error in tom.errors if "409" not in error]
    tom.check()
    context.close()


def test_one_column_at_a_time_on_a_phone(browser: Browser, building: Building) -> None:
    context, tom = visit(browser, building.url, PHONE, "dark")
    tom.log_in("tom")
    assert tom.open("/work-orders?view=board&priority=medium") == 200
    page = tom.page
    expect(page.locator("#card-4")).to_be_visible()  # the first column that holds something
    page.locator("#tab-in-progress").click()
    expect(page.locator("#card-3")).to_be_visible()
    expect(page.locator("#card-4")).to_be_hidden()
    tom.check()
    page.locator("#move-3").click()
    page.locator("#move-note").fill("closer changed")
    tom.check()
    page.get_by_role("button", name="Done").click()
    expect(page.locator("#tab-closed")).to_contain_text("1")
    expect(page.locator("#tab-in-progress")).to_have_attribute("aria-pressed", "true")  # kept over the swap
    page.locator("#tab-closed").click()
    expect(page.locator("#card-3")).to_be_visible()
    accessible(page)
    tom.check()
    context.close()


def test_a_viewer_moves_nothing(browser: Browser, building: Building) -> None:
    context, vera = visit(browser, building.url, DESK)
    vera.log_in("vera")
    assert vera.open("/work-orders?view=board") == 200
    assert vera.page.locator("[draggable=true], [data-menu]").count() == 0
    assert vera.open("/work-orders/2/moves") == 403
    context.close()

"""The page of a work order as technicians and managers read it: whose it is, what others do, how it ended."""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, expect

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.users.models import Role
from plantroom_cloud.workorders.models import WorkOrderState
from tests.browser.building import PASSWORD, Building, furnish
from tests.browser.conftest import DESK, PHONE, visit


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    """2 is eva's and under way, on an asset."""
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    services, at = building.services, building.now()
    with services.database.write() as session:
        services.users.add(session, "eva", PASSWORD, Role.TECHNICIAN, at, "Eva")
        asset = Asset(code="AHU-1", name="Air handler, roof", site_id="main", kind=AssetKind.EQUIPMENT, created_at=at)
        services.assets.save(session, asset, at)
        orders = services.work_orders
        orders.create(session, "Belt", "", "main", None, "high", None, "anna", at, asset_id=asset.id)
        orders.start(session, 2, "eva", at)
    yield building
    building.stop()


def test_somebody_elses_work_is_helped_with_or_taken_over_by_consent(browser: Browser, building: Building) -> None:
    services = building.services
    context, tom = visit(browser, building.url, PHONE, "dark")
    page = tom.page
    tom.log_in("tom")
    assert tom.open("/work-orders/2") == 200
    expect(page.get_by_role("link", name="Air handler, roof")).to_be_visible()
    expect(page.locator("#steps")).to_contain_text("It is Eva's.")
    expect(page.locator("#step-complete")).to_be_hidden()
    page.click("#step-help")
    expect(page.locator("#who")).to_contain_text("Eva, with Tom")
    expect(page.locator("#step-complete")).to_be_visible()
    tom.check()

    with services.database.write() as session:  # also while the work is under way
        services.work_orders.offer(session, 2, "tom", "eva", building.now())
    expect(page.locator("#step-take-over")).to_be_visible()  # live
    tom.open("/work-orders?show=offered")
    expect(page.locator("#order-2")).to_contain_text("offered to you")
    expect(page.locator("#order-2")).to_contain_text("Air handler, roof")
    tom.check()
    page.locator("#order-2").click()
    page.click("#step-take-over")
    expect(page.locator("#who")).to_contain_text("Tom")
    tom.check()
    context.close()


def test_what_is_typed_stays_while_others_change_the_order(browser: Browser, building: Building) -> None:
    services = building.services
    context, eva = visit(browser, building.url, DESK)
    page = eva.page
    eva.log_in("eva")
    assert eva.open("/work-orders/2") == 200
    page.fill("#note", "belt changed, half typed")
    with services.database.write() as session:
        services.work_orders.hold(session, 2, "parts", "no belt in store", "anna", building.now())
    expect(page.locator("[data-changed]")).to_be_visible()
    expect(page.locator("#state")).to_contain_text("on-hold")
    expect(page.locator("#note")).to_have_value("belt changed, half typed")
    eva.check()
    page.get_by_role("link", name="Show what is possible now").click()
    expect(page.locator("#step-resume")).to_be_visible()
    with services.database.write() as session:
        services.work_orders.resume(session, 2, "anna", building.now())
    expect(page.locator("#step-complete")).to_be_visible()  # nothing was typed: it follows
    context.close()


def test_giving_it_back_needs_a_reason_of_ones_own(browser: Browser, building: Building) -> None:
    services = building.services
    with services.database.write() as session:
        services.work_orders.claim(session, 1, "eva", building.now())
    context, eva = visit(browser, building.url, DESK)
    eva.log_in("eva")
    assert eva.open("/work-orders/1") == 200
    token = eva.page.locator("#steps [name=csrf_token]").first.get_attribute("value")
    answer = eva.page.request.post(f"{building.url}/work-orders/1/decline", form={"csrf_token": token or ""})
    assert answer.status == 422
    with services.database.read() as session:
        assert services.work_orders.get(session, 1).state is WorkOrderState.ASSIGNED
    context.close()


def test_a_viewer_reads_who_asked_and_how_they_find_it(browser: Browser, building: Building) -> None:
    services, at = building.services, building.now()
    with services.database.write() as session:
        orders = services.work_orders
        made = orders.create(session, "Tap", "", "main", None, "low", None, "requester", at, requester="Zoe, room 12")
        assert made.id is not None
        orders.approve(session, made.id, "anna", at)
        orders.complete(session, made.id, "new seal", "tom", at)
        orders.evaluate(session, made.id, 4, "quick", at)
    context, vera = visit(browser, building.url, PHONE)
    vera.log_in("vera")
    assert vera.open(f"/work-orders/{made.id}") == 200
    facts = vera.page.locator("#facts")
    expect(facts).to_contain_text("Zoe, room 12")
    expect(facts.get_by_role("img", name="4 of 5")).to_be_visible()
    expect(facts).to_contain_text("quick")
    vera.check()
    context.close()

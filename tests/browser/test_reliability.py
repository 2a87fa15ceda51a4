"""The reliability page: the worst pump first, each figure with its formula, the records behind it one click away."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, expect
from sqlmodel import select

from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, Severity
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.costs.models import Activity, DowntimeReason
from tests.browser.building import Building, gateway_device, pump
from tests.browser.conftest import DESK, PHONE, visit

#: Where pictures of the pages go, for whoever wants to look at them.
PICTURES = os.environ.get("PLANTROOM_PICTURES", "")
HOUR = timedelta(hours=1)


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    building.enrol([pump(number) for number in (1, 2, 3)] + [gateway_device()])
    _history(building)
    yield building
    building.stop()


def _history(building: Building) -> None:
    """Pump 1 failed twice, pump 2 once, pump 3 never."""
    now, services = building.now(), building.services
    born = now - timedelta(days=300)
    with services.database.write() as session:
        rule = session.exec(select(AlarmRule).where(AlarmRule.name == "Pump bearing hot")).one()
        assert rule.id is not None
        for number in (1, 2, 3):
            asset = Asset(
                code=f"P{number}", name=f"Chilled-water pump {number}", kind=AssetKind.EQUIPMENT, site_id="main",
                equipment_class="pump", created_at=born,
            )  # fmt: skip
            session.add(asset)
            session.flush()
            assert asset.id is not None
            device = f"gw-a.pump-{number}"
            session.add(AssetDevice(asset_id=asset.id, device_id=device, since=born, by="anna"))
            for days, hours in {1: ((20.0, 30.0), (4.0, 6.5)), 2: ((9.0, 3.25),), 3: ()}[number]:
                begin = now - timedelta(days=days)
                alarm = Alarm(
                    rule_id=rule.id, source=device, gateway_id="gw-a", site_id="main", device_id=device,
                    name=rule.name, severity=Severity.HIGH, state=AlarmState.NORMAL, active=False, raised_at=begin,
                    detected_at=begin + 0.01 * HOUR, returned_at=begin + hours * HOUR,
                )  # fmt: skip
                session.add(alarm)
                session.flush()
                order = services.work_orders.open_for_alarm(session, alarm, 60, alarm.detected_at)
                assert order is not None
                assert order.id is not None
                services.work_orders.start(session, order.id, "tom", begin + HOUR)
                services.costs.labour.start(session, order, "tom", Activity.DIAGNOSE, begin + HOUR)
                if hours > 10:
                    services.work_orders.hold(session, order.id, "parts", "", "tom", begin + 2 * HOUR)
                    services.work_orders.resume(session, order.id, "tom", begin + 25 * HOUR)
                else:
                    services.costs.labour.start(session, order, "tom", Activity.REPAIR, begin + 1.5 * HOUR)
                services.work_orders.complete(session, order.id, "new bearing", "tom", begin + (hours - 0.2) * HOUR)
                services.work_orders.verify(session, order.id, "seen", "anna", begin + (hours + 1) * HOUR)
                if number == 2:
                    services.costs.downtimes.record(
                        session, order, begin - 50 * HOUR, begin - 46 * HOUR, DowntimeReason.MAINTENANCE, True, "",
                        "tom", begin,
                    )  # fmt: skip


@pytest.mark.parametrize(("width", "scheme"), [(PHONE, "dark"), (DESK, "light")], ids=["phone", "desk"])
def test_from_the_worst_pump_to_the_order_behind_it(
    browser: Browser, building: Building, width: int, scheme: str
) -> None:
    context, somebody = visit(browser, building.url, width, scheme)
    somebody.log_in("vera")
    page = somebody.page
    assert somebody.open("/reliability") == 200
    expect(page.locator("tbody tr").first).to_contain_text("Chilled-water pump 1")
    expect(page.locator("tbody tr").last).to_contain_text("Chilled-water pump 3")
    expect(page.locator("#figure-mtbf")).to_contain_text("operating time ÷ failures that began")
    expect(page.locator("#figure-mtbf")).to_contain_text("SMRP 3.5.1")
    expect(page.locator("#figure-backlog")).to_contain_text("hours of work in a week are set")
    expect(page.locator("#figure-mttr .h1")).to_have_text("13 h 15 min")  # (30 + 6.5 + 3.25) ÷ 3
    somebody.check()
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"]}).response["violations"]
    assert [f"{item['id']}: {item['nodes'][0]['html'][:200]}" for item in found] == []
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"reliability_{width}.png"), full_page=True)
    page.locator("select[name=by]").select_option("class")
    page.click("#show")
    expect(page.locator("tbody tr")).to_have_count(1)
    page.get_by_role("cell", name="pump").get_by_role("link").click()
    expect(page.locator("tbody tr")).to_have_count(3)
    page.get_by_role("link", name="Chilled-water pump 1").click()
    expect(page.get_by_role("heading", name="Reliability of Chilled-water pump 1")).to_be_visible()
    expect(page.get_by_text("wait 23 h 00 min").first).to_be_visible()
    expect(page.get_by_text("came back").first).to_be_visible()
    somebody.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"reliability_asset_{width}.png"), full_page=True)
    asset = page.url.split("/reliability/assets/")[1].split("?")[0]
    page.get_by_role("link", name="work order #").first.click()
    page.wait_for_url("**/work-orders/*")
    assert somebody.open(f"/assets/{asset}") == 200
    expect(page.get_by_text("Reliability, last 365 days")).to_be_visible()
    somebody.check()
    if PICTURES:
        page.screenshot(path=str(Path(PICTURES) / f"asset_{width}.png"), full_page=True)
    assert somebody.open("/reliability?first=2026-99-01") == 422
    context.close()

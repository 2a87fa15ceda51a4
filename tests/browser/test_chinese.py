"""A person chooses Chinese and reads it: texts, states, times of Shanghai; nothing runs over the edge of a phone."""

import re
from collections.abc import Iterator
from datetime import datetime
from zoneinfo import ZoneInfo

import pytest
from playwright.sync_api import Browser, expect
from sqlmodel import select

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrder
from tests.browser.building import PASSWORD, Building, furnish
from tests.browser.conftest import DESK, PHONE, visit


@pytest.fixture
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


@pytest.mark.parametrize("width", [PHONE, DESK], ids=["phone", "desk"])
def test_a_person_reads_chinese(browser: Browser, building: Building, width: int) -> None:
    with building.services.database.write() as session:
        for site in session.exec(select(Site)):
            site.timezone = "Asia/Shanghai"
        alarm = session.exec(select(Alarm)).first()
        order = session.exec(select(WorkOrder)).first()
        assert alarm is not None
        assert order is not None
        paths = {
            f"/alarms/{alarm.id}": "经过",
            f"/work-orders/{order.id}": "工单",
            f"/devices/{alarm.source}": "设备信息",
        }
    context, anna = visit(browser, building.url, width)
    page = anna.page
    anna.log_in()
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.click("#you")
    page.get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
    expect(page.locator("html")).to_have_attribute("data-zone", "Asia/Shanghai")
    expect(page.get_by_role("heading", name="需要关注")).to_be_visible()
    anna.check()
    for path, text in paths.items():
        assert anna.open(path) == 200
        expect(page.get_by_text(text).first).to_be_attached()
        shown = page.locator("main").inner_text()
        assert not re.search(r"\b(Acknowledge|Work order|Cause|Story|Last reading|Who does it)\b", shown), shown
        anna.check()
    anna.open(next(iter(paths)))
    stamp = page.locator("main time[datetime]:not([data-ago]):not([data-due])").first
    at = datetime.fromisoformat(str(stamp.get_attribute("datetime"))).astimezone(ZoneInfo("Asia/Shanghai"))
    expect(stamp).to_contain_text(f"{at:%M:%S}")
    assert f"{at:%H}" in (stamp.text_content() or "") or f"{at:%I}".lstrip("0") in (stamp.text_content() or "")
    context.close()


def test_the_login_speaks_the_browsers_language_or_the_one_that_is_chosen(browser: Browser, building: Building) -> None:
    context = browser.new_context(locale="zh-CN")
    page = context.new_page()
    page.goto(f"{building.url}/login?next=/alarms")
    expect(page.get_by_role("button", name="登录")).to_be_visible()
    page.get_by_role("button", name="English").click()
    expect(page.get_by_role("button", name="Log in")).to_be_visible()
    page.fill("#name", "anna")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url("**/alarms")  # the page that was wanted is not forgotten by the choice
    expect(page.locator("html")).to_have_attribute("lang", "en")
    page.goto(f"{building.url}/account")
    page.locator("#language").get_by_role("button", name="简体中文").click()
    expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
    expect(page.locator("#language [aria-current]")).to_have_text("简体中文")
    page.locator("#language").get_by_role("button", name="跟随浏览器").click()
    expect(page.locator("#language [aria-current]")).to_have_text("跟随浏览器")
    context.close()

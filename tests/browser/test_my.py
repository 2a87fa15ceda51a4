"""The technician's phone in real Chromium: tasks, pool, checklist and labels by thumb, with and without a network."""

import io
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, FilePayload, Page, ViewportSize, expect

from plantroom_cloud.assets.models import Asset, AssetKind
from plantroom_cloud.checklists.definition import StepDefinition, StepKind
from plantroom_cloud.sites.models import Site
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from tests.browser.building import PASSWORD, Building, furnish, wait_for
from tests.browser.camera import camera_file, chromium_that_sees
from tests.browser.reading import english, reads_chinese

PHONE: ViewportSize = {"width": 360, "height": 740}
MINUTE = timedelta(minutes=1)


class _House:
    """A building with a hot pump, an asset with a label, and a phone whose camera sees that label."""

    def __init__(self, folder: Path) -> None:
        self.building = Building(folder)
        self.building.start()
        furnish(self.building)
        services, at = self.building.services, self.building.now()
        with services.database.write() as session:
            asset = Asset(code="P1", name="Pump one", kind=AssetKind.EQUIPMENT, site_id="main", created_at=at)
            services.assets.save(session, asset, at)
            services.assets.bind(session, asset, "gw-a.pump-2", "anna", at)
            self.label = services.assets.label(session, asset)
        self.camera = camera_file(folder / "camera.y4m", [f"https://plantroom.example/r/{self.label}"])

    def order(self, title: str, checklist: bool = False, before: timedelta = timedelta(0)) -> int:
        services, at = self.building.services, self.building.now() - before
        with services.database.write() as session:
            order = services.work_orders.create(session, title, "", "main", "gw-a.pump-2", "critical", None, "anna", at)
            assert order.id is not None
            if checklist:
                steps = [
                    StepDefinition(kind=StepKind.CHECK, label="Guard is on"),
                    StepDefinition(kind=StepKind.NUMBER, label="Pressure", unit="bar", low=2, high=4, follow_up="high"),
                ]
                template = services.checklists.templates.make(session, f"Pump check: {title}", "", steps, "anna", at)
                assert template.id is not None
                services.checklists.attach(session, order.id, template.id, "anna", at)
            return order.id

    def found(self, order: int) -> WorkOrder:
        with self.building.services.database.read() as session:
            return self.building.services.work_orders.get(session, order)


@pytest.fixture(scope="module")
def house(tmp_path_factory: pytest.TempPathFactory) -> Iterator[_House]:
    house = _House(tmp_path_factory.mktemp("house"))
    yield house
    house.building.stop()


@pytest.fixture(scope="module")
def chromium(house: _House) -> Iterator[Browser]:
    with chromium_that_sees(house.camera) as browser:
        yield browser


@pytest.fixture
def phone(chromium: Browser, house: _House) -> Iterator[tuple[BrowserContext, Page]]:
    context = chromium.new_context(viewport=PHONE, color_scheme="dark")
    page = context.new_page()
    log_in(page, house)
    expect(page.locator("#tab-pool")).to_contain_text("Pool (")
    yield context, page
    context.close()


def log_in(page: Page, house: _House) -> None:
    page.goto(f"{house.building.url}/login?next=/my")
    page.fill("#name", "tom")
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url("**/my")
    wait_for(lambda: page.evaluate("navigator.serviceWorker.ready.then((r) => Boolean(r.active))"), "it opens offline")


def fits(page: Page) -> None:
    width: int = page.evaluate("document.documentElement.scrollWidth")
    assert width <= PHONE["width"]


def picture() -> FilePayload:
    content = io.BytesIO()
    Image.new("RGB", (64, 64), "green").save(content, "PNG")
    return {"name": "seal.png", "mimeType": "image/png", "buffer": content.getvalue()}


def test_a_task_is_taken_and_done_without_a_network(house: _House, phone: tuple[BrowserContext, Page]) -> None:
    order = house.order("Change the seal", checklist=True)
    context, page = phone
    page.reload()
    page.click("#tab-pool")
    page.click(f'[data-task="{order}"]')
    fits(page)
    page.click('[data-step="claim"]')
    wait_for(lambda: house.found(order).assignee == "tom", "the control plane knows")
    expect(page.locator("#checklist-steps li")).to_have_count(2)
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()

    context.set_offline(True)
    expect(page.locator("#network")).to_have_text("no network")
    page.click('[data-step="start"]')
    page.click("#ask-send")
    expect(page.locator("#task-state")).to_have_text("under way, to be sent")
    page.get_by_role("button", name="Guard is on: answer").click()
    page.click("#ask-send")
    page.get_by_role("button", name="Pressure: answer").click()
    page.fill("#ask-value", "5.5")
    page.click("#ask-send")
    expect(page.locator("#checklist-count")).to_have_text("2 of 2")
    page.click('[data-step="complete"]')
    page.fill("#ask-note", "New seal, no drip")
    page.set_input_files("#ask-photo", [picture()])
    page.click("#ask-send")
    expect(page.locator("#waiting")).to_have_text("4 to send")
    page.reload()  # from the phone's own store
    expect(page.locator("#waiting")).to_have_text("4 to send")
    assert house.found(order).state is WorkOrderState.ASSIGNED

    context.set_offline(False)
    wait_for(lambda: house.found(order).state is WorkOrderState.CLOSED, "all is sent, in order")
    expect(page.locator("#waiting")).to_be_hidden()
    assert house.found(order).resolution == "New seal, no drip"
    services = house.building.services
    with services.database.read() as session:
        assert len(services.work_orders.files(session, order)) == 1
        [checklist] = services.checklists.of_order(session, order, house.building.now())
        assert (checklist.answered, checklist.failed) == (2, 1)  # 5.5 bar is too much: another order follows
        follow_up = checklist.steps[1].follow_up
        assert follow_up is not None


def test_an_empty_field_is_no_signature(house: _House, phone: tuple[BrowserContext, Page]) -> None:
    order = house.order("Hand it over")
    services, at = house.building.services, house.building.now()
    with services.database.write() as session:
        steps = [StepDefinition(kind=StepKind.SIGNATURE, label=label) for label in ("Ward", "Technician")]
        template = services.checklists.templates.make(session, "Handing over", "", steps, "anna", at)
        assert template.id is not None
        services.checklists.attach(session, order, template.id, "anna", at)
        services.work_orders.claim(session, order, "tom", at)
    _, page = phone
    page.reload()
    page.click(f'[data-task="{order}"]')
    page.get_by_role("button", name="Ward: answer").click()
    page.click("#ask-send")
    expect(page.locator("#ask")).to_be_visible()  # neither drawn nor written
    page.get_by_label("or your name").fill("Nora Hill")
    page.click("#ask-send")
    expect(page.locator("#checklist-count")).to_have_text("1 of 2")
    page.get_by_role("button", name="Technician: answer").click()
    page.locator("canvas").hover()
    page.mouse.down()
    page.mouse.move(180, 400, steps=3)
    page.mouse.up()
    page.click("#ask-send")
    expect(page.locator("#checklist-count")).to_have_text("2 of 2")
    wait_for(lambda: len(_signed(house, order)) == 2, "both are stored")
    assert all(_signed(house, order)), "something dark is in each"


def _signed(house: _House, order: int) -> list[bool]:
    """Of each signature that the control plane has: whether something is in it."""
    services = house.building.services
    with services.database.read() as session:
        [checklist] = services.checklists.of_order(session, order, house.building.now())
        photos = [services.photos.get(session, step.answers[0].value) for step in checklist.steps if step.answers]
        return [min(Image.open(io.BytesIO(photo.content)).convert("L").tobytes()) < 128 for photo in photos]


def test_time_is_kept_without_a_network_and_is_the_orders_labour(
    house: _House, phone: tuple[BrowserContext, Page]
) -> None:
    context, page = phone
    services, began = house.building.services, house.building.now().replace(microsecond=0) - timedelta(hours=2)
    first, second = (house.order(title, before=timedelta(hours=3)) for title in ("Grease it", "Clean it"))
    with services.database.write() as session:
        for order in (first, second):
            services.work_orders.claim(session, order, "tom", began)
    page.clock.set_fixed_time(began)
    page.reload()
    expect(page.locator(f'[data-task="{second}"]')).to_be_visible()
    context.set_offline(True)
    expect(page.locator("#network")).to_have_text("no network")
    page.click(f'[data-task="{first}"]')
    page.select_option("#time-activity", "diagnose")
    page.click("#time-start")
    expect(page.locator("#timer-task")).to_have_text(f"#{first}: diagnose")
    page.clock.set_fixed_time(began + timedelta(minutes=20))
    page.reload()  # from the phone's own store
    expect(page.locator("#timer-clock")).to_have_text("0:20:00")
    page.click(f'[data-task="{second}"]')
    expect(page.locator("#time-elsewhere")).to_contain_text(f"Your time runs on #{first}")
    page.click("#time-start")  # one at a time: the first one ends
    expect(page.locator("#timer-task")).to_have_text(f"#{second}: repair")
    fits(page)
    page.clock.set_fixed_time(began + timedelta(minutes=65))
    page.click("#timer-stop")
    expect(page.locator("#timer")).to_be_hidden()
    expect(page.locator("#times")).to_contain_text("repair, 45 min")
    expect(page.locator("#waiting")).to_have_text("3 to send")
    context.set_offline(False)
    page.clock.set_fixed_time(began + timedelta(minutes=90))

    def labour(order: int) -> list[tuple[str, float, float]]:
        """What counts: activity, minutes from the beginning, and how many."""
        with services.database.read() as session:
            return [
                (one.activity.value, (one.started_at - began) / MINUTE, (one.ended_at - one.started_at) / MINUTE)
                for one in services.costs.labour.of_order(session, order)
                if one.ended_at is not None and one.struck_at is None
            ]

    wait_for(lambda: len(labour(second)) == 1, "all is sent, in order")
    [(activity, start, length)] = labour(first)
    assert (activity, round(start), round(length)) == ("diagnose", 0, 20)
    [(activity, start, length)] = labour(second)
    assert (activity, round(start), round(length)) == ("repair", 20, 45)
    page.get_by_role("button", name="Correct the time of").click()
    page.fill("#ask-minutes", "30")
    page.select_option("#ask-activity", "maintain")
    page.click("#ask-send")
    wait_for(lambda: [(a, round(n)) for a, _, n in labour(second)] == [("maintain", 30)], "it was corrected")
    expect(page.locator("#times li")).to_have_count(1)
    expect(page.locator("#times")).to_contain_text("maintain, 30 min")
    report = Axe().run(page)
    assert report.violations_count == 0, report.generate_report()


def test_who_comes_too_late_reads_why(house: _House, phone: tuple[BrowserContext, Page]) -> None:
    order = house.order("Oil the hinge")
    context, page = phone
    page.reload()
    page.click("#tab-pool")
    page.click(f'[data-task="{order}"]')
    context.set_offline(True)
    page.click('[data-step="claim"]')
    services = house.building.services
    with services.database.write() as session:
        services.work_orders.claim(session, order, "anna", house.building.now())
    context.set_offline(False)
    expect(page.locator("#refused-list")).to_contain_text(
        f"#{order}, Take the task: work order {order} is anna's already"
    )
    page.click("#refused-list button")
    expect(page.locator("#refused")).to_be_hidden()


def test_a_label_shows_its_machine_and_takes_a_report(house: _House, phone: tuple[BrowserContext, Page]) -> None:
    _, page = phone
    page.click("#scan")
    expect(page.locator("#found")).to_contain_text("Pump one")
    expect(page.locator("#found dl")).to_contain_text("Bearing temperature")
    fits(page)
    page.click("#report")
    page.fill("#ask-text", "The coupling rattles")
    page.click("#ask-send")
    services = house.building.services

    def opened() -> bool:
        with services.database.read() as session:
            return any(o.title == "The coupling rattles" and o.asset_id for o in services.work_orders.search(session))

    wait_for(opened, "a work order on the asset")
    page.click("#scan-back")
    page.get_by_text("The camera cannot read it").wait_for(state="hidden")


def test_it_speaks_chinese_with_and_without_a_network(house: _House, chromium: Browser) -> None:
    order = house.order("更换密封", checklist=True)
    names = (
        "tom",
        "Pump one",
        "Chilled-water pump",
        "Basement, plant room",
        "Guard is on",
        "Pressure",
        "bar",
        "Grease it",
        "Hand it over",
        "Clean it",
    )
    context = chromium.new_context(viewport=PHONE, color_scheme="dark", timezone_id="America/New_York")
    page = context.new_page()
    with reads_chinese(house.building, "tom"):
        log_in(page, house)
        page.click("#tab-pool")
        expect(page.locator("#tab-pool")).to_contain_text("工单池（")
        page.click(f'[data-task="{order}"]')
        expect(page.locator("#task-priority")).to_have_text("紧急")
        expect(page.locator("#task-due")).to_contain_text("自 ")
        assert english(page, *names) == []
        page.click('[data-step="claim"]')
        wait_for(lambda: house.found(order).assignee == "tom", "the control plane knows")
        expect(page.locator("#checklist-steps li")).to_have_count(2)
        context.set_offline(True)
        expect(page.locator("#network")).to_have_text("无网络")
        page.reload()  # from the phone's own store, texts and all
        expect(page.locator("html")).to_have_attribute("lang", "zh-Hans-CN")
        page.click(f'[data-task="{order}"]')
        page.click('[data-step="start"]')
        assert english(page, *names) == []
        page.click("#ask-send")
        expect(page.locator("#task-state")).to_have_text("进行中，待发送")
        page.click("#time-start")
        expect(page.locator("#timer-task")).to_have_text(f"#{order}：维修")
        assert english(page, *names) == []
        for step in ("Guard is on", "Pressure"):
            page.get_by_role("button", name=f"{step}：填写").click()
            assert english(page, *names) == []
            page.click("#ask-cancel")
        page.click('[data-step="hold"]')
        assert english(page, *names) == []
        page.select_option("#ask-reason", "parts")
        page.click("#ask-send")
        expect(page.locator("#waiting")).to_have_text("4 项待发送")  # the timer stops before it waits
        fits(page)
        page.click("#back")
        assert english(page, *names) == []
        page.click("#scan")
        expect(page.locator("#said")).to_contain_text("没有网络")
        assert english(page, *names) == []
        page.click("#scan-back")
        context.set_offline(False)
        wait_for(lambda: house.found(order).state is WorkOrderState.ON_HOLD, "all is sent, in order")
        assert english(page, *names) == []
    context.close()


def test_times_are_those_of_the_site_where_the_task_is(house: _House, chromium: Browser) -> None:
    services, at = house.building.services, house.building.now()
    with services.database.write() as session:  # two zones: no page has one of its own
        session.add(Site(id="chengdu", name="Chengdu", timezone="Asia/Shanghai"))
        session.flush()
        far = services.work_orders.create(session, "Far away", "", "chengdu", None, "low", None, "anna", at)
        services.sites.get(session, "main").timezone = "Europe/Berlin"
    near = house.order("Near by")
    context = chromium.new_context(viewport=PHONE, timezone_id="America/New_York")
    page = context.new_page()
    log_in(page, house)
    page.click("#tab-pool")
    for order, zone in ((far.id, "Asia/Shanghai"), (near, "Europe/Berlin")):
        page.click(f'[data-task="{order}"]')
        shown = page.locator("#task-due").inner_text()
        opened = house.found(order or 0).opened_at.astimezone(ZoneInfo(zone))
        assert f"{opened:%I:%M}" in shown, shown
        assert f" {opened.day}, " in shown, shown
        page.click("#back")
    context.close()


def test_the_app_has_its_name_in_the_language_of_the_page(chromium: Browser, house: _House) -> None:
    context = chromium.new_context(viewport=PHONE)
    for language, name in (("zh-Hans-CN", "我的任务"), ("en", "My tasks"), ("tlh", "My tasks")):
        manifest = context.request.get(f"{house.building.url}/my.webmanifest?language={language}").json()
        assert (manifest["short_name"], manifest["id"]) == (name, "/my")
    context.close()


def test_it_installs_as_an_app(phone: tuple[BrowserContext, Page]) -> None:
    context, page = phone
    devtools = context.new_cdp_session(page)
    manifest = devtools.send("Page.getAppManifest")
    assert manifest["errors"] == []
    assert manifest["url"].endswith("/my.webmanifest?language=en")
    errors = [error["errorId"] for error in devtools.send("Page.getInstallabilityErrors")["installabilityErrors"]]
    assert [error for error in errors if error != "in-incognito"] == []  # a test's context is always a private one

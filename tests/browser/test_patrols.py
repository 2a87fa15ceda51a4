"""Patrols in real Chromium: a round walked on a phone whose camera shows real codes, with and without a network."""

import io
import threading
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
import zxingcpp
from axe_playwright_python.sync_playwright import Axe
from PIL import Image
from playwright.sync_api import Browser, BrowserContext, Locator, Page, expect
from sqlmodel import select

from plantroom_cloud.files.models import StoredFile
from plantroom_cloud.patrols.models import CodeKind, PatrolFinding, PatrolRound, PatrolVisit
from plantroom_cloud.patrols.routes import RoutePlan, StopPlan
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.messages import BirthDevice
from plantroom_shared.patrol_code import rotating_code, window_at
from tests.browser.building import PASSWORD, Building, pump, wait_for
from tests.browser.camera import camera_file, chromium_that_sees
from tests.browser.conftest import settle
from tests.browser.reading import english, reads_chinese

PHONE = {"width": 360, "height": 740}
POINTS = ("roof", "boiler-room", "waste-store")


class Patrol:
    """A building with three points, a round to walk, and a phone whose camera sees their codes in turn."""

    def __init__(self, folder: Path) -> None:
        self.building = Building(folder)
        self.building.start()
        scanner = BirthDevice(
            device="scanner-1", label="Hand scanner", profile="generic/serial-scanner", kind="scanner"
        )
        self.building.enrol([pump(1), scanner])
        self.url = self.building.url
        self.ticking = threading.Event()
        patrols, at = self.building.services.patrols, self.building.now()
        with self.building.services.database.write() as session:
            for point in POINTS:
                name = point.replace("-", " ").capitalize()
                patrols.points.add(
                    session, point, "main", name, CodeKind.STATIC, "anna", at, location="Basement, east",
                    device_id="gw-a.pump-1" if point == "boiler-room" else None, instructions="Look for water.",
                )  # fmt: skip
            patrols.points.add(session, "gate", "main", "Main gate", CodeKind.ROTATING, "anna", at)
        with self.building.services.database.read() as session:
            self.codes = [patrols.points.label_code(session, patrols.points.get(session, p)) for p in POINTS]
        self.camera = camera_file(folder / "camera.y4m", self.codes)

    def release(self, name: str = "Evening round") -> int:
        """A round that is due now."""
        services, at = self.building.services, self.building.now()
        plan = RoutePlan("main", name, [StopPlan(point) for point in POINTS], ordered=False, early_s=600, travel_s=0)
        with services.database.write() as session:
            route = services.patrols.routes.save(session, None, plan, "anna", at)
            made = services.patrols.routes.release(session, route, at, "anna", at)
            assert made.id is not None
            return made.id

    def round(self, round_id: int) -> PatrolRound:
        with self.building.services.database.read() as session:
            return self.building.services.patrols.rounds.get(session, round_id)

    def visits(self) -> list[PatrolVisit]:
        with self.building.services.database.read() as session:
            return list(session.exec(select(PatrolVisit).order_by("id")))


@pytest.fixture(scope="module")
def patrol(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Patrol]:
    patrol = Patrol(tmp_path_factory.mktemp("patrol"))
    yield patrol
    patrol.building.stop()


@pytest.fixture(scope="module")
def chromium(patrol: Patrol) -> Iterator[Browser]:
    with chromium_that_sees(patrol.camera) as browser:
        yield browser


def log_in(context: BrowserContext, url: str, name: str) -> Page:
    page = context.new_page()
    page.goto(url + "/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(url + "/")
    return page


def watch(page: Page) -> list[str]:
    """What goes wrong on a page, and every request that leaves the building."""
    wrong: list[str] = []
    page.on("console", lambda m: wrong.append(m.text) if m.type == "error" and "ERR_INTERNET" not in m.text else None)
    page.on("pageerror", lambda error: wrong.append(str(error)))
    own = ("http://127.0.0.1:", "blob:", "data:")
    page.on("request", lambda r: wrong.append(f"foreign: {r.url}") if not r.url.startswith(own) else None)
    return wrong


def stops(page: Page, *states: str) -> Locator:
    """The stops of the round that the phone shows in these states."""
    return page.locator(", ".join(f"#stops [data-state='{state}']" for state in states))


def test_a_round_is_walked_by_camera_offline_and_back(patrol: Patrol, chromium: Browser) -> None:
    round_id = patrol.release()
    context = chromium.new_context(viewport=PHONE, permissions=["camera"])
    page = log_in(context, patrol.url, "tom")
    wrong = watch(page)
    page.goto(patrol.url + "/patrols/walk")
    page.click(f"[data-round='{round_id}']")
    expect(page.locator("#next-name")).not_to_be_empty()
    page.evaluate("navigator.serviceWorker.ready.then(() => true)")
    wait_for(lambda: page.evaluate("navigator.serviceWorker.controller !== null"), "the worker looks after the page")

    page.click("#scan")  # online: the first point that the camera sees
    expect(stops(page, "visited").first).to_be_visible(timeout=60_000)
    page.click("#scan")
    context.set_offline(True)
    seen = stops(page, "visited").count()
    page.click("#scan")
    expect(stops(page, "waiting", "visited")).to_have_count(3)
    page.click("#scan")
    assert len([visit for visit in patrol.visits() if visit.round_id == round_id]) == seen < 3
    expect(page.locator("#waiting")).to_contain_text(f"{3 - seen} to send")
    expect(page.locator("#network")).to_have_text("no network")

    page.click("#report")
    page.fill("#report-text", "Water under the pump")
    page.select_option("#report-point", "boiler-room")
    photo = io.BytesIO()
    Image.new("RGB", (2400, 1800), (200, 40, 40)).save(photo, "JPEG")
    page.set_input_files("#report-photo", {"name": "p.jpg", "mimeType": "image/jpeg", "buffer": photo.getvalue()})
    page.click("#report-send")
    expect(page.locator("#waiting")).to_contain_text(f"{4 - seen} to send")

    page.reload()  # the phone was switched off and on; there is still no network
    expect(page.locator("#waiting")).to_contain_text(f"{4 - seen} to send")
    expect(page.locator("#round-name")).to_have_text("Evening round")
    expect(stops(page, "waiting", "visited")).to_have_count(3)

    context.set_offline(False)
    expect(stops(page, "visited")).to_have_count(3)
    expect(page.locator("#waiting")).to_be_hidden()
    expect(page.locator("#round-state")).to_have_text("complete")
    done = patrol.round(round_id)
    assert done.state.value == "complete"
    mine = [visit for visit in patrol.visits() if visit.round_id == round_id]
    assert sorted(visit.point_id or "" for visit in mine) == sorted(POINTS)  # each once
    assert [visit.at for visit in mine] == sorted(visit.at for visit in mine)  # in order
    assert {(visit.person, visit.source, visit.reason) for visit in mine} == {("tom", "phone", "")}
    with patrol.building.services.database.read() as session:
        [finding] = session.exec(select(PatrolFinding)).all()
        order = session.get(WorkOrder, finding.work_order_id)
        stored = session.get(StoredFile, finding.photos[0])
        assert order is not None
        assert stored is not None
        assert (order.device_id, order.title) == ("gw-a.pump-1", "Boiler room: Water under the pump")
        assert max(Image.open(io.BytesIO(stored.content)).size) == 1600
        round_order = session.get(WorkOrder, done.work_order_id)
        assert round_order is not None
        assert (round_order.assignee, round_order.state.value) == ("tom", "closed")
    assert wrong == []
    context.close()


def test_an_answer_that_was_lost_is_asked_for_again_and_counted_once(patrol: Patrol, chromium: Browser) -> None:
    round_id = patrol.release("Lost answers")
    context = chromium.new_context(viewport=PHONE)
    page = log_in(context, patrol.url, "tom")
    lost: list[str] = []

    def lose(route: object) -> None:
        if len(lost) < 2:
            lost.append("answer")
            route.fetch()  # type: ignore[attr-defined]  # the control plane took it …
            route.abort()  # type: ignore[attr-defined]  # … and the phone never hears of it
        else:
            route.continue_()  # type: ignore[attr-defined]

    page.route("**/api/v1/patrols/walk/reports", lose)
    page.goto(f"{patrol.url}/patrols/walk?round={round_id}")
    page.click("summary")
    for code in patrol.codes[:2]:
        page.fill("#code", code)
        page.press("#code", "Enter")
    expect(stops(page, "visited")).to_have_count(2)
    assert [v.point_id for v in patrol.visits() if v.round_id == round_id] == list(POINTS[:2])
    page.click("#skip")
    page.fill("#skip-reason", "locked")
    page.click("#skip-send")
    expect(page.locator("#round-state")).to_have_text("with deviations")
    page.fill("#code", "P1:ROOF:FORGEDFORGEDX")
    page.press("#code", "Enter")
    expect(page.locator("#said")).to_contain_text("forged")
    context.close()


def test_a_round_is_walked_in_chinese_with_and_without_a_network(patrol: Patrol, chromium: Browser) -> None:
    round_id = patrol.release("晚间巡检")
    names = ("tom", "Roof", "Boiler room", "Waste store", "Main gate", "Basement, east", "Look for water.", "P1:…")
    context = chromium.new_context(viewport=PHONE)
    with reads_chinese(patrol.building, "tom"):
        page = log_in(context, patrol.url, "tom")
        page.goto(patrol.url + "/patrols/walk")
        expect(page.locator(f"[data-round='{round_id}']")).to_contain_text("3 个巡检点")
        assert english(page, *names, "Evening round", "Lost answers") == []
        page.click(f"[data-round='{round_id}']")
        page.evaluate("navigator.serviceWorker.ready.then(() => true)")
        wait_for(
            lambda: page.evaluate("navigator.serviceWorker.controller !== null"), "the worker looks after the page"
        )
        page.click("summary")
        page.fill("#code", patrol.codes[0])
        page.press("#code", "Enter")
        expect(stops(page, "visited")).to_have_count(1)
        expect(page.locator("#stops")).to_contain_text("已到访")
        expect(page.locator("#said")).to_have_text("Roof：已证明位置")
        assert english(page, *names) == []
        context.set_offline(True)
        expect(page.locator("#network")).to_have_text("无网络")
        page.reload()
        page.click("summary")
        page.fill("#code", patrol.codes[1])
        page.press("#code", "Enter")
        expect(page.locator("#stops")).to_contain_text("已存于本机，待发送")
        assert english(page, *names) == []
        page.click("#report")
        assert english(page, *names) == []
        page.fill("#report-text", "水泵下有积水")
        page.click("#report-send")
        page.click("#skip")
        assert english(page, *names) == []
        page.fill("#skip-reason", "上锁")
        page.click("#skip-send")
        expect(page.locator("#waiting")).to_have_text("3 项待发送")
        context.set_offline(False)
        expect(page.locator("#round-state")).to_have_text("有偏差")
        assert english(page, *names) == []
        page.fill("#code", "P1:ROOF:FORGEDFORGEDX")
        page.press("#code", "Enter")
        expect(page.locator("#said")).to_contain_text("伪造")
        assert english(page, *names) == []
    context.close()


def test_a_display_shows_the_code_of_the_moment(patrol: Patrol, chromium: Browser) -> None:
    services = patrol.building.services
    with services.database.write() as session:
        secret = services.patrols.points.new_display(session, "gate", "anna", patrol.building.now())
        key = services.patrols.points.current_key(session, services.patrols.points.get(session, "gate")).key
    context = chromium.new_context(viewport={"width": 800, "height": 1000})
    page = context.new_page()  # nobody is logged in
    wrong = watch(page)
    page.goto(f"{patrol.url}/patrols/display/{secret}")
    expect(page.locator("#code svg")).to_be_visible()
    image = Image.open(io.BytesIO(page.screenshot())).convert("L")
    [shown] = zxingcpp.read_barcodes(image)
    window = window_at(round(time.time() * 1000))
    assert shown.text in [rotating_code("gate", key, window - n) for n in (0, 1)]
    assert wrong == []
    assert page.goto(f"{patrol.url}/patrols/display/nobody").status == 404
    context.close()
    context = chromium.new_context(locale="zh-CN")  # a tablet that somebody set up in Chinese
    page = context.new_page()
    page.goto(f"{patrol.url}/patrols/display/{secret}")
    expect(page.locator("#code svg")).to_be_visible()
    assert english(page, "Main gate") == []
    context.close()


@pytest.mark.parametrize("width", [360, 1920])
def test_a_supervisor_makes_a_point_and_a_route_and_follows_its_round(
    patrol: Patrol, chromium: Browser, width: int
) -> None:
    context = chromium.new_context(viewport={"width": width, "height": 900})
    page = log_in(context, patrol.url, "anna")
    wrong = watch(page)
    page.goto(patrol.url + "/patrols/points/new")
    page.fill("#id", "Not An Id")
    page.fill("#name", "Attic")
    page.click("#save")
    expect(page.locator("#id-problem")).to_contain_text("lower-case")
    page.fill("#id", f"attic-{width}")
    page.click("#save")
    expect(page.locator(".qr-box svg")).to_be_visible()
    page.fill("#rotate-reason", "label copied")
    page.click("#rotate")
    page.click("#ask button[value=yes]")
    expect(page.get_by_text("Key 2")).to_be_visible()
    page.goto(patrol.url + "/patrols/routes/new")
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    page.fill("#name", f"Attic round {width}")
    page.fill("#rule", "FREQ=DAILY;BYHOUR=99")
    expect(page.locator("#preview")).to_contain_text("0..23")
    page.fill("#rule", "FREQ=DAILY;BYHOUR=6,22;BYMINUTE=0")
    expect(page.locator("#preview time").first).to_be_visible()
    page.locator("select[name=point]").nth(0).select_option("roof")
    page.locator("select[name=point]").nth(1).select_option(f"attic-{width}")
    page.click("#save")
    row = page.locator(".list-group-item", has_text=f"Attic round {width}")
    expect(row).to_contain_text("2 points")
    row.get_by_role("button", name="Walk it now").click()
    settle(page)
    expect(page.get_by_role("heading", name=f"Attic round {width}")).to_be_visible()
    told = "new Promise(tell => document.addEventListener('live:telemetry', () => tell(true), {once: true}))"
    assert page.evaluate(told)  # from now on the page is told what changes
    services = patrol.building.services
    round_id = int(page.url.rsplit("/", 1)[1])
    at = patrol.building.now()
    with services.database.write() as session:
        services.patrols.rounds.skip(session, services.patrols.rounds.get(session, round_id), 1, "locked", "tom", at)
    expect(page.get_by_text("left out by tom: locked")).to_be_visible(timeout=20_000)
    with services.database.write() as session:
        services.patrols.rounds.judge(session, services.patrols.rounds.get(session, round_id), at + timedelta(hours=2))
    expect(page.locator(".badge.bg-red-lt", has_text="missed").first).to_be_visible(timeout=20_000)
    page.reload()
    page.fill("#review-note", "the attic is closed this week")
    page.click("#review")
    settle(page)
    expect(page.get_by_text("reviewed by anna")).to_be_visible()
    for path in ("/patrols", "/patrols?show=missed", "/patrols/points", "/patrols/routes", "/patrols/visits?show=all",
                 "/patrols/points/roof", f"/patrols/rounds/{round_id}", "/patrols/walk"):  # fmt: skip
        page.goto(patrol.url + path)
        page.wait_for_load_state()
        assert page.evaluate("document.documentElement.scrollWidth") <= width, path
        found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]})
        assert found.violations_count == 0, found.generate_report()
    pdf = context.request.get(f"{patrol.url}/api/v1/patrols/labels.pdf?point=roof&point=boiler-room")
    assert pdf.headers["content-type"] == "application/pdf"
    assert pdf.body().startswith(b"%PDF")
    refused = context.request.get(f"{patrol.url}/api/v1/patrols/labels.pdf?point=gate")
    assert refused.status == 409
    assert [text for text in wrong if "409" not in text] == []
    context.close()

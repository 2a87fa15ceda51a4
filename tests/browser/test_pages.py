"""The pages in real Chromium, against a lab of real processes: the whole way of a technician."""

import json
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect

from tests.acceptance.test_lab import until
from tests.browser.conftest import settle
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

PLANT = Path(__file__).parents[2] / "configs" / "scenarios" / "plant.yaml"


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A running lab; its lab.json."""
    folder = tmp_path_factory.mktemp("lab")
    program = str(Path(sys.executable).parent / "plantroom-sim")
    process = subprocess.Popen(
        [program, "lab", "--scenario", PLANT, "--data", str(folder), "--port", str(free_port())],
        stdout=subprocess.DEVNULL,
        preexec_fn=die_with_parent,
    )
    try:
        yield until(lambda: json.loads((folder / "lab.json").read_text()), 120, "lab.json is written")
    finally:
        process.terminate()
        process.wait(120)


@pytest.mark.parametrize("width", [360, 1920])
def test_from_the_alarm_to_the_finished_work_order(lab: dict[str, Any], browser: Browser, width: int) -> None:
    errors: list[str] = []
    foreign: list[str] = []
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if width < 500 else "light"
    )
    page = context.new_page()
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    page.on("request", lambda request: foreign.append(request.url) if not request.url.startswith(lab["web"]) else None)

    page.goto(lab["web"])
    page.fill("#name", lab["login"]["name"])
    page.fill("#password", lab["login"]["password"])
    page.click("button.btn-primary")
    expect(page.get_by_text("Pump bearing hot").first).to_be_visible(timeout=60_000)  # arrives without reload
    for path in (
        "/",
        "/devices",
        "/devices/gw-plant.pump-1",
        "/alarms",
        "/work-orders",
        "/gateways",
        "/rules",
        "/quarantine",
    ):
        page.goto(lab["web"] + path)
        _fits(page, width)
    page.goto(lab["web"] + "/alarms/1")
    if width == 360:
        page.click("#acknowledge")
        settle(page)
        expect(page.get_by_text("acknowledged").first).to_be_visible()
        page.goto(lab["web"] + "/work-orders/1")
        for step in ("claim", "start"):
            page.click(f"#step-{step}")
            settle(page)
        page.fill("#note", "greased the bearing")
        page.click("#step-complete")
        settle(page)
    page.goto(lab["web"] + "/work-orders/1")
    expect(page.get_by_text("done, being verified").first).to_be_visible()
    assert errors == []
    assert foreign == []
    context.close()


def _fits(page: Page, width: int) -> None:
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} is wider than {width} px"

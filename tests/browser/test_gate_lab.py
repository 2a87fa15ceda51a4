"""A gate opened from the page: browser, control plane, broker, gateway, relay board and limit switch, all of them real
processes; and a card that opens it while somebody looks on."""

import json
import re
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from tests.acceptance.test_lab import until
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

SCENARIO = """
name: A gate
site: yard
site_name: Yard
history_days: 0
gateways:
  - id: gw-gate
    label: Gate house
    buses:
      - {id: gates, type: barrier-tcp}
      - {id: readers, type: osdp}
    devices:
      - {id: gate-yard, bus: gates, label: Yard barrier, travel_s: 1.5, auto_close_s: 60}
      - {id: reader-in, bus: readers, address: 1, gate: gate-yard, label: Reader outside}
set_up:
  - {post: access/zones, body: {id: yard, site_id: yard, name: Yard}}
  - {post: access/groups, body: {id: staff, site_id: yard, name: Staff, grants: [{zone: yard}]}}
  - {post: access/people, body: {id: ida, site_id: yard, name: Ida Berg, groups: [staff], cards: [{key: "w26:12:101"}]}}
  - {post: access/gates/gw-gate.gate-yard/configure, body: {inside: yard}}
"""


@pytest.fixture(scope="module")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, Any]]:
    """A running lab; its lab.json and its folder."""
    folder = tmp_path_factory.mktemp("gate-lab")
    (folder / "scenario.yaml").write_text(SCENARIO)
    program = str(Path(sys.executable).parent / "plantroom-sim")
    with (folder / "lab.log").open("wb") as log:
        process = subprocess.Popen(
            [program, "lab", "--scenario", folder / "scenario.yaml", "--data", folder, "--port", str(free_port())],
            stdout=log, stderr=log, preexec_fn=die_with_parent,
        )  # fmt: skip
    try:
        found = until(lambda: json.loads((folder / "lab.json").read_text()), 120, "lab.json is written")
        yield found | {"folder": folder}
    finally:
        process.terminate()
        process.wait(120)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


def told(lab: dict[str, Any], request: dict[str, Any]) -> Any:
    """Ask the simulators: one JSON line in, one out."""
    with socket.socket(socket.AF_UNIX) as line:
        line.connect(str(lab["folder"] / "control.sock"))
        line.sendall(json.dumps(request).encode() + b"\n")
        answer = json.loads(line.makefile().readline())
    assert "error" not in answer, answer
    return answer["result"]


def pulses(lab: dict[str, Any]) -> tuple[int, int]:
    """How often the board was told to open and to close, as the simulator counted."""
    counts = told(lab, {"do": "counts"})["gate-yard"]
    return counts["open_pulses"], counts["close_pulses"]


def ask_gate(page: Page, button: str, why: str) -> None:
    page.get_by_label("Why").fill(why)
    page.get_by_role("button", name=button, exact=True).click()


@pytest.mark.parametrize("width", [360, 1920])
def test_a_gate_is_opened_from_the_page_and_confirmed(lab: dict[str, Any], browser: Browser, width: int) -> None:
    context = browser.new_context(viewport={"width": width, "height": 900})
    page = context.new_page()
    page.goto(lab["web"])
    page.fill("#name", lab["login"]["name"])
    page.fill("#password", lab["login"]["password"])
    page.click("button.btn-primary")
    page.wait_for_url(lab["web"] + "/")
    page.goto(lab["web"] + "/gates")
    badge = page.locator(".badge")
    expect(badge.get_by_text("closed", exact=True)).to_be_visible(timeout=60_000)
    opened, closed = pulses(lab)
    ask_gate(page, "Open", f"delivery at {width}")
    expect(page.get_by_text(f"delivery at {width} · limit switch 'open' reached").first).to_be_visible(timeout=20_000)
    expect(page.get_by_text("confirmed").first).to_be_visible()
    expect(badge.get_by_text("open", exact=True)).to_be_visible(timeout=20_000)  # without reload
    assert pulses(lab) == (opened + 1, closed)
    ask_gate(page, "Close", "")
    expect(page.get_by_text("limit switch 'closed' reached").first).to_be_visible(timeout=20_000)
    expect(badge.get_by_text("closed", exact=True)).to_be_visible(timeout=20_000)
    assert pulses(lab) == (opened + 1, closed + 1)
    context.close()


def test_a_card_opens_the_gate_and_the_log_shows_it_live(lab: dict[str, Any], browser: Browser) -> None:
    context = browser.new_context(viewport={"width": 1280, "height": 900})
    page = context.new_page()
    page.goto(lab["web"])
    page.fill("#name", lab["login"]["name"])
    page.fill("#password", lab["login"]["password"])
    page.click("button.btn-primary")
    page.wait_for_url(lab["web"] + "/")
    page.goto(lab["web"] + "/gates/gw-gate.gate-yard")
    expect(page.get_by_text(re.compile(r"list (\d+), gateway has \1"))).to_be_visible(timeout=30_000)
    opened, _ = pulses(lab)
    card = {"do": "act", "device": "reader-in", "action": "card", "args": {"facility": 12, "number": 101}}
    until(lambda: _shown(lab, card, page), 90, "the card is granted")
    line = page.locator("#passed li").first
    expect(line).to_contain_text("Ida Berg")
    expect(line).to_contain_text("limit switch 'open' reached")
    assert pulses(lab)[0] == opened + 1
    context.close()


def _shown(lab: dict[str, Any], card: dict[str, Any], page: Page) -> bool:
    """Show it; right after the start of the reader it is doubtful, and opens nothing."""
    told(lab, card)
    page.wait_for_timeout(2_500)
    return "Ida Berg" in page.locator("#passed").inner_text() and "granted" in page.locator("#passed").inner_text()

"""A bag's life in real Chromium: label, collection, store, manifest, balance; wide and on a phone."""

import os
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, Page, expect, sync_playwright

from plantroom_cloud.waste.label import label_text
from plantroom_shared.batch import Batch, DeviceRows, Event
from plantroom_shared.messages import VERSION, BirthDevice, Metric
from tests.browser.building import GATEWAY, PASSWORD, Building, ms_of
from tests.browser.conftest import settle

PIN = "4711"


class Hospital:
    """A ward and a store, each with a scale and a scanner, behind one gateway."""

    def __init__(self, folder: Path) -> None:
        self.building = Building(folder)
        self.building.start()
        self.building.enrol(
            [
                BirthDevice(device=f"{where}-{what}", label=f"{where.capitalize()} {what}", profile="p", kind=what,
                            station=station)
                for where, station in (("ward", "ward-3"), ("store", "waste-store"))
                for what in ("scale", "scanner")
            ]
            + [BirthDevice(device="store-climate", label="Store climate", profile="c", kind="sensor",
                           metrics=[Metric(name="temperature", label="Temperature", unit="°C")])]
        )  # fmt: skip
        self._seq = 0
        services, at = self.building.services, self.building.now()
        with services.database.write() as session:
            services.departments.add(session, "ward-3", "main", "Ward 3", [])
            services.departments.add(session, "theatre", "main", "Operating theatre", ["anna"])
            services.waste.signing.set_pin(session, services.users.get(session, "anna"), PIN, at)

    def weigh(self, code: str, kg: float, where: str = "ward", ago_s: float = 0) -> None:
        """The label is scanned, then the bag is weighed."""
        moment = self.building.now() - timedelta(seconds=ago_s)
        station = "ward-3" if where == "ward" else "waste-store"
        self._seq += 1
        scan = {"kind": "label", "text": label_text(code), "station": station}
        weighing = {"kg": kg, "value": kg, "unit": "kg", "stable": True, "raw": "00", "station": station}
        events = [
            Event(id=f"s{self._seq}", kind="scan", time=ms_of(moment) - 3000, device=f"{where}-scanner", data=scan),
            Event(id=f"w{self._seq}", kind="weighing", time=ms_of(moment), device=f"{where}-scale", data=weighing),
        ]
        at = ms_of(self.building.now())
        self.building.send(
            "data",
            Batch(v=VERSION, gateway=GATEWAY, outbox="e", stream="events", seq=self._seq, boot="b", sent_at=at,
                  events=events),
        )  # fmt: skip


@pytest.fixture(scope="module")
def hospital(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Hospital]:
    hospital = Hospital(tmp_path_factory.mktemp("hospital"))
    yield hospital
    hospital.building.stop()


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


@pytest.mark.parametrize(("width", "department"), [(360, "ward-3"), (1920, "theatre")])
def test_a_bags_life(hospital: Hospital, browser: Browser, width: int, department: str) -> None:
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if width < 500 else "light"
    )
    page, errors = context.new_page(), []
    page.on("console", lambda message: errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: errors.append(str(error)))
    url = hospital.building.url
    _log_in(page, url, "tom")

    page.goto(f"{url}/waste/labels")
    page.select_option("#department", department)
    page.select_option("#kind", "sharps")
    page.locator("#make").evaluate("(button) => { button.form.noValidate = true }")
    page.fill("#count", "0")
    page.click("#make")
    expect(page.locator("#count + .invalid-feedback")).to_contain_text("use 1 to")
    expect(page.locator("#kind")).to_have_value("sharps")  # what was chosen is still there
    _look(page, width, "labels-wrong")
    page.fill("#count", "3")
    page.click("#make")
    settle(page)
    expect(page.locator(".label-one")).to_have_count(3)
    _look(page, width, "labels")
    pdf = page.request.get(url + str(page.locator("#pdf").get_attribute("href")))
    assert pdf.body().startswith(b"%PDF")
    code = page.url.split("code=")[1].split("&")[0]

    page.goto(f"{url}/waste/collect")
    page.fill("#code", label_text(code).lower())
    page.keyboard.press("Enter")
    page.click("#record-produced")
    hospital.weigh(code, 5.0)
    expect(page.locator("#weight")).to_have_text("5.00 kg")  # arrives without reload
    page.click("#sign-collector")
    expect(page.get_by_text("tom (logged in)")).to_be_visible()
    for pin in ("0815", PIN):
        ward = page.locator("form", has=page.locator("#pin-ward"))
        ward.locator("[name=name]").fill("anna")
        ward.locator("[name=pin]").fill(pin)
        _look(page, width, "collect")
        ward.locator("#pin-ward").click()
        if pin != PIN:
            expect(page.locator("#error")).to_contain_text("name or PIN is wrong")
    expect(page.locator("#complete")).to_be_visible()

    page.goto(f"{url}/waste/bags/{code}")
    hospital.weigh(code, 4.2, "store")
    expect(page.get_by_text("Weight of a bag differs").first).to_be_visible()
    _look(page, width, "bag")
    page.goto(f"{url}/waste")
    expect(page.get_by_text("Weight of a bag differs").first).to_be_visible()
    _look(page, width, "waste")

    page.click("#you")
    page.click("#log-out")
    _log_in(page, url, "anna")
    page.goto(f"{url}/waste/bags/{code}")
    page.fill("#reason", "a second bag was tied to it")
    with page.expect_response(lambda answer: answer.request.headers.get("hx-request") == "true"):
        page.evaluate("document.getElementById('live').dispatchEvent(new Event('live'))")
    expect(page.locator("#reason")).to_have_value("a second bag was tied to it")
    page.click("#explain")
    settle(page)
    expect(page.locator("#explain")).to_have_count(0)

    page.goto(f"{url}/waste/manifests")
    page.fill("#carrier", "EcoMed")
    page.fill("#vehicle", "B-EM 123")
    _look(page, width, "manifests")
    page.click("#make")
    settle(page)
    page.fill("[name=carrier_signature]", "D. River")
    page.click("#ship")
    settle(page)
    page.fill("[name=certificate]", f"CERT-{width}")
    page.click("#destroy")
    settle(page)
    expect(page.get_by_text(f"CERT-{width}")).to_be_visible()
    _look(page, width, "manifest")
    page.goto(f"{url}/waste/bags/{code}")
    expect(page.locator(".chain-step.done")).to_have_count(5)
    _look(page, width, "bag-end")

    hospital.weigh("7F3K9QWE", 2.0, ago_s=500)
    for path in (
        "/weighings",
        "/waste/balance?by=day&by=type&by=department",
        "/waste/settings",
        "/stations",
        "/departments",
    ):
        page.goto(url + path)
        _look(page, width, path.strip("/").split("?")[0].replace("/", "-"))
    page.goto(f"{url}/waste/settings")
    page.fill("#text", page.locator("#text").input_value().replace("- weight", "- wait", 1))
    page.click("#save")
    expect(page.locator("#error")).to_contain_text("'wait' is no record")
    assert [error for error in errors if "422" not in error and "401" not in error] == []
    context.close()


def test_a_forgotten_ward_and_a_warm_store_are_seen(hospital: Hospital, browser: Browser) -> None:
    services, at = hospital.building.services, hospital.building.now()
    climate = {"device": f"{GATEWAY}.store-climate", "metric": "temperature", "above": 20}
    with services.database.write() as session:
        services.departments.add(session, "dialysis", "main", "Dialysis", [])
        services.waste.print_labels(session, "dialysis", "sharps", 1, "tom", at - timedelta(hours=60))
        _version, document = services.waste.rules.document(session)
        document["stages"][2]["climates"] = [climate]
        services.waste.put_in_force(session, document, "root", at)
    for width in (360, 1920):
        page = browser.new_page(
            viewport={"width": width, "height": 900}, color_scheme="dark" if width < 500 else "light"
        )
        _log_in(page, hospital.building.url, "vera")
        page.goto(f"{hospital.building.url}/waste")
        expect(page.locator("#wards .tile-alarm")).to_contain_text("Dialysis")
        expect(page.locator("#wards .tile-alarm")).to_contain_text("No pickup for 48 h")
        for degrees, told in ((18.5, "Store climate: 18.5 °C"), (21.5, "▲ Store climate: 21.5 °C, at most 20")):
            values: dict[str, list[Any]] = {"temperature": [degrees]}
            hospital.building.readings(
                [DeviceRows(device="store-climate", times=[ms_of(hospital.building.now())], values=values)]
            )
            expect(page.get_by_text(told, exact=True)).to_be_visible(timeout=20_000)  # arrives without reload
        _look(page, width, "waste-wards")
        page.close()


def test_a_viewer_signs_nothing(hospital: Hospital, browser: Browser) -> None:
    page = browser.new_page()
    _log_in(page, hospital.building.url, "vera")
    page.goto(f"{hospital.building.url}/waste/collect")
    expect(page.get_by_text("needs the role technician")).to_be_visible()
    page.close()


def _log_in(page: Page, url: str, name: str) -> None:
    page.goto(f"{url}/login")
    page.fill("#name", name)
    page.fill("#password", PASSWORD)
    page.click("button.btn-primary")
    page.wait_for_url(f"{url}/")


def _look(page: Page, width: int, name: str) -> None:
    """Nothing is wider than the screen; with PLANTROOM_SHOTS=folder a picture is kept."""
    assert page.evaluate("document.documentElement.scrollWidth") <= width, f"{page.url} is wider than {width} px"
    if folder := os.environ.get("PLANTROOM_SHOTS"):
        page.screenshot(path=f"{folder}/{name}-{width}.png", full_page=True)

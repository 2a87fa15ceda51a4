"""Every page there is, with data and without, wide and narrow, light and dark: it fits, is accessible, calls nobody."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from fastapi.routing import APIRoute
from playwright.sync_api import Browser, expect

from plantroom_cloud.app import PAGES
from tests.browser.building import Building, crowd, furnish
from tests.browser.conftest import DESK, PHONE, Visitor, visit

#: Pages of one object each; those without a parameter are found by themselves.
OBJECTS = [
    "/alarms/1",
    "/devices/gw-a.pump-1",
    "/devices/gw-a.gw-a",
    "/gateways/gw-a",
    "/quarantine/1",
    "/quarantine/2",
    "/rules/1",
    "/rules/5",
    "/users/tom",
    "/work-orders/1",
]
#: Not pages: parts of one, or files.
PARTS = {"/rules/metrics", "/rules/severity", "/notifications/bell", "/patrols/routes/preview"}
SCREENS = [(PHONE, "dark"), (DESK, "light")]


LISTS = sorted(
    route.path
    for pages in PAGES
    for route in pages.router.routes
    if isinstance(route, APIRoute)
    and "GET" in (route.methods or ())
    and "{" not in route.path
    and route.path not in PARTS
    and "." not in route.path
)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("full"))
    building.start()
    furnish(building)
    yield building
    building.stop()


@pytest.fixture(scope="module")
def empty(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("empty"))
    building.start()
    yield building
    building.stop()


@pytest.fixture(scope="module", params=SCREENS, ids=lambda screen: f"{screen[0]}-{screen[1]}")
def at_full(request: pytest.FixtureRequest, browser: Browser, full: Building) -> Iterator[Visitor]:
    context, visitor = visit(browser, full.url, *request.param)
    visitor.log_in()
    yield visitor
    context.close()


@pytest.fixture(scope="module", params=SCREENS[:1], ids=lambda screen: f"{screen[0]}-{screen[1]}")
def at_empty(request: pytest.FixtureRequest, browser: Browser, empty: Building) -> Iterator[Visitor]:
    context, visitor = visit(browser, empty.url, *request.param)
    visitor.log_in()
    yield visitor
    context.close()


@pytest.mark.parametrize("path", [*LISTS, *OBJECTS])
def test_a_page_with_data_fits_and_is_accessible(at_full: Visitor, path: str) -> None:
    assert at_full.open(path) == 200
    at_full.page.wait_for_load_state("load")
    expect(at_full.page.locator("h1:visible")).to_have_count(1)  # it says what it is, by script perhaps
    found = Axe().run(at_full.page, options={"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]})
    assert found.violations_count == 0, found.generate_report()
    at_full.check()


@pytest.mark.parametrize("path", LISTS)
def test_a_page_without_data_says_so(at_empty: Visitor, path: str) -> None:
    assert at_empty.open(path) == 200
    at_empty.page.wait_for_load_state("load")
    at_empty.check()


def test_many_devices_fit(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    building = Building(tmp_path_factory.mktemp("many"))
    building.start()
    crowd(building, 500)
    context, visitor = visit(browser, building.url, PHONE)
    visitor.log_in()
    assert visitor.page.locator("#headline").inner_text() == "All 500 devices are healthy."
    visitor.check()
    visitor.open("/devices?kind=pump&p=10")
    assert visitor.page.locator("tbody tr").count() == 50
    visitor.page.get_by_role("link", name="Previous").click()
    visitor.page.wait_for_url("**p=9")
    visitor.check()
    context.close()
    building.stop()

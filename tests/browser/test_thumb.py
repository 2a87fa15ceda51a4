"""By thumb: what a technician touches is large enough, the readings are there to be seen, and axe finds nothing."""

from collections.abc import Iterator

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect

from tests.browser.building import PASSWORD, Building, furnish
from tests.browser.conftest import settle

#: Of WCAG 2.5.5, px.
THUMB = 44
#: What is touched and stands on its own; a link within a sentence is exempt.
SMALL = """(least) => [...document.querySelectorAll("button, select, textarea, .btn, .form-control, input[type=text]")]
    .map((element) => [element, element.getBoundingClientRect()])
    .filter(([, box]) => box.height > 0 && box.height < least)
    .map(([element, box]) => `${element.id || element.className} ${box.height}`)"""


@pytest.fixture(scope="module")
def building(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Building]:
    building = Building(tmp_path_factory.mktemp("building"))
    building.start()
    furnish(building)
    yield building
    building.stop()


@pytest.fixture(scope="module", params=["light", "dark"])
def phone(request: pytest.FixtureRequest, building: Building, browser: Browser) -> Iterator[Page]:
    """Tom's."""
    context = browser.new_context(
        viewport={"width": 360, "height": 740}, color_scheme=request.param, has_touch=True, is_mobile=True
    )
    page = context.new_page()
    page.goto(f"{building.url}/login?next=/my")
    page.fill("#name", "tom")
    page.fill("#password", PASSWORD)
    page.tap("button.btn-primary")
    page.wait_for_url(f"{building.url}/my")
    yield page
    context.close()


def _sound(page: Page) -> None:
    settle(page)
    assert page.evaluate(SMALL, THUMB) == []
    found = Axe().run(page, options={"runOnly": ["wcag2a", "wcag2aa"], "resultTypes": ["violations"]})
    assert found.response["violations"] == []


def test_the_readings_that_raised_it_stand_on_the_task(phone: Page) -> None:
    phone.tap("#tab-pool")
    phone.locator("#cards button", has_text="Pump bearing hot").tap()
    expect(phone.locator("#task-chart polyline")).to_be_visible()
    expect(phone.locator("#task-span")).to_contain_text("to 9")
    _sound(phone)


@pytest.mark.parametrize(
    "path", ["/", "/alarms", "/alarms/1", "/work-orders", "/work-orders/1", "/parts", "/on-call", "/devices", "/plans"]
)
def test_a_page_is_made_for_a_thumb(building: Building, phone: Page, path: str) -> None:
    answer = phone.goto(building.url + path)
    assert answer is not None
    assert answer.status == 200
    assert phone.evaluate("document.documentElement.scrollWidth") <= 360
    _sound(phone)

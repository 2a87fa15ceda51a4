"""Real Chromium, and what a page must never do."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, expect, sync_playwright
from playwright.sync_api import Error as PlaywrightError

from tests.browser.building import PASSWORD, wait_for

PHONE, DESK = 360, 1920

#: A page may take its time on a busy machine: no test here is one of speed.
PATIENCE_MS = 60_000
expect.set_options(timeout=PATIENCE_MS)


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    """Of this module's own: the synchronous Playwright must not outlive it, for other tests run event loops."""
    arguments = ["--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--disable-background-networking"]
    with sync_playwright() as playwright:
        chromium = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=arguments)
        yield chromium
        chromium.close()


def settle(page: Page) -> None:
    """Until no short form is under way and the page that followed it is there."""
    waits = "document.readyState !== 'complete' || document.querySelector('form[data-here][data-sent]') !== null"

    def settled() -> bool:
        try:
            return not page.evaluate(waits)
        except PlaywrightError:  # the page is just being left
            return False

    wait_for(settled, f"{page.url} comes to rest")


@dataclass
class Visitor:
    """A page with what went wrong on it: errors of the console, requests that left the machine."""

    page: Page
    url: str
    width: int
    errors: list[str] = field(default_factory=list)
    foreign: list[str] = field(default_factory=list)

    def log_in(self, name: str = "anna", password: str = PASSWORD) -> None:
        self.page.goto(f"{self.url}/login")
        self.page.fill("#name", name)
        self.page.fill("#password", password)
        self.page.click("button.btn-primary")
        self.page.wait_for_url(lambda url: "/login" not in url)

    def settle(self) -> None:
        settle(self.page)

    def open(self, path: str) -> int:
        """The status; what went wrong on earlier pages is forgotten."""
        self.settle()
        self.errors.clear()
        self.foreign.clear()
        answer = self.page.goto(self.url + path)
        assert answer is not None
        status: int = answer.status
        return status

    def check(self) -> None:
        """Nothing went wrong so far, and the page fits its screen."""
        self.settle()
        assert self.errors == []
        assert self.foreign == []
        width = self.page.evaluate("document.documentElement.scrollWidth")
        assert width <= self.width, f"{self.page.url} is {width} px wide on a screen of {self.width}"


def visit(browser: Browser, url: str, width: int, scheme: str = "light") -> tuple[BrowserContext, Visitor]:
    """A new visitor with nothing in his browser; close the context in the end."""
    context = browser.new_context(
        viewport={"width": width, "height": 900}, color_scheme="dark" if scheme == "dark" else "light"
    )
    page = context.new_page()
    visitor = Visitor(page, url, width)
    page.on("console", lambda message: visitor.errors.append(message.text) if message.type == "error" else None)
    page.on("pageerror", lambda error: visitor.errors.append(str(error)))
    page.on("request", lambda request: visitor.foreign.append(request.url) if not request.url.startswith(url) else None)
    return context, visitor

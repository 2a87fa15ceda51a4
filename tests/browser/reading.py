"""What a person reads and hears on a page."""

import re
from collections.abc import Iterator
from contextlib import contextmanager

from playwright.sync_api import Page

from plantroom_cloud.language import CHINESE
from tests.browser.building import Building

_READ = """() => {
  const seen = (element) => element.checkVisibility();
  const said = [...document.querySelectorAll("[aria-label], [title], [placeholder], [alt]")].filter(seen)
    .flatMap((element) => ["aria-label", "title", "placeholder", "alt"].map((name) => element.getAttribute(name)));
  const choices = [...document.querySelectorAll("select")].filter(seen).flatMap((element) => [...element.options]);
  const shown = [document.title, document.body.innerText, ...said, ...choices.map((choice) => choice.text)];
  return shown.filter(Boolean).join("\\n");
}"""


def english(page: Page, *own: str) -> list[str]:
    """English words on a page: seen, heard or to choose from; those of `own` are people's names for things."""
    text: str = page.evaluate(_READ)
    for name in sorted(own, key=len, reverse=True):
        text = text.replace(name, "")
    return re.findall(r"[A-Za-z][A-Za-z'’-]+", text.replace("Plantroom", ""))


@contextmanager
def reads_chinese(building: Building, name: str) -> Iterator[None]:
    """Somebody has chosen Chinese."""
    accounts = building.services.accounts
    with building.services.database.write() as session:
        accounts.choose_language(session, name, CHINESE)
    try:
        yield
    finally:
        with building.services.database.write() as session:
            accounts.choose_language(session, name, "")

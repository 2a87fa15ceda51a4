"""Somebody who chose Chinese finds no English on any page of a furnished building, but names and signs."""

import re
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import urldefrag

import pytest
from fastapi.testclient import TestClient
from httpx import Response
from sqlmodel import select

from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.language import CHINESE
from plantroom_cloud.services import Services, build
from plantroom_cloud.sites.models import Site
from plantroom_cloud.users.models import LoginSession
from plantroom_cloud.web.marking import READ
from plantroom_shared.clock import SystemClock
from tests.fakes.furnished import Furnished

PASSWORD = "correct horse battery"
_WORD = re.compile(r"[A-Za-z][A-Za-z'’]+(?:-[A-Za-z]+)*")
#: Pages of one kind looked at.
_OF_A_KIND = 3
#: Forms after which nobody is logged in, or reads another language.
_ENDS = re.compile("logout|language|end-sessions|remove|delete|password")
#: What is the same in every language: signs, standards, formats, names of services and units.
SIGNS = re.compile(
    "Plantroom|English|QR|ID|PIN|CSV|XLSX|PDF|URL|API|MQTT|JSON|HTTP|UTC|NTP|IEC|ISA|EN|ISO|SMRP|MTBF|MTTR|SLA|PWA|CPU"
    "|WeCom|DingTalk|Feishu|Telegram|Slack|Teams|SMS|Apprise|[Ww]ebhook|YAML|SD|TLS|HH|LL|Errno"
    "|kW|kWh|MB|GB|kB|ms|min|kg|mm|bar|rpm|EUR"
)
#: What people called things in this building, and what a field shows as an example of what is typed.
OWN = re.compile(
    r"gw-a(\.[\w-]+)?|Main|main|HVAC|hvac|anna|tom|Tom|Hot|Leak|Office|office|Pump|pump|gate\b|Grease|seal|Seal|Roof|roof"
    r"|Round|Yard|yard|Day|Crew|crew|Eva|eva|Ward|ward|Carrier|Crane|Dry|Pressure|scanner-1|scale-1|P1|test\b"
    r"|x/[\w-]+|[A-Z][A-Za-z]+(/[A-Z][A-Za-z]+)+|\bAll\b|w26[:\d]*|nonsense|(a|plate)\.jpg|[0-9A-Z]{4} ?[0-9A-Z]{4}\b"
    r"|bag:|pcs|waste-store|A1-\w+|https?:\S*|\[Errno.*|name@example.org|day-shift|night-shift|boiler-room|mo-fr"
    r"|sa, holidays|BRG-6204|BY\b|2026-\S+ to 2026-\S+|fault, bypass|(true|false)\b|state is|temperature >|RFC"
    r"|run_state is running|Bearing( H)?\b|JSON is malformed.*|body\.\w+|列名：.*|127\.0\.0\.1:9/hook"
)


class _Read(HTMLParser):
    """What a person reads or hears of a page, and where its links lead."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.words: list[str] = []
        self.links: list[str] = []
        self.forms: list[str] = []
        self._unread: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Attributes are read as texts are."""
        if tag in ("script", "style", "code", "pre", "textarea"):
            self._unread.append(tag)
        for name, value in attrs:
            if name in READ and value:
                self.words.append(value)
            if name in ("href", "hx-get") and (value or "").startswith("/"):
                self.links.append(str(value))
        given = dict(attrs)
        if tag == "form" and given.get("method") == "post":
            self.forms.append(str(given.get("action")))

    def handle_endtag(self, tag: str) -> None:
        """The end of what nobody reads."""
        if self._unread and self._unread[-1] == tag:
            self._unread.pop()

    def handle_data(self, data: str) -> None:
        """A text."""
        if not self._unread and data.strip():
            self.words.append(" ".join(data.split()))


@pytest.fixture
def services(tmp_path: Path) -> Iterator[Services]:
    config = CloudConfig(
        database_url=f"sqlite:///{tmp_path / 'plantroom.db'}", telemetry=Telemetry(path=tmp_path / "telemetry.db")
    )
    services = build(config, SystemClock())
    yield services
    services.telemetry.store.close()


def test_no_page_in_chinese_says_english(services: Services) -> None:
    building = Furnished(services)
    with services.database.write() as session:
        services.accounts.choose_language(session, "anna", CHINESE)
        session.get_one(Site, "main").timezone = "Asia/Shanghai"
    client = TestClient(building.app, follow_redirects=True, headers={"accept-language": "zh-CN"})
    assert client.post("/login", data={"name": "anna", "password": PASSWORD}).status_code == 200
    english: dict[str, str] = {}
    forms: set[str] = set()

    def read(path: str, answer: Response) -> list[str]:
        """Its links."""
        assert answer.status_code < 500, path
        if "text/html" not in answer.headers.get("content-type", ""):
            return []
        page = _Read(answer.text)
        forms.update(page.forms)
        for text in page.words:
            for word in _WORD.findall(OWN.sub("", text)):
                if not SIGNS.fullmatch(word):
                    english.setdefault(text, path)
        return page.links

    looked_at: dict[str, int] = {}
    waiting, seen = ["/", "/nothing-here", "/alarms/999", "/parts/999"], set()
    while waiting:
        path = urldefrag(waiting.pop(0)).url
        kind = re.sub(r"\d+|gw-a\.[\w-]+|=[^&]*", "#", path)
        if path in seen or looked_at.get(kind, 0) >= _OF_A_KIND or path.startswith(("/api/", "/static/")):
            continue
        seen.add(path)
        looked_at[kind] = looked_at.get(kind, 0) + 1
        waiting += read(path, client.get(path))
    assert len(seen) > 80, "the walk found few pages"
    with services.database.read() as session:
        csrf = session.exec(select(LoginSession)).one().csrf_token
    for path in sorted(forms):  # nothing is filled in: most of them say what is wanted
        if not _ENDS.search(path):
            read(path, client.post(path, data={"csrf_token": csrf}))
    assert not english, "\n".join(f"{path}: {text}" for text, path in english.items())


def test_what_belongs_to_a_site_is_told_by_its_time_and_which_that_is(services: Services) -> None:
    building = Furnished(services)
    with services.database.write() as session:
        session.get_one(Site, "main").timezone = "Asia/Shanghai"
    client = TestClient(building.app, follow_redirects=True)
    client.post("/login", data={"name": "anna", "password": PASSWORD})
    assert 'data-zone="Asia/Shanghai"' in client.get("/alarms").text  # all sites share it
    assert "Times are those of" not in client.get("/alarms/1").text
    with services.database.write() as session:
        session.add(Site(id="other", name="Other", timezone="Europe/Berlin"))
    assert "data-zone" not in client.get("/alarms").text  # of several: the browser's own
    for path in ("alarms/1", "work-orders/1", "devices/gw-a.pump", "gateways/gw-a", "assets/1", "plans/1"):
        page = client.get(f"/{path}").text
        assert 'data-zone="Asia/Shanghai"' in page, path
        assert "Times are those of Asia/Shanghai." in page, path


def test_a_program_is_told_in_english_unless_it_asks_and_a_script_in_the_language_of_its_page(
    services: Services,
) -> None:
    building = Furnished(services)
    path = "/api/v1/alarms/999"
    program = TestClient(building.app, headers=building.headers)
    answer = program.get(path)
    assert (answer.headers["content-language"], answer.json()["detail"]) == ("en", "there is no alarm 999")
    answer = program.get(path, headers={"accept-language": "zh-CN, en;q=0.5"})
    assert (answer.headers["content-language"], answer.json()["detail"]) == (CHINESE, "没有报警 999")
    with services.database.write() as session:
        services.accounts.choose_language(session, "anna", CHINESE)
    assert program.get(path).json()["detail"] == "there is no alarm 999"  # whose token it is says not who reads
    browser = TestClient(building.app, headers={"accept-language": "en"})
    browser.post("/login", data={"name": "anna", "password": PASSWORD})
    answer = browser.get(path)
    assert (answer.json()["title"], answer.json()["detail"]) == ("未找到", "没有报警 999")

"""Templates to pages."""

from collections.abc import Callable
from contextlib import AbstractContextManager
from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from markupsafe import Markup
from starlette.responses import Response

from plantroom_cloud import language
from plantroom_cloud.alarms.form import comparison
from plantroom_cloud.alarms.source import source_name
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.language import Reader, decimal, gettext, span
from plantroom_cloud.plans.often import often
from plantroom_cloud.users.models import User
from plantroom_cloud.web.marking import Marking
from plantroom_cloud.web.nav import navigation
from plantroom_shared.said import Own, both, either, said

STATIC = Path(__file__).parent / "static"
#: Of pages with a camera: the reader of codes is WebAssembly where the browser brings none, and photos are shown before
#: they are sent.
CAMERA_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
#: Cookie: the language that somebody chose in this browser.
SPOKEN = "plantroom_language"
_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


def when(value: datetime | None) -> str:
    """A moment; the browser shows it in its own time zone (live.js)."""
    return value.astimezone(UTC).isoformat(timespec="seconds") if value is not None else ""


def number(value: Any) -> str:
    """A value for people: four significant digits, thousands apart."""
    if isinstance(value, bool):
        return gettext("yes") if value else gettext("no")
    if not isinstance(value, (int, float)):
        return "–" if value is None else str(value)
    if abs(value) >= 1000:
        return decimal(value)
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """For people: "45 s", "10 min", "2 h"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return span(seconds / size, unit)
    return span(seconds, "s")


def hours(seconds: float) -> str:
    """A span for people, to the minute; to the second below an hour: "26 h 05 min", "4 min 07 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{span(whole // 3600, 'h')} {span(whole % 3600 // 60, 'min', '02d')}"
    return f"{span(whole // 60, 'min')} {span(whole % 60, 's', '02d')}" if whole >= 60 else span(whole, "s")


def money(amount: Decimal) -> str:
    """Hundredths, thousands apart."""
    return decimal(float(amount), 2)


def working(seconds: float) -> str:
    """Working time for people, to the minute: "45 min", "3 h 20 min"; less than a minute in seconds."""
    if seconds < 60:
        return span(seconds, "s", ".0f")
    hours, minutes = divmod(int(seconds) // 60, 60)
    parts = ([span(hours, "h")] if hours else []) + ([span(minutes, "min")] if minutes or not hours else [])
    return " ".join(parts)


def condition(rule: Any) -> str:
    """When an alarm rule raises, in words."""
    metric, operator, more = Own(rule.metric or ""), rule.operator or "", rule.more
    other = Own(more.get("other"))
    match str(rule.kind.value):
        case "limit" if rule.deadband:
            without = f"{metric} {operator} {number(rule.limit)}"
            return said("%(limit)s, dead-band %(band)s", limit=without, band=number(rule.deadband))
        case "limit":
            return f"{metric} {operator} {number(rule.limit)}"
        case "state":
            return said("%(metric)s is %(states)s", metric=metric, states=either(rule.states))
        case "rate":
            text = "%(metric)s changes by %(operator)s %(limit)s a minute"
            return said(text, metric=metric, operator=operator, limit=number(rule.limit))
        case "deviation":
            text = "%(metric)s is %(operator)s %(limit)s from %(other)s"
            return said(text, metric=metric, operator=operator, limit=number(rule.limit), other=other)
        case "mismatch":
            return said("%(metric)s is not %(other)s", metric=metric, other=other)
        case "stuck":
            window = duration(more.get("window_s", 0))
            return said("%(metric)s does not change for %(window)s", metric=metric, window=window)
        case "counter-reset":
            return said("%(metric)s goes back", metric=metric)
        case "combination":
            parts = [comparison(part) for part in more.get("parts", [])]
            return both(parts) if more.get("every", True) else either(parts)
        case "repeated":
            text = "%(metric)s begins %(times)s times in %(window)s"
            return said(text, metric=metric, times=more.get("count"), window=duration(more.get("window_s", 0)))
        case "no-data":
            if metric:
                return said("%(metric)s does not come", metric=metric)
            return "nothing comes"
        case "gateway-lost":
            return "nothing is heard of the gateway"
        case _:
            return "it is reported"


def pair(row: Any, text: str = "name", key: str = "id") -> tuple[str, str]:
    """An object to an option of a form's choice."""
    return getattr(row, key), getattr(row, text) or getattr(row, key)


def choices(says: str) -> list[str]:
    """The values that an argument of a command takes: "state on|off" to on and off."""
    last = says.split(" ")[-1]
    return last.split("|") if "|" in last else []


def plain(value: Any) -> str:
    """A value as a form's field takes it back."""
    if isinstance(value, float):
        return f"{value:g}" if abs(value) < 1e6 else repr(value)
    return "" if value is None else str(value)


def logged(value: Any) -> str:
    """A value of the audit log."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else number(value)


def worded(value: Any) -> Any:
    """What an expression of a template says by itself, translated where it is a text of the program."""
    return language.worded(str(value)) if isinstance(value, str) and not isinstance(value, Markup) else value


def sentence(value: str) -> str:
    """What begins small, as a sentence of its own."""
    told = language.worded(value)
    end = (
        "" if told.endswith((".", "。", "!", "?")) else "." if language.reader().language == language.ENGLISH else "。"
    )
    named = set(told.split(" ")[0].rstrip(".")) & {".", "_"}  # a field of a body or a query, as programs call it
    return (told if named else told[:1].upper() + told[1:]) + end


def kind(value: str) -> str:
    """A kind of equipment, as people write it: "air handler" for "air-handler"."""
    told = language.worded(value)
    return told if told != value else {"ups": "UPS"}.get(value, value.replace("-", " "))


def _moment(value: datetime | None) -> str:
    return language.moment(value) if value is not None else ""


_templates.env.add_extension("jinja2.ext.i18n")
_templates.env.add_extension(Marking)
_templates.env.install_gettext_callables(gettext, language.ngettext, newstyle=True)  # type: ignore[attr-defined]
_templates.env.globals["languages"] = language.LANGUAGES
_templates.env.filters["worded"] = worded
_templates.env.filters["sentence"] = sentence
_templates.env.filters["kind"] = kind
_templates.env.filters["often"] = often
_templates.env.filters["called"] = lambda name, called: called(name)
_templates.env.filters["source_name"] = source_name
_templates.env.filters["listed"] = language.listed
_templates.env.filters["moment"] = _moment
_templates.env.filters["day"] = language.day
_templates.env.filters["month"] = language.month
_templates.env.filters["weekday"] = language.weekday
_templates.env.filters["territory"] = language.territory
_templates.env.filters["territories"] = lambda codes: sorted(
    ((code, language.territory(code)) for code in codes), key=lambda pair: pair[1]
)
_templates.env.filters["decimal"] = decimal
_templates.env.filters["duration"] = duration
_templates.env.filters["hours"] = hours
_templates.env.filters["money"] = money
_templates.env.filters["plain_decimal"] = lambda value: f"{value.normalize():f}"
_templates.env.filters["working"] = working
_templates.env.filters["condition"] = condition
_templates.env.filters["choices"] = choices
_templates.env.filters["plain"] = plain
_templates.env.filters["said"] = logged
_templates.env.filters["pair"] = pair
_templates.env.filters["when"] = when
_templates.env.filters["when_ms"] = lambda value: when(utc_from_ms(value))
_templates.env.filters["number"] = number


def render(request: Request, name: str, *, status_code: int = 200, **context: Any) -> Response:
    """One page, in the language of who asked; its times are those of the site that it is `about`, of anything that has
    a `site_id`, else of the sites of the person where these share a zone."""
    user = context.setdefault("user", getattr(request.state, "user", None))
    context["called"] = _called(request)
    context["nav"] = navigation(request.app.state.nav, user) if user is not None else []
    token = context["csrf_token"] = getattr(request.state, "csrf_token", "")
    context["csrf"] = lambda: Markup('<input type="hidden" name="csrf_token" value="{}">').format(token)
    who, named = reader_of(request, user, getattr(context.get("about"), "site_id", None))
    context["zone_named"] = named
    context["reader"], context["script_texts"] = who, language.script_texts(who.language)
    with language.written_for(who):
        return _templates.TemplateResponse(request, name, context, status_code=status_code)


def _called(request: Request) -> Callable[[str | None], str]:
    """What people call somebody, by login name; read when a page first asks. Programs keep their name."""
    known: dict[str, str] = {}

    def called(name: str | None) -> str:
        if name and not known:
            services = request.app.state.services
            with services.database.read() as session:
                known.update(
                    (person.name, person.display_name or person.name) for person in services.users.list(session)
                )
        return known.get(name or "", name or "")

    return called


def reader_of(request: Request, user: User | None, site_id: str | None) -> tuple[Reader, bool]:
    """The person's language, and the time zone of the site, else the one that the sites of the person share; without
    any each browser shows its own. And whether the zone has to be named: the person's sites are in several."""
    spoken = language_of(request, user)
    if user is None and site_id is None:
        return Reader(spoken), False
    services = request.app.state.services
    with services.database.read() as session:
        zones = {site.id: site.timezone for site in services.sites.list(session, user.sites if user else [])}
    several = len(set(zones.values())) > 1
    shared = "" if several else next(iter(zones.values()), "")
    zone = zones.get(site_id, shared) if site_id is not None else shared
    return Reader(spoken, zone), several and bool(zone) and user is not None


def language_of(request: Request, user: User | None) -> str:
    """What the person chose, else what was chosen in this browser, else what the browser prefers."""
    for chosen in (user.language if user is not None else "", request.cookies.get(SPOKEN, "")):
        if chosen in language.LANGUAGES:
            return chosen
    return language.preferred(request.headers.get("accept-language", ""))


def written_for_phone(request: Request, user: User) -> AbstractContextManager[None]:
    """Within it `worded` says what a program sends to a page of this person in the language of that page."""
    return language.written_for(Reader(language_of(request, user)))

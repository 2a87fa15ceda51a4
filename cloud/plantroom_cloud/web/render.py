"""Templates to pages."""

from datetime import UTC, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

from fastapi import Request
from fastapi.templating import Jinja2Templates
from markupsafe import Markup
from starlette.responses import Response

from plantroom_cloud.alarms.form import comparison
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.web.nav import navigation

STATIC = Path(__file__).parent / "static"
#: Of pages with a camera: the reader of codes is WebAssembly where the browser brings none, and photos are shown before
#: they are sent.
CAMERA_POLICY = (
    "default-src 'self'; img-src 'self' data: blob:; style-src 'self'; script-src 'self' 'wasm-unsafe-eval'; "
    "object-src 'none'; frame-ancestors 'none'; base-uri 'none'; form-action 'self'"
)
_templates = Jinja2Templates(directory=Path(__file__).parent / "templates")


def when(value: datetime | None) -> str:
    """A moment; the browser shows it in its own time zone (live.js)."""
    return value.astimezone(UTC).isoformat(timespec="seconds") if value is not None else ""


def number(value: Any) -> str:
    """A value for people: four significant digits, thousands apart."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, (int, float)):
        return "–" if value is None else str(value)
    if abs(value) >= 1000:
        return f"{value:,.0f}".replace(",", " ")
    return f"{value:.4g}"


def duration(seconds: float) -> str:
    """For people: "45 s", "10 min", "2 h"."""
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= size and seconds % size == 0:
            return f"{seconds / size:g} {unit}"
    return f"{seconds:g} s"


def hours(seconds: float) -> str:
    """A span for people, to the minute; to the second below an hour: "26 h 05 min", "4 min 07 s"."""
    whole = round(seconds)
    if whole >= 3600:
        return f"{whole // 3600} h {whole % 3600 // 60:02d} min"
    return f"{whole // 60} min {whole % 60:02d} s" if whole >= 60 else f"{whole} s"


def money(amount: Decimal) -> str:
    """Hundredths, thousands apart."""
    return f"{amount:,.2f}".replace(",", " ")


def working(seconds: float) -> str:
    """Working time for people, to the minute: "45 min", "3 h 20 min"; less than a minute in seconds."""
    if seconds < 60:
        return f"{seconds:.0f} s"
    hours, minutes = divmod(int(seconds) // 60, 60)
    return f"{hours} h {minutes} min" if hours and minutes else f"{hours} h" if hours else f"{minutes} min"


def condition(rule: Any) -> str:
    """When an alarm rule raises, in words."""
    match str(rule.kind.value):
        case "limit":
            band = f", dead-band {number(rule.deadband)}" if rule.deadband else ""
            return f"{rule.metric} {rule.operator} {number(rule.limit)}{band}"
        case "state":
            return f"{rule.metric} is {' or '.join(rule.states)}"
        case "rate":
            return f"{rule.metric} changes by {rule.operator} {number(rule.limit)} a minute"
        case "deviation":
            return f"{rule.metric} is {rule.operator or ''} {number(rule.limit)} from {rule.more.get('other')}"
        case "mismatch":
            return f"{rule.metric} is not {rule.more.get('other')}"
        case "stuck":
            return f"{rule.metric} does not change for {duration(rule.more.get('window_s', 0))}"
        case "counter-reset":
            return f"{rule.metric} goes back"
        case "combination":
            word = " and " if rule.more.get("every", True) else " or "
            return word.join(comparison(part) for part in rule.more.get("parts", []))
        case "repeated":
            times, window = rule.more.get("count"), duration(rule.more.get("window_s", 0))
            return f"{rule.metric} begins {times} times in {window}"
        case "no-data":
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


def said(value: Any) -> str:
    """A value of the audit log."""
    if isinstance(value, list):
        return ", ".join(map(str, value)) or "none"
    return "none" if value in (None, "") else number(value)


_templates.env.filters["duration"] = duration
_templates.env.filters["hours"] = hours
_templates.env.filters["money"] = money
_templates.env.filters["plain_decimal"] = lambda value: f"{value.normalize():f}"
_templates.env.filters["working"] = working
_templates.env.filters["condition"] = condition
_templates.env.filters["choices"] = choices
_templates.env.filters["plain"] = plain
_templates.env.filters["said"] = said
_templates.env.filters["pair"] = pair
_templates.env.filters["when"] = when
_templates.env.filters["when_ms"] = lambda value: when(utc_from_ms(value))
_templates.env.filters["number"] = number


def render(request: Request, name: str, *, status_code: int = 200, **context: Any) -> Response:
    """One page."""
    user = context.setdefault("user", getattr(request.state, "user", None))
    context["nav"] = navigation(request.app.state.nav, user) if user is not None else []
    token = context["csrf_token"] = getattr(request.state, "csrf_token", "")
    context["csrf"] = lambda: Markup('<input type="hidden" name="csrf_token" value="{}">').format(token)
    return _templates.TemplateResponse(request, name, context, status_code=status_code)

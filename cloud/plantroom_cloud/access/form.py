"""The forms of access rights: lines of text and choices for people, spans and grants inside."""

import re
import unicodedata
from collections.abc import Collection, Mapping, Sequence
from datetime import UTC, datetime, time
from typing import Any
from zoneinfo import ZoneInfo

from plantroom_cloud.access.models import AccessZone
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.web.forms import Submitted
from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import said

DAYS = ("mo", "tu", "we", "th", "fr", "sa", "su", "holidays")
_LINE = re.compile(r"(?P<days>[a-z ,\-]+?)\s+(?P<start>\d{1,2}:\d\d)\s*(?:-|–|to)\s*(?P<end>\d{1,2}:\d\d)")


def new_id(name: str, taken: Collection[str]) -> str:
    """An id that says the name, and is free."""
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode().lower()
    base = re.sub(r"[^a-z0-9]+", "-", plain).strip("-")[:40] or "x"
    found, number = base, 1
    while found in taken:
        number += 1
        found = f"{base}-{number}"
    return found


def read_spans(text: str) -> list[dict[str, Any]]:
    """Lines like "mo-fr 07:00-19:00" or "sa, holidays 10:00-14:00"; raises InvalidError."""
    spans = []
    for line in filter(None, (line.strip().lower() for line in text.splitlines())):
        match = _LINE.fullmatch(line)
        if match is None:
            raise InvalidError(said("spans: %(line)r is not understood; write it like: mo-fr 07:00-19:00", line=line))
        spans.append({"days": _days(match["days"]), "start": _clock(match["start"]), "end": _clock(match["end"])})
    return spans


def show_spans(spans: Sequence[Mapping[str, Any]]) -> str:
    """Back to lines."""
    return "\n".join(
        f"{', '.join(_shown(sorted(span['days'])))} {span.get('start', '00:00')}-{span.get('end', '24:00')}"
        for span in spans
    )


def read_grants(form: Submitted, zones: Sequence[AccessZone]) -> list[dict[str, Any]]:
    """One choice per zone: nothing, or a time profile."""
    chosen = ((zone.id, form.text(f"zone-{zone.id}")) for zone in zones)
    return [{"zone": zone, "profile": profile} for zone, profile in chosen if profile]


def read_day(text: str, zone: str, *, end: bool) -> datetime | None:
    """A day of a site's time zone: its beginning, or its end; raises InvalidError."""
    if not text:
        return None
    try:
        day = datetime.fromisoformat(text).date()
    except ValueError as error:
        raise InvalidError(said("%(text)r is no date; write it like 2026-12-25", text=text)) from error
    local = datetime.combine(day, time.max if end else time.min, ZoneInfo(zone))
    return local.astimezone(UTC)


def show_day(moment: datetime | None, zone: str) -> str:
    """Back to the day."""
    return "" if moment is None else moment.astimezone(ZoneInfo(zone)).date().isoformat()


def _days(text: str) -> list[int]:
    found: set[int] = set()
    for part in re.split(r"[ ,]+", text.strip()):
        first, dash, last = part.partition("-")
        for each in (first, last) if dash else (first,):
            if each not in DAYS:
                raise InvalidError(said("spans: %(each)r is no day; there are: %(days)s", each=each, days=list(DAYS)))
        begin, end = DAYS.index(first) + 1, DAYS.index(last or first) + 1
        if end < begin:
            raise InvalidError(said("spans: %(part)r runs backwards; write e.g. sa-su, mo", part=part))
        found.update(range(begin, end + 1))
    return sorted(found)


def _shown(days: Sequence[int]) -> list[str]:
    runs: list[list[int]] = []
    for day in days:
        if runs and runs[-1][-1] == day - 1 and day != len(DAYS):
            runs[-1].append(day)
        else:
            runs.append([day])
    return [DAYS[run[0] - 1] if len(run) == 1 else f"{DAYS[run[0] - 1]}-{DAYS[run[-1] - 1]}" for run in runs]


def _clock(text: str) -> str:
    return text.rjust(5, "0")


def beside(error: PlantroomError) -> dict[str, str]:
    """What is wrong, at its field where the message names one."""
    name, colon, text = str(error).partition(": ")
    return {name: text} if colon and name.isidentifier() else {"form": str(error)}

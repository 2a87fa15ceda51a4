"""A recurrence rule in words, where few words do: "each 3 months", "each week on Monday"."""

from datetime import date, timedelta

from plantroom_cloud.language import gettext, listed, weekday

_DAYS = ("MO", "TU", "WE", "TH", "FR", "SA", "SU")
_MONDAY = date(2024, 1, 1)
_EACH = {
    "DAILY": ("each day", "each %(count)s days"),
    "WEEKLY": ("each week", "each %(count)s weeks"),
    "MONTHLY": ("each month", "each %(count)s months"),
    "YEARLY": ("each year", "each %(count)s years"),
}
_PLACES = {
    "1": "the first %(day)s",
    "2": "the second %(day)s",
    "3": "the third %(day)s",
    "4": "the fourth %(day)s",
    "-1": "the last %(day)s",
}


def often(rule: str) -> str:
    """In the reader's language; empty for a rule that says more than how often and on which days (RFC 5545 §3.3.10)."""
    parts = dict(part.partition("=")[::2] for part in rule.upper().removeprefix("RRULE:").split(";"))
    each, count, days = _EACH.get(parts.pop("FREQ", "")), parts.pop("INTERVAL", "1"), parts.pop("BYDAY", "")
    if each is None or parts or not count.isdecimal():
        return ""
    text = gettext(each[0]) if int(count) == 1 else gettext(each[1]) % {"count": int(count)}
    if not days:
        return text
    named = [_named(day) for day in days.split(",")]
    return gettext("%(often)s on %(days)s") % {"often": text, "days": listed(named)} if all(named) else ""


def _named(day: str) -> str:
    """ "MO" is "Mon", "1MO" the first one, "-1FR" the last one of the month or year; empty for any other."""
    place, name = day[:-2], day[-2:]
    if name not in _DAYS:
        return ""
    word = weekday(_MONDAY + timedelta(days=_DAYS.index(name)))
    number = place.removeprefix("+")
    if number in _PLACES:
        return gettext(_PLACES[number]) % {"day": word}
    return "" if number else word

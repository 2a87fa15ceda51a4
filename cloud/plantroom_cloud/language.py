"""The language of who reads: texts by their English, dates, numbers and spans by locale and time zone.

All of Babel stays behind this module. Catalogues are read as they were written (.po): nothing has to be compiled.
"""

import re
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from datetime import UTC, datetime
from datetime import date as date_
from functools import lru_cache
from pathlib import Path
from zoneinfo import ZoneInfo

from babel import Locale
from babel.dates import format_date, format_datetime
from babel.messages.catalog import Catalog
from babel.messages.pofile import read_po
from babel.numbers import format_decimal
from babel.units import format_unit

from plantroom_shared.said import Own, Said

ENGLISH = "en"
CHINESE = "zh-Hans-CN"
#: As BCP 47 writes them, with the name that their own readers know.
LANGUAGES = {ENGLISH: "English", CHINESE: "简体中文"}
CATALOGUES = Path(__file__).parent / "locale"
#: printf style, as `plantroom_shared.said` writes it.
PLACEHOLDER = re.compile(r"%\((\w+)\)0?\d*(?:\.\d+)?([srdgf])")
_UTC = re.compile(r"\b(\d{4}-\d\d-\d\d \d\d:\d\d) UTC\b")


@dataclass(frozen=True)
class Reader:
    """Who reads: the language as BCP 47 writes it, and the time zone of what is read."""

    language: str = ENGLISH
    zone: str = ""  #: empty: nobody knows, it is UTC here and the browser's own there


_NOBODY = Reader()
_reader: ContextVar[Reader] = ContextVar("reader", default=_NOBODY)


def reader() -> Reader:
    """For whom this task writes; English and UTC where nobody said."""
    return _reader.get()


@contextmanager
def written_for(who: Reader) -> Iterator[None]:
    """Within it all texts are for this reader."""
    token = _reader.set(who)
    try:
        yield
    finally:
        _reader.reset(token)


def preferred(accept: str) -> str:
    """The first language of an Accept-Language header (RFC 9110 §12.5.4) that there are texts in; else English."""
    wanted: list[tuple[float, int, str]] = []
    for place, part in enumerate(accept.split(",")):
        tag, _, weight = part.strip().partition(";q=")
        try:
            wanted.append((-float(weight or 1), place, tag.lower()))
        except ValueError:
            continue
    for weighed, _, tag in sorted(wanted):
        if weighed and tag.split("-")[0] == "zh":
            return CHINESE
        if weighed and tag.split("-")[0] == "en":
            return ENGLISH
    return ENGLISH


def path(language: str) -> Path:
    """Where its catalogue stands."""
    return CATALOGUES / language.replace("-", "_") / "LC_MESSAGES" / "plantroom.po"


@lru_cache
def _read(language: str) -> Catalog:
    name = language.replace("-", "_")
    if language == ENGLISH:
        return Catalog(locale=name)  # the source is English
    with path(language).open("rb") as file:
        return read_po(file, locale=name)


@lru_cache
def catalogue(language: str) -> dict[str, str]:
    """Texts by their English."""
    return {str(m.id): str(m.string) for m in _read(language) if m.id and m.string and not m.fuzzy}


@lru_cache
def script_texts(language: str) -> dict[str, str]:
    """Those that a page's scripts say, by their English."""
    known = catalogue(language)
    return {str(m.id): known[str(m.id)] for m in _read(language) if m.id in known and _in_script(m.locations)}


def _in_script(places: list[tuple[str, int]]) -> bool:
    return any(place.endswith(".js") for place, _ in places)


@lru_cache
def _phrases(language: str) -> dict[str, str]:
    """The catalogue, and what stands behind the name of a field: a form shows it at the field."""
    known = catalogue(language)
    behind = {text.partition(": ")[2]: told for text, told in known.items() if re.match(r"[a-z_]+: ", text)}
    return behind | known


@lru_cache
def _patterns(language: str) -> list[tuple[re.Pattern[str], str]]:
    """Texts that were put together before they came here, by what they are made of; the longest first."""
    ours = {str(m.id) for m in _read(language) if any(place.endswith(".py") for place, _ in m.locations)}
    ours |= {text.partition(": ")[2] for text in ours if re.match(r"[a-z_]+: ", text)}
    found = [text for text in _phrases(language) if text in ours and PLACEHOLDER.search(text) and _telling(text)]
    return [(_pattern(text), _phrases(language)[text]) for text in sorted(found, key=_known_by, reverse=True)]


#: What stands in the place of a number or a quoted text, printed.
_PRINTED = {"r": r"'[^']*'|\"[^\"]*\"", "s": ".+?"} | dict.fromkeys("dgf", r"-?\d[\d.,e+-]*")
#: Letters that a sentence needs beside its places to be known again; a number or a quoted text counts as some.
_TELLING, _WORTH = 10, 6


def _telling(text: str) -> bool:
    """Has words enough of its own: "… of …" or "… is not …" would fit what people wrote."""
    bare = PLACEHOLDER.sub("", text)
    if re.match(r"[A-Z][a-z]+( [a-z]+| %\(\w+\)s)*: |[A-Z][a-z]+ [a-z]+ ", text):
        return True
    worth = _WORTH * sum(1 for found in PLACEHOLDER.finditer(text) if found[2] != "s")
    return len(re.findall(r"[A-Za-z]{2,}", bare)) >= 2 and len(re.findall("[A-Za-z]", bare)) + worth >= _TELLING


def _known_by(text: str) -> tuple[bool, int]:
    """Those that begin with a word of their own first, and of these the longest."""
    return bool(re.match(r"[A-Za-z]", text)), _words(text)


def _words(text: str) -> int:
    return len(PLACEHOLDER.sub("", text))


def _pattern(text: str) -> re.Pattern[str]:
    out, seen = "", set()
    parts = PLACEHOLDER.split(text)
    for number, part in enumerate(parts):
        if number % 3 == 0:
            out += re.escape(part.replace("%%", "%"))
        elif number % 3 == 1 and part in seen:
            out += f"(?P={part})"
        elif number % 3 == 1:
            seen.add(part)
            out += f"(?P<{part}>{_PRINTED[parts[number + 1]]})"
    return re.compile(out, re.DOTALL)


def gettext(text: str) -> str:
    """A text as the reader reads it; the English where there is none."""
    return catalogue(reader().language).get(text, text)


def ngettext(one: str, many: str, count: int) -> str:
    """As gettext: Chinese has one form."""
    return gettext(one if count == 1 else many)


def worded(text: str) -> str:
    """A text of the program: a sentence with its values, or what was put together before: a state, a step of the trail.
    People's own words stay."""
    if isinstance(text, Said):
        return told(text)
    language = reader().language
    if " UTC" in text:
        text = _UTC.sub(lambda found: minute(datetime.strptime(found[1] + "+0000", "%Y-%m-%d %H:%M%z")), text)
    return text if language == ENGLISH or not text.strip() else _worded(language, text)


def told(sentence: Said) -> str:
    """In the reader's language; its values are put in after that: moments by locale and zone, our own words translated,
    names in quotes as they are."""
    text = gettext(sentence.text)
    names = {name for name, how in PLACEHOLDER.findall(text) if how == "r"}
    return text % {name: value if name in names else _value(value) for name, value in sentence.values.items()}


def _value(value: object) -> object:
    match value:
        case Own():
            return value
        case Said() | str():
            return worded(str(value))
        case datetime():
            return minute(value)
        case Exception():
            return worded(str(value))
        case list() | tuple():
            return listed(value)
        case _:
            return value


@lru_cache(maxsize=20_000)
def _worded(language: str, text: str) -> str:
    known = _phrases(language)
    if text in known and not PLACEHOLDER.search(text):
        return known[text].replace("%%", "%")
    if " " not in text or len(text) > 500:
        return text
    for pattern, said in _patterns(language):
        if _words(said) and (found := pattern.fullmatch(text)) is not None:
            return _filled(said, {name: _worded(language, value) for name, value in found.groupdict().items()})
    return _parted(language, text)


#: What happened to the points of a round, before their names.
_OF_A_ROUND = {"early", "late", "skipped", "missed", "out-of-order", "implausible"}


def _parted(language: str, text: str) -> str:
    """What we put together of several: "complete: 9 of 9 points visited; late: P1", "Pump bearing hot: gw-1.pump-1"."""
    parts = [_worded(language, part) for part in text.split("; ")] if "; " in text else []
    if any(told != part for told, part in zip(parts, text.split("; "), strict=False)):
        return "；".join(parts)
    head, colon, tail = text.partition(": ")
    if colon and head in catalogue(language) and not PLACEHOLDER.search(head):
        told = _worded(language, tail)
        if told != tail or (" " in head and " " not in tail) or head in _OF_A_ROUND:
            return f"{catalogue(language)[head]}：{told}"
    return text


def _filled(text: str, values: dict[str, str]) -> str:
    """Values that were printed before."""
    parts = PLACEHOLDER.split(text)
    return "".join(
        part.replace("%%", "%") if number % 3 == 0 else values[part] if number % 3 == 1 else ""
        for number, part in enumerate(parts)
    )


def listed(values: Iterable[object], between: str = ", ") -> str:
    """Several, each worded: "late, out-of-order", "迟到、顺序不符"."""
    commas = {", ": "、", "; ": "；", ": ": "："}
    return (between if reader().language == ENGLISH else commas.get(between, between)).join(
        str(_value(value)) for value in values
    )


def moment(at: datetime) -> str:
    """Date and time in the reader's time zone: "Nov 25, 2026, 9:05 AM", "2026年11月25日 09:05"."""
    who = reader()
    local = at.astimezone(ZoneInfo(who.zone) if who.zone else UTC)
    return format_datetime(local, "medium", locale=_locale(who.language))


def day(date: date_) -> str:
    """A day: "Nov 25, 2026", "2026年11月25日"."""
    return format_date(date, "medium", locale=_locale(reader().language))


def month(date: date_) -> str:
    """Of a day, short: "Nov", "11月"."""
    return format_date(date, "LLL", locale=_locale(reader().language))


def weekday(date: date_) -> str:
    """Of a day, short: "Wed", "周三"."""
    return format_date(date, "EEE", locale=_locale(reader().language))


def territory(code: str) -> str:
    """The name of a country by its two letters (ISO 3166-1)."""
    return str(_locale(reader().language).territories.get(code, code))


def minute(at: datetime) -> str:
    """As `moment`, to the minute, and with the zone where the reader's is not known."""
    who = reader()
    local = at.astimezone(ZoneInfo(who.zone) if who.zone else UTC)
    if who.language == ENGLISH:
        return f"{local:%Y-%m-%d %H:%M}" + ("" if who.zone else " UTC")
    written = format_datetime(local, "yyyy年M月d日 HH:mm", locale=_locale(who.language))
    return written if who.zone else f"{written} UTC"


def decimal(value: float, places: int = 0) -> str:
    """A number with so many places, thousands apart as the locale does it (SI's space in English)."""
    if reader().language == ENGLISH:
        return f"{value:,.{places}f}".replace(",", " ")
    shape = "#,##0." + "0" * places if places else "#,##0"
    return str(format_decimal(value, shape, locale=_locale(reader().language)))


_UNITS = {"d": "duration-day", "h": "duration-hour", "min": "duration-minute", "s": "duration-second"}


def span(value: float, unit: str, digits: str = "g") -> str:
    """So many d, h, min or s."""
    if reader().language == ENGLISH:
        return f"{value:{digits}} {unit}"
    said = format_unit(value, _UNITS[unit], "short", locale=_locale(reader().language))
    return str(said).replace("\u00a0", "").replace(" ", "")


@lru_cache
def _locale(language: str) -> Locale:
    return Locale.parse(language, sep="-")

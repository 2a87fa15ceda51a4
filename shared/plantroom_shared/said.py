"""A sentence that can be told again in another language: its English words with named places, and what stands there.

It is a `str`, the English, so that logs, programs and the database need to know nothing of it; who tells it to a person
takes the words from a catalogue (gettext) and puts the values in after that.
"""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from functools import reduce
from typing import Any, Self


class Said(str):
    """`text` has places like %(state)s, %(name)r, %(kg).1f (printf style); `values` are what stands there: numbers,
    texts, lists of texts, moments, and sentences again."""

    __slots__ = ("text", "values")
    text: str
    values: Mapping[str, object]

    def __new__(cls, text: str, values: Mapping[str, object]) -> Self:
        made = super().__new__(cls, text % {name: _plain(value) for name, value in values.items()})
        made.text, made.values = text, dict(values)
        return made

    def __str__(self) -> str:
        """Itself: `str(error)` of an error that was raised with it can still be told in another language."""
        return self

    def __getnewargs__(self) -> tuple[str, Mapping[str, object]]:  # type: ignore[override]  # for copies
        return self.text, self.values


class Own(str):
    """A word of somebody's own, like the name of a metric, that is the same in every language."""

    __slots__ = ()


def said(text: str, /, **values: object) -> str:
    """`text` is the English, and by it the catalogues know the sentence: it must be written where it is said."""
    return Said(text, values)


def plain(value: object) -> str:
    """Only its English, for encoders that take no text but `str` itself (`enc_hook` of msgspec)."""
    if isinstance(value, Said):
        return str.__str__(value)
    raise NotImplementedError(f"{type(value).__name__} cannot be encoded")


def either(texts: Sequence[str]) -> str:
    """One of them: "open or closed"."""
    return reduce(lambda one, other: said("%(one)s or %(other)s", one=one, other=other), texts) if texts else ""


def both(texts: Sequence[str]) -> str:
    """All of them: "a and b"."""
    return reduce(lambda one, other: said("%(one)s and %(other)s", one=one, other=other), texts) if texts else ""


def document(value: object) -> Any:
    """A sentence, or a value of one, as JSON keeps it; `from_document` makes it again."""
    if isinstance(value, Said):
        return {"text": value.text, "values": {name: document(each) for name, each in value.values.items()}}
    if isinstance(value, datetime):
        return {"at": value.astimezone(UTC).isoformat()}
    if isinstance(value, (list, tuple)):
        return [document(each) for each in value]
    return value if value is None or isinstance(value, (bool, int, float)) else str(value)


def from_document(kept: Any) -> Any:
    """What `document` was given."""
    match kept:
        case {"text": str(text), "values": dict(values)}:
            return Said(text, {name: from_document(each) for name, each in values.items()})
        case {"at": str(at)}:
            return datetime.fromisoformat(at)
        case list():
            return [from_document(each) for each in kept]
        case _:
            return kept


def _plain(value: object) -> object:
    if isinstance(value, datetime):
        return f"{value.astimezone(UTC):%Y-%m-%d %H:%M} UTC"
    if isinstance(value, (list, tuple)):
        return ", ".join(str(_plain(each)) for each in value)
    return value


def by_place(reasons: Iterable[tuple[str, str]]) -> str:
    """What is wrong by its place: "name: say something here; limit: write a number"."""
    found = list(reasons)
    text = "; ".join(f"%(place{number})s: %(reason{number})s" for number in range(len(found)))
    places = {f"place{number}": place for number, (place, _reason) in enumerate(found)}
    return Said(text, places | {f"reason{number}": reason for number, (_place, reason) in enumerate(found)})


def lines(texts: Iterable[str]) -> str:
    """Each on a line of its own, without the empty ones."""
    found = [text for text in texts if text]
    names = [f"line{number}" for number in range(len(found))]
    return Said("\n".join(f"%({name})s" for name in names), dict(zip(names, found, strict=True)))

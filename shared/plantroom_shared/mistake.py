"""What pydantic found, said so that a person can mend it: where, what is wrong, what would be right."""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import fields, is_dataclass
from difflib import get_close_matches
from typing import Any, get_args

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from plantroom_shared.document import Document, Location
from plantroom_shared.errors import MisfitError
from plantroom_shared.ids import ID_PATTERN, METRIC_PATTERN

_PATTERNS = {
    ID_PATTERN: "use 1 to 63 lower-case letters, digits and hyphens, beginning with a letter or digit",
    METRIC_PATTERN: "use lower-case letters, digits and underscores, e.g. bearing_temperature",
}
_BOUNDS = {
    "less_than_equal": ("le", "too large; use at most"),
    "less_than": ("lt", "too large; use less than"),
    "greater_than_equal": ("ge", "too small; use at least"),
    "greater_than": ("gt", "too small; use more than"),
}
_KINDS = {
    "int": "a whole number; write digits only, e.g. 3",
    "float": "a number; write it like 0.5",
    "bool": "true or false; write one of them",
    "dataclass": "a mapping; write it as key: value lines or {key: value}",
    "model": "a mapping; write it as key: value lines or {key: value}",
    "dict": "a mapping; write it as key: value lines or {key: value}",
    "tuple": "a list; begin each item with a hyphen, or write [a, b]",
    "list": "a list; begin each item with a hyphen, or write [a, b]",
    "path": "a path; write it as text",
}


def describe(
    error: ValidationError,
    document: Document,
    model: type[Any],
    tags: Collection[str] = (),
    below: Location = (),
) -> list[str]:
    """Every mistake, each with its line and what would be right.

    `tags` tell the models of unions apart: pydantic puts them into its locations. `below` is where in the document
    the validated part stands.
    """
    mistakes: list[str] = []
    for item in error.errors(include_url=False):
        place: Location = tuple(part for part in (*below, *item["loc"]) if part not in tags)
        if isinstance(misfit := item.get("ctx", {}).get("error"), MisfitError):
            mistakes += [document.mistake((*place, *inside), text) for inside, text in misfit.mistakes]
        else:
            mistakes.append(document.mistake(place, _text(item, place, model, tags)))
    return mistakes


def _text(item: ErrorDetails, place: Location, model: type[Any], tags: Collection[str]) -> str:
    kind, value, context = item["type"], item.get("input"), item.get("ctx", {})
    name = str(place[-1]) if place else "the document"
    path = ".".join(map(str, place)) or "the document"
    match kind:
        case "extra_forbidden" | "unexpected_keyword_argument":
            known = _known_at(model, item["loc"][:-1], tags)
            near = get_close_matches(name, known, 3)
            # of equally near ones the first letter decides: "lable" is "label" rather than "table"
            near.sort(key=lambda candidate: candidate[0] != name[0])
            return f"{name!r} is not known here; " + (
                f"did you mean {near[0]!r}?" if near else f"remove it, or use one of: {', '.join(known)}"
            )
        case "missing":
            return f"{name!r} is missing; add it"
        case "union_tag_not_found":
            return f"{path}: 'type' is missing; add one of: {', '.join(_tags(model, item['loc'], tags))}"
        case "union_tag_invalid":
            near = get_close_matches(context["tag"], _tags(model, item["loc"], tags), 1)
            hint = f"did you mean {near[0]!r}?" if near else f"use {context['expected_tags']}"
            return f"{path}: type {context['tag']!r} is not known; {hint}"
        case "literal_error" | "enum":
            return f"{path}: {value!r} is not possible; use {context['expected']}"
        case "string_pattern_mismatch":
            return f"{path}: {value!r} does not fit; {_PATTERNS.get(context['pattern'], context['pattern'])}"
        case "string_type" if isinstance(value, bool):
            return f"{path}: YAML reads on, off, yes and no as true or false; put the text in quotes"
        case "string_type":
            return f"{path}: {value!r} is no text; put it in quotes"
        case bound if bound in _BOUNDS:
            key, words = _BOUNDS[bound]
            return f"{path}: {value!r} is {words} {context[key]:g}"
        case "too_short":
            return f"{path}: needs at least {context['min_length']}"
        case wrong if (first := wrong.partition("_")[0]) in _KINDS and wrong.endswith(("_type", "_parsing", "_float")):
            return f"{path}: {_short(value)} is not {_KINDS[first]}"
        case _:
            reason = item["msg"].removeprefix("Value error, ")
            shown = f" (is {value!r})" if isinstance(value, (str, int, float)) else ""
            return f"{path}: {reason[:1].lower()}{reason[1:]}{shown}"


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 60 else text[:57] + "..."


def _models_at(model: type[Any], location: Sequence[str | int], tags: Collection[str]) -> list[type[Any]]:
    """The models that may stand at a location."""
    models = [model]
    for part in location:
        if isinstance(part, int):
            continue
        if part in tags:
            models = [kind for kind in models if part in _own_tags(kind)]
        else:
            models = [inner for kind in models if part in _fields(kind) for inner in _nested(kind, part)]
    return models


def _known_at(model: type[Any], location: Sequence[str | int], tags: Collection[str]) -> list[str]:
    return sorted(
        {name for kind in _models_at(model, location, tags) for name in _fields(kind) if name not in _derived(kind)}
    )


def _tags(model: type[Any], location: Sequence[str | int], tags: Collection[str]) -> list[str]:
    return [tag for kind in _models_at(model, location, tags) for tag in _own_tags(kind)]


def _own_tags(model: type[Any]) -> list[str]:
    """What tells the model apart in its union: the type of a bus, the driver of a device."""
    return [tag for name in ("type", "driver") for tag in get_args(_fields(model).get(name))]


def _fields(model: type[Any]) -> dict[str, Any]:
    """Name → annotation, of a pydantic model or a dataclass."""
    if is_dataclass(model):
        return {field.name: field.type for field in fields(model)}
    return {name: field.annotation for name, field in model.model_fields.items()}


def _derived(model: type[Any]) -> set[str]:
    """What follows from another field: nobody writes it."""
    return {field.name for field in fields(model) if "derived" in field.metadata} if is_dataclass(model) else set()


def _nested(model: type[Any], name: str) -> Iterator[type[Any]]:
    todo: list[Any] = [_fields(model)[name]]
    while todo:
        kind = todo.pop(0)
        if isinstance(kind, type) and (issubclass(kind, BaseModel) or is_dataclass(kind)):
            yield kind
        else:
            todo += get_args(kind)

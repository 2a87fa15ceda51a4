"""What pydantic found wrong with a value, in words that people read and that can be translated."""

import re
from collections.abc import Mapping
from typing import Any

from plantroom_shared.said import by_place, said

_NUMBER = "write a number, like 80 or 2.5"
_WHOLE = "write a whole number, like 80"
_SOMETHING = "say something here"
_NAMED = "names with their values are wanted here"
_WORDS = {
    "float_parsing": _NUMBER,
    "int_parsing": _WHOLE,
    "int_from_float": _WHOLE,
    "float_type": _NUMBER,
    "string_too_short": _SOMETHING,
    "missing": _SOMETHING,
    "finite_number": _NUMBER,
    "string_type": _SOMETHING,
    "dict_type": _NAMED,
    "model_type": _NAMED,
}


def reason(item: Mapping[str, Any]) -> str:
    """One of `ValidationError.errors()`."""
    given: Mapping[str, Any] = item.get("ctx", {})
    match item["type"]:
        case "greater_than":
            return said("greater than %(limit)s", limit=given["gt"])
        case "greater_than_equal":
            return said("greater than or equal to %(limit)s", limit=given["ge"])
        case "less_than":
            return said("less than %(limit)s", limit=given["lt"])
        case "less_than_equal":
            return said("less than or equal to %(limit)s", limit=given["le"])
        case "string_too_long":
            return said("at most %(most)s characters", most=given["max_length"])
        case "too_long":
            return said("at most %(most)s of them", most=given["max_length"])
        case "too_short":
            return said("at least %(least)s of them", least=given["min_length"])
        case "literal_error" | "enum":
            return said("one of: %(expected)s", expected=re.findall("'([^']*)'", given["expected"]))
        case "string_pattern_mismatch":
            return said("written like the pattern %(pattern)s", pattern=given["pattern"])
        case "date_parsing" | "date_from_datetime_parsing":
            return "write a date like 2026-03-10"
        case "datetime_parsing" | "datetime_from_date_parsing" | "timezone_aware":
            return "write a time like 2026-03-10T14:30:00Z"
        case "bool_parsing":
            return "true or false"
        case "extra_forbidden":
            return "nothing of this name is known here"
        case "value_error":
            return str(given["error"])
        case kind:
            return _WORDS.get(kind, str(item["msg"]).removeprefix("Input should be "))


def reasons(items: list[Any], otherwise: str = "") -> str:
    """All of them with their places; `otherwise` is the place of what concerns the whole."""
    return by_place((".".join(map(str, item["loc"])) or otherwise, reason(item)) for item in items)

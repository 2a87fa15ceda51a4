"""Plain data to the shapes of configuration (`shape.py`)."""

from collections.abc import Hashable
from functools import cache
from typing import Any, TypeVar, cast

from pydantic import TypeAdapter

T = TypeVar("T")


def validated(shape: type[T], data: object) -> T:
    """The checked object; raises pydantic.ValidationError with every mistake."""
    found: T = _adapter(cast("Hashable", shape)).validate_python(data)
    return found


@cache
def _adapter(shape: Any) -> TypeAdapter[Any]:
    return TypeAdapter(shape)

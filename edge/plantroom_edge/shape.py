"""What configuration and profiles are made of: frozen dataclasses whose annotations say what is right.

pydantic checks data against them (`config/validation.py`), in a process that ends when it has answered
(`config/check.py`). The agent keeps what was checked and has no room for what checks: nothing here imports pydantic
before it is asked for a schema.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Annotated, Any, ClassVar, dataclass_transform

if TYPE_CHECKING:
    from pydantic import GetCoreSchemaHandler
    from pydantic_core import CoreSchema

#: Metadata of a field that follows from another one: nobody writes it.
DERIVED = {"derived": True}


@dataclass_transform(kw_only_default=True, frozen_default=True, field_specifiers=(field,))
@dataclass(frozen=True, kw_only=True)
class Strict:
    """Unknown keys are mistakes; nothing changes once it was checked. A subclass says in `__post_init__` how its
    fields must fit together; it raises ValueError."""

    __pydantic_config__: ClassVar[dict[str, Any]] = {"extra": "forbid"}

    def __init_subclass__(cls) -> None:
        dataclass(frozen=True, kw_only=True)(cls)


@dataclass(frozen=True, slots=True)
class Before:
    """Reads a value as people write it, before its type is checked; `read` raises ValueError."""

    read: Callable[[object], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic_core.core_schema import no_info_before_validator_function

        return no_info_before_validator_function(self.read, handler(source))


@dataclass(frozen=True, slots=True)
class After:
    """Checks a value of the right type; `check` returns it or raises ValueError."""

    check: Callable[[Any], object]

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic_core.core_schema import no_info_after_validator_function

        return no_info_after_validator_function(self.check, handler(source))


@dataclass(frozen=True, slots=True)
class Matches:
    """Text of a pattern."""

    pattern: str

    def __get_pydantic_core_schema__(self, _source: Any, _handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic_core.core_schema import str_schema

        return str_schema(pattern=self.pattern)


@dataclass(frozen=True, slots=True)
class ToldApartBy:
    """A union whose members each say in one field which they are."""

    name: str

    def __get_pydantic_core_schema__(self, source: Any, handler: "GetCoreSchemaHandler") -> "CoreSchema":
        from pydantic import Field

        return handler.generate_schema(Annotated[source, Field(discriminator=self.name)])

"""What a browser's form says, read into a model or told field by field."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from plantroom_cloud.errors import InvalidError

M = TypeVar("M", bound=BaseModel)


@dataclass(frozen=True)
class Submitted:
    """The fields of a form; an empty text counts as nothing said."""

    fields: dict[str, list[str]]

    def text(self, name: str) -> str:
        """The first value, without blanks around it."""
        return next(iter(self.fields.get(name, [])), "").strip()

    def secret(self, name: str) -> str:
        """As it was typed: blanks may belong to it."""
        return next(iter(self.fields.get(name, [])), "")

    def optional(self, name: str) -> str | None:
        """None when nothing was said."""
        return self.text(name) or None

    def many(self, name: str) -> list[str]:
        """All values: of boxes that were ticked."""
        return [value for value in self.fields.get(name, []) if value]

    def listed(self, name: str) -> list[str]:
        """A text with commas between."""
        return [part.strip() for part in self.text(name).split(",") if part.strip()]

    def decimal(self, name: str) -> Decimal:
        """A number as people write it, with a comma or a point; raises InvalidError."""
        text = self.text(name).replace(",", ".")
        try:
            number = Decimal(text)
        except InvalidOperation:
            raise InvalidError(f"{name}: {text!r} is no number; write one like 2 or 2.5") from None
        if not number.is_finite() or abs(number) > 10**12:
            raise InvalidError(f"{name}: {text!r} is out of range")
        return number

    def on(self, name: str) -> bool:
        """Whether a box was ticked."""
        return bool(self.fields.get(name))


async def _submitted(request: Request) -> Submitted:
    form = await request.form()
    fields: dict[str, list[str]] = {}
    for name, value in form.multi_items():
        if isinstance(value, str):
            fields.setdefault(name, []).append(value)
    return Submitted(fields)


Form = Annotated[Submitted, Depends(_submitted)]


def read(model: type[M], values: dict[str, Any]) -> tuple[M | None, dict[str, str]]:
    """The model, or what is wrong by field."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        return None, {str(item["loc"][0]): _told(item["type"], item["msg"]) for item in error.errors()}


def _told(kind: str, message: str) -> str:
    """pydantic's words, shorter where people read them often."""
    match kind:
        case "float_parsing" | "int_parsing" | "float_type":
            return "write a number, like 80 or 2.5"
        case "string_too_short" | "missing":
            return "say something here"
        case _:
            return message.removeprefix("Input should be ").removeprefix("Value error, ")

"""What a browser's form says, read into a model or told field by field."""

from dataclasses import dataclass
from decimal import Decimal, InvalidOperation
from typing import Annotated, Any, TypeVar

from fastapi import Depends, Request
from pydantic import BaseModel, ValidationError

from plantroom_cloud.errors import InvalidError
from plantroom_cloud.validation import reason
from plantroom_shared.said import said

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
            raise InvalidError(
                said("%(name)s: %(text)r is no number; write one like 2 or 2.5", name=name, text=text)
            ) from None
        if not number.is_finite() or abs(number) > 10**12:
            raise InvalidError(said("%(name)s: %(text)r is out of range", name=name, text=text))
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


def read_deep(model: type[M], values: dict[str, Any]) -> tuple[M | None, dict[str, str]]:
    """As read(), with the names of fields within fields: "levels.high.limit"."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        return None, {".".join(map(str, item["loc"])): reason(item) for item in error.errors()}


def read(model: type[M], values: dict[str, Any]) -> tuple[M | None, dict[str, str]]:
    """The model, or what is wrong by field."""
    try:
        return model.model_validate(values), {}
    except ValidationError as error:
        return None, {str(item["loc"][0]): reason(item) for item in error.errors()}

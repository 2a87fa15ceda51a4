"""The shape of every list of the API."""

from typing import Generic, TypeVar

from pydantic import BaseModel

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the following page, null at the end."""

    items: list[T]
    next: str | None = None

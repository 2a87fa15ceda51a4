"""The shape of every list of the API, and the part of a short list that is asked for."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Annotated, Generic, TypeVar

from fastapi import Depends, Query
from pydantic import BaseModel

from plantroom_cloud.errors import InvalidError

T = TypeVar("T")


class Page(BaseModel, Generic[T]):
    """`next` is the cursor of the following page, null at the end."""

    items: list[T]
    next: str | None = None


@dataclass(frozen=True, slots=True)
class Part:
    """Of a list that is read whole, for it is short: so many after the one that the cursor names."""

    limit: int | None
    cursor: str

    def of(self, items: Sequence[T], key: Callable[[T], object]) -> tuple[Sequence[T], str | None]:
        """The part, and the cursor of what follows it. Raises InvalidError when the one it names is gone."""
        if self.cursor:
            after = [at for at, item in enumerate(items, start=1) if str(key(item)) == self.cursor]
            if not after:
                raise InvalidError("cursor: what it names is not in the list any more; begin again without it")
            items = items[after[0] :]
        if self.limit is None or len(items) <= self.limit:
            return items, None
        return items[: self.limit], str(key(items[self.limit - 1]))


def _part(
    limit: Annotated[int | None, Query(ge=1, le=500, description="without it, all")] = None,
    cursor: Annotated[str, Query(max_length=300)] = "",
) -> Part:
    return Part(limit, cursor)


PartDep = Annotated[Part, Depends(_part)]

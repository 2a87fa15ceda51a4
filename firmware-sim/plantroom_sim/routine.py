"""What people do again and again: when the next time is, and with which values. Pure; the building plays it."""

import random
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from plantroom_sim.scenario import Choice, Routine

_WHOLE = re.compile(r"\{([a-z][a-z0-9_]*)\}")


class RoutinePlay:
    """One routine while it is played; the same seed gives the same days."""

    def __init__(self, routine: Routine, kept: Mapping[str, Sequence[Any]], seed: str) -> None:
        self.routine = routine
        self._kept = kept
        self._random = random.Random(f"{seed}/{routine.name}")
        self._turn: dict[str, int] = {}

    def begin(self, count: int) -> float | None:
        """Seconds after the start at which the time number `count` (from 0) begins; None when there is none."""
        if count and self.routine.every is None:
            return None
        return self.routine.at + count * (self.routine.every or 0.0) + self._random.random() * self.routine.jitter

    def values(self) -> dict[str, Any]:
        """The values of one time, chosen anew."""
        return {name: self._choose(name, choice) for name, choice in self.routine.values.items()}

    def happens(self, chance: float) -> bool:
        """Whether a step is done this time."""
        return chance >= 1 or self._random.random() < chance

    def _choose(self, name: str, choice: Choice) -> Any:
        if choice.between is not None:
            return round(self._random.uniform(*choice.between), choice.digits)
        if choice.one_of is not None:
            return self._random.choice(choice.one_of)
        among = choice.in_turn if choice.in_turn is not None else self._kept.get(choice.kept or "", ())
        if not among:
            return None  # the set-up kept nothing: an argument that needs it is refused by its device
        at = self._turn.get(name, 0)
        self._turn[name] = at + 1
        return among[at % len(among)]


def fill(args: Mapping[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    """Arguments with `{name}` put in: alone it keeps its type, within a text it becomes text."""
    return {key: _filled(value, values) for key, value in args.items()}


def _filled(value: Any, values: Mapping[str, Any]) -> Any:
    if not isinstance(value, str):
        return value
    if (whole := _WHOLE.fullmatch(value)) and whole[1] in values:
        return values[whole[1]]
    return _WHOLE.sub(lambda match: str(values.get(match[1], match[0])), value)


def pick(value: Any, path: list[str]) -> Iterator[Any]:
    """What stands at a path like items.*.code."""
    if not path:
        yield value
    elif path[0] == "*":
        for item in value:
            yield from pick(item, path[1:])
    else:
        yield from pick(value[int(path[0])] if isinstance(value, list) else value[path[0]], path[1:])

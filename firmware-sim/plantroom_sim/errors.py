"""Errors of the simulators."""

from collections.abc import Iterable
from difflib import get_close_matches

from plantroom_shared.errors import PlantroomError


class SimError(PlantroomError):
    """Base of what the simulators and the lab raise on purpose."""


class ScenarioError(SimError):
    """A scenario that cannot be used; the message says where and what."""


def nearest(name: str, known: Iterable[str]) -> str:
    """What was probably meant, or what there is: the second half of an error."""
    names = sorted(known)
    near = get_close_matches(name, names, 1)
    return f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"

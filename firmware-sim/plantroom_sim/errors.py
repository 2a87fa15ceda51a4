"""Errors of the simulators."""

from plantroom_shared.errors import PlantroomError


class SimError(PlantroomError):
    """Base of what the simulators and the lab raise on purpose."""


class ScenarioError(SimError):
    """A scenario that cannot be used; the message says where and what."""

"""Errors of the edge."""

from plantroom_shared.errors import ConfigError, PlantroomError

__all__ = ["ConfigError", "EdgeError"]


class EdgeError(PlantroomError):
    """Base of what the agent raises on purpose."""

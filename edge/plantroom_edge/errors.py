"""Errors of the edge."""

from plantroom_shared.errors import PlantroomError


class EdgeError(PlantroomError):
    """Base of what the agent raises on purpose."""


class ConfigError(EdgeError):
    """A configuration or profile that cannot be used; `mistakes` are all of them, with file and line."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes

"""The root of every error that Plantroom raises on purpose."""


class PlantroomError(Exception):
    """Base of all our errors; its message says what is wrong, where, and what would be right."""


class ConfigError(PlantroomError):
    """A file of a person that cannot be used; `mistakes` are all of them, with file and line."""

    def __init__(self, mistakes: list[str]) -> None:
        super().__init__("\n".join(mistakes))
        self.mistakes = mistakes


class MisfitError(ValueError):
    """Parts of a document that do not fit together; `mistakes` are all of them, each with where it stands in it."""

    def __init__(self, mistakes: list[tuple[tuple[str | int, ...], str]]) -> None:
        super().__init__("; ".join(text for _place, text in mistakes))
        self.mistakes = mistakes


class InvalidIdError(PlantroomError):
    """A gateway, device, metric or user name that breaks the naming rule."""


class MessageRefusedError(PlantroomError):
    """A message that cannot be taken as it is; `reason` is what the sender and the quarantine page are told."""

    def __init__(self, reason: str) -> None:
        super().__init__(reason)
        self.reason = reason

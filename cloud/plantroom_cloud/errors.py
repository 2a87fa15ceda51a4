"""Errors of the control plane; each carries the HTTP status that answers it (RFC 9457 problem details)."""

from collections.abc import Mapping

from plantroom_shared.errors import PlantroomError
from plantroom_shared.said import by_place


class CloudError(PlantroomError):
    """Base: something went wrong on our side."""

    status = 500
    title = "Internal error"
    type = "about:blank"  #: what a program tells it by, whatever language the title is in


class NotFoundError(CloudError):
    """There is no such object, or the person may not know of it."""

    status = 404
    title = "Not found"


class ConflictError(CloudError):
    """The object is in a state that does not allow this; the message says which state and what is allowed."""

    status = 409
    title = "Not possible now"


class InvalidError(CloudError):
    """The request says something that cannot be; the message says what and what would be right."""

    status = 422
    title = "Invalid request"


class ForbiddenError(CloudError):
    """The person is known, but may not do this."""

    status = 403
    title = "Not allowed"


class UnauthenticatedError(CloudError):
    """Nobody is logged in and no valid token came."""

    status = 401
    title = "Log in first"


class TooManyRequestsError(CloudError):
    """Slow down; `retry_after_s` seconds."""

    status = 429
    title = "Too many requests"

    def __init__(self, message: str, retry_after_s: int) -> None:
        super().__init__(message)
        self.retry_after_s = retry_after_s


class InvalidFieldsError(InvalidError):
    """Some fields of a form or a request say what cannot be; `fields` has the reason by field."""

    def __init__(self, fields: Mapping[str, str]) -> None:
        super().__init__(by_place(fields.items()))
        self.fields = dict(fields)

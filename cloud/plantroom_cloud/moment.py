"""A moment that somebody names in a request: RFC 3339 with its zone, kept in UTC."""

from datetime import UTC, datetime
from typing import Annotated

from pydantic import AfterValidator, AwareDatetime


def _in_utc(moment: datetime) -> datetime:
    try:
        return moment.astimezone(UTC)
    except OverflowError as error:  # the ends of the years that there are, east or west of Greenwich
        raise ValueError("write a time like 2026-03-10T14:30:00Z") from error


Moment = Annotated[AwareDatetime, AfterValidator(_in_utc)]

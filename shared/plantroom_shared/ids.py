"""Names that travel in topics, URLs and file names."""

import re

from plantroom_shared.errors import InvalidIdError
from plantroom_shared.said import said

ID_PATTERN = r"^[a-z0-9][a-z0-9-]{0,62}$"
METRIC_PATTERN = r"^[a-z][a-z0-9_]{0,62}$"

_ID = re.compile(ID_PATTERN)
_METRIC = re.compile(METRIC_PATTERN)


def check_id(value: str, what: str = "id") -> str:
    """Return `value` if it may name a gateway or a device, raise InvalidIdError otherwise."""
    if not _ID.match(value):
        raise InvalidIdError(
            said(
                "%(what)s %(value)r: use 1 to 63 lower-case letters, digits and hyphens, beginning with a "
                "letter or digit",
                what=what,
                value=value,
            )
        )
    return value


def check_metric(value: str) -> str:
    """Return `value` if it may name a metric, raise InvalidIdError otherwise."""
    if not _METRIC.match(value):
        raise InvalidIdError(
            said(
                "metric %(value)r: use lower-case letters, digits and underscores, e.g. bearing_temperature",
                value=value,
            )
        )
    return value

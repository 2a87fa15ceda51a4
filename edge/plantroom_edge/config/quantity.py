"""Durations and sizes as people write them."""

import re
from typing import Annotated

from plantroom_edge.shape import Before

_DURATION = re.compile(r"^(\d+(?:\.\d+)?)\s*(ms|s|min|h|d)$")
_SIZE = re.compile(r"^(\d+(?:\.\d+)?)\s*(B|kB|MB|GB)$")
_SECONDS = {"ms": 0.001, "s": 1, "min": 60, "h": 3600, "d": 86400}
_BYTES = {"B": 1, "kB": 1_000, "MB": 1_000_000, "GB": 1_000_000_000}


def parse_duration(value: object) -> object:
    """ "500ms", "1s", "5min", "2h", "1d" to seconds."""
    if isinstance(value, str):
        if match := _DURATION.match(value.strip()):
            return float(match[1]) * _SECONDS[match[2]]
        raise ValueError("write a duration with its unit, like 500ms, 1s, 5min, 2h or 1d")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"write a duration with its unit, like {value}s")
    return value


def parse_size(value: object) -> object:
    """ "500MB", "2GB" to bytes."""
    if isinstance(value, str):
        if match := _SIZE.match(value.strip()):
            return int(float(match[1]) * _BYTES[match[2]])
        raise ValueError("write a size with its unit, like 500MB or 2GB")
    if isinstance(value, (int, float)) and not isinstance(value, bool):
        raise ValueError(f"write a size with its unit, like {value}B")
    return value


Seconds = Annotated[float, Before(parse_duration)]
Bytes = Annotated[int, Before(parse_size)]

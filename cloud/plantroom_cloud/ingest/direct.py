"""Plain JSON of a device that speaks MQTT itself, no gateway in between; no I/O."""

import json
import sys
from datetime import UTC, datetime
from typing import Any

from plantroom_cloud.columns import ms_from_utc
from plantroom_shared.batch import LATEST_MS, Value
from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.ids import check_metric
from plantroom_shared.said import said


def read_direct(payload: bytes, at: datetime) -> tuple[dict[str, Value], int]:
    """The plain JSON of a device to its values and time (ms); raises MessageRefusedError."""
    try:
        data: Any = json.loads(payload, parse_constant=_no_number)
    except (ValueError, RecursionError) as error:
        raise MessageRefusedError(said("not JSON: %(error)s", error=error)) from error
    if not isinstance(data, dict):
        raise MessageRefusedError('not a JSON object; send for example {"temperature": 21.5}')
    moment = ms_from_utc(at)
    if "ts" in data:
        moment = data.pop("ts")
        if not isinstance(moment, int) or isinstance(moment, bool) or not 0 <= moment <= LATEST_MS:
            raise MessageRefusedError("ts must be whole milliseconds since 1970")
    elif "time" in data:
        try:
            parsed = datetime.fromisoformat(str(data.pop("time")))
        except ValueError as error:
            raise MessageRefusedError(
                said("time: %(error)s; write it like 2026-03-01T12:00:00Z", error=error)
            ) from error
        moment = ms_from_utc(parsed if parsed.tzinfo else parsed.replace(tzinfo=UTC))
    for name, value in data.items():
        check_metric(name)
        if value is not None and not isinstance(value, (int, float, bool, str)):
            raise MessageRefusedError(said("%(name)s: nested values are not taken; send a flat object", name=name))
        if isinstance(value, (int, float)) and not abs(value) <= sys.float_info.max:
            raise MessageRefusedError(said("%(name)s: the number is out of range", name=name))
    if not data:
        raise MessageRefusedError("there is no value in it")
    return data, moment


def _no_number(text: str) -> float:
    """NaN and Infinity are no JSON (RFC 8259), though Python reads them."""
    raise ValueError(said("%(text)s is no number", text=text))

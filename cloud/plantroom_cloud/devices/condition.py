"""How a device is, without its values: what lists of many devices show."""

from dataclasses import dataclass
from datetime import datetime

from plantroom_shared.said import said

#: A device that has said nothing for so many of its periods (and at least this long) is stale.
STALE_PERIODS = 5
STALE_LEAST_S = 90.0


@dataclass(frozen=True, slots=True)
class Heard:
    """What is known of a device and of its gateway."""

    id: str
    label: str
    kind: str
    location: str
    gateway_id: str
    site_id: str
    period_s: float | None
    gateway_state: str
    state: str | None  #: of DeviceLatest; None when nothing ever came
    state_reason: str
    last_reading_at: datetime | None


@dataclass(frozen=True, slots=True)
class Condition:
    """One word and why: "ok", "silent", "stale", "gateway-offline", "unknown"."""

    device: Heard
    health: str
    reason: str


def condition(heard: Heard, at: datetime) -> Condition:
    """At a moment."""
    word, reason = judge(heard.gateway_id, heard.gateway_state, heard.state, heard.last_reading_at, heard.period_s, at)
    return Condition(heard, word, reason or (heard.state_reason if word == "silent" else ""))


def judge(
    gateway_id: str,
    gateway_state: str,
    state: str | None,
    last_reading_at: datetime | None,
    period_s: float | None,
    at: datetime,
) -> tuple[str, str]:
    """The word, and why where the word does not say it."""
    if gateway_state == "offline":
        return "gateway-offline", said("gateway %(gateway_id)s is offline", gateway_id=gateway_id)
    if state is None or last_reading_at is None:
        return "unknown", "nothing has come yet"
    if state == "silent":
        return "silent", ""
    age = (at - last_reading_at).total_seconds()
    if age > max(STALE_LEAST_S, STALE_PERIODS * (period_s or 0)):
        return "stale", said("last reading %(age).0f s ago", age=age)
    return "ok", ""

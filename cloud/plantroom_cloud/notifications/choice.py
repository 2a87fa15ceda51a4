"""Whether a person wants to be told, and when; pure."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, time, timedelta
from zoneinfo import ZoneInfo

SEVERITIES = ("low", "medium", "high", "critical")
NONE = "none"


@dataclass(frozen=True, slots=True)
class Quiet:
    """Hours of the local day in which only what is critical comes through; may pass midnight."""

    begins: time
    ends: time
    zone: ZoneInfo

    def over_at(self, at: datetime) -> datetime:
        """`at`, or the end of the quiet hours that it lies in."""
        local = at.astimezone(self.zone)
        now = local.time().replace(tzinfo=None)
        if self.begins == self.ends:
            return at
        inside = self.begins <= now < self.ends if self.begins < self.ends else now >= self.begins or now < self.ends
        if not inside:
            return at
        day = local.date() if now < self.ends else local.date() + timedelta(days=1)
        return datetime.combine(day, self.ends, self.zone)


def wants(least: Mapping[str, str], kind: str, severity: str) -> bool:
    """Whether the kind is chosen from this severity on; a kind that nothing is said of is."""
    floor = least.get(kind, SEVERITIES[0])
    return floor != NONE and SEVERITIES.index(severity) >= SEVERITIES.index(floor)


def due_at(severity: str, at: datetime, quiet: Quiet | None) -> datetime:
    """When a message may go out."""
    return at if quiet is None or severity == "critical" else quiet.over_at(at)


def retry_at(attempts: int, at: datetime) -> datetime:
    """After the n-th failure: 10 s, 30 s, 90 s … at most an hour."""
    return at + timedelta(seconds=min(3600, 10 * 3 ** min(attempts - 1, 6)))

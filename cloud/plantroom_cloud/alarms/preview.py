"""Before a rule is saved: what it would have done to the stored history, and to the load of its team."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.alarms import repository
from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import AlarmRule, RuleKind, Severity
from plantroom_cloud.alarms.precedence import Scoped, choose
from plantroom_cloud.alarms.replay import Spell, metrics_of, replay
from plantroom_cloud.alarms.rules import compiled
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.telemetry.service import TelemetryService

#: IEC 62682 / ISA-18.2: alarms a day that one operator position very likely can, and at most may, deal with.
ACCEPTABLE_A_DAY, MANAGEABLE_A_DAY = 144, 288
MOST_DEVICES = 20
WINDOW_S = 60
#: Up to so long a time every value is looked at; beyond it, windows of a minute with their least and greatest.
RAW_SPAN = timedelta(hours=6)


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a rule would have done on one device."""

    device_id: str
    spells: Sequence[Spell]


@dataclass(frozen=True, slots=True)
class Preview:
    """Over the days looked at; `per_day` is what the rule adds, `team_per_day` what its team has now."""

    days: float
    devices: Sequence[Foreseen]
    left_out: int  #: devices beyond MOST_DEVICES
    per_day: float
    team_per_day: float

    @property
    def budget(self) -> str:
        """Where the team would stand against the standard."""
        total = self.per_day + self.team_per_day
        if total <= ACCEPTABLE_A_DAY:
            return "acceptable"
        return "manageable" if total <= MANAGEABLE_A_DAY else "too many"


class Previewing:
    """Reads; changes nothing."""

    def __init__(self, telemetry: TelemetryService) -> None:
        self._telemetry = telemetry

    def preview(
        self, session: Session, definition: RuleDefinition, sites: Sequence[str], days: float, at: datetime
    ) -> Preview:
        """Raises InvalidError for a rule whose past cannot be told."""
        if definition.kind is RuleKind.NO_DATA:
            raise InvalidError("silence leaves nothing to look at: a no-data rule has no preview")
        if not 0 < days <= 92:
            raise InvalidError("days: 1 to 92")
        severity = definition.severity or Severity.LOW  # nothing here depends on it
        rule = compiled(AlarmRule(id=0, **definition.model_dump() | {"severity": severity}, updated_at=at))
        names = metrics_of(rule)
        usable = repository.in_use_with(session, names, sites)
        others: list[Scoped] = [*repository.enabled_rules(session)]
        devices = [
            place.device_id
            for place, _ in repository.places(session)
            if place.device_id in usable
            and any(one is definition for one in choose([definition, *others], place).judged)
        ]
        end, start = ms_from_utc(at), ms_from_utc(at - timedelta(days=days))
        raw = timedelta(days=days) <= RAW_SPAN
        foreseen = []
        for device in devices[:MOST_DEVICES]:
            series = {
                name: self._telemetry.raw(device, name, start, end)
                if raw
                else self._telemetry.series(device, name, start, end, WINDOW_S, at)[1]
                for name in names
            }
            foreseen.append(Foreseen(device, replay(rule, series, 0 if raw else WINDOW_S * 1000)))
        shown = sum(len(item.spells) for item in foreseen)
        scale = len(devices) / len(foreseen) if foreseen else 0
        team = repository.raised_since(session, definition.team_id, at - timedelta(days=days))
        return Preview(days, foreseen, len(devices) - len(foreseen), shown * scale / days, team / days)

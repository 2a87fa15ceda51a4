"""Who could do some work, and on which days none of them is there; pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, time, timedelta, tzinfo

from plantroom_cloud.absences.models import Absence
from plantroom_cloud.absences.standing import present


@dataclass(frozen=True)
class Roster:
    """`names`: who could do it; `absences`: of anybody, by login name; `active`: who may stand in; `zone`: whose days
    count."""

    names: Sequence[str] = ()
    absences: Mapping[str, Sequence[Absence]] = field(default_factory=dict)
    active: frozenset[str] = frozenset()
    zone: tzinfo = UTC

    def away(self, moment: datetime) -> Sequence[str]:
        """Those who could do it, when all of them are away at that moment and for the rest of its day, and nobody who
        stands in for one is there; else nobody."""
        if not any(name in self.absences for name in self.names):
            return ()
        day = moment.astimezone(self.zone).date()
        end = datetime.combine(day + timedelta(days=1), time(), self.zone)
        spells = {name: self._lasting(name, moment, end) for name in self.absences}
        gone = {
            name: spell.substitute if spell.substitute in self.active else None
            for name, spell in spells.items()
            if spell is not None
        }
        return () if present(self.names, gone) else self.names

    def _lasting(self, name: str, moment: datetime, end: datetime) -> Absence | None:
        """The absence that begins it, when one follows on another until the day ends."""
        first, reached = None, moment
        while reached < end:
            found = next((each for each in self.absences[name] if each.starts_at <= reached < each.ends_at), None)
            if found is None:
                return None
            first, reached = first or found, found.ends_at
        return first

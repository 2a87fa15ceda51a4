"""What became of a round: stops and visits in, verdict out. Asked again with more visits it corrects itself."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from plantroom_cloud.patrols.models import RoundState, StopState

#: A code that is scanned again within this time was scanned twice by one visit.
REPEAT = timedelta(seconds=60)


@dataclass(frozen=True, slots=True)
class Stop:
    """What a round asks for."""

    position: int
    point: str
    opens_at: datetime
    closes_at: datetime
    skipped: bool = False


@dataclass(frozen=True, slots=True)
class Seen:
    """A visit that counts; `suspect` ones count, but the round says so."""

    id: int
    point: str
    at: datetime
    suspect: bool = False


@dataclass(slots=True)
class StopVerdict:
    """What became of one stop."""

    stop: Stop
    state: StopState
    visit: Seen | None = None
    deviations: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of the round; `next_at` is when time alone changes it, None when nothing but a late proof can."""

    state: RoundState
    stops: Sequence[StopVerdict]
    next_at: datetime | None

    @property
    def missed(self) -> list[StopVerdict]:
        """Stops whose window passed without a visit."""
        return [stop for stop in self.stops if stop.state is StopState.MISSED]


def judge(stops: Sequence[Stop], seen: Iterable[Seen], ordered: bool, closes_at: datetime, at: datetime) -> Verdict:
    """Complete: every stop in its window, in order, plausibly. With deviations: every stop visited or excused, but not
    so. Missed: at the round's end a stop was neither visited nor excused."""
    taken = _assign(stops, sorted(seen, key=lambda visit: (visit.at, visit.id)))
    verdicts = [_stop(stop, taken.get(stop.position), at) for stop in stops]
    if ordered:
        _order(verdicts)
    waiting = [v for v in verdicts if v.state in (StopState.PENDING, StopState.MISSED)]
    if waiting and at < closes_at:
        moments = [v.stop.closes_at for v in waiting if v.state is StopState.PENDING]
        state = RoundState.IN_PROGRESS if taken else RoundState.RELEASED
        return Verdict(state, verdicts, min([*moments, closes_at]))
    if waiting:
        return Verdict(RoundState.MISSED, verdicts, None)
    clean = all(v.state is StopState.VISITED and not v.deviations for v in verdicts)
    return Verdict(RoundState.COMPLETE if clean else RoundState.DEVIATIONS, verdicts, None)


def _assign(stops: Sequence[Stop], seen: Sequence[Seen]) -> dict[int, Seen]:
    """Position → visit. Among the visits of a point its first stop takes the first one within its window, else the
    first one at all; a point that stands twice on the route needs two visits."""
    taken: dict[int, Seen] = {}
    used: dict[str, list[Seen]] = {}
    for stop in sorted(stops, key=lambda stop: stop.position):
        free = [
            visit
            for visit in seen
            if visit.point == stop.point
            and all(abs(visit.at - other.at) > REPEAT for other in used.get(stop.point, ()))
        ]
        within = [visit for visit in free if stop.opens_at <= visit.at <= stop.closes_at]
        plausible = [visit for visit in within if not visit.suspect]
        chosen = next(iter(plausible or within or free), None)
        if chosen is not None:
            taken[stop.position] = chosen
            used.setdefault(stop.point, []).append(chosen)
    return taken


def _stop(stop: Stop, visit: Seen | None, at: datetime) -> StopVerdict:
    if visit is None:
        if stop.skipped:
            return StopVerdict(stop, StopState.SKIPPED)
        return StopVerdict(stop, StopState.MISSED if at >= stop.closes_at else StopState.PENDING)
    state = StopState.VISITED
    if visit.at < stop.opens_at:
        state = StopState.EARLY
    elif visit.at > stop.closes_at:
        state = StopState.LATE
    return StopVerdict(stop, state, visit, ["implausible"] if visit.suspect else [])


def _order(verdicts: Sequence[StopVerdict]) -> None:
    """Mark what was visited before a stop that comes earlier on the route."""
    latest_before: datetime | None = None
    for verdict in sorted(verdicts, key=lambda v: v.stop.position):
        if verdict.visit is None:
            continue
        if latest_before is not None and verdict.visit.at < latest_before:
            verdict.deviations.append("out-of-order")
        else:
            latest_before = verdict.visit.at

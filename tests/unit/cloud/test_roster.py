"""On which days none of those who could do some work is there."""

from datetime import datetime, timedelta
from zoneinfo import ZoneInfo

from plantroom_cloud.absences.models import Absence, AbsenceReason
from plantroom_cloud.dispatch.roster import Roster

SHANGHAI = ZoneInfo("Asia/Shanghai")
MORNING = datetime(2026, 3, 2, 8, tzinfo=SHANGHAI)
HOUR, DAY = timedelta(hours=1), timedelta(days=1)


def gone(name: str, start: datetime, end: datetime, substitute: str | None = None) -> Absence:
    return Absence(
        user=name, reason=AbsenceReason.SICK, starts_at=start, ends_at=end, substitute=substitute, entered_by=name,
        entered_at=start,
    )  # fmt: skip


def roster(*absences: Absence, names: tuple[str, ...] = ("tom",)) -> Roster:
    by_name: dict[str, list[Absence]] = {}
    for each in absences:
        by_name.setdefault(each.user, []).append(each)
    return Roster(names, by_name, frozenset(("tom", "eva")), SHANGHAI)


def test_all_who_could_do_it_are_away_for_the_rest_of_the_day() -> None:
    whole = gone("tom", MORNING - HOUR, MORNING + 2 * DAY)
    assert roster(whole).away(MORNING) == ("tom",)
    assert roster(whole).away(MORNING + DAY) == ("tom",)
    assert roster(whole).away(MORNING + 2 * DAY) == ()  # back at that moment
    assert roster(whole).away(MORNING - DAY) == ()
    assert roster(whole, names=("tom", "eva")).away(MORNING) == ()
    assert roster(whole, names=()).away(MORNING) == ()  # nobody ever could: no matter of absences


def test_who_is_back_within_the_day_can_do_it_then() -> None:
    assert roster(gone("tom", MORNING - HOUR, MORNING + 3 * HOUR)).away(MORNING) == ()
    midnight = MORNING.replace(hour=0) + DAY
    assert roster(gone("tom", MORNING, midnight)).away(MORNING) == ("tom",)
    assert roster(gone("tom", MORNING, midnight - HOUR)).away(MORNING) == ()


def test_one_absence_after_the_other_is_one() -> None:
    noon = MORNING + 4 * HOUR
    assert roster(gone("tom", MORNING, noon), gone("tom", noon, noon + DAY)).away(MORNING) == ("tom",)
    assert roster(gone("tom", MORNING, noon), gone("tom", noon + HOUR, noon + DAY)).away(MORNING) == ()


def test_who_stands_in_does_it_unless_away_or_gone() -> None:
    away = MORNING - HOUR, MORNING + 2 * DAY
    assert roster(gone("tom", *away, "eva")).away(MORNING) == ()
    assert roster(gone("tom", *away, "eva"), gone("eva", *away)).away(MORNING) == ("tom",)
    assert roster(gone("tom", *away, "left")).away(MORNING) == ("tom",)  # may not log in any more

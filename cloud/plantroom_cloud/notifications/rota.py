"""Who is on call; pure."""

from collections.abc import Iterable, Sequence
from datetime import UTC, date, datetime, time, timedelta
from zoneinfo import ZoneInfo

from plantroom_cloud.absences.standing import Away, present
from plantroom_cloud.notifications.models import Rota, RotaOverride


def on_call(rota: Rota | None, overrides: Iterable[RotaOverride], away: Away, at: datetime) -> Sequence[str]:
    """Login names: who stands in now, else whose turn it is, else nobody. Who is away is replaced by the named
    substitute, without one by the next in turn."""
    standing_in = present((item.user for item in overrides if item.starts_at <= at < item.ends_at), away)
    if standing_in:
        return standing_in
    if rota is None or not rota.users:
        return ()
    local = at.astimezone(ZoneInfo(rota.timezone))
    day = local.date().toordinal() - (local.time() < time.fromisoformat(rota.handover))
    turn = (day - date.fromisoformat(rota.first_day).toordinal()) // rota.days % len(rota.users)
    for name in (*rota.users[turn:], *rota.users[:turn]):
        if found := present([name], away):
            return found
    return ()


def turns(rota: Rota, at: datetime, count: int) -> list[tuple[datetime, str]]:
    """The turn that runs and those that follow: when each begins, and whose it is."""
    if not rota.users:
        return []
    zone, handover, first = (
        ZoneInfo(rota.timezone),
        time.fromisoformat(rota.handover),
        date.fromisoformat(rota.first_day),
    )
    local = at.astimezone(zone)
    day = local.date().toordinal() - (local.time() < handover)
    turn = (day - first.toordinal()) // rota.days
    return [
        (
            datetime.combine(first + timedelta(days=number * rota.days), handover, zone).astimezone(UTC),
            rota.users[number % len(rota.users)],
        )
        for number in range(turn, turn + count)
    ]

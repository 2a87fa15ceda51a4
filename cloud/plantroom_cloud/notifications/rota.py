"""Who is on call; pure."""

from collections.abc import Iterable, Sequence
from datetime import date, datetime, time
from zoneinfo import ZoneInfo

from plantroom_cloud.notifications.models import Rota, RotaOverride


def on_call(rota: Rota | None, overrides: Iterable[RotaOverride], at: datetime) -> Sequence[str]:
    """Login names: who stands in now, else whose turn it is, else nobody."""
    standing_in = [item.user for item in overrides if item.starts_at <= at < item.ends_at]
    if standing_in:
        return standing_in
    if rota is None or not rota.users:
        return ()
    local = at.astimezone(ZoneInfo(rota.timezone))
    day = local.date().toordinal() - (local.time() < time.fromisoformat(rota.handover))
    turn = (day - date.fromisoformat(rota.first_day).toordinal()) // rota.days
    return (rota.users[turn % len(rota.users)],)

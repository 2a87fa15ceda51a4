"""What the chart of an alarm shows."""

from datetime import datetime
from typing import Any

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.columns import ms_from_utc


def chart_around(alarm: Alarm, metric: dict[str, Any], at: datetime) -> dict[str, Any]:
    """What the chart around an alarm shows: some time before it was raised until some time after it returned."""
    raised, until = ms_from_utc(alarm.raised_at), ms_from_utc(alarm.returned_at or at)
    around = max(900_000, (until - raised) // 4)
    marks = [{"time": raised, "text": "raised"}]
    if alarm.returned_at is not None:
        marks.append({"time": until, "text": "returned"})
    limits = [] if alarm.limit is None else [{"limit": alarm.limit, "name": "limit"}]
    return {
        "label": metric["label"],
        "start": min(raised, *(moment for moment, _ in alarm.evidence), raised) - around,
        "end": min(until + around, ms_from_utc(at)),
        "limits": {alarm.metric: limits},
        "marks": marks,
    }

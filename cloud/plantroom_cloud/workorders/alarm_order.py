"""The work order that an alarm opens: what its rule says a person needs to know."""

from datetime import datetime

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.said import said


def order_for(alarm: Alarm, proving_s: float, at: datetime) -> WorkOrder:
    """`proving_s`: how long the value must be normal before finished work is verified, seconds."""
    where = alarm.device_id or alarm.gateway_id or alarm.source
    return WorkOrder(
        title=f"{alarm.name}: {where}",
        priority=str(alarm.severity.value),
        site_id=alarm.site_id,
        device_id=alarm.device_id,
        alarm_id=alarm.id,
        rule_id=alarm.rule_id,
        source=alarm.source,
        team_id=alarm.team_id,
        description=_describe(alarm),
        cause=alarm.cause,
        consequence=alarm.consequence,
        response=alarm.response,
        evidence=list(alarm.evidence),
        proving_s=proving_s,
        opened_at=at,
    )


def _describe(alarm: Alarm) -> str:
    if alarm.detail:
        return alarm.detail
    if alarm.metric is None:
        return alarm.name
    value = f"{alarm.value} {alarm.unit}".rstrip()
    if alarm.limit is None:
        return said("%(metric)s was at %(value)s", metric=alarm.metric, value=value)
    limit = f"{alarm.limit:g} {alarm.unit}".rstrip()
    return said("%(metric)s was at %(value)s, limit %(limit)s", metric=alarm.metric, value=value, limit=limit)

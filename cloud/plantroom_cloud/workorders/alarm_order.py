"""The work order that an alarm opens: what its rule says a person needs to know."""

from datetime import datetime
from typing import Any

from plantroom_cloud.alarms.models import Alarm
from plantroom_cloud.alarms.source import source_name
from plantroom_cloud.devices.models import Device
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_shared.said import said


def order_for(alarm: Alarm, device: Device | None, proving_s: float, at: datetime) -> WorkOrder:
    """`device`: of the alarm, where it has one; `proving_s`: how long the value must be normal before finished work is
    verified, seconds."""
    where = device.label if device else alarm.called or alarm.gateway_id or source_name(alarm.source)
    return WorkOrder(
        title=f"{alarm.name}: {where}",
        priority=str(alarm.severity.value),
        site_id=alarm.site_id,
        device_id=alarm.device_id,
        alarm_id=alarm.id,
        rule_id=alarm.rule_id,
        source=alarm.source,
        team_id=alarm.team_id,
        description=_describe(alarm, device),
        cause=alarm.cause,
        consequence=alarm.consequence,
        response=alarm.response,
        evidence=list(alarm.evidence),
        proving_s=proving_s,
        opened_at=at,
    )


def _describe(alarm: Alarm, device: Device | None) -> str:
    if alarm.detail:
        return alarm.detail
    if alarm.metric is None:
        return alarm.name
    metrics = {each["name"]: each["label"] for each in device.metrics} if device else {}
    metric = metrics.get(alarm.metric, alarm.metric)
    if isinstance(alarm.value, bool | str):
        return said("%(metric)s: %(value)s", metric=metric, value=_legible(alarm.value))
    value = f"{_legible(alarm.value, alarm.limit)} {alarm.unit}".rstrip()
    if alarm.limit is None:
        return said("%(metric)s was at %(value)s", metric=metric, value=value)
    limit = f"{alarm.limit:g} {alarm.unit}".rstrip()
    return said("%(metric)s was at %(value)s, limit %(limit)s", metric=metric, value=value, limit=limit)


def _legible(value: Any, limit: float | None = None) -> str:
    """As a person writes it, and pages do: to four digits; to six where it would else look like the limit."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if not isinstance(value, float):
        return str(value)
    short = f"{value:.4g}" if abs(value) < 1000 else f"{value:.0f}"
    return short if limit is None or float(short) != limit else f"{value:.6g}"

"""Queries over alarm rules, alarms and their transitions."""

from collections.abc import Collection, Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, false
from sqlalchemy import select as sql_select
from sqlalchemy.orm import aliased
from sqlmodel import Session, and_, case, col, delete, func, or_, select, type_coerce
from sqlmodel.sql.expression import SelectOfScalar

from plantroom_cloud.alarms.kpi import Activation
from plantroom_cloud.alarms.models import (
    SET_ASIDE,
    Alarm,
    AlarmRule,
    AlarmState,
    AlarmTransition,
    Level,
    RuleEvent,
    RuleKind,
    RuleState,
    Severity,
    Suppression,
    Within,
)
from plantroom_cloud.alarms.precedence import Place
from plantroom_cloud.assets.models import Asset, AssetDevice, AssetKind
from plantroom_cloud.columns import UtcDateTime
from plantroom_cloud.devices.models import Device, DeviceLatest
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.users.models import Team


def search(
    session: Session,
    *,
    sites: Sequence[str],
    state: AlarmState | None,
    active: bool | None,
    open_only: bool,
    set_aside: bool,
    device_id: str | None,
    before_id: int | None,
    limit: int,
    severity: Severity | None,
    team_id: str | None,
    text: str,
) -> list[Alarm]:
    """Newest first."""
    query = select(Alarm).order_by(col(Alarm.id).desc()).limit(limit)
    if severity is not None:
        query = query.where(Alarm.severity == severity)
    if team_id is not None:
        query = query.where(Alarm.team_id == team_id)
    if text:
        fields = (Alarm.name, Alarm.source, Alarm.called, Alarm.detail)
        labelled = select(Device.id).where(col(Device.label).icontains(text, autoescape=True))
        said = (col(field).icontains(text, autoescape=True) for field in fields)
        query = query.where(or_(*said, col(Alarm.device_id).in_(labelled)))
    if sites:
        query = query.where(col(Alarm.site_id).in_(sites))
    if state is not None:
        query = query.where(Alarm.state == state)
    if active is not None:
        query = query.where(col(Alarm.active).is_(active))
    if open_only:
        query = query.where(col(Alarm.state).not_in((AlarmState.NORMAL, *SET_ASIDE)))
    if set_aside:
        query = query.where(col(Alarm.state).in_(SET_ASIDE))
    if device_id is not None:
        query = query.where(Alarm.device_id == device_id)
    if before_id is not None:
        query = query.where(col(Alarm.id) < before_id)
    return list(session.exec(query))


def active_by_device(session: Session) -> dict[str, int]:
    """How many are active on each device that has any, without what was set aside."""
    query = select(Alarm.device_id, func.count(col(Alarm.id))).where(
        col(Alarm.active).is_(True), col(Alarm.state).not_in(SET_ASIDE)
    )
    rows = session.exec(query.group_by(col(Alarm.device_id)))
    return {device: count for device, count in rows if device is not None}


def attention(session: Session, sites: Sequence[str], limit: int) -> list[Alarm]:
    """Active ones first, the gravest of them first, then those that returned unacknowledged; newest first in each."""
    weight = case({severity: rank for rank, severity in enumerate(Severity)}, value=col(Alarm.severity))
    query = select(Alarm).where(col(Alarm.state).not_in((AlarmState.NORMAL, *SET_ASIDE)))
    if sites:
        query = query.where(col(Alarm.site_id).in_(sites))
    return list(session.exec(query.order_by(col(Alarm.active).desc(), weight, col(Alarm.id).desc()).limit(limit)))


def active_by_severity(session: Session, sites: Sequence[str]) -> dict[Severity, int]:
    """How many are active of each severity that any has."""
    query = select(Alarm.severity, func.count(col(Alarm.id))).where(col(Alarm.active).is_(True))
    if sites:
        query = query.where(col(Alarm.site_id).in_(sites))
    return {Severity(severity): count for severity, count in session.exec(query.group_by(col(Alarm.severity)))}


def active_alarm(session: Session, rule_id: int, source: str) -> Alarm | None:
    """At most one, by unique index."""
    query = select(Alarm).where(Alarm.rule_id == rule_id, Alarm.source == source, col(Alarm.active).is_(True))
    return session.exec(query).first()


def held(session: Session, alarm_id: int) -> Alarm | None:
    """As it is now; nobody else moves it until the commit."""
    query = select(Alarm).where(Alarm.id == alarm_id).with_for_update(key_share=True)
    return session.exec(query.execution_options(populate_existing=True)).first()


def is_active(session: Session, rule_id: int, source: str) -> bool:
    """Whether the condition holds now, be it an alarm or an event."""
    query = select(Alarm.id).where(Alarm.rule_id == rule_id, Alarm.source == source, col(Alarm.active).is_(True))
    return session.exec(query).first() is not None or active_event(session, rule_id, source) is not None


def active_event(session: Session, rule_id: int, source: str) -> RuleEvent | None:
    """At most one, by unique index."""
    query = select(RuleEvent).where(RuleEvent.rule_id == rule_id, RuleEvent.source == source)
    return session.exec(query.where(col(RuleEvent.active).is_(True))).first()


def active_events_of_rule(session: Session, rule_id: int) -> list[RuleEvent]:
    """On all its sources."""
    return list(session.exec(select(RuleEvent).where(RuleEvent.rule_id == rule_id, col(RuleEvent.active).is_(True))))


def rule_events(
    session: Session, sites: Sequence[str], device_id: str | None, before_id: int | None, limit: int
) -> list[RuleEvent]:
    """Newest first."""
    query = select(RuleEvent).order_by(col(RuleEvent.id).desc()).limit(limit)
    if sites:
        query = query.where(col(RuleEvent.site_id).in_(sites))
    if device_id is not None:
        query = query.where(RuleEvent.device_id == device_id)
    if before_id is not None:
        query = query.where(col(RuleEvent.id) < before_id)
    return list(session.exec(query))


def newest_raised(session: Session, rule_id: int, site_id: str, device_id: str | None, after_id: int) -> Alarm | None:
    """Of those that people are told of."""
    query = select(Alarm).where(
        Alarm.rule_id == rule_id,
        Alarm.site_id == site_id,
        col(Alarm.id) > after_id,
        col(Alarm.state).not_in(SET_ASIDE),
    )
    if device_id is not None:
        query = query.where(Alarm.device_id == device_id)
    return session.exec(query.order_by(col(Alarm.id).desc()).limit(1)).first()


def newest_event(
    session: Session, rule_id: int, site_id: str, device_id: str | None, after_id: int
) -> RuleEvent | None:
    """Not one that began and ended while its equipment was out of service, nor one while it is."""
    aside = (
        select(Suppression.id)
        .where(
            Suppression.source == RuleEvent.source,
            or_(col(Suppression.rule_id).is_(None), col(Suppression.rule_id) == RuleEvent.rule_id),
            col(Suppression.since) <= RuleEvent.detected_at,
            or_(
                col(Suppression.ended_at).is_(None),
                and_(col(Suppression.ended_at) >= RuleEvent.detected_at, col(RuleEvent.active).is_(False)),
            ),
        )
        .exists()
    )
    query = select(RuleEvent).where(
        RuleEvent.rule_id == rule_id, RuleEvent.site_id == site_id, col(RuleEvent.id) > after_id, ~aside
    )
    if device_id is not None:
        query = query.where(RuleEvent.device_id == device_id)
    return session.exec(query.order_by(col(RuleEvent.id).desc()).limit(1)).first()


def transitions(session: Session, alarm_id: int) -> list[AlarmTransition]:
    """Oldest first."""
    query = select(AlarmTransition).where(AlarmTransition.alarm_id == alarm_id).order_by(col(AlarmTransition.id))
    return list(session.exec(query))


def rules(session: Session, sites: Sequence[str] = ()) -> list[AlarmRule]:
    """All, those of one profile together; for somebody of these sites."""
    query = select(AlarmRule).where(col(AlarmRule.deleted_at).is_(None), _seen_from(sites))
    return list(session.exec(query.order_by(col(AlarmRule.profile), col(AlarmRule.id))))


def enabled_rules(session: Session) -> list[AlarmRule]:
    """Those that are judged."""
    return list(session.exec(_judged()))


def is_judged(session: Session, rule_id: int, source: str) -> bool:
    """Whether it is neither disabled nor deleted, and its source neither out of the configuration nor revoked."""
    device = session.get(Device, source)
    gateway = session.get(Gateway, device.gateway_id if device is not None else source)
    gone = (device is not None and device.removed_at is not None) or (
        gateway is not None and gateway.revoked_at is not None
    )
    return not gone and session.exec(_judged().where(AlarmRule.id == rule_id)).first() is not None


def rules_of_levels(session: Session, levels_id: str | None = None, sites: Sequence[str] = ()) -> list[AlarmRule]:
    """Those of one set of levels, or of all sets together; for somebody of these sites."""
    query = select(AlarmRule).where(col(AlarmRule.levels_id).is_not(None), col(AlarmRule.deleted_at).is_(None))
    query = query.where(_seen_from(sites))
    if levels_id is not None:
        query = query.where(AlarmRule.levels_id == levels_id)
    return list(session.exec(query.order_by(col(AlarmRule.id))))


def told_of_level(session: Session, source: str, level: Level) -> list[tuple[Alarm, AlarmRule]]:
    """The active alarms of a level on a source that people were told of."""
    query = (
        select(Alarm, AlarmRule)
        .join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
        .where(
            Alarm.source == source,
            col(Alarm.active).is_(True),
            AlarmRule.level == level,
            col(Alarm.state).in_((AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)),
        )
    )
    return list(session.exec(query))


def told_by(session: Session, alarm: Alarm, rule_id: int, within: Within) -> Alarm | None:
    """The first active alarm that people were told of by a rule, or by what stands in for it under its name, on the
    source of `alarm`, its gateway or its site."""
    by = aliased(AlarmRule)
    query = (
        select(Alarm)
        .join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
        .join(by, or_(col(by.id) == col(AlarmRule.id), col(by.name) == col(AlarmRule.name)))
        .where(
            col(by.id) == rule_id,
            col(Alarm.active).is_(True),
            col(Alarm.rule_id) != alarm.rule_id,
            col(Alarm.state).in_((AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)),
            _near(alarm)[within],
        )
    )
    return session.exec(query.order_by(col(Alarm.raised_at), col(Alarm.id))).first()


def told_that_it_suppresses(session: Session, alarm: Alarm) -> list[Alarm]:
    """The active alarms that people were told of and that are not to be told while `alarm` is."""
    mine, by = aliased(AlarmRule), aliased(AlarmRule)
    near = or_(*(and_(col(AlarmRule.suppressed_within) == within, where) for within, where in _near(alarm).items()))
    query = (
        select(Alarm)
        .join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
        .join(by, col(by.id) == AlarmRule.suppressed_by)
        .join(mine, or_(col(mine.id) == col(by.id), col(mine.name) == col(by.name)))
        .where(
            col(mine.id) == alarm.rule_id,
            col(Alarm.active).is_(True),
            col(Alarm.rule_id) != alarm.rule_id,
            col(Alarm.state).in_((AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)),
            near,
        )
    )
    return list(session.exec(query.order_by(col(Alarm.id))))


def _near(alarm: Alarm) -> dict[Within, ColumnElement[bool]]:
    of_gateway = col(Alarm.gateway_id) == alarm.gateway_id if alarm.gateway_id is not None else false()
    return {
        Within.DEVICE: col(Alarm.source) == alarm.source,
        Within.GATEWAY: of_gateway,
        Within.SITE: col(Alarm.site_id) == alarm.site_id,
    }


def suppressed_by(session: Session, rule_id: int) -> list[AlarmRule]:
    """The rules whose alarms are not told while one of this rule is."""
    return list(session.exec(select(AlarmRule).where(AlarmRule.suppressed_by == rule_id)))


def active_of_rule(session: Session, rule_id: int) -> list[Alarm]:
    """On all its sources."""
    return list(session.exec(select(Alarm).where(Alarm.rule_id == rule_id, col(Alarm.active).is_(True))))


def active_on_devices(session: Session, kinds: Collection[RuleKind]) -> list[Alarm]:
    """By rules of these kinds; held until the commit, for two processes may look at once."""
    query = select(Alarm).join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
    query = query.where(col(Alarm.active).is_(True), col(Alarm.device_id).is_not(None), col(AlarmRule.kind).in_(kinds))
    return list(session.exec(query.order_by(col(Alarm.id)).with_for_update(of=Alarm)))


def active_events_on_devices(session: Session, kinds: Collection[RuleKind]) -> list[RuleEvent]:
    """By rules of these kinds."""
    query = select(RuleEvent).join(AlarmRule, col(AlarmRule.id) == RuleEvent.rule_id)
    query = query.where(col(RuleEvent.active).is_(True), col(RuleEvent.device_id).is_not(None))
    return list(session.exec(query.where(col(AlarmRule.kind).in_(kinds)).order_by(col(RuleEvent.id))))


def forget_states(session: Session, rule_id: int) -> None:
    """A rule begins anew on all its sources."""
    session.exec(delete(RuleState).where(col(RuleState.rule_id) == rule_id))


def metrics_of_device(session: Session, device_id: str) -> list[dict[str, Any]] | None:
    """None when there is no such device."""
    device = session.get(Device, device_id)
    return device.metrics if device is not None else None


def by_number(session: Session, device_id: str) -> list[str]:
    """The names of a device's metrics, those that are numbers first; none of a device that there is not."""
    found = metrics_of_device(session, device_id) or []
    return [metric["name"] for metric in sorted(found, key=lambda metric: metric.get("kind") in ("state", "text"))]


def metrics_of_profile(session: Session, profile: str) -> list[dict[str, Any]] | None:
    """None when no device has it."""
    device = session.exec(select(Device).where(Device.profile == profile)).first()
    return device.metrics if device is not None else None


def keys_of(session: Session, profile: str) -> set[str]:
    """The keys of a profile's rules."""
    return {key for key in session.exec(select(AlarmRule.key).where(AlarmRule.profile == profile)) if key is not None}


def metrics_of_site(session: Session, site_id: str) -> list[dict[str, Any]] | None:
    """None when no device is there."""
    query = select(Device).join(Gateway, col(Gateway.id) == Device.gateway_id).where(Gateway.site_id == site_id)
    found = session.exec(query).all()
    return [metric for device in found for metric in device.metrics] if found else None


def latest_values(session: Session, device_id: str, names: Collection[str]) -> dict[str, Any] | None:
    """The last known value of each of these metrics; an ended or doubtful one has none. None: never heard."""
    row = session.get(DeviceLatest, device_id)
    if row is None:
        return None
    known = {name: row.values[name] for name in names if name in row.values}
    return {name: held["v"] for name, held in known.items() if held["v"] is not None and held["q"] == "good"}


def last_came(session: Session, device_id: str, metric: str) -> int | None:
    """Event time (ms) of the last good value of a metric; None when the newest is none."""
    row = session.get(DeviceLatest, device_id)
    held = row.values.get(metric) if row is not None else None
    return int(held["t"]) if held is not None and held["v"] is not None and held["q"] == "good" else None


def rule_by_key(session: Session, profile: str, key: str) -> AlarmRule | None:
    """A suggested rule of a profile, or one that every installation has (profile "system"); a deleted one too, for
    nobody wants back what he deleted."""
    return session.exec(select(AlarmRule).where(AlarmRule.profile == profile, AlarmRule.key == key)).first()


def gateway_lost_rule(session: Session) -> AlarmRule | None:
    """The one that watches the gateways."""
    return session.exec(select(AlarmRule).where(AlarmRule.kind == RuleKind.GATEWAY_LOST)).first()


def rules_fingerprint(session: Session) -> tuple[Any, ...]:
    """Differs when a rule was added, changed or removed."""
    return tuple(session.exec(select(func.count(col(AlarmRule.id)), func.max(AlarmRule.updated_at))).one())


def metrics_of_label(session: Session, label: str) -> list[dict[str, Any]] | None:
    """None when no device has it."""
    found = [place.device_id for place, _ in places(session) if label in place.labels]
    metrics = [m for part in parts(found) for m in session.exec(select(Device.metrics).where(col(Device.id).in_(part)))]
    return [metric for of_device in metrics for metric in of_device] if found else None


def site_of_device(session: Session, device_id: str) -> str | None:
    """None for one that is not known."""
    query = select(Gateway.site_id).join(Device, col(Device.gateway_id) == Gateway.id).where(Device.id == device_id)
    return session.exec(query).first()


def team_exists(session: Session, team_id: str) -> bool:
    """Whether alarms can go to it."""
    return session.get(Team, team_id) is not None


def places(session: Session, device_id: str | None = None) -> list[tuple[Place, str]]:
    """Every device in use (or this one) as rules find it, with its gateway; in the order of their ids."""
    query = select(Device.id, Device.profile, Device.gateway_id, Gateway.site_id)
    query = query.join(Gateway, col(Gateway.id) == Device.gateway_id).order_by(col(Device.id))
    named = select(Device.id, Device.kind, col(Device.labels))
    classed = select(AssetDevice.device_id, Asset.equipment_class).join(Asset, col(Asset.id) == AssetDevice.asset_id)
    classed = classed.where(col(AssetDevice.until).is_(None), Asset.equipment_class != "")
    if device_id is not None:
        query, named = query.where(Device.id == device_id), named.where(Device.id == device_id)
        classed = classed.where(AssetDevice.device_id == device_id)
    else:
        query = query.where(col(Device.removed_at).is_(None), col(Gateway.revoked_at).is_(None))
    names = {device: {kind, *labels} for device, kind, labels in session.exec(named)}
    for device, equipment_class in session.exec(classed):
        names.setdefault(device, set()).add(equipment_class)
    return [
        (Place(device, frozenset(names.get(device, set()) - {""}), profile, site), gateway)
        for device, profile, gateway, site in session.exec(query)
    ]


def direct_devices(session: Session) -> Sequence[Device]:
    """Those that speak MQTT themselves."""
    return session.exec(select(Device).where(col(Device.direct).is_(True))).all()


def last_readings(session: Session, device_ids: Sequence[str]) -> dict[str, datetime]:
    """When each device was heard last, event time."""
    query = select(DeviceLatest.device_id, DeviceLatest.last_reading_at)
    rows = [
        row for part in parts(device_ids) for row in session.exec(query.where(col(DeviceLatest.device_id).in_(part)))
    ]
    return {device: moment for device, moment in rows if moment is not None}


def rule_states(session: Session, sources: Sequence[str]) -> dict[tuple[int, str], dict[str, Any]]:
    """Where rules stand on some sources, by rule and source."""
    query = select(RuleState.rule_id, RuleState.source, RuleState.state)
    rows = [row for part in parts(sources) for row in session.exec(query.where(col(RuleState.source).in_(part)))]
    return {(rule, source): dict(state) for rule, source, state in rows}


def parts(names: Sequence[str]) -> list[Sequence[str]]:
    """As many as one query may name."""
    return [names[begin : begin + 500] for begin in range(0, len(names), 500)]


def seen_gateways(session: Session) -> Sequence[Gateway]:
    """Those that were ever heard."""
    return session.exec(select(Gateway).where(Gateway.state != "never-seen")).all()


def rule_state(session: Session, rule_id: int, source: str) -> RuleState | None:
    """Where a rule stands on a source."""
    return session.get(RuleState, (rule_id, source))


def suppressions_of(session: Session, rule_id: int, source: str) -> list[Suppression]:
    """What sets aside the alarms of a rule on a source now; the strongest first."""
    query = _suppressions_of(rule_id, source)
    return sorted(session.exec(query), key=lambda item: SET_ASIDE.index(item.kind), reverse=True)


def held_suppressions_of(session: Session, rule_id: int, source: str) -> list[Suppression]:
    """As they are now; nobody else ends them until the commit."""
    query = _suppressions_of(rule_id, source).order_by(col(Suppression.id)).with_for_update(key_share=True)
    return list(session.exec(query.execution_options(populate_existing=True)))


def _suppressions_of(rule_id: int, source: str) -> SelectOfScalar[Suppression]:
    return select(Suppression).where(
        Suppression.source == source,
        or_(col(Suppression.rule_id).is_(None), col(Suppression.rule_id) == rule_id),
        col(Suppression.ended_at).is_(None),
    )


def suppression_of(session: Session, rule_id: int, source: str) -> Suppression | None:
    """The strongest: out of service before suppressed by design before shelved."""
    return next(iter(suppressions_of(session, rule_id, source)), None)


def out_of_service(session: Session, source: str, work_order_id: int | None) -> Suppression | None:
    """By this work order."""
    query = select(Suppression).where(
        Suppression.source == source,
        Suppression.kind == AlarmState.OUT_OF_SERVICE,
        Suppression.work_order_id == work_order_id,
        col(Suppression.ended_at).is_(None),
    )
    return session.exec(query).first()


def out_of_service_by(session: Session, work_order_id: int) -> list[Suppression]:
    """All equipment that is out of service by a work order."""
    query = select(Suppression).where(
        Suppression.kind == AlarmState.OUT_OF_SERVICE,
        Suppression.work_order_id == work_order_id,
        col(Suppression.ended_at).is_(None),
    )
    return list(session.exec(query.order_by(col(Suppression.id))))


def devices_of_asset(session: Session, asset_id: int) -> list[str]:
    """The devices that measure it now, and of a system or a machine those of its parts too; not of all in a room."""
    asset = session.get(Asset, asset_id)
    found, seen = [asset_id], {asset_id}
    if asset is not None and asset.kind in (AssetKind.SYSTEM, AssetKind.EQUIPMENT):
        for number in found:  # grows as parts are found
            parts_of = session.exec(select(Asset.id).where(Asset.parent_id == number))
            found += [part for part in parts_of if part is not None and part not in seen]
            seen |= set(found)
    query = select(AssetDevice.device_id).where(col(AssetDevice.asset_id).in_(found), col(AssetDevice.until).is_(None))
    return list(session.exec(query.order_by(col(AssetDevice.id))))


def suppressions_over(session: Session, at: datetime) -> list[Suppression]:
    """Those whose time is over; of two processes one gets them."""
    query = select(Suppression).where(col(Suppression.ended_at).is_(None), col(Suppression.until) <= at)
    return list(session.exec(query.with_for_update(of=Suppression, key_share=True, skip_locked=True)))


def shelved_once_and_normal(session: Session) -> list[Suppression]:
    """Shelved until the alarm returns, and it has; of two processes one gets them."""
    active = select(Alarm.id).where(
        Alarm.source == Suppression.source, Alarm.rule_id == Suppression.rule_id, col(Alarm.active).is_(True)
    )
    query = select(Suppression).where(
        col(Suppression.ended_at).is_(None), col(Suppression.once).is_(True), ~active.exists()
    )
    return list(session.exec(query.with_for_update(of=Suppression, key_share=True, skip_locked=True)))


def first_out_over(session: Session) -> list[Suppression]:
    """Suppressed by an alarm that is over; of two processes one gets them."""
    query = (
        select(Suppression)
        .join(Alarm, col(Alarm.id) == Suppression.first_alarm_id)
        .where(col(Suppression.ended_at).is_(None), col(Alarm.active).is_(False))
    )
    return list(session.exec(query.with_for_update(of=Suppression, key_share=True, skip_locked=True)))


def open_alarms_of(session: Session, source: str, rule_id: int | None = None) -> list[Alarm]:
    """Not normal; of one rule, or of all. Nobody else moves them until the commit."""
    query = select(Alarm).where(Alarm.source == source, Alarm.state != AlarmState.NORMAL)
    if rule_id is not None:
        query = query.where(Alarm.rule_id == rule_id)
    query = query.order_by(col(Alarm.id)).with_for_update(key_share=True)
    return list(session.exec(query.execution_options(populate_existing=True)))


def told_of_group(session: Session, group: str, gateway_id: str | None, but_rule: int) -> list[tuple[Alarm, AlarmRule]]:
    """The active alarms of a first-out group that are told to people, with their rules; the first of them first."""
    query = (
        select(Alarm, AlarmRule)
        .join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
        .where(
            AlarmRule.first_out == group,
            Alarm.gateway_id == gateway_id,
            col(Alarm.active).is_(True),
            col(Alarm.rule_id) != but_rule,
            col(Alarm.state).in_((AlarmState.UNACKNOWLEDGED, AlarmState.ACKNOWLEDGED)),
        )
        .order_by(col(Alarm.raised_at))
    )
    return list(session.exec(query))


def realarms_due(session: Session, at: datetime) -> list[Alarm]:
    """Acknowledged, still active, and the rule's time to tell again is over; of two processes one gets them."""
    query = (
        select(Alarm, AlarmRule)
        .join(AlarmRule, col(AlarmRule.id) == Alarm.rule_id)
        .where(Alarm.state == AlarmState.ACKNOWLEDGED, col(AlarmRule.realarm_s) > 0)
        .with_for_update(of=Alarm, key_share=True, skip_locked=True)
    )
    return [
        alarm
        for alarm, rule in session.exec(query)
        if alarm.acknowledged_at is not None and at - alarm.acknowledged_at >= timedelta(seconds=rule.realarm_s)
    ]


def in_use_with(session: Session, metrics: Collection[str], sites: Sequence[str]) -> set[str]:
    """The devices in use that have these metrics and that a person of these sites may see."""
    query = select(Device.id, Device.metrics).join(Gateway, col(Gateway.id) == Device.gateway_id)
    query = query.where(col(Device.removed_at).is_(None))
    if sites:
        query = query.where(col(Gateway.site_id).in_(sites))
    found = session.exec(query)
    return {device for device, has in found if set(metrics) <= {metric["name"] for metric in has}}


def raised_since(session: Session, team_id: str | None, since: datetime, but_of: Collection[int] = ()) -> int:
    """Alarms of a team that were told to it, but not of these rules."""
    told = select(AlarmTransition.alarm_id).where(
        col(AlarmTransition.from_state).in_((AlarmState.NORMAL, *SET_ASIDE)),
        AlarmTransition.to_state == AlarmState.UNACKNOWLEDGED,
    )
    query = select(func.count(col(Alarm.id))).where(
        Alarm.team_id == team_id,
        col(Alarm.raised_at) >= since,
        col(Alarm.id).in_(told),
        col(Alarm.rule_id).not_in(but_of),
    )
    return session.exec(query).one()


def activations(
    session: Session, team_id: str | None, sites: Sequence[str], since: datetime, until: datetime, *, all_teams: bool
) -> list[tuple[str | None, Activation]]:
    """Told to people in a time, or still active in it, by team; what was set aside from its first moment on counts from
    when it was released, if it ever was."""
    aside = (
        select(AlarmTransition.id)
        .where(
            AlarmTransition.alarm_id == Alarm.id,
            AlarmTransition.from_state == AlarmState.UNACKNOWLEDGED,
            col(AlarmTransition.to_state).in_(SET_ASIDE),
            AlarmTransition.at <= Alarm.detected_at,
        )
        .exists()
    )
    released = (
        select(func.min(AlarmTransition.at))
        .where(
            AlarmTransition.alarm_id == Alarm.id,
            col(AlarmTransition.from_state).in_(SET_ASIDE),
            AlarmTransition.to_state == AlarmState.UNACKNOWLEDGED,
        )
        .scalar_subquery()
    )
    told = case((aside, released), else_=col(Alarm.raised_at))
    query = sql_select(
        col(Alarm.team_id),
        col(Alarm.name),
        case((col(Alarm.called) != "", col(Alarm.called)), else_=col(Alarm.source)),
        col(Alarm.severity),
        type_coerce(told, UtcDateTime),
        col(Alarm.returned_at),
        col(Alarm.acknowledged_at),
    ).where(told < until, or_(told >= since, col(Alarm.active).is_(True), col(Alarm.returned_at) > since))
    if not all_teams:
        query = query.where(col(Alarm.team_id) == team_id)
    if sites:
        query = query.where(col(Alarm.site_id).in_(sites))
    return [
        (team, Activation(f"{name}: {source}", str(severity.value), raised, returned, acknowledged))
        for team, name, source, severity, raised, returned, acknowledged in session.execute(query)
    ]


def _seen_from(sites: Sequence[str]) -> ColumnElement[bool]:
    """Rules of these sites, and those that hold everywhere: on a label, on a profile, what every installation has. No
    sites: all rules."""
    if not sites:
        return col(AlarmRule.id).is_not(None)
    elsewhere = select(Device.id).join(Gateway, col(Gateway.id) == Device.gateway_id)
    elsewhere = elsewhere.where(col(Gateway.site_id).not_in(sites))
    return and_(
        or_(col(AlarmRule.site_id).is_(None), col(AlarmRule.site_id).in_(sites)),
        or_(col(AlarmRule.device_id).is_(None), col(AlarmRule.device_id).not_in(elsewhere)),
    )


def _judged() -> SelectOfScalar[AlarmRule]:
    return select(AlarmRule).where(col(AlarmRule.enabled).is_(True), col(AlarmRule.deleted_at).is_(None))

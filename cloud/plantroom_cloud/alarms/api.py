"""/api/v1/alarms and /api/v1/alarm-rules."""

from datetime import datetime
from typing import Annotated, Any

from fastapi import APIRouter, Query
from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.alarms.models import AlarmRule, AlarmState, RuleKind, Severity
from plantroom_cloud.dependencies import (
    At,
    Manager,
    ReadSession,
    ServicesDep,
    Technician,
    Viewer,
    WriteSession,
    may_see,
)
from plantroom_cloud.errors import InvalidError, NotFoundError
from plantroom_cloud.listing import Page

router = APIRouter(prefix="/api/v1")


class AlarmOut(BaseModel):
    """An alarm."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    rule_id: int
    source: str
    device_id: str | None
    gateway_id: str
    site_id: str
    name: str
    severity: Severity
    state: AlarmState
    active: bool
    raised_at: datetime
    detected_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    returned_at: datetime | None
    metric: str | None
    value: Any
    limit: float | None
    unit: str
    cause: str
    consequence: str
    response: str
    evidence: list[Any]


class TransitionOut(BaseModel):
    """One step of an alarm."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    from_state: AlarmState
    to_state: AlarmState
    actor: str
    note: str


class AlarmStory(AlarmOut):
    """An alarm with its transitions."""

    transitions: list[TransitionOut]


class Note(BaseModel):
    """A remark."""

    note: str = Field(default="", max_length=2000)


class RuleIn(BaseModel):
    """What a person may say of a rule."""

    name: str = Field(min_length=1, max_length=200)
    kind: RuleKind
    severity: Severity
    device_id: str | None = None
    profile: str | None = None
    metric: str | None = None
    operator: str | None = Field(default=None, pattern="^[<>]$")
    limit: float | None = None
    deadband: float = Field(default=0, ge=0)
    states: list[str] = []
    on_delay_s: float = Field(default=0, ge=0, le=86_400)
    off_delay_s: float = Field(default=0, ge=0, le=86_400)
    proving_s: float = Field(default=600, ge=0, le=864_000)
    cause: str = ""
    consequence: str = ""
    response: str = ""
    work_order: bool = True
    enabled: bool = True


class RuleOut(RuleIn):
    """A rule."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    key: str | None
    created_by: str
    updated_at: datetime


@router.get("/alarms", tags=["alarms"])
def list_alarms(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    state: AlarmState | None = None,
    active: bool | None = None,
    device: str | None = None,
    cursor: Annotated[int | None, Query(ge=1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[AlarmOut]:
    """Newest first."""
    found = services.alarms.search(
        session, sites=user.sites, state=state, active=active, device_id=device, before_id=cursor, limit=limit + 1
    )
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[AlarmOut.model_validate(alarm) for alarm in found[:limit]], next=more)


@router.get("/alarms/{alarm_id}", tags=["alarms"])
def get_alarm(alarm_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> AlarmStory:
    """One alarm with its story."""
    alarm = services.alarms.get(session, alarm_id)
    if not may_see(user, alarm.site_id):
        raise NotFoundError(f"there is no alarm {alarm_id}")
    steps = [TransitionOut.model_validate(step) for step in services.alarms.transitions(session, alarm_id)]
    return AlarmStory(**AlarmOut.model_validate(alarm).model_dump(), transitions=steps)


@router.post("/alarms/{alarm_id}/acknowledge", tags=["alarms"])
def acknowledge(
    alarm_id: int, body: Note, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> AlarmOut:
    """Somebody has seen it."""
    if not may_see(user, services.alarms.get(session, alarm_id).site_id):
        raise NotFoundError(f"there is no alarm {alarm_id}")
    return AlarmOut.model_validate(services.alarms.acknowledge(session, alarm_id, user.name, body.note, at))


@router.get("/alarm-rules", tags=["alarm rules"])
def list_rules(_user: Viewer, session: ReadSession, services: ServicesDep) -> Page[RuleOut]:
    """All rules, those of one profile together."""
    return Page(items=[RuleOut.model_validate(rule) for rule in services.alarms.rules(session)])


@router.post("/alarm-rules", status_code=201, tags=["alarm rules"])
def create_rule(body: RuleIn, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> RuleOut:
    """A new rule, on a device or on all devices of a profile."""
    check_rule(body)
    if body.device_id is not None:
        services.devices.get(session, body.device_id)
    rule = AlarmRule(**body.model_dump(), created_by=user.name, updated_at=at)
    session.add(rule)
    session.flush()
    services.users.audit(
        session, user.name, "alarm-rule.create", f"alarm-rule/{rule.id}", body.model_dump(mode="json"), at
    )
    return RuleOut.model_validate(rule)


@router.put("/alarm-rules/{rule_id}", tags=["alarm rules"])
def update_rule(
    rule_id: int, body: RuleIn, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> RuleOut:
    """Change a rule; it takes effect within a second."""
    check_rule(body)
    rule = session.get(AlarmRule, rule_id)
    if rule is None:
        raise NotFoundError(f"there is no alarm rule {rule_id}")
    for name, value in body.model_dump().items():
        setattr(rule, name, value)
    rule.updated_at = at
    session.add(rule)
    services.users.audit(
        session, user.name, "alarm-rule.update", f"alarm-rule/{rule_id}", body.model_dump(mode="json"), at
    )
    return RuleOut.model_validate(rule)


def check_rule(rule: RuleIn) -> None:
    """What one field alone cannot show; raises InvalidError."""
    if rule.kind is RuleKind.LIMIT and (rule.metric is None or rule.operator is None or rule.limit is None):
        raise InvalidError("a limit rule needs metric, operator (> or <) and limit")
    if rule.kind is RuleKind.STATE and (rule.metric is None or not rule.states):
        raise InvalidError("a state rule needs metric and states")
    if rule.kind is RuleKind.NO_DATA and rule.on_delay_s < 1:
        raise InvalidError("a no-data rule needs on_delay_s, the seconds of silence")
    if rule.kind in (RuleKind.LIMIT, RuleKind.STATE, RuleKind.NO_DATA) and not (rule.device_id or rule.profile):
        raise InvalidError("say device_id or profile: what the rule applies to")

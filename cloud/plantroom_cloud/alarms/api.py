"""/api/v1/alarms and /api/v1/alarm-rules."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from typing import Annotated, Any, Literal
from zoneinfo import ZoneInfo

from fastapi import APIRouter, Depends, Query
from pydantic import BaseModel, ConfigDict, Field
from sqlmodel import Session

from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.levels import LevelsDefinition, joined
from plantroom_cloud.alarms.models import SET_ASIDE, AlarmRule, AlarmState, Level, RuleKind, Severity
from plantroom_cloud.alarms.period import bounded, common
from plantroom_cloud.alarms.preview import SHORTEST_SEEN
from plantroom_cloud.alarms.rationalisation import Matrix, lacking
from plantroom_cloud.alarms.replay import Spell
from plantroom_cloud.alarms.visible import (
    check_reach,
    held_levels,
    held_rule,
    visible_alarm,
    visible_levels,
    visible_rule,
)
from plantroom_cloud.columns import utc_from_ms
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
from plantroom_cloud.errors import NotFoundError
from plantroom_cloud.listing import Page, PartDep
from plantroom_cloud.moment import Moment
from plantroom_cloud.services import Services
from plantroom_shared.said import said

router = APIRouter(prefix="/api/v1")


class AlarmOut(BaseModel):
    """An alarm."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    rule_id: int
    source: str
    device_id: str | None
    gateway_id: str | None
    site_id: str
    called: str
    name: str
    severity: Severity
    state: AlarmState
    active: bool
    raised_at: datetime
    detected_at: datetime
    acknowledged_at: datetime | None
    acknowledged_by: str | None
    returned_at: datetime | None
    team_id: str | None
    metric: str | None
    value: Any
    limit: float | None
    unit: str
    detail: str
    cause: str
    consequence: str
    response: str
    respond_within_s: float
    evidence: list[Any]


class Shelve(BaseModel):
    """Why, and how long: minutes, or once (until it returns to normal)."""

    reason: str = Field(min_length=1, max_length=2000)
    minutes: float | None = Field(default=None, gt=0, le=20_160)
    once: bool = False


class TransitionOut(BaseModel):
    """One step of an alarm."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    from_state: AlarmState
    to_state: AlarmState
    actor: str
    note: str


class SuppressionOut(BaseModel):
    """Why an alarm is set aside: who, until when."""

    model_config = ConfigDict(from_attributes=True)
    kind: AlarmState
    since: datetime
    until: datetime | None
    once: bool
    reason: str
    by: str
    first_alarm_id: int | None
    work_order_id: int | None


class AlarmStory(AlarmOut):
    """An alarm with its transitions, and why it is set aside."""

    transitions: list[TransitionOut]
    set_aside: list[SuppressionOut]


class Note(BaseModel):
    """A remark."""

    note: str = Field(default="", max_length=2000)


class SpellOut(BaseModel):
    """The alarm would have been active from then to then."""

    raised_at: datetime
    returned_at: datetime | None
    value: float | bool | str | None


class ForeseenOut(BaseModel):
    """On one device."""

    device_id: str
    spells: list[SpellOut]


class PreviewOut(BaseModel):
    """What a rule would have done, and its team's load against IEC 62682 (144 a day acceptable, 288 manageable): both
    by the day, over those days for which anything is stored. A rule that makes events adds nothing to the load."""

    days: float
    seen_days: float
    makes_alarms: bool
    devices: list[ForeseenOut]
    left_out: int
    per_day: float
    team_per_day: float
    budget: Literal["acceptable", "manageable", "too many"]


class BadActorOut(BaseModel):
    """An alarm that makes much of the load."""

    model_config = ConfigDict(from_attributes=True)
    name: str
    count: int
    share: float
    chattering: bool
    fleeting: int


class FiguresOut(BaseModel):
    """By IEC 62682 / ISA-18.2; shares are 0 to 1."""

    model_config = ConfigDict(from_attributes=True)
    activations: int
    per_day: float
    per_ten_minutes: float
    peak_ten_minutes: int
    share_over_ten: float
    share_in_flood: float
    floods: int
    top_share: float
    chattering: list[str]
    fleeting: int
    stale: int
    priorities: dict[str, float]
    distribution: dict[int, int]
    bad_actors: list[BadActorOut]
    median_to_acknowledge: timedelta | None
    slow_to_acknowledge: timedelta | None
    peak_hour: int
    share_busy_hours: float
    by_day: list[tuple[date, int]]
    by_hour: list[int]


class PeriodFiguresOut(FiguresOut):
    """With the time that they are told for; days are those of the time zone."""

    start: datetime
    end: datetime
    timezone: str


class TeamFiguresOut(PeriodFiguresOut):
    """Of one team; null: of alarms that go to no team."""

    team: str | None


class AuditOut(BaseModel):
    """Who did what, when; of a change [before, after] by field."""

    model_config = ConfigDict(from_attributes=True)
    at: datetime
    actor: str
    action: str
    detail: dict[str, Any]


class RuleOut(RuleDefinition):
    """A rule; what it `lacks` keeps it from making alarms: it makes events."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    lacks: list[str] = Field(default_factory=list)
    key: str | None
    level: Level | None
    levels_id: str | None
    created_by: str
    updated_at: datetime


class LevelsOut(LevelsDefinition):
    """A set of levels with the rules that it consists of."""

    id: str
    rules: dict[Level, RuleOut]


class LevelsPreviewOut(BaseModel):
    """What the levels would have done; `per_day` of what people would have been told of."""

    days: float
    seen_days: float
    levels: dict[Level, list[ForeseenOut]]
    left_out: int
    per_day: float
    team_per_day: float
    budget: Literal["acceptable", "manageable", "too many"]


class EventOut(BaseModel):
    """What a rule saw that makes no alarms."""

    model_config = ConfigDict(from_attributes=True)
    id: int
    rule_id: int
    source: str
    device_id: str | None
    gateway_id: str | None
    site_id: str
    name: str
    active: bool
    began_at: datetime
    detected_at: datetime
    ended_at: datetime | None
    metric: str | None
    value: Any
    limit: float | None
    unit: str
    detail: str


@router.get("/alarm-events", tags=["alarms"])
def list_events(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    device: str | None = None,
    cursor: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[EventOut]:
    """What rules saw that lack their rationalisation, newest first."""
    found = services.alarms.events(session, user.sites, device_id=device, before_id=cursor, limit=limit)
    more = str(found[-1].id) if len(found) == limit else None
    return Page(items=[EventOut.model_validate(event) for event in found], next=more)


@router.get("/alarm-rules/matrix", tags=["alarm rules"])
def get_matrix(_user: Viewer, services: ServicesDep) -> Matrix:
    """Which severity follows from consequence and time to respond in this installation."""
    return services.alarms.matrix


@router.get("/alarms", tags=["alarms"])
def list_alarms(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    state: AlarmState | None = None,
    active: bool | None = None,
    device: str | None = None,
    severity: Severity | None = None,
    site: str | None = None,
    team: str | None = None,
    q: Annotated[str, Query(max_length=200)] = "",
    cursor: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
    limit: Annotated[int, Query(ge=1, le=500)] = 100,
) -> Page[AlarmOut]:
    """Newest first; `q`: in the name, the source or the detail."""
    if site is not None and not may_see(user, site):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    found = services.alarms.search(
        session,
        sites=[site] if site is not None else user.sites,
        state=state,
        active=active,
        device_id=device,
        severity=severity,
        team_id=team,
        text=q,
        before_id=cursor,
        limit=limit + 1,
    )
    more = str(found[limit - 1].id) if len(found) > limit else None
    return Page(items=[AlarmOut.model_validate(alarm) for alarm in found[:limit]], next=more)


@router.get("/alarms/{alarm_id}", tags=["alarms"])
def get_alarm(alarm_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> AlarmStory:
    """One alarm with its story."""
    alarm = services.alarms.get(session, alarm_id)
    if not may_see(user, alarm.site_id):
        raise NotFoundError(said("there is no alarm %(alarm_id)s", alarm_id=alarm_id))
    steps = [TransitionOut.model_validate(step) for step in services.alarms.transitions(session, alarm_id)]
    aside = services.alarms.suppressions(session, alarm) if alarm.state in SET_ASIDE else []
    return AlarmStory(
        **AlarmOut.model_validate(alarm).model_dump(),
        transitions=steps,
        set_aside=[SuppressionOut.model_validate(found) for found in aside],
    )


@router.post("/alarms/{alarm_id}/acknowledge", tags=["alarms"])
def acknowledge(
    alarm_id: int, body: Note, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> AlarmOut:
    """Somebody has seen it."""
    visible_alarm(session, services, user, alarm_id)
    return AlarmOut.model_validate(services.alarms.acknowledge(session, alarm_id, user.name, body.note, at))


@router.post("/alarms/{alarm_id}/shelve", tags=["alarms"])
def shelve(
    alarm_id: int, body: Shelve, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> AlarmOut:
    """Put it aside for a time; how long at most depends on its severity."""
    visible_alarm(session, services, user, alarm_id)
    alarm = services.alarms.shelve(session, alarm_id, body.reason, body.minutes, user.name, at, once=body.once)
    return AlarmOut.model_validate(alarm)


@router.post("/alarms/{alarm_id}/unshelve", tags=["alarms"])
def unshelve(
    alarm_id: int, body: Note, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> AlarmOut:
    """Take it back; the process decides whether it is an alarm now."""
    visible_alarm(session, services, user, alarm_id)
    return AlarmOut.model_validate(services.alarms.unshelve(session, alarm_id, body.note, user.name, at))


@router.post("/alarms/{alarm_id}/reset", tags=["alarms"])
def reset(
    alarm_id: int, body: Note, user: Technician, session: WriteSession, services: ServicesDep, at: At
) -> AlarmOut:
    """A latched alarm is over."""
    visible_alarm(session, services, user, alarm_id)
    return AlarmOut.model_validate(services.alarms.reset(session, alarm_id, user.name, body.note, at))


@router.get("/alarm-rules", tags=["alarm rules"])
def list_rules(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    part: PartDep,
    device: Annotated[str | None, Query(description="those that name it, not those of its profile or site")] = None,
    profile: str | None = None,
    site: str | None = None,
    kind: RuleKind | None = None,
    enabled: bool | None = None,
) -> Page[RuleOut]:
    """Rules that the person may know of, those of one profile together."""
    wanted = {"device_id": device, "profile": profile, "site_id": site, "kind": kind, "enabled": enabled}
    found = [
        rule
        for rule in services.alarms.rules(session, user.sites)
        if all(value is None or getattr(rule, name) == value for name, value in wanted.items())
    ]
    items, more = part.of(found, lambda rule: rule.id)
    return Page(items=[_out(rule) for rule in items], next=more)


@router.post("/alarm-rules", status_code=201, tags=["alarm rules"])
def create_rule(body: RuleDefinition, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> RuleOut:
    """A new rule, on a device or on all devices with a label, of a profile or of a site."""
    check_reach(session, services, user, body)
    rule = services.alarms.create_rule(session, body, user.name, at)
    detail = body.model_dump(mode="json")
    services.users.audit(session, user.name, "alarm-rule.create", f"alarm-rule/{rule.id}", detail, at)
    return _out(rule)


@router.post("/alarm-rules/preview", tags=["alarm rules"])
def preview_rule(
    body: RuleDefinition,
    user: Manager,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    days: Annotated[float, Query(ge=SHORTEST_SEEN, le=92)] = 30,
    rule_id: Annotated[int | None, Query(ge=1, le=2**31 - 1)] = None,
) -> PreviewOut:
    """When it would have raised in the stored history; nothing is saved. `rule_id`: the rule that it will change."""
    services.alarms.check_rule(session, body)
    check_reach(session, services, user, body)
    instead_of = [rule_id] if rule_id is not None else []
    found = services.previews.preview(session, body, user.sites, days, at, instead_of=instead_of)
    return PreviewOut(
        days=found.days,
        seen_days=found.seen_days,
        makes_alarms=found.makes_alarms,
        devices=[_foreseen(item.device_id, item.spells) for item in found.devices],
        left_out=found.left_out,
        per_day=found.per_day,
        team_per_day=found.team_per_day,
        budget=found.budget,
    )


@dataclass(frozen=True)
class _Asked:
    """The time, the sites and the zone that figures are asked for."""

    sites: Sequence[str]
    start: datetime
    end: datetime
    zone: ZoneInfo

    @property
    def shown(self) -> dict[str, Any]:
        return {"start": self.start, "end": self.end, "timezone": self.zone.key}


def _asked(
    user: Viewer,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    site: str | None = None,
    days: Annotated[float, Query(ge=0.01, le=366)] = 30,
    start: Moment | None = None,
    end: Moment | None = None,
) -> _Asked:
    """From `start` to `end` (now, when it is left out), else the last days."""
    if site is not None and (not may_see(user, site) or not services.sites.list(session, [site])):
        raise NotFoundError(said("there is no site %(site)r", site=site))
    sites = [site] if site is not None else user.sites
    zone = common({found.timezone for found in services.sites.list(session, sites)})
    until = end or at
    begin, until = bounded(start or until - timedelta(days=days), until)
    return _Asked(sites, begin, until, zone)


Asked = Annotated[_Asked, Depends(_asked)]


@router.get("/alarm-figures", tags=["alarms"])
def alarm_figures(
    asked: Asked, session: ReadSession, services: ServicesDep, team: str | None = None
) -> PeriodFiguresOut:
    """Of a team, or of all that the person sees, at one site or all of them, over any time."""
    found = services.alarms.figures(
        session, team, asked.sites, asked.start, asked.end, all_teams=team is None, zone=asked.zone
    )
    return PeriodFiguresOut(**FiguresOut.model_validate(found).model_dump(), **asked.shown)


@router.get("/alarm-figures/teams", tags=["alarms"])
def alarm_figures_by_team(asked: Asked, session: ReadSession, services: ServicesDep) -> Page[TeamFiguresOut]:
    """Team by team: each is one operator position of the standard; the most loaded first."""
    found = services.alarms.figures_by_team(session, asked.sites, asked.start, asked.end, asked.zone)
    return Page(
        items=[
            TeamFiguresOut(**FiguresOut.model_validate(figures).model_dump(), **asked.shown, team=team)
            for team, figures in found.items()
        ]
    )


@router.get("/alarm-rules/{rule_id}", tags=["alarm rules"])
def get_rule(rule_id: int, user: Viewer, session: ReadSession, services: ServicesDep) -> RuleOut:
    """One."""
    return _out(visible_rule(session, services, user, rule_id))


@router.put("/alarm-rules/{rule_id}", tags=["alarm rules"])
def update_rule(
    rule_id: int, body: RuleDefinition, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> RuleOut:
    """Change a rule; it takes effect within a second."""
    held_rule(session, services, user, rule_id)
    check_reach(session, services, user, body)
    changes = services.alarms.change_rule(session, rule_id, body, user.name, at)
    services.users.audit(session, user.name, "alarm-rule.update", f"alarm-rule/{rule_id}", changes, at)
    return _out(services.alarms.rule(session, rule_id))


@router.delete("/alarm-rules/{rule_id}", status_code=204, tags=["alarm rules"])
def delete_rule(rule_id: int, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """Nothing is raised by it any more; the alarms it raised stay."""
    held_rule(session, services, user, rule_id)
    services.alarms.delete_rule(session, rule_id, user.name, at)
    services.users.audit(session, user.name, "alarm-rule.delete", f"alarm-rule/{rule_id}", {}, at)


@router.get("/alarm-rules/{rule_id}/history", tags=["alarm rules"])
def rule_history(rule_id: int, user: Manager, session: ReadSession, services: ServicesDep) -> Page[AuditOut]:
    """Who changed what, newest first."""
    visible_rule(session, services, user, rule_id)
    entries = services.users.audited(session, f"alarm-rule/{rule_id}")
    return Page(items=[AuditOut.model_validate(entry) for entry in entries])


@router.get("/alarm-levels", tags=["alarm rules"])
def list_levels(user: Viewer, session: ReadSession, services: ServicesDep) -> Page[LevelsOut]:
    """Limits that are set together, metric by metric."""
    sets = services.alarms.level_sets(session, sites=user.sites)
    return Page(items=[_levels_out(levels_id, rules) for levels_id, rules in sets.items()])


@router.post("/alarm-levels", status_code=201, tags=["alarm rules"])
def create_levels(
    body: LevelsDefinition, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> LevelsOut:
    """High-high, high, low and low-low of a metric; while the outer one is told, the inner one is suppressed."""
    check_reach(session, services, user, body)
    levels_id = services.alarms.create_levels(session, body, user.name, at)
    detail = body.model_dump(mode="json")
    services.users.audit(session, user.name, "alarm-levels.create", f"alarm-levels/{levels_id}", detail, at)
    return _one(services, session, levels_id)


@router.post("/alarm-levels/preview", tags=["alarm rules"])
def preview_levels(
    body: LevelsDefinition,
    user: Manager,
    session: ReadSession,
    services: ServicesDep,
    at: At,
    days: Annotated[float, Query(ge=SHORTEST_SEEN, le=92)] = 30,
    levels_id: str | None = None,
) -> LevelsPreviewOut:
    """When each level would have raised in the stored history; nothing is saved. `levels_id`: those it will change."""
    services.alarms.check_levels(session, body)
    check_reach(session, services, user, body)
    instead_of = services.alarms.rules_of_levels(session, levels_id)
    found = services.previews.preview_levels(session, body, user.sites, days, at, instead_of=instead_of)
    return LevelsPreviewOut(
        days=found.days,
        seen_days=found.seen_days,
        levels={
            level: [_foreseen(device, spells[level]) for device, spells in found.devices.items()]
            for level in body.in_order()
        },
        left_out=found.left_out,
        per_day=found.per_day,
        team_per_day=found.team_per_day,
        budget=found.budget,
    )


@router.get("/alarm-levels/{levels_id}", tags=["alarm rules"])
def get_levels(levels_id: str, user: Viewer, session: ReadSession, services: ServicesDep) -> LevelsOut:
    """One set."""
    visible_levels(session, services, user, levels_id)
    return _one(services, session, levels_id)


@router.put("/alarm-levels/{levels_id}", tags=["alarm rules"])
def update_levels(
    levels_id: str, body: LevelsDefinition, user: Manager, session: WriteSession, services: ServicesDep, at: At
) -> LevelsOut:
    """All levels as they shall be: one that is not named is taken away, and its active alarms return."""
    held_levels(session, services, user, levels_id)
    check_reach(session, services, user, body)
    changes = services.alarms.change_levels(session, levels_id, body, user.name, at)
    services.users.audit(session, user.name, "alarm-levels.update", f"alarm-levels/{levels_id}", changes, at)
    return _one(services, session, levels_id)


@router.delete("/alarm-levels/{levels_id}", status_code=204, tags=["alarm rules"])
def delete_levels(levels_id: str, user: Manager, session: WriteSession, services: ServicesDep, at: At) -> None:
    """All levels of it; the alarms they raised stay."""
    held_levels(session, services, user, levels_id)
    services.alarms.delete_levels(session, levels_id, user.name, at)
    services.users.audit(session, user.name, "alarm-levels.delete", f"alarm-levels/{levels_id}", {}, at)


def _one(services: Services, session: Session, levels_id: str) -> LevelsOut:
    [rules] = services.alarms.level_sets(session, levels_id).values()
    return _levels_out(levels_id, rules)


def _levels_out(levels_id: str, rules: Sequence[AlarmRule]) -> LevelsOut:
    return LevelsOut(
        **joined(rules).model_dump(), id=levels_id, rules={rule.level: _out(rule) for rule in rules if rule.level}
    )


def _foreseen(device_id: str, spells: Sequence[Spell]) -> ForeseenOut:
    return ForeseenOut(
        device_id=device_id,
        spells=[
            SpellOut(
                raised_at=utc_from_ms(spell.raised),
                returned_at=utc_from_ms(spell.returned) if spell.returned is not None else None,
                value=spell.value,
            )
            for spell in spells
        ],
    )


def _out(rule: AlarmRule) -> RuleOut:
    return RuleOut.model_validate(rule).model_copy(update={"lacks": [*lacking(rule)]})

"""What a person may see and change of alarms and their rules: sites bound it."""

from typing import Protocol

from sqlmodel import Session

from plantroom_cloud.alarms.models import Alarm, AlarmRule
from plantroom_cloud.alarms.precedence import Scoped
from plantroom_cloud.dependencies import may_see
from plantroom_cloud.errors import ForbiddenError, InvalidFieldsError, NotFoundError
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import User
from plantroom_shared.said import said


def visible_alarm(session: Session, services: Services, user: User, alarm_id: int) -> Alarm:
    """Raises NotFoundError also where the person may not know of it."""
    alarm = services.alarms.get(session, alarm_id)
    if not may_see(user, alarm.site_id):
        raise NotFoundError(said("there is no alarm %(alarm_id)s", alarm_id=alarm_id))
    return alarm


def visible_rule(session: Session, services: Services, user: User, rule_id: int) -> AlarmRule:
    """The same for a rule."""
    rule = services.alarms.rule(session, rule_id)
    site_id = services.alarms.site_of(session, rule)
    if site_id is not None and not may_see(user, site_id):
        raise NotFoundError(said("there is no alarm rule %(rule_id)s", rule_id=rule_id))
    return rule


def held_rule(session: Session, services: Services, user: User, rule_id: int) -> AlarmRule:
    """To change it; raises NotFoundError, ForbiddenError."""
    rule = visible_rule(session, services, user, rule_id)
    _may_change(session, services, user, rule)
    return rule


def visible_levels(session: Session, services: Services, user: User, levels_id: str) -> list[AlarmRule]:
    """The rules of a set of levels, the highest first; raises NotFoundError."""
    [rules] = services.alarms.level_sets(session, levels_id).values()
    site_id = services.alarms.site_of(session, rules[0])
    if site_id is not None and not may_see(user, site_id):
        raise NotFoundError(said("there are no levels %(levels_id)r", levels_id=levels_id))
    return rules


def held_levels(session: Session, services: Services, user: User, levels_id: str) -> list[AlarmRule]:
    """To change them; raises NotFoundError, ForbiddenError."""
    rules = visible_levels(session, services, user, levels_id)
    _may_change(session, services, user, rules[0])
    return rules


class Reaching(Scoped, Protocol):
    """A definition: where it applies, and what silences it."""

    suppressed_by: int | None


def wrong_reach(session: Session, services: Services, user: User, definition: Reaching) -> dict[str, str]:
    """Why the person cannot have a rule there, by field: what holds everywhere is made by who sees every site."""
    if not user.sites:
        return {}
    site_id = services.alarms.site_of(session, definition)
    if site_id is None:
        return {"target": said("you see %(sites)s: choose one of them, or a device there", sites=list(user.sites))}
    if may_see(user, site_id):
        return _wrong_suppressor(session, services, user, definition.suppressed_by)
    name = definition.device_id or site_id
    return {"target": said("there is no device, label, profile or site %(name)r", name=name)}


def _wrong_suppressor(session: Session, services: Services, user: User, rule_id: int | None) -> dict[str, str]:
    try:
        if rule_id is not None:
            visible_rule(session, services, user, rule_id)
    except NotFoundError as error:
        return {"suppressed_by": str(error)}
    return {}


def check_reach(session: Session, services: Services, user: User, definition: Reaching) -> None:
    """Raises InvalidFieldsError."""
    if wrong := wrong_reach(session, services, user, definition):
        raise InvalidFieldsError(wrong)


def _may_change(session: Session, services: Services, user: User, rule: AlarmRule) -> None:
    if user.sites and services.alarms.site_of(session, rule) is None:
        raise ForbiddenError("this rule holds at every site: who sees them all may change it")

"""Alarms: raised by rules over telemetry, acknowledged by people; each opens one work order by its rule."""

from collections.abc import Callable, Collection, Sequence
from datetime import UTC, datetime, timedelta, tzinfo
from secrets import token_hex
from typing import Any

from sqlmodel import Session

from plantroom_cloud.alarms import levels, repository, rules
from plantroom_cloud.alarms.definition import OWN_KINDS, RuleDefinition
from plantroom_cloud.alarms.judgement import Crossing
from plantroom_cloud.alarms.judging import Judging
from plantroom_cloud.alarms.judging import Mark as Mark  # for those who have batches judged
from plantroom_cloud.alarms.kpi import Activation, Figures, figures
from plantroom_cloud.alarms.levels import LevelsDefinition
from plantroom_cloud.alarms.models import (
    Alarm,
    AlarmRule,
    AlarmState,
    AlarmTransition,
    Level,
    RuleEvent,
    Severity,
    Suppression,
)
from plantroom_cloud.alarms.order import by_number
from plantroom_cloud.alarms.precedence import Choice, Place, Scoped, choose, reaches
from plantroom_cloud.alarms.raising import Raising
from plantroom_cloud.alarms.rationalisation import Matrix, lacking
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.suppressing import Suppressing
from plantroom_cloud.alarms.transitions import AlarmEvent, next_state
from plantroom_cloud.columns import ms_from_utc, utc_from_ms
from plantroom_cloud.errors import InvalidFieldsError, NotFoundError
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_cloud.workorders.transitions import Step
from plantroom_shared.batch import Batch, DeviceRows, went_back
from plantroom_shared.messages import Birth
from plantroom_shared.said import said


class AlarmService:
    """Holds where each rule stands; what matters is in the database in the same transaction."""

    def __init__(
        self,
        work_orders: WorkOrderService,
        notifications: NotificationService | None = None,
        matrix: Matrix | None = None,
    ) -> None:
        self.matrix = matrix or Matrix()
        self._work_orders = work_orders
        self._raising = Raising(work_orders, notifications)
        self._judging = Judging(self._raising)
        self._suppressing = Suppressing(self._raising)
        self._reported: dict[str, ReportedRule] = {}

    def declare(self, rule: ReportedRule) -> None:
        """A rule whose condition a domain judges; at build time."""
        self._reported[rule.key] = rule

    def ensure_system_rules(self, session: Session, at: datetime) -> None:
        """The rules that every installation has."""
        rules.ensure_system_rules(session, self.matrix, at)
        for reported in self._reported.values():
            rules.ensure_reported(session, reported, self.matrix, at)
        rules.regrade(session, self.matrix, at)

    def ensure_suggested(self, session: Session, birth: Birth, at: datetime) -> None:
        """The rules that profiles suggest, made once per profile; a person may change or disable them."""
        rules.ensure_suggested(session, birth, self.matrix, at)
        self._judging.look_again()

    def report(
        self,
        session: Session,
        key: str,
        source: str,
        active: bool,
        moment: datetime,
        at: datetime,
        *,
        site_id: str,
        gateway_id: str | None = None,
        device_id: str | None = None,
        called: str = "",
        detail: str = "",
        value: Any = None,
        limit: float | None = None,
        unit: str = "",
    ) -> Alarm | None:
        """A domain found a declared condition to hold (or not) on `source`, which people know as `called`, since
        `moment`; the alarm that is active then. Saying so again changes nothing. A disabled rule raises nothing."""
        rule = rules.ensure_reported(session, self._reported[key], self.matrix, at)
        assert rule.id is not None
        if not active:
            self._raising.return_alarm(session, rule.id, source, moment, at)
            return None
        if not rule.enabled:
            return None
        alarm = Alarm(
            rule_id=rule.id,
            source=source,
            gateway_id=gateway_id,
            site_id=site_id,
            device_id=device_id,
            called=called,
            name=rule.name,
            severity=rule.severity,
            state=next_state(AlarmState.NORMAL, AlarmEvent.RAISE),
            active=True,
            raised_at=moment,
            detected_at=at,
            value=value,
            limit=limit,
            unit=unit,
            detail=detail,
            team_id=rule.team_id,
            cause=rule.cause,
            consequence=rule.consequence,
            response=rule.response,
            respond_within_s=rule.respond_within_s,
        )
        return self._raising.open(session, alarm, rule, at)

    def process(
        self,
        session: Session,
        gateway_id: str,
        batches: Sequence[Batch],
        at: datetime,
        before: Mark | None = None,
    ) -> None:
        """Judge live batches of one gateway, in order; historical ones make history, not noise. `before`: how far it
        had come before them, which a process that has just begun does not know."""
        if before is not None:
            self._judging.seen(gateway_id, before)
        self._reload(session, at)
        for batch in by_number(batches):
            for event in batch.events:
                if event.kind in rules.GATEWAY_EVENTS:
                    self._gateway_event(session, gateway_id, event.kind, event.time, at)
                if went_back(event):
                    self._judging.set_back(session, gateway_id, event.time)
            if not batch.historical:
                self._judging.judge_batch(session, gateway_id, batch, at)
        gateway = session.get(Gateway, gateway_id)
        if gateway is not None:
            self._judging.leave(gateway_id, Mark(gateway.complete_until, gateway.last_batch_at))

    def process_direct(self, session: Session, gateway_id: str, rows: DeviceRows, at: datetime) -> None:
        """A device that speaks MQTT itself: our clock is its watermark."""
        self._reload(session, at)
        self._judging.judge_rows(session, gateway_id, rows, at)

    def tick(self, session: Session, at: datetime) -> None:
        """Once a second: lost gateways, what time ends or tells again, the proving of finished work orders."""
        self._gateways_lost(session, at)
        self._suppressing.tick(session, at)
        for alarm in repository.realarms_due(session, at):
            self._raising.realarm(session, alarm, at)
        self._work_orders.verify_due(session, at, _unproven)

    def tick_direct(self, session: Session, at: datetime, is_ours: Callable[[str], bool]) -> None:
        """Once a second, where telemetry is judged: our clock is the watermark of devices that speak MQTT themselves,
        of those gateways that are ours to judge."""
        self._reload(session, at)
        for device in repository.direct_devices(session):
            if is_ours(device.gateway_id):
                self._judging.judge_watermark(session, device.gateway_id, device.id, ms_from_utc(at), at)

    def forget(self) -> None:
        """The transaction failed: what is in memory may be ahead of the database."""
        self._judging.forget()

    def acknowledge(self, session: Session, alarm_id: int, actor: str, note: str, at: datetime) -> Alarm:
        """Somebody has seen it; raises NotFoundError, ConflictError."""
        alarm = self._held(session, alarm_id)
        rule = session.get(AlarmRule, alarm.rule_id)
        latches = rule is not None and rule.latching and alarm.state is AlarmState.RETURNED
        self._raising.move(session, alarm, AlarmEvent.LATCH if latches else AlarmEvent.ACKNOWLEDGE, actor, note, at)
        alarm.acknowledged_at, alarm.acknowledged_by = at, actor
        return alarm

    def reset(self, session: Session, alarm_id: int, actor: str, note: str, at: datetime) -> Alarm:
        """A latched alarm is over; raises ConflictError."""
        alarm = self._held(session, alarm_id)
        self._raising.move(session, alarm, AlarmEvent.RESET, actor, note, at)
        return alarm

    def shelve(
        self,
        session: Session,
        alarm_id: int,
        reason: str,
        minutes: float | None,
        actor: str,
        at: datetime,
        *,
        once: bool = False,
    ) -> Alarm:
        """Put aside for a time; raises InvalidError, ConflictError."""
        alarm = self._held(session, alarm_id)
        self._suppressing.shelve(session, alarm, reason, minutes, actor, at, once=once)
        return alarm

    def unshelve(self, session: Session, alarm_id: int, note: str, actor: str, at: datetime) -> Alarm:
        """Take it back; raises ConflictError."""
        alarm = self.get(session, alarm_id)
        self._suppressing.unshelve(session, alarm, note, actor, at)
        return alarm

    def figures(
        self,
        session: Session,
        team_id: str | None,
        sites: Sequence[str],
        start: datetime,
        end: datetime,
        *,
        all_teams: bool = False,
        zone: tzinfo = UTC,
    ) -> Figures:
        """How the alarms of a team compare with the standard; days are those of `zone`."""
        found = repository.activations(session, team_id, sites, start, end, all_teams=all_teams)
        return figures([activation for _, activation in found], start, end, zone)

    def figures_by_team(
        self, session: Session, sites: Sequence[str], start: datetime, end: datetime, zone: tzinfo = UTC
    ) -> dict[str | None, Figures]:
        """Of each team that was told of any alarm, the most loaded first; None: of no team."""
        found: dict[str | None, list[Activation]] = {}
        for team, activation in repository.activations(session, None, sites, start, end, all_teams=True):
            found.setdefault(team, []).append(activation)
        every = {team: figures(mine, start, end, zone) for team, mine in found.items()}
        return dict(sorted(every.items(), key=lambda item: -item[1].activations))

    def suppressions(self, session: Session, alarm: Alarm) -> list[Suppression]:
        """Why it is set aside, the strongest first."""
        return repository.suppressions_of(session, alarm.rule_id, alarm.source)

    def follow_work_order(self, session: Session, order: WorkOrder, step: Step, actor: str, at: datetime) -> None:
        """Equipment goes out of service, and comes back, with the work on it: the device of the order, or what measures
        its asset and the parts of that."""
        if not order.out_of_service or order.id is None:
            return
        if step is Step.START:
            reason = said("work order %(order_id)s: %(title)s", order_id=order.id, title=order.title)
            sources = [order.device_id] if order.device_id is not None else []
            if order.asset_id is not None:
                sources += repository.devices_of_asset(session, order.asset_id)
            for source in dict.fromkeys(sources):
                self._suppressing.remove_from_service(session, source, reason, order.id, actor, at)
        elif step in (Step.COMPLETE, Step.CANCEL):
            note = said("work order %(order_id)s is %(state)s", order_id=order.id, state=order.state.value)
            self._suppressing.return_to_service(session, order.id, note, actor, at)

    def get(self, session: Session, alarm_id: int) -> Alarm:
        """Raises NotFoundError."""
        alarm = session.get(Alarm, alarm_id)
        if alarm is None:
            raise NotFoundError(said("there is no alarm %(alarm_id)s", alarm_id=alarm_id))
        return alarm

    def _held(self, session: Session, alarm_id: int) -> Alarm:
        """Nobody else moves it until the commit; raises NotFoundError."""
        alarm = repository.held(session, alarm_id)
        if alarm is None:
            raise NotFoundError(said("there is no alarm %(alarm_id)s", alarm_id=alarm_id))
        return alarm

    def is_unanswered(self, session: Session, alarm_id: int) -> bool:
        """Active, and nobody has acknowledged it."""
        alarm = session.get(Alarm, alarm_id)
        return alarm is not None and alarm.state is AlarmState.UNACKNOWLEDGED

    def newest_raised(
        self, session: Session, rule_id: int, site_id: str, device_id: str | None, after_id: int
    ) -> Alarm | None:
        """The newest alarm of a rule at a site behind `after_id`; one that is shelved, suppressed or out of service is
        none."""
        return repository.newest_raised(session, rule_id, site_id, device_id, after_id)

    def newest_event(
        self, session: Session, rule_id: int, site_id: str, device_id: str | None, after_id: int
    ) -> RuleEvent | None:
        """The same of the events of a rule that is not rationalised."""
        return repository.newest_event(session, rule_id, site_id, device_id, after_id)

    def transitions(self, session: Session, alarm_id: int) -> list[AlarmTransition]:
        """Its story, oldest first."""
        return repository.transitions(session, alarm_id)

    def search(
        self,
        session: Session,
        *,
        sites: Sequence[str] = (),
        state: AlarmState | None = None,
        active: bool | None = None,
        open_only: bool = False,
        set_aside: bool = False,
        device_id: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
        severity: Severity | None = None,
        team_id: str | None = None,
        text: str = "",
    ) -> list[Alarm]:
        """Newest first; `text`: in the name, the source or what a domain said."""
        return repository.search(
            session,
            sites=sites,
            state=state,
            active=active,
            open_only=open_only,
            set_aside=set_aside,
            device_id=device_id,
            before_id=before_id,
            limit=limit,
            severity=severity,
            team_id=team_id,
            text=text,
        )

    def attention(self, session: Session, sites: Sequence[str], limit: int) -> list[Alarm]:
        """What is to be looked at first: active, the gravest first, then returned and not acknowledged."""
        return repository.attention(session, sites, limit)

    def active_by_severity(self, session: Session, sites: Sequence[str] = ()) -> dict[Severity, int]:
        """How many are active of each severity that any has."""
        return repository.active_by_severity(session, sites)

    def active_by_device(self, session: Session) -> dict[str, int]:
        """How many are active on each device that has any, without what was set aside."""
        return repository.active_by_device(session)

    def rules(self, session: Session, sites: Sequence[str] = ()) -> list[AlarmRule]:
        """All rules, those of one profile together; for somebody of these sites."""
        return repository.rules(session, sites)

    def site_of(self, session: Session, rule: Scoped) -> str | None:
        """Where alone it holds; None: everywhere. Empty for a device that is not known."""
        if rule.device_id is not None:
            return repository.site_of_device(session, rule.device_id) or ""
        return rule.site_id

    def rules_on(self, session: Session, device_id: str) -> Choice[AlarmRule]:
        """Those that are judged on a device, and those that a nearer one of the same name stands in for."""
        [(place, _)] = repository.places(session, device_id)
        return choose(repository.enabled_rules(session), place)

    def reach(
        self, session: Session, rule: AlarmRule, sites: Sequence[str]
    ) -> tuple[list[str], list[tuple[str, AlarmRule]]]:
        """The devices that a rule is judged on; and those where a nearer one stands in for it, with that one."""
        seen = [place for place, _ in repository.places(session) if not sites or place.site_id in sites]
        mine = [place for place in seen if reaches(rule, place)]
        others = [other for other in repository.enabled_rules(session) if other.id != rule.id]
        judged: list[str] = []
        replaced: list[tuple[str, AlarmRule]] = []
        for place in mine:
            stands_in = next((by for of, by in choose([rule, *others], place).replaced if of is rule), None)
            if stands_in is None:
                judged.append(place.device_id)
            else:
                replaced.append((place.device_id, stands_in))
        return judged, replaced

    def metrics_of_label(self, session: Session, label: str) -> list[dict[str, Any]]:
        """Of all devices that have it."""
        return repository.metrics_of_label(session, label) or []

    def labels(self, session: Session, sites: Sequence[str] = ()) -> list[str]:
        """All that a rule can stand on: labels, kinds of devices, classes of assets."""
        places: list[Place] = [place for place, _ in repository.places(session)]
        return sorted({label for place in places if not sites or place.site_id in sites for label in place.labels})

    def events(
        self,
        session: Session,
        sites: Sequence[str] = (),
        *,
        device_id: str | None = None,
        before_id: int | None = None,
        limit: int = 100,
    ) -> list[RuleEvent]:
        """What rules that are not rationalised saw, newest first."""
        return repository.rule_events(session, sites, device_id, before_id, limit)

    def rule(self, session: Session, rule_id: int) -> AlarmRule:
        """Raises NotFoundError."""
        rule = session.get(AlarmRule, rule_id)
        if rule is None or rule.deleted_at is not None:
            raise NotFoundError(said("there is no alarm rule %(rule_id)s", rule_id=rule_id))
        return rule

    def is_kept(self, session: Session, rule_id: int) -> bool:
        """Whether a rule has not been deleted."""
        rule = session.get(AlarmRule, rule_id)
        return rule is not None and rule.deleted_at is None

    def check_rule(self, session: Session, definition: RuleDefinition) -> None:
        """Raises InvalidFieldsError naming what is wrong, field by field."""
        rules.check(session, definition, self.matrix)

    def create_rule(self, session: Session, definition: RuleDefinition, actor: str, at: datetime) -> AlarmRule:
        """It is judged within a second; raises InvalidFieldsError."""
        return rules.create(session, definition, self.matrix, actor, at)

    def change_rule(
        self, session: Session, rule_id: int, definition: RuleDefinition, actor: str, at: datetime
    ) -> dict[str, list[Any]]:
        """What changed, [before, after] by field; raises NotFoundError, InvalidFieldsError. Alarms of a condition that
        is no longer watched return."""
        return self._change(session, self.rule(session, rule_id), definition, actor, at)

    def _change(
        self,
        session: Session,
        rule: AlarmRule,
        definition: RuleDefinition,
        actor: str,
        at: datetime,
        *,
        whole: bool = False,
    ) -> dict[str, list[Any]]:
        made_alarms = not lacking(rule)
        changes = rules.change(session, rule, definition, self.matrix, at, whole=whole)
        if not rule.enabled or rules.CONDITION & set(changes) or made_alarms == bool(lacking(rule)):
            self._end_watch(
                session, rule, "its rule was changed" if rule.enabled else "its rule was disabled", actor, at
            )
        return changes

    def check_levels(self, session: Session, definition: LevelsDefinition, own: Collection[int] = ()) -> None:
        """Raises InvalidFieldsError with every mistake; what is of one level alone by "levels.high.limit". `own`: the
        rules of the set."""
        found = levels.mistakes(definition)
        for level in definition.in_order():
            try:
                rules.check(session, definition.rule(level), self.matrix, own)
            except InvalidFieldsError as error:
                for name, text in error.fields.items():
                    found[f"levels.{level}.{name}" if name in levels.LevelDefinition.model_fields else name] = text
        if found:
            raise InvalidFieldsError(found)

    def level_sets(
        self, session: Session, levels_id: str | None = None, sites: Sequence[str] = ()
    ) -> dict[str, list[AlarmRule]]:
        """All sets of levels, or one, by their ids: the rules of each, the highest first; for somebody of these sites.
        Raises NotFoundError."""
        found: dict[str, list[AlarmRule]] = {}
        order = list(Level)
        for rule in repository.rules_of_levels(session, levels_id, sites):
            found.setdefault(rule.levels_id or "", []).append(rule)
        if levels_id is not None and not found:
            raise NotFoundError(said("there are no levels %(levels_id)r", levels_id=levels_id))
        return {
            key: sorted(mine, key=lambda rule: order.index(rule.level or Level.HIGH)) for key, mine in found.items()
        }

    def rules_of_levels(self, session: Session, levels_id: str | None) -> list[int]:
        """The rules of a set; None: none. Raises NotFoundError."""
        sets = self.level_sets(session, levels_id) if levels_id else {}
        return [rule.id for known in sets.values() for rule in known if rule.id is not None]

    def create_levels(self, session: Session, definition: LevelsDefinition, actor: str, at: datetime) -> str:
        """The id of the set; raises InvalidFieldsError."""
        self.check_levels(session, definition)
        levels_id = token_hex(6)
        for level in definition.in_order():
            rules.create(session, definition.rule(level), self.matrix, actor, at, level=level, levels_id=levels_id)
        return levels_id

    def change_levels(
        self, session: Session, levels_id: str, definition: LevelsDefinition, actor: str, at: datetime
    ) -> dict[str, list[Any]]:
        """Levels are added, changed and taken away as it says; what changed, [before, after] by field. Raises
        NotFoundError, InvalidFieldsError."""
        [known] = self.level_sets(session, levels_id).values()
        self.check_levels(session, definition, [rule.id or 0 for rule in known])
        changes: dict[str, list[Any]] = {}
        for rule in known:
            assert rule.level is not None
            if rule.level in definition.levels:
                found = self._change(session, rule, definition.rule(rule.level), actor, at, whole=True)
                for name, pair in found.items():
                    changes.setdefault(name if name in rules.SHARED else f"{rule.level} {name}", pair)
            else:
                self.delete_rule(session, rule.id or 0, actor, at)
                changes[f"{rule.level} limit"] = [rule.limit, None]
        for level in set(definition.levels) - {rule.level for rule in known}:
            rules.create(session, definition.rule(level), self.matrix, actor, at, level=level, levels_id=levels_id)
            changes[f"{level} limit"] = [None, definition.levels[level].limit]
        return changes

    def delete_levels(self, session: Session, levels_id: str, actor: str, at: datetime) -> list[AlarmRule]:
        """All rules of the set; raises NotFoundError."""
        [known] = self.level_sets(session, levels_id).values()
        return [self.delete_rule(session, rule.id or 0, actor, at) for rule in known]

    def delete_rule(self, session: Session, rule_id: int, actor: str, at: datetime) -> AlarmRule:
        """The alarms it raised stay in the history; raises NotFoundError, ConflictError."""
        rule = self.rule(session, rule_id)
        rules.mark_deleted(session, rule, at)
        self._end_watch(session, rule, "its rule was deleted", actor, at)
        return rule

    def _end_watch(self, session: Session, rule: AlarmRule, why: str, actor: str, at: datetime) -> None:
        assert rule.id is not None
        for event in repository.active_events_of_rule(session, rule.id):
            self._raising.end_event(session, event, at, at)
        for alarm in repository.active_of_rule(session, rule.id):
            alarm.active, alarm.returned_at = False, at
            self._raising.move(session, alarm, AlarmEvent.RETURN, actor, why, at)
        repository.forget_states(session, rule.id)

    def _reload(self, session: Session, at: datetime) -> None:
        """Follow changed rules and devices; what is judged no more where it is active is over there."""
        if not self._judging.reload(session, at):
            return
        why = "its rule is not judged here any more"
        for alarm in repository.active_on_devices(session, OWN_KINDS):
            if not self._judging.is_judged(alarm.rule_id, alarm.source):
                alarm.active, alarm.returned_at = False, at
                self._raising.move(session, alarm, AlarmEvent.RETURN, "system", why, at)
        for event in repository.active_events_on_devices(session, OWN_KINDS):
            if not self._judging.is_judged(event.rule_id, event.source):
                self._raising.end_event(session, event, at, at)

    def _gateways_lost(self, session: Session, at: datetime) -> None:
        rule = repository.gateway_lost_rule(session)
        if rule is None or not rule.enabled or rule.id is None:
            return
        allowed = timedelta(seconds=rule.on_delay_s)
        for gateway in repository.seen_gateways(session):
            since = gateway.state_since if gateway.state == "offline" else gateway.last_batch_at
            lost = gateway.revoked_at is None and since is not None and at - since >= allowed
            active = repository.is_active(session, rule.id, gateway.id)
            if lost and not active and since is not None:
                crossing = Crossing("raise", ms_from_utc(since + allowed), None)
                self._raising.raise_alarm(session, rule.id, gateway.id, gateway.id, crossing, [], at)
            elif active and not lost:
                self._raising.return_alarm(session, rule.id, gateway.id, at, at)

    def _gateway_event(self, session: Session, gateway_id: str, kind: str, moment: int, at: datetime) -> None:
        rule = repository.rule_by_key(session, "system", kind)
        if rule is None or not rule.enabled or rule.id is None:
            return
        crossing = Crossing("raise", moment, None)
        self._raising.raise_alarm(session, rule.id, gateway_id, gateway_id, crossing, [], at)
        # it happened; there is nothing to return
        self._raising.return_alarm(session, rule.id, gateway_id, utc_from_ms(moment), at)


def _unproven(session: Session, rule_id: int, source: str) -> bool:
    """Whether the telemetry cannot say that the trouble is gone: it holds, or nobody watches any more."""
    return repository.is_active(session, rule_id, source) or not repository.is_judged(session, rule_id, source)

"""The climate of stores: a limit of the rules becomes an alarm rule, which the engine judges by event time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.alarms.definition import RuleDefinition
from plantroom_cloud.alarms.models import RuleKind, Severity
from plantroom_cloud.alarms.rationalisation import usual
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError, InvalidFieldsError
from plantroom_cloud.waste.rulebook import RuleBook
from plantroom_cloud.waste.rules import Climate, Stage, WasteRules
from plantroom_shared.said import said

#: Who made the alarm rules: by that they are found again.
BY = "waste-rules"
_DEADBAND = 0.5


@dataclass(frozen=True, slots=True)
class Reading:
    """What is measured in a store now; `value` None: nothing is known."""

    device_id: str
    label: str
    value: float | None
    unit: str
    at: datetime | None
    above: float  #: the limit

    @property
    def exceeds(self) -> bool:
        """Whether it is above the limit."""
        return self.value is not None and self.value > self.above


class Climates:
    """Works in the session it is given."""

    def __init__(self, rules: RuleBook, alarms: AlarmService, devices: DeviceService) -> None:
        self._rules = rules
        self._alarms = alarms
        self._devices = devices

    def watch(self, session: Session, rules: WasteRules, at: datetime) -> None:
        """Have the engine watch what these rules limit, and nothing else of it; raises InvalidError with the place."""
        known = {(rule.device_id, rule.metric): rule for rule in self._alarms.rules(session) if rule.created_by == BY}
        wanted: dict[tuple[str | None, str | None], RuleDefinition] = {}
        for stage, climate in rules.climates():
            wanted[climate.device, climate.metric] = definition = _definition(stage, climate)
            try:
                self._alarms.check_rule(session, definition)
            except InvalidFieldsError as error:
                raise InvalidError(
                    said(
                        "stage %(key)s: climates: %(device)s: %(told)s",
                        key=stage.key,
                        device=climate.device,
                        told=list(error.fields.values()),
                    )
                ) from error
        for key, rule in known.items():
            if key not in wanted and rule.id is not None:
                self._alarms.delete_rule(session, rule.id, BY, at)
        for key, definition in wanted.items():
            rule_id = known[key].id if key in known else None
            if rule_id is None:
                self._alarms.create_rule(session, definition, BY, at)
            else:
                self._alarms.change_rule(session, rule_id, definition, BY, at)

    def readings(self, session: Session, sites: Sequence[str] = ()) -> dict[str, list[Reading]]:
        """By stage, of the devices of these sites."""
        limits = list(self._rules.current(session).climates())
        if not limits:
            return {}
        visible = {device.id: device for device in self._devices.list(session, sites)}
        latest = self._devices.latest(session, [climate.device for _stage, climate in limits])
        readings: dict[str, list[Reading]] = {}
        for stage, climate in limits:
            device = visible.get(climate.device)
            if device is None:
                continue
            known = latest[device.id].values.get(climate.metric, {}) if device.id in latest else {}
            value, moment = known.get("v"), known.get("t")
            unit = next((str(item.get("unit", "")) for item in device.metrics if item["name"] == climate.metric), "")
            reading = Reading(
                device.id,
                device.label or device.name,
                float(value) if isinstance(value, int | float) else None,
                unit,
                utc_from_ms(moment) if moment is not None else None,
                climate.above,
            )
            readings.setdefault(stage.key, []).append(reading)
        return readings


def _definition(stage: Stage, climate: Climate) -> RuleDefinition:
    impact, respond_within_s = usual(Severity.HIGH)
    return RuleDefinition(
        name=f"Waste store too warm ({stage.name.lower()})",
        kind=RuleKind.LIMIT,
        device_id=climate.device,
        metric=climate.metric,
        operator=">",
        limit=climate.above,
        deadband=_DEADBAND,
        on_delay_s=climate.for_min * 60,
        impact=impact,
        respond_within_s=respond_within_s,
        cause="The cooling failed, the door stands open, or the store is overfull.",
        consequence="Medical waste decays faster than its time in store allows for; the store breaks the law.",
        response="Close the door, have the cooling mended; have the bags fetched where that takes long.",
    )

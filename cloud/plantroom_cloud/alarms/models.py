"""Alarm rules, alarms and their transitions, by ISA-18.2 / IEC 62682."""

from datetime import datetime
from enum import StrEnum
from typing import Any

from sqlalchemy import Column, Index, UniqueConstraint, text
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class Severity(StrEnum):
    CRITICAL = "critical"
    HIGH = "high"
    MEDIUM = "medium"
    LOW = "low"


class Impact(StrEnum):
    """What follows when nobody acts, the gravest first."""

    GRAVE = "grave"  #: people are in danger, or the building cannot serve
    SERIOUS = "serious"  #: equipment is damaged, a service fails
    MODERATE = "moderate"  #: comfort, cost, a service without its reserve
    MINOR = "minor"  #: a nuisance


class AlarmState(StrEnum):
    """ISA-18.2 §5.3 / IEC 62682."""

    NORMAL = "normal"
    UNACKNOWLEDGED = "unacknowledged"  #: active, nobody has seen it
    ACKNOWLEDGED = "acknowledged"  #: active, somebody has
    RETURNED = "returned"  #: back to normal, never acknowledged (RTN unacknowledged)
    LATCHED = "latched"  #: back to normal and acknowledged, but its rule wants a person to reset it
    SHELVED = "shelved"  #: put aside by a person, for a time
    SUPPRESSED = "suppressed"  #: by design: the outer level, or the first of its group, tells enough
    OUT_OF_SERVICE = "out-of-service"  #: the equipment is being worked on


#: States in which an alarm is told to nobody; when they end, the process decides what comes next.
SET_ASIDE = (AlarmState.SHELVED, AlarmState.SUPPRESSED, AlarmState.OUT_OF_SERVICE)


class RuleKind(StrEnum):
    LIMIT = "limit"
    STATE = "state"
    NO_DATA = "no-data"
    GATEWAY_LOST = "gateway-lost"
    RATE = "rate"  #: a value changes too fast, in units per minute
    DEVIATION = "deviation"  #: from another metric of the device
    MISMATCH = "mismatch"  #: two states that should be the same
    STUCK = "stuck"  #: a value that never changes
    COUNTER_RESET = "counter-reset"  #: a counter that went back
    COMBINATION = "combination"  #: all or any of several comparisons
    REPEATED = "repeated"  #: a limit or state begins n times within a time
    EVENT = "event"  #: raised by a gateway's own report, e.g. a corrupt outbox
    REPORTED = "reported"  #: raised and returned by a domain: a bag overdue, a patrol point missed


class Level(StrEnum):
    """A limit among those of one metric; the outer one stands for the inner one of its side."""

    HIGH_HIGH = "high-high"
    HIGH = "high"
    LOW = "low"
    LOW_LOW = "low-low"


class Within(StrEnum):
    """How far an alarm of one rule silences those of another."""

    DEVICE = "device"  #: on the same source
    GATEWAY = "gateway"  #: on all that the same gateway reports
    SITE = "site"


class AlarmRule(SQLModel, table=True):
    """When an alarm is raised, and what a person needs to know then.

    It applies to one device, to each device with a label, of a profile or of a site (`precedence`), or to all gateways
    (gateway-lost, event). A rule that is not rationalised makes events (`rationalisation.lacking`).
    """

    __tablename__ = "alarm_rule"
    __table_args__ = (UniqueConstraint("profile", "key"),)

    id: int | None = Field(default=None, primary_key=True)
    name: str
    kind: RuleKind = Field(sa_type=word(RuleKind))
    severity: Severity = Field(sa_type=word(Severity))
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    profile: str | None = Field(default=None, index=True)
    key: str | None = None  #: of a suggested rule: unique within its profile
    metric: str | None = None
    operator: str | None = None  #: ">" or "<"
    limit: float | None = None
    deadband: float = 0.0
    label: str | None = Field(default=None, index=True)  #: on each device with this label, of this kind or class
    #: of the kinds that need more than one value of one metric (`definition.More`)
    more: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))
    site_id: str | None = Field(default=None, foreign_key="site.id", index=True)  #: on all devices there that have it
    states: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    proving_s: float = 600.0  #: how long normal before a finished work order is verified
    #: back so soon after its order was closed it opens that one again; 0: never; null: the installation's time
    recurrence_s: float | None = None
    cause: str = ""
    consequence: str = ""
    response: str = ""
    impact: Impact | None = Field(default=None, sa_type=word(Impact))
    respond_within_s: float = 0.0  #: the time to respond; 0: not said
    team_id: str | None = Field(default=None, foreign_key="team.id")
    latching: bool = False  #: once normal and acknowledged, it still wants a reset
    realarm_s: float = 0.0  #: acknowledged and still active after so long: told again; 0: never
    first_out: str = ""  #: group: on one gateway the first of it silences the others
    #: while an alarm of that rule is told, those of this one are suppressed by design
    suppressed_by: int | None = Field(default=None, foreign_key="alarm_rule.id", index=True)
    suppressed_within: Within = Field(default=Within.DEVICE, sa_type=word(Within))
    work_order: bool = True
    enabled: bool = True
    level: Level | None = Field(default=None, sa_type=word(Level))
    levels_id: str | None = Field(default=None, index=True)  #: of the set of levels that it belongs to
    created_by: str = "profile"
    updated_at: datetime = Field(sa_type=UtcDateTime)
    deleted_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: kept for the alarms it raised


class RuleState(SQLModel, table=True):
    """Where a rule stands on one source, so that a restart forgets no delay: {"since": ms, "last": …}."""

    rule_id: int = Field(primary_key=True, foreign_key="alarm_rule.id", ondelete="CASCADE")
    source: str = Field(primary_key=True)  #: device id, or gateway id
    state: dict[str, Any] = Field(default_factory=dict, sa_column=Column(Document, nullable=False))

    __tablename__ = "alarm_rule_state"


class Alarm(SQLModel, table=True):
    """One occurrence: raised, perhaps acknowledged, returned to normal."""

    __table_args__ = (
        Index(
            "one_active_alarm_per_rule_and_source",
            "rule_id",
            "source",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    rule_id: int = Field(foreign_key="alarm_rule.id", index=True)
    source: str = Field(index=True)  #: device id "gw-a.pump-1", gateway id "gw-a", or what a domain names: "bag:7F3K"
    gateway_id: str | None = Field(default=None, foreign_key="gateway.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    called: str = ""  #: what people call a source that a domain names: "7F3K · Ward 3"; names alone, in any language
    name: str  #: of the rule, when it was raised
    severity: Severity = Field(sa_type=word(Severity))
    state: AlarmState = Field(sa_type=word(AlarmState))
    active: bool  #: the condition holds
    raised_at: datetime = Field(sa_type=UtcDateTime, index=True)  #: event time
    detected_at: datetime = Field(sa_type=UtcDateTime)  #: our clock
    acknowledged_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    acknowledged_by: str | None = None
    returned_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    metric: str | None = None
    value: Any = Field(default=None, sa_column=Column(Document))
    limit: float | None = None
    unit: str = ""
    detail: str = ""  #: what a domain says of this occurrence
    team_id: str | None = None
    cause: str = ""
    consequence: str = ""
    response: str = ""
    respond_within_s: float = 0.0
    #: the readings that raised it: [[ms, value], …]
    evidence: list[Any] = Field(default_factory=list, sa_column=Column(Document, nullable=False))


class RuleEvent(SQLModel, table=True):
    """What a rule that is not rationalised saw: kept with its times, told to nobody, no one's work."""

    __tablename__ = "rule_event"
    __table_args__ = (
        Index(
            "one_active_event_per_rule_and_source",
            "rule_id",
            "source",
            unique=True,
            sqlite_where=text("active"),
            postgresql_where=text("active"),
        ),
    )

    id: int | None = Field(default=None, primary_key=True)
    rule_id: int = Field(foreign_key="alarm_rule.id", index=True)
    source: str = Field(index=True)
    gateway_id: str | None = Field(default=None, foreign_key="gateway.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    device_id: str | None = Field(default=None, foreign_key="device.id", index=True)
    name: str
    active: bool
    began_at: datetime = Field(sa_type=UtcDateTime, index=True)  #: event time
    detected_at: datetime = Field(sa_type=UtcDateTime)  #: our clock
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    metric: str | None = None
    value: Any = Field(default=None, sa_column=Column(Document))
    limit: float | None = None
    unit: str = ""
    detail: str = ""


class AlarmTransition(SQLModel, table=True):
    """Who or what moved an alarm from one state to another, when and why."""

    __tablename__ = "alarm_transition"

    id: int | None = Field(default=None, primary_key=True)
    alarm_id: int = Field(foreign_key="alarm.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    from_state: AlarmState = Field(sa_type=word(AlarmState))
    to_state: AlarmState = Field(sa_type=word(AlarmState))
    actor: str = "system"
    note: str = ""


class Suppression(SQLModel, table=True):
    """Alarms of a source (of one rule, or of all) are set aside: shelved, suppressed by design, out of service."""

    __tablename__ = "alarm_suppression"

    id: int | None = Field(default=None, primary_key=True)
    kind: AlarmState = Field(sa_type=word(AlarmState))  #: one of SET_ASIDE
    source: str = Field(index=True)
    rule_id: int | None = Field(default=None, foreign_key="alarm_rule.id", index=True)  #: null: all rules
    since: datetime = Field(sa_type=UtcDateTime)
    until: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    once: bool = False  #: ends when the alarm returns to normal
    reason: str
    by: str
    first_alarm_id: int | None = Field(default=None, foreign_key="alarm.id", index=True)  #: that silences it
    work_order_id: int | None = Field(default=None, foreign_key="work_order.id", index=True)
    ended_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)
    ended_by: str = ""

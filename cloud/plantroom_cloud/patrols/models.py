"""Patrol points and their keys, routes, rounds with their stops and story, visits and findings."""

from datetime import datetime
from enum import StrEnum

from sqlalchemy import Column, UniqueConstraint
from sqlmodel import Field, SQLModel

from plantroom_cloud.columns import Document, UtcDateTime, word


class CodeKind(StrEnum):
    """What hangs at a point."""

    STATIC = "static"  #: a printed label: proves the place
    ROTATING = "rotating"  #: a display: proves presence


class PatrolPoint(SQLModel, table=True):
    """A place that is visited."""

    __tablename__ = "patrol_point"

    id: str = Field(primary_key=True, max_length=24)  #: stands in the code
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    location: str = ""
    device_id: str | None = Field(default=None, foreign_key="device.id")  #: the equipment that is looked at here
    code_kind: CodeKind = Field(sa_type=word(CodeKind))
    instructions: str = ""  #: what to look at
    display_hash: str | None = Field(default=None, unique=True)  #: SHA-256 of the display's link
    created_at: datetime = Field(sa_type=UtcDateTime)
    retired_at: datetime | None = Field(default=None, sa_type=UtcDateTime)


class PatrolKey(SQLModel, table=True):
    """What signs the codes of a point. A code counts by the keys that were good at its own time."""

    __tablename__ = "patrol_key"

    point_id: str = Field(primary_key=True, foreign_key="patrol_point.id")
    version: int = Field(primary_key=True)
    key: str  #: base32
    made_at: datetime = Field(sa_type=UtcDateTime)
    made_by: str
    revoked_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    revoked_by: str = ""
    reason: str = ""


class PatrolRoute(SQLModel, table=True):
    """Which points, in which order, when. Times of day are local to `timezone`."""

    __tablename__ = "patrol_route"

    id: int | None = Field(default=None, primary_key=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    ordered: bool = True
    rule: str = ""  #: RFC 5545 recurrence rule; empty: only by hand
    starts: str = ""  #: local date and time of the first occurrence, e.g. "2026-03-01T06:00"
    timezone: str = "UTC"
    early_s: int = 0  #: how long before it is due a round may begin
    duration_s: int = 3600  #: how long after it is due it must be over
    release_ahead_s: int = 1800  #: how long before it is due people see it
    travel_s: int = 15  #: nobody walks from one point to the next in less
    team_id: str | None = Field(default=None, foreign_key="team.id")
    assignee: str | None = None
    priority: str = "medium"
    enabled: bool = True
    updated_at: datetime = Field(sa_type=UtcDateTime)
    updated_by: str = ""
    next_due_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: the first that is not released yet
    next_release_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)


class PatrolStop(SQLModel, table=True):
    """A point on a route. Its window is counted from the time at which the round is due; without one, the round's."""

    __tablename__ = "patrol_stop"

    route_id: int = Field(primary_key=True, foreign_key="patrol_route.id")
    position: int = Field(primary_key=True)
    point_id: str = Field(foreign_key="patrol_point.id", index=True)
    window_from_s: int | None = None
    window_to_s: int | None = None
    travel_s: int | None = None  #: from the stop before; without it the route's


class RoundState(StrEnum):
    """released → in progress → complete, complete with deviations, or missed; a late proof corrects the end."""

    RELEASED = "released"
    IN_PROGRESS = "in-progress"
    COMPLETE = "complete"
    DEVIATIONS = "complete-with-deviations"
    MISSED = "missed"
    CANCELLED = "cancelled"


class PatrolRound(SQLModel, table=True):
    """One walk of a route; keeps what the route said when it was released."""

    __tablename__ = "patrol_round"
    __table_args__ = (UniqueConstraint("route_id", "due_at"),)  # whichever scheduler runs

    id: int | None = Field(default=None, primary_key=True)
    route_id: int = Field(foreign_key="patrol_route.id", index=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    name: str
    ordered: bool
    due_at: datetime = Field(sa_type=UtcDateTime, index=True)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    closes_at: datetime = Field(sa_type=UtcDateTime, index=True)
    state: RoundState = Field(default=RoundState.RELEASED, sa_type=word(RoundState))
    work_order_id: int | None = Field(default=None, foreign_key="work_order.id", index=True)
    released_at: datetime = Field(sa_type=UtcDateTime)
    started_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    finished_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    judge_at: datetime | None = Field(default=None, sa_type=UtcDateTime, index=True)  #: when time alone changes it
    corrected: int = 0  #: how often a late proof changed the end
    reviewed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    reviewed_by: str = ""


class StopState(StrEnum):
    PENDING = "pending"
    VISITED = "visited"
    EARLY = "early"  #: before its window
    LATE = "late"  #: after its window, before the round's end
    SKIPPED = "skipped"  #: with a reason
    MISSED = "missed"


class PatrolRoundStop(SQLModel, table=True):
    """A stop of a round and what became of it."""

    __tablename__ = "patrol_round_stop"

    round_id: int = Field(primary_key=True, foreign_key="patrol_round.id")
    position: int = Field(primary_key=True)
    point_id: str = Field(foreign_key="patrol_point.id", index=True)
    opens_at: datetime = Field(sa_type=UtcDateTime)
    closes_at: datetime = Field(sa_type=UtcDateTime)
    travel_s: int
    state: StopState = Field(default=StopState.PENDING, sa_type=word(StopState))
    visit_id: int | None = None
    visited_at: datetime | None = Field(default=None, sa_type=UtcDateTime)
    deviations: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    skip_reason: str = ""
    skipped_by: str = ""


class PatrolRoundEntry(SQLModel, table=True):
    """One line of a round's story; nothing in it is ever changed."""

    __tablename__ = "patrol_round_entry"

    id: int | None = Field(default=None, primary_key=True)
    round_id: int = Field(foreign_key="patrol_round.id", index=True)
    at: datetime = Field(sa_type=UtcDateTime)
    actor: str
    action: str
    from_state: str = ""
    to_state: str = ""
    note: str = ""


class PatrolVisit(SQLModel, table=True):
    """A patrol code that was scanned, whatever it was worth: genuine, implausible or refused."""

    __tablename__ = "patrol_visit"

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True)  #: id of the event, or made by the phone
    site_id: str = Field(foreign_key="site.id", index=True)
    code: str
    point_id: str | None = Field(default=None, foreign_key="patrol_point.id", index=True)
    proof: str  #: plantroom_shared.patrol_code.Proof
    reason: str = ""  #: plantroom_shared.patrol_code.Reason, where it does not count
    #: "too-fast", "two-places": implausible; "no-round"; of its time "phone-time" (a claim), "clock-ahead", "late"
    marks: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))
    suspect: bool = Field(default=False, index=True)  #: refused, or implausible
    source: str  #: "scanner", "phone"
    reader: str = ""  #: the scanner's device id, or the phone's own
    person: str = ""  #: login name
    gateway_id: str | None = Field(default=None, foreign_key="gateway.id")
    gateway_said: str = ""  #: its verdict, where ours differs
    at: datetime = Field(sa_type=UtcDateTime, index=True)  #: when it was scanned, as far as one can know
    claimed_at: datetime | None = Field(default=None, sa_type=UtcDateTime)  #: the phone's clock
    received_at: datetime = Field(sa_type=UtcDateTime)
    window: int | None = None
    key_version: int | None = None
    counted: str | None = Field(default=None, unique=True)  #: "point:window" of a rotating code: it counts once
    round_id: int | None = Field(default=None, foreign_key="patrol_round.id", index=True)


class PatrolFinding(SQLModel, table=True):
    """What somebody saw at a point; opens a work order on the equipment."""

    __tablename__ = "patrol_finding"

    id: int | None = Field(default=None, primary_key=True)
    ref: str = Field(unique=True)
    site_id: str = Field(foreign_key="site.id", index=True)
    point_id: str = Field(foreign_key="patrol_point.id", index=True)
    round_id: int | None = Field(default=None, foreign_key="patrol_round.id", index=True)
    person: str
    text: str
    priority: str
    photos: list[str] = Field(default_factory=list, sa_column=Column(Document, nullable=False))  #: content hashes
    at: datetime = Field(sa_type=UtcDateTime)  #: the phone's clock, never later than ours
    received_at: datetime = Field(sa_type=UtcDateTime)
    work_order_id: int | None = Field(default=None, foreign_key="work_order.id")

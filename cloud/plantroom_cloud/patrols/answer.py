"""What the API of patrols takes and answers."""

from datetime import datetime

from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.patrols.models import CodeKind, RoundState, StopState


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class PointOut(_Out):
    """A patrol point."""

    id: str
    site_id: str
    name: str
    location: str
    device_id: str | None
    code_kind: CodeKind
    instructions: str
    created_at: datetime
    retired_at: datetime | None


class PointMade(PointOut):
    """A new point. `key` is told this once, for a display that computes its codes itself; `label_code` is what the
    label of a point with a static code says."""

    key: str
    label_code: str | None


class NewPoint(BaseModel):
    """`key`: base32 of 32 bytes, only where labels exist already."""

    id: str
    site_id: str
    name: str = Field(max_length=200)
    location: str = Field(default="", max_length=200)
    device_id: str | None = None
    code_kind: CodeKind = CodeKind.STATIC
    instructions: str = Field(default="", max_length=2000)
    key: str | None = None


class PointChange(BaseModel):
    """What is left out stays."""

    name: str | None = Field(default=None, max_length=200)
    location: str | None = Field(default=None, max_length=200)
    device_id: str | None = None
    code_kind: CodeKind | None = None
    instructions: str | None = Field(default=None, max_length=2000)


class Rotation(BaseModel):
    """`revoke`: codes of the older keys stop to count at once."""

    reason: str = Field(max_length=500)
    revoke: bool = True


class KeyOut(_Out):
    """A key without its secret."""

    version: int
    made_at: datetime
    made_by: str
    revoked_at: datetime | None
    revoked_by: str
    reason: str


class StopBody(_Out):
    """A point of a route; windows in seconds from the time at which the round is due."""

    point_id: str
    window_from_s: int | None = None
    window_to_s: int | None = None
    travel_s: int | None = Field(default=None, ge=0, le=3600)


class RouteBody(_Out):
    """What one writes down about a route. `rule` is a recurrence rule of RFC 5545 in local time of `timezone`."""

    site_id: str
    name: str = Field(max_length=200)
    ordered: bool = True
    rule: str = Field(default="", max_length=500)
    starts: str = ""
    timezone: str = ""
    early_s: int = 0
    duration_s: int = 3600
    release_ahead_s: int = 1800
    travel_s: int = 15
    team_id: str | None = None
    assignee: str | None = None
    priority: str = "medium"
    enabled: bool = True


class NewRoute(RouteBody):
    """With its points, in order."""

    stops: list[StopBody] = Field(max_length=200)


class RouteOut(RouteBody):
    """As it is kept."""

    id: int
    next_due_at: datetime | None
    updated_at: datetime
    updated_by: str


class RouteStory(RouteOut):
    """With its points, in order."""

    stops: list[StopBody]


class RoundOut(_Out):
    """A round."""

    id: int
    route_id: int
    site_id: str
    name: str
    ordered: bool
    due_at: datetime
    opens_at: datetime
    closes_at: datetime
    state: RoundState
    work_order_id: int | None
    started_at: datetime | None
    finished_at: datetime | None
    corrected: int
    reviewed_at: datetime | None
    reviewed_by: str


class RoundStopOut(_Out):
    """A stop and what became of it."""

    position: int
    point_id: str
    opens_at: datetime
    closes_at: datetime
    state: StopState
    visited_at: datetime | None
    deviations: list[str]
    skip_reason: str


class EntryOut(_Out):
    """One line of a story."""

    at: datetime
    actor: str
    action: str
    from_state: str
    to_state: str
    note: str


class VisitOut(_Out):
    """A scanned code."""

    id: int
    site_id: str
    code: str
    point_id: str | None
    proof: str
    reason: str
    marks: list[str]
    suspect: bool
    source: str
    reader: str
    person: str
    at: datetime
    gateway_said: str
    claimed_at: datetime | None
    received_at: datetime
    round_id: int | None


class FindingOut(_Out):
    """What somebody saw."""

    id: int
    point_id: str
    round_id: int | None
    person: str
    text: str
    priority: str
    photos: list[str]
    at: datetime
    work_order_id: int | None


class RoundStory(RoundOut):
    """A round with all that happened."""

    stops: list[RoundStopOut]
    visits: list[VisitOut]
    findings: list[FindingOut]
    story: list[EntryOut]


class Reason(BaseModel):
    """Why."""

    reason: str = Field(max_length=2000)


class Note(BaseModel):
    """What came out of it."""

    note: str = Field(max_length=2000)

"""The shapes of the access API."""

from collections.abc import Sequence
from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

from plantroom_cloud.access.gates import EXPIRES_S, GateView
from plantroom_cloud.access.models import AccessCredential, AccessPerson, EntryKind, Standing
from plantroom_cloud.moment import Moment

Name = Annotated[str, Field(min_length=1, max_length=200)]


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class ZoneBody(BaseModel):
    """A zone."""

    site_id: str
    name: Name


class ZoneOut(_Out):
    """A zone."""

    id: str
    site_id: str
    name: str


class SpanBody(BaseModel):
    """Hours of some days: 1 is Monday, 7 Sunday, 8 a holiday."""

    days: list[int]
    start: str = "00:00"
    end: str = "24:00"


class HoursBody(ZoneBody):
    """A time profile."""

    spans: list[SpanBody] = []


class HoursOut(ZoneOut):
    """A time profile."""

    spans: list[dict[str, Any]]


class HolidayBody(BaseModel):
    """What the day is called."""

    name: str = Field(default="", max_length=200)


class GrantBody(BaseModel):
    """A zone during a time profile."""

    zone: str
    profile: str = "always"


class GroupBody(ZoneBody):
    """A group."""

    grants: list[GrantBody] = []


class GroupOut(ZoneOut):
    """A group."""

    grants: list[dict[str, Any]]


class PersonBody(ZoneBody):
    """Somebody who passes gates."""

    company: str = Field(default="", max_length=200)
    groups: list[str] = []
    active: bool = True
    valid_from: Moment | None = None
    valid_until: Moment | None = None
    through_lockdown: bool = False


class CredentialBody(BaseModel):
    """A card, e.g. w26:12:3456."""

    key: str
    label: str = Field(default="", max_length=200)
    standing: Standing = Standing.ACTIVE
    valid_until: Moment | None = None


class CredentialOut(_Out):
    """A card."""

    key: str
    person_id: str
    label: str
    standing: Standing
    valid_until: datetime | None


class PersonOut(_Out):
    """Somebody with the cards; the PIN is told by nobody."""

    id: str
    site_id: str
    name: str
    company: str
    groups: list[str]
    active: bool
    valid_from: datetime | None
    valid_until: datetime | None
    through_lockdown: bool
    has_pin: bool = False
    credentials: list[CredentialOut] = []

    @classmethod
    def of(cls, person: AccessPerson, cards: Sequence[AccessCredential]) -> "PersonOut":
        """With the cards."""
        found = cls.model_validate(person)
        found.has_pin = bool(person.pin)
        found.credentials = [CredentialOut.model_validate(card) for card in cards]
        return found


class NewZone(ZoneBody):
    """A zone and its id."""

    id: str


class NewHours(HoursBody):
    """A time profile and its id."""

    id: str


class NewGroup(GroupBody):
    """A group and its id."""

    id: str


class NewPerson(PersonBody):
    """Somebody, the id, and the cards at once."""

    id: str
    cards: list[CredentialBody] = []


class NewHoliday(HolidayBody):
    """A day that is no weekday at a site."""

    site_id: str
    day: str


class PinBody(BaseModel):
    """Digits."""

    pin: str = Field(max_length=20)


class GateBody(BaseModel):
    """What changes of a gate."""

    inside: str | None = None
    outside: str | None = None
    pin_hours: str = ""
    anti_passback: Literal["off", "soft", "hard"] = "off"


class GateOut(BaseModel):
    """A gate and what it shows now."""

    id: str
    site_id: str
    label: str
    location: str
    inside: str | None
    outside: str | None
    pin_hours: str
    anti_passback: str
    health: str
    position: str
    mode: str
    values: dict[str, Any]
    last_reading_at: datetime | None
    list_version: int | None
    list_applied: int | None

    @classmethod
    def of(cls, view: GateView) -> "GateOut":
        """From what the domain knows."""
        gate, told = view.gate, view.allow_list
        return cls(
            id=gate.device_id, site_id=gate.site_id, label=view.device.label, location=view.device.location,
            inside=gate.inside, outside=gate.outside, pin_hours=gate.pin_hours, anti_passback=gate.anti_passback,
            health=view.health, position=view.position, mode=view.mode, values=dict(view.values),
            last_reading_at=view.last_reading_at, list_version=told.version if told else None,
            list_applied=told.applied_version if told else None,
        )  # fmt: skip


class CommandBody(BaseModel):
    """What a gate is to do, once."""

    action: Literal["open", "close", "hold", "release", "lock-down", "lift"]
    reason: str = Field(default="", max_length=500)
    expires_in_s: float = Field(default=EXPIRES_S, ge=1, le=300)


class EntryOut(_Out):
    """A line of the access log."""

    id: int
    kind: EntryKind
    at: datetime
    gate: str
    reader: str
    direction: str
    credential: str
    person_id: str
    person: str
    outcome: str
    reason: str
    list_version: int | None
    result: str
    detail: str
    result_at: datetime | None

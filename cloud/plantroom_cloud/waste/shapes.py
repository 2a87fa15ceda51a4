"""What the API of medical waste takes and answers."""

from datetime import datetime
from typing import Any

from pydantic import BaseModel, ConfigDict, Field


class _Out(BaseModel):
    model_config = ConfigDict(from_attributes=True)


class NewLabels(BaseModel):
    """Labels to print."""

    department: str
    type: str
    count: int = 24


class BagOut(_Out):
    """A bag."""

    code: str
    site_id: str
    department_id: str
    type: str
    stage: str
    stage_at: datetime
    kg: float | None
    manifest_id: int | None
    void_reason: str
    closed: bool
    alarms: list[str]


class WardOut(BaseModel):
    """A department that has labels: when it was served last, and until when it must be again (null: not expected)."""

    department_id: str
    name: str
    served_at: datetime | None
    due_at: datetime | None
    overdue: bool


class LabelOut(BaseModel):
    """A printed label: its code and what its QR code says."""

    code: str
    label: str


class StageOut(BaseModel):
    """One stage of a bag."""

    stage: str
    opened_at: datetime
    completed_at: datetime | None
    kg: float | None
    weighing_id: int | None
    manifest_id: int | None
    certificate: str
    explained: str
    missing: list[str]
    signatures: list[dict[str, Any]]


class EntryOut(_Out):
    """One line of its life."""

    at: datetime
    recorded_at: datetime
    actor: str
    action: str
    note: str


class LifeOut(BagOut):
    """A bag's whole life."""

    stages: list[StageOut]
    life: list[EntryOut]


class StageIn(BaseModel):
    """A stage that was reached."""

    stage: str


class SignatureIn(BaseModel):
    """A signature: of the person who asks, or of another one by PIN."""

    stage: str
    role: str
    user: str | None = None
    pin: str | None = None


class Reason(BaseModel):
    """Why."""

    reason: str = Field(max_length=2000)


class Pin(BaseModel):
    """One's own."""

    pin: str


class PersonsPin(Pin):
    """Somebody's."""

    user: str


class ManifestOut(_Out):
    """A manifest."""

    id: int
    number: str
    site_id: str
    carrier: str
    vehicle: str
    destination: str
    state: str
    created_at: datetime
    created_by: str
    shipped_at: datetime | None
    shipped_by: str
    carrier_signature: str
    bags: int
    kg: float
    kg_by_type: dict[str, float]
    destroyed_at: datetime | None
    certificate: str


class NewManifest(BaseModel):
    """A draft; without bags, all that are ready."""

    site_id: str
    carrier: str
    vehicle: str = ""
    destination: str = ""
    bags: list[str] | None = None


class Shipped(BaseModel):
    """Who took over for the carrier."""

    carrier_signature: str


class Destroyed(BaseModel):
    """The proof, where there is one."""

    certificate: str = ""

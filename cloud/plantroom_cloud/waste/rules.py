"""Stages, records and limits: a document that an administrator changes, not code."""

from collections.abc import Iterator, Sequence
from fnmatch import fnmatchcase
from importlib.resources import files
from typing import Annotated, Any, Literal

import yaml
from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from plantroom_cloud.errors import InvalidError
from plantroom_cloud.validation import reasons
from plantroom_shared.ids import ID_PATTERN
from plantroom_shared.said import said

Key = Annotated[str, Field(pattern=ID_PATTERN)]

#: Before the first stage: the label was printed.
ISSUED = "issued"
SIGNATURE = "signature:"
_RECORDS = ("weight", "manifest", "certificate")
#: What the law asks for at least (three years).
LEAST_RETENTION_YEARS = 3


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True, allow_inf_nan=False)


class WasteType(_Strict):
    """A kind of waste."""

    key: Key
    name: str
    colour: Literal["yellow", "red", "green", "blue", "black", "white", "orange", "purple"] = "yellow"


class SignerRole(_Strict):
    """As whom somebody signs."""

    key: Key
    name: str
    of_department: bool = False  #: only the staff of the bag's department, where it names any


class Tolerance(_Strict):
    """How far a weight may be from the one before: the larger of both."""

    kg: float = Field(ge=0)
    share: float = Field(default=0.0, ge=0, le=1)

    def allowed(self, before_kg: float) -> float:
        """Kilograms."""
        return max(self.kg, self.share * before_kg)


class Stay(_Strict):
    """A bag that is longer than this in a stage raises an alarm."""

    over_h: float = Field(gt=0)
    alarm: Literal["warning", "limit"]


class Climate(_Strict):
    """A measurement in a store that may not be above a limit for long."""

    device: str = Field(min_length=1, max_length=127)
    metric: str = "temperature"
    above: float = Field(allow_inf_nan=False)
    for_min: float = Field(default=30.0, ge=0, le=1440)


class Pickup(_Strict):
    """Wards are served: each has a bag reach the stage at least this often."""

    stage: Key
    within_h: float = Field(gt=0)
    #: by department: another limit, or null where none is expected
    departments: dict[str, Annotated[float, Field(gt=0)] | None] = {}

    def limit_h(self, department: str) -> float | None:
        """Hours; None where no pickup is expected."""
        return self.departments.get(department, self.within_h)


class Stage(_Strict):
    """A step of the chain; it is complete when all it requires is there."""

    key: Key
    name: str
    follows: tuple[Key, ...]
    requires: tuple[str, ...] = ()  #: weight, manifest, certificate, signature:<role>
    optional: tuple[str, ...] = ()
    stations: tuple[str, ...] = ()  #: a weighing there belongs to this stage; * and ? as wild cards
    tolerance: Tolerance | None = None
    next_within_h: float | None = Field(default=None, gt=0)  #: else the bag counts as missing
    stays: tuple[Stay, ...] = ()
    climates: tuple[Climate, ...] = ()  #: of the rooms where bags of this stage stand

    @property
    def signers(self) -> list[str]:
        """Roles that must sign."""
        return [item.removeprefix(SIGNATURE) for item in self.requires if item.startswith(SIGNATURE)]


class WasteRules(_Strict):
    """The whole document."""

    types: tuple[WasteType, ...] = Field(min_length=1)
    roles: tuple[SignerRole, ...] = ()
    stages: tuple[Stage, ...] = Field(min_length=1)
    pickup: Pickup | None = None
    repeat_within_min: float = Field(default=15.0, ge=0)
    retention_years: float = Field(default=3.0, ge=LEAST_RETENTION_YEARS)

    @model_validator(mode="after")
    def _consistent(self) -> "WasteRules":
        if mistakes := list(self._misfits()):
            raise ValueError("; ".join(mistakes))
        return self

    def _misfits(self) -> Iterator[str]:
        for what, keys in (
            ("types", [item.key for item in self.types]),
            ("roles", [item.key for item in self.roles]),
            ("stages", [ISSUED, *(stage.key for stage in self.stages)]),
        ):
            for key in {key for key in keys if keys.count(key) > 1}:
                yield said("%(what)s: %(key)r is there twice; keys are unique", what=what, key=key) + (
                    said(" and %(issued)r stands for a printed label", issued=ISSUED) if key == ISSUED else ""
                )
        roles = {role.key for role in self.roles}
        before = [ISSUED]
        for stage in self.stages:
            for key in stage.follows:
                if key not in before:
                    known = ", ".join(before)
                    yield said(
                        "stage %(key)s: follows %(key2)r, which is no stage before it; there are: %(known)s",
                        key=stage.key,
                        key2=key,
                        known=known,
                    )
            if not stage.follows and stage is not self.stages[0]:
                yield said("stage %(key)s: say what it follows; only the first stage follows nothing", key=stage.key)
            for item in (*stage.requires, *stage.optional):
                role = item.removeprefix(SIGNATURE)
                if item.startswith(SIGNATURE):
                    if role not in roles:
                        known = ", ".join(sorted(roles)) or "none"
                        yield said(
                            "stage %(key)s: %(item)s: there is no role %(role)r; there are: %(known)s",
                            key=stage.key,
                            item=item,
                            role=role,
                            known=known,
                        )
                elif item not in _RECORDS:
                    yield said(
                        "stage %(key)s: %(item)r is no record; use %(records)s or signature:<role>",
                        key=stage.key,
                        item=item,
                        records=list(_RECORDS),
                    )
            if stage.tolerance is not None and "weight" not in stage.requires:
                yield said("stage %(key)s: a tolerance needs the record weight", key=stage.key)
            if stage.stations and "weight" not in stage.requires:
                yield said("stage %(key)s: stations are for stages that require weight", key=stage.key)
            before.append(stage.key)
        watched = [(climate.device, climate.metric) for _stage, climate in self.climates()]
        for device, metric in {each for each in watched if watched.count(each) > 1}:
            yield said(
                "climates: %(metric)s of %(device)s is there twice; once is enough", metric=metric, device=device
            )
        if self.pickup is not None and self.pickup.stage not in before[1:]:
            known = ", ".join(before[1:])
            yield said(
                "pickup: there is no stage %(stage)r; there are: %(known)s", stage=self.pickup.stage, known=known
            )
        for index, stage in enumerate(self.stages):
            for other in self.stages[index + 1 :]:
                for pattern in set(stage.stations) & set(other.stations):
                    yield said(
                        "stages %(key)s and %(key2)s: both have station %(pattern)r",
                        key=stage.key,
                        key2=other.key,
                        pattern=pattern,
                    )

    def stage(self, key: str) -> Stage | None:
        """By key; None for "issued" and what is no stage any more."""
        return next((stage for stage in self.stages if stage.key == key), None)

    def climates(self) -> Iterator[tuple[Stage, Climate]]:
        """All of them, with their stages."""
        for stage in self.stages:
            for climate in stage.climates:
                yield stage, climate

    def stage_at(self, station: str) -> Stage | None:
        """The stage that a weighing at a station belongs to."""
        return next(
            (stage for stage in self.stages if any(fnmatchcase(station, each) for each in stage.stations)), None
        )

    def position(self, key: str) -> int:
        """How far along: -1 for a printed label."""
        return next((index for index, stage in enumerate(self.stages) if stage.key == key), -1)

    def stage_name(self, key: str) -> str:
        """For people."""
        stage = self.stage(key)
        return stage.name if stage is not None else "Label printed" if key == ISSUED else key

    def type_name(self, key: str) -> str:
        """For people."""
        return next((item.name for item in self.types if item.key == key), key)

    def role_name(self, key: str) -> str:
        """For people."""
        return next((item.name for item in self.roles if item.key == key), key)

    def with_record(self, record: str) -> Sequence[Stage]:
        """The stages that require a record."""
        return [stage for stage in self.stages if record in stage.requires]


def read_rules(document: Any) -> WasteRules:
    """Check a document; raises InvalidError with every mistake and its place."""
    try:
        return WasteRules.model_validate(document)
    except ValidationError as error:
        raise InvalidError(reasons(error.errors(), "rules")) from error


def default_document() -> dict[str, Any]:
    """What is in force until an administrator changes it."""
    text = files("plantroom_cloud.waste").joinpath("default_rules.yaml").read_text("utf-8")
    document: dict[str, Any] = yaml.safe_load(text)
    return document

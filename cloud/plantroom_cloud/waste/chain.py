"""Where a bag is and what is wrong with it, by the rules and what is recorded. Pure."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from plantroom_cloud.waste.rules import ISSUED, SIGNATURE, Stage, WasteRules
from plantroom_shared.said import either, said

WEIGHT_DIFFERS, LABEL_REUSED = "waste.weight-differs", "waste.label-reused"
HANDOVER_INCOMPLETE, BAG_MISSING = "waste.handover-incomplete", "waste.bag-missing"
WARD_UNSERVED = "waste.ward-unserved"
STAY_WARNING, STAY_LIMIT = "waste.stay-warning", "waste.stay-limit"


@dataclass(frozen=True, slots=True)
class Known:
    """What is recorded of one stage; `moments` by record: when each came to be."""

    stage: str
    opened_at: datetime
    kg: float | None
    moments: Mapping[str, datetime]
    explained: bool = False


@dataclass(frozen=True, slots=True)
class Finding:
    """An alarm condition that holds: since when, and what people are told."""

    key: str
    since: datetime
    detail: str
    value: float | None = None
    limit: float | None = None
    unit: str = ""


def missing(stage: Stage, known: Known | None) -> list[str]:
    """Records that the stage requires and that are not there."""
    return [item for item in stage.requires if known is None or item not in known.moments]


def completed_at(stage: Stage, known: Known) -> datetime | None:
    """When its last required record came to be, None while one is missing."""
    if missing(stage, known):
        return None
    return max((known.moments[item] for item in stage.requires), default=known.opened_at)


def position(rules: WasteRules, known: Sequence[Known]) -> tuple[str, datetime] | None:
    """The furthest complete stage, and since when; None while none is."""
    furthest: tuple[str, datetime] | None = None
    by_stage = {item.stage: item for item in known}
    for stage in rules.stages:
        item = by_stage.get(stage.key)
        moment = completed_at(stage, item) if item is not None else None
        if moment is not None:
            furthest = stage.key, moment
    return furthest


def findings(rules: WasteRules, known: Sequence[Known], at: datetime) -> Iterator[Finding]:
    """What is wrong at a moment."""
    by_stage = {item.stage: item for item in known}
    yield from _weights(rules, by_stage)
    here = position(rules, known)
    if here is None:
        return
    stage = rules.stage(here[0])
    assert stage is not None
    yield from _incomplete(rules, by_stage, stage, here[1])
    later = rules.stages[rules.position(stage.key) + 1 :]
    if stage.next_within_h is not None and not any(item.key in by_stage for item in later):
        due = here[1] + timedelta(hours=stage.next_within_h)
        if at >= due:
            names = either([item.name.lower() for item in later if stage.key in item.follows])
            detail = said(
                "%(stage)s more than %(next_within_h)g h ago, and not yet %(names)s",
                stage=stage.name.lower(),
                next_within_h=stage.next_within_h,
                names=names or "further",
            )
            yield Finding(BAG_MISSING, due, detail, stage.next_within_h, stage.next_within_h, "h")
    for stay in stage.stays:
        due = here[1] + timedelta(hours=stay.over_h)
        if at >= due:
            key = STAY_WARNING if stay.alarm == "warning" else STAY_LIMIT
            detail = said("more than %(over_h)g h %(stage)s", over_h=stay.over_h, stage=stage.name.lower())
            yield Finding(key, due, detail, stay.over_h, stay.over_h, "h")


def _weights(rules: WasteRules, by_stage: Mapping[str, Known]) -> Iterator[Finding]:
    before: tuple[Stage, float] | None = None
    for stage in rules.stages:
        item = by_stage.get(stage.key)
        if item is None or item.kg is None:
            continue
        if before is not None and stage.tolerance is not None and not item.explained:
            allowed = stage.tolerance.allowed(before[1])
            if abs(item.kg - before[1]) > allowed + 1e-9:
                detail = said(
                    "%(stage)s: %(kg)g kg, %(before)s: %(before2)g kg; %(allowed)g kg may differ",
                    stage=stage.name.lower(),
                    kg=item.kg,
                    before=before[0].name.lower(),
                    before2=before[1],
                    allowed=allowed,
                )
                since = item.moments.get("weight", item.opened_at)
                yield Finding(WEIGHT_DIFFERS, since, detail, round(abs(item.kg - before[1]), 3), allowed, "kg")
                return
        before = stage, item.kg


def _incomplete(rules: WasteRules, by_stage: Mapping[str, Known], here: Stage, since: datetime) -> Iterator[Finding]:
    """A stage before this one began and was never finished, or none that may come before was done."""
    for stage in rules.stages[: rules.position(here.key)]:
        item = by_stage.get(stage.key)
        lacking = missing(stage, item) if item is not None else []
        if lacking:
            yield Finding(
                HANDOVER_INCOMPLETE,
                since,
                said(
                    "%(stage)s: still missing %(records)s",
                    stage=stage.name.lower(),
                    records=list(map(_spoken, lacking)),
                ),
            )
            return
    done = {ISSUED} | {
        key for key, item in by_stage.items() if (found := rules.stage(key)) and not missing(found, item)
    }
    if here.follows and not done & set(here.follows):
        names = either([rules.stage_name(key).lower() for key in here.follows])
        yield Finding(
            HANDOVER_INCOMPLETE,
            since,
            said("%(here)s without being %(names)s before", here=here.name.lower(), names=names),
        )


def _spoken(record: str) -> str:
    return (
        said("signature of %(signature)s", signature=record.removeprefix(SIGNATURE))
        if record.startswith(SIGNATURE)
        else record
    )

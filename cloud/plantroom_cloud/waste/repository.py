"""Queries over bags, their records, manifests and rules."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from plantroom_cloud.waste.models import (
    BagEntry,
    BagRecord,
    BagSignature,
    Manifest,
    WasteBag,
    WasteRulesVersion,
)


def newest_rules(session: Session) -> WasteRulesVersion | None:
    return session.exec(select(WasteRulesVersion).order_by(col(WasteRulesVersion.id).desc())).first()


def rules_history(session: Session, limit: int) -> list[WasteRulesVersion]:
    """Newest first."""
    return list(session.exec(select(WasteRulesVersion).order_by(col(WasteRulesVersion.id).desc()).limit(limit)))


def records(session: Session, code: str) -> list[BagRecord]:
    return list(session.exec(select(BagRecord).where(BagRecord.bag_code == code).order_by(col(BagRecord.id))))


def record(session: Session, code: str, stage: str) -> BagRecord | None:
    return session.exec(select(BagRecord).where(BagRecord.bag_code == code, BagRecord.stage == stage)).first()


def record_of_weighing(session: Session, code: str, weighing_id: int) -> BagRecord | None:
    return session.exec(
        select(BagRecord).where(BagRecord.bag_code == code, BagRecord.weighing_id == weighing_id)
    ).first()


def signatures(session: Session, record_ids: Sequence[int]) -> list[BagSignature]:
    """In the order of signing."""
    query = select(BagSignature).where(col(BagSignature.record_id).in_(record_ids)).order_by(col(BagSignature.id))
    return list(session.exec(query))


def entries(session: Session, code: str) -> list[BagEntry]:
    """By the time they happened."""
    query = select(BagEntry).where(BagEntry.bag_code == code).order_by(col(BagEntry.at), col(BagEntry.id))
    return list(session.exec(query))


def open_bags(session: Session) -> list[WasteBag]:
    """Those that are on their way."""
    return list(session.exec(select(WasteBag).where(col(WasteBag.closed).is_(False), WasteBag.stage != "issued")))


def bags(
    session: Session,
    *,
    sites: Sequence[str] = (),
    stage: str | None = None,
    department: str | None = None,
    waste_type: str | None = None,
    manifest_id: int | None = None,
    open_only: bool = False,
    after: tuple[datetime, str] | None = None,
    limit: int = 100,
) -> list[WasteBag]:
    """By the time of their stage, newest first; `after` is (stage_at, code) of the last one of the page before."""
    query = select(WasteBag).order_by(col(WasteBag.stage_at).desc(), col(WasteBag.code).desc()).limit(limit)
    if sites:
        query = query.where(col(WasteBag.site_id).in_(sites))
    if stage is not None:
        query = query.where(WasteBag.stage == stage)
    if department is not None:
        query = query.where(WasteBag.department_id == department)
    if waste_type is not None:
        query = query.where(WasteBag.type == waste_type)
    if manifest_id is not None:
        query = query.where(WasteBag.manifest_id == manifest_id)
    if open_only:
        query = query.where(col(WasteBag.closed).is_(False), WasteBag.stage != "issued")
    if after is not None:
        moment, code = after
        query = query.where(
            (col(WasteBag.stage_at) < moment) | ((col(WasteBag.stage_at) == moment) & (col(WasteBag.code) < code))
        )
    return list(session.exec(query))


def count_by_stage(session: Session, sites: Sequence[str]) -> dict[str, tuple[int, float]]:
    """Bags and kilograms that are on their way, by stage."""
    query = (
        select(WasteBag.stage, func.count(col(WasteBag.code)), func.coalesce(func.sum(WasteBag.kg), 0.0))
        .where(col(WasteBag.closed).is_(False))
        .group_by(col(WasteBag.stage))
    )
    if sites:
        query = query.where(col(WasteBag.site_id).in_(sites))
    return {stage: (number, float(kg or 0.0)) for stage, number, kg in session.exec(query)}


def last_completed(session: Session, stage: str, departments: Sequence[str]) -> dict[str, datetime]:
    """When a bag of each department reached a stage last; without those of which none did."""
    query = (
        select(WasteBag.department_id, func.max(BagRecord.completed_at))
        .join(BagRecord)
        .where(
            BagRecord.stage == stage,
            col(BagRecord.completed_at).is_not(None),
            col(WasteBag.department_id).in_(departments),
        )
        .group_by(col(WasteBag.department_id))
    )
    return {department: moment for department, moment in session.exec(query) if moment is not None}


def first_printed(session: Session, departments: Sequence[str]) -> dict[str, datetime]:
    """When the first label of each department was printed; without those that have none."""
    query = (
        select(WasteBag.department_id, func.min(WasteBag.printed_at))
        .where(col(WasteBag.department_id).in_(departments))
        .group_by(col(WasteBag.department_id))
    )
    return dict(session.exec(query).all())


def completed(
    session: Session, sites: Sequence[str], since: datetime, until: datetime
) -> list[tuple[BagRecord, WasteBag]]:
    """Records that were completed within a time, with their bags."""
    query = (
        select(BagRecord, WasteBag)
        .join(WasteBag)
        .where(col(BagRecord.completed_at) >= since, col(BagRecord.completed_at) < until)
    )
    if sites:
        query = query.where(col(WasteBag.site_id).in_(sites))
    return list(session.exec(query.order_by(col(BagRecord.completed_at))))


def manifests(session: Session, sites: Sequence[str], before_id: int | None, limit: int) -> list[Manifest]:
    """Newest first."""
    query = select(Manifest).order_by(col(Manifest.id).desc()).limit(limit)
    if sites:
        query = query.where(col(Manifest.site_id).in_(sites))
    if before_id is not None:
        query = query.where(col(Manifest.id) < before_id)
    return list(session.exec(query))


def manifests_numbered(session: Session, prefix: str) -> int:
    """How many there are with such a number."""
    return session.exec(select(func.count(col(Manifest.id))).where(col(Manifest.number).startswith(prefix))).one()


def half_done(session: Session, sites: Sequence[str], stage: str) -> list[WasteBag]:
    """Bags whose record of a stage was begun and is not complete, newest first."""
    query = (
        select(WasteBag)
        .join(BagRecord)
        .where(BagRecord.stage == stage, col(BagRecord.completed_at).is_(None), col(WasteBag.closed).is_(False))
    )
    if sites:
        query = query.where(col(WasteBag.site_id).in_(sites))
    return list(session.exec(query.order_by(col(BagRecord.opened_at).desc()).limit(50)))

"""Queries over checklists."""

from collections.abc import Collection, Sequence
from datetime import datetime

from sqlmodel import Session, col, func, select

from plantroom_cloud.checklists.models import (
    ChecklistTemplate,
    FollowUp,
    OrderChecklist,
    OrderStep,
    StepAnswer,
    Verdict,
)


def templates(session: Session, *, retired: bool) -> list[ChecklistTemplate]:
    """By name."""
    query = select(ChecklistTemplate).order_by(func.lower(ChecklistTemplate.name), col(ChecklistTemplate.id))
    if not retired:
        query = query.where(col(ChecklistTemplate.retired_at).is_(None))
    return list(session.exec(query))


def named(session: Session, name: str) -> ChecklistTemplate | None:
    """The one in use that has this name."""
    query = select(ChecklistTemplate).where(ChecklistTemplate.name == name)
    return session.exec(query.where(col(ChecklistTemplate.retired_at).is_(None))).first()


def locked_template(session: Session, template_id: int) -> ChecklistTemplate | None:
    """As it is now; nobody else changes it before we are through."""
    query = select(ChecklistTemplate).where(ChecklistTemplate.id == template_id).with_for_update()
    return session.exec(query.execution_options(populate_existing=True)).first()


def attached(session: Session, order_ids: Collection[int]) -> list[OrderChecklist]:
    """Of these orders, as they were attached."""
    query = select(OrderChecklist).where(col(OrderChecklist.work_order_id).in_(order_ids))
    return list(session.exec(query.order_by(col(OrderChecklist.id))))


def with_steps(session: Session, order_ids: Collection[int]) -> set[int]:
    """Those of these orders that have something to answer."""
    query = select(OrderStep.work_order_id).where(col(OrderStep.work_order_id).in_(order_ids)).distinct()
    return set(session.exec(query))


def attached_template(session: Session, order_id: int, template_id: int) -> OrderChecklist | None:
    """The copy of a template on an order."""
    query = select(OrderChecklist).where(OrderChecklist.work_order_id == order_id)
    return session.exec(query.where(OrderChecklist.template_id == template_id)).first()


def steps(session: Session, order_ids: Collection[int]) -> list[OrderStep]:
    """Of these orders, in order."""
    query = select(OrderStep).where(col(OrderStep.work_order_id).in_(order_ids))
    return list(session.exec(query.order_by(col(OrderStep.checklist_id), col(OrderStep.position))))


def by_ref(session: Session, ref: str) -> StepAnswer | None:
    """What a client sent before."""
    return session.exec(select(StepAnswer).where(StepAnswer.ref == ref)).first()


def answers(session: Session, step_ids: Sequence[int]) -> dict[int, list[StepAnswer]]:
    """By step, the one that counts last."""
    query = select(StepAnswer).where(col(StepAnswer.step_id).in_(step_ids))
    found: dict[int, list[StepAnswer]] = {}
    for answer in session.exec(query.order_by(col(StepAnswer.at), col(StepAnswer.id))):
        found.setdefault(answer.step_id, []).append(answer)
    return found


def before(session: Session, series: str, step_id: int, at: datetime) -> StepAnswer | None:
    """What the meter showed at the last other step."""
    query = select(StepAnswer).where(StepAnswer.series == series, StepAnswer.step_id != step_id, StepAnswer.at <= at)
    query = query.where(StepAnswer.verdict != Verdict.NOT_APPLICABLE)
    return session.exec(query.order_by(col(StepAnswer.at).desc(), col(StepAnswer.id).desc())).first()


def follow_ups(session: Session, step_ids: Sequence[int]) -> dict[int, FollowUp]:
    """By step."""
    query = select(FollowUp).where(col(FollowUp.step_id).in_(step_ids))
    return {found.step_id: found for found in session.exec(query)}


def followed(session: Session, order_id: int) -> tuple[FollowUp, OrderStep] | None:
    """The step whose fail opened this order."""
    query = select(FollowUp, OrderStep).where(
        FollowUp.work_order_id == order_id, col(OrderStep.id) == col(FollowUp.step_id)
    )
    return session.exec(query).first()

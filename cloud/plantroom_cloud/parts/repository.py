"""Queries over parts and movements."""

from sqlalchemy import or_
from sqlmodel import Session, col, select

from plantroom_cloud.parts.models import Movement, Part


def is_low(session: Session, part_id: int) -> bool:
    """As it stands in the database."""
    query = select(Part.id).where(Part.id == part_id, col(Part.active), col(Part.stock) < col(Part.minimum))
    return session.exec(query).first() is not None


def lock_part(session: Session, part_id: int) -> Part | None:
    """One writer at a time for a part's stock."""
    return session.exec(select(Part).where(Part.id == part_id).with_for_update()).first()


def part_by_code(session: Session, code: str) -> Part | None:
    """Its code is unique."""
    return session.exec(select(Part).where(Part.code == code)).first()


def parts(session: Session, text: str, *, below_minimum: bool, retired: bool, after: str, limit: int) -> list[Part]:
    """By code."""
    query = select(Part).where(col(Part.code) > after).order_by(col(Part.code)).limit(limit)
    if not retired:
        query = query.where(col(Part.active))
    if below_minimum:
        query = query.where(col(Part.stock) < col(Part.minimum))
    if text:
        query = query.where(
            or_(col(Part.code).icontains(text, autoescape=True), col(Part.name).icontains(text, autoescape=True))
        )
    return list(session.exec(query))


def movements(session: Session, part_id: int, before_id: int | None, limit: int) -> list[Movement]:
    """Of a part, newest first."""
    query = select(Movement).where(Movement.part_id == part_id).order_by(col(Movement.id).desc()).limit(limit)
    if before_id is not None:
        query = query.where(col(Movement.id) < before_id)
    return list(session.exec(query))


def movements_on(session: Session, order_id: int) -> list[tuple[Movement, Part]]:
    """Parts of a work order, oldest first."""
    query = select(Movement, Part).where(Movement.work_order_id == order_id, Movement.part_id == Part.id)
    return list(session.exec(query.order_by(col(Movement.id))))


def is_reversed(session: Session, movement_id: int) -> bool:
    """Whether a movement was taken back."""
    return session.exec(select(Movement.id).where(Movement.reverses == movement_id)).first() is not None

"""The store: parts, what is counted of each, and every movement."""

from collections.abc import Sequence
from datetime import datetime
from decimal import Decimal

from sqlmodel import Session

from plantroom_cloud.errors import ConflictError, InvalidError, InvalidFieldsError, NotFoundError
from plantroom_cloud.notifications.models import NoticeKind
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.parts import repository
from plantroom_cloud.parts.models import Movement, MovementKind, Part
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import lines, said

#: Beyond it a column of the database would overflow.
MOST = Decimal(10_000_000)


class PartService:
    """Works in the session it is given."""

    def __init__(self, work_orders: WorkOrderService, notifications: NotificationService) -> None:
        self._work_orders = work_orders
        self._notifications = notifications

    def get(self, session: Session, part_id: int) -> Part:
        """Raises NotFoundError."""
        part = session.get(Part, part_id)
        if part is None:
            raise NotFoundError(said("there is no part %(part_id)s", part_id=part_id))
        return part

    def by_code(self, session: Session, code: str) -> Part:
        """Raises NotFoundError."""
        part = repository.part_by_code(session, code.strip())
        if part is None:
            raise NotFoundError(said("there is no part %(code)r", code=code))
        return part

    def list(
        self,
        session: Session,
        text: str = "",
        *,
        below_minimum: bool = False,
        retired: bool = False,
        after: str = "",
        limit: int = 1000,
    ) -> Sequence[Part]:
        """By code."""
        return repository.parts(
            session, text.strip(), below_minimum=below_minimum, retired=retired, after=after, limit=limit
        )

    def save(self, session: Session, part: Part, at: datetime) -> Part:
        """A new or changed one; raises InvalidError, ConflictError."""
        part.code, part.name, part.unit = part.code.strip(), part.name.strip(), part.unit.strip()
        _check(part)
        with session.no_autoflush:
            known = repository.part_by_code(session, part.code)
            was_low = part.id is not None and repository.is_low(session, part.id)
        if known is not None and known.id != part.id:
            told = said("%(code)r is %(known)s's already", code=part.code, known=known.name)
            raise ConflictError(said("code: %(told)s", told=told))
        session.add(part)
        session.flush()
        record_change(session, "part", str(part.id), at)
        if part.is_low and part.stock != 0 and not was_low:
            newest = repository.movements(session, part.id or 0, None, 1)
            self._tell_low(session, part, f"{newest[0].id if newest else 0}/{part.minimum}", at)
        return part

    def receive(
        self, session: Session, part_id: int, quantity: Decimal, note: str, actor: str, at: datetime
    ) -> Movement:
        """A delivery; raises InvalidError."""
        part = self._lock(session, part_id)
        return self._move(session, part, MovementKind.RECEIPT, _positive(quantity), note, actor, at)

    def count(self, session: Session, part_id: int, counted: Decimal, note: str, actor: str, at: datetime) -> Movement:
        """Somebody counted: the difference is a movement; raises InvalidError."""
        if not 0 <= counted <= MOST:
            raise InvalidError(said("counted: 0 to %(most)s", most=MOST))
        part = self._lock(session, part_id)
        return self._move(session, part, MovementKind.COUNT, counted - part.stock, note, actor, at)

    def use(
        self, session: Session, order: WorkOrder, part_id: int, quantity: Decimal, note: str, actor: str, at: datetime
    ) -> Movement:
        """Taken for a work order. More than is counted only with a note: the count was wrong, or the part came from
        elsewhere. Raises InvalidError, ConflictError."""
        part = self._lock(session, part_id)
        quantity = _positive(quantity)
        if not part.active:
            raise ConflictError(said("%(code)s is no longer kept; choose another part", code=part.code))
        if quantity > part.stock and not note.strip():
            raise ConflictError(
                said(
                    "only %(plain)s %(unit)s of %(code)s are counted in the store; say in a note where the rest "
                    "came from",
                    plain=plain(part.stock),
                    unit=part.unit,
                    code=part.code,
                )
            )
        movement = self._move(session, part, MovementKind.USE, -quantity, note, actor, at, order.id)
        assert order.id is not None
        self._work_orders.note(
            session,
            order.id,
            said("used %(plain)s %(unit)s of %(part)s", plain=plain(quantity), unit=part.unit, part=part.name),
            actor,
            at,
        )
        return movement

    def reverse(
        self,
        session: Session,
        movement_id: int,
        note: str,
        actor: str,
        at: datetime,
        *,
        order_id: int | None = None,
        part_id: int | None = None,
    ) -> Movement:
        """A counter-movement: what was wrong stays readable. Raises NotFoundError, ConflictError."""
        wrong = session.get(Movement, movement_id)
        if wrong is None or order_id not in (None, wrong.work_order_id) or part_id not in (None, wrong.part_id):
            raise NotFoundError(said("there is no movement %(movement_id)s", movement_id=movement_id))
        part = self._lock(session, wrong.part_id)
        if wrong.kind is MovementKind.REVERSAL or repository.is_reversed(session, movement_id):
            raise ConflictError(said("movement %(movement_id)s was taken back already", movement_id=movement_id))
        if part.stock < wrong.quantity and not note.strip():
            raise ConflictError(
                said(
                    "only %(plain)s %(unit)s of %(code)s are counted; say in a note why fewer are there",
                    plain=plain(part.stock),
                    unit=part.unit,
                    code=part.code,
                )
            )
        movement = self._move(
            session,
            part,
            MovementKind.REVERSAL,
            -wrong.quantity,
            note,
            actor,
            at,
            wrong.work_order_id,
            wrong,
        )
        if wrong.work_order_id is not None:
            text = said(
                "%(plain)s %(unit)s of %(part)s taken back",
                plain=plain(abs(wrong.quantity)),
                unit=part.unit,
                part=part.name,
            )
            self._work_orders.note(session, wrong.work_order_id, text, actor, at)
        return movement

    def movements(
        self, session: Session, part_id: int, before_id: int | None = None, limit: int = 100
    ) -> Sequence[Movement]:
        """Newest first."""
        return repository.movements(session, part_id, before_id, limit)

    def of_order(self, session: Session, order_id: int) -> Sequence[tuple[Movement, Part]]:
        """Oldest first."""
        return repository.movements_on(session, order_id)

    def _lock(self, session: Session, part_id: int) -> Part:
        part = repository.lock_part(session, part_id)
        if part is None:
            raise NotFoundError(said("there is no part %(part_id)s", part_id=part_id))
        session.refresh(part)
        return part

    def _move(
        self,
        session: Session,
        part: Part,
        kind: MovementKind,
        quantity: Decimal,
        note: str,
        actor: str,
        at: datetime,
        order_id: int | None = None,
        reverses: Movement | None = None,
    ) -> Movement:
        assert part.id is not None
        was_low, was_there = part.is_low, part.stock > 0
        part.stock += quantity
        session.add(part)
        movement = Movement(
            part_id=part.id,
            at=at,
            kind=kind,
            quantity=quantity,
            stock_after=part.stock,
            unit_cost=reverses.unit_cost if reverses is not None else part.unit_cost,
            work_order_id=order_id,
            reverses=reverses.id if reverses is not None else None,
            actor=actor,
            note=note.strip(),
        )
        session.add(movement)
        session.flush()
        record_change(session, "part", str(part.id), at)
        if part.is_low and (not was_low or (was_there and part.stock <= 0)):
            self._tell_low(session, part, str(movement.id), at, movement.work_order_id)
        return movement

    def _tell_low(self, session: Session, part: Part, what: str, at: datetime, order_id: int | None = None) -> None:
        """Managers order it: once for each time that it falls below the minimum, and once more when nothing is left."""
        body = [
            said(
                "%(code)s: %(stock)s %(unit)s left; the minimum is %(minimum)s %(unit)s.",
                code=part.code,
                stock=plain(part.stock),
                minimum=plain(part.minimum),
                unit=part.unit,
            )
        ]
        body += [said("Kept at %(place)s.", place=part.place)] if part.place else []
        body += [said("Taken last for work order %(order)s.", order=order_id)] if order_id is not None else []
        subject = (
            said("Low in the store: %(name)s", name=part.name)
            if part.stock > 0
            else said("None left in the store: %(name)s", name=part.name)
        )
        self._notifications.announce(
            session,
            f"part/{part.id}/low/{what}",
            NoticeKind.STOCK,
            "medium" if part.stock > 0 else "high",
            None,
            subject,
            at,
            body=lines(body),
            link=f"/parts/{part.id}",
            audience="managers",
        )


def plain(quantity: Decimal) -> str:
    """Without zeros that say nothing: 2, 3.5."""
    return f"{quantity.normalize():f}"


def _check(part: Part) -> None:
    examples = {"code": "BRG-6204", "name": "Ball bearing 6204", "unit": "pcs"}
    wrong = {
        name: said("say it, for example %(like)s", like=like)
        for name, like in examples.items()
        if not getattr(part, name)
    }
    wrong |= {
        name: said("0 to %(most)s", most=MOST)
        for name in ("unit_cost", "minimum")
        if not 0 <= getattr(part, name) <= MOST
    }
    if wrong:
        raise InvalidFieldsError(wrong)


def _positive(quantity: Decimal) -> Decimal:
    if not Decimal("0.0001") <= quantity <= MOST:
        raise InvalidError(said("quantity: more than 0, at most %(most)s", most=MOST))
    return quantity

"""What the page of a work order shows of its checklists."""

from dataclasses import dataclass
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.checklists.models import ChecklistTemplate
from plantroom_cloud.checklists.service import Checklist
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.workorders.models import FINISHED, WorkOrder, WorkOrderState


@dataclass(frozen=True)
class Shown:
    """All of one order."""

    lists: list[Checklist]
    missing: list[str]  #: labels of required steps without an answer
    follow_ups: dict[int, WorkOrder]  #: by step
    follows: tuple[WorkOrder, str, datetime | None] | None  #: the order and step behind this one, and when corrected
    templates: list[ChecklistTemplate]  #: that may be attached
    open: bool  #: this person may answer

    @property
    def steps(self) -> int:
        return sum(len(one.steps) for one in self.lists)

    @property
    def answered(self) -> int:
        return sum(one.answered for one in self.lists)


def shown(session: Session, services: Services, user: User, order: WorkOrder, at: datetime) -> Shown:
    """As this person sees it."""
    assert order.id is not None
    lists = services.checklists.of_order(session, order.id, at)
    steps = [step for one in lists for step in one.steps]
    behind = services.checklists.follows(session, order.id)
    may = RANK[user.role] >= RANK[Role.TECHNICIAN] and order.state not in (*FINISHED, WorkOrderState.DONE)
    taken = {one.attached.template_id for one in lists}
    return Shown(
        lists=lists,
        missing=[step.asks.label for step in steps if step.asks.required and step.answer is None],
        follow_ups={
            step.id: services.work_orders.get(session, step.follow_up.work_order_id) for step in steps if step.follow_up
        },
        follows=None
        if behind is None
        else (
            services.work_orders.get(session, behind[1].work_order_id),
            behind[1].definition["label"],
            behind[0].corrected_at,
        ),
        templates=[one for one in services.checklists.templates.all(session) if one.id not in taken] if may else [],
        open=may and order.state is not WorkOrderState.REQUESTED,
    )

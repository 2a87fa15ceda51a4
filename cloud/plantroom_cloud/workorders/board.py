"""The board: work orders in columns by their state, the most pressing one on top; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

from plantroom_cloud.workorders.models import WorkOrder, WorkOrderState
from plantroom_cloud.workorders.moves import Move

#: What was closed stays on the board for this long.
CLOSED_SHOWN = timedelta(hours=24)

TITLES = {
    WorkOrderState.REQUESTED: "Requested",
    WorkOrderState.OPEN: "Pool",
    WorkOrderState.ASSIGNED: "Assigned",
    WorkOrderState.ACCEPTED: "Accepted",
    WorkOrderState.IN_PROGRESS: "In progress",
    WorkOrderState.ON_HOLD: "On hold",
    WorkOrderState.DONE: "Being verified",
    WorkOrderState.CLOSED: "Closed, last 24 h",
}

_RANKS = {"critical": 0, "high": 1, "medium": 2, "low": 3}
_NEVER = datetime.max.replace(tzinfo=UTC)


@dataclass(frozen=True)
class Card:
    """One order with what this person may do with it."""

    order: WorkOrder
    moves: Sequence[Move]
    equipment: str
    helpers: Sequence[str] = ()

    @property
    def targets(self) -> str:
        """Columns that it may be dragged to."""
        return " ".join(dict.fromkeys(move.to.value for move in self.moves if move.to is not self.order.state))


@dataclass(frozen=True)
class Column:
    """All in one state."""

    state: WorkOrderState
    title: str
    cards: Sequence[Card]


def columns(cards: Iterable[Card]) -> list[Column]:
    """Every column, the empty ones too."""
    by_state: dict[WorkOrderState, list[Card]] = {state: [] for state in TITLES}
    for card in sorted(cards, key=_pressing):
        if card.order.state in by_state:
            by_state[card.order.state].append(card)
    return [Column(state, title, by_state[state]) for state, title in TITLES.items()]


def due(order: WorkOrder) -> datetime | None:
    """The earlier of what a service level and what a plan says."""
    known = [moment for moment in (order.sla_due_at, order.due_at) if moment is not None]
    return min(known) if known else None


def _pressing(card: Card) -> tuple[bool, int, datetime, datetime]:
    order = card.order
    return order.sla_state != "breached", _RANKS[order.priority], due(order) or _NEVER, order.opened_at

"""What lists, board and page of work orders show beside the orders themselves."""

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.assets.models import Asset
from plantroom_cloud.dependencies import may_see
from plantroom_cloud.services import Services
from plantroom_cloud.users.models import RANK, Role, User
from plantroom_cloud.workorders.board import CLOSED_SHOWN, Card
from plantroom_cloud.workorders.models import WorkOrder, WorkOrderEntry, WorkOrderState
from plantroom_cloud.workorders.moves import moves
from plantroom_cloud.workorders.service import OrderQuery
from plantroom_shared.said import said

#: Cards of unfinished work, those that are due first, and of closed work.
ON_THE_BOARD, CLOSED_ON_THE_BOARD = 400, 50


def told_note(entry: WorkOrderEntry) -> str:
    """What stands beside a step of the trail, so that it can be told in another language: short notes of our own, which
    are the same words as people may have written beside other steps."""
    match entry.action, entry.note.partition(" "):
        case "assign" | "claim" | "offer", ("to", _, person):
            return said("to %(person)s", person=person)
        case "dispatch", ("to", _, team) if team != "no team":
            return said("to %(team)s", team=team)
        case "transfer", ("from", _, person):
            return said("from %(person)s", person=person)
        case "open", ("alarm", _, alarm_id):
            return said("alarm %(alarm_id)s", alarm_id=alarm_id)
        case "evaluate", (rating, _, rest) if rest.startswith("of 5. "):
            return said("%(rating)s of 5. %(note)s", rating=rating, note=rest.removeprefix("of 5. "))
        case _:
            return entry.note


def cards(
    session: Session, services: Services, user: User, wanted: OrderQuery, at: datetime
) -> tuple[list[Card], bool]:
    """Of unfinished work and of what was closed just now; whether there are more than a board shows."""
    orders = services.work_orders
    unfinished = orders.find(session, replace(wanted, open_only=True, by_due=True), None, ON_THE_BOARD + 1)
    recent = replace(wanted, state=WorkOrderState.CLOSED, closed_since=at - CLOSED_SHOWN)
    found = [*unfinished[:ON_THE_BOARD], *orders.find(session, recent, None, CLOSED_ON_THE_BOARD)]
    helpers = orders.helpers_of(session, [order.id for order in found if order.id is not None])
    named = equipment(session, services, found)
    shown = []
    for order in found:
        assert order.id is not None
        helping = helpers.get(order.id, [])
        possible = moves(order, user, helps=user.name in helping)
        shown.append(Card(order, possible, named.get(order.id, ""), helping))
    return shown, len(unfinished) > ON_THE_BOARD


def equipment(session: Session, services: Services, orders: Sequence[WorkOrder]) -> dict[int, str]:
    """Order → its asset, else its device, as people call it."""
    wanted = {order.device_id for order in orders if order.device_id is not None}
    devices = {device.id: device.label for device in services.devices.of_ids(session, sorted(wanted))}
    assets = {}
    if any(order.asset_id is not None for order in orders):
        assets = {asset.id: asset.name for asset in services.assets.list(session, retired=True)}
    named = {order.id: assets.get(order.asset_id) or devices.get(order.device_id or "") for order in orders}
    return {order_id: name for order_id, name in named.items() if order_id is not None and name}


def assets_of(session: Session, services: Services, order: WorkOrder) -> Sequence[Asset]:
    """From the site down to what is worked on: the order's own asset, else what its device measures; perhaps none."""
    if order.asset_id is not None:
        asset: Asset | None = services.assets.get(session, order.asset_id)
    else:
        asset = services.assets.of_device(session, order.device_id) if order.device_id is not None else None
    return services.assets.path(session, asset) if asset is not None else ()


def workers(people: Sequence[User], order: WorkOrder) -> list[User]:
    """Who may be given it: those of its team first."""
    able = [p for p in people if p.active and RANK[p.role] >= RANK[Role.TECHNICIAN] and may_see(p, order.site_id)]
    return sorted(able, key=lambda person: (person.team_id != order.team_id, person.name))

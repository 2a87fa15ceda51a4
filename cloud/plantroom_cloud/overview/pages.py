"""The first page: what needs attention, what is being done about it, how the equipment is."""

from collections.abc import Sequence
from dataclasses import dataclass

from fastapi import APIRouter, Request
from fastapi.responses import RedirectResponse, Response

from plantroom_cloud.dependencies import At, CurrentUser, ReadSession, ServicesDep
from plantroom_cloud.devices.tile import Tile, key_values, tiles
from plantroom_cloud.users.models import RANK, Role
from plantroom_cloud.web.nav import NavEntry
from plantroom_cloud.web.render import render

NAV = (NavEntry("overview", "/", "Overview", order=10),)
router = APIRouter(include_in_schema=False)

#: A building with more devices than this is shown by kind, with tiles for those that need attention alone.
MOST_TILES = 24


@dataclass
class KindHealth:
    """The devices of one kind."""

    kind: str
    well: int = 0
    alarm: int = 0  #: with an active alarm
    trouble: int = 0  #: silent, stale or cut off, without an alarm
    unknown: int = 0

    @property
    def total(self) -> int:
        """All of them."""
        return self.well + self.alarm + self.trouble + self.unknown


@router.get("/")
def overview(
    request: Request, user: CurrentUser, session: ReadSession, services: ServicesDep, at: At, site: str = ""
) -> Response:
    """Understood in a minute; the number of queries does not grow with the number of devices. Who may
    only ask for work is taken to what they asked for."""
    if RANK[user.role] < RANK[Role.VIEWER]:
        return RedirectResponse("/requests", 303)
    known = services.sites.list(session, user.sites)
    chosen = next((s for s in known if s.id == site), None)
    sites = [chosen.id] if chosen is not None else user.sites
    devices = tiles(session, services, sites, at)
    shown = devices if len(devices) <= MOST_TILES else [tile for tile in devices if not tile.well][:MOST_TILES]
    active = services.alarms.active_by_severity(session, sites)
    alarms = services.alarms.attention(session, sites, 8)
    return render(
        request,
        "overview.html",
        user=user,
        page="overview",
        sites=known,
        site=chosen,
        alarms=alarms,
        work=services.work_orders.for_alarms(session, alarms),
        active={severity.value: count for severity, count in active.items()},
        orders=services.work_orders.due_first(session, sites, 8),
        open_orders=services.work_orders.count_open(session, sites),
        overdue=services.work_orders.count_open(session, sites, over_time=True),
        recent=services.work_orders.recently_closed(session, sites),
        gateways=services.gateways.list(session, sites),
        kinds=by_kind(devices),
        total=len(devices),
        well=sum(tile.well for tile in devices),
        tiles=shown,
        values=key_values(session, services, [tile.id for tile in shown]),
        labels={tile.id: tile.label for tile in devices},
    )


def by_kind(devices: Sequence[Tile]) -> list[KindHealth]:
    """Kinds with the most trouble first."""
    found: dict[str, KindHealth] = {}
    for tile in devices:
        entry = found.setdefault(tile.kind or "other", KindHealth(tile.kind or "other"))
        if tile.alarms:
            entry.alarm += 1
        elif tile.health == "ok":
            entry.well += 1
        elif tile.health == "unknown":
            entry.unknown += 1
        else:
            entry.trouble += 1
    return sorted(found.values(), key=lambda kind: (-kind.alarm, -kind.trouble, kind.kind))

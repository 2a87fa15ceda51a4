"""Patrols: points, routes, rounds, visits and findings as one domain; takes scans and keeps its clocks."""

from datetime import datetime, timedelta
from typing import Any

from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.columns import utc_from_ms
from plantroom_cloud.devices.models import device_key
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.patrols.findings import FindingBook
from plantroom_cloud.patrols.points import PointBook
from plantroom_cloud.patrols.rounds import MISSED_RULE, RoundBook
from plantroom_cloud.patrols.routes import RouteBook
from plantroom_cloud.patrols.visits import Scan, VisitBook
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.batch import Event
from plantroom_shared.patrol_code import Reason
from plantroom_shared.said import said

#: Gateways and scanners that came later get the points within this time.
TELL_EVERY = timedelta(seconds=5)


class PatrolService:
    """The domain's one door; each book is a part of it."""

    def __init__(
        self,
        alarms: AlarmService,
        work_orders: WorkOrderService,
        gateways: GatewayService,
        devices: DeviceService,
        users: UserService,
        photos: PhotoService,
        absences: AbsenceService,
    ) -> None:
        self.points = PointBook(gateways, devices)
        self.rounds = RoundBook(alarms, work_orders)
        self.routes = RouteBook(work_orders, users, self.rounds, absences)
        self.visits = VisitBook(self.points, self.rounds)
        self.findings = FindingBook(self.points, self.rounds, work_orders, photos)
        self._told_at: datetime | None = None
        alarms.declare(MISSED_RULE)

    def apply_event(self, session: Session, gateway_id: str, event: Event, at: datetime) -> None:
        """A scan of a patrol code; other scans belong to others. Raises ValueError for one that has no text."""
        if event.kind != "scan" or event.data.get("kind") != "patrol":
            return
        gateway = session.get(Gateway, gateway_id)
        code = event.data.get("text")
        if gateway is None or event.device is None or not isinstance(code, str):
            raise ValueError(said("scan %(event_id)s: needs a device and its text", event_id=event.id))
        self.visits.take(
            session,
            Scan(
                ref=event.id,
                site_ids=(gateway.site_id,),
                code=code,
                at=utc_from_ms(event.time),
                source="scanner",
                reader=device_key(gateway_id, event.device),
                gateway_id=gateway_id,
                replayed=event.data.get("reason") == Reason.REPLAYED.value,
                gateway_said=_said(event.data),
            ),
            at,
        )

    def tick(self, session: Session, at: datetime) -> None:
        """Release what is due, judge what time has changed, tell new gateways the points."""
        self.routes.release_due(session, at)
        self.rounds.judge_due(session, at)
        if self._told_at is None or not timedelta(0) <= at - self._told_at < TELL_EVERY:
            self._told_at = at
            for site_id in {point.site_id for point in self.points.all(session)}:
                self.points.tell_gateways(session, site_id, "system", at)


def _said(data: dict[str, Any]) -> str:
    return f"{data.get('proof', '')} {data.get('reason') or ''}".strip()

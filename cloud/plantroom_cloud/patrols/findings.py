"""Findings: what somebody saw at a point becomes a work order on the equipment there."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.errors import InvalidError
from plantroom_cloud.files.content import plain_name
from plantroom_cloud.patrols import repository
from plantroom_cloud.patrols.models import PatrolFinding, PatrolRound
from plantroom_cloud.patrols.points import PointBook
from plantroom_cloud.patrols.rounds import RoundBook
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said

MOST_PHOTOS = 6


class FindingBook:
    """Works in the session it is given."""

    def __init__(
        self, points: PointBook, rounds: RoundBook, work_orders: WorkOrderService, photos: PhotoService
    ) -> None:
        self._points = points
        self._rounds = rounds
        self._work_orders = work_orders
        self._photos = photos

    def take(
        self,
        session: Session,
        ref: str,
        point_id: str,
        text: str,
        priority: str,
        photos: Sequence[str],
        round_id: int | None,
        person: str,
        claimed_at: datetime | None,
        at: datetime,
    ) -> PatrolFinding:
        """Keep it and open its work order; told again under the same ref it changes nothing."""
        known = repository.finding_by_ref(session, ref)
        if known is not None:
            return known
        point = self._points.get(session, point_id)
        if not text.strip():
            raise InvalidError("text: say in a few words what you saw")
        if len(photos) > MOST_PHOTOS:
            raise InvalidError(said("photos: at most %(most_photos)s", most_photos=MOST_PHOTOS))
        for photo in photos:
            self._photos.get(session, photo)
        found = session.get(PatrolRound, round_id) if round_id is not None else None
        if found is not None and found.site_id != point.site_id:
            raise InvalidError(said("round_id: round %(round_id)s is at another site", round_id=round_id))
        story = [
            text.strip(),
            said("Found at %(point)s", point=point.name) + (f", {point.location}" if point.location else ""),
        ]
        if found is not None:
            story.append(said("on the round %(found)s (%(found_id)s)", found=found.name, found_id=found.id))
        story += [f"/api/v1/photos/{photo}" for photo in photos]
        order = self._work_orders.create(
            session,
            f"{point.name}: {text.strip()}"[:200],
            "\n".join(story),
            point.site_id,
            point.device_id,
            priority,
            None,
            person,
            at,
        )
        assert order.id is not None
        for number, photo in enumerate(photos, 1):
            name = plain_name(f"finding {number}", self._photos.get(session, photo).media_type)
            self._work_orders.add_file(session, order.id, photo, name, person, at)
        finding = PatrolFinding(
            ref=ref,
            site_id=point.site_id,
            point_id=point_id,
            round_id=found.id if found is not None else None,
            person=person,
            text=text.strip(),
            priority=priority,
            photos=list(photos),
            at=min(claimed_at, at) if claimed_at is not None else at,
            received_at=at,
            work_order_id=order.id,
        )
        session.add(finding)
        session.flush()
        if found is not None:
            note = said(
                "at %(point_id)s: %(text)s (work order %(order_id)s)",
                point_id=point_id,
                text=finding.text,
                order_id=order.id,
            )
            self._rounds.note(session, found, person, "finding", note, at)
        record_change(session, "patrol", f"finding/{finding.id}", at)
        return finding

    def search(
        self, session: Session, *, round_id: int | None = None, sites: Sequence[str] = (), limit: int = 100
    ) -> list[PatrolFinding]:
        """Newest first."""
        return repository.findings(session, round_id=round_id, sites=sites, limit=limit)

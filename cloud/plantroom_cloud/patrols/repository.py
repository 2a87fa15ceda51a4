"""Queries over points, routes, rounds, visits and findings."""

from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session, col, select

from plantroom_cloud.patrols.models import (
    PatrolFinding,
    PatrolKey,
    PatrolPoint,
    PatrolRound,
    PatrolRoundEntry,
    PatrolRoundStop,
    PatrolRoute,
    PatrolStop,
    PatrolVisit,
    RoundState,
)

OPEN = (RoundState.RELEASED, RoundState.IN_PROGRESS)


def points(session: Session, sites: Sequence[str], retired: bool) -> list[PatrolPoint]:
    """By id; of all sites when none is named."""
    query = select(PatrolPoint).order_by(col(PatrolPoint.site_id), col(PatrolPoint.id))
    if sites:
        query = query.where(col(PatrolPoint.site_id).in_(sites))
    if not retired:
        query = query.where(col(PatrolPoint.retired_at).is_(None))
    return list(session.exec(query))


def point_by_display(session: Session, display_hash: str) -> PatrolPoint | None:
    """The point whose display has this link."""
    return session.exec(select(PatrolPoint).where(PatrolPoint.display_hash == display_hash)).first()


def keys(session: Session, point_ids: Sequence[str]) -> list[PatrolKey]:
    """Newest first within each point."""
    query = select(PatrolKey).where(col(PatrolKey.point_id).in_(point_ids))
    return list(session.exec(query.order_by(col(PatrolKey.point_id), col(PatrolKey.version).desc())))


def routes(session: Session, sites: Sequence[str]) -> list[PatrolRoute]:
    """By name; of all sites when none is named."""
    query = select(PatrolRoute).order_by(col(PatrolRoute.site_id), col(PatrolRoute.name), col(PatrolRoute.id))
    if sites:
        query = query.where(col(PatrolRoute.site_id).in_(sites))
    return list(session.exec(query))


def routes_to_release(session: Session, at: datetime) -> list[PatrolRoute]:
    """Enabled ones whose next round is to be shown by now."""
    query = select(PatrolRoute).where(col(PatrolRoute.enabled).is_(True), col(PatrolRoute.next_release_at) <= at)
    return list(session.exec(query))


def stops(session: Session, route_id: int) -> list[PatrolStop]:
    """In order."""
    query = select(PatrolStop).where(PatrolStop.route_id == route_id)
    return list(session.exec(query.order_by(col(PatrolStop.position))))


def stops_of_routes(session: Session, route_ids: Sequence[int]) -> list[PatrolStop]:
    """Of several routes, in order."""
    query = select(PatrolStop).where(col(PatrolStop.route_id).in_(route_ids))
    return list(session.exec(query.order_by(col(PatrolStop.route_id), col(PatrolStop.position))))


def routes_over(session: Session, point_id: str) -> list[PatrolRoute]:
    """Those that visit a point."""
    query = select(PatrolRoute).where(
        col(PatrolRoute.id).in_(select(PatrolStop.route_id).where(PatrolStop.point_id == point_id))
    )
    return list(session.exec(query))


def round_of(session: Session, route_id: int, due_at: datetime) -> PatrolRound | None:
    """The one of a route that is due then."""
    query = select(PatrolRound).where(PatrolRound.route_id == route_id, PatrolRound.due_at == due_at)
    return session.exec(query).first()


def round_of_order(session: Session, work_order_id: int) -> PatrolRound | None:
    """The one that a work order stands for."""
    return session.exec(select(PatrolRound).where(PatrolRound.work_order_id == work_order_id)).first()


def rounds(
    session: Session,
    *,
    sites: Sequence[str],
    states: Sequence[RoundState],
    route_id: int | None,
    start: datetime | None,
    end: datetime | None,
    before_id: int | None,
    limit: int,
) -> list[PatrolRound]:
    """Newest first."""
    query = select(PatrolRound).order_by(col(PatrolRound.id).desc()).limit(limit)
    if sites:
        query = query.where(col(PatrolRound.site_id).in_(sites))
    if states:
        query = query.where(col(PatrolRound.state).in_(states))
    if route_id is not None:
        query = query.where(PatrolRound.route_id == route_id)
    if start is not None:
        query = query.where(PatrolRound.closes_at >= start)
    if end is not None:
        query = query.where(PatrolRound.due_at < end)
    if before_id is not None:
        query = query.where(col(PatrolRound.id) < before_id)
    return list(session.exec(query))


def rounds_to_judge(session: Session, at: datetime) -> list[PatrolRound]:
    """Those that time alone changes by now."""
    query = select(PatrolRound).where(col(PatrolRound.judge_at) <= at).order_by(col(PatrolRound.judge_at))
    return list(session.exec(query))


def future_rounds(session: Session, route_id: int, after: datetime) -> list[PatrolRound]:
    """Released, not begun, due later."""
    query = select(PatrolRound).where(
        PatrolRound.route_id == route_id, PatrolRound.state == RoundState.RELEASED, PatrolRound.due_at > after
    )
    return list(session.exec(query))


def rounds_at(session: Session, site_id: str, point_id: str, moment: datetime) -> list[PatrolRound]:
    """Rounds over a point that were open at that moment, whatever became of them; the first to close comes first."""
    query = (
        select(PatrolRound)
        .where(
            PatrolRound.site_id == site_id,
            PatrolRound.opens_at <= moment,
            PatrolRound.closes_at >= moment,
            PatrolRound.state != RoundState.CANCELLED,
            col(PatrolRound.id).in_(select(PatrolRoundStop.round_id).where(PatrolRoundStop.point_id == point_id)),
        )
        .order_by(col(PatrolRound.closes_at), col(PatrolRound.id))
    )
    return list(session.exec(query))


def rounds_missing(session: Session, point_id: str) -> list[PatrolRound]:
    """Rounds that missed a point and nobody has reviewed."""
    query = select(PatrolRound).where(
        col(PatrolRound.reviewed_at).is_(None),
        col(PatrolRound.id).in_(
            select(PatrolRoundStop.round_id).where(
                PatrolRoundStop.point_id == point_id, PatrolRoundStop.state == "missed"
            )
        ),
    )
    return list(session.exec(query))


def round_stops(session: Session, round_id: int) -> list[PatrolRoundStop]:
    """In order."""
    query = select(PatrolRoundStop).where(PatrolRoundStop.round_id == round_id)
    return list(session.exec(query.order_by(col(PatrolRoundStop.position))))


def stops_of_rounds(session: Session, round_ids: Sequence[int]) -> list[PatrolRoundStop]:
    """Of several rounds, in order."""
    query = select(PatrolRoundStop).where(col(PatrolRoundStop.round_id).in_(round_ids))
    return list(session.exec(query.order_by(col(PatrolRoundStop.round_id), col(PatrolRoundStop.position))))


def story(session: Session, round_id: int) -> list[PatrolRoundEntry]:
    """Oldest first."""
    query = select(PatrolRoundEntry).where(PatrolRoundEntry.round_id == round_id)
    return list(session.exec(query.order_by(col(PatrolRoundEntry.id))))


def visit_by_ref(session: Session, ref: str) -> PatrolVisit | None:
    """The one that was told under this id before."""
    return session.exec(select(PatrolVisit).where(PatrolVisit.ref == ref)).first()


def counted(session: Session, key: str) -> PatrolVisit | None:
    """Who used up a window of a point."""
    return session.exec(select(PatrolVisit).where(PatrolVisit.counted == key)).first()


def visits_of_round(session: Session, round_id: int) -> list[PatrolVisit]:
    """By time."""
    query = select(PatrolVisit).where(PatrolVisit.round_id == round_id)
    return list(session.exec(query.order_by(col(PatrolVisit.at), col(PatrolVisit.id))))


def visits_around(session: Session, site_id: str, start: datetime, end: datetime) -> list[PatrolVisit]:
    """Genuine ones of a site between two moments."""
    query = select(PatrolVisit).where(
        PatrolVisit.site_id == site_id,
        PatrolVisit.at > start,
        PatrolVisit.at < end,
        col(PatrolVisit.proof).in_(("static", "rotating")),
    )
    return list(session.exec(query))


def visited_since(session: Session, point_id: str, moment: datetime) -> bool:
    """Whether a genuine visit of the point was made at or after a moment."""
    query = select(PatrolVisit.id).where(
        PatrolVisit.point_id == point_id,
        PatrolVisit.at >= moment,
        col(PatrolVisit.proof).in_(("static", "rotating")),
    )
    return session.exec(query.limit(1)).first() is not None


def visits(
    session: Session,
    *,
    sites: Sequence[str],
    point_id: str | None,
    suspect: bool | None,
    before_id: int | None,
    limit: int,
) -> list[PatrolVisit]:
    """Newest first."""
    query = select(PatrolVisit).order_by(col(PatrolVisit.id).desc()).limit(limit)
    if sites:
        query = query.where(col(PatrolVisit.site_id).in_(sites))
    if point_id is not None:
        query = query.where(PatrolVisit.point_id == point_id)
    if suspect is not None:
        query = query.where(col(PatrolVisit.suspect).is_(suspect))
    if before_id is not None:
        query = query.where(col(PatrolVisit.id) < before_id)
    return list(session.exec(query))


def finding_by_ref(session: Session, ref: str) -> PatrolFinding | None:
    """The one that was told under this id before."""
    return session.exec(select(PatrolFinding).where(PatrolFinding.ref == ref)).first()


def findings(session: Session, *, round_id: int | None, sites: Sequence[str], limit: int) -> list[PatrolFinding]:
    """Newest first."""
    query = select(PatrolFinding).order_by(col(PatrolFinding.id).desc()).limit(limit)
    if round_id is not None:
        query = query.where(PatrolFinding.round_id == round_id)
    if sites:
        query = query.where(col(PatrolFinding.site_id).in_(sites))
    return list(session.exec(query))

"""Queries over weighings and label scans."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from sqlmodel import Session, col, select

from plantroom_cloud.weighings.models import LabelScan, ScanState, Station, Weighing, WeighingState


def known(session: Session, event_id: str) -> bool:
    """Whether an event was taken already, as weighing or as scan."""
    found = session.exec(select(Weighing.id).where(Weighing.event_id == event_id)).first()
    return (
        found is not None
        or session.exec(select(LabelScan.id).where(LabelScan.event_id == event_id)).first() is not None
    )


def around(
    session: Session, site_id: str, station: str, since: datetime, until: datetime
) -> tuple[list[LabelScan], list[Weighing]]:
    """What happened at a station between two moments, oldest first; not what people paired by hand."""
    scans = select(LabelScan).where(
        LabelScan.site_id == site_id, LabelScan.station == station, col(LabelScan.at).between(since, until)
    )
    weighings = select(Weighing).where(
        Weighing.site_id == site_id,
        Weighing.station == station,
        col(Weighing.at).between(since, until),
        Weighing.state != WeighingState.BY_HAND,
    )
    return (
        list(session.exec(scans.order_by(col(LabelScan.at), col(LabelScan.id)))),
        list(session.exec(weighings.order_by(col(Weighing.at), col(Weighing.id)))),
    )


def neighbours(session: Session, site_id: str, station: str, at: datetime, gap: timedelta) -> tuple[datetime, datetime]:
    """From when to when events of a station follow each other without a gap, around a moment."""
    since = until = at
    while True:
        scans, weighings = around(session, site_id, station, since - gap, until + gap)
        moments = [*(scan.at for scan in scans), *(weighing.at for weighing in weighings)]
        first, last = min([*moments, since]), max([*moments, until])
        if (first, last) == (since, until) or last - first > 100 * gap:
            return first, last
        since, until = first, last


def waiting(session: Session, before: datetime, limit: int) -> tuple[list[Weighing], list[LabelScan]]:
    """What waits for its partner since before a moment, by event time and by the time it came."""
    weighings = select(Weighing).where(
        Weighing.state == WeighingState.WAITING, Weighing.at < before, Weighing.received_at < before
    )
    scans = select(LabelScan).where(
        LabelScan.state == ScanState.WAITING, LabelScan.at < before, LabelScan.received_at < before
    )
    return list(session.exec(weighings.limit(limit))), list(session.exec(scans.limit(limit)))


def search(
    session: Session,
    *,
    sites: Sequence[str] = (),
    device_id: str | None = None,
    station: str | None = None,
    state: WeighingState | None = None,
    code: str | None = None,
    since: datetime | None = None,
    until: datetime | None = None,
    before: tuple[datetime, int] | None = None,
    limit: int = 100,
) -> list[Weighing]:
    """Newest first; `before` is the (time, id) of the last one of the page before."""
    query = select(Weighing).order_by(col(Weighing.at).desc(), col(Weighing.id).desc()).limit(limit)
    if sites:
        query = query.where(col(Weighing.site_id).in_(sites))
    if device_id is not None:
        query = query.where(Weighing.device_id == device_id)
    if station is not None:
        query = query.where(Weighing.station == station)
    if state is not None:
        query = query.where(Weighing.state == state)
    if code is not None:
        query = query.where(Weighing.code == code)
    if since is not None:
        query = query.where(Weighing.at >= since)
    if until is not None:
        query = query.where(Weighing.at < until)
    if before is not None:
        at, row = before
        query = query.where((col(Weighing.at) < at) | ((col(Weighing.at) == at) & (col(Weighing.id) < row)))
    return list(session.exec(query))


def lonely_scans(session: Session, sites: Sequence[str], since: datetime, limit: int) -> list[LabelScan]:
    """Labels that were scanned without a weighing, newest first."""
    wanted = (ScanState.NO_WEIGHING, ScanState.SUPERSEDED, ScanState.WAITING)
    query = select(LabelScan).where(col(LabelScan.state).in_(wanted), LabelScan.at >= since)
    if sites:
        query = query.where(col(LabelScan.site_id).in_(sites))
    return list(session.exec(query.order_by(col(LabelScan.at).desc()).limit(limit)))


def stations(session: Session, sites: Sequence[str]) -> list[Station]:
    """By site and key."""
    query = select(Station).order_by(col(Station.site_id), col(Station.key))
    if sites:
        query = query.where(col(Station.site_id).in_(sites))
    return list(session.exec(query))

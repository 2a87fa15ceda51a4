"""Queries over calendars."""

from sqlmodel import Session, col, select

from plantroom_cloud.calendars.models import Calendar, SiteCalendar


def calendars(session: Session) -> list[Calendar]:
    """By name."""
    return list(session.exec(select(Calendar).order_by(col(Calendar.name))))


def of_sites(session: Session) -> dict[str, str]:
    """Calendar by site."""
    return {row.site_id: row.calendar_id for row in session.exec(select(SiteCalendar))}


def sites_of(session: Session, calendar_id: str) -> list[str]:
    """Where it holds."""
    return sorted(session.exec(select(SiteCalendar.site_id).where(SiteCalendar.calendar_id == calendar_id)))

"""Business calendars: by name, and of a site."""

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, date
from zoneinfo import ZoneInfo

from sqlmodel import Session

from plantroom_cloud.calendars import repository
from plantroom_cloud.calendars.business import ALWAYS, BusinessCalendar
from plantroom_cloud.calendars.definition import CalendarIn, check_zone
from plantroom_cloud.calendars.models import Calendar, SiteCalendar
from plantroom_cloud.calendars.public_holidays import check_country
from plantroom_cloud.errors import ConflictError, InvalidFieldsError, NotFoundError
from plantroom_cloud.sites.service import SiteService
from plantroom_shared.ids import check_id
from plantroom_shared.said import said

#: What goes by a calendar, in words.
Use = Callable[[Session, str], Sequence[str]]


class CalendarService:
    """Works in the session it is given."""

    def __init__(self, sites: SiteService) -> None:
        self._sites = sites
        self._users: list[Use] = []

    def ask(self, use: Use) -> None:
        """A domain that is asked who goes by a calendar before it is removed; at build time."""
        self._users.append(use)

    def list(self, session: Session) -> Sequence[Calendar]:
        """By name."""
        return repository.calendars(session)

    def get(self, session: Session, calendar_id: str) -> Calendar:
        """Raises NotFoundError."""
        calendar = session.get(Calendar, calendar_id)
        if calendar is None:
            raise NotFoundError(said("there is no calendar %(calendar_id)r", calendar_id=calendar_id))
        return calendar

    def of_site(self, session: Session, site_id: str) -> BusinessCalendar:
        """That of the site, in its time zone; always, where none is set."""
        row = session.get(SiteCalendar, site_id)
        return self.named(session, row.calendar_id if row is not None else None, site_id)

    def named(self, session: Session, calendar_id: str | None, site_id: str) -> BusinessCalendar:
        """This one as it holds at a site; None: always. Raises NotFoundError."""
        zone = self._sites.get(session, site_id).timezone
        if calendar_id is None:
            return BusinessCalendar(zone=ZoneInfo(zone)) if zone != "UTC" else ALWAYS
        return business(self.get(session, calendar_id), zone)

    def by_site(self, session: Session) -> Mapping[str, str]:
        """Calendar id by site, where one is set."""
        return repository.of_sites(session)

    def sites_of(self, session: Session, calendar_id: str) -> Sequence[str]:
        """Where it holds."""
        return repository.sites_of(session, calendar_id)

    def add(self, session: Session, calendar_id: str, plan: CalendarIn) -> Calendar:
        """Raises ConflictError, InvalidFieldsError."""
        check_id(calendar_id, "calendar id")
        if session.get(Calendar, calendar_id) is not None:
            raise ConflictError(said("there is a calendar %(calendar_id)r already", calendar_id=calendar_id))
        calendar = Calendar(id=calendar_id, name=plan.name)
        return self._fill(session, calendar, plan)

    def change(self, session: Session, calendar_id: str, plan: CalendarIn) -> Calendar:
        """Raises NotFoundError, InvalidFieldsError."""
        return self._fill(session, self.get(session, calendar_id), plan)

    def remove(self, session: Session, calendar_id: str) -> None:
        """Raises ConflictError while anything goes by it."""
        calendar = self.get(session, calendar_id)
        uses = [said("site %(site)s", site=site) for site in self.sites_of(session, calendar_id)]
        uses += [what for use in self._users for what in use(session, calendar_id)]
        if uses:
            raise ConflictError(
                said(
                    "calendar %(calendar_id)r holds for %(uses)s; give them another one first",
                    calendar_id=calendar_id,
                    uses=list(uses),
                )
            )
        session.delete(calendar)
        session.flush()

    def set_site(self, session: Session, site_id: str, calendar_id: str | None) -> None:
        """The calendar of a site; None: it works always. Raises NotFoundError."""
        self._sites.get(session, site_id)
        if calendar_id is not None:
            self.get(session, calendar_id)
            session.merge(SiteCalendar(site_id=site_id, calendar_id=calendar_id))
        elif (row := session.get(SiteCalendar, site_id)) is not None:
            session.delete(row)
        session.flush()

    def _fill(self, session: Session, calendar: Calendar, plan: CalendarIn) -> Calendar:
        check_zone(plan.timezone)
        check_country(plan.country, plan.region)
        hours = plan.hours()
        if not any(hours):
            raise InvalidFieldsError({"monday": "say when anybody works: a week without hours ends no clock"})
        calendar.name, calendar.timezone = plan.name.strip(), plan.timezone
        calendar.hours = [[list(span) for span in spans] for spans in hours]
        calendar.country, calendar.region = plan.country, plan.region
        calendar.holidays = {day.isoformat(): name.strip() for day, name in sorted(plan.holidays.items())}
        calendar.worked = sorted({day.isoformat() for day in plan.worked})
        session.add(calendar)
        session.flush()
        return calendar


def business(calendar: Calendar, site_zone: str) -> BusinessCalendar:
    """A stored calendar for reckoning, in its own time zone or else the site's."""
    name = calendar.timezone or site_zone
    return BusinessCalendar(
        zone=ZoneInfo(name) if name != "UTC" else UTC,
        hours=tuple(tuple((begin, end) for begin, end in spans) for spans in calendar.hours),
        holidays={date.fromisoformat(day): text for day, text in calendar.holidays.items()},
        worked=frozenset(map(date.fromisoformat, calendar.worked)),
        country=calendar.country,
        region=calendar.region,
    )

"""Watches the journal: people hear of a store that is away before anything has to be left with the gateways."""

from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud import metrics
from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_shared.said import said

NEARLY_FULL = 0.8
#: The store has been away, or too slow, for so long.
TOO_OLD = timedelta(minutes=10)

RULE = ReportedRule(
    key="telemetry.journal",
    name="Telemetry store does not keep up",
    severity="high",
    cause="The telemetry store is away, or slower than what comes.",
    consequence="Charts end in the past. Alarms and work orders go on. Once the journal is full, readings stay on the "
    "gateways, and are thinned there when their own bound is reached.",
    response="Look whether the telemetry store runs and has disk space, then at plantroom_journal_bytes.",
)


class JournalWatch:
    """A clock: looks once a second, tells the alarms when it changed."""

    def __init__(self, telemetry: TelemetryService, alarms: AlarmService, sites: SiteService) -> None:
        self._telemetry = telemetry
        self._alarms = alarms
        self._sites = sites
        self._told: bool | None = None
        alarms.declare(RULE)

    def tick(self, session: Session, at: datetime) -> None:
        """Once a second."""
        backlog = self._telemetry.backlog(session)
        age = at - backlog.oldest if backlog.oldest is not None else timedelta(0)
        metrics.JOURNAL_ENTRIES.set(backlog.entries)
        metrics.JOURNAL_BYTES.set(backlog.size)
        metrics.JOURNAL_AGE_S.set(max(0.0, age.total_seconds()))
        part = self._telemetry.part_of_bound(backlog)
        active = part >= NEARLY_FULL or age > TOO_OLD
        if active == self._told and not active:
            return
        sites = self._sites.list(session)
        if sites:
            detail = said(
                "%(part).0f %% of the journal is used; its oldest entry waits since %(age).0f s",
                part=part * 100,
                age=age.total_seconds(),
            )
            self._alarms.report(
                session, RULE.key, "telemetry-store", active, at, at, site_id=sites[0].id, detail=detail
            )
        self._told = active

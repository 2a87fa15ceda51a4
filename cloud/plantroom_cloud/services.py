"""The composition of the control plane."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from sqlmodel import Session

from plantroom_cloud.absences.service import AbsenceService
from plantroom_cloud.access.service import AccessService
from plantroom_cloud.alarms.preview import Previewing
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.assets.service import AssetService
from plantroom_cloud.calendars.service import CalendarService
from plantroom_cloud.checklists.service import ChecklistService
from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.costs.service import CostService
from plantroom_cloud.database import Database
from plantroom_cloud.departments.service import DepartmentService
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.dispatch.service import DispatchService
from plantroom_cloud.documents.service import DocumentService
from plantroom_cloud.files.service import FileService
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.ingest.service import EventConsumer, IngestService
from plantroom_cloud.jobs.service import JobService, this_process
from plantroom_cloud.notifications.dispatcher import Dispatcher
from plantroom_cloud.notifications.senders import senders
from plantroom_cloud.notifications.service import NotificationService
from plantroom_cloud.parts.service import PartService
from plantroom_cloud.patrols.service import PatrolService
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.plans.service import PlanService
from plantroom_cloud.reliability.service import ReliabilityService
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.sla.service import SlaService
from plantroom_cloud.sla.told import Escalation
from plantroom_cloud.stream.changes import Changes
from plantroom_cloud.tasks.service import TaskService
from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore
from plantroom_cloud.telemetry.rollup import LEVELS
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention, TelemetryStore
from plantroom_cloud.telemetry.watch import JournalWatch
from plantroom_cloud.telemetry.writer import TelemetryWriter
from plantroom_cloud.users.accounts import AccountService
from plantroom_cloud.users.login import LoginService
from plantroom_cloud.users.service import UserService
from plantroom_cloud.waste.label import read_scan
from plantroom_cloud.waste.service import WasteService
from plantroom_cloud.weighings.service import WeighingService
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.clock import Clock, utc_now


class Ticker(Protocol):
    """A domain with clocks."""

    def tick(self, session: Session, at: datetime) -> None:
        """About once a second, in a transaction of its own."""
        ...


@dataclass
class Services:
    """One of each."""

    config: CloudConfig
    clock: Clock
    database: Database
    users: UserService
    accounts: AccountService
    logins: LoginService
    sites: SiteService
    gateways: GatewayService
    devices: DeviceService
    work_orders: WorkOrderService
    alarms: AlarmService
    telemetry: TelemetryService
    telemetry_writer: TelemetryWriter
    ingest: IngestService
    previews: Previewing
    assets: AssetService
    absences: AbsenceService
    notifications: NotificationService
    dispatcher: Dispatcher
    files: FileService
    documents: DocumentService
    photos: PhotoService
    checklists: ChecklistService
    patrols: PatrolService
    jobs: JobService
    changes: Changes
    departments: DepartmentService
    calendars: CalendarService
    plans: PlanService
    sla: SlaService
    tasks: TaskService
    dispatch: DispatchService
    weighings: WeighingService
    waste: WasteService
    access: AccessService
    costs: CostService
    parts: PartService
    reliability: ReliabilityService
    tickers: Sequence[Ticker] = ()

    def now(self) -> datetime:
        """UTC."""
        return utc_now(self.clock)


def build(config: CloudConfig, clock: Clock) -> Services:
    """Build everything; opens nothing."""
    database = Database(config.database_url)
    users, sites = UserService(), SiteService()

    def is_unanswered(session: Session, alarm_id: int) -> bool:  # the alarms come after what tells of them
        return alarms.is_unanswered(session, alarm_id)

    absences = AbsenceService(users)
    told = config.notifications
    notifications = NotificationService(users, absences, told.base_url, is_unanswered, told.push_services)
    gateways, devices = GatewayService(), DeviceService()
    work_orders = WorkOrderService(notifications, timedelta(minutes=config.work_orders.recurrence_min))
    alarms = AlarmService(work_orders, notifications, config.alarms)
    work_orders.listen(alarms.follow_work_order)
    parts = PartService(work_orders, notifications)
    costs = CostService(work_orders, parts, config.costs.currency)
    work_orders.listen(costs.labour.follow)
    dispatcher = Dispatcher(notifications, senders(config.notifications), database, clock)
    store = _store(config)
    telemetry = TelemetryService(database, store, config.telemetry.journal_mb * 1_000_000)
    writer = TelemetryWriter(database, store, config.telemetry.raw_days)
    files = FileService()
    photos = PhotoService(files)
    assets = AssetService(sites, users, work_orders, photos)
    checklists = ChecklistService(work_orders, devices, assets, photos, telemetry.near)
    work_orders.guard(checklists.guard)
    patrols = PatrolService(alarms, work_orders, gateways, devices, users, photos, absences)
    weighings = WeighingService(read_scan)
    departments, calendars = DepartmentService(sites, users), CalendarService(sites)
    dispatch = DispatchService(work_orders, users, calendars, notifications, absences, alarms)
    plans = PlanService(
        work_orders,
        devices,
        sites,
        calendars,
        alarms,
        checklists.attach,
        dispatch.away,
    )
    work_orders.listen(plans.follow_work_order)
    sla = SlaService(work_orders, calendars, sites, Escalation(users, notifications, absences))
    work_orders.follow(sla.follow)
    calendars.ask(sla.calendar_uses)
    calendars.ask(dispatch.calendar_uses)
    waste = WasteService(sites, users, alarms, weighings, departments, devices)
    access = AccessService(gateways, devices, timedelta(days=config.access.log_days))
    consumers: list[EventConsumer] = [gateways, devices, patrols, weighings, access]
    ingest = IngestService(database, gateways, devices, alarms, telemetry, consumers)
    return Services(
        config=config,
        clock=clock,
        database=database,
        users=users,
        accounts=AccountService(users),
        logins=LoginService(database, users),
        sites=sites,
        gateways=gateways,
        devices=devices,
        work_orders=work_orders,
        alarms=alarms,
        telemetry=telemetry,
        telemetry_writer=writer,
        ingest=ingest,
        previews=Previewing(telemetry),
        assets=assets,
        absences=absences,
        notifications=notifications,
        dispatcher=dispatcher,
        files=files,
        documents=DocumentService(files),
        photos=photos,
        checklists=checklists,
        patrols=patrols,
        departments=departments,
        calendars=calendars,
        plans=plans,
        sla=sla,
        tasks=TaskService(work_orders, photos, costs.labour),
        dispatch=dispatch,
        weighings=weighings,
        waste=waste,
        access=access,
        costs=costs,
        parts=parts,
        reliability=ReliabilityService(plans),
        jobs=JobService(this_process()),
        changes=Changes(database),
        tickers=[
            sla,
            dispatch,
            notifications,
            patrols,
            weighings,
            waste,
            access,
            JournalWatch(telemetry, alarms, sites),
        ],
    )


def _store(config: CloudConfig) -> TelemetryStore:
    telemetry = config.telemetry
    if telemetry.store == "sqlite":
        return SqliteTelemetryStore(telemetry.path, retention(telemetry))
    return InfluxTelemetryStore(
        InfluxServer(telemetry.url, telemetry.database, telemetry.username, telemetry.password, telemetry.token),
        retention(telemetry),
    )


def retention(telemetry: Telemetry) -> Retention:
    """How long each level is kept."""
    windows = (telemetry.minute_days, telemetry.quarter_hour_days, telemetry.hour_days, telemetry.day_days)
    return Retention(telemetry.raw_days, dict(zip(LEVELS, windows, strict=True)))

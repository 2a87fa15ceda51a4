"""Medical waste: labels, the life of a bag, alarms, mass balance."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from sqlmodel import Session

from plantroom_cloud.alarms.reported import ReportedRule
from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.departments.models import Department
from plantroom_cloud.departments.service import DepartmentService
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.users.service import UserService
from plantroom_cloud.waste import chain, repository
from plantroom_cloud.waste.balance import BalanceRow, Passage, balance
from plantroom_cloud.waste.climates import Climates
from plantroom_cloud.waste.custody import Custody
from plantroom_cloud.waste.label import new_code, read_typed
from plantroom_cloud.waste.manifests import Manifests
from plantroom_cloud.waste.models import BagEntry, BagRecord, BagSignature, WasteBag, WasteRulesVersion
from plantroom_cloud.waste.pickups import Pickups
from plantroom_cloud.waste.rulebook import RuleBook
from plantroom_cloud.waste.rules import read_rules
from plantroom_cloud.waste.signing import Signing
from plantroom_cloud.weighings.models import Weighing
from plantroom_cloud.weighings.service import WeighingService
from plantroom_shared.said import said

MOST_LABELS = 500
#: How often the clocks of all bags are looked at.
LOOK_EVERY_S = 15.0

ALARMS = (
    ReportedRule(
        chain.WEIGHT_DIFFERS,
        "Weight of a bag differs",
        "high",
        "Something was taken out or put in on the way, two bags were exchanged, or a scale is wrong.",
        "Medical waste may have left the chain.",
        "Find the bag, weigh it again, compare label and content; explain the difference on the bag's page.",
    ),
    ReportedRule(
        chain.BAG_MISSING,
        "Bag is missing",
        "high",
        "It was not brought to the next stage, or it was not recorded there.",
        "Medical waste stands somewhere it should not.",
        "Look for it where it was last recorded and on the way; record it, or write it off with the reason.",
    ),
    ReportedRule(
        chain.STAY_WARNING,
        "Bag is long in store",
        "medium",
        "No carrier came.",
        "The limit of the store will be reached.",
        "Order the carrier; put the bag on the next manifest.",
    ),
    ReportedRule(
        chain.STAY_LIMIT,
        "Bag is too long in store",
        "critical",
        "No carrier came within the time that the law allows.",
        "The store breaks the law; infection risk.",
        "Have the bag fetched now; note the reason.",
    ),
    ReportedRule(
        chain.LABEL_REUSED,
        "Label used twice",
        "high",
        "A label was copied or put on a second bag, or a bag was carried back.",
        "Two bags have one history.",
        "Find both bags, give one a new label; explain it on the bag's page.",
    ),
    ReportedRule(
        chain.HANDOVER_INCOMPLETE,
        "Handover of a bag is incomplete",
        "medium",
        "A signature or a weighing was forgotten.",
        "The chain of custody has a gap.",
        "Let the missing person sign on the collection page, or record what is missing.",
        work_order=False,
    ),
    ReportedRule(
        chain.WARD_UNSERVED,
        "Ward without pickup",
        "medium",
        "The round left the ward out, or its bags were taken without being recorded.",
        "Medical waste piles up in the ward.",
        "Collect its bags. Where it makes no waste, say so in the waste rules, or close the department.",
    ),
)
ALARM_NAMES = {rule.key: rule.name for rule in ALARMS}


@dataclass(frozen=True)
class StageOfLife:
    """One stage of one bag."""

    record: BagRecord
    weighing: Weighing | None
    signatures: Sequence[BagSignature]
    missing: Sequence[str]


@dataclass(frozen=True)
class Life:
    """All that is known of a bag."""

    bag: WasteBag
    department: Department
    stages: dict[str, StageOfLife]
    entries: Sequence[BagEntry]
    weighings: Sequence[Weighing]


class WasteService:
    """Works in the session it is given."""

    def __init__(
        self,
        sites: SiteService,
        users: UserService,
        alarms: AlarmService,
        weighings: WeighingService,
        departments: DepartmentService,
        devices: DeviceService,
    ) -> None:
        for rule in ALARMS:
            alarms.declare(rule)
        self._sites = sites
        self._departments = departments
        self._weighings = weighings
        self.rules = RuleBook()
        self.signing = Signing(users)
        self.custody = Custody(self.rules, alarms, weighings)
        self.manifests = Manifests(self.rules, self.custody)
        self.climates = Climates(self.rules, alarms, devices)
        self.pickups = Pickups(self.rules, departments, alarms)
        weighings.follow(self.custody)
        self._looked_at: datetime | None = None

    def put_in_force(self, session: Session, document: Any, actor: str, at: datetime) -> WasteRulesVersion:
        """Other rules, with the alarm rules that they make; raises InvalidError with every mistake."""
        self.climates.watch(session, read_rules(document), at)
        return self.rules.replace(session, document, actor, at)

    def read_label(self, typed: str) -> str | None:
        """The bag code in what was scanned or typed."""
        return read_typed(typed)

    def tick(self, session: Session, at: datetime) -> None:
        """The clocks of all bags that are on their way, and of the wards."""
        if self._looked_at is not None and 0 <= (at - self._looked_at).total_seconds() < LOOK_EVERY_S:
            return
        self._looked_at = at
        for bag in repository.open_bags(session):
            self.custody.look(session, bag, at)
        self.pickups.look(session, at)

    def print_labels(
        self, session: Session, department_id: str, waste_type: str, count: int, actor: str, at: datetime
    ) -> Sequence[WasteBag]:
        """New labels, ready to be printed; raises InvalidError."""
        department, rules = self._departments.get(session, department_id), self.rules.current(session)
        if waste_type not in {item.key for item in rules.types}:
            known = ", ".join(item.key for item in rules.types)
            raise InvalidError(
                said("type %(waste_type)r is not known; there are: %(known)s", waste_type=waste_type, known=known)
            )
        if not department.active:
            raise InvalidError(said("department %(department)s is closed", department=department.name))
        if not 1 <= count <= MOST_LABELS:
            raise InvalidError(
                said("count: %(count)s is not possible; use 1 to %(most_labels)s", count=count, most_labels=MOST_LABELS)
            )
        bags: list[WasteBag] = []
        while len(bags) < count:
            code = new_code()
            if session.get(WasteBag, code) is not None:
                continue
            bag = WasteBag(
                code=code,
                site_id=department.site_id,
                department_id=department.id,
                type=waste_type,
                printed_at=at,
                printed_by=actor,
                stage_at=at,
            )
            session.add(bag)
            bags.append(bag)
        session.flush()
        for bag in bags:
            self.custody.tell(session, bag, at, actor, "label printed", "", at)
        return bags

    def bags(self, session: Session, **filters: object) -> Sequence[WasteBag]:
        """As `repository.bags`."""
        return repository.bags(session, **filters)  # type: ignore[arg-type]

    def half_done(self, session: Session, sites: Sequence[str] = ()) -> Sequence[WasteBag]:
        """Bags whose handover was begun and is not complete."""
        signed = next((stage for stage in self.rules.current(session).stages if stage.signers), None)
        return repository.half_done(session, sites, signed.key) if signed is not None else []

    def stock(self, session: Session, sites: Sequence[str] = ()) -> dict[str, tuple[int, float]]:
        """Bags and kilograms on their way, by stage."""
        return repository.count_by_stage(session, sites)

    def life(self, session: Session, code: str) -> Life:
        """All that is known of a bag; raises NotFoundError."""
        bag, rules = self.custody.bag(session, code), self.rules.current(session)
        records = repository.records(session, code)
        signatures = repository.signatures(session, [row.id for row in records if row.id is not None])
        stages = {}
        for record in records:
            mine = [item for item in signatures if item.record_id == record.id]
            weighing = self._weighings.get(session, record.weighing_id) if record.weighing_id is not None else None
            stage = rules.stage(record.stage)
            lacking = self.custody.missing(session, record, stage) if stage is not None else []
            stages[record.stage] = StageOfLife(record, weighing, mine, lacking)
        return Life(
            bag,
            self._departments.get(session, bag.department_id),
            stages,
            repository.entries(session, code),
            self._weighings.search(session, code=code),
        )

    def balance(
        self, session: Session, sites: Sequence[str], since: datetime, until: datetime, by: Sequence[str]
    ) -> list[BalanceRow]:
        """What went through each stage; a day is one of the site's own time zone. Raises InvalidError."""
        wrong = set(by) - {"day", "type", "department"}
        if wrong:
            raise InvalidError(said("by: %(wrong)s is not possible; use day, type, department", wrong=sorted(wrong)))
        zones = {site.id: ZoneInfo(site.timezone) for site in self._sites.list(session)}
        passages = [
            Passage(
                record.completed_at.astimezone(zones[bag.site_id]).date(),
                bag.type,
                bag.department_id,
                record.stage,
                record.kg if record.kg is not None else bag.kg,
            )
            for record, bag in repository.completed(session, sites, since, until)
            if record.completed_at is not None
        ]
        return balance(passages, by)

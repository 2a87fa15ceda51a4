"""The chain of custody: what is recorded of a bag, and where that puts it."""

from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.departments.models import Department
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import User
from plantroom_cloud.waste import chain, repository
from plantroom_cloud.waste.models import BagEntry, BagRecord, BagSignature, Manifest, WasteBag
from plantroom_cloud.waste.rulebook import RuleBook
from plantroom_cloud.waste.rules import SIGNATURE, Stage, WasteRules
from plantroom_cloud.weighings.models import Weighing
from plantroom_cloud.weighings.service import WeighingService
from plantroom_shared.said import said

SYSTEM = "system"
#: What a person ends by an explanation.
EXPLAINABLE = (chain.WEIGHT_DIFFERS, chain.LABEL_REUSED)


class Custody:
    """Works in the session it is given; each step leaves a line in the bag's life."""

    def __init__(self, rules: RuleBook, alarms: AlarmService, weighings: WeighingService) -> None:
        self._rules = rules
        self._alarms = alarms
        self._weighings = weighings

    def bag(self, session: Session, code: str) -> WasteBag:
        """Raises NotFoundError."""
        bag = session.get(WasteBag, code)
        if bag is None:
            raise NotFoundError(said("there is no bag %(code)r; check the label", code=code))
        return bag

    def weighed(self, session: Session, weighing: Weighing, code: str, at: datetime) -> None:
        """A weighing belongs to a label: to the stage of its station, if it can be that."""
        bag = session.get(WasteBag, code)
        if bag is None:
            weighing.note = said("no label %(code)s was ever printed here", code=code)
            return
        rules = self._rules.current(session)
        stage = rules.stage_at(weighing.station)
        told = said("%(kg)g kg at %(station)s", kg=weighing.kg, station=weighing.station)
        if weighing.note:
            told = said("%(told)s (%(note)s)", told=told, note=weighing.note)
        if stage is None:
            self.tell(
                session, bag, weighing.at, SYSTEM, "weighed", said("%(told)s; no stage has this station", told=told), at
            )
            return
        record = repository.record(session, code, stage.key)
        if record is not None and record.weighing_id is not None:
            first = self._weighings.get(session, record.weighing_id)
            if abs(weighing.at - first.at) <= timedelta(minutes=rules.repeat_within_min):
                self.tell(
                    session,
                    bag,
                    weighing.at,
                    SYSTEM,
                    "weighed again",
                    said("%(told)s; the first weight counts", told=told),
                    at,
                )
                return
            self._reused(
                session, bag, weighing, said("%(stage)s at %(at)s already", stage=stage.name.lower(), at=first.at), at
            )
            return
        if self._lies_behind(session, rules, bag, stage, weighing.at):
            self._reused(
                session,
                bag,
                weighing,
                said("the bag was %(stage_name)s before", stage_name=rules.stage_name(bag.stage).lower()),
                at,
            )
            return
        record = record or self._open(bag, stage, weighing.at)
        record.weighing_id, record.kg = weighing.id, weighing.kg
        record.opened_at = min(record.opened_at, weighing.at)
        session.add(record)
        told = said(
            "%(kg)g kg at %(station)s: %(stage)s", kg=weighing.kg, station=weighing.station, stage=stage.name.lower()
        )
        if weighing.note:
            told = said("%(told)s (%(note)s)", told=told, note=weighing.note)
        self.tell(session, bag, weighing.at, SYSTEM, "weighed", told, at)
        self.settle(session, bag, at)

    def unweighed(self, session: Session, weighing: Weighing, code: str, at: datetime) -> None:
        """The weighing was another label's, as a late event showed."""
        bag = session.get(WasteBag, code)
        assert weighing.id is not None
        record = repository.record_of_weighing(session, code, weighing.id) if bag is not None else None
        if bag is None or record is None:
            return
        record.weighing_id, record.kg = None, None
        session.add(record)
        self.tell(session, bag, weighing.at, SYSTEM, "weight taken back", weighing.note, at)
        self.settle(session, bag, at)

    def register(self, session: Session, code: str, stage_key: str, actor: str, at: datetime) -> WasteBag:
        """A person says that a bag reached a stage that needs nothing more than that; raises InvalidError,
        ConflictError."""
        bag, rules = self._open_bag(session, code), self._rules.current(session)
        stage = self._stage(rules, stage_key)
        if stage.requires:
            raise InvalidError(
                said(
                    "%(stage)s: needs %(requires)s; it cannot be said alone",
                    stage=stage.name,
                    requires=list(stage.requires),
                )
            )
        if repository.record(session, code, stage.key) is not None:
            raise ConflictError(said("bag %(code)s is %(stage)s already", code=code, stage=stage.name.lower()))
        self._may_follow(rules, bag, stage)
        session.add(self._open(bag, stage, at))
        self.tell(session, bag, at, actor, stage.name.lower(), "", at)
        self.settle(session, bag, at)
        return bag

    def sign(
        self, session: Session, code: str, stage_key: str, role: str, signer: User, method: str, at: datetime
    ) -> WasteBag:
        """One of the signatures of a handover; two people never are one. Raises InvalidError, ConflictError."""
        bag, rules = self._open_bag(session, code), self._rules.current(session)
        stage = self._stage(rules, stage_key)
        if role not in stage.signers:
            known = ", ".join(stage.signers) or "none"
            raise InvalidError(
                said(
                    "%(stage)s: nobody signs as %(role)r; roles are: %(known)s",
                    stage=stage.name,
                    role=role,
                    known=known,
                )
            )
        wanted = next(item for item in rules.roles if item.key == role)
        department = session.get(Department, bag.department_id)
        if wanted.of_department and department is not None and department.staff and signer.name not in department.staff:
            raise InvalidError(
                said(
                    "%(signer)s is not of %(department)s; %(wanted)s signs for it",
                    signer=signer.name,
                    department=department.name,
                    wanted=wanted.name.lower(),
                )
            )
        record = repository.record(session, code, stage.key)
        if record is None:
            self._may_follow(rules, bag, stage)
            record = self._open(bag, stage, at)
            session.add(record)
            session.flush()
        assert record.id is not None
        for signature in repository.signatures(session, [record.id]):
            if signature.role == role:
                raise ConflictError(
                    said("%(user)s signed as %(wanted)s already", user=signature.user, wanted=wanted.name.lower())
                )
            if signature.user == signer.name:
                raise ConflictError(
                    said(
                        "%(signer)s signed as %(role)s already; a handover has two people",
                        signer=signer.name,
                        role=signature.role,
                    )
                )
        session.add(BagSignature(record_id=record.id, role=role, user=signer.name, method=method, at=at))
        session.flush()
        self.tell(
            session,
            bag,
            at,
            signer.name,
            "signed",
            said(
                "%(stage)s, signed as %(role)s (%(method)s)",
                stage=stage.name.lower(),
                role=wanted.name.lower(),
                method=method,
            ),
            at,
        )
        self.settle(session, bag, at)
        return bag

    def explain(self, session: Session, code: str, reason: str, actor: str, at: datetime) -> WasteBag:
        """Why a weight differs or a label came twice: ends these alarms. Raises InvalidError, ConflictError."""
        bag = self.bag(session, code)
        if not reason.strip():
            raise InvalidError("reason: say why")
        if not set(bag.alarms) & set(EXPLAINABLE):
            raise ConflictError(said("there is nothing to explain about bag %(code)s", code=code))
        rules = self._rules.current(session)
        for record in repository.records(session, code):
            stage = rules.stage(record.stage)
            if stage is not None and stage.tolerance is not None and record.kg is not None:
                record.explained = record.explained or reason
                session.add(record)
        if chain.LABEL_REUSED in bag.alarms:
            self._report(session, bag, chain.Finding(chain.LABEL_REUSED, at, ""), False, at)
        self.tell(session, bag, at, actor, "explained", reason, at)
        self.settle(session, bag, at)
        return bag

    def write_off(self, session: Session, code: str, reason: str, actor: str, at: datetime) -> WasteBag:
        """The label was spoilt, or the bag is lost for good; raises InvalidError, ConflictError."""
        bag = self._open_bag(session, code)
        if not reason.strip():
            raise InvalidError("reason: say why it is written off")
        bag.void_reason, bag.closed = reason, True
        self.tell(session, bag, at, actor, "written off", reason, at)
        self.settle(session, bag, at)
        return bag

    def put_on_manifest(
        self,
        session: Session,
        bag: WasteBag,
        stage: Stage,
        manifest: Manifest,
        certificate: str,
        actor: str,
        at: datetime,
    ) -> None:
        """The manifest was shipped, or its load was destroyed."""
        record = repository.record(session, bag.code, stage.key) or self._open(bag, stage, at)
        record.manifest_id, record.certificate = manifest.id, certificate
        session.add(record)
        note = said("on manifest %(number)s", number=manifest.number)
        if certificate:
            note = said(
                "on manifest %(number)s, certificate %(certificate)s", number=manifest.number, certificate=certificate
            )
        self.tell(session, bag, at, actor, stage.name.lower(), note, at)
        self.settle(session, bag, at)

    def settle(self, session: Session, bag: WasteBag, at: datetime) -> None:
        """Where the bag is now, and which alarms hold."""
        session.flush()
        rules = self._rules.current(session)
        records = repository.records(session, bag.code)
        known = self._known(session, records)
        for record, item in zip(records, known, strict=True):
            stage = rules.stage(record.stage)
            record.completed_at = chain.completed_at(stage, item) if stage is not None else record.completed_at
            session.add(record)
        weights = [
            item.kg for item in sorted(known, key=lambda item: rules.position(item.stage)) if item.kg is not None
        ]
        bag.kg = weights[-1] if weights else None
        here = chain.position(rules, known)
        bag.stage, bag.stage_at = here if here is not None else ("issued", bag.printed_at)
        bag.closed = bool(bag.void_reason) or bag.stage == rules.stages[-1].key
        found = {} if bag.void_reason else {item.key: item for item in chain.findings(rules, known, at)}
        if bag.closed:  # where it went is known; that a weight differed stays a question
            found = {key: item for key, item in found.items() if key in (*EXPLAINABLE, chain.HANDOVER_INCOMPLETE)}
        for key in {*bag.alarms, *found} - {chain.LABEL_REUSED}:
            if (key in found) != (key in bag.alarms):
                self._report(session, bag, found.get(key) or chain.Finding(key, at, ""), key in found, at)
        session.add(bag)
        record_change(session, "bag", bag.code, at)

    def look(self, session: Session, bag: WasteBag, at: datetime) -> None:
        """Whether one of its clocks ran out; writes only when an alarm comes or goes."""
        rules = self._rules.current(session)
        stage = rules.stage(bag.stage)
        limits = [stay.over_h for stay in stage.stays] if stage is not None else []
        limits += [stage.next_within_h] if stage is not None and stage.next_within_h is not None else []
        if not any(at - bag.stage_at >= timedelta(hours=limit) for limit in limits):
            return
        known = self._known(session, repository.records(session, bag.code))
        if {item.key for item in chain.findings(rules, known, at)} != {*bag.alarms} - {chain.LABEL_REUSED}:
            self.settle(session, bag, at)

    def missing(self, session: Session, record: BagRecord, stage: Stage) -> list[str]:
        """What a stage of a bag still lacks."""
        return chain.missing(stage, self._known(session, [record])[0])

    def tell(
        self, session: Session, bag: WasteBag, moment: datetime, actor: str, action: str, note: str, at: datetime
    ) -> None:
        """One line of its life."""
        session.add(BagEntry(bag_code=bag.code, at=moment, recorded_at=at, actor=actor, action=action, note=note))

    def _known(self, session: Session, records: list[BagRecord]) -> list[chain.Known]:
        signatures = repository.signatures(session, [record.id for record in records if record.id is not None])
        known = []
        for record in records:
            moments = {SIGNATURE + item.role: item.at for item in signatures if item.record_id == record.id}
            if record.weighing_id is not None:
                moments["weight"] = self._weighings.get(session, record.weighing_id).at
            manifest = session.get(Manifest, record.manifest_id) if record.manifest_id is not None else None
            if manifest is not None and manifest.shipped_at is not None:
                moments["manifest"] = manifest.shipped_at
            if record.certificate:
                moments["certificate"] = record.opened_at
            known.append(chain.Known(record.stage, record.opened_at, record.kg, moments, bool(record.explained)))
        return known

    def _reused(self, session: Session, bag: WasteBag, weighing: Weighing, why: str, at: datetime) -> None:
        detail = said(
            "label %(code)s was used again: %(kg)g kg at %(station)s; %(why)s",
            code=bag.code,
            kg=weighing.kg,
            station=weighing.station,
            why=why,
        )
        weighing.note = "label used twice: " + why
        session.add(weighing)
        self.tell(session, bag, weighing.at, SYSTEM, "label used twice", detail, at)
        if chain.LABEL_REUSED not in bag.alarms:
            found = chain.Finding(chain.LABEL_REUSED, weighing.at, detail, weighing.kg, None, "kg")
            self._report(session, bag, found, True, at)
        session.add(bag)
        record_change(session, "bag", bag.code, at)

    def _report(self, session: Session, bag: WasteBag, found: chain.Finding, active: bool, at: datetime) -> None:
        self._alarms.report(
            session,
            found.key,
            f"bag:{bag.code}",
            active,
            found.since,
            at,
            site_id=bag.site_id,
            called=self._called(session, bag),
            detail=said("Bag %(code)s: %(detail)s", code=bag.code, detail=found.detail),
            value=found.value,
            limit=found.limit,
            unit=found.unit,
        )
        others = [key for key in bag.alarms if key != found.key]
        bag.alarms = [*others, found.key] if active else others

    def _called(self, session: Session, bag: WasteBag) -> str:
        """Where it comes from tells a person more than its code alone."""
        department = session.get(Department, bag.department_id)
        return f"{bag.code} · {department.name}" if department is not None else bag.code

    def _lies_behind(self, session: Session, rules: WasteRules, bag: WasteBag, stage: Stage, moment: datetime) -> bool:
        """A later stage is recorded at an earlier time; a weighing that only came late fills in what was missing."""
        if bag.void_reason:
            return True
        later = [
            item.opened_at
            for item in repository.records(session, bag.code)
            if rules.position(item.stage) > rules.position(stage.key)
        ]
        return bool(later) and min(later) < moment

    def _may_follow(self, rules: WasteRules, bag: WasteBag, stage: Stage) -> None:
        if stage.follows and bag.stage not in stage.follows:
            allowed = " or ".join(rules.stage_name(key).lower() for key in stage.follows)
            now = rules.stage_name(bag.stage).lower()
            raise ConflictError(
                said(
                    "bag %(code)s is %(now)s; %(stage)s comes after %(allowed)s",
                    code=bag.code,
                    now=now,
                    stage=stage.name.lower(),
                    allowed=allowed,
                )
            )
        if not stage.follows and rules.position(bag.stage) >= rules.position(stage.key):
            raise ConflictError(
                said(
                    "bag %(code)s is %(stage_name)s already",
                    code=bag.code,
                    stage_name=rules.stage_name(bag.stage).lower(),
                )
            )

    def _open(self, bag: WasteBag, stage: Stage, moment: datetime) -> BagRecord:
        return BagRecord(bag_code=bag.code, stage=stage.key, opened_at=moment)

    def _open_bag(self, session: Session, code: str) -> WasteBag:
        bag = self.bag(session, code)
        if bag.closed:
            raise ConflictError(
                said("bag %(code)s is closed: %(void_reason)s", code=code, void_reason=bag.void_reason or bag.stage)
            )
        return bag

    def _stage(self, rules: WasteRules, key: str) -> Stage:
        stage = rules.stage(key)
        if stage is None:
            raise InvalidError(
                said(
                    "there is no stage %(key)r; there are: %(key2)s", key=key, key2=[item.key for item in rules.stages]
                )
            )
        return stage

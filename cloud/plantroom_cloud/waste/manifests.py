"""Manifests: bags that leave the house together."""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from sqlmodel import Session

from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.waste import repository
from plantroom_cloud.waste.custody import Custody
from plantroom_cloud.waste.models import Manifest, WasteBag
from plantroom_cloud.waste.rulebook import RuleBook
from plantroom_cloud.waste.rules import Stage, WasteRules
from plantroom_shared.said import said


class Manifests:
    """Works in the session it is given."""

    def __init__(self, rules: RuleBook, custody: Custody) -> None:
        self._rules = rules
        self._custody = custody

    def get(self, session: Session, manifest_id: int) -> Manifest:
        """Raises NotFoundError."""
        manifest = session.get(Manifest, manifest_id)
        if manifest is None:
            raise NotFoundError(said("there is no manifest %(manifest_id)s", manifest_id=manifest_id))
        return manifest

    def list(
        self, session: Session, sites: Sequence[str], before_id: int | None = None, limit: int = 100
    ) -> Sequence[Manifest]:
        """Newest first."""
        return repository.manifests(session, sites, before_id, limit)

    def bags(self, session: Session, manifest_id: int) -> Sequence[WasteBag]:
        """Its load."""
        return repository.bags(session, manifest_id=manifest_id, limit=10_000)

    def ready(self, session: Session, site_id: str) -> Sequence[WasteBag]:
        """Bags of a site that can go on one, the oldest first."""
        stage = self._shipping(self._rules.current(session))
        found = [
            bag
            for key in stage.follows
            for bag in repository.bags(session, sites=[site_id], stage=key, open_only=True, limit=10_000)
            if bag.manifest_id is None
        ]
        return sorted(found, key=lambda bag: bag.stage_at)

    def make(
        self,
        session: Session,
        site_id: str,
        carrier: str,
        vehicle: str,
        destination: str,
        codes: Sequence[str],
        actor: str,
        at: datetime,
    ) -> Manifest:
        """A draft with these bags; raises InvalidError, ConflictError."""
        if not carrier.strip():
            raise InvalidError("carrier: say who takes the bags")
        if not codes:
            raise InvalidError("bags: choose at least one")
        ready = {bag.code: bag for bag in self.ready(session, site_id)}
        wrong = [code for code in codes if code not in ready]
        if wrong:
            raise ConflictError(said("not in store, or on another manifest: %(wrong)s", wrong=list(wrong)))
        day = f"{site_id}-{at:%Y%m%d}-"
        number = f"{day}{repository.manifests_numbered(session, day) + 1}"
        manifest = Manifest(
            number=number,
            site_id=site_id,
            carrier=carrier.strip(),
            vehicle=vehicle.strip(),
            destination=destination.strip(),
            created_at=at,
            created_by=actor,
        )
        session.add(manifest)
        session.flush()
        for code in dict.fromkeys(codes):
            ready[code].manifest_id = manifest.id
            session.add(ready[code])
            self._custody.tell(session, ready[code], at, actor, "on manifest", number, at)
        self._total(session, manifest)
        record_change(session, "manifest", str(manifest.id), at)
        return manifest

    def ship(self, session: Session, manifest_id: int, carrier_signature: str, actor: str, at: datetime) -> Manifest:
        """The carrier took the load over; raises InvalidError, ConflictError."""
        manifest = self.get(session, manifest_id)
        if manifest.state != "draft":
            raise ConflictError(
                said(
                    "manifest %(number)s is %(state)s; only a draft can be shipped",
                    number=manifest.number,
                    state=manifest.state,
                )
            )
        if not carrier_signature.strip():
            raise InvalidError("carrier_signature: say who took over for the carrier")
        stage = self._shipping(self._rules.current(session))
        manifest.state, manifest.shipped_at, manifest.shipped_by = "shipped", at, actor
        manifest.carrier_signature = carrier_signature.strip()
        session.add(manifest)
        session.flush()
        for bag in self.bags(session, manifest_id):
            self._custody.put_on_manifest(session, bag, stage, manifest, "", actor, at)
        self._total(session, manifest)
        record_change(session, "manifest", str(manifest.id), at)
        return manifest

    def destroy(self, session: Session, manifest_id: int, certificate: str, actor: str, at: datetime) -> Manifest:
        """The load was destroyed; raises InvalidError, ConflictError."""
        manifest, rules = self.get(session, manifest_id), self._rules.current(session)
        if manifest.state != "shipped":
            raise ConflictError(
                said("manifest %(number)s is %(state)s; ship it first", number=manifest.number, state=manifest.state)
            )
        stage = next((item for item in rules.stages if self._shipping(rules).key in item.follows), None)
        if stage is None:
            raise ConflictError("the rules have no stage after shipping")
        if "certificate" in stage.requires and not certificate.strip():
            raise InvalidError(said("certificate: %(stage)s needs one", stage=stage.name.lower()))
        manifest.state, manifest.destroyed_at, manifest.destroyed_by = "destroyed", at, actor
        manifest.certificate = certificate.strip()
        session.add(manifest)
        for bag in self.bags(session, manifest_id):
            self._custody.put_on_manifest(session, bag, stage, manifest, manifest.certificate, actor, at)
        record_change(session, "manifest", str(manifest.id), at)
        return manifest

    def discard(self, session: Session, manifest_id: int, actor: str, at: datetime) -> None:
        """A draft that comes to nothing; its bags are free again. Raises ConflictError."""
        manifest = self.get(session, manifest_id)
        if manifest.state != "draft":
            raise ConflictError(
                said(
                    "manifest %(number)s is %(state)s; only a draft can be discarded",
                    number=manifest.number,
                    state=manifest.state,
                )
            )
        for bag in self.bags(session, manifest_id):
            bag.manifest_id = None
            session.add(bag)
            self._custody.tell(session, bag, at, actor, "off manifest", manifest.number, at)
        manifest.state = "discarded"
        session.add(manifest)
        record_change(session, "manifest", str(manifest.id), at)

    def _shipping(self, rules: WasteRules) -> Stage:
        stages = rules.with_record("manifest")
        if not stages:
            raise ConflictError("the rules have no stage that requires a manifest")
        return stages[0]

    def _total(self, session: Session, manifest: Manifest) -> None:
        assert manifest.id is not None
        by_type: dict[str, float] = defaultdict(float)
        bags = self.bags(session, manifest.id)
        for bag in bags:
            by_type[bag.type] += bag.kg or 0.0
        manifest.bags = len(bags)
        manifest.kg_by_type = {key: round(kg, 3) for key, kg in by_type.items()}
        manifest.kg = round(sum(by_type.values()), 3)
        session.add(manifest)

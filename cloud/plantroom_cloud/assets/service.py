"""Assets: the tree, the ledger, what measures what, and requests by the label on the wall."""

import secrets
from collections.abc import Collection, Sequence
from datetime import datetime, timedelta

from sqlmodel import Session

from plantroom_cloud.assets import repository, signature
from plantroom_cloud.assets.models import (
    MOST_CHARACTERS,
    Asset,
    AssetDevice,
    AssetKey,
    AssetKind,
    RequestCount,
)
from plantroom_cloud.assets.table import CRITICALITIES, Row, check_rows
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError, TooManyRequestsError
from plantroom_cloud.files.content import plain_name
from plantroom_cloud.photos.service import PhotoService
from plantroom_cloud.sites.service import SiteService
from plantroom_cloud.stream.service import record_change
from plantroom_cloud.users.models import User
from plantroom_cloud.users.service import UserService
from plantroom_cloud.workorders.models import WorkOrder
from plantroom_cloud.workorders.service import WorkOrderService
from plantroom_shared.said import said

#: Requests by one label, and from one address, in an hour.
MOST_BY_LABEL, MOST_BY_ADDRESS = 20, 10
_LEVELS = list(AssetKind)


class AssetService:
    """Works in the session it is given."""

    def __init__(
        self, sites: SiteService, users: UserService, work_orders: WorkOrderService, photos: PhotoService
    ) -> None:
        self._sites = sites
        self._users = users
        self._work_orders = work_orders
        self._photos = photos

    def get(self, session: Session, asset_id: int) -> Asset:
        """Raises NotFoundError."""
        asset = session.get(Asset, asset_id)
        if asset is None:
            raise NotFoundError(said("there is no asset %(asset_id)s", asset_id=asset_id))
        return asset

    def of_ids(self, session: Session, asset_ids: Collection[int]) -> dict[int, Asset]:
        """Those of these ids that there are."""
        return repository.by_ids(session, asset_ids)

    def list(self, session: Session, sites: Sequence[str] = (), *, retired: bool = False) -> Sequence[Asset]:
        """By code."""
        return repository.assets(session, sites, retired=retired)

    def tree(self, session: Session, sites: Sequence[str] = ()) -> Sequence[tuple[int, Asset]]:
        """(depth, asset), each below its parent; what has no visible parent stands at the top."""
        below: dict[int | None, list[Asset]] = {}
        found = repository.assets(session, sites)
        ids = {asset.id for asset in found}
        for asset in found:
            below.setdefault(asset.parent_id if asset.parent_id in ids else None, []).append(asset)
        ordered: list[tuple[int, Asset]] = []
        waiting = [(0, asset) for asset in reversed(below.get(None, []))]
        while waiting:
            depth, asset = waiting.pop()
            ordered.append((depth, asset))
            waiting += [(depth + 1, child) for child in reversed(below.get(asset.id, []))]
        return ordered

    def path(self, session: Session, asset: Asset) -> Sequence[Asset]:
        """From the top down to it."""
        found = [asset]
        while found[0].parent_id is not None and len(found) < 50:
            found.insert(0, self.get(session, found[0].parent_id))
        return found

    def below(self, session: Session, asset: Asset) -> Sequence[int]:
        """Ids of it and of all below it."""
        assert asset.id is not None
        found, index = [asset.id], 0
        while index < len(found):
            found += [child.id for child in repository.children(session, found[index]) if child.id is not None]
            index += 1
        return found

    def save(self, session: Session, asset: Asset, at: datetime) -> Asset:
        """A new or changed one; raises InvalidError, ConflictError."""
        if not asset.code.strip() or not asset.name.strip():
            raise InvalidError("code and name: say both, the code short and unique, for example PMP-001")
        if asset.criticality not in CRITICALITIES:
            raise InvalidError(
                said(
                    "criticality %(criticality)r: use %(criticalities)s",
                    criticality=asset.criticality,
                    criticalities=list(CRITICALITIES),
                )
            )
        for field, most in MOST_CHARACTERS.items():
            if len(getattr(asset, field)) > most:
                raise InvalidError(said("%(field)s: at most %(most)s characters", field=field, most=most))
        with session.no_autoflush:
            self._sites.get(session, asset.site_id)
            known = repository.by_code(session, asset.code)
            if known is not None and known.id != asset.id:
                raise ConflictError(said("code %(code)r is %(known)s's already", code=asset.code, known=known.name))
            if asset.parent_id is not None:
                parent = self.get(session, asset.parent_id)
                if asset.id is not None and asset.id in [above.id for above in self.path(session, parent)]:
                    raise InvalidError(
                        said("parent: %(code)s lies below %(code2)s itself", code=parent.code, code2=asset.code)
                    )
                if _LEVELS.index(parent.kind) > _LEVELS.index(asset.kind):
                    raise InvalidError(
                        said(
                            "parent: a %(kind)s does not stand in a %(kind2)s",
                            kind=asset.kind.value,
                            kind2=parent.kind.value,
                        )
                    )
        session.add(asset)
        session.flush()
        record_change(session, "asset", str(asset.id), at)
        return asset

    def retire(self, session: Session, asset: Asset, at: datetime) -> None:
        """It is gone; its history stays. Raises ConflictError while something in use stands in it."""
        assert asset.id is not None
        if any(child.retired_at is None for child in repository.children(session, asset.id)):
            raise ConflictError(
                said("%(code)s still has assets in use below it; retire or move them first", code=asset.code)
            )
        for binding in repository.bindings(session, [asset.id]):
            if binding.until is None:
                binding.until = at
                session.add(binding)
        asset.retired_at = at
        session.add(asset)
        record_change(session, "asset", str(asset.id), at)

    def bind(self, session: Session, asset: Asset, device_id: str, actor: str, at: datetime) -> AssetDevice:
        """From now on the device measures this asset; what it measured before ends here."""
        assert asset.id is not None
        before = repository.bound(session, device_id)
        if before is not None and before.asset_id == asset.id:
            return before
        if before is not None:
            before.until = at
            session.add(before)
        binding = AssetDevice(asset_id=asset.id, device_id=device_id, since=at, by=actor)
        session.add(binding)
        session.flush()
        record_change(session, "asset", str(asset.id), at)
        return binding

    def unbind(self, session: Session, asset: Asset, device_id: str, at: datetime) -> None:
        """It measures nothing any more; raises NotFoundError."""
        binding = repository.bound(session, device_id)
        if binding is None or binding.asset_id != asset.id:
            raise NotFoundError(
                said("device %(device_id)r does not measure %(code)s", device_id=device_id, code=asset.code)
            )
        binding.until = at
        session.add(binding)

    def bindings(self, session: Session, asset_ids: Collection[int]) -> Sequence[AssetDevice]:
        """With history, newest first."""
        return repository.bindings(session, asset_ids)

    def of_device(self, session: Session, device_id: str) -> Asset | None:
        """What the device measures now."""
        binding = repository.bound(session, device_id)
        return session.get(Asset, binding.asset_id) if binding is not None else None

    def take_in(
        self, session: Session, rows: Sequence[Row], sites: Sequence[str], at: datetime, *, dry_run: bool
    ) -> tuple[int, int, Sequence[tuple[int, str]]]:
        """A table: how many are new, how many changed, and every mistake by line. With one mistake, or as a dry run,
        nothing is changed."""
        known = {asset.code: asset for asset in repository.assets(session, (), retired=True)}
        may = [site.id for site in self._sites.list(session) if not sites or site.id in sites]
        mistakes = check_rows(rows, known, may, [team.id for team in self._users.teams(session)])
        foreign = [
            (row.number, said("code %(cells)r belongs to a site that you do not see", cells=row.cells["code"]))
            for row in rows
            if (asset := known.get(row.cells["code"])) is not None and sites and asset.site_id not in sites
        ]
        new = sum(row.cells["code"] not in known for row in rows)
        if mistakes or foreign or dry_run:
            return new, len(rows) - new, sorted(mistakes + foreign)
        for row in rows:
            asset = known.get(row.cells["code"]) or Asset(
                code=row.cells["code"], name="", kind=AssetKind.EQUIPMENT, site_id="", created_at=at
            )
            _fill(asset, row)
            session.add(asset)
            known[asset.code] = asset
        session.flush()
        for row in rows:
            parent = known.get(row.cells["parent"])
            known[row.cells["code"]].parent_id = parent.id if parent is not None else None
        record_change(session, "asset", "table", at)
        return new, len(rows) - new, []

    def row(self, session: Session, asset: Asset) -> Sequence[str]:
        """As the table has it."""
        parent = session.get(Asset, asset.parent_id) if asset.parent_id is not None else None
        return [
            asset.code,
            asset.name,
            asset.kind.value,
            asset.site_id,
            parent.code if parent is not None else "",
            asset.equipment_class,
            asset.maker,
            asset.model,
            asset.serial,
            asset.criticality,
            asset.installed_on.isoformat() if asset.installed_on else "",
            asset.warranty_until.isoformat() if asset.warranty_until else "",
            asset.team_id or "",
            asset.notes,
        ]

    def label(self, session: Session, asset: Asset) -> str:
        """What its QR code carries: the end of the link."""
        assert asset.id is not None
        return signature.sign(self._secret(session), "A", asset.id)

    def labels(self, session: Session, assets: Sequence[Asset]) -> Sequence[str]:
        """The same of several, in order."""
        secret = self._secret(session)
        return [signature.sign(secret, "A", asset.id) for asset in assets if asset.id is not None]

    def by_label(self, session: Session, text: str) -> Asset:
        """Raises NotFoundError for what is not ours, or retired."""
        number = signature.read(self._secret(session), "A", text)
        asset = session.get(Asset, number) if number is not None else None
        if asset is None or asset.retired_at is not None:
            raise NotFoundError("this label is not known; ask at the reception")
        return asset

    def request(
        self, session: Session, asset: Asset, what: str, contact: str, photo: bytes, address: str, at: datetime
    ) -> str:
        """Somebody of the house reports something: a request for the dispatcher; the end of the link to follow it.
        Raises InvalidError, TooManyRequestsError."""
        what, contact = what.strip(), contact.strip()
        if not what or not contact:
            raise InvalidError("say what is wrong, and how we can reach you")
        self._count(session, f"label:{asset.id}", MOST_BY_LABEL, at)
        self._count(session, f"address:{address}", MOST_BY_ADDRESS, at)
        order = self._ask(session, asset.site_id, asset, what, contact, photo, "requester", at)
        return self.follow_link(session, order)

    def request_of(
        self, session: Session, user: User, site_id: str, asset: Asset | None, what: str, photo: bytes, at: datetime
    ) -> WorkOrder:
        """Somebody with a login reports something, on an asset or anywhere at a site. Raises InvalidError,
        TooManyRequestsError."""
        what = what.strip()
        if not what:
            raise InvalidError("what: say what is wrong")
        self._count(session, f"user:{user.name}", MOST_BY_LABEL, at)
        contact = ", ".join(text for text in (user.display_name or user.name, user.email) if text)
        return self._ask(session, site_id, asset, what, contact, photo, user.name, at)

    def follow_link(self, session: Session, order: WorkOrder) -> str:
        """The end of the link by which a request is followed."""
        assert order.id is not None
        return signature.sign(self._secret(session), "R", order.id)

    def followed(self, session: Session, text: str) -> WorkOrder:
        """The request behind a follow-up link; raises NotFoundError."""
        number = signature.read(self._secret(session), "R", text)
        if number is None:
            raise NotFoundError("this link is not known")
        return self._work_orders.get(session, number)

    def _ask(
        self,
        session: Session,
        site_id: str,
        asset: Asset | None,
        what: str,
        contact: str,
        photo: bytes,
        actor: str,
        at: datetime,
    ) -> WorkOrder:
        stored = self._photos.store(session, photo, actor, at) if photo else None
        order = self._work_orders.create(
            session,
            what.splitlines()[0][:120],
            what[:2000],
            site_id,
            None,
            "medium",
            asset.team_id if asset else None,
            actor,
            at,
            asset_id=asset.id if asset else None,
            requester=contact[:200],
        )
        assert order.id is not None
        if stored is not None:
            self._work_orders.add_file(session, order.id, stored.id, plain_name("", stored.media_type), actor, at)
        return order

    def _count(self, session: Session, source: str, most: int, at: datetime) -> None:
        hour = at.replace(minute=0, second=0, microsecond=0)
        repository.forget_counts(session, hour - timedelta(hours=1))
        row = session.get(RequestCount, (source, hour)) or RequestCount(source=source, hour=hour)
        if row.count >= most:
            wait = int((hour + timedelta(hours=1) - at).total_seconds())
            raise TooManyRequestsError("too many requests came from here; please call instead", wait)
        row.count += 1
        session.add(row)

    def _secret(self, session: Session) -> str:
        key = session.get(AssetKey, 1)
        if key is None:
            key = AssetKey(secret=secrets.token_urlsafe(32))
            session.add(key)
            session.flush()
        return key.secret


def _fill(asset: Asset, row: Row) -> None:
    cells = row.cells
    asset.name, asset.kind, asset.site_id = cells["name"], AssetKind(cells["kind"]), cells["site"]
    asset.equipment_class, asset.maker, asset.model = cells["class"], cells["maker"], cells["model"]
    asset.serial, asset.notes = cells["serial"], cells["notes"]
    asset.criticality = cells["criticality"] or "medium"
    asset.installed_on, asset.warranty_until = row.date_of("installed"), row.date_of("warranty")
    asset.team_id = cells["team"] or None

"""Points and their keys: made, rotated, revoked, and told to the gateways that must judge codes on their own."""

import hashlib
import secrets
from collections.abc import Sequence
from datetime import datetime
from itertools import groupby
from typing import Any

import msgspec
from sqlmodel import Session

from plantroom_cloud.devices.models import Device
from plantroom_cloud.devices.service import DeviceService
from plantroom_cloud.errors import ConflictError, InvalidError, NotFoundError
from plantroom_cloud.gateways.service import GatewayService
from plantroom_cloud.patrols import repository
from plantroom_cloud.patrols.models import CodeKind, PatrolKey, PatrolPoint
from plantroom_cloud.sites.models import Site
from plantroom_cloud.stream.service import record_change
from plantroom_shared.patrol_code import (
    AUTHORITY,
    PatrolPoints,
    PointKey,
    PointKeys,
    check_key,
    check_point,
    named_point,
    new_key,
    rotating_code,
    static_code,
    window_at,
)
from plantroom_shared.said import said

#: Older ones are forgotten at the gateways: their codes are then told as forged.
KEYS_TOLD = 8
#: A display asks ahead, so that it bridges a short loss of the network.
WINDOWS_AHEAD = 10


class PointBook:
    """Works in the session it is given."""

    def __init__(self, gateways: GatewayService, devices: DeviceService) -> None:
        self._gateways = gateways
        self._devices = devices

    def get(self, session: Session, point_id: str) -> PatrolPoint:
        """Raises NotFoundError."""
        point = session.get(PatrolPoint, point_id)
        if point is None:
            raise NotFoundError(said("there is no patrol point %(point_id)r", point_id=point_id))
        return point

    def all(self, session: Session, sites: Sequence[str] = (), retired: bool = False) -> list[PatrolPoint]:
        """By id."""
        return repository.points(session, sites, retired)

    def add(
        self,
        session: Session,
        point_id: str,
        site_id: str,
        name: str,
        code_kind: CodeKind,
        actor: str,
        at: datetime,
        *,
        location: str = "",
        device_id: str | None = None,
        instructions: str = "",
        key: str | None = None,
    ) -> PatrolPoint:
        """A new point with its first key, or with one brought from where its labels were made."""
        check_point(point_id)
        if session.get(PatrolPoint, point_id) is not None:
            raise ConflictError(
                said("there is a patrol point %(point_id)r already; ids are unique over all sites", point_id=point_id)
            )
        if session.get(Site, site_id) is None:
            raise InvalidError(said("site_id: there is no site %(site_id)r", site_id=site_id))
        self._check(session, site_id, name, device_id)
        point = PatrolPoint(
            id=point_id,
            site_id=site_id,
            name=name.strip(),
            location=location.strip(),
            device_id=device_id,
            code_kind=code_kind,
            instructions=instructions.strip(),
            created_at=at,
        )
        session.add(point)
        session.flush()
        self._new_key(session, point, check_key(key) if key else new_key(), actor, at)
        self._changed(session, point, actor, at)
        return point

    def change(self, session: Session, point_id: str, fields: dict[str, Any], actor: str, at: datetime) -> PatrolPoint:
        """Name, location, device, instructions, code kind; another code kind gets another key: old labels end."""
        point = self.get(session, point_id)
        self._check(session, point.site_id, fields.get("name", point.name), fields.get("device_id", point.device_id))
        kind = CodeKind(fields.pop("code_kind", point.code_kind))
        for name, value in fields.items():
            setattr(point, name, value)
        if kind is not point.code_kind:
            point.code_kind = kind
            self.rotate(session, point_id, said("changed to a %(kind)s code", kind=kind.value), True, actor, at)
        self._changed(session, point, actor, at)
        return point

    def rotate(self, session: Session, point_id: str, reason: str, revoke: bool, actor: str, at: datetime) -> PatrolKey:
        """A new key; with `revoke` codes of the older ones stop to count at once, else both count until then."""
        point = self.get(session, point_id)
        if point.retired_at is not None:
            raise ConflictError(said("point %(point_id)r is retired", point_id=point_id))
        if revoke:
            self._revoke_all(session, point, reason, actor, at)
        made = self._new_key(session, point, new_key(), actor, at)
        self._changed(session, point, actor, at)
        return made

    def revoke(self, session: Session, point_id: str, version: int, reason: str, actor: str, at: datetime) -> PatrolKey:
        """One key's codes count no more; what was scanned before stays proven."""
        point, key = self.get(session, point_id), session.get(PatrolKey, (point_id, version))
        if key is None or key.revoked_at is not None:
            raise NotFoundError(
                said(
                    "point %(point_id)r has no key %(version)s that could be revoked",
                    point_id=point_id,
                    version=version,
                )
            )
        if not reason.strip():
            raise InvalidError("reason: say why, e.g. the label was copied")
        key.revoked_at, key.revoked_by, key.reason = at, actor, reason.strip()
        session.add(key)
        self._changed(session, point, actor, at)
        return key

    def retire(self, session: Session, point_id: str, actor: str, at: datetime) -> PatrolPoint:
        """Nobody goes there any more; its visits stay."""
        point = self.get(session, point_id)
        routes = repository.routes_over(session, point_id)
        if routes:
            names = ", ".join(route.name for route in routes)
            raise ConflictError(
                said(
                    "point %(point_id)r stands on a route (%(names)s); take it off first",
                    point_id=point_id,
                    names=names,
                )
            )
        self._revoke_all(session, point, "retired", actor, at)
        point.retired_at, point.display_hash = at, None
        self._changed(session, point, actor, at)
        return point

    def keys(self, session: Session, point_id: str) -> list[PatrolKey]:
        """Newest first."""
        return repository.keys(session, [point_id])

    def current_key(self, session: Session, point: PatrolPoint) -> PatrolKey:
        """What signs now; raises ConflictError when all are revoked."""
        for key in repository.keys(session, [point.id]):
            if key.revoked_at is None:
                return key
        raise ConflictError(said("point %(point_id)r has no key in force; make a new one", point_id=point.id))

    def label_code(self, session: Session, point: PatrolPoint) -> str:
        """What its label says; raises ConflictError for a point with a display."""
        if point.code_kind is not CodeKind.STATIC:
            raise ConflictError(
                said("point %(point_id)r has a display: a printed code would prove nothing there", point_id=point.id)
            )
        return static_code(point.id, self.current_key(session, point).key)

    def display_codes(self, session: Session, point: PatrolPoint, at: datetime) -> list[tuple[int, str]]:
        """(window, code) of this window and the next ones."""
        key = self.current_key(session, point).key
        first = window_at(round(at.timestamp() * 1000))
        return [(window, rotating_code(point.id, key, window)) for window in range(first, first + WINDOWS_AHEAD)]

    def new_display(self, session: Session, point_id: str, actor: str, at: datetime) -> str:
        """The secret of a display's link, told once; the one before ends."""
        point = self.get(session, point_id)
        if point.code_kind is not CodeKind.ROTATING:
            raise ConflictError(
                said("point %(point_id)r has a printed label; change it to a rotating code first", point_id=point_id)
            )
        secret = secrets.token_urlsafe(24)
        point.display_hash = hashlib.sha256(secret.encode()).hexdigest()
        self._changed(session, point, actor, at)
        return secret

    def by_display(self, session: Session, secret: str) -> PatrolPoint:
        """Whose display this is; raises NotFoundError."""
        point = repository.point_by_display(session, hashlib.sha256(secret.encode()).hexdigest())
        if point is None or point.retired_at is not None:
            raise NotFoundError("this display's link is not in force any more; make a new one on the point's page")
        return point

    def good_at(self, session: Session, site_id: str, code: str, moment: datetime) -> dict[str, list[PointKey]]:
        """The keys of the point that a code names, as they stood at a moment; empty when the site has no such point."""
        point = session.get(PatrolPoint, named_point(code) or "")
        if point is None or point.site_id != site_id:
            return {}
        found = [
            PointKey(version=key.version, key=key.key, revoked=key.revoked_at is not None and key.revoked_at <= moment)
            for key in repository.keys(session, [point.id])
        ]
        return {point.id: found}

    def tell_gateways(self, session: Session, site_id: str, actor: str, at: datetime) -> None:
        """Each gateway of the site that has a scanner gets all points of the site; what it knows already is not sent
        again."""
        scanning = {
            device.gateway_id
            for device in self._devices.list(session, [site_id])
            if device.kind == "scanner" and device.removed_at is None
        }
        if not scanning:
            return
        document = msgspec.to_builtins(self._document(session, site_id))
        for gateway_id in sorted(scanning):
            self._gateways.set_authority(session, gateway_id, AUTHORITY, document, actor, at)

    def _document(self, session: Session, site_id: str) -> PatrolPoints:
        ids = [point.id for point in repository.points(session, [site_id], retired=True)]
        by_point = groupby(repository.keys(session, ids), key=lambda key: key.point_id)
        return PatrolPoints(
            points=[
                PointKeys(
                    id=point_id,
                    keys=[
                        PointKey(version=key.version, key=key.key, revoked=key.revoked_at is not None)
                        for key in list(keys)[:KEYS_TOLD]
                    ],
                )
                for point_id, keys in by_point
            ]
        )

    def _check(self, session: Session, site_id: str, name: str, device_id: str | None) -> None:
        if not name.strip():
            raise InvalidError("name: say what people call the place")
        if device_id is None:
            return
        device = session.get(Device, device_id)
        if device is None or self._gateways.get(session, device.gateway_id).site_id != site_id:
            raise InvalidError(
                said(
                    "device_id: there is no device %(device_id)r at site %(site_id)r",
                    device_id=device_id,
                    site_id=site_id,
                )
            )

    def _new_key(self, session: Session, point: PatrolPoint, key: str, actor: str, at: datetime) -> PatrolKey:
        known = repository.keys(session, [point.id])
        made = PatrolKey(
            point_id=point.id, version=known[0].version + 1 if known else 1, key=key, made_at=at, made_by=actor
        )
        session.add(made)
        session.flush()
        return made

    def _revoke_all(self, session: Session, point: PatrolPoint, reason: str, actor: str, at: datetime) -> None:
        for key in repository.keys(session, [point.id]):
            if key.revoked_at is None:
                key.revoked_at, key.revoked_by, key.reason = at, actor, reason
                session.add(key)

    def _changed(self, session: Session, point: PatrolPoint, actor: str, at: datetime) -> None:
        session.add(point)
        session.flush()
        self.tell_gateways(session, point.site_id, actor, at)
        record_change(session, "patrol", f"point/{point.id}", at)

"""A gateway's credential: made, written where the gateway takes it from, and taken back."""

import shutil
from collections.abc import Sequence
from datetime import datetime
from pathlib import Path

from sqlmodel import Session

from plantroom_cloud.gateways.broker import CLOUD_USER, hash_password, new_password, write_broker_files
from plantroom_cloud.gateways.certificate import Authority, write_secret
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.service import GatewayService


class Enrolment:
    """Works in the session it is given, and on the broker's folder; commits nothing itself."""

    def __init__(self, gateways: GatewayService, broker_dir: Path, cloud_password: str) -> None:
        self._gateways = gateways
        self._folder = broker_dir
        self._authority = Authority(broker_dir)
        self._cloud_password = cloud_password

    def by_password(self, session: Session, gateway_id: str, site: str, label: str, out: Path, at: datetime) -> str:
        """Enrol it with a random password; what a person needs to know."""
        password = new_password()
        self._gateways.enrol(session, gateway_id, site, label, hash_password(password), at)
        self.write(session)
        out.mkdir(parents=True, exist_ok=True)
        secret = out / f"{gateway_id}.password"
        write_secret(secret, f"{password}\n".encode())
        return f"Its password stands in {secret}; use it as mqtt.password_file."

    def by_certificate(self, session: Session, gateway_id: str, site: str, label: str, out: Path, at: datetime) -> str:
        """Enrol it with a client certificate; what a person needs to know. Raises InvalidError without an authority."""
        issued = self._authority.issue(gateway_id)
        gateway = self._gateways.enrol(session, gateway_id, site, label, "", at)
        gateway.certificate_serial = issued.serial
        self.write(session)
        out.mkdir(parents=True, exist_ok=True)
        certificate, key = out / f"{gateway_id}.pem", out / f"{gateway_id}.key"
        certificate.write_bytes(issued.certificate)
        write_secret(key, issued.key)
        shutil.copyfile(self._folder / "ca.pem", out / "ca.pem")
        return (
            f"Its certificate stands in {certificate}, its key in {key}; use them as mqtt.cert_file and mqtt.key_file, "
            f"with {out / 'ca.pem'} as mqtt.ca_file, on the broker's port for certificates."
        )

    def revoke(self, session: Session, gateway_id: str, at: datetime) -> None:
        """Take password and certificate back. An open connection loses its topics at once."""
        gateway = self._gateways.revoke(session, gateway_id, at)
        if gateway.certificate_serial:
            self._authority.revoke(gateway.certificate_serial)
        self.write(session)

    def write(self, session: Session) -> None:
        """The broker's files as the database has it."""
        session.flush()
        known: Sequence[Gateway] = self._gateways.list(session)
        hashes = {g.id: g.password_hash for g in known if g.revoked_at is None and g.password_hash}
        hashes[CLOUD_USER] = hash_password(self._cloud_password)
        write_broker_files(self._folder, hashes, [g.id for g in known if g.revoked_at is not None])

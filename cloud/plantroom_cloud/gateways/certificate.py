"""The installation's own authority: the broker's certificate, one per gateway, and what was revoked."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

from plantroom_cloud.errors import InvalidError

YEARS = 10


@dataclass(frozen=True, slots=True)
class Issued:
    """A client certificate: what the gateway gets."""

    certificate: bytes
    key: bytes
    serial: str  #: hexadecimal, as the revocation list and the database name it


class Authority:
    """Lives in the broker's folder: ca.pem, server.pem, server.key and crl.pem for the broker, and the authority's own
    key in a folder that only we may read."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._key_file = folder / "authority" / "ca.key"

    def make(self, names: list[str]) -> None:
        """A new authority, and the server certificate of a broker with these names."""
        self._folder.mkdir(parents=True, exist_ok=True)
        self._key_file.parent.mkdir(mode=0o700, exist_ok=True)
        key = ec.generate_private_key(ec.SECP256R1())
        name = _name("Plantroom broker authority")
        now = datetime.now(UTC)
        ca = (
            _builder(name, name, key.public_key(), now)
            .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
            .sign(key, hashes.SHA256())
        )
        server_key = ec.generate_private_key(ec.SECP256R1())
        server = (
            _builder(_name(names[0]), name, server_key.public_key(), now)
            .add_extension(x509.SubjectAlternativeName([x509.DNSName(item) for item in names]), critical=False)
            .sign(key, hashes.SHA256())
        )
        (self._folder / "ca.pem").write_bytes(_pem(ca))
        (self._folder / "server.pem").write_bytes(_pem(server))
        write_secret(self._folder / "server.key", _key_pem(server_key))
        write_secret(self._key_file, _key_pem(key))
        self._write_list([])

    def issue(self, gateway_id: str) -> Issued:
        """A client certificate whose common name is the gateway's id; raises InvalidError without an authority."""
        ca, key = self._load()
        own = ec.generate_private_key(ec.SECP256R1())
        certificate = (
            _builder(_name(gateway_id), ca.subject, own.public_key(), datetime.now(UTC))
            .add_extension(x509.ExtendedKeyUsage([ExtendedKeyUsageOID.CLIENT_AUTH]), critical=False)
            .sign(key, hashes.SHA256())
        )
        return Issued(_pem(certificate), _key_pem(own), f"{certificate.serial_number:x}")

    def revoke(self, serial: str) -> None:
        """Put a certificate on the list that the broker looks at; the ones before stay on it."""
        known = self.revoked()
        if serial not in known:
            self._write_list([*known, serial])

    def revoked(self) -> list[str]:
        """Serial numbers on the list."""
        path = self._folder / "crl.pem"
        if not path.is_file():
            return []
        return [f"{item.serial_number:x}" for item in x509.load_pem_x509_crl(path.read_bytes())]

    def _write_list(self, serials: list[str]) -> None:
        ca, key = self._load()
        now = datetime.now(UTC)
        # a list that ran out makes a broker refuse everybody, so it lasts as long as the authority
        builder = (
            x509.CertificateRevocationListBuilder()
            .issuer_name(ca.subject)
            .last_update(now - timedelta(days=1))
            .next_update(now + timedelta(days=365 * YEARS))
        )
        for serial in serials:
            item = x509.RevokedCertificateBuilder().serial_number(int(serial, 16)).revocation_date(now).build()
            builder = builder.add_revoked_certificate(item)
        new = self._folder / "crl.new"
        new.write_bytes(builder.sign(key, hashes.SHA256()).public_bytes(serialization.Encoding.PEM))
        new.chmod(0o644)
        new.replace(self._folder / "crl.pem")

    def _load(self) -> tuple[x509.Certificate, ec.EllipticCurvePrivateKey]:
        path = self._folder / "ca.pem"
        if not path.is_file() or not self._key_file.is_file():
            raise InvalidError(
                f"there is no authority in {self._folder}; make one with: plantroom-cloud broker certificate HOST, "
                "or enrol the gateway with a password"
            )
        key = serialization.load_pem_private_key(self._key_file.read_bytes(), None)
        if not isinstance(key, ec.EllipticCurvePrivateKey):
            raise InvalidError(f"{self._key_file} holds no elliptic-curve key; make the authority anew")
        return x509.load_pem_x509_certificate(path.read_bytes()), key


def write_secret(path: Path, data: bytes) -> None:
    """Readable by its owner alone, from the first byte on."""
    path.unlink(missing_ok=True)
    path.touch(mode=0o600)
    path.write_bytes(data)


def _name(text: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, text)])


def _pem(certificate: x509.Certificate) -> bytes:
    return certificate.public_bytes(serialization.Encoding.PEM)


def _key_pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM, serialization.PrivateFormat.PKCS8, serialization.NoEncryption()
    )


def _builder(
    subject: x509.Name, issuer: x509.Name, key: ec.EllipticCurvePublicKey, now: datetime
) -> x509.CertificateBuilder:
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key)
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=365 * YEARS))
    )

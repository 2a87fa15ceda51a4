"""The lab's broker with TLS and per-gateway credentials: mosquitto where it is installed, else an embedded one."""

import shutil
import sys
from pathlib import Path

import trustme

from plantroom_sim.errors import SimError

#: For people: what a lab without mosquitto is not.
EMBEDDED = (
    "embedded, because mosquitto is not installed or not wanted (sudo apt-get install mosquitto):\n"
    "            MQTT 3.1.1; a forbidden publish is dropped in silence, not refused; sessions and retained\n"
    "            messages are gone when it ends (the gateways' outboxes still deliver all they have)"
)

_MOSQUITTO = """\
# Written by the lab.
user root
listener {port} 127.0.0.1
cafile {broker}/ca.pem
certfile {broker}/server.pem
keyfile {broker}/server.key
allow_anonymous false
password_file {broker}/passwd
acl_file {broker}/acl
use_username_as_clientid false
persistence true
persistence_location {data}/
max_queued_messages 0
max_inflight_messages 0
set_tcp_nodelay true
pid_file {broker}/mosquitto.pid
"""


def make_certificates(folder: Path) -> Path:
    """An authority and a server certificate of the lab's own, made once; the authority's file."""
    folder.mkdir(parents=True, exist_ok=True)
    ca_file = folder / "ca.pem"
    if not ca_file.exists():
        ca = trustme.CA()
        server = ca.issue_cert("127.0.0.1", "localhost")
        server.private_key_pem.write_to_path(str(folder / "server.key"))
        server.cert_chain_pems[0].write_to_path(str(folder / "server.pem"))
        ca.cert_pem.write_to_path(str(ca_file))
    return ca_file


def is_embedded(kind: str) -> bool:
    """Whether "mosquitto", "embedded" or "auto" (mosquitto where it is installed) comes to the embedded one."""
    return kind == "embedded" or (kind == "auto" and _mosquitto() is None)


def broker_command(kind: str, folder: Path, data: Path, port: int) -> list[str]:
    """How to start it. Raises SimError."""
    data.mkdir(parents=True, exist_ok=True)
    if is_embedded(kind):
        return [sys.executable, "-m", "plantroom_sim.lab.embedded", str(folder), str(port)]
    found = _mosquitto()
    if found is None:
        raise SimError("mosquitto is not installed: sudo apt-get install mosquitto, or take --broker embedded")
    config = folder / "mosquitto.conf"
    config.write_text(_MOSQUITTO.format(port=port, broker=folder, data=data))
    return [found, "-c", str(config)]


def _mosquitto() -> str | None:
    return shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")

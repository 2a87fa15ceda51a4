"""The broker's files: passwords and the access list that lets each gateway reach its own topics alone."""

import base64
import hashlib
import os
import secrets
import signal
from collections.abc import Collection, Mapping
from pathlib import Path

from plantroom_shared.topics import PREFIX

CLOUD_USER = "plantroom-cloud"
#: mosquitto's own number for $7$ hashes (PBKDF2-HMAC-SHA512); the passwords are random, not chosen by people.
ITERATIONS = 101

#: mosquitto's file format; %u is the user name, which is the gateway's id.
ACCESS_LIST = f"""\
user {CLOUD_USER}
topic readwrite plantroom/v1/#

pattern write plantroom/v1/%u/status
pattern write plantroom/v1/%u/birth
pattern write plantroom/v1/%u/data
pattern write plantroom/v1/%u/direct/#
pattern read plantroom/v1/%u/ack
pattern read plantroom/v1/%u/command
pattern read plantroom/v1/%u/config
pattern read plantroom/v1/%u/authority/+
"""


def new_password() -> str:
    """Random, for a machine."""
    return secrets.token_urlsafe(24)


def hash_password(password: str) -> str:
    """As mosquitto's password file wants it."""
    salt = secrets.token_bytes(12)
    key = hashlib.pbkdf2_hmac("sha512", password.encode(), salt, ITERATIONS)
    return f"$7${ITERATIONS}${base64.b64encode(salt).decode()}${base64.b64encode(key).decode()}"


def access_list(revoked: Collection[str]) -> str:
    """A revoked gateway may do nothing, also on a connection that is open: mosquitto looks at `deny` first."""
    denied = "".join(f"\nuser {name}\ntopic deny {PREFIX}/#\n" for name in sorted(revoked))
    return f"{ACCESS_LIST}{denied}"


def write_broker_files(folder: Path, hashes: Mapping[str, str], revoked: Collection[str] = ()) -> None:
    """`passwd` and `acl`; then tell a running broker (its pid in `mosquitto.pid`) to read them again."""
    folder.mkdir(parents=True, exist_ok=True)
    _replace(folder / "passwd", "".join(f"{name}:{hashed}\n" for name, hashed in sorted(hashes.items())))
    _replace(folder / "acl", access_list(revoked))
    pid_file = folder / "mosquitto.pid"
    if pid_file.is_file():
        try:
            os.kill(int(pid_file.read_text()), signal.SIGHUP)
        except (ProcessLookupError, PermissionError, ValueError):
            pass  # not running here: it reads the files when it starts


def _replace(path: Path, text: str) -> None:
    new = path.with_suffix(".new")
    new.write_text(text)
    new.chmod(0o644 if path.name == "acl" else 0o640)
    new.replace(path)

"""The MQTT topics of wire contract v1 (docs: README.md of this package)."""

from dataclasses import dataclass
from typing import Literal

from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.ids import check_id

PREFIX = "plantroom/v1"

TopicKind = Literal["status", "birth", "data", "ack", "command", "config", "authority", "direct"]

#: What the cloud subscribes to: everything that gateways and direct devices send.
CLOUD_SUBSCRIPTIONS = tuple(f"{PREFIX}/+/{part}" for part in ("status", "birth", "data", "direct/+"))


def topic(gateway: str, kind: TopicKind, name: str | None = None) -> str:
    """`plantroom/v1/{gateway}/{kind}`, or `…/direct/{device}`, `…/authority/{name}`."""
    base = f"{PREFIX}/{gateway}/{kind}"
    return f"{base}/{name}" if name is not None else base


@dataclass(frozen=True, slots=True)
class Address:
    """What a topic says about its message."""

    gateway: str
    kind: TopicKind
    device: str | None = None  #: or the name of an authority


_KINDS: dict[str, TopicKind] = {
    "status": "status",
    "birth": "birth",
    "data": "data",
    "ack": "ack",
    "command": "command",
    "config": "config",
}


def parse_topic(value: str) -> Address:
    """Take a topic apart; raises MessageRefusedError for one that is not of this contract."""
    parts = value.split("/")
    if parts[:2] == PREFIX.split("/"):
        match parts[2:]:
            case [gateway, kind] if kind in _KINDS:
                return Address(check_id(gateway, "gateway"), _KINDS[kind])
            case [gateway, "direct", device]:
                return Address(check_id(gateway, "gateway"), "direct", check_id(device, "device"))
            case [gateway, "authority", name]:
                return Address(check_id(gateway, "gateway"), "authority", check_id(name, "authority"))
            case _:
                pass
    raise MessageRefusedError(f"topic {value!r} is not one of {PREFIX}/{{gateway}}/status|birth|data|direct/{{device}}")

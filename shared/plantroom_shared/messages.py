"""The other messages of the wire: status, birth, acknowledgement, command, configuration."""

from typing import Any, Literal

import msgspec

VERSION = 1


class Status(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Retained on `…/status`; the same with state "offline" is the last will."""

    v: int
    gateway: str
    state: Literal["online", "offline"]
    boot: str
    at: int
    versions: dict[str, str] = {}


class Metric(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A metric as the birth message describes it; units are SI-style, e.g. "°C", "kW", "kWh", "bar", "mm/s"."""

    name: str
    label: str
    unit: str = ""
    kind: Literal["gauge", "counter", "state", "text", "bits"] = "gauge"
    minimum: float | None = None
    maximum: float | None = None
    states: dict[str, str] = {}  #: for kind "state": raw value as text → its meaning
    group: str = ""


class SuggestedRule(msgspec.Struct, omit_defaults=True, kw_only=True):
    """An alarm rule that the profile's author suggests; the cloud makes it once per profile and a person may change it.

    kind "limit": `operator` ">" or "<" against `limit` with `deadband`; kind "state": value in `states`;
    kind "no-data": nothing for `on_delay_s`, of the device or, where one is named, of `metric` while the device lives.
    """

    key: str
    name: str
    kind: Literal["limit", "state", "no-data"]
    severity: Literal["critical", "high", "medium", "low"]
    metric: str | None = None
    operator: Literal[">", "<"] | None = None
    limit: float | None = None
    deadband: float = 0.0
    states: list[str] = []
    on_delay_s: float = 0.0
    off_delay_s: float = 0.0
    proving_s: float = 600.0
    cause: str = ""
    consequence: str = ""
    response: str = ""
    work_order: bool = True


class Action(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A command that a device takes."""

    name: str
    label: str
    args: dict[str, str] = {}  #: argument name → "number 0..50 Hz", "state on|off" …, for people
    confirms: bool = False  #: whether the device can be read back


class BirthDevice(msgspec.Struct, omit_defaults=True, kw_only=True):
    """A device of a gateway."""

    device: str
    label: str
    profile: str
    kind: str = ""  #: "meter", "pump", "transformer", "ahu", "fridge", "ups", "gateway" …
    location: str = ""
    station: str = ""  #: devices at one station belong together: a scale and the scanner beside it
    period_s: float | None = None
    metrics: list[Metric] = []
    rules: list[SuggestedRule] = []
    actions: list[Action] = []
    identity: dict[str, str] = {}  #: maker, model, serial where the device tells


class Birth(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Retained on `…/birth`: what the gateway has and can."""

    v: int
    gateway: str
    boot: str
    at: int
    config_version: str
    label: str = ""
    capabilities: list[str] = []
    versions: dict[str, str] = {}
    devices: list[BirthDevice] = []


class Rejected(msgspec.Struct, kw_only=True):
    """A batch that the cloud keeps in quarantine; the edge drops it and says so in its log."""

    seq: int
    reason: str


class Ack(msgspec.Struct, omit_defaults=True, kw_only=True):
    """What the cloud has committed; only this lets the edge delete. `acked` holds inclusive ranges."""

    outbox: str
    stream: Literal["events", "telemetry"]
    acked: list[tuple[int, int]] = []
    rejected: list[Rejected] = []


class Command(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Acts once or not at all. The result comes back as an event of kind "command.result" with the same id."""

    id: str
    device: str
    action: str
    issued_at: int
    expires_at: int
    issued_by: str
    args: dict[str, Any] = {}


class DesiredConfig(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Retained on `…/config`: the configuration the cloud wants; `config` has the shape of the local YAML file's
    `devices`, `buses` and `pipeline` parts. Answered by an event "config.applied" or "config.refused"."""

    v: int
    version: str
    issued_at: int
    issued_by: str
    config: dict[str, Any]


class Authority(msgspec.Struct, omit_defaults=True, kw_only=True):
    """Retained on `…/authority/{name}`: a list that the gateway decides by while the cloud is away. `version` differs
    from that of the document before. Answered by an event "authority.applied" or "authority.refused"."""

    v: int
    name: str
    version: int
    issued_at: int
    issued_by: str
    document: dict[str, Any]

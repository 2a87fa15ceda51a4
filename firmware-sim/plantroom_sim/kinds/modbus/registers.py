"""Device profiles, read and encoded on our own: a mistake of the edge's decoder is not mirrored here."""

import struct
from dataclasses import dataclass, field
from functools import cache
from typing import Any

import yaml

from plantroom_shared.library import library_path
from plantroom_sim.errors import ScenarioError, nearest


@dataclass(slots=True)
class Point:
    """One value of a device and where it stands."""

    metric: str
    address: int
    table: str = "holding"
    type: str = "float32"
    words: str = "ABCD"
    scale: float = 1.0
    offset: float = 0.0
    bit: int | None = None
    length: int = 1
    states: dict[int, str] = field(default_factory=dict)


@dataclass(slots=True)
class Map:
    """The points of a profile."""

    name: str
    points: list[Point]
    commands: list[dict[str, Any]]


@cache
def read_map(profile: str) -> Map:
    """Read configs/profiles/<profile>.yaml; raises ScenarioError when there is none."""
    folder = library_path("profiles")
    path = folder / f"{profile}.yaml"
    if not path.is_file():
        names = sorted(found.relative_to(folder).with_suffix("").as_posix() for found in folder.glob("*/*.yaml"))
        raise ScenarioError(f"profile {profile!r} is not known; {nearest(profile, names)}")
    data = yaml.safe_load(path.read_text(encoding="utf-8"))
    if "registers" not in data:
        raise ScenarioError(f"profile {profile!r} is of no Modbus device; choose one that has registers")
    known = Point.__slots__
    points = [Point(**{key: value for key, value in item.items() if key in known}) for item in data["registers"]]
    return Map(profile, points, data.get("commands", []))


def encode(point: Point, value: float | str) -> list[int]:
    """A value to its 16-bit registers as the device would show it."""
    if point.type == "string":
        text = str(value).encode().ljust(point.length * 2, b"\0")
        return list(struct.unpack(f">{point.length}H", text[: point.length * 2]))
    if isinstance(value, str):
        value = next((raw for raw, name in point.states.items() if name == value), 0)
    raw = (float(value) - point.offset) / point.scale
    if point.bit is not None:
        return [(1 << point.bit) if value else 0]
    match point.type:
        case "float32":
            data = struct.pack(">f", raw)
        case "float64":
            data = struct.pack(">d", raw)
        case kind:
            size = {"16": 2, "32": 4, "64": 8}[kind[-2:]]
            signed = kind.startswith("int")
            low, high = (-(1 << size * 8 - 1), (1 << size * 8 - 1) - 1) if signed else (0, (1 << size * 8) - 1)
            data = min(high, max(low, round(raw))).to_bytes(size, "big", signed=signed)
    words = [data[at] << 8 | data[at + 1] for at in range(0, len(data), 2)]
    if point.words in ("BADC", "DCBA"):
        words = [(word & 0xFF) << 8 | word >> 8 for word in words]
    return words[::-1] if point.words in ("CDAB", "DCBA") else words

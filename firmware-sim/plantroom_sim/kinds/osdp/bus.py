"""An OSDP line with its readers."""

import asyncio
import secrets
from collections.abc import Mapping, Sequence
from functools import partial
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from plantroom_sim.kind import BusEntry, GatewayPart, Place, SimBus
from plantroom_sim.kinds.osdp.config import OsdpCardReader, OsdpEntry
from plantroom_sim.kinds.osdp.device import CardReader
from plantroom_sim.kinds.osdp.line import Wires


class OsdpBus:
    """Readers on one pseudo-terminal, and their keys in files that nobody else reads."""

    def __init__(self, entry: OsdpEntry, devices: Sequence[OsdpCardReader], place: Place) -> None:
        self._entry = entry
        self._wires = Wires()
        self._path = place.folder / "lines" / f"{place.gateway}-{entry.id}"
        self._keys = {device.id: place.folder / "keys" / f"{place.gateway}-{device.id}.key" for device in devices}
        self._readers = {
            device.id: CardReader(device.id, device.address, partial(_key, self._keys[device.id]), self._wires)
            for device in devices
        }
        self._described: list[dict[str, Any]] = [
            {**device.model_dump(), "key_file": str(self._keys[device.id].resolve())} for device in devices
        ]

    @property
    def devices(self) -> Mapping[str, CardReader]:
        return self._readers

    async def open(self) -> None:
        self._wires.open(self._path)
        for reader in self._readers.values():
            reader.switch_on()

    async def close(self) -> None:
        self._wires.close(self._path)

    async def run(self) -> None:
        """The readers have threads of their own; they end with this."""
        try:
            await asyncio.Event().wait()
        finally:
            for reader in self._readers.values():
                reader.switch_off()

    def where(self) -> str:
        return str(self._path)

    def gateway_part(self) -> GatewayPart:
        bus = {"id": self._entry.id, "type": "osdp", "port": str(self._path), "baudrate": self._entry.baudrate}
        return GatewayPart(bus, self._described)


def _key(path: Path) -> bytes:
    """The key of a reader, made once; secrets, for libosdp's own key store is predictable."""
    if not path.exists():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch(mode=0o600)
        path.write_text(secrets.token_hex(16) + "\n", "ascii")
    return bytes.fromhex(path.read_text("ascii").strip())


def missing() -> str | None:
    """libosdp has wheels for x86-64 Linux and is compiled elsewhere."""
    if find_spec("osdp") is None:
        return "card readers need libosdp, which is not installed: pip install 'plantroom[osdp]'"
    return None


def make(entry: BusEntry, devices: Sequence[OsdpCardReader], place: Place) -> SimBus:
    """The bus of an entry."""
    assert isinstance(entry, OsdpEntry)
    return OsdpBus(entry, devices, place)

"""A real agent process with a simulated gate and reader, and what stands on its disk. No cloud: it is away for days."""

import asyncio
import os
import signal
import sqlite3
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Self

import msgspec
import yaml

from plantroom_edge.outbox.payload import decode_payload
from plantroom_edge.outbox.store import OutboxStore, memorise
from plantroom_shared.allow_list import AUTHORITY, AllowList, Credential, GateRule, Grant
from plantroom_shared.batch import Event
from plantroom_shared.library import library_path
from plantroom_shared.messages import VERSION, Authority
from tests.fakes.barrier import SimLine
from tests.fakes.osdp import SimReaders
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

LIST = AllowList(
    time_zone="UTC",
    groups={"staff": [Grant("yard")]},
    gates={"gate-1": GateRule("yard")},
    credentials={f"w26:12:{number}": Credential(f"p{number}", ["staff"]) for number in range(1, 100)},
)
SETTLE_S = 0.5
LIMIT_S = 120.0


class GateSite:
    """Simulators in this process, the agent in its own."""

    def __init__(self, folder: Path, **gate: Any) -> None:
        self.folder = folder
        self.gates = SimLine("tcp", folder / "sim", **gate)
        self.readers = SimReaders(folder / "sim")
        self._agent: subprocess.Popen[bytes] | None = None
        self._travel = gate.get("travel_s", 0.6)

    @property
    def gate(self) -> Any:
        return self.gates.gate

    async def __aenter__(self) -> Self:
        await self.gates.__aenter__()
        await self.readers.__aenter__()
        self._configure()
        return self

    async def __aexit__(self, *_: object) -> None:
        self.kill()
        await self.readers.__aexit__()
        await self.gates.__aexit__()

    def _configure(self) -> None:
        profile = (
            (library_path("profiles") / "generic/osdp-reader.yaml")
            .read_text()
            .replace("settle_s: 3", f"settle_s: {SETTLE_S}")
        )
        (self.folder / "profiles/test").mkdir(parents=True)
        (self.folder / "profiles/test/reader.yaml").write_text(profile)
        gate_part, reader_part = self.gates.bus.gateway_part(), self.readers.bus.gateway_part()
        document = {
            "gateway": "gw",
            "mqtt": {"host": "127.0.0.1", "port": free_port()},
            "data_dir": "data",
            "buses": [{**gate_part.bus, "timeout": "5s"}, dict(reader_part.bus)],
            "devices": [
                *({**each, "period": "50ms"} for each in gate_part.devices),
                *({**each, "profile": "test/reader"} for each in reader_part.devices),
            ],
        }
        (self.folder / "gateway.yaml").write_text(yaml.safe_dump(document))
        store = OutboxStore(self.folder / "data/outbox.db")
        store.open()
        authority = Authority(
            v=VERSION, name=AUTHORITY, version=7, issued_at=0, issued_by="test", document=msgspec.to_builtins(LIST)
        )
        store.append([], memorise("authority", {AUTHORITY: msgspec.json.encode(authority).decode()}))
        store.close()

    def start(self) -> None:
        """Start the agent."""
        program = Path(sys.executable).parent / "plantroom-edge"
        with (self.folder / "agent.log").open("ab") as log:
            self._agent = subprocess.Popen(
                [program, "run", "-c", self.folder / "gateway.yaml"],
                stdout=log, stderr=log, preexec_fn=die_with_parent,
            )  # fmt: skip

    def kill(self) -> None:
        """As a power cut would."""
        if self._agent is not None:
            os.kill(self._agent.pid, signal.SIGKILL)
            self._agent.wait(60)
            self._agent = None

    async def ready(self) -> None:
        """The agent reads cards: one that nobody has is denied as unknown, not as doubtful."""
        before = len(self.decisions())
        async with asyncio.timeout(LIMIT_S):
            while not any(each.data["reason"] == "unknown-credential" for each in self.decisions()[before:]):
                await self.readers.card(60_000)
                await self.until(lambda: len(self.decisions()) > before, 3.0)
                await asyncio.sleep(2.1)  # longer than one showing

    async def until(self, condition: Any, seconds: float = LIMIT_S) -> None:
        """Wait for it; with a short time, no longer than that."""
        try:
            async with asyncio.timeout(seconds):
                while not condition():  # noqa: ASYNC110  (it stands in a file, or in a simulator)
                    await asyncio.sleep(0.003)
        except TimeoutError:
            assert seconds < LIMIT_S, (self.folder / "agent.log").read_text()[-3000:]

    def events(self, *kinds: str) -> list[Event]:
        """What stands on the disk."""
        db = sqlite3.connect(f"file:{self.folder / 'data/outbox.db'}?mode=ro", uri=True)
        try:
            rows: Sequence[tuple[bytes]] = db.execute(
                "SELECT payload FROM batch WHERE stream = 'events' ORDER BY seq"
            ).fetchall()
        finally:
            db.close()
        return [event for (payload,) in rows for event in decode_payload(payload).events if event.kind in kinds]

    def decisions(self) -> list[Event]:
        return self.events("access.decision")

    def granted(self) -> list[Event]:
        return [event for event in self.decisions() if event.data["outcome"] == "granted"]

    def results(self) -> list[Event]:
        return self.events("access.result")

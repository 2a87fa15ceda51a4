"""The scanner driver against simulated scanners on a real pseudo-terminal and a real TCP connection."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import msgspec
import pytest

from plantroom_edge.config.model import OutboxBounds
from plantroom_edge.config.model import Pipeline as PipelineConfig
from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.qr_scanner.config import ScannerDevice, SerialLine, TcpLine
from plantroom_edge.drivers.qr_scanner.driver import ScannerDriver
from plantroom_edge.drivers.qr_scanner.profile import ScannerProfile
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.pipeline.sink import BusSink
from plantroom_shared.batch import Event
from plantroom_shared.clock import SystemClock
from plantroom_shared.patrol_code import (
    PatrolPoints,
    PointKey,
    PointKeys,
    new_key,
    rotating_code,
    static_code,
    window_at,
)
from plantroom_sim.kind import Place
from plantroom_sim.kinds.scanner.bus import SerialLine as SimLine
from plantroom_sim.kinds.scanner.bus import TcpPort
from plantroom_sim.kinds.scanner.config import Framing, Scanner, SerialEntry, TcpEntry
from plantroom_sim.kinds.scanner.device import SimScanner
from tests.fakes.sink import MemorySink

KEY, OLD = new_key(), new_key()
POINTS = PatrolPoints(
    points=[PointKeys(id="roof", keys=[PointKey(version=2, key=KEY), PointKey(version=1, key=OLD, revoked=True)])]
)
PROFILE = ScannerProfile(driver="qr_scanner", maker="m", model="m", kind="scanner", verified="document", source="s")


def device(station: str = "") -> ScannerDevice:
    return validated(
        ScannerDevice, {"driver": "qr_scanner", "id": "scanner-1", "profile": "m/m", "bus": "line", "station": station}
    )


def simulated(folder: Path, framing: Framing = "cr", aim: bool = False) -> tuple[SimLine, SimScanner]:
    entry = SerialEntry(id="line", type="scanner-serial", framing=framing, aim_prefix=aim)
    line = SimLine(entry, [Scanner(id="s", bus="line")], Place("gw", folder, time.time))
    return line, line.devices["s"]


def serial(path: Path) -> SerialLine:
    return validated(SerialLine, {"id": "line", "type": "scanner-serial", "port": str(path)})


@asynccontextmanager
async def running(
    line: SerialLine | TcpLine, sink: Any = None, station: str = "", points: PatrolPoints | None = POINTS
) -> AsyncIterator[tuple[ScannerDriver, Any]]:
    driver, sink = ScannerDriver(line, [(device(station), PROFILE)], SystemClock()), sink or MemorySink()
    if points is not None:
        assert await driver.authority("patrol-points", 7, msgspec.to_builtins(points)) is None
    task = asyncio.create_task(driver.run(sink), name="driver")
    try:
        yield driver, sink
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def scans(sink: MemorySink) -> list[Event]:
    return [event for event in sink.events if event.kind == "scan"]


def told(sink: MemorySink) -> list[tuple[str, str | None]]:
    return [(event.data.get("proof", event.data["kind"]), event.data.get("reason")) for event in scans(sink)]


def ok(sink: MemorySink) -> bool:
    return any(event.kind == "device.state" and event.data["state"] == "ok" for event in sink.events)


@pytest.mark.parametrize("framing", ["cr", "lf", "crlf", "stx-etx"])
@pytest.mark.parametrize("aim", [False, True])
async def test_serial_scanners_however_they_are_set(tmp_path: Path, framing: Framing, aim: bool) -> None:
    sim, scanner = simulated(tmp_path, framing, aim)
    await sim.open()
    async with running(serial(sim.path), station="store") as (_, sink):
        await sink.until(ok)
        sent = [static_code("roof", KEY), "PW1:BAG:7F3K", "hello", "ЮНИКОД"]
        await sim.send(b"\xff\xfe\xfd garbage \x00" + b"\r\n")
        if framing != "stx-etx":
            await sim.send(b"A" * 700)
        for code in sent:
            if framing != "stx-etx" and code is sent[0]:
                await sim.send(b"\r")
            await scanner.scan(code)
        await sink.until(lambda s: len(scans(s)) == 4)
    await sim.close()
    assert [event.data["text"] for event in scans(sink)] == scanner.scanned == sent
    assert [event.data["kind"] for event in scans(sink)] == ["patrol", "label", "text", "text"]
    assert {event.data.get("symbology") for event in scans(sink)} == {"qr" if aim else None}
    assert {event.data["station"] for event in scans(sink)} == {"store"}
    assert scans(sink)[0].data | {"text": "", "symbology": ""} == {
        "kind": "patrol", "text": "", "symbology": "", "proof": "static", "point": "roof", "key_version": 2,
        "authority": 7, "station": "store",
    }  # fmt: skip


async def test_a_code_is_judged_without_the_cloud(tmp_path: Path) -> None:
    sim, scanner = simulated(tmp_path)
    await sim.open()
    now = window_at(SystemClock().now_ms())
    async with running(serial(sim.path)) as (_, sink):
        await sink.until(ok)
        fresh = rotating_code("roof", KEY, now)
        for code in (
            fresh,
            fresh,
            rotating_code("roof", KEY, now - 10),
            rotating_code("roof", KEY, now + 10),
            static_code("roof", new_key()),
            static_code("roof", OLD),
            static_code("cellar", KEY),
            "P1:ROOF",
        ):
            await scanner.scan(code)
        await sink.until(lambda s: len(scans(s)) == 8)
    await sim.close()
    assert told(sink) == [
        ("rotating", None),
        ("refused", "replayed"),
        ("refused", "expired"),
        ("refused", "early"),
        ("refused", "forged"),
        ("refused", "revoked"),
        ("unknown", "foreign"),
        ("refused", "malformed"),
    ]


async def test_a_counted_window_is_remembered_across_a_restart_in_the_same_commit(tmp_path: Path) -> None:
    sim, scanner = simulated(tmp_path)
    await sim.open()
    clock = SystemClock()
    code = rotating_code("roof", KEY, window_at(clock.now_ms()) + 1)  # still good whenever the second scan comes
    found: list[Event] = []
    for _ in range(2):
        outbox = Outbox(tmp_path / "outbox.db", OutboxBounds(), clock)
        await outbox.open()
        pipeline = Pipeline(PipelineConfig(), outbox, Boot(clock), clock)
        watched = _Watched("line", pipeline, outbox)
        async with running(serial(sim.path), watched):
            await watched.until(ok)
            await scanner.scan(code)
            await watched.until(lambda s: len(scans(s)) == 1)
        found += scans(watched)
        await outbox.close()  # nothing but the file is left of the first run
    await sim.close()
    assert [event.data.get("reason") for event in found] == [None, "replayed"]


class _Watched(MemorySink):
    """A sink that writes to a real outbox and shows what went through it."""

    def __init__(self, bus: str, pipeline: Pipeline, outbox: Outbox) -> None:
        super().__init__()
        self._real = BusSink(bus, pipeline, outbox)

    async def record(self, events: Any, remember: Any = None) -> None:
        await self._real.record(events, remember)
        await super().record(events)

    async def recall(self, key: str) -> str | None:
        return await self._real.recall(key)


async def test_a_pulled_cable_ends_the_values_and_half_a_code_is_none(tmp_path: Path) -> None:
    sim, scanner = simulated(tmp_path)
    await sim.open()
    async with running(serial(sim.path)) as (driver, sink):
        await sink.until(ok)
        await sim.send(b"P1:HALF-A-")
        await sim.close()
        await sink.until(lambda s: any(e.data.get("state") == "silent" for e in s.events))
        assert list(sink.samples[-1].values) == [None, None, None]
        assert driver.health()["success.scanner-1"] == 0.0
        await sim.open()
        await sink.until(lambda s: [e.data["state"] for e in s.events if e.kind == "device.state"][-1] == "ok")
        await scanner.scan("CODE")
        await sink.until(lambda s: len(scans(s)) == 1)
    await sim.close()
    assert scans(sink)[0].data["text"] == "CODE"


async def test_tcp_scanners_and_a_lost_connection() -> None:
    entry = TcpEntry(id="line", type="scanner-tcp", framing="crlf", aim_prefix=True)
    sim = TcpPort(entry, [Scanner(id="s", bus="line")], Place("gw", Path(), time.time))
    scanner = sim.devices["s"]
    await sim.open()
    line = validated(TcpLine, {"id": "line", "type": "scanner-tcp", "host": "127.0.0.1", "port": sim.port})
    async with running(line) as (_, sink):
        await sink.until(ok)
        async with asyncio.timeout(60):
            await sim.until_connected()
        await scanner.scan(static_code("roof", KEY))
        await sink.until(lambda s: len(scans(s)) == 1)
        await sim.close()
        await sink.until(lambda s: any(e.data.get("state") == "silent" for e in s.events))
        await sim.open()
        async with asyncio.timeout(60):
            await sim.until_connected()
        await scanner.scan("AGAIN")
        await sink.until(lambda s: len(scans(s)) == 2)
    await sim.close()
    assert told(sink) == [("static", None), ("text", None)]


async def test_without_a_document_every_patrol_code_is_unknown_and_a_wrong_document_is_refused(tmp_path: Path) -> None:
    sim, scanner = simulated(tmp_path)
    await sim.open()
    async with running(serial(sim.path), points=None) as (driver, sink):
        await sink.until(ok)
        await scanner.scan(static_code("roof", KEY))
        await sink.until(lambda s: len(scans(s)) == 1)
        assert told(sink) == [("unknown", "foreign")]
        assert "points" in str(await driver.authority("patrol-points", 1, {"points": 3}))
        assert "base32" in str(await driver.authority("patrol-points", 1, {"points": [
            {"id": "roof", "keys": [{"version": 1, "key": "?"}]}]}))  # fmt: skip
        assert "patrol-points" in str(await driver.authority("allow-list", 1, {}))
    await sim.close()


async def test_probe_says_what_is_wrong_with_a_line(tmp_path: Path) -> None:
    driver = ScannerDriver(serial(tmp_path / "nothing"), [(device(), PROFILE)], SystemClock())
    [found] = await driver.probe()
    assert not found.ok
    assert "No such file" in found.detail

"""The scanner driver: one line, one scanner, each code an event on the disk before the next is read."""

import asyncio
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec

from plantroom_edge.driver import Described, Found, MetricFilter, Outcome, Sample, Sink
from plantroom_edge.drivers.qr_scanner.config import ScannerDevice, SerialLine, TcpLine
from plantroom_edge.drivers.qr_scanner.decode import Frames, read_frame
from plantroom_edge.drivers.qr_scanner.line import LineLostError, ScannerLine
from plantroom_edge.drivers.qr_scanner.profile import ScannerProfile
from plantroom_edge.drivers.qr_scanner.verifier import Verifier
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.errors import PlantroomError
from plantroom_shared.messages import BirthDevice
from plantroom_shared.patrol_code import AUTHORITY, PatrolPoints, Proof, by_point
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

#: A sign of life with the counters, so that silence means something.
PERIOD_S = 10.0
REPLAY = "counted-windows"


class ScannerDriver:
    """Owns the line of one scanner."""

    def __init__(
        self, bus: SerialLine | TcpLine, devices: Sequence[tuple[ScannerDevice, ScannerProfile]], clock: Clock
    ) -> None:
        self._config = bus
        self._devices = devices
        self._clock = clock
        self._line = ScannerLine(bus)
        self._verifier = Verifier()
        self._frames = Frames(devices[0][1].longest_frame if devices else 1)
        self._scans = 0
        self._unreadable = 0
        self._state = ""

    @property
    def bus(self) -> str:
        return self._config.id

    @property
    def authorities(self) -> Collection[str]:
        return (AUTHORITY,)

    def describe(self) -> Sequence[Described]:
        return [
            Described(
                BirthDevice(
                    device=device.id,
                    label=device.label or f"{profile.maker} {profile.model}",
                    profile=device.profile,
                    kind=profile.kind,
                    location=device.location,
                    station=device.station,
                    period_s=PERIOD_S,
                    metrics=profile.metrics(),
                    rules=profile.suggested_rules(),
                    actions=profile.actions(),
                    identity={"maker": profile.maker, "model": profile.model},
                ),
                [MetricFilter(metric.name) for metric in profile.metrics()],
            )
            for device, profile in self._devices
        ]

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:
        """`patrol-points`, see plantroom_shared/patrol_code.py."""
        if name != AUTHORITY:
            return f"a scanner decides by {AUTHORITY!r}, not by {name!r}"
        try:
            self._verifier.use(version, by_point(msgspec.convert(dict(document), PatrolPoints)))
        except (msgspec.ValidationError, PlantroomError) as error:
            return str(error)
        return None

    async def run(self, sink: Sink) -> None:
        if not self._devices:
            await asyncio.Event().wait()  # a line without a scanner: nobody to name in an event
        if stored := await sink.recall(REPLAY):
            self._verifier.load(stored)
        backoff = Backoff(first=0.5, longest=10.0)

        async def session(connected: Any) -> None:
            lost: Exception | None = None
            try:
                await self._line.open()
                connected()
                self._tell("ok", "", sink)
                async with asyncio.TaskGroup() as tasks:
                    tasks.create_task(self._live(sink), name=f"sign of life of bus {self.bus}")
                    tasks.create_task(self._read(sink), name=f"scans of bus {self.bus}")
            except* LineLostError as group:
                lost = group.exceptions[0]
            finally:
                self._line.close()
                self._frames.reset()
            if lost is not None:
                self._silent(sink)
                raise lost

        await keep_connected(
            f"bus {self.bus}", session, errors=(LineLostError,), clock=self._clock, backoff=backoff, log=_log
        )

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:  # noqa: ARG002
        return Outcome("refused", f"no action {action!r}; the scanner {device} takes none")

    async def probe(self) -> Sequence[Found]:
        try:
            await self._line.open()
        except LineLostError as error:
            return [Found(device.id, False, f"bus {self.bus!r}: {error}") for device, _ in self._devices]
        self._line.close()
        return [Found(device.id, True, "the line opens; scan a code to see it") for device, _ in self._devices]

    def health(self) -> Mapping[str, Value]:
        answers = 1.0 if self._line.connected else 0.0
        return {"utilisation": 0.0, "scans": self._scans} | {f"success.{d.id}": answers for d, _ in self._devices}

    async def _read(self, sink: Sink) -> None:
        while True:
            for frame in self._frames.feed(await self._line.read()):
                await self._scan(frame, sink)

    async def _scan(self, frame: bytes, sink: Sink) -> None:
        scanned, now = read_frame(frame), self._clock.now_ms()
        device, _ = self._devices[0]
        if scanned is None:
            self._unreadable += 1
            _log.info("scanner %s: a frame of %d bytes is no text", device.id, len(frame))
            return
        data, verdict = self._verifier.judge(scanned, now)
        if device.station:
            data["station"] = device.station
        remember: dict[str, str | None] = {}
        if verdict is not None and verdict.proof is Proof.ROTATING:
            self._verifier.count(verdict, now)
            remember[REPLAY] = self._verifier.dump()
        self._scans += 1
        await sink.record([Event(id=uuid.uuid4().hex, kind="scan", time=now, device=device.id, data=data)], remember)

    async def _live(self, sink: Sink) -> None:
        while True:
            self._sample(sink, [self._scans, self._unreadable, self._frames.dropped])
            await self._clock.sleep(PERIOD_S)

    def _silent(self, sink: Sink) -> None:
        """Its counters have ended: say so once."""
        if self._state != "silent":
            self._tell("silent", f"bus {self.bus!r} is not connected", sink)
            self._sample(sink, [None, None, None], {None: Quality.NO_RESPONSE})

    def _sample(self, sink: Sink, values: Sequence[Value], marks: Mapping[int | None, Quality] | None = None) -> None:
        name = self._devices[0][0].id
        sink.sample(Sample(name, self._clock.now_ms(), values, marks or {}, self._clock.monotonic()))

    def _tell(self, state: str, reason: str, sink: Sink) -> None:
        if state == self._state:
            return
        self._state = state
        name, data = self._devices[0][0].id, {"state": state, "reason": reason or state}
        sink.event(Event(id=uuid.uuid4().hex, kind="device.state", time=self._clock.now_ms(), device=name, data=data))

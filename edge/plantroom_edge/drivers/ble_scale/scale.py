"""One scale: what is known of it, and what it says turned into weighings."""

import asyncio
import json
import logging
from collections.abc import Sequence
from contextlib import suppress
from datetime import UTC, datetime

from plantroom_edge.driver import Sample, Sink
from plantroom_edge.drivers.ble_scale.config import BleScaleDevice
from plantroom_edge.drivers.ble_scale.decode import (
    FrameError,
    LineReader,
    decode_broadcast,
    decode_line,
    decode_weight_measurement,
)
from plantroom_edge.drivers.ble_scale.measurement import Measurement
from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile, Protocol
from plantroom_edge.drivers.ble_scale.radio import Heard
from plantroom_edge.drivers.ble_scale.repeat import LoadWatch, RepeatGuard
from plantroom_edge.drivers.ble_scale.weighing import weighing_event
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

SERVICE_DATA = {
    Protocol.BROADCAST_181B: "0000181b-0000-1000-8000-00805f9b34fb",
    Protocol.BROADCAST_181D: "0000181d-0000-1000-8000-00805f9b34fb",
}


class Scale:
    """Frames in, weighings out. A weighing is on the disk, with the memory that it was, before the next frame."""

    def __init__(self, device: BleScaleDevice, profile: BleScaleProfile, clock: Clock) -> None:
        self.device = device
        self.profile = profile
        self._clock = clock
        self._repeats = RepeatGuard(profile.repeat_within_s)
        self._loads = LoadWatch(profile.least_kg, profile.same_load_kg)
        self._lines = LineReader()
        self._heard_again = asyncio.Event()
        self._fault = ""
        self.heard: Heard | None = None
        self.connected = False
        self.battery: int | None = None
        self.weight: float | None = None
        self.zero: float | None = None
        self.weighings = 0
        self.refused_frames = 0

    @property
    def id(self) -> str:
        return self.device.id

    def hear(self, heard: Heard) -> None:
        """It advertises."""
        self.heard = heard
        self._heard_again.set()

    async def next_heard(self) -> Heard:
        """The next advertisement that is still to come: an older one may be of a device that BlueZ has forgotten."""
        self._heard_again.clear()
        await self._heard_again.wait()
        assert self.heard is not None
        return self.heard

    def broadcast(self, heard: Heard) -> bytes | None:
        """What it says by advertising, None where it says nothing."""
        return heard.service_data.get(SERVICE_DATA.get(self.profile.protocol, ""))

    def link(self) -> str:
        """ "connected", "heard" or "away"."""
        if self.connected:
            return "connected"
        if self.heard is not None and self._clock.monotonic() - self.heard.at <= self.profile.away_after_s:
            return "heard"
        return "away"

    async def restore(self, sink: Sink) -> None:
        """What was known before a restart."""
        stored = await sink.recall(self._key)
        if stored is None:
            return
        with suppress(ValueError, TypeError):  # of another version: a repeat may then be shown once more
            memory = json.loads(stored)
            self._repeats.load(memory["repeats"])
            self._loads.load(memory["load"])

    def begin(self) -> None:
        """A link was made: what comes now begins anew."""
        self._lines.forget()

    async def take(self, frame: bytes, at_ms: int, sink: Sink) -> None:
        """One frame that came at `at_ms`; returns once the weighings in it are recorded. What is no frame of this
        scale is told in the log, with its bytes."""
        for measurement in self._decode(frame):
            if self.profile.protocol.streams:
                await self._take_stream(measurement, at_ms, sink)
            else:
                await self._take_finished(measurement, at_ms, sink)

    def sample(self) -> Sample:
        """How it is now: link, signal, battery, last weighing, calibration, zero; in the order of the metrics."""
        link = self.link()
        there = link != "away"
        known: dict[str, Value] = {
            "link": link,
            "rssi": self.heard.rssi if self.heard is not None and there else None,
            "weight": self.weight,
            "calibration_days": self._calibration_days(),
            "battery": self.battery if there else None,
            "zero": self.zero if self.connected else None,
        }
        values = [known[metric.name] for metric in self.profile.metrics()]
        marks: dict[int | None, Quality] = {}
        if not there and not self.profile.sleeps:
            ended = ("rssi", "battery", "zero")
            marks = {
                index: Quality.NO_RESPONSE
                for index, metric in enumerate(self.profile.metrics())
                if metric.name in ended
            }
        return Sample(self.id, self._clock.now_ms(), values, marks, self._clock.monotonic())

    def _decode(self, frame: bytes) -> Sequence[Measurement]:
        protocol = self.profile.protocol
        try:
            if protocol is Protocol.WEIGHT_SCALE_SERVICE:
                return [decode_weight_measurement(frame)]
            if protocol is not Protocol.UART_TEXT:
                found = decode_broadcast("0x181b" if protocol is Protocol.BROADCAST_181B else "0x181d", frame)
                return [found] if found is not None and found.stable else []
        except FrameError as error:
            self._refuse(error)
            return []
        measurements = []
        for line in self._lines.feed(frame):
            try:
                measurements.append(decode_line(line))
            except FrameError as error:  # half a line after a link was made is usual
                self._refuse(error)
        return measurements

    def _refuse(self, error: FrameError) -> None:
        self.refused_frames += 1
        _log.log(logging.WARNING if self.refused_frames == 1 else logging.DEBUG, "scale %s: %s", self.id, error)

    async def _take_finished(self, measurement: Measurement, at_ms: int, sink: Sink) -> None:
        new = self._repeats.is_new(measurement, at_ms)
        self._repeats.remember(measurement, at_ms)
        if new:
            await self._record(measurement, at_ms, sink)

    async def _take_stream(self, measurement: Measurement, at_ms: int, sink: Sink) -> None:
        fault, self._fault = self._fault, measurement.fault
        if measurement.fault:
            if measurement.fault != fault:
                await self._record(measurement, at_ms, sink)
            return
        kg = measurement.kg
        if measurement.stable and kg is not None and abs(kg) < self.profile.least_kg and measurement.mode != "tare":
            self.zero = kg
        was = self._loads.weighed
        if self._loads.is_new(measurement):
            self._loads.remember(measurement)
            await self._record(measurement, at_ms, sink)
        elif was is not None and self._loads.weighed is None:  # taken off: the next load counts, also after a restart
            await sink.record([], self._memory())

    async def _record(self, measurement: Measurement, at_ms: int, sink: Sink) -> None:
        event = self._event(measurement, at_ms)
        await sink.record([event], self._memory())
        if measurement.kg is not None:
            self.weighings += 1
            self.weight = measurement.kg
            sink.sample(self.sample())

    def _event(self, measurement: Measurement, at_ms: int) -> Event:
        device = self.device
        return weighing_event(
            measurement,
            device=device.id,
            address=device.address,
            station=device.station,
            zone=device.timezone,
            at_ms=at_ms,
        )

    def _memory(self) -> dict[str, str | None]:
        return {self._key: json.dumps({"repeats": self._repeats.dump(), "load": self._loads.weighed})}

    @property
    def _key(self) -> str:
        return f"scale.{self.device.address}"

    def _calibration_days(self) -> int | None:
        due = self.device.calibration_due
        if due is None:
            return None
        return (due - datetime.fromtimestamp(self._clock.now_ms() / 1000, UTC).date()).days

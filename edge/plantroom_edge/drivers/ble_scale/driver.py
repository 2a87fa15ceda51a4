"""The driver of Bluetooth scales: one adapter, one scanner, a task per scale."""

import asyncio
import logging
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import Any

from plantroom_edge.driver import Described, Found, MetricFilter, Outcome, Sink
from plantroom_edge.drivers.ble_scale.config import BleBus, BleScaleDevice
from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile, Protocol
from plantroom_edge.drivers.ble_scale.radio import Heard, Link, LinkLostError, Radio, RadioLostError
from plantroom_edge.drivers.ble_scale.scale import Scale
from plantroom_edge.drivers.ble_scale.silence import Remedy, SilenceWatch
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice

_log = logging.getLogger(__name__)

WEIGHT_MEASUREMENT = "00002a9d-0000-1000-8000-00805f9b34fb"
UART_TRANSMIT = "6e400003-b5a3-f393-e0a9-e50e24dcca9e"
WEIGHT_SCALE_FEATURE = "00002a9e-0000-1000-8000-00805f9b34fb"  #: every such scale has it, readable
BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
#: How long a probe listens for each scale.
PROBE_S = 10.0
#: A battery lasts months: so often it is read.
BATTERY_EVERY_S = 900.0
#: Frames that may wait while the disk refuses; then the link is given up, so that the scale keeps what it has.
MOST_FRAMES = 5_000
#: How metrics are reported: changes smaller than this are none.
_DEADBANDS = {"rssi": 4.0, "battery": 1.0, "zero": 0.004}


class BleScaleDriver:
    """Owns one Bluetooth adapter."""

    def __init__(self, bus: BleBus, devices: Sequence[tuple[BleScaleDevice, BleScaleProfile]], clock: Clock) -> None:
        self._config = bus
        self._clock = clock
        self._scales = {device.address: Scale(device, profile, clock) for device, profile in devices}
        self._frames: dict[str, asyncio.Queue[tuple[int, bytes] | None]] = {}
        self._radio = Radio(
            bus.adapter, bus.dbus_address, clock, self._hear, self._scales.keys(), may_switch=bus.power_cycle
        )
        self._state: dict[str, str] = {}
        self._lost = 0
        self._opened_at = 0.0

    @property
    def bus(self) -> str:
        return self._config.id

    @property
    def authorities(self) -> Collection[str]:
        return ()

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        return f"bus {self.bus!r} decides nothing by {name!r}"

    def describe(self) -> Sequence[Described]:
        return [Described(_birth(scale), _filters(scale)) for scale in self._scales.values()]

    async def run(self, sink: Sink) -> None:
        for scale in self._scales.values():
            await scale.restore(sink)

        async def session(connected: Callable[[], None]) -> None:
            try:
                await self._radio.open()
                self._opened_at = self._clock.monotonic()
                connected()
                await self._listen(sink)
            except RadioLostError as error:
                self._lost += 1
                self._all_away(sink, str(error))
                raise

        await keep_connected(
            f"bus {self.bus}",
            session,
            errors=(RadioLostError,),
            clock=self._clock,
            backoff=Backoff(first=0.2, longest=10.0),
            log=_log,
        )

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:  # noqa: ARG002
        return Outcome("refused", f"a scale takes no commands; {action!r} is none")

    async def probe(self) -> Sequence[Found]:
        waiting = {address: asyncio.Event() for address in self._scales}
        heard: dict[str, Heard] = {}

        def hear(item: Heard) -> None:
            if item.address in waiting:
                heard[item.address] = item
                waiting[item.address].set()

        radio = Radio(self._config.adapter, self._config.dbus_address, self._clock, hear, self._scales.keys())
        try:
            await radio.open()
        except RadioLostError as error:
            return [Found(scale.id, False, f"bus {self.bus!r}: {error}") for scale in self._scales.values()]
        found = []
        try:
            for address, scale in self._scales.items():
                start = self._clock.monotonic()
                try:
                    async with asyncio.timeout(PROBE_S):
                        await waiting[address].wait()
                except TimeoutError:
                    hint = "; it sleeps until somebody weighs" if scale.profile.sleeps else ""
                    found.append(Found(scale.id, False, f"{address} was not heard within {PROBE_S:g} s{hint}"))
                    continue
                found.append(await _try(radio, scale, heard[address], self._clock.monotonic() - start))
        finally:
            await radio.close()
        return found

    def health(self) -> Mapping[str, Value]:
        figures: dict[str, Value] = {
            "utilisation": 0.0,
            "requests": sum(scale.weighings for scale in self._scales.values()),
            "timeouts": self._lost,
        }
        for scale in self._scales.values():
            figures[f"success.{scale.id}"] = 1.0 if scale.link() != "away" or scale.profile.sleeps else 0.0
        return figures

    async def _listen(self, sink: Sink) -> None:
        """Until there is no Bluetooth any more: then raises RadioLostError."""
        try:
            async with asyncio.TaskGroup() as tasks:
                running = [
                    tasks.create_task(self._radio.watch(), name=f"bus {self.bus} D-Bus"),
                    tasks.create_task(self._watch_scan(), name=f"bus {self.bus} scan"),
                    tasks.create_task(self._report(sink), name=f"bus {self.bus} report"),
                ]
                for scale in self._scales.values():
                    work = self._hold(scale, sink) if scale.profile.protocol.connects else self._overhear(scale, sink)
                    running.append(tasks.create_task(work, name=f"scale {scale.id}"))
                await self._radio.lost.wait()
                for task in running:
                    task.cancel()
        finally:
            await self._radio.close()
        raise RadioLostError(self._radio.why)

    def _hear(self, heard: Heard) -> None:
        scale = self._scales.get(heard.address)
        if scale is None:
            return
        scale.hear(heard)
        frame = scale.broadcast(heard)
        frames = self._frames.get(scale.id)
        if frame is not None and frames is not None and not frames.full():  # a broadcast comes again
            frames.put_nowait((self._clock.now_ms(), frame))

    async def _watch_scan(self) -> None:
        """A scan that hears nobody for long may have died with the adapter."""
        watch = SilenceWatch(self._config.silence)
        while True:
            at, due = self._clock.monotonic(), watch.due_at(self._radio.heard_at, self._radio.scan_at)
            if at < due:
                await self._clock.sleep(due - at)
                continue
            remedy = watch.remedy(at, linked=self._radio.linked)
            _log.info("bus %s: nobody was heard for %.0f s", self.bus, at - self._radio.heard_at)
            await (self._radio.switch() if remedy is Remedy.SWITCH else self._radio.scan_again())

    async def _report(self, sink: Sink) -> None:
        while True:
            for scale in self._scales.values():
                self._tell(scale, sink)
            await self._clock.sleep(self._config.report)

    async def _overhear(self, scale: Scale, sink: Sink) -> None:
        """A scale that only broadcasts."""
        frames = self._frames.setdefault(scale.id, asyncio.Queue(MOST_FRAMES))  # what was heard before is taken as well
        while True:
            item = await frames.get()
            if item is not None:
                await scale.take(item[1], item[0], sink)

    async def _hold(self, scale: Scale, sink: Sink) -> None:
        """A scale that is connected, again and again."""

        async def session(connected: Callable[[], None]) -> None:
            heard = await scale.next_heard()
            frames: asyncio.Queue[tuple[int, bytes] | None] = asyncio.Queue(MOST_FRAMES)
            link = await self._radio.connect(heard, lambda: _put(frames, None))
            try:
                scale.begin()
                characteristic = UART_TRANSMIT if scale.profile.protocol.streams else WEIGHT_MEASUREMENT
                await link.notify(characteristic, lambda frame: _put(frames, (self._clock.now_ms(), frame)))
                connected()
                scale.connected = True
                await self._read_battery(scale, link)
                self._tell(scale, sink)
                await self._follow(scale, link, frames, sink)
            finally:
                scale.connected = False
                try:
                    await _take_rest(scale, frames, sink)
                finally:
                    await link.close()
                    await _take_rest(scale, frames, sink)  # until the link was given back, BlueZ confirmed what came
                self._tell(scale, sink)

        await keep_connected(
            f"scale {scale.id}",
            session,
            errors=(LinkLostError,),
            clock=self._clock,
            backoff=Backoff(first=0.1, longest=4.0),
            log=_log,
        )

    async def _follow(
        self, scale: Scale, link: Link, frames: "asyncio.Queue[tuple[int, bytes] | None]", sink: Sink
    ) -> None:
        """Take what comes until the link is gone; silence is tried by a read, for a dead link may say nothing."""
        battery_at = self._clock.monotonic()
        while True:
            try:
                async with asyncio.timeout(scale.profile.silence_s):
                    item = await frames.get()
            except TimeoutError:
                if scale.profile.protocol.streams:
                    raise LinkLostError(f"said nothing for {scale.profile.silence_s:g} s") from None
                if await self._read_battery(scale, link) is None:
                    await link.read(WEIGHT_SCALE_FEATURE)
                continue
            if item is None:
                raise LinkLostError("the link was lost")
            await scale.take(item[1], item[0], sink)
            if self._clock.monotonic() - battery_at >= BATTERY_EVERY_S:
                battery_at = self._clock.monotonic()
                await self._read_battery(scale, link)

    async def _read_battery(self, scale: Scale, link: Link) -> bytes | None:
        level = await link.read(BATTERY_LEVEL)
        scale.battery = level[0] if level else None
        return level

    def _tell(self, scale: Scale, sink: Sink) -> None:
        link = scale.link()
        if (
            link == "away"
            and scale.heard is None
            and self._clock.monotonic() - self._opened_at < scale.profile.away_after_s
        ):
            return  # the scan has just begun: nobody knows yet
        sink.sample(scale.sample())
        state = "silent" if link == "away" and not scale.profile.sleeps else "ok"
        if self._state.get(scale.id) != state:
            self._change(scale, state, "" if state == "ok" else "not heard", sink)

    def _all_away(self, sink: Sink, why: str) -> None:
        for scale in self._scales.values():
            scale.heard = None
            sink.sample(scale.sample())
            if self._state.get(scale.id) != "silent":
                self._change(scale, "silent", why, sink)

    def _change(self, scale: Scale, state: str, reason: str, sink: Sink) -> None:
        self._state[scale.id] = state
        _log.log(logging.INFO if state == "ok" else logging.WARNING, "scale %s: %s %s", scale.id, state, reason)
        data = {"state": state, "reason": reason or state}
        sink.event(
            Event(id=uuid.uuid4().hex, kind="device.state", time=self._clock.now_ms(), device=scale.id, data=data)
        )


async def _take_rest(scale: Scale, frames: "asyncio.Queue[tuple[int, bytes] | None]", sink: Sink) -> None:
    """What came before the end is still a weighing."""
    while not frames.empty():
        item = frames.get_nowait()
        if item is not None:
            await scale.take(item[1], item[0], sink)


def _put(frames: "asyncio.Queue[tuple[int, bytes] | None]", item: tuple[int, bytes] | None) -> None:
    """Never blocks: when too much waits for the disk, the link ends, and a scale that remembers sends it again."""
    if frames.full():
        frames.get_nowait()
        item = None
    frames.put_nowait(item)


async def _try(radio: Radio, scale: Scale, heard: Heard, took: float) -> Found:
    values: dict[str, Value] = {"rssi": heard.rssi}
    if not scale.profile.protocol.connects:
        said = scale.broadcast(heard) is not None
        detail = "heard" if said else f"heard, but it broadcasts no {scale.profile.protocol.value}"
        return Found(scale.id, said, detail, values, took * 1000)
    try:
        link = await radio.connect(heard, lambda: None)
    except LinkLostError as error:
        return Found(scale.id, False, str(error), values, took * 1000)
    try:
        characteristic = UART_TRANSMIT if scale.profile.protocol is Protocol.UART_TEXT else WEIGHT_MEASUREMENT
        await link.notify(characteristic, lambda _frame: None)
        level = await link.read(BATTERY_LEVEL)
        if level:
            values["battery"] = level[0]
    except LinkLostError as error:
        return Found(scale.id, False, str(error), values, took * 1000)
    finally:
        await link.close()
    return Found(scale.id, True, "connected", values, took * 1000)


def _birth(scale: Scale) -> BirthDevice:
    device, profile = scale.device, scale.profile
    return BirthDevice(
        device=device.id,
        label=device.label or f"{profile.maker} {profile.model}",
        profile=device.profile,
        kind=profile.kind,
        location=device.location,
        station=device.station,
        metrics=profile.metrics(),
        rules=profile.suggested_rules(),
        actions=profile.actions(),
        identity={"maker": profile.maker, "model": profile.model, "address": device.address},
    )


def _filters(scale: Scale) -> list[MetricFilter]:
    return [
        MetricFilter(metric.name, _DEADBANDS.get(metric.name, 0.0), metric.minimum, metric.maximum)
        for metric in scale.profile.metrics()
    ]

"""The Modbus driver: one bus, its devices, their periods and their commands."""

import asyncio
import logging
import struct
import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from plantroom_edge.driver import Described, Found, MetricFilter, Outcome, Sample, Sink
from plantroom_edge.drivers.modbus.adapter import ExceptionAnswerError, LinkLostError, ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.command import carry_out, find_command
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.drivers.modbus.profile import ModbusProfile
from plantroom_edge.drivers.modbus.reader import DeviceReader, WrongIdentityError
from plantroom_edge.drivers.modbus.schedule import Schedule
from plantroom_edge.drivers.modbus.unit import Unit
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Event, Value
from plantroom_shared.cancellation import stop_if_cancelled
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

#: Utilisation is told for at least this time back, whoever asks and how often.
UTILISATION_WINDOW_S = 60.0
MARK_S = 1.0
#: With nothing to read a bus only waits for commands.
IDLE_S = 60.0

_QUALITY = {
    NoAnswerError: Quality.NO_RESPONSE,
    ExceptionAnswerError: Quality.DEVICE_ERROR,
    WrongIdentityError: Quality.WRONG_IDENTITY,
}


class _Pending:
    """A command waiting for the bus."""

    def __init__(self, device: str, action: str, args: Mapping[str, Any]) -> None:
        self.device = device
        self.action = action
        self.args = args
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        """Answer the one who waits, once."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)


class ModbusDriver:
    """Owns one bus: reads each device once a period, carries out commands before anything else."""

    def __init__(
        self, bus: TcpBus | RtuBus | RtuOverTcpBus, devices: Sequence[tuple[ModbusDevice, ModbusProfile]], clock: Clock
    ) -> None:
        self._config = bus
        self._clock = clock
        rtu = not isinstance(bus, TcpBus)
        self._bus = ModbusBus(ModbusLink(bus), clock, rtu=rtu, timeout=bus.timeout, byte_s=bus.byte_s)
        self._readers = {device.id: DeviceReader(device, profile) for device, profile in devices}
        self._state: dict[str, str] = {}
        self._learnt: dict[str, str | None] = {}  #: as it is remembered
        self._remembering: set[asyncio.Task[None]] = set()
        self._commands: deque[_Pending] = deque()
        self._wake = asyncio.Event()
        self._marks = deque([(clock.monotonic(), 0.0)])  #: (time, busy seconds until then) within the window

    @property
    def bus(self) -> str:
        return self._config.id

    @property
    def authorities(self) -> Collection[str]:
        return ()

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        return f"bus {self.bus!r} decides nothing by {name!r}"

    def describe(self) -> Sequence[Described]:
        return [Described(_birth(reader), _filters(reader)) for reader in self._readers.values()]

    async def run(self, sink: Sink) -> None:
        backoff = Backoff(first=0.5, longest=10.0)
        await self._recall(sink)

        async def session(connected: Any) -> None:
            try:
                await self._bus.link.open()
                connected()
                await self._poll(sink)
            except LinkLostError:
                self._all_silent(sink)
                raise
            finally:
                self._bus.link.close()
                self._refuse_commands()

        try:
            await keep_connected(
                f"bus {self.bus}", session, errors=(LinkLostError,), clock=self._clock, backoff=backoff, log=_log
            )
        finally:
            for task in self._remembering:
                task.cancel()
            await asyncio.gather(*self._remembering, return_exceptions=True)

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        if device not in self._readers:
            return Outcome("refused", f"there is no device {device!r} on bus {self.bus!r}")
        if not self._bus.link.connected:
            return Outcome("failed", f"bus {self.bus!r} is not connected; nothing was sent")
        pending = _Pending(device, action, args)
        self._commands.append(pending)
        self._wake.set()
        return await pending.outcome

    async def probe(self) -> Sequence[Found]:
        found = []
        try:
            await self._bus.link.open()
        except LinkLostError as error:
            return [Found(name, False, f"bus {self.bus!r}: {error}") for name in self._readers]
        try:
            for name, reader in self._readers.items():
                start = self._clock.monotonic()
                try:
                    values, marks = await reader.read(self._bus)
                except (NoAnswerError, ExceptionAnswerError, WrongIdentityError) as error:
                    found.append(Found(name, False, str(error)))
                    continue
                metrics = [register.metric for register in reader.profile.visible]
                bad = [f"{metrics[index]}: {mark}" for index, mark in marks.items() if index is not None]
                took = (self._clock.monotonic() - start) * 1000
                found.append(
                    Found(name, True, ", ".join(bad) or "answers", dict(zip(metrics, values, strict=True)), took)
                )
        except LinkLostError as error:
            seen = {item.device for item in found}
            found += [Found(name, False, str(error)) for name in self._readers if name not in seen]
        finally:
            self._bus.link.close()
        return found

    def health(self) -> Mapping[str, Value]:
        now = self._clock.monotonic()
        busy = self._bus.busy_s
        if now - self._marks[-1][0] >= MARK_S:
            self._marks.append((now, busy))
        while len(self._marks) > 1 and now - self._marks[1][0] >= UTILISATION_WINDOW_S:
            self._marks.popleft()
        since, busy_then = self._marks[0]
        figures: dict[str, Value] = {
            "utilisation": round(min(1.0, (busy - busy_then) / max(now - since, 1e-3)), 4),
            "requests": self._bus.requests,
            "timeouts": self._bus.timeouts,
        }
        for name, reader in self._readers.items():
            figures[f"success.{name}"] = round(self._bus.unit(reader.device.unit).success, 4)
        return figures

    async def _poll(self, sink: Sink) -> None:
        """Commands first, then what is due: alarm points before telemetry."""
        readers = self._readers.values()
        schedule = Schedule([(r, r.device.period, r.urgent) for r in readers], self._clock.monotonic())
        while True:
            stop_if_cancelled()
            await self._serve_commands()
            now = self._clock.monotonic()
            reader = schedule.take(now)
            if reader is None:
                await self._wait(schedule.wait(now) or IDLE_S)
                continue
            unit = self._bus.unit(reader.device.unit)
            if not unit.breaker.open or now >= unit.breaker.probe_at:
                await self._read(reader, unit, sink)
            schedule.done(reader, self._clock.monotonic())

    async def _wait(self, seconds: float) -> None:
        """Until then, or until a command comes."""
        self._wake.clear()
        handle = asyncio.get_running_loop().call_later(seconds, self._wake.set)
        try:
            await self._wake.wait()
        finally:
            handle.cancel()

    async def _read(self, reader: DeviceReader, unit: Unit, sink: Sink) -> None:
        name = reader.device.id
        try:
            if unit.breaker.open:  # its neighbours pay for one short request, not for a cycle
                await reader.probe(self._bus)
            values, marks = await reader.read(self._bus, self._serve_commands)
        except (NoAnswerError, ExceptionAnswerError, WrongIdentityError) as error:
            unit.breaker.failed(self._clock.monotonic())
            if unit.breaker.open:
                reader.forget()
                self._silent(reader, _QUALITY[_base(error)], str(error), sink)
            return
        unit.breaker.succeeded()
        if self._state.get(name) != "ok":
            self._tell(name, "ok", reader.unverified, sink)
        sink.sample(Sample(name, self._clock.now_ms(), values, marks, self._clock.monotonic()))
        if (learnt := reader.learnt()) != self._learnt.get(name):
            self._learnt[name] = learnt
            self._remember(sink, name, learnt)

    async def _recall(self, sink: Sink) -> None:
        """What was learnt of the devices before the agent was started."""
        for name, reader in self._readers.items():
            learnt = await sink.recall(_memory(name))
            if learnt is not None:
                reader.recall(learnt)
                self._learnt[name] = learnt

    def _remember(self, sink: Sink, name: str, learnt: str | None) -> None:
        """Durably, without waiting: the line goes on whatever the disk does."""
        task = asyncio.create_task(sink.record([], {_memory(name): learnt}), name=f"remember {name}")
        self._remembering.add(task)
        task.add_done_callback(self._remembering.discard)

    def _all_silent(self, sink: Sink) -> None:
        for reader in self._readers.values():
            self._silent(reader, Quality.NO_RESPONSE, f"bus {self.bus!r} is not connected", sink)

    def _silent(self, reader: DeviceReader, quality: Quality, reason: str, sink: Sink) -> None:
        """Its values have ended: say so once, so that a held value is never taken for a known one."""
        name = reader.device.id
        if self._state.get(name) == quality:
            return
        self._tell(name, quality, reason, sink)
        nothing: list[Value] = [None] * len(reader.profile.visible)
        sink.sample(Sample(name, self._clock.now_ms(), nothing, {None: quality}, self._clock.monotonic()))

    def _tell(self, name: str, state: str, reason: str, sink: Sink) -> None:
        self._state[name] = state
        _log.log(logging.INFO if state == "ok" else logging.WARNING, "device %s: %s %s", name, state, reason)
        data = {"state": "ok" if state == "ok" else "silent", "reason": reason or state}
        sink.event(Event(id=uuid.uuid4().hex, kind="device.state", time=self._clock.now_ms(), device=name, data=data))

    async def _serve_commands(self) -> None:
        while self._commands:
            await self._serve(self._commands.popleft())

    async def _serve(self, pending: _Pending) -> None:
        reader = self._readers[pending.device]
        allowed = _allowed(reader.device, reader.profile)
        command = find_command(reader.profile, pending.action) if pending.action in allowed else None
        if command is None:
            known = ", ".join(allowed) or "none"
            pending.settle(Outcome("refused", f"no action {pending.action!r}; this device has: {known}"))
            return
        outcome = Outcome("unconfirmed", "the driver was stopped while it was carried out")
        try:
            outcome = await carry_out(command, pending.args, reader, self._bus, self._clock)
        except LinkLostError as error:
            outcome = Outcome("unconfirmed", f"the bus was lost while it was sent: {error}")
            raise
        except struct.error:
            outcome = Outcome("refused", f"{pending.args.get('value')!r} does not fit the register")
        finally:  # also when the driver is stopped meanwhile: nobody may wait for ever
            pending.settle(outcome)

    def _refuse_commands(self) -> None:
        while self._commands:
            pending = self._commands.popleft()
            pending.settle(Outcome("failed", f"bus {self.bus!r} was lost; nothing was sent"))


def _memory(device: str) -> str:
    return f"blocks.{device}"


def _base(error: Exception) -> type[Exception]:
    return next(kind for kind in _QUALITY if isinstance(error, kind))


def _birth(reader: DeviceReader) -> BirthDevice:
    device, profile = reader.device, reader.profile
    return BirthDevice(
        device=device.id,
        label=device.label or f"{profile.maker} {profile.model}",
        profile=device.profile,
        kind=profile.kind,
        location=device.location,
        station=device.station,
        period_s=device.period,
        metrics=profile.metrics(),
        rules=profile.suggested_rules(),
        actions=[action for action in profile.actions() if action.name in _allowed(device, profile)],
        identity={"maker": profile.maker, "model": profile.model},
    )


def _allowed(device: ModbusDevice, profile: ModbusProfile) -> list[str]:
    """Actions of the profile that the device's entry does not shut out."""
    actions = [command.action for command in profile.commands]
    return actions if device.commands is None else [action for action in actions if action in device.commands]


def _filters(reader: DeviceReader) -> list[MetricFilter]:
    return [MetricFilter(r.metric, r.deadband, r.minimum, r.maximum) for r in reader.profile.visible]

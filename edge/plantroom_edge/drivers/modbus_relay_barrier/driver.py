"""The driver of gates behind relay boards: reads the contacts, has the board pulse its relays, waits for the limits.

The board times each pulse, so that a gateway that dies leaves no relay on. A pulse is sent once; only a limit switch
confirms it.
"""

import asyncio
import logging
import uuid
from collections import deque
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from plantroom_edge.access.decision import Mode
from plantroom_edge.driver import Described, Found, MetricFilter, Outcome, Sample, Signal, Sink
from plantroom_edge.drivers.modbus.adapter import ExceptionAnswerError, LinkLostError, ModbusLink, NoAnswerError
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.unit import Unit
from plantroom_edge.drivers.modbus_relay_barrier.config import BarrierDevice, BarrierRtu, BarrierTcp
from plantroom_edge.drivers.modbus_relay_barrier.decode import Position
from plantroom_edge.drivers.modbus_relay_barrier.gate import Gate, Pending
from plantroom_edge.drivers.modbus_relay_barrier.profile import BarrierProfile
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

ON, OFF = 0xFF00, 0x0000
MODES = {"hold": Mode.HELD, "release": Mode.NORMAL, "lock-down": Mode.LOCKED, "lift": Mode.NORMAL}
_NOT_TOLD = "a vehicle stands on the loop: it was not told to close"
#: What that makes of each command: a lock-down is in force, but the gate is open.
_OCCUPIED = {"close": "failed", "release": "done", "lock-down": "unconfirmed"}


class BarrierDriver:
    """Owns the line of one or more boards."""

    def __init__(
        self, bus: BarrierTcp | BarrierRtu, devices: Sequence[tuple[BarrierDevice, BarrierProfile]], clock: Clock
    ) -> None:
        self._config = bus
        self._clock = clock
        self._bus = ModbusBus(ModbusLink(bus.modbus()), clock, rtu=isinstance(bus, BarrierRtu), timeout=bus.timeout)
        self._gates = {device.id: Gate(device, profile) for device, profile in devices}
        self._asked: deque[Pending] = deque()
        self._wake = asyncio.Event()
        self._sink: Sink | None = None

    @property
    def bus(self) -> str:
        return self._config.id

    @property
    def authorities(self) -> Collection[str]:
        return ()

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        return f"bus {self.bus!r} decides nothing by {name!r}"

    def describe(self) -> Sequence[Described]:
        return [_described(gate) for gate in self._gates.values()]

    async def run(self, sink: Sink) -> None:
        for gate in self._gates.values():
            gate.mode = Mode(await sink.recall(f"mode.{gate.id}") or Mode.NORMAL)
            sink.signal(Signal(gate.id, "mode", {"mode": gate.mode.value}))
        self._sink = sink
        backoff = Backoff(first=0.3, longest=5.0)

        async def session(connected: Any) -> None:
            try:
                await self._bus.link.open()
                connected()
                await self._work(sink)
            except LinkLostError:
                for gate in self._gates.values():
                    self._silent(gate, f"bus {self.bus!r} is not connected", sink)
                raise
            finally:
                self._bus.link.close()
                for gate in self._gates.values():
                    gate.give_up(Outcome("unconfirmed", "the board was lost before the gate was seen to arrive"))
                while self._asked:
                    self._asked.popleft().settle(Outcome("failed", f"bus {self.bus!r} was lost; nothing was sent"))

        await keep_connected(
            f"bus {self.bus}", session, errors=(LinkLostError,), clock=self._clock, backoff=backoff, log=_log
        )

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        gate = self._gates.get(device)
        if gate is None:
            return Outcome("refused", f"there is no gate {device!r} on bus {self.bus!r}")
        known = [each.name for each in gate.profile.actions()]
        if action not in known:
            return Outcome("refused", f"no action {action!r}; this gate has: {', '.join(known)}")
        if (why := gate.refuses(action, args)) is not None:
            return Outcome("refused", why)
        if action in MODES:  # in force from now on, whether the board can be reached or not
            await self._set_mode(gate, MODES[action], action)
        if action == "lift":
            return Outcome("done", "cards and commands open it again")
        if not self._bus.link.connected:
            said = f"; {action} is in force on the gateway" if action in MODES else ""
            return Outcome("failed", f"bus {self.bus!r} is not connected; nothing was sent{said}")
        pending = Pending(gate, action, args)
        self._asked.append(pending)
        self._wake.set()
        return await pending.outcome

    async def probe(self) -> Sequence[Found]:
        found = []
        try:
            await self._bus.link.open()
            for gate in self._gates.values():
                start = self._clock.monotonic()
                try:
                    await self._read(gate)
                except (NoAnswerError, ExceptionAnswerError) as error:
                    found.append(Found(gate.id, False, str(error)))
                    continue
                took = (self._clock.monotonic() - start) * 1000
                values = dict(zip(gate.names, gate.values(), strict=True))
                found.append(Found(gate.id, True, "answers", values, took))
        except LinkLostError as error:
            seen = {each.device for each in found}
            found += [Found(name, False, f"bus {self.bus!r}: {error}") for name in self._gates if name not in seen]
        finally:
            self._bus.link.close()
        return found

    def health(self) -> Mapping[str, Value]:
        shares = {f"success.{name}": round(self._unit(gate).success, 4) for name, gate in self._gates.items()}
        return {"utilisation": 0.0, "requests": self._bus.requests, "timeouts": self._bus.timeouts} | shares

    async def _work(self, sink: Sink) -> None:
        due = dict.fromkeys(self._gates, self._clock.monotonic())
        while True:
            while self._asked:
                await self._serve(self._asked.popleft(), sink)
            now = self._clock.monotonic()
            for name, gate in self._gates.items():
                breaker = self._unit(gate).breaker
                if due[name] <= now and (not breaker.open or now >= breaker.probe_at):
                    await self._poll(gate, sink)
                    due[name] = max(due[name] + gate.device.period, self._clock.monotonic())
                elif breaker.open:
                    due[name] = breaker.probe_at
            await self._wait(min(due.values(), default=now + 60) - self._clock.monotonic())

    async def _wait(self, seconds: float) -> None:
        if self._asked:
            return
        self._wake.clear()
        try:
            async with asyncio.timeout(max(0.0, seconds)):
                await self._wake.wait()
        except TimeoutError:
            return

    async def _poll(self, gate: Gate, sink: Sink) -> bool:
        """Read and report; whether it answered."""
        breaker = self._unit(gate).breaker
        try:
            forced = await self._read(gate)
        except (NoAnswerError, ExceptionAnswerError) as error:
            breaker.failed(self._clock.monotonic())
            if breaker.open:
                self._silent(gate, str(error), sink)
            gate.judge(self._clock.monotonic())
            return False
        breaker.succeeded()
        self._tell(gate, "ok", "", sink)
        if forced:
            _log.warning("gate %s: opened, and nobody asked", gate.id)
            sink.event(self._event("access.forced", gate, {"position": gate.values()[0]}))
        sink.sample(Sample(gate.id, self._clock.now_ms(), gate.values(), {}, self._clock.monotonic()))
        gate.judge(self._clock.monotonic())
        return True

    async def _read(self, gate: Gate) -> bool:
        bits = await self._bus.read(gate.block, self._unit(gate))
        assert isinstance(bits, list)
        return gate.feed(bits, self._clock.monotonic())

    async def _serve(self, pending: Pending, sink: Sink) -> None:
        """One command: look, tell the board once, and expect what a limit switch must confirm."""
        gate = pending.gate
        try:
            if not await self._poll(gate, sink):
                pending.settle(Outcome("failed", "the board does not answer; nothing was sent"))
            elif pending.action == "open" and (why := gate.refuses("open", pending.args)) is not None:
                pending.settle(Outcome("refused", why))  # it was locked down while this waited
            else:
                await self._tell_board(pending)
        except LinkLostError as error:
            pending.settle(Outcome("unconfirmed", f"the bus was lost while it was sent: {error}"))
            raise
        except asyncio.CancelledError:
            pending.settle(Outcome("unconfirmed", "the driver was stopped while it was sent"))
            raise

    async def _tell_board(self, pending: Pending) -> None:
        gate, outputs, now = pending.gate, pending.gate.profile.outputs, self._clock.monotonic()
        before, sure = gate.position(), True
        unit = self._unit(gate)
        try:
            match pending.action:
                case "open":
                    if gate.mode is Mode.HELD and before is Position.OPEN:
                        pending.settle(Outcome("done", "it is held open", before))
                        return
                    gate.told_open(now)
                    await self._bus.write_raw(outputs.pulse_base + outputs.open, outputs.pulse_ms // 100, unit)
                case "hold":
                    assert outputs.hold is not None
                    gate.told_open(now)
                    await self._bus.write_raw(outputs.hold, ON, unit)
                case _:  # close, release, lock-down
                    if outputs.hold is not None and pending.action != "close":
                        await self._bus.write_raw(outputs.hold, OFF, unit)
                    if gate.occupied and before is not Position.CLOSED:
                        pending.settle(Outcome(_OCCUPIED[pending.action], _NOT_TOLD, before))
                        return
                    gate.told_close(now)
                    if before is not Position.CLOSED:
                        await self._bus.write_raw(outputs.pulse_base + outputs.close, outputs.pulse_ms // 100, unit)
        except ExceptionAnswerError as error:
            pending.settle(Outcome("failed", f"the board refused it: {error}"))
            return
        except NoAnswerError:
            sure = False  # it may have acted: only the limit switches can tell, never a second pulse
        gate.expect(pending, "open" if pending.action in ("open", "hold") else "closed", now, sure=sure)

    async def _set_mode(self, gate: Gate, mode: Mode, action: str) -> None:
        gate.mode = mode
        if self._sink is None:
            return
        event = self._event("access.mode", gate, {"mode": mode.value, "action": action})
        await self._sink.record([event], {f"mode.{gate.id}": mode.value})
        self._sink.signal(Signal(gate.id, "mode", {"mode": mode.value}))

    def _silent(self, gate: Gate, reason: str, sink: Sink) -> None:
        """Its values have ended: say so once."""
        gate.forget()
        if self._tell(gate, "silent", reason, sink):
            nothing: list[Value] = [None] * len(gate.names)
            now, monotonic = self._clock.now_ms(), self._clock.monotonic()
            sink.sample(Sample(gate.id, now, nothing, {None: Quality.NO_RESPONSE}, monotonic))

    def _tell(self, gate: Gate, state: str, reason: str, sink: Sink) -> bool:
        if gate.state == state:
            return False
        gate.state = state
        sink.event(self._event("device.state", gate, {"state": state, "reason": reason or state}))
        return True

    def _event(self, kind: str, gate: Gate, data: Mapping[str, Any]) -> Event:
        now = self._clock.now_ms()
        return Event(id=uuid.uuid4().hex, kind=kind, time=now, device=gate.id, data=dict(data))

    def _unit(self, gate: Gate) -> Unit:
        return self._bus.unit(gate.device.unit)


def _described(gate: Gate) -> Described:
    device, profile = gate.device, gate.profile
    birth = BirthDevice(
        device=device.id,
        label=device.label or f"{profile.maker} {profile.model}",
        profile=device.profile,
        kind=profile.kind,
        location=device.location,
        station=device.station,
        period_s=device.period,
        metrics=profile.metrics(),
        rules=profile.suggested_rules(),
        actions=profile.actions(),
        identity={"maker": profile.maker, "model": profile.model},
    )
    return Described(birth, [MetricFilter(name) for name in gate.names])

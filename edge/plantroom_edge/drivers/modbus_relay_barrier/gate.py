"""One gate of a bus: what it was told, what it shows, and the commands that wait to see it arrive."""

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any, Literal

from plantroom_edge.access.decision import Mode
from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.profile import Table
from plantroom_edge.drivers.modbus_relay_barrier.config import BarrierDevice
from plantroom_edge.drivers.modbus_relay_barrier.decode import Position, read_inputs
from plantroom_edge.drivers.modbus_relay_barrier.profile import BarrierProfile
from plantroom_edge.drivers.modbus_relay_barrier.watch import Expectation, Watch, patience
from plantroom_shared.batch import Value


class Gate:
    """State of a gate; times in seconds of monotonic time."""

    def __init__(self, device: BarrierDevice, profile: BarrierProfile) -> None:
        self.device = device
        self.profile = profile
        self.id = device.id
        self.names = [metric.name for metric in profile.metrics()]
        self.block = Block(Table.DISCRETE, 0, profile.inputs.count, ())
        self.state = ""
        self._travel_s = device.travel or profile.travel_s
        self._watch = Watch(self._travel_s, opens_itself=device.opens_itself)
        self._mode = Mode.NORMAL
        self._openings = 0
        self._expected: list[tuple[Expectation, Pending]] = []

    @property
    def mode(self) -> Mode:
        return self._mode

    @mode.setter
    def mode(self, mode: Mode) -> None:
        self._mode = mode
        self._watch.held = mode is Mode.HELD

    @property
    def occupied(self) -> bool:
        """A vehicle stands on the loop."""
        return self._watch.inputs is not None and self._watch.inputs.loop is True

    def position(self) -> Position | None:
        """Where it was last seen; None when it cannot be read."""
        return self._watch.position

    def refuses(self, action: str, args: Mapping[str, Any]) -> str | None:
        """Interlocks: why it is not done now."""
        if self._mode is Mode.LOCKED and action == "open" and args.get("through_lockdown") is not True:
            return "it is locked down; lift the lock-down first"
        if self._mode is Mode.LOCKED and action in ("hold", "release"):
            return "it is locked down; lift the lock-down first"
        if self._mode is Mode.HELD and action == "close":
            return "it is held open; release it first"
        if self._mode is not Mode.HELD and action == "release":
            return "it is not held open"
        if self._mode is not Mode.LOCKED and action == "lift":
            return "it is not locked down"
        return None

    def feed(self, bits: Sequence[bool], now: float) -> bool:
        """A reading; True when it shows that the gate was just forced."""
        return self._watch.feed(read_inputs(bits, self.profile.inputs), now)

    def forget(self) -> None:
        """It cannot be read."""
        self._watch.forget()

    def told_open(self, now: float) -> None:
        self._openings += 1
        self._watch.asked_open(now)

    def told_close(self, now: float) -> None:
        self._watch.asked_close(now)

    def expect(self, pending: "Pending", end: Literal["open", "closed"], now: float, *, sure: bool) -> None:
        """Its outcome comes with a later reading."""
        before = self._watch.position or Position.CONTRADICTORY
        self._expected.append((Expectation(end, before, now + patience(self._travel_s), sure), pending))

    def judge(self, now: float) -> None:
        """Settle what can be told by now."""
        still = []
        for expectation, pending in self._expected:
            outcome = expectation.judge(self._watch, now)
            if outcome is None:
                still.append((expectation, pending))
            else:
                pending.settle(outcome)
        self._expected = still

    def give_up(self, outcome: Outcome) -> None:
        """Nobody will see the end of what is expected."""
        for _, pending in self._expected:
            pending.settle(outcome)
        self._expected = []

    def values(self) -> list[Value]:
        """In the order of the profile's metrics."""
        watch = self._watch
        inputs = watch.inputs
        if inputs is None:
            return [None] * len(self.names)
        away = inputs.position in (Position.OPEN, Position.BETWEEN)
        row: dict[str, Value] = {
            "position": inputs.position.value,
            "mode": self._mode.value,
            "standing_open": away and self._mode is not Mode.HELD,
            "forced": watch.forced,
            "not_closing": watch.not_closing,
            "obstacle": watch.obstacle,
            "openings": self._openings,
            "loop": inputs.loop,
            "fault": inputs.fault,
        }
        return [row[name] for name in self.names]


class Pending:
    """A command whose outcome somebody waits for."""

    def __init__(self, gate: Gate, action: str, args: Mapping[str, Any]) -> None:
        self.gate = gate
        self.action = action
        self.args = args
        self.outcome: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()

    def settle(self, outcome: Outcome) -> None:
        """Answer once."""
        if not self.outcome.done():
            self.outcome.set_result(outcome)

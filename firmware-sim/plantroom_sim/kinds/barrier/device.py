"""A gate as the world has it: relays timed by the board, a drive with travel time, limit switches, a loop, mishaps."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any

from plantroom_shared.batch import DeviceRows
from plantroom_sim.kinds.barrier.config import Drive, Stuck

RELAYS = 8
OPEN, CLOSE, HOLD = 0, 1, 2
STEP_S = 0.01
#: After so long without a look nothing moves any more.
SETTLED_S = 120.0


@dataclass(slots=True)
class Counts:
    """What this gate saw."""

    requests: int = 0
    reads: int = 0
    writes: int = 0
    exceptions: int = 0
    open_pulses: int = 0
    close_pulses: int = 0
    openings: int = 0  #: it left its closed end
    reversals: int = 0
    vehicles: int = 0
    lifted: int = 0  #: by hand


@dataclass
class Barrier:
    """One gate. `now` gives seconds; the world goes on when somebody looks."""

    name: str
    unit: int
    travel_s: float
    auto_close_s: float | None
    now: Callable[[], float]
    count: Counts = field(default_factory=Counts)
    mode: str = "ok"  #: of its answers: ok, dead, slow, late, exceptions
    delay_s: float = 0.0
    faults: dict[str, Any] = field(default_factory=dict)
    relays: list[bool] = field(default_factory=lambda: [False] * RELAYS)
    place: float = 0.0  #: 0 closed … 1 open
    target: float = 0.0
    _off_at: dict[int, float] = field(default_factory=dict)
    _loop_until: float = 0.0
    _waits: float | None = None  #: a vehicle waits before it, and will need so long to pass
    _free_since: float = 0.0
    _at: float | None = None

    def start_fault(self, kind: str, args: Any) -> None:
        self.look()
        if kind in ("dead", "slow", "late", "exceptions"):
            self.mode = kind
        self.faults[kind] = args
        if kind == "dead":
            self.relays, self._off_at = [False] * RELAYS, {}

    def end_fault(self, kind: str) -> None:
        self.look()
        self.faults.pop(kind, None)
        if self.mode == kind:
            self.mode = "ok"

    async def act(self, action: str, args: Any) -> Any:
        self.look()
        if isinstance(args, Drive):
            self._waits = args.seconds
        elif action == "lift":
            self.count.lifted += 1
            self._move(1.0)
            self.place = 1.0
        else:
            self._move(0.0)
            self.place = 0.0
        return {"position": round(self.place, 2)}

    def counts(self) -> Mapping[str, int]:
        self.look()
        return asdict(self.count)

    def history(self, moments: Sequence[int]) -> DeviceRows | None:  # noqa: ARG002
        return None

    def set_relay(self, number: int, on: bool, for_s: float | None = None) -> None:
        """What the board does by FC 5."""
        self.look()
        rising = on and not self.relays[number]
        self.relays[number] = on
        self._off_at.pop(number, None)
        if for_s is not None:
            self._off_at[number] = self.now() + for_s
            if number == OPEN:
                self.count.open_pulses += 1
            elif number == CLOSE:
                self.count.close_pulses += 1
        if rising and number == OPEN:
            self.target = 1.0
        elif rising and number == CLOSE and not self.occupied and not self.relays[HOLD]:
            self.target = 0.0

    @property
    def occupied(self) -> bool:
        """The loop."""
        return "occupied" in self.faults or self._loop_until > self.now()

    def inputs(self) -> list[bool]:
        """Up, down, loop, fault."""
        self.look()
        up, down = self.place >= 1.0, self.place <= 0.0
        stuck = self.faults.get("stuck")
        if isinstance(stuck, Stuck):
            up, down = (stuck.reads if stuck.switch == "up" else up), (stuck.reads if stuck.switch == "down" else down)
        return [up, down, self.occupied, "jammed" in self.faults]

    def look(self) -> None:
        """Let the time pass that has passed."""
        now = self.now()
        at = now if self._at is None else max(self._at, now - SETTLED_S)
        while at < now:
            at = min(at + STEP_S, now)
            self._step(at)
        self._at = now

    def _step(self, at: float) -> None:
        for number, until in list(self._off_at.items()):
            if at >= until:
                del self._off_at[number]
                self.relays[number] = False
        if self.faults.keys() & {"power-cut", "jammed"}:
            return
        if self.relays[HOLD]:
            self.target = 1.0
        occupied = "occupied" in self.faults or self._loop_until > at
        if occupied or self.place < 1.0 or self.relays[HOLD]:
            self._free_since = at
        if self._waits is not None and self.place >= 1.0:
            self._loop_until, self._waits = at + self._waits, None
            self.count.vehicles += 1
        automatic = self.auto_close_s is not None and "left-open" not in self.faults
        if automatic and self.place >= 1.0 and at - self._free_since >= (self.auto_close_s or 0.0):
            self.target = 0.0
        if self.target < self.place and (occupied or ("obstacle" in self.faults and self.place <= 0.5)):
            self.target = 1.0
            self.count.reversals += 1
            self._free_since = at
        way = STEP_S / self.travel_s
        if self.target > self.place:
            self._move(min(self.target, self.place + way))
        elif self.target < self.place:
            self._move(max(self.target, self.place - way))

    def _move(self, place: float) -> None:
        if self.place <= 0.0 < place:
            self.count.openings += 1
        self.target = self.target if 0.0 < place < 1.0 else place
        self.place = place

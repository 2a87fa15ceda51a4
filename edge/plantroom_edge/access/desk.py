"""The desk of the gates: what readers are shown is decided here, recorded, and then carried out, in this order.

A decision is on the disk before the gate is told. What came of it follows as an event of its own. A gateway that dies
in between finds its open decisions when it starts again: their result is "unconfirmed", and none is carried out twice.
"""

import asyncio
import logging
import uuid
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec

from plantroom_edge.access.decision import Around, Decision, Direction, Mode, Reason, Rules, Shown, decide
from plantroom_edge.access.keypad import PIN_S, Awaited
from plantroom_edge.access.whereabouts import Whereabouts, WrongPins
from plantroom_edge.driver import Outcome, Signal
from plantroom_shared.allow_list import AUTHORITY, AllowList
from plantroom_shared.batch import Event
from plantroom_shared.clock import Clock

_log = logging.getLogger(__name__)

MOST_WAITING = 200
#: A card held before a reader is read again and again: within this time after the last reading it is the same showing.
SAME_SHOWING_S = 2.0
#: What a gate says to "open" → what the log says of it.
RESULTS = {"done": "opened", "failed": "not-opened", "refused": "refused", "unconfirmed": "unconfirmed"}

PENDING, WHEREABOUTS = "pending", "whereabouts"


class Memory(Protocol):
    """Events and what the desk remembers, in one commit; see `driver.Sink`."""

    async def record(self, events: Sequence[Event], remember: Mapping[str, str | None] | None = None) -> None: ...

    async def recall(self, key: str) -> str | None: ...


@dataclass(frozen=True, slots=True)
class Passage:
    """Which gate a reader stands at, and on which side: "in" leads to the gate's inside."""

    gate: str
    direction: Direction


class _Pending(msgspec.Struct):
    """A granted decision whose result is not recorded yet."""

    gate: str
    reader: str
    person: str


class Desk:
    """Signals in, decisions and commands out. `act(device, action, args)` is any device's own command."""

    def __init__(
        self,
        passages: Mapping[str, Passage],
        memory: Memory,
        act: Callable[[str, str, Mapping[str, Any]], Awaitable[Outcome]],
        clock: Clock,
        *,
        modes: dict[str, Mode] | None = None,
        correction_ms: Callable[[], int] = lambda: 0,
        clock_right: Callable[[], bool] = lambda: True,
    ) -> None:
        """`modes` outlive a desk that is replaced; `correction_ms` is what the machine's clock is known to be off."""
        self._passages = passages
        self._memory = memory
        self._act = act
        self._clock = clock
        self._rules: Rules | None = None
        self._signals: asyncio.Queue[Signal] = asyncio.Queue(MOST_WAITING)
        self._modes = {} if modes is None else modes
        self._correction_ms = correction_ms
        self._clock_right = clock_right
        self._awaited: dict[str, Awaited] = {}  # reader → the card whose PIN is awaited
        self._last: dict[str, tuple[Shown, float]] = {}  # reader → its last reading and when that was
        self._pending: dict[str, _Pending] = {}
        self._whereabouts = Whereabouts()
        self._pins = WrongPins()
        self._writing = asyncio.Lock()  # what is remembered is written in the order it was known
        self._tasks: asyncio.TaskGroup | None = None
        self.decided = 0

    @property
    def authorities(self) -> Collection[str]:
        return (AUTHORITY,) if self._passages else ()

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:
        """`allow-list`, see plantroom_shared/allow_list.py."""
        if name != AUTHORITY:
            return f"gates are decided by {AUTHORITY!r}, not by {name!r}"
        try:
            self._rules = await asyncio.to_thread(_read, document, version)  # 50,000 credentials take a moment
        except (msgspec.ValidationError, ValueError) as error:
            return str(error)
        return None

    def take(self, signal: Signal) -> None:
        """Something happened at a device; never blocks."""
        if signal.kind == "mode":
            self._modes[signal.device] = Mode(signal.data["mode"])
        elif signal.device in self._passages:
            if self._signals.full():
                _log.error("reader %s: too much is shown at once; what was shown now is lost", signal.device)
                return
            self._signals.put_nowait(signal)

    async def run(self) -> None:
        """Until cancelled."""
        await self._settle_old()
        if stored := await self._memory.recall(WHEREABOUTS):
            self._whereabouts.load(stored)
        async with asyncio.TaskGroup() as tasks:
            self._tasks = tasks
            while True:
                try:
                    async with asyncio.timeout(self._until_next()):
                        signal = await self._signals.get()
                except TimeoutError:
                    await self._time_out()
                    continue
                await self._time_out()
                if signal.kind == "credential":
                    await self._shown(signal)
                elif signal.kind == "keys":
                    await self._typed(signal)

    async def _settle_old(self) -> None:
        """What was decided and not ended before the gateway died: said so, never done again."""
        stored = await self._memory.recall(PENDING)
        self._pending = msgspec.json.decode(stored or "{}", type=dict[str, _Pending])
        for decision, pending in list(self._pending.items()):
            detail = "the gateway was restarted before the gate was seen to open; it is not told again"
            await self._end(decision, pending, Outcome("unconfirmed", detail))

    async def _shown(self, signal: Signal) -> None:
        reader, passage, now = signal.device, self._passages[signal.device], self._clock.monotonic()
        credential, doubt = str(signal.data.get("credential", "")), signal.data.get("doubt")
        shown = Shown(credential, passage.gate, passage.direction, doubt=Reason(doubt) if doubt else None)
        before = self._last.get(reader)
        self._last[reader] = (shown, now)
        if before is not None and before[0] == shown and now - before[1] < SAME_SHOWING_S:
            return
        if (other := self._awaited.pop(reader, None)) is not None:
            await self._deny(reader, other.shown, Reason.PIN_TIMEOUT)
        await self._decide(reader, shown)

    async def _typed(self, signal: Signal) -> None:
        awaited = self._awaited.get(signal.device)
        pin = awaited.typed(str(signal.data.get("keys", ""))) if awaited is not None else None
        if awaited is not None and pin is not None:
            del self._awaited[signal.device]
            await self._decide(signal.device, replace(awaited.shown, pin=pin))

    def _time(self) -> int:
        """What it is by the best that the gateway knows; hours are judged by it, and marked when it is a guess."""
        return self._clock.now_ms() + self._correction_ms()

    async def _decide(self, reader: str, shown: Shown) -> None:
        now = self._time()
        holder = self._rules.document.credentials.get(shown.credential) if self._rules is not None else None
        around = Around(
            self._modes.get(shown.gate, Mode.NORMAL),
            self._whereabouts.of(holder.person, now) if holder is not None else None,
            self._pins.locked(shown.credential, now),
        )
        decision = decide(self._rules, shown, around, now)
        if decision.outcome == "pin":
            self._awaited[reader] = Awaited(shown, self._clock.monotonic() + PIN_S)
            self._feedback(reader, "prompt")
            return
        if decision.reason is Reason.WRONG_PIN:
            self._pins.wrong(shown.credential, now)
        elif shown.pin is not None and decision.outcome == "granted":
            self._pins.right(shown.credential)
        await self._record(reader, shown, decision)

    async def _deny(self, reader: str, shown: Shown, reason: Reason) -> None:
        decision = decide(self._rules, shown, Around(), self._time())
        await self._record(reader, shown, replace(decision, outcome="denied", reason=reason))

    async def _record(self, reader: str, shown: Shown, decision: Decision) -> None:
        """On the disk first; then the reader shows it, and the gate is told."""
        now = self._clock.now_ms()
        number = uuid.uuid4().hex
        data = {
            "reader": reader,
            "direction": shown.direction,
            "credential": shown.credential,
            "person": decision.person,
            "zone": decision.zone,
            "outcome": decision.outcome,
            "reason": decision.reason.value,
            "list_version": decision.version,
        }
        if not self._clock_right():
            data["clock"] = "unsynced"
        event = Event(id=number, kind="access.decision", time=now, device=shown.gate, data=data)
        granted = decision.outcome == "granted"
        async with self._writing:
            if granted:
                self._pending[number] = _Pending(shown.gate, reader, decision.person)
            await self._memory.record([event], {PENDING: self._dump()} if granted else {})
        self.decided += 1
        _log.info("gate %s: %s %s: %s", shown.gate, shown.credential, decision.outcome, decision.reason)
        self._feedback(reader, "granted" if granted else "denied")
        if granted:
            assert self._tasks is not None
            self._tasks.create_task(self._open(number, decision), name=f"opening of {shown.gate}")

    async def _open(self, number: str, decision: Decision) -> None:
        pending = self._pending[number]
        outcome = Outcome("unconfirmed", "the gateway was stopped before the gate was seen to open")
        try:
            args = {"decision": number, "through_lockdown": decision.through_lockdown}
            outcome = await self._act(pending.gate, "open", args)
        finally:
            await asyncio.shield(self._end(number, pending, outcome, decision))

    async def _end(self, number: str, pending: _Pending, outcome: Outcome, decision: Decision | None = None) -> None:
        now = self._clock.now_ms()
        state = RESULTS.get(outcome.state, "unconfirmed")
        data = {"decision": number, "reader": pending.reader, "person": pending.person}
        data |= {"state": state, "detail": outcome.detail}
        event = Event(id=uuid.uuid4().hex, kind="access.result", time=now, device=pending.gate, data=data)
        async with self._writing:
            self._pending.pop(number, None)
            remember: dict[str, str | None] = {PENDING: self._dump()}
            if state == "opened" and decision is not None and decision.person and decision.zone:
                self._whereabouts.passed(decision.person, decision.zone, self._time())
                remember[WHEREABOUTS] = self._whereabouts.dump()
            await self._memory.record([event], remember)
        if state in ("not-opened", "refused") and decision is not None:
            self._feedback(pending.reader, "denied")

    def _dump(self) -> str:
        return msgspec.json.encode(self._pending).decode()

    def _feedback(self, reader: str, action: str) -> None:
        if self._tasks is not None:
            self._tasks.create_task(self._tell(reader, action), name=f"feedback of {reader}")

    async def _tell(self, reader: str, action: str) -> None:
        outcome = await self._act(reader, action, {})
        if outcome.state != "done":
            _log.debug("reader %s could not show %s: %s", reader, action, outcome.detail)

    def _until_next(self) -> float | None:
        """Seconds until the first awaited PIN is overdue."""
        if not self._awaited:
            return None
        return max(0.0, min(each.until for each in self._awaited.values()) - self._clock.monotonic())

    async def _time_out(self) -> None:
        now = self._clock.monotonic()
        for reader, awaited in list(self._awaited.items()):
            if awaited.until <= now:
                del self._awaited[reader]
                await self._deny(reader, awaited.shown, Reason.PIN_TIMEOUT)


def _read(document: Mapping[str, Any], version: int) -> Rules:
    return Rules.check(msgspec.convert(dict(document), AllowList), version)

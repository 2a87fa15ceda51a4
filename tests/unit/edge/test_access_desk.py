"""The desk: recorded before it is done, done once, and its end recorded; whoever dies in between."""

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import msgspec

from plantroom_edge.access.decision import Mode, Shown
from plantroom_edge.access.desk import SAME_SHOWING_S, Desk, Passage
from plantroom_edge.access.keypad import PIN_S, Awaited
from plantroom_edge.driver import Outcome, Signal
from plantroom_shared.allow_list import AllowList, Credential, GateRule, Grant, Span, hash_pin
from plantroom_shared.batch import Event
from plantroom_shared.clock import SystemClock
from tests.fakes.sink import MemorySink

PASSAGES = {"reader-in": Passage("gate", "in"), "reader-out": Passage("gate", "out")}
LIST = AllowList(
    time_zone="UTC",
    groups={"staff": [Grant("yard")], "rescue": [Grant("yard")]},
    gates={"gate": GateRule("yard", "street", anti_passback="hard")},
    credentials={
        "w26:1:1": Credential("anna", ["staff"]),
        "w26:1:2": Credential("rita", ["rescue"], through_lockdown=True),
        "w26:1:3": Credential("bert", ["staff"], pin=hash_pin("4711")),
    },
)


class _Clock(SystemClock):
    def __init__(self) -> None:
        self.now = 1_000.0

    def monotonic(self) -> float:
        return self.now


class _Site:
    """The devices: what they were told, and what they answer."""

    def __init__(self) -> None:
        self.told: list[tuple[str, str, Mapping[str, Any]]] = []
        self.answer = Outcome("done", "limit switch 'up'")
        self.go_on = asyncio.Event()
        self.go_on.set()
        self.sink = MemorySink()
        self.seen_at_command: list[list[str]] = []

    async def act(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        self.told.append((device, action, args))
        if device != "gate":
            return Outcome("done", "shown")
        self.seen_at_command.append([event.kind for event in self.sink.events])
        await self.go_on.wait()
        return self.answer

    def of(self, kind: str) -> list[Event]:
        return [event for event in self.sink.events if event.kind == kind]

    def opened(self) -> int:
        return sum(device == "gate" for device, _, _ in self.told)

    async def until(self, condition: Callable[[], bool]) -> None:
        async with asyncio.timeout(60):
            while not condition():  # noqa: ASYNC110  (several things tell)
                await asyncio.sleep(0.002)


@asynccontextmanager
async def _desk(site: _Site, clock: _Clock | None = None, document: AllowList | None = LIST) -> AsyncIterator[Desk]:
    desk = Desk(PASSAGES, site.sink, site.act, clock or _Clock())
    if document is not None:
        assert await desk.authority("allow-list", 7, msgspec.to_builtins(document)) is None
    running = asyncio.create_task(desk.run(), name="desk")
    try:
        yield desk
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)


def card(key: str, reader: str = "reader-in", **more: Any) -> Signal:
    return Signal(reader, "credential", {"credential": key, **more})


async def test_a_decision_is_recorded_before_the_gate_is_told_and_its_result_after() -> None:
    site = _Site()
    async with _desk(site) as desk:
        desk.take(card("w26:1:1"))
        await site.until(lambda: bool(site.of("access.result")))
    assert site.seen_at_command == [["access.decision"]]
    decision, result = site.sink.events
    assert decision.device == result.device == "gate"
    assert decision.data == {
        "reader": "reader-in",
        "direction": "in",
        "credential": "w26:1:1",
        "person": "anna",
        "zone": "yard",
        "outcome": "granted",
        "reason": "granted",
        "list_version": 7,
    }
    assert result.data["decision"] == decision.id
    assert (result.data["state"], result.data["detail"]) == ("opened", "limit switch 'up'")
    assert ("reader-in", "granted", {}) in site.told


async def test_what_is_denied_reaches_the_log_and_the_reader_but_not_the_gate() -> None:
    site = _Site()
    async with _desk(site) as desk:
        desk.take(card("w26:9:9"))
        await site.until(lambda: ("reader-in", "denied", {}) in site.told)
    assert [event.data["reason"] for event in site.of("access.decision")] == ["unknown-credential"]
    assert site.opened() == 0


async def test_after_a_death_before_the_result_the_gate_is_not_told_again_and_the_log_says_so() -> None:
    site = _Site()
    site.go_on.clear()
    async with _desk(site) as desk:
        desk.take(card("w26:1:1"))
        desk.take(card("w26:1:2", "reader-out"))  # denied: rescue has no right to the street
        desk.take(card("w26:1:2"))
        await site.until(lambda: site.opened() == 2)
        memory, events = dict(site.sink.memory), list(site.sink.events)
    after = _Site()  # what a kill leaves: the disk as it was before any result
    after.sink.memory, after.sink.events = memory, list(events)
    async with _desk(after):
        await after.until(lambda: len(after.of("access.result")) == 2)
    assert after.opened() == 0
    assert {event.data["decision"] for event in after.of("access.result")} == {
        event.id for event in events if event.data["outcome"] == "granted"
    }
    assert {event.data["state"] for event in after.of("access.result")} == {"unconfirmed"}
    third = _Site()
    third.sink.memory = dict(after.sink.memory)
    async with _desk(third) as desk:
        desk.take(card("w26:9:9"))
        await third.until(lambda: bool(third.of("access.decision")))
    assert third.of("access.result") == []


async def test_a_desk_that_is_stopped_says_that_nobody_saw_the_end() -> None:
    site = _Site()
    site.go_on.clear()
    async with _desk(site) as desk:
        desk.take(card("w26:1:1"))
        await site.until(lambda: site.opened() == 1)
    assert [event.data["state"] for event in site.of("access.result")] == ["unconfirmed"]


async def test_a_gate_that_does_not_open_leaves_the_person_outside() -> None:
    site = _Site()
    site.answer = Outcome("failed", "still closed after 6 s")
    clock = _Clock()
    async with _desk(site, clock) as desk:
        desk.take(card("w26:1:1"))
        await site.until(lambda: len(site.of("access.result")) == 1)
        assert site.of("access.result")[0].data["state"] == "not-opened"
        clock.now += 10
        site.answer = Outcome("done", "up")
        desk.take(card("w26:1:1"))  # not held for anti-passback: nobody saw it open
        await site.until(lambda: len(site.of("access.result")) == 2)
        clock.now += 10
        desk.take(card("w26:1:1"))
        await site.until(lambda: len(site.of("access.decision")) == 3)
    assert [event.data["reason"] for event in site.of("access.decision")] == ["granted", "granted", "anti-passback"]


async def test_a_card_that_is_held_before_the_reader_counts_once() -> None:
    site, clock = _Site(), _Clock()
    async with _desk(site, clock) as desk:
        for _ in range(5):
            desk.take(card("w26:1:2"))
            clock.now += SAME_SHOWING_S / 2
        desk.take(card("w26:9:9"))
        await site.until(lambda: len(site.of("access.decision")) == 2)
    assert site.opened() == 1


async def test_a_card_shown_during_an_outage_opens_nothing_and_is_logged_with_its_reason() -> None:
    site = _Site()
    async with _desk(site) as desk:
        desk.take(card("w26:1:1", doubt="shown-during-outage"))
        desk.take(card("w26:1:1"))  # shown again, now that the reader is there
        await site.until(lambda: len(site.of("access.decision")) == 2)
        await site.until(lambda: bool(site.of("access.result")))
    assert [event.data["reason"] for event in site.of("access.decision")] == ["shown-during-outage", "granted"]
    assert site.opened() == 1


async def test_a_lock_down_between_decision_and_command_is_not_passed_by_mistake() -> None:
    """What the gate is told depends on the credential, not on the mode at that moment."""
    site = _Site()
    async with _desk(site) as desk:
        desk.take(card("w26:1:1"))
        desk.take(Signal("gate", "mode", {"mode": "locked"}))  # overtakes: modes are taken at once
        desk.take(card("w26:1:2"))
        await site.until(lambda: bool(site.of("access.result")))
    assert [event.data["reason"] for event in site.of("access.decision")] == ["locked-down", "granted"]
    gate = [args["through_lockdown"] for device, _, args in site.told if device == "gate"]
    assert gate == [True]


async def test_a_pin_is_asked_for_taken_and_never_stored() -> None:
    site, clock = _Site(), _Clock()
    document = msgspec.structs.replace(LIST, gates={"gate": GateRule("yard", pin="always")})
    async with _desk(site, clock, document) as desk:
        desk.take(card("w26:1:3"))
        await site.until(lambda: ("reader-in", "prompt", {}) in site.told)
        for keys in ("99", "*47", "1", "1#"):
            desk.take(Signal("reader-in", "keys", {"keys": keys}))
        await site.until(lambda: bool(site.of("access.result")))
        clock.now += 10
        desk.take(card("w26:1:3"))
        desk.take(Signal("reader-in", "keys", {"keys": "4712#"}))
        await site.until(lambda: len(site.of("access.decision")) == 2)
    assert [event.data["reason"] for event in site.of("access.decision")] == ["granted", "wrong-pin"]
    kept = msgspec.json.encode([site.sink.events, site.sink.memory]).decode()
    assert "4711" not in kept
    assert "4712" not in kept


async def test_a_pin_that_nobody_types_ends_as_a_denial() -> None:
    site, clock = _Site(), _Clock()
    document = msgspec.structs.replace(LIST, gates={"gate": GateRule("yard", pin="always")})
    async with _desk(site, clock, document) as desk:
        desk.take(card("w26:1:3"))
        desk.take(Signal("reader-in", "keys", {"keys": "47"}))
        await asyncio.sleep(0.01)
        clock.now += PIN_S
        desk.take(Signal("reader-in", "keys", {"keys": "11#"}))  # too late
        await site.until(lambda: bool(site.of("access.decision")))
    assert [event.data["reason"] for event in site.of("access.decision")] == ["pin-timeout"]
    assert site.opened() == 0


async def test_a_list_that_cannot_be_used_leaves_the_one_before_in_force() -> None:
    site = _Site()
    async with _desk(site) as desk:
        wrong = await desk.authority("allow-list", 8, {"time_zone": "Europe/Atlantis"})
        assert wrong is not None
        assert "Europe/Berlin" in wrong
        assert await desk.authority("allow-list", 9, {"credentials": 3}) is not None
        desk.take(card("w26:1:1"))
        await site.until(lambda: bool(site.of("access.decision")))
    assert site.of("access.decision")[0].data["list_version"] == 7


async def test_without_a_list_nothing_opens() -> None:
    site = _Site()
    async with _desk(site, document=None) as desk:
        desk.take(card("w26:1:1"))
        await site.until(lambda: bool(site.of("access.decision")))
    assert site.of("access.decision")[0].data["reason"] == "no-list"
    assert site.opened() == 0


def test_keys_make_a_pin() -> None:
    awaited = Awaited(Shown("w26:1:3", "gate", "in"), 0.0)
    assert awaited.typed("12") is None
    assert awaited.typed("*47") is None
    assert awaited.typed("11#9") == "4711"
    assert len(Awaited(Shown("", "", "in"), 0.0).typed("1" * 10_000 + "#") or "") == 9


async def test_a_decision_by_a_clock_that_nobody_vouches_for_is_marked_and_made_by_the_best_known_time() -> None:
    site = _Site()
    day = msgspec.structs.replace(
        LIST,
        profiles={"hour": [Span([1, 2, 3, 4, 5, 6, 7], "12:00", "13:00")]},
        groups={"staff": [Grant("yard", "hour")], "rescue": []},
    )

    class Noon(_Clock):
        def now_ms(self) -> int:
            return 12 * 3_600_000  # 1970-01-01, 12:00 UTC

    off = [0]
    desk = Desk(PASSAGES, site.sink, site.act, Noon(), correction_ms=lambda: off[0], clock_right=lambda: False)
    assert await desk.authority("allow-list", 7, msgspec.to_builtins(day)) is None
    running = asyncio.create_task(desk.run(), name="desk")
    desk.take(card("w26:1:1"))
    await site.until(lambda: len(site.of("access.decision")) == 1)
    off[0] = 3_600_000
    desk.take(card("w26:1:1", "reader-out"))
    desk.take(card("w26:9:9"))
    desk.take(card("w26:1:1"))
    await site.until(lambda: len(site.of("access.decision")) == 4)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    reasons = [event.data["reason"] for event in site.of("access.decision")]
    assert (reasons[0], reasons[3]) == ("granted", "outside-hours")
    assert {event.data.get("clock") for event in site.of("access.decision")} == {"unsynced"}


async def test_a_desk_that_replaces_another_knows_which_gates_are_locked() -> None:
    site, modes = _Site(), {"gate": Mode.NORMAL}
    first = Desk(PASSAGES, site.sink, site.act, _Clock(), modes=modes)
    first.take(Signal("gate", "mode", {"mode": "locked"}))
    second = Desk(PASSAGES, site.sink, site.act, _Clock(), modes=modes)
    assert await second.authority("allow-list", 7, msgspec.to_builtins(LIST)) is None
    running = asyncio.create_task(second.run(), name="desk")
    second.take(card("w26:1:1"))
    await site.until(lambda: bool(site.of("access.decision")))
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert site.of("access.decision")[0].data["reason"] == "locked-down"

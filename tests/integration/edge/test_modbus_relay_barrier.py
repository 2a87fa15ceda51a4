"""Gates behind relay boards over TCP and over a serial line, with the mishaps of real ones."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus_relay_barrier.driver import BarrierDriver
from plantroom_sim.kind import Plain
from plantroom_sim.kinds.barrier.config import Drive, Stuck
from plantroom_sim.kinds.barrier.device import HOLD
from tests.fakes.barrier import SimLine, driving, shown
from tests.fakes.sink import MemorySink


async def until(driver: BarrierDriver, sink: MemorySink, **wanted: Any) -> None:
    await sink.until(lambda s: shown(driver, s).items() >= wanted.items())


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
async def test_the_board_times_the_pulse_and_the_limit_switch_confirms(kind: str, tmp_path: Path) -> None:
    async with SimLine(kind, tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            outcome = await driver.command("gate-1", "open", {})
            assert outcome == Outcome("done", "limit switch 'open' reached", "open")
            assert line.gate.counts()["open_pulses"] == 1
            await until(driver, sink, position="open", standing_open=True, openings=1)
            async with asyncio.timeout(60):
                while line.gate.relays[0]:  # the board lets it go by itself
                    line.gate.look()
                    await asyncio.sleep(0.02)
            assert line.gate.counts()["writes"] == 1
            outcome = await driver.command("gate-1", "close", {})
            assert outcome == Outcome("done", "limit switch 'closed' reached", "closed")
            assert line.gate.counts()["close_pulses"] == 1
            await until(driver, sink, position="closed", standing_open=False, forced=False, obstacle=False)
    assert [event.kind for event in sink.events] == ["device.state"]


@pytest.mark.parametrize("kind", ["tcp", "rtu"])
async def test_a_late_answer_to_a_pulse_is_no_reason_for_a_second_one(kind: str, tmp_path: Path) -> None:
    """The board acts, its answer comes when nobody waits any more: the limit switch tells, nothing is repeated."""
    async with SimLine(kind, tmp_path) as line:
        driver = line.driver(travel="3s")
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            asked = asyncio.create_task(driver.command("gate-1", "open", {}))
            await asyncio.sleep(0)
            line.gate.count.reads = 0
            while line.gate.count.reads == 0:  # noqa: ASYNC110  (the look before the command)
                await asyncio.sleep(0.001)
            line.gate.start_fault("late", Plain())
            while not line.gate.count.open_pulses:  # noqa: ASYNC110
                await asyncio.sleep(0.01)
            line.gate.end_fault("late")
            outcome = await asked
            assert outcome.state == "done"
            assert line.gate.counts()["open_pulses"] == 1
            await until(driver, sink, position="open")


async def test_a_board_that_does_not_answer_is_told_nothing(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            line.gate.start_fault("dead", Plain())
            outcome = await driver.command("gate-1", "open", {})
            assert outcome == Outcome("failed", "the board does not answer; nothing was sent")
            await sink.until(lambda s: s.samples[-1].values[0] is None)
            line.gate.end_fault("dead")
            await until(driver, sink, position="closed")
            assert line.gate.counts()["open_pulses"] == 0


async def test_a_gate_that_does_not_move_is_told_so(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            line.gate.start_fault("jammed", Plain())
            outcome = await driver.command("gate-1", "open", {})
            assert (outcome.state, outcome.detail) == ("failed", "it is still closed")
            assert shown(driver, sink)["fault"] is True
            line.gate.end_fault("jammed")


@pytest.mark.parametrize(("switch", "reads", "said"), [("up", False, "not reached"), ("down", True, "one is stuck")])
async def test_a_stuck_limit_switch_confirms_nothing(switch: Any, reads: bool, said: str, tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        line.gate.start_fault("stuck", Stuck(switch=switch, reads=reads))
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            outcome = await driver.command("gate-1", "open", {})
            assert outcome.state == "unconfirmed"
            assert said in outcome.detail
            assert line.gate.counts()["open_pulses"] == 1


async def test_it_never_closes_on_a_vehicle(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            await driver.command("gate-1", "open", {})
            line.gate.start_fault("occupied", Plain())
            await until(driver, sink, loop=True)
            outcome = await driver.command("gate-1", "close", {})
            assert outcome.state == "failed"
            assert "vehicle" in outcome.detail
            assert line.gate.counts()["close_pulses"] == 0


async def test_what_turns_round_is_an_obstacle_and_the_close_has_failed(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path, travel_s=1.2) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            await driver.command("gate-1", "open", {})
            line.gate.start_fault("obstacle", Plain())
            outcome = await driver.command("gate-1", "close", {})
            assert (outcome.state, outcome.detail) == ("failed", "it opened again: something stands in its way")
            await until(driver, sink, obstacle=True)
            line.gate.end_fault("obstacle")
            assert (await driver.command("gate-1", "close", {})).state == "done"
            await until(driver, sink, obstacle=False, not_closing=False)


async def test_a_gate_lifted_by_hand_is_an_event_and_one_that_opens_itself_is_not(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            await line.gate.act("lift", Plain())
            await until(driver, sink, forced=True, position="open")
            assert [event.kind for event in sink.events if event.device == "gate-1"] == [
                "device.state",
                "access.forced",
            ]
            await line.gate.act("lower", Plain())
            await until(driver, sink, forced=False)
        own = line.driver(opens_itself=True)
        async with driving(own) as sink:
            await until(own, sink, position="closed")
            await line.gate.act("lift", Plain())
            await until(own, sink, position="open")
            await asyncio.sleep(0.5)
            assert shown(own, sink)["forced"] is False


async def test_a_drive_that_closes_by_itself_is_only_watched(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path, auto_close_s=0.5) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            await line.gate.act("drive", Drive(seconds=0.3))
            await driver.command("gate-1", "open", {})
            await until(driver, sink, loop=True)
            await until(driver, sink, position="closed", obstacle=False, forced=False, not_closing=False)
            assert line.gate.counts()["vehicles"] == 1


async def test_held_open_and_locked_down_survive_a_restart_and_bind_everybody(tmp_path: Path) -> None:
    async with SimLine("rtu", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            assert (await driver.command("gate-1", "hold", {})).state == "done"
            assert line.gate.relays[HOLD]
            await until(driver, sink, mode="held", standing_open=False, position="open")
            assert (await driver.command("gate-1", "close", {})).state == "refused"
            assert (await driver.command("gate-1", "open", {})).detail == "it is held open"
        again = MemorySink()
        again.memory = sink.memory
        driver = line.driver()
        async with driving(driver, again):
            await until(driver, again, mode="held")
            assert (await driver.command("gate-1", "lock-down", {})).state == "done"
            assert not line.gate.relays[HOLD]
            assert (await driver.command("gate-1", "open", {})).state == "refused"
            assert (await driver.command("gate-1", "hold", {})).state == "refused"
            pulses = line.gate.counts()["open_pulses"]
            assert (await driver.command("gate-1", "open", {"through_lockdown": "yes"})).state == "refused"
            assert (await driver.command("gate-1", "open", {"through_lockdown": True})).state == "done"
            assert line.gate.counts()["open_pulses"] == pulses + 1
            assert (await driver.command("gate-1", "lift", {})).state == "done"
            assert (await driver.command("gate-1", "lift", {})).state == "refused"
            assert (await driver.command("gate-1", "close", {})).state == "done"
    assert [event.data["mode"] for event in again.events if event.kind == "access.mode"] == ["locked", "normal"]
    assert [signal.data["mode"] for signal in again.signals] == ["held", "locked", "normal"]


async def test_a_lock_down_is_in_force_while_the_board_is_away(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            await line.bus.close()
            await sink.until(lambda s: s.samples[-1].values[0] is None)
            outcome = await driver.command("gate-1", "lock-down", {})
            assert outcome.state == "failed"
            assert "in force on the gateway" in outcome.detail
            await line.bus.open()
            await until(driver, sink, position="closed", mode="locked")
            assert (await driver.command("gate-1", "open", {})).state == "refused"


async def test_a_cut_while_it_moves_leaves_the_end_unconfirmed(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path, travel_s=2.0) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await until(driver, sink, position="closed")
            asked = asyncio.create_task(driver.command("gate-1", "open", {}))
            await until(driver, sink, position="between")
            await line.bus.close()
            assert (await asked).state == "unconfirmed"
            await line.bus.open()
            await until(driver, sink, position="open", forced=False)
            assert line.gate.counts()["open_pulses"] == 1


async def test_one_that_moves_does_not_keep_the_others_waiting(tmp_path: Path) -> None:
    async with SimLine("rtu", tmp_path, units=(1, 2), travel_s=2.0) as line:
        driver = line.driver()
        async with driving(driver) as sink:
            await sink.until(lambda s: {sample.device for sample in s.samples} == {"gate-1", "gate-2"})
            slow = asyncio.create_task(driver.command("gate-1", "open", {}))
            await asyncio.sleep(0.1)
            assert (await driver.command("gate-2", "close", {})).detail == "it was so already"
            assert not slow.done()
            assert (await slow).state == "done"


async def test_what_a_gate_does_not_know_is_refused_by_name(tmp_path: Path) -> None:
    async with SimLine("tcp", tmp_path) as line:
        driver = line.driver()
        assert "lock-down" in (await driver.command("gate-1", "explode", {})).detail
        assert (await driver.command("gate-9", "open", {})).state == "refused"
        assert (await driver.command("gate-1", "open", {})).detail == "bus 'line' is not connected; nothing was sent"
        found = await driver.probe()
        assert (found[0].ok, found[0].values["position"]) == (True, "closed")

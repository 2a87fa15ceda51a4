"""Card readers over a pseudo-terminal with a secure channel: shown, cut, exchanged, tampered with."""

import asyncio
from pathlib import Path
from typing import Any

import pytest

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.osdp_reader import driver as osdp_driver
from tests.fakes.osdp import SimReaders, reading, settled, states
from tests.fakes.sink import MemorySink


def shown(sink: MemorySink) -> list[dict[str, object]]:
    return [dict(signal.data) for signal in sink.signals if signal.kind == "credential"]


async def test_cards_keys_lights_and_output_through_the_secure_channel(tmp_path: Path) -> None:
    async with SimReaders(tmp_path, (1, 2)) as line:
        driver = line.driver()
        async with reading(driver) as sink:
            await settled(sink, driver, 2)
            await line.card(3456)
            await line.card(7, address=2)
            await line.type("4711#")
            await sink.until(lambda s: len(s.signals) == 3)
            assert {(signal.device, str(signal.data)) for signal in sink.signals} == {
                ("reader-1", "{'credential': 'w26:12:3456'}"),
                ("reader-2", "{'credential': 'w26:12:7'}"),
                ("reader-1", "{'keys': '4711#'}"),
            }
            for action in ("granted", "denied", "prompt"):
                assert await driver.command("reader-1", action, {}) == Outcome("done", "taken by the reader")
            assert (await driver.command("reader-1", "output", {"value": 3})).state == "done"
            assert (await driver.command("reader-1", "output", {"value": 3600})).state == "refused"
            assert (await driver.command("reader-1", "explode", {})).state == "refused"
            counts = line.reader().counts()
            assert [counts[name] for name in ("granted_lights", "denied_lights", "prompts", "sounds", "outputs")] == [
                1,
                1,
                1,
                3,
                1,
            ]
            assert line.reader(2).counts()["granted_lights"] == 0
            panel: Any = driver._panel
            assert all(queue.empty() for queue in panel._panel.event_queue)  # libosdp's wrapper would keep all of them


async def test_nothing_is_asked_of_a_reader_before_its_line_is_open_nor_kept_for_later(tmp_path: Path) -> None:
    """libosdp's wrapper fails when it is asked before it runs."""
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        assert (await driver.command("reader-1", "granted", {})).state == "failed"
        assert (await driver.command("reader-9", "granted", {})).state == "refused"
        async with reading(driver) as sink:
            await settled(sink, driver)
            assert line.reader().counts()["granted_lights"] == 0


async def test_a_burst_of_cards_arrives_whole(tmp_path: Path) -> None:
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        async with reading(driver) as sink:
            await settled(sink, driver)
            for number in range(15):
                await line.card(number)
            await sink.until(lambda s: len(shown(s)) == 15)
            assert [each["credential"] for each in shown(sink)] == [f"w26:12:{number}" for number in range(15)]


async def test_tamper_and_supply_are_told(tmp_path: Path) -> None:
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        async with reading(driver) as sink:
            await sink.until(lambda s: bool(s.samples) and s.samples[-1].values[2:] == [False, False])
            line.fault("tampered")
            await sink.until(lambda s: s.samples[-1].values[2:] == [True, False])
            line.fault("on-battery")
            await sink.until(lambda s: s.samples[-1].values[2:] == [True, True])
            line.heal("tampered")
            await sink.until(lambda s: s.samples[-1].values[2:] == [False, True])


async def test_a_card_shown_while_the_wires_were_cut_for_a_moment_is_doubtful(tmp_path: Path) -> None:
    """Too short for libosdp to notice: the reader is never told to be offline, and the card still must not open."""
    async with SimReaders(tmp_path) as line:
        driver = line.driver(settle_s=1.0)
        async with reading(driver) as sink:
            await settled(sink, driver)
            line.fault("cut")
            await asyncio.sleep(1.6)
            await line.card(1)
            line.heal("cut")
            await sink.until(lambda s: bool(shown(s)))
            assert shown(sink) == [{"credential": "w26:12:1", "doubt": "shown-during-outage"}]
            await settled(sink, driver, settle_s=1.0)
            await line.card(1)
            await sink.until(lambda s: len(shown(s)) == 2)
            assert shown(sink)[1] == {"credential": "w26:12:1"}
            assert "silent" not in states(sink)


async def test_a_cable_cut_is_told_and_its_end_is_found_long_before_libosdp_would(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Left alone, libosdp would wait 300 s; what was shown and asked meanwhile neither opens nor is done later."""
    monkeypatch.setattr(osdp_driver, "RETRY_S", 1.0)
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        async with reading(driver) as sink:
            await settled(sink, driver)
            line.fault("cut")
            await sink.until(lambda s: states(s)[-1] == "silent")
            assert sink.samples[-1].values == [None] * 4
            await line.card(1)
            assert (await driver.command("reader-1", "granted", {})).state == "failed"
            await asyncio.sleep(1.5)  # a try or two that find nobody
            line.heal("cut")
            await sink.until(lambda s: states(s)[-1] == "ok")
            await sink.until(lambda s: bool(shown(s)))
            assert shown(sink) == [{"credential": "w26:12:1", "doubt": "shown-during-outage"}]
            await settled(sink, driver)
            await line.card(2)
            await sink.until(lambda s: len(shown(s)) == 2)
            assert shown(sink)[1] == {"credential": "w26:12:2"}
            assert line.reader().counts()["granted_lights"] == 0
    assert states(sink) == ["ok", "silent", "ok"]


async def test_a_reader_with_another_key_stays_offline(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(osdp_driver, "RETRY_S", 1.0)
    async with SimReaders(tmp_path) as line:
        line.fault("wrong-key")
        driver = line.driver()
        async with reading(driver) as sink:
            await sink.until(lambda s: states(s) == ["silent"])
            await line.card(1)
            assert (await driver.command("reader-1", "granted", {})).state == "failed"
            assert shown(sink) == []
            line.heal("wrong-key")
            await sink.until(lambda s: states(s)[-1] == "ok")


async def test_a_port_that_is_pulled_out_comes_back(tmp_path: Path) -> None:
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        async with reading(driver) as sink:
            await settled(sink, driver)
            await line.bus.close()
            await sink.until(lambda s: states(s)[-1] == "silent")
            assert (await driver.command("reader-1", "granted", {})).state == "failed"
            await line.bus.open()
            await sink.until(lambda s: states(s)[-1] == "ok")


async def test_what_cannot_be_opened_says_why(tmp_path: Path) -> None:
    async with SimReaders(tmp_path) as line:
        driver = line.driver()
        found = await driver.probe()
        assert (found[0].ok, found[0].detail) == (True, "answers in a secure channel")
    found = await driver.probe()
    assert not found[0].ok
    assert "readers" in found[0].detail

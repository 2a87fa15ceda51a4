"""`kill -9` of a real agent around the opening of a gate: never opened twice, never lost from the log."""

import asyncio
import random
from pathlib import Path

import pytest

from tests.fakes.gate_site import GateSite


async def test_a_card_opens_the_gate_while_the_cloud_is_away(tmp_path: Path) -> None:
    async with GateSite(tmp_path) as site:
        site.start()
        await site.ready()
        await site.readers.card(1)
        await site.until(lambda: bool(site.results()))
        (decision,) = site.granted()
        (result,) = site.results()
        assert (decision.device, decision.data["person"], decision.data["list_version"]) == ("gate-1", "p1", 7)
        assert (result.data["decision"], result.data["state"]) == (decision.id, "opened")
        assert site.gate.counts()["open_pulses"] == 1
        await site.until(lambda: site.readers.reader().counts()["granted_lights"] == 1)


async def test_killed_between_decision_and_command(tmp_path: Path) -> None:
    """The board answers slowly: between the decision on the disk and the pulse the contacts are looked at once more."""
    async with GateSite(tmp_path) as site:
        site.gate.delay_s = 3.0
        site.start()
        await site.ready()
        await site.readers.card(1)
        await site.until(lambda: bool(site.granted()))
        site.kill()
        assert site.results() == []
        site.gate.delay_s = 0.0
        site.start()
        await site.until(lambda: bool(site.results()))
        await site.ready()
        (decision,) = site.granted()
        (result,) = site.results()
        assert (result.data["decision"], result.data["state"]) == (decision.id, "unconfirmed")
        assert site.gate.counts()["open_pulses"] == 0


async def test_killed_between_command_and_result(tmp_path: Path) -> None:
    async with GateSite(tmp_path, travel_s=20.0) as site:
        site.start()
        await site.ready()
        await site.readers.card(1)
        await site.until(lambda: site.gate.count.open_pulses == 1)
        site.kill()
        assert site.results() == []
        await site.until(lambda: _let_go(site))  # the board times the pulse: a dead gateway leaves no relay on
        (decision,) = site.granted()  # it was on the disk before the gate was told
        site.start()
        await site.until(lambda: bool(site.results()))
        await site.ready()
        assert [event.id for event in site.granted()] == [decision.id]
        (result,) = site.results()
        assert (result.data["decision"], result.data["state"]) == (decision.id, "unconfirmed")
        assert site.gate.counts()["open_pulses"] == 1
        assert site.events("access.forced") == []  # nobody saw it leave, so nobody calls it forced


@pytest.mark.long
async def test_killed_at_any_moment(tmp_path: Path) -> None:
    """Each granted decision has one result, and the gate was never told more often than was decided."""
    chance = random.Random(11)
    async with GateSite(tmp_path, travel_s=0.5, auto_close_s=0.3) as site:
        for number in range(1, 21):
            site.start()
            await site.ready()
            await site.readers.card(number)
            await asyncio.sleep(chance.uniform(0, 1.2))
            site.kill()
        site.start()
        await site.ready()
        decided = [event.id for event in site.granted()]
        assert sorted(event.data["decision"] for event in site.results()) == sorted(decided)
        assert len(set(decided)) == len(decided)
        assert site.gate.counts()["open_pulses"] <= len(decided)
        opened = sum(event.data["state"] == "opened" for event in site.results())
        assert opened <= site.gate.counts()["open_pulses"]


def _let_go(site: GateSite) -> bool:
    site.gate.look()
    return not any(site.gate.relays)

"""Ten scales, a thousand weighings, every fault there is: none lost, none twice, none wrong."""

import asyncio
import random
from collections import Counter
from collections.abc import Sequence

import pytest

from plantroom_sim.kinds.ble.air import Air
from plantroom_sim.kinds.ble.broadcast_scale import BroadcastScale
from plantroom_sim.kinds.ble.gatt_scale import GattScale
from plantroom_sim.kinds.ble.peripheral import BluezError
from plantroom_sim.kinds.ble.scale import Scale
from plantroom_sim.kinds.ble.text_scale import TextScale
from tests.fakes.sink import MemorySink
from tests.integration.edge.ble import make_driver, now, on_air, private_bus, running, weighings

EACH = 100
#: A bag of medical waste weighs between these.
LIGHTEST, HEAVIEST = 0.5, 30.0


def _scales() -> list[Scale]:
    made: list[Scale] = [
        GattScale("C0:00:00:00:00:01", "KG-DATED", now),
        GattScale("C0:00:00:00:00:02", "LB-DATED", now, imperial=True),
        GattScale("C0:00:00:00:00:03", "KG-PLAIN", now, clock=False),
        GattScale("C0:00:00:00:00:04", "LB-PLAIN", now, imperial=True, clock=False),
        BroadcastScale("C8:47:8C:00:00:05", "CAST-KG", now),
        BroadcastScale("C8:47:8C:00:00:06", "CAST-LB", now, unit="lb"),
        BroadcastScale("C8:47:8C:00:00:07", "CAST-JIN", now, unit="jin"),
        TextScale("C0:00:00:00:00:08", "TEXT-1", now),
        TextScale("C0:00:00:00:00:09", "TEXT-2", now),
        TextScale("C0:00:00:00:00:0A", "TEXT-3", now),
    ]
    for scale in made:
        scale.advertising_s = 0.04
        if isinstance(scale, TextScale):
            scale.line_s = 0.01
    return made


async def _weigh(scale: Scale, chance: random.Random) -> None:
    """A day of one scale: each weight differs from the one before, as two bags do."""
    last = 0.0
    for _ in range(EACH):
        kg = last
        while abs(kg - last) < 0.1:
            kg = round(chance.uniform(LIGHTEST, HEAVIEST), 2)
        last = kg
        match chance.randrange(12):
            case 0:
                scale.doubled += 1
            case 1:
                scale.cuts_before += 1
            case 2:
                scale.cuts_after += 1
            case 3 if scale.radio is not None:
                scale.radio.drop(scale)
            case 4:
                scale.refusals.append(BluezError("org.bluez.Error.Failed", "Software caused connection abort"))
            case 5 if not isinstance(scale, BroadcastScale):
                scale.flaps += 1
        await scale.weigh(kg)


async def _trouble(air: Air, scales: Sequence[Scale], chance: random.Random) -> None:
    """bluetoothd dies now and then, and somebody carries a scale out of range and back."""
    while True:
        await asyncio.sleep(chance.uniform(0.4, 1.2))
        if chance.random() < 0.3:
            await air.restart(away_s=0.05)
            continue
        scale = chance.choice(scales)
        scale.leave()
        await asyncio.sleep(chance.uniform(0.05, 0.4))
        scale.come_back()


@pytest.mark.timeout(300)
async def test_a_thousand_weighings_with_every_fault() -> None:
    chance = random.Random(20261125)
    scales = _scales()
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, scales) as air, running(make_driver(scales), sink):
        async with asyncio.TaskGroup() as people:
            trouble = people.create_task(_trouble(air, scales, chance), name="trouble")
            work = [
                people.create_task(_weigh(scale, random.Random(number)), name=scale.name)
                for number, scale in enumerate(scales)
            ]
            await asyncio.wait(work)
            trouble.cancel()
        counted = sum(len(scale.weighed) for scale in scales)
        await sink.until(lambda s: sum(event.kind == "weighing" for event in s.events) >= counted)
        assert air.restarts > 0
        assert air.daemon.refused_busy == 0
    assert counted == 1000
    for scale in scales:
        assert weighings(sink, scale.name.lower()) == [item.kg for item in scale.weighed], scale.name
    ids = Counter(event.id for event in sink.events)
    assert max(ids.values()) == 1

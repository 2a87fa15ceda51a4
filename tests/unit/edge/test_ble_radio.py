"""A link that is gone is told as such, whatever bleak says to it."""

import pytest
from bleak import BleakClient

from plantroom_edge.drivers.ble_scale.driver import BATTERY_LEVEL
from plantroom_edge.drivers.ble_scale.radio import Link, LinkLostError


async def test_a_read_over_a_link_that_is_gone_says_so() -> None:
    works: list[bool] = []
    link = Link(BleakClient("C0:00:00:00:00:01"), lambda: works.append(True))
    with pytest.raises(LinkLostError, match="cannot be read"):
        await link.read(BATTERY_LEVEL)
    assert works == []
    await link.close()

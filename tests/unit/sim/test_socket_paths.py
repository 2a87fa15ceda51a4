"""A folder too deep for a Unix socket is told with the remedy, and not by an error of the kernel."""

from pathlib import Path

import pytest

from plantroom_sim.control import CONTROL, check_path
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.private_bus import LONGEST_PATH, PrivateBus
from plantroom_sim.lab.lab import Lab
from plantroom_sim.loader import load_scenario

PLANT = Path(__file__).parents[3] / "configs" / "scenarios" / "plant.yaml"


async def test_a_deep_folder_is_refused_before_anything_is_made_in_it(tmp_path: Path) -> None:
    deep = tmp_path / ("x" * 90) / ("y" * 40)
    with pytest.raises(SimError, match=r"bytes too long for a socket in it; choose a shorter folder with --data"):
        await Lab(load_scenario(PLANT), deep, 8080).run(1)
    assert not deep.exists()
    with pytest.raises(SimError, match="too long for a socket"):
        await PrivateBus(deep).open()


def test_the_longest_that_fits_is_taken() -> None:
    room = LONGEST_PATH - len(f"/{CONTROL}")
    check_path(Path("/" + "z" * (room - 1)) / CONTROL)
    with pytest.raises(SimError, match="1 bytes too long"):
        check_path(Path("/" + "z" * room) / CONTROL)

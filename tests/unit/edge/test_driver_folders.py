"""A driver is a folder: the same files in each, a sample that is right, and no way in but the registry."""

from pathlib import Path

import pytest

from plantroom_edge import drivers
from plantroom_edge.config.loader import load_site
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.clock import SystemClock
from plantroom_shared.document import read_document

FOLDERS = sorted(path for path in Path(drivers.__path__[0]).iterdir() if path.is_dir() and path.name != "__pycache__")


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_each_driver_has_the_same_files(folder: Path) -> None:
    there = {path.name for path in folder.iterdir()}
    assert {"driver.py", "decode.py", "config.py", "README.md", "sample.yaml"} <= there


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_sample_of_a_driver_is_right_and_shows_it(folder: Path) -> None:
    data = read_document(folder / "sample.yaml").data
    fleet = load_site(data, "sample", ProfileLibrary())
    named = {DRIVERS[bus.type].name for bus in fleet.site.buses}
    assert folder.name in named
    assert fleet.site.devices


def test_every_registered_driver_is_a_folder() -> None:
    assert {kind.name for kind in DRIVERS.values()} == {folder.name for folder in FOLDERS}


@pytest.mark.parametrize("folder", FOLDERS, ids=lambda folder: folder.name)
def test_the_driver_of_each_bus_can_be_built(folder: Path) -> None:
    """Their modules are imported by name."""
    data = read_document(folder / "sample.yaml").data
    fleet = load_site(data, "sample", ProfileLibrary())
    for bus in fleet.site.buses:
        driver = DRIVERS[bus.type].build(bus, fleet.on(bus.id), SystemClock())
        assert driver.bus == bus.id

"""A machine without dbus-daemon or libosdp runs the rest of a scenario."""

from dataclasses import replace
from pathlib import Path

import pytest

from plantroom_sim.available import leave_out_missing
from plantroom_sim.building import Building
from plantroom_sim.errors import SimError
from plantroom_sim.loader import load_scenario
from plantroom_sim.registry import KINDS

HOSPITAL = Path(__file__).parents[3] / "configs" / "scenarios" / "hospital.yaml"
SCALES = {"ward-a-scale", "ward-b-scale", "store-scale"}
READERS = {"reader-yard", "reader-ramp-in", "reader-ramp-out"}


def _names(scenario: object) -> set[str]:
    return {device.id for gateway in scenario.gateways for device in gateway.devices}  # type: ignore[attr-defined]


def test_nothing_is_left_out_where_nothing_is_missing() -> None:
    scenario = load_scenario(HOSPITAL)
    assert leave_out_missing(scenario) == (scenario, [])


@pytest.mark.parametrize(
    ("lookup", "command", "gone", "faults", "routines"),
    [
        (
            "plantroom_sim.kinds.ble.private_bus.shutil.which",
            "sudo apt-get install dbus-daemon",
            SCALES,
            {"store-scale-drifts", "ward-scale-battery", "ward-scale-away", "bluetooth-restarts"},
            {"bags", "no-label"},
        ),
        (
            "plantroom_sim.kinds.osdp.bus.find_spec",
            "pip install 'plantroom[osdp]'",
            READERS,
            {"reader-cut", "reader-tampered"},
            {"ambulance", "staff-car"},
        ),
    ],
)
def test_what_is_missing_is_named_with_its_command_and_left_out_with_all_that_needs_it(
    lookup: str,
    command: str,
    gone: set[str],
    faults: set[str],
    routines: set[str],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(lookup, lambda _name: None)
    whole = load_scenario(HOSPITAL)
    rest, (said,) = leave_out_missing(whole)
    assert command in said
    assert all(name in said for name in gone)
    assert _names(whole) - _names(rest) == gone
    assert {f.name for f in whole.faults} - {f.name for f in rest.faults} == faults
    assert {r.name for r in whole.routines} - {r.name for r in rest.routines} == routines
    assert set(Building(rest, tmp_path, lambda _gateway: None).devices) == _names(rest)


def test_a_scenario_of_nothing_else_says_so(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(KINDS, "ble", replace(KINDS["ble"], missing=lambda: "needs a radio: buy one"))
    scenario = load_scenario(Path(__file__).parents[3] / "firmware-sim/plantroom_sim/kinds/ble/sample.yaml")
    with pytest.raises(SimError, match=r"needs a radio: buy one\nNothing of this scenario can run here"):
        leave_out_missing(scenario)

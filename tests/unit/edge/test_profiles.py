"""Every profile loads; every real device decodes its golden image; wrong profiles are refused with line and reason."""

from collections.abc import Sequence
from pathlib import Path
from typing import Any, cast

import pytest
import yaml

from plantroom_edge.drivers.modbus.blocks import Block
from plantroom_edge.drivers.modbus.bus import ModbusBus
from plantroom_edge.drivers.modbus.config import ModbusDevice
from plantroom_edge.drivers.modbus.profile import ModbusProfile
from plantroom_edge.drivers.modbus.reader import DeviceReader
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary, load_profile_file
from plantroom_shared.quality import Quality

CASES = Path(__file__).parents[2] / "cases" / "profiles"
IMAGES = sorted(CASES.glob("*.yaml"))
NAMES = ProfileLibrary().names()
MODBUS = [name for name in NAMES if ProfileLibrary().get(name).driver == "modbus"]

GOOD = """\
maker: Acme
model: One
kind: meter
verified: document
source: leaflet
registers:
  - {metric: voltage, address: 0, label: Voltage, unit: V}
"""


class ImageBus:
    """Answers reads from the register image of a golden case; holes read as zero."""

    def __init__(self, images: Sequence[dict[str, Any]]) -> None:
        self._words: dict[tuple[str, int], bytes] = {}
        for image in images:
            data = bytes.fromhex(image["hex"])
            for at in range(0, len(data), 2):
                self._words[image["table"], image["start"] + at // 2] = data[at : at + 2]

    def unit(self, address: int) -> int:
        return address

    async def read(self, block: Block, unit: int, quiet_s: float) -> bytes:
        return b"".join(
            self._words.get((block.table, address), b"\0\0")
            for address in range(block.address, block.address + block.count)
        )


def _modbus(name: str) -> ModbusProfile:
    profile = ProfileLibrary().get(name)
    assert isinstance(profile, ModbusProfile)
    return profile


def _write(folder: Path, text: str) -> Path:
    path = folder / "one.yaml"
    path.write_text(text, encoding="utf-8")
    return path


def _mistakes(folder: Path, text: str) -> list[str]:
    with pytest.raises(ConfigError) as caught:
        load_profile_file(_write(folder, text), "acme/one")
    return [mistake.removeprefix(f"{folder}/") for mistake in caught.value.mistakes]


@pytest.mark.parametrize("name", NAMES)
def test_each_profile_of_the_library_loads(name: str) -> None:
    profile = ProfileLibrary().get(name)
    assert profile.name == name
    assert profile.verified != "hardware"  # we have none; whoever verifies one changes this line
    assert profile.source


@pytest.mark.parametrize("name", MODBUS)
def test_a_samples_values_stand_in_the_order_of_the_metrics(name: str) -> None:
    profile = _modbus(name)
    assert [metric.name for metric in profile.metrics()] == [register.metric for register in profile.visible]


@pytest.mark.parametrize("name", NAMES)
def test_each_polled_profile_suggests_an_alarm_for_silence_and_each_explains_its_alarms(name: str) -> None:
    rules = ProfileLibrary().get(name).suggested_rules()
    if name in MODBUS:
        assert [rule.on_delay_s for rule in rules if rule.kind == "no-data"] == [30]
    assert len({rule.key for rule in rules}) == len(rules)
    assert all(rule.cause and rule.consequence and rule.response for rule in rules)


@pytest.mark.parametrize("name", MODBUS)
def test_limit_rules_lie_within_what_the_metric_can_show(name: str) -> None:
    profile = _modbus(name)
    registers = {register.metric: register for register in profile.registers}
    for rule in profile.rules:
        if rule.metric is None:
            continue
        register = registers[rule.metric]
        assert not register.hidden
        if rule.limit is not None:
            assert register.minimum is None or register.minimum < rule.limit
            assert register.maximum is None or rule.limit < register.maximum
        assert set(rule.states) <= set(register.states.values())


@pytest.mark.parametrize("name", NAMES)
def test_phases_are_watched_alike(name: str) -> None:
    profile = ProfileLibrary().get(name)
    watched = {(rule.metric, rule.operator) for rule in profile.rules if rule.metric and rule.metric[-3:] == "_l1"}
    for metric, operator in watched:
        assert metric is not None
        for phase in ("_l2", "_l3"):
            assert any(rule.metric == metric[:-3] + phase and rule.operator == operator for rule in profile.rules)


def test_each_real_device_has_a_golden_image() -> None:
    real = [name for name in MODBUS if not name.startswith("lab/")]
    assert len(real) >= 10
    assert sorted(yaml.safe_load(path.read_text("utf-8"))["profile"] for path in IMAGES) == real


@pytest.mark.parametrize("path", IMAGES, ids=lambda path: path.stem)
async def test_a_golden_image_decodes_to_its_values(path: Path) -> None:
    case = yaml.safe_load(path.read_text("utf-8"))
    profile = _modbus(case["profile"])
    reader = DeviceReader(ModbusDevice(id="meter", profile=profile.name, bus="line"), profile)

    values, marks = await reader.read(cast("ModbusBus", ImageBus(case["images"])))

    names = [register.metric for register in profile.visible]
    assert set(names) == set(case["values"]), "the image must hold every metric of the profile"
    for index, name in enumerate(names):
        expected = case["values"][name]
        if expected is None:
            assert values[index] is None
            assert marks[index] is Quality.SENSOR_FAULT
        else:
            assert values[index] == pytest.approx(expected, rel=1e-9), name
            assert index not in marks


def test_the_pump_starts_stops_and_takes_a_bounded_speed() -> None:
    actions = {action.name: action for action in ProfileLibrary().get("lab/chilled-water-pump").actions()}
    assert set(actions) == {"start", "stop", "set_speed"}
    assert actions["set_speed"].args == {"value": "number 0 to 2900 rpm"}
    assert all(action.confirms for action in actions.values())


def test_an_integrators_own_profile_comes_first(tmp_path: Path) -> None:
    (tmp_path / "eastron").mkdir()
    (tmp_path / "eastron" / "sdm120.yaml").write_text(GOOD, encoding="utf-8")
    profile = ProfileLibrary(tmp_path).get("eastron/sdm120")
    assert (profile.maker, profile.name) == ("Acme", "eastron/sdm120")


def test_an_unknown_profile_is_answered_with_the_nearest() -> None:
    with pytest.raises(ConfigError, match=r"'eastron/sdm63' is not known; there are: eastron/sdm630"):
        ProfileLibrary().get("eastron/sdm63")


def test_a_good_profile_is_taken(tmp_path: Path) -> None:
    profile = load_profile_file(_write(tmp_path, GOOD), "acme/one")
    assert [metric.unit for metric in profile.metrics()] == ["V"]


def test_all_mistakes_of_a_profile_are_told_with_their_lines(tmp_path: Path) -> None:
    text = GOOD.replace("verified: document", "verified: surely").replace("source: leaflet\n", "") + (
        "  - {metric: Current, address: 70000, lable: Current, label: Current}\n"
    )
    assert _mistakes(tmp_path, text) == [
        "one.yaml:4: verified: 'surely' is not possible; use 'document', 'two sources' or 'hardware'",
        "one.yaml:1: 'source' is missing; add it",
        (
            "one.yaml:7: registers.1.metric: 'Current' does not fit; "
            "use lower-case letters, digits and underscores, e.g. bearing_temperature"
        ),
        "one.yaml:7: registers.1.address: 70000 is too large; use at most 65535",
        "one.yaml:7: 'lable' is not known here; did you mean 'label'?",
    ]


@pytest.mark.parametrize(
    ("lines", "reason"),
    [
        ("  - {metric: voltage, address: 2, label: Again}\n", "metric voltage is defined twice"),
        ("  - {metric: run, address: 2, label: Run, table: coil}\n", "a coil holds one bit: use type bool"),
        (
            "  - {metric: run, address: 2, label: Run, bit: 3}\n",
            "a single bit is cut from type uint16 (0 to 15), uint32 (0 to 31) or uint64 (0 to 63)",
        ),
        ("  - {metric: run, address: 2, label: Run, factors: [ct]}\n", "run: factor 'ct' is no metric"),
        ("  - {metric: run, address: 2, label: Run, states: {0: idle}}\n", "states need kind: state"),
        ("  - {metric: run, address: 2, label: Run, minimum: 5, maximum: 1}\n", "minimum must be below maximum"),
        ("commands:\n  - {action: go, label: Go, address: 1}\n", "needs minimum and maximum"),
        (
            "commands:\n  - {action: go, label: Go, address: 1, value: 1, readback: speed}\n",
            "readback 'speed' is no metric",
        ),
        (
            "rules:\n  - {key: hot, name: Hot, kind: limit, severity: low, cause: a, consequence: b, response: c}\n",
            "a limit rule needs metric, operator and limit",
        ),
    ],
)
def test_what_does_not_fit_together_is_refused(tmp_path: Path, lines: str, reason: str) -> None:
    (mistake,) = _mistakes(tmp_path, GOOD + lines)
    assert reason in mistake
    assert mistake.startswith("one.yaml:")

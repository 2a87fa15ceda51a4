"""What people are told about a wrong gateway.yaml: each case folder holds the file and the exact answer."""

from pathlib import Path

import pytest

from plantroom_edge.config.loader import load_gateway_config, load_site
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary

CASES = sorted((Path(__file__).parents[2] / "cases" / "config").iterdir())


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_all_mistakes_are_told_with_line_reason_and_remedy(case: Path) -> None:
    with pytest.raises(ConfigError) as caught:
        load_gateway_config(case / "gateway.yaml")
    told = str(caught.value).replace(f"{case}/", "")
    assert told + "\n" == (case / "expected.txt").read_text("utf-8")


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.name)
def test_a_mistake_has_a_place_and_a_remedy(case: Path) -> None:
    for mistake in (case / "expected.txt").read_text("utf-8").splitlines():
        name, line, text = mistake.split(":", 2)
        assert name.endswith(".yaml")
        assert int(line) >= 1
        assert ";" in text or "write a" in text or "not both" in text or "belong together" in text


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"gateway.yaml:1: cannot be read: No such file or directory; give the path"):
        load_gateway_config(tmp_path / "gateway.yaml")


def test_a_remote_configuration_is_checked_alike() -> None:
    config = {
        "buses": [{"id": "plant", "type": "modbus-tcp", "host": "10.0.0.5"}],
        "devices": [{"id": "m1", "profile": "eastron/sdm120", "bus": "plnt", "unit": 1, "perod": "1s"}],
        "gateway": "gw-b",
    }
    with pytest.raises(ConfigError) as caught:
        load_site(config, "v7", ProfileLibrary())
    told = [mistake.split(": ", 1)[1] for mistake in caught.value.mistakes]
    assert told == [
        "bus 'plnt' is not defined; did you mean 'plant'?",
        "'perod' is not known here; did you mean 'period'?",
        "'gateway' is not known here; remove it, or use one of: buses, devices, pipeline",
    ]
    assert all(mistake.startswith("remote configuration v7:") for mistake in caught.value.mistakes)

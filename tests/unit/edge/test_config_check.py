"""A process of its own checks configuration: it answers as the loader does, and the agent keeps nothing of it."""

import subprocess
import sys
from pathlib import Path

import pytest
import yaml

from plantroom_edge.config.check import UncheckedError, check_gateway, check_site
from plantroom_edge.config.loader import load_gateway_config, load_site
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary

SAMPLE = Path(__file__).parents[3] / "configs" / "samples" / "gateway.yaml"


def test_the_process_answers_as_the_loader_does() -> None:
    assert check_gateway(SAMPLE) == load_gateway_config(SAMPLE)


def test_a_remote_configuration_finds_the_integrators_own_profiles(tmp_path: Path) -> None:
    (tmp_path / "acme").mkdir()
    profile = "{maker: A, model: M, kind: meter, verified: document, source: s, registers: "
    (tmp_path / "acme" / "meter.yaml").write_text(profile + "[{metric: a, address: 0, label: A}]}")
    config = {
        "buses": [{"id": "line", "type": "modbus-tcp", "host": "127.0.0.1"}],
        "devices": [{"id": "meter", "profile": "acme/meter", "bus": "line"}],
    }
    assert check_site(config, "v1", tmp_path) == load_site(config, "v1", ProfileLibrary(tmp_path))
    with pytest.raises(ConfigError, match="acme/meter"):
        check_site(config, "v1", None)


def test_mistakes_come_back_one_by_one(tmp_path: Path) -> None:
    document = yaml.safe_load(SAMPLE.read_text("utf-8"))
    document["mqtt"]["port"] = 70_000
    document["devices"][0]["perod"] = "5s"
    path = tmp_path / "gateway.yaml"
    path.write_text(yaml.safe_dump(document))
    with pytest.raises(ConfigError) as here:
        load_gateway_config(path)
    with pytest.raises(ConfigError) as there:
        check_gateway(path)
    assert there.value.mistakes == here.value.mistakes
    assert len(there.value.mistakes) >= 2


@pytest.mark.parametrize("program", ["/nowhere/python", "/bin/false"])
def test_no_answer_is_no_mistake(program: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with pytest.raises(UncheckedError, match="could not be checked"):
        check_gateway(SAMPLE)


@pytest.mark.parametrize("driver", ["modbus", "modbus_relay_barrier", "qr_scanner", "ble_scale"])
def test_the_agent_and_its_drivers_have_no_room_for_it(driver: str) -> None:
    code = f"import sys, plantroom_edge.cli, plantroom_edge.drivers.{driver}.driver; print(*sys.modules)"
    found = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True).stdout.split()
    assert "plantroom_edge.app" in found
    assert {"pydantic", "pydantic_core", "yaml"} & set(found) == set()

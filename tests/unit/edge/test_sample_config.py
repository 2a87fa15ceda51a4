"""The commented sample is right, says true defaults, and names every setting."""

import re
from dataclasses import fields
from pathlib import Path

from plantroom_edge.config.loader import load_gateway_config
from plantroom_edge.config.model import Mqtt, OutboxBounds, Pipeline
from plantroom_edge.config.quantity import parse_duration, parse_size
from plantroom_edge.config.site import GatewayConfig
from plantroom_edge.drivers.modbus.config import ModbusDevice, RtuBus, RtuOverTcpBus, TcpBus
from plantroom_edge.shape import Strict

SAMPLE = Path(__file__).parents[3] / "configs" / "samples" / "gateway.yaml"
README = Path(__file__).parents[3] / "configs" / "profiles" / "README.md"


def test_the_sample_is_right() -> None:
    config, fleet = load_gateway_config(SAMPLE)
    assert config.gateway == "gw-a"
    assert [bus.type for bus in config.buses] == ["modbus-tcp", "modbus-rtu", "modbus-rtu-over-tcp"]
    assert [device.id for device, _profile in fleet.on("plant")] == ["chiller-meter"]
    assert fleet.on("conv1") == []
    assert config.outbox.min_free_bytes == 500_000_000


def test_the_sample_names_every_setting() -> None:
    text = SAMPLE.read_text("utf-8")
    shapes: list[type[Strict]] = [GatewayConfig, Mqtt, OutboxBounds, Pipeline]
    shapes += [TcpBus, RtuBus, RtuOverTcpBus, ModbusDevice]
    names = {field.name for shape in shapes for field in fields(shape) if "derived" not in field.metadata}
    assert len(names) > 20
    for name in names:
        assert re.search(rf"\b{name}\b", text), name


def test_the_defaults_in_the_sample_are_true() -> None:
    text = SAMPLE.read_text("utf-8")
    for name, shape, parse in (
        ("max_bytes", OutboxBounds, parse_size),
        ("flush", Pipeline, parse_duration),
        ("keepalive", Mqtt, parse_duration),
        ("timeout", TcpBus, parse_duration),
    ):
        found = re.search(rf"# {name}: (\S+)", text)
        assert found, name
        assert parse(found[1]) == getattr(shape, name)
    assert f"# port: {Mqtt.port}" in text
    assert "(default 5s)" in text
    assert ModbusDevice.period == 5


def test_the_examples_of_the_profile_readme_work(tmp_path: Path) -> None:
    meter, profile = re.findall(r"```yaml\n(.*?)```", README.read_text("utf-8"), re.DOTALL)
    assert len(meter.strip().splitlines()) <= 6
    (tmp_path / "profiles" / "acme").mkdir(parents=True)
    (tmp_path / "profiles" / "acme" / "chiller.yaml").write_text(profile, encoding="utf-8")
    path = tmp_path / "gateway.yaml"
    path.write_text(
        "gateway: gw-a\nmqtt: {host: broker}\ndata_dir: data\n"
        "buses:\n  - {id: line1, type: modbus-rtu, port: /dev/ttyUSB0}\n"
        "devices:\n" + meter + "  - {id: chiller, profile: acme/chiller, bus: line1, unit: 8}\n",
        encoding="utf-8",
    )
    _config, fleet = load_gateway_config(path)
    metrics = {metric.name for metric in fleet.profiles["acme/chiller"].metrics()}
    assert {"outlet_temperature", "state"} <= metrics

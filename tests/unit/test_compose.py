"""The production set-up: compose file, secrets, units."""

import configparser
import json
from pathlib import Path

import jsonschema
import yaml

ROOT = Path(__file__).resolve().parents[2]


def test_the_compose_file_fits_the_compose_schema() -> None:
    schema = json.loads((ROOT / "tests/cases/docker/compose-spec.json").read_text())
    schema["properties"]["name"] = {"type": "string"}  # newer than this copy of the schema
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    jsonschema.validate(compose, schema)


def test_no_secret_has_a_default() -> None:
    compose = (ROOT / "docker/compose.yaml").read_text()
    for name in ("POSTGRES_PASSWORD", "INFLUX_PASSWORD", "INFLUX_TOKEN", "GRAFANA_PASSWORD"):
        assert f"${{{name}:?run docker/secrets first}}" in compose
        assert f"{name}" in (ROOT / "docker/secrets").read_text()


def test_what_compose_mounts_is_there() -> None:
    compose = yaml.safe_load((ROOT / "docker/compose.yaml").read_text())
    for service in compose["services"].values():
        for volume in service.get("volumes", []):
            source = volume.split(":")[0]
            if source.startswith("./"):
                assert (ROOT / "docker" / source).exists(), source


def test_the_units_are_hardened() -> None:
    for unit in (ROOT / "docker/systemd").glob("*.service"):
        parser = configparser.RawConfigParser(strict=False)
        parser.read(unit)
        assert parser["Service"]["NoNewPrivileges"] == "yes"
        assert parser["Service"]["ProtectSystem"] == "strict"

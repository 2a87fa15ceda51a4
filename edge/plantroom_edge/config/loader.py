"""gateway.yaml, or a remote configuration, to a checked configuration. All mistakes at once."""

from dataclasses import replace
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import ValidationError

from plantroom_edge.config.references import check_references
from plantroom_edge.config.site import Fleet, GatewayConfig, Site
from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.registry import DRIVERS, TAGS
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.document import Document, parse_document, read_document
from plantroom_shared.mistake import describe

S = TypeVar("S", bound=Site)


def load_gateway_config(path: Path) -> tuple[GatewayConfig, Fleet]:
    """Read and check gateway.yaml; relative paths in it are relative to it. Raises ConfigError."""
    document = read_document(path)
    base = path.resolve().parent
    config, mistakes = _validate(document, GatewayConfig)
    if config is not None:
        config = _resolve_paths(config, base)
        mistakes += _file_mistakes(config, document)
    own = config.profiles_dir if config is not None else _profiles_beside(base)
    fleet, found = check_site(config, ProfileLibrary(own), document)
    mistakes += found
    if config is None or fleet is None or mistakes:
        raise ConfigError(sorted(mistakes, key=_line_of))
    return config, fleet


def load_site(config: dict[str, Any], version: str, library: ProfileLibrary) -> Fleet:
    """Check a remote configuration (`buses`, `devices`, `pipeline`); raises ConfigError."""
    text = msgspec.json.format(msgspec.json.encode(config), indent=2).decode()
    document = parse_document(text, f"remote configuration {version}")
    site, mistakes = _validate(document, Site)
    fleet, found = check_site(site, library, document)
    mistakes += found
    if fleet is None or mistakes:
        raise ConfigError(sorted(mistakes, key=_line_of))
    return fleet


def check_site(site: Site | None, library: ProfileLibrary, document: Document) -> tuple[Fleet | None, list[str]]:
    """References, doubles, and what each bus's driver finds; without `site` (it failed) as far as can be seen."""
    profiles, mistakes = check_references(document, library)
    if site is None or mistakes:
        return None, mistakes
    fleet = Fleet(site=site, profiles=profiles)
    found = [
        document.mistake(("buses", index, key), text)
        for index, bus in enumerate(site.buses)
        for key, text in DRIVERS[bus.type].check(bus, fleet.on(bus.id))
    ]
    return fleet, found


def _validate(document: Document, shape: type[S]) -> tuple[S | None, list[str]]:
    if not isinstance(document.data, dict):
        return None, [document.mistake((), "is empty or no mapping; begin with: gateway: my-gateway")]
    try:
        return validated(shape, _with_drivers(document.data)), []
    except ValidationError as error:
        return None, describe(error, document, shape, TAGS)


def _with_drivers(data: dict[str, Any]) -> dict[str, Any]:
    """A device is described in the words of the driver of its bus."""
    if not isinstance(data.get("devices"), list):
        return data
    found = data.get("buses")
    buses = found if isinstance(found, list) else []
    types = {str(bus.get("id")): bus.get("type") for bus in buses if isinstance(bus, dict)}
    return {**data, "devices": [_with_driver(entry, types) for entry in data["devices"]]}


def _with_driver(entry: Any, types: dict[str, Any]) -> Any:
    if not isinstance(entry, dict) or "driver" in entry:
        return entry
    kind = DRIVERS.get(str(types.get(str(entry.get("bus")))))
    return {**entry, "driver": kind.name if kind is not None else next(iter(DRIVERS.values())).name}


def _resolve_paths(config: GatewayConfig, base: Path) -> GatewayConfig:
    def under(path: Path | None) -> Path | None:
        return None if path is None else base / path

    mqtt = replace(
        config.mqtt,
        password_file=under(config.mqtt.password_file),
        ca_file=under(config.mqtt.ca_file),
        cert_file=under(config.mqtt.cert_file),
        key_file=under(config.mqtt.key_file),
    )
    return replace(
        config,
        mqtt=mqtt,
        data_dir=base / config.data_dir,
        profiles_dir=under(config.profiles_dir) or _profiles_beside(base),
        devices=tuple(device.beside(base) for device in config.devices),
    )


def _profiles_beside(base: Path) -> Path | None:
    """An integrator's own profiles need no setting when they stand beside gateway.yaml."""
    folder = base / "profiles"
    return folder if folder.is_dir() else None


def _file_mistakes(config: GatewayConfig, document: Document) -> list[str]:
    mistakes = []
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        path: Path | None = getattr(config.mqtt, name)
        if path is not None and not path.is_file():
            mistakes.append(
                document.mistake(("mqtt", name), f"{name}: there is no file {path}; put it there or correct the path")
            )
    if config.profiles_dir is not None and not config.profiles_dir.is_dir():
        mistakes.append(
            document.mistake(("profiles_dir",), f"profiles_dir: there is no folder {config.profiles_dir}; make it")
        )
    types = {bus.id: bus.type for bus in config.buses}
    for index, device in enumerate(config.devices):
        if device.enabled and device.bus in types:
            for key, text in DRIVERS[types[device.bus]].check_files(device):
                mistakes.append(document.mistake(("devices", index, key), text))
    return mistakes


def _line_of(mistake: str) -> tuple[str, int]:
    source, _, rest = mistake.partition(":")
    number = rest.partition(":")[0]
    return source, int(number) if number.isdigit() else 0

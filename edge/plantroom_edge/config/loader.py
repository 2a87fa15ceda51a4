"""gateway.yaml, or a remote configuration, to a checked configuration. All mistakes at once."""

from collections import Counter
from difflib import get_close_matches
from pathlib import Path
from typing import Any, TypeVar

import msgspec
from pydantic import BaseModel, ValidationError

from plantroom_edge.config.budget import budget_mistakes
from plantroom_edge.config.document import Document, describe, parse_document, read_document
from plantroom_edge.config.model import Fleet, GatewayConfig, Site
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_edge.profile.schema import Profile

M = TypeVar("M", bound=BaseModel)


def load_gateway_config(path: Path) -> tuple[GatewayConfig, Fleet]:
    """Read and check gateway.yaml; relative paths in it are relative to it. Raises ConfigError."""
    document = read_document(path)
    config, mistakes = _validate(document, GatewayConfig)
    if config is not None:
        config = _resolve_paths(config, path.resolve().parent)
        mistakes += _file_mistakes(config, document)
        library = ProfileLibrary(config.profiles_dir)
        fleet, found = check_site(config, library, document)
        mistakes += found
    if mistakes or config is None:
        raise ConfigError(sorted(mistakes, key=_line_of))
    return config, fleet


def load_site(config: dict[str, Any], version: str, library: ProfileLibrary) -> Fleet:
    """Check a remote configuration (`buses`, `devices`, `pipeline`); raises ConfigError."""
    text = msgspec.json.format(msgspec.json.encode(config), indent=2).decode()
    document = parse_document(text, f"remote configuration {version}")
    site, mistakes = _validate(document, Site)
    if site is not None:
        fleet, found = check_site(site, library, document)
        mistakes += found
    if mistakes or site is None:
        raise ConfigError(mistakes)
    return fleet


def check_site(site: Site, library: ProfileLibrary, document: Document) -> tuple[Fleet, list[str]]:
    """What one value alone cannot show: references, doubles, the time budget of each bus."""
    mistakes: list[str] = []
    buses = {bus.id: bus for bus in site.buses}
    profiles: dict[str, Profile] = {}
    for part, ids in (("buses", [b.id for b in site.buses]), ("devices", [d.id for d in site.devices])):
        for twice in (name for name, count in Counter(ids).items() if count > 1):
            index = len(ids) - 1 - ids[::-1].index(twice)
            mistakes.append(document.mistake((part, index, "id"), f"id {twice!r} is used twice; ids are unique"))
    owner: dict[tuple[str, int], str] = {}
    for index, device in enumerate(site.devices):
        if isinstance(site, GatewayConfig) and device.id == site.gateway:
            text = f"id {device.id!r} is the gateway's own; give the device another"
            mistakes.append(document.mistake(("devices", index, "id"), text))
        if device.bus not in buses:
            near = get_close_matches(device.bus, buses, 1)
            hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(buses) or 'none; add one'}"
            mistakes.append(document.mistake(("devices", index, "bus"), f"bus {device.bus!r} is not defined; {hint}"))
        if device.profile not in profiles:
            try:
                profiles[device.profile] = library.get(device.profile)
            except ConfigError as error:
                known = any(device.profile == other.profile for other in site.devices[:index])
                if len(error.mistakes) == 1 and error.mistakes[0].startswith("profile "):
                    mistakes.append(document.mistake(("devices", index, "profile"), error.mistakes[0]))
                elif not known:
                    mistakes += error.mistakes
        taken = owner.setdefault((device.bus, device.unit), device.id)
        if taken != device.id:
            text = f"unit {device.unit} on bus {device.bus!r} is {taken!r} already; units on a bus are unique"
            mistakes.append(document.mistake(("devices", index, "unit"), text))
    fleet = Fleet(site=site, profiles=profiles)
    if not mistakes:
        mistakes += budget_mistakes(fleet, document)
    return fleet, mistakes


def _validate(document: Document, model: type[M]) -> tuple[M | None, list[str]]:
    if not isinstance(document.data, dict):
        return None, [document.mistake((), "is empty or no mapping; begin with: gateway: my-gateway")]
    try:
        return model.model_validate(document.data), []
    except ValidationError as error:
        return None, describe(error, document, model)


def _resolve_paths(config: GatewayConfig, base: Path) -> GatewayConfig:
    def under(path: Path | None) -> Path | None:
        return None if path is None else base / path

    mqtt = config.mqtt
    files = {name: under(getattr(mqtt, name)) for name in ("password_file", "ca_file", "cert_file", "key_file")}
    return config.model_copy(
        update={
            "mqtt": mqtt.model_copy(update=files),
            "data_dir": base / config.data_dir,
            "profiles_dir": under(config.profiles_dir),
        }
    )


def _file_mistakes(config: GatewayConfig, document: Document) -> list[str]:
    mistakes = []
    for name in ("password_file", "ca_file", "cert_file", "key_file"):
        path: Path | None = getattr(config.mqtt, name)
        if path is not None and not path.is_file():
            mistakes.append(document.mistake(("mqtt", name), f"{name}: there is no file {path}"))
    if config.profiles_dir is not None and not config.profiles_dir.is_dir():
        mistakes.append(document.mistake(("profiles_dir",), f"profiles_dir: there is no folder {config.profiles_dir}"))
    return mistakes


def _line_of(mistake: str) -> tuple[str, int]:
    source, _, rest = mistake.partition(":")
    number = rest.partition(":")[0]
    return source, int(number) if number.isdigit() else 0

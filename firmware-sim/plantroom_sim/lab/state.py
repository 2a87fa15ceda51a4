"""What a lab keeps between its starts: its secrets, its ports, what was done once."""

import json
import secrets
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any


def _own_secrets() -> dict[str, list[Any]]:
    """For the people of a scenario: OWN_SECRETS, each lab's own."""
    pin = ""
    while len(set(pin)) < 3:  # not one that others guess
        pin = "".join(secrets.choice("0123456789") for _ in range(6))
    return {"secret": [secrets.token_urlsafe(12)], "pin": [pin]}


@dataclass
class LabState:
    """In state.json of the lab's folder; made at the first start."""

    broker_port: int = 0  #: chosen at the first start
    metrics_port: int = 0
    broker_password: str = field(default_factory=lambda: secrets.token_urlsafe(24))
    admin_password: str = field(default_factory=lambda: secrets.token_urlsafe(9))
    token: str = ""
    enrolled: bool = False
    set_up: int = 0  #: how many of the scenario's requests were made
    kept: dict[str, list[Any]] = field(default_factory=_own_secrets)  #: what they kept
    history: dict[str, dict[str, Any]] = field(default_factory=dict)  #: gateway → outbox, end, done

    def save(self, folder: Path) -> None:
        """Readable for its owner alone, whole or not at all."""
        new = folder / "state.new"
        new.touch(mode=0o600)
        new.write_text(json.dumps(asdict(self)))
        new.replace(folder / "state.json")


def load_state(folder: Path) -> LabState:
    """As it was left, or new."""
    path = folder / "state.json"
    if not path.exists():
        return LabState()
    known = LabState.__dataclass_fields__
    return LabState(**{key: value for key, value in json.loads(path.read_text()).items() if key in known})

"""Has configuration checked by a process of its own (`checker.py`).

What it takes to check, pydantic and YAML above all, is a fifth of the memory of an agent that loads it, and of no use
once the answer is there.
"""

import pickle
import subprocess
import sys
from pathlib import Path
from typing import Any

from plantroom_edge.config.site import Fleet, GatewayConfig
from plantroom_edge.errors import ConfigError, EdgeError

#: A Raspberry Pi with a slow card takes a few seconds.
LIMIT_S = 120


class UncheckedError(EdgeError):
    """There was no answer: nothing is known about the configuration."""


def check_gateway(path: Path) -> tuple[GatewayConfig, Fleet]:
    """gateway.yaml, as `loader.load_gateway_config`; raises ConfigError or UncheckedError."""
    found: tuple[GatewayConfig, Fleet] = _ask("gateway", path)
    return found


def check_site(config: dict[str, Any], version: str, profiles_dir: Path | None) -> Fleet:
    """A remote configuration, as `loader.load_site`; raises ConfigError or UncheckedError."""
    found: Fleet = _ask("site", config, version, profiles_dir)
    return found


def _ask(what: str, *arguments: Any) -> Any:
    # -P: a folder that the agent is started in has no say in what is imported
    command = [sys.executable, "-P", "-m", "plantroom_edge.config.checker"]
    try:
        done = subprocess.run(
            command, check=False, input=pickle.dumps((what, arguments)), stdout=subprocess.PIPE, timeout=LIMIT_S
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise UncheckedError(f"the configuration could not be checked: {error}") from error
    if done.returncode != 0:
        raise UncheckedError(f"the configuration could not be checked: its checker ended with {done.returncode}")
    found, mistakes = pickle.loads(done.stdout)  # noqa: S301 (our own process wrote it)
    if mistakes:
        raise ConfigError(mistakes)
    return found

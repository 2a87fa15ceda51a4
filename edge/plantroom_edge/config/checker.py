"""The process that checks configuration: one request on its standard input, the answer on its standard output."""

import pickle
import sys
from pathlib import Path
from typing import Any

from plantroom_edge.config.loader import load_gateway_config, load_site
from plantroom_edge.config.site import Fleet
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.loader import ProfileLibrary


def main() -> None:
    """Answer and end: (what was checked, its mistakes)."""
    what, arguments = pickle.load(sys.stdin.buffer)  # noqa: S301 (the agent wrote it)
    answer: tuple[Any, list[str]]
    try:
        answer = _CHECKS[what](*arguments), []
    except ConfigError as error:
        answer = None, error.mistakes
    sys.stdout.buffer.write(pickle.dumps(answer))


def _site(config: dict[str, Any], version: str, profiles_dir: Path | None) -> Fleet:
    return load_site(config, version, ProfileLibrary(profiles_dir))


_CHECKS: dict[str, Any] = {"gateway": load_gateway_config, "site": _site}


if __name__ == "__main__":
    main()

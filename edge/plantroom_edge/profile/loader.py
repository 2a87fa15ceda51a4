"""Profile files to profiles."""

from dataclasses import replace
from difflib import get_close_matches
from pathlib import Path

from pydantic import ValidationError

from plantroom_edge.config.validation import validated
from plantroom_edge.drivers.registry import PROFILES
from plantroom_edge.errors import ConfigError
from plantroom_edge.profile.schema import Profile
from plantroom_shared.document import read_document
from plantroom_shared.library import library_path
from plantroom_shared.mistake import describe


class ProfileLibrary:
    """Finds profiles by name: first in `folder` (an integrator's own), then among those that came with us."""

    def __init__(self, folder: Path | None = None) -> None:
        self._folders = [path for path in (folder, library_path("profiles")) if path is not None]
        self._loaded: dict[str, Profile] = {}

    def names(self) -> list[str]:
        """All names, "vendor/model"."""
        return sorted(
            {
                path.relative_to(folder).with_suffix("").as_posix()
                for folder in self._folders
                for path in folder.glob("*/*.yaml")
            }
        )

    def get(self, name: str) -> Profile:
        """Load a profile once; raises ConfigError with file and line, or with the nearest names."""
        if name not in self._loaded:
            self._loaded[name] = self._load(name)
        return self._loaded[name]

    def _load(self, name: str) -> Profile:
        names = self.names()
        if name not in names:
            near = get_close_matches(name, names, 3, 0.4) or names
            raise ConfigError([f"profile {name!r} is not known; there are: {', '.join(near)}"])
        for folder in self._folders:
            path = folder / f"{name}.yaml"
            if path.is_file():
                return load_profile_file(path, name)
        raise ConfigError([f"profile {name!r} went away while it was loaded"])


def load_profile_file(path: Path, name: str) -> Profile:
    """One profile file; raises ConfigError with every mistake and its line."""
    document = read_document(path)
    if not isinstance(document.data, dict):
        raise ConfigError([document.mistake((), "is empty or no mapping; begin with: maker: Acme")])
    driver = document.data.get("driver", "modbus")
    shape = PROFILES.get(driver) if isinstance(driver, str) else None
    if shape is None:
        near = get_close_matches(str(driver), PROFILES, 1)
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(PROFILES)}"
        raise ConfigError([document.mistake(("driver",), f"driver {driver!r} is not known; {hint}")])
    try:
        return replace(validated(shape, document.data), name=name)
    except ValidationError as error:
        raise ConfigError(describe(error, document, shape)) from error

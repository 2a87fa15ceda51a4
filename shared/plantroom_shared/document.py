"""A YAML document that remembers the line of each value, so that a mistake can be shown where it is."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

import yaml

from plantroom_shared.errors import ConfigError

Location = tuple[str | int, ...]


class Document:
    """Plain data plus the line of every path in it."""

    def __init__(self, source: str, data: Any, lines: dict[Location, int]) -> None:
        self.source = source
        self.data = data
        self.lines = lines

    def line(self, location: Sequence[str | int]) -> int:
        """Line of the value at `location`, or of the nearest thing around it."""
        path = tuple(location)
        while path:
            if path in self.lines:
                return self.lines[path]
            path = path[:-1]
        return self.lines.get((), 1)

    def mistake(self, location: Sequence[str | int], text: str) -> str:
        """`file:line: text`."""
        return f"{self.source}:{self.line(location)}: {text}"


def read_document(path: Path) -> Document:
    """Read a YAML file; raises ConfigError when it cannot be read or is no YAML."""
    try:
        text = path.read_text(encoding="utf-8")
    except OSError as error:
        raise ConfigError([f"{path}:1: cannot be read: {error.strerror}; give the path of an existing file"]) from error
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}:1: is not UTF-8 text ({error.reason})"]) from error
    return parse_document(text, str(path))


def parse_document(text: str, source: str) -> Document:
    """Parse YAML text; raises ConfigError with the line where it breaks."""
    try:
        node = yaml.compose(text, Loader=yaml.SafeLoader)
        data = yaml.safe_load(text)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        line = mark.line + 1 if mark else 1
        raise ConfigError(
            [f"{source}:{line}: not valid YAML: {error.problem}; check indentation and colons"]
        ) from error
    except yaml.YAMLError as error:
        raise ConfigError([f"{source}:1: not valid YAML: {error}"]) from error
    lines: dict[Location, int] = {(): 1}
    mistakes: list[str] = []
    if node is not None:
        for location, line, twice in _walk(node, ()):
            lines[location] = line
            if twice:
                mistakes.append(f"{source}:{line}: {location[-1]!r} stands here twice; keep one of them")
    if mistakes:
        raise ConfigError(mistakes)
    return Document(source, data, lines)


def _walk(node: yaml.Node, path: Location) -> Iterator[tuple[Location, int, bool]]:
    if isinstance(node, yaml.MappingNode):
        seen: set[str] = set()
        for key, value in node.value:
            name = str(key.value)
            yield (*path, name), key.start_mark.line + 1, name in seen
            seen.add(name)
            yield from _walk(value, (*path, name))
    elif isinstance(node, yaml.SequenceNode):
        for index, value in enumerate(node.value):
            yield (*path, index), value.start_mark.line + 1, False
            yield from _walk(value, (*path, index))

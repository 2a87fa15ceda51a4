"""What gateway.yaml says of an OSDP line and of the readers on it."""

import re
import stat
from collections.abc import Iterable, Sequence
from dataclasses import field, replace
from importlib.util import find_spec
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from annotated_types import Interval

from plantroom_edge.config.model import BusConfig, ReaderConfig
from plantroom_edge.shape import DERIVED

_KEY = re.compile(r"[0-9a-fA-F]{32}")


class OsdpLine(BusConfig):
    """A two-wire RS-485 line with up to 126 readers."""

    type: Literal["osdp"]
    port: str
    baudrate: Literal[9600, 19200, 38400, 57600, 115200, 230400] = 9600


class OsdpReader(ReaderConfig):
    """A reader; its secure channel base key (SCBK) stands in a file of its own, 32 hexadecimal digits."""

    driver: Literal["osdp_reader"] = field(default="osdp_reader", repr=False, metadata=DERIVED)
    address: Annotated[int, Interval(ge=0, le=126)] = 0
    key_file: Path  #: readable by the gateway's user alone

    def beside(self, base: Path) -> Self:
        return replace(self, key_file=base / self.key_file)


def read_key(path: Path) -> bytes:
    """The 16 bytes of a key file; raises ValueError that says what is wrong with it."""
    try:
        mode, text = path.stat().st_mode, path.read_text("ascii").strip()
    except FileNotFoundError as error:
        text = f"there is no file {path}; make the reader's key with: plantroom-edge reader-key {path}"
        raise ValueError(text) from error
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"{path} cannot be read: {error}") from error
    if mode & (stat.S_IRWXO | stat.S_IWGRP):
        raise ValueError(f"{path} can be read or changed by others; run: chmod 600 {path}")
    if not _KEY.fullmatch(text):
        raise ValueError(f"{path} holds no key: 32 hexadecimal digits; make one with: plantroom-edge reader-key")
    return bytes.fromhex(text)


def check_files(device: Any) -> Iterable[tuple[str, str]]:
    """The key of a reader is there, is a key, and is kept to itself."""
    try:
        read_key(device.key_file)
    except ValueError as error:
        yield "key_file", f"key_file: {error}"


def check_library(bus: OsdpLine, _devices: Sequence[tuple[Any, Any]]) -> Iterable[tuple[str, str]]:
    """libosdp is an extra: it has wheels for x86-64 and is compiled elsewhere."""
    if find_spec("osdp") is None:
        yield "type", f"bus {bus.id!r} needs libosdp, which is not installed; run: pip install 'plantroom[osdp]'"

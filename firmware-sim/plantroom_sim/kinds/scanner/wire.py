"""Codes to bytes, as scanners send them; no I/O."""

from plantroom_sim.kinds.scanner.config import Framing

_HEAD: dict[Framing, bytes] = {"cr": b"", "lf": b"", "crlf": b"", "stx-etx": b"\x02"}
_TAIL: dict[Framing, bytes] = {"cr": b"\r", "lf": b"\n", "crlf": b"\r\n", "stx-etx": b"\x03"}
DIRT = b"\x00\xff\xfe\x80"
RUN_ON = b"A" * 700


def frame(code: str, framing: Framing, aim_prefix: bool) -> bytes:
    """A code with its terminator, and the AIM identifier of QR where it is switched on."""
    return _HEAD[framing] + (("]Q1" if aim_prefix else "") + code).encode() + _TAIL[framing]


def rubbish(kind: str, framing: Framing) -> bytes:
    """What a fault sends before a code; it ends as the scanner ends every frame."""
    return _HEAD[framing] + (DIRT if kind == "dirty" else RUN_ON) + _TAIL[framing]


def pieces(data: bytes, size: int) -> list[bytes]:
    """As a slow line delivers it."""
    return [data[start : start + size] for start in range(0, len(data), size)]

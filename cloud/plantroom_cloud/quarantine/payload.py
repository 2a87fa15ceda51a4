"""A payload that nobody could take, made readable: decoded where it can be, and as bytes. No I/O."""

import json
from dataclasses import dataclass
from typing import Any

import msgspec

#: Of a payload so many bytes are decoded and shown as text, and so many in the dump.
MOST_DECODED = 256_000
MOST_TEXT = 64_000
MOST_DUMPED = 4096


@dataclass(frozen=True)
class Readable:
    """`kind` is "JSON", "MessagePack", "text" or "bytes"; `text` is empty for bytes."""

    kind: str
    text: str
    dump: str
    cut: bool  #: more than is shown


def readable(payload: bytes) -> Readable:
    """Never raises: whatever came is shown."""
    kind, text = _decoded(payload)
    return Readable(kind, text[:MOST_TEXT], _dump(payload[:MOST_DUMPED]), len(payload) > MOST_DUMPED)


def _decoded(payload: bytes) -> tuple[str, str]:
    if len(payload) <= MOST_DECODED:
        for kind, decode in (("JSON", msgspec.json.decode), ("MessagePack", msgspec.msgpack.decode)):
            try:
                value: Any = decode(payload)
            except (msgspec.DecodeError, RecursionError, UnicodeDecodeError, ValueError):
                continue
            if kind == "JSON" or isinstance(value, (dict, list)):  # any byte is some MessagePack number
                return kind, json.dumps(value, indent=2, ensure_ascii=False, default=repr)
    try:
        text = payload.decode()
    except UnicodeDecodeError:
        return "bytes", ""
    return ("text", text) if text.isprintable() or "\n" in text else ("bytes", "")


def _dump(payload: bytes) -> str:
    """Offset, sixteen bytes in hexadecimal, and those of them that can be printed."""
    lines = []
    for start in range(0, len(payload), 16):
        part = payload[start : start + 16]
        printed = "".join(chr(byte) if 32 <= byte < 127 else "." for byte in part)
        lines.append(f"{start:06x}  {part.hex(' '):<47}  {printed}")
    return "\n".join(lines)

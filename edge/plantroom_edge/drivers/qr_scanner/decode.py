"""Bytes of a scanner's line to scanned texts; no I/O.

Serial and TCP scanners send a code ended by CR, LF or CRLF, or between STX and ETX; some put the AIM symbology
identifier ("]Q1" for QR, ISO/IEC 15424) before it. Which of them is set on the scanner need not be known here.
"""

from collections.abc import Iterator
from dataclasses import dataclass

STX, ETX, CR, LF = 0x02, 0x03, 0x0D, 0x0A
#: QR version 40 holds 4,296 alphanumeric characters; codes of any use to us are far shorter.
LONGEST_FRAME = 512

_SYMBOLOGIES = {
    "A": "code39",
    "C": "code128",
    "E": "ean",
    "F": "codabar",
    "I": "itf",
    "L": "pdf417",
    "Q": "qr",
    "d": "data-matrix",
    "z": "aztec",
}


class Frames:
    """Takes bytes in any chunking, gives whole frames.

    A frame that grows over the bound is discarded, and everything up to the next terminator with it: its tail would
    be taken for a code of its own.
    """

    def __init__(self, longest: int = LONGEST_FRAME) -> None:
        self._longest = longest
        self._buffer = bytearray()
        self._within = False  # between STX and ETX, where CR and LF are data
        self._skipping = False
        self.dropped = 0  #: bytes that made no frame

    def feed(self, data: bytes) -> Iterator[bytes]:
        """The frames that these bytes complete; empty ones are none."""
        for byte in data:
            if self._skipping:
                self.dropped += 1
                self._skipping = byte not in (CR, LF, ETX)
            elif byte == STX:  # whatever came before it without a terminator is no code
                self._drop()
                self._within = True
            elif (byte == ETX and self._within) or (byte in (CR, LF) and not self._within):
                self._within = False
                if self._buffer:
                    yield bytes(self._buffer)
                    self._buffer.clear()
            else:
                self._buffer.append(byte)
                if len(self._buffer) > self._longest:
                    self._drop()
                    self._skipping, self._within = True, False

    def reset(self) -> None:
        """The line was cut: half a code is none."""
        self._drop()
        self._within = self._skipping = False

    def _drop(self) -> None:
        self.dropped += len(self._buffer)
        self._buffer.clear()


@dataclass(frozen=True, slots=True)
class Scanned:
    """A frame as text. `symbology` is None where the scanner sends no AIM identifier."""

    text: str
    symbology: str | None = None


def read_frame(frame: bytes) -> Scanned | None:
    """The text of a frame, or None for what no code can hold: bytes that are not UTF-8, or control characters."""
    try:
        text = frame.decode("utf-8")
    except UnicodeDecodeError:
        return None
    symbology = None
    if len(text) >= 3 and text[0] == "]" and text[1].isascii() and text[1].isalpha() and text[2].isalnum():
        symbology, text = _SYMBOLOGIES.get(text[1], "other"), text[3:]
    text = text.strip(" ")
    if not text or any((ord(letter) < 0x20 and letter != "\x1d") or letter == "\x7f" for letter in text):
        return None  # GS (0x1d) separates fields in GS1 codes and is theirs
    return Scanned(text, symbology)

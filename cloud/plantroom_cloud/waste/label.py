"""The code of a bag's label: PW1:<bag code>:<check>, in the alphanumeric set of QR codes."""

import hashlib
import re
import secrets

#: Crockford's base 32: no I, L, O or U, so that nobody misreads one when typing.
ALPHABET = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
PREFIX = "PW1"
CODE_LENGTH = 8
_MISREAD = str.maketrans("ILO", "110")
_LABEL = re.compile(rf"(?:{PREFIX}[:\s-]*)?([{ALPHABET}]{{{CODE_LENGTH}}})[:\s-]?([{ALPHABET}]{{2}})")


def new_code() -> str:
    """Random: 40 bits, so that nobody guesses a neighbour's."""
    return "".join(secrets.choice(ALPHABET) for _ in range(CODE_LENGTH))


def check_of(code: str) -> str:
    """Two letters that a misread code does not have: 10 bits of its SHA-256."""
    number = int.from_bytes(hashlib.sha256(f"{PREFIX}:{code}".encode()).digest()[:2]) >> 6
    return ALPHABET[number >> 5] + ALPHABET[number & 31]


def label_text(code: str) -> str:
    """What the QR code says."""
    return f"{PREFIX}:{code}:{check_of(code)}"


def read_scan(text: str) -> str | None:
    """The bag code in a scanned text, None when it is no label of a bag or its check is wrong."""
    return read_typed(text) if text.startswith(f"{PREFIX}:") else None


def read_typed(text: str) -> str | None:
    """The bag code in what somebody typed: blanks, hyphens, small letters and I, L, O for 1, 1, 0 are forgiven."""
    plain = text.strip().upper()
    if plain.startswith(PREFIX):
        plain = plain[len(PREFIX) :].lstrip(" :-")
    plain = re.sub(r"[\s:-]", "", plain).translate(_MISREAD)
    match = _LABEL.fullmatch(plain)
    return match[1] if match is not None and check_of(match[1]) == match[2] else None

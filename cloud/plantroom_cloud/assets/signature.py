"""What stands on a label and in a follow-up link: an id and a signature, so that nobody guesses another; pure."""

import base64
import hashlib
import hmac

BYTES = 10


def sign(secret: str, kind: str, number: int) -> str:
    """`A12-<16 characters>`: upper case and digits, so that a QR code stays small and a person can type it."""
    return f"{kind}{number}-{_mark(secret, kind, number)}"


def read(secret: str, kind: str, text: str) -> int | None:
    """The id, or None for what is not ours."""
    head, _, mark = text.upper().partition("-")
    if not head.startswith(kind) or not head[len(kind) :].isdecimal() or len(head) > 18:
        return None
    number = int(head[len(kind) :])
    right = _mark(secret, kind, number).encode()
    return number if hmac.compare_digest(mark.encode(errors="replace"), right) else None


def _mark(secret: str, kind: str, number: int) -> str:
    digest = hmac.new(secret.encode(), f"{kind}:{number}".encode(), hashlib.sha256).digest()
    return base64.b32encode(digest[:BYTES]).decode().rstrip("=")

"""The signed code of a patrol point: made by labels and displays, judged by the gateway and by the cloud.

Static `P1:POINT:TAG` (a printed label: proves the place, for it can be photographed) and rotating
`P1:POINT:WINDOW:TAG` (a display: proves presence). WINDOW is the number of the 30 s window since 1970, four bytes
big-endian; TAG is HMAC-SHA256 of all that stands before it, cut to 64 bits, by the point's own key; both in base32
without padding. Upper case throughout: the QR alphanumeric set, 25 × 25 modules at error correction M.
"""

import base64
import binascii
import hashlib
import hmac
import secrets
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Literal

import msgspec

from plantroom_shared.errors import PlantroomError
from plantroom_shared.ids import check_id
from plantroom_shared.said import said

PREFIX = "P1"
WINDOW_S = 30
#: A display's clock, or ours, may be off by that many windows either way.
TOLERANCE = 1
KEY_BYTES = 32
#: Longer ids would make the symbol larger than a hand scanner likes.
LONGEST_POINT = 24
#: The name of the document by which a gateway judges codes without the cloud.
AUTHORITY = "patrol-points"

_TAG_BYTES = 8

CodeKind = Literal["static", "rotating"]


class PatrolKeyError(PlantroomError):
    """A key or a point id that cannot make a code."""


class Proof(StrEnum):
    """What a scan proves."""

    STATIC = "static"  #: the place: the label is genuine, but may have been photographed
    ROTATING = "rotating"  #: presence: the code was shown within the last seconds
    REFUSED = "refused"  #: a code of a known point that must not count; the reason says why
    UNKNOWN = "unknown"  #: a patrol code of a point that is not known here


class Reason(StrEnum):
    """Why a code does not count."""

    MALFORMED = "malformed"
    FOREIGN = "foreign"  #: a point that this gateway, or this site, does not know
    FORGED = "forged"  #: the tag fits no key that the point ever had
    REVOKED = "revoked"  #: genuine once; its key was withdrawn
    EXPIRED = "expired"  #: of a window that has passed
    EARLY = "early"  #: of a window that has not begun: a clock is wrong, or somebody computed ahead
    REPLAYED = "replayed"  #: this window of this point was shown and counted before


class PointKey(msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    """One key of a point, base32; a revoked one stays known, so that its codes are told from forged ones."""

    version: int
    key: str
    revoked: bool = False


class PointKeys(msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    """A point and its keys, newest first."""

    id: str
    keys: list[PointKey]


class PatrolPoints(msgspec.Struct, omit_defaults=True, kw_only=True, frozen=True):
    """The authority document `patrol-points`: every point that a gateway may meet."""

    points: list[PointKeys] = []


@dataclass(frozen=True, slots=True)
class Verdict:
    """What became of one code. `point`, `window` and `version` as far as they could be read and trusted."""

    proof: Proof
    reason: Reason | None = None
    point: str | None = None
    window: int | None = None
    version: int | None = None


def new_key() -> str:
    """A fresh key, base32."""
    return _base32(secrets.token_bytes(KEY_BYTES))


def check_key(key: str) -> str:
    """Return a key that can sign, raise PatrolKeyError otherwise."""
    try:
        found = _from_base32(key)
    except ValueError as error:
        raise PatrolKeyError("a patrol key is base32 text") from error
    if len(found) != KEY_BYTES:
        raise PatrolKeyError(
            said("a patrol key has %(key_bytes)s bytes, not %(count)s", key_bytes=KEY_BYTES, count=len(found))
        )
    return key


def check_point(point: str) -> str:
    """Return an id that fits into a code, raise PatrolKeyError or InvalidIdError otherwise."""
    if len(check_id(point, "point")) > LONGEST_POINT:
        raise PatrolKeyError(
            said(
                "point %(point)r: at most %(longest_point)s characters, so that the code stays small",
                point=point,
                longest_point=LONGEST_POINT,
            )
        )
    return point


def window_at(at_ms: int) -> int:
    """The number of the 30 s window that holds a moment (ms since 1970)."""
    return at_ms // (WINDOW_S * 1000)


def static_code(point: str, key: str) -> str:
    """What a printed label says."""
    return _signed(f"{PREFIX}:{check_point(point).upper()}", key)


def rotating_code(point: str, key: str, window: int) -> str:
    """What a display shows during one window."""
    return _signed(f"{PREFIX}:{check_point(point).upper()}:{_base32(window.to_bytes(4, 'big'))}", key)


def is_patrol_code(text: str) -> bool:
    """Whether a scanned text claims to be a patrol code; everything else belongs to somebody else."""
    return text.upper().startswith(f"{PREFIX}:")


def named_point(text: str) -> str | None:
    """The point that a code claims to be of; None for a text that is no patrol code."""
    parts = text.upper().split(":")
    return parts[1].lower() if parts[0] == PREFIX and len(parts) in (3, 4) else None


def by_point(document: PatrolPoints) -> dict[str, list[PointKey]]:
    """Point → keys; raises PatrolKeyError or InvalidIdError on a document that cannot be used."""
    found: dict[str, list[PointKey]] = {}
    for point in document.points:
        if check_point(point.id) in found:
            raise PatrolKeyError(said("point %(point_id)r stands twice in the document", point_id=point.id))
        found[point.id] = [key for key in point.keys if check_key(key.key)]
    return found


def verify(text: str, at_ms: int, keys: Mapping[str, Iterable[PointKey]]) -> Verdict:
    """Judge a code by the moment it was scanned. Replay is the caller's to know: see `Verdict.window`."""
    match text.upper().split(":"):
        case [prefix, name, tag] if prefix == PREFIX:
            body, window = f"{prefix}:{name}", None
        case [prefix, name, counter, tag] if prefix == PREFIX:
            body = f"{prefix}:{name}:{counter}"
            window = _window(counter)
            if window is None:
                return Verdict(Proof.REFUSED, Reason.MALFORMED)
        case _:
            return Verdict(Proof.REFUSED, Reason.MALFORMED)
    point = name.lower()
    if point not in keys:
        return Verdict(Proof.UNKNOWN, Reason.FOREIGN, point[:LONGEST_POINT])
    made_by = next(
        (key for key in keys[point] if hmac.compare_digest(_tag(body, key.key), tag.encode("utf-8", "replace"))), None
    )
    if made_by is None:
        return Verdict(Proof.REFUSED, Reason.FORGED, point)
    if made_by.revoked:
        return Verdict(Proof.REFUSED, Reason.REVOKED, point, window, made_by.version)
    if window is None:
        return Verdict(Proof.STATIC, None, point, None, made_by.version)
    away = window_at(at_ms) - window
    if abs(away) > TOLERANCE:
        return Verdict(Proof.REFUSED, Reason.EXPIRED if away > 0 else Reason.EARLY, point, window, made_by.version)
    return Verdict(Proof.ROTATING, None, point, window, made_by.version)


def _window(counter: str) -> int | None:
    try:
        found = _from_base32(counter)
    except ValueError:
        return None
    return int.from_bytes(found, "big") if len(found) == 4 else None


def _signed(body: str, key: str) -> str:
    return f"{body}:{_tag(body, key).decode()}"


def _tag(body: str, key: str) -> bytes:
    made = hmac.new(_from_base32(key), body.encode(), hashlib.sha256).digest()
    return _base32(made[:_TAG_BYTES]).encode()


def _base32(data: bytes) -> str:
    return base64.b32encode(data).rstrip(b"=").decode()


def _from_base32(text: str) -> bytes:
    """Strict: only the one spelling that `_base32` writes."""
    try:
        found = base64.b32decode(text + "=" * (-len(text) % 8))
    except (binascii.Error, UnicodeEncodeError) as error:
        raise ValueError("not base32") from error
    if _base32(found) != text:
        raise ValueError("not base32 as we write it")
    return found

"""Bytes to messages and back. JSON and MessagePack are both read (the first byte tells); MessagePack is written."""

from functools import cache
from typing import Any, TypeVar, cast

import msgspec

from plantroom_shared.batch import Batch, check_batch
from plantroom_shared.errors import MessageRefusedError
from plantroom_shared.messages import VERSION
from plantroom_shared.said import plain

#: Larger messages are refused unread; a batch of 1,000 values is about 10 KB.
MAX_MESSAGE_BYTES = 1_048_576
#: What a gateway decides by may be longer: 50,000 credentials make about 2.5 MB.
MAX_AUTHORITY_BYTES = 8_388_608

_JSON_FIRST_BYTES = frozenset(b'{["tfn-0123456789 \t\r\n')

T = TypeVar("T")


class _Versioned(msgspec.Struct):
    v: Any = None


@cache
def _decoders(kind: Any) -> tuple[msgspec.msgpack.Decoder[Any], msgspec.json.Decoder[Any]]:
    return msgspec.msgpack.Decoder[Any](kind), msgspec.json.Decoder[Any](kind)


_ENCODER = msgspec.msgpack.Encoder(enc_hook=plain)


def encode(message: msgspec.Struct) -> bytes:
    """MessagePack, a map keyed by field name."""
    return _ENCODER.encode(message)


def is_json(payload: bytes) -> bool:
    """A MessagePack map never begins with a byte of JSON text."""
    return bool(payload) and payload[0] in _JSON_FIRST_BYTES


def decode(payload: bytes, kind: type[T], most: int = MAX_MESSAGE_BYTES) -> T:
    """Decode and validate one message of at most `most` bytes; raises MessageRefusedError with a reason a person can
    act on."""
    if not payload:
        raise MessageRefusedError("empty message")
    if len(payload) > most:
        raise MessageRefusedError(f"message of {len(payload)} bytes; at most {most} are taken")
    decoder = _decoders(cast("Any", kind))[1 if is_json(payload) else 0]
    try:
        message: T = decoder.decode(payload)
    except RecursionError as error:
        raise MessageRefusedError("nested too deeply") from error
    except (msgspec.DecodeError, UnicodeDecodeError) as error:  # a ValidationError is a DecodeError
        raise MessageRefusedError(_version_reason(payload) or str(error)) from error
    version = getattr(message, "v", VERSION)
    if version != VERSION:
        raise MessageRefusedError(f"version {version!r} is unknown; this side speaks {VERSION}")
    return message


def decode_batch(payload: bytes) -> Batch:
    """Decode a batch and check what its types alone cannot say; raises MessageRefusedError."""
    batch = decode(payload, Batch)
    if reason := check_batch(batch):
        raise MessageRefusedError(reason)
    return batch


def _version_reason(payload: bytes) -> str | None:
    """A message of another version rarely fits our types: say that, not which field failed first."""
    try:
        version = _decoders(_Versioned)[1 if is_json(payload) else 0].decode(payload).v
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return None
    return None if version in (VERSION, None) else f"version {version!r} is unknown; this side speaks {VERSION}"

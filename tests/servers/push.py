"""What a browser and its push service do with a message, by RFC 8291 and RFC 8292, with nothing but primitives: so that
a mistake in the library that encrypts is not mirrored by the one that opens."""

import base64
import hashlib
import hmac
import json
from typing import Any

from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.asymmetric.utils import encode_dss_signature
from cryptography.hazmat.primitives.ciphers.aead import AESGCM


def opened(body: bytes, browser: ec.EllipticCurvePrivateKey, auth: bytes) -> bytes:
    """The text of one encrypted record (RFC 8188, 8291 §3.4)."""
    salt, length = body[:16], body[20]
    theirs, record = body[21 : 21 + length], body[21 + length :]
    assert len(record) <= int.from_bytes(body[16:20], "big")
    shared = browser.exchange(ec.ECDH(), ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), theirs))
    mine = browser.public_key().public_bytes(serialization.Encoding.X962, serialization.PublicFormat.UncompressedPoint)
    secret = _mac(_mac(auth, shared), b"WebPush: info\0" + mine + theirs + b"\1")
    key = _mac(salt, secret)
    content, nonce = (_mac(key, b"Content-Encoding: %s\0\1" % name) for name in (b"aes128gcm", b"nonce"))
    padded = AESGCM(content[:16]).decrypt(nonce[:12], record, None).rstrip(b"\0")
    assert padded.endswith(b"\2")  # the last record
    return padded[:-1]


def vouched(authorization: str, key: bytes) -> dict[str, Any]:
    """The claims of a VAPID header, once it is shown that the holder of `key` signed them (RFC 8292 §3)."""
    scheme, _, rest = authorization.partition(" ")
    fields = dict(part.strip().split("=", 1) for part in rest.split(","))
    assert scheme == "vapid"
    assert from_text(fields["k"]) == key
    head, claims, signature = fields["t"].split(".")
    assert json.loads(from_text(head))["alg"] == "ES256"
    raw = from_text(signature)
    pair = encode_dss_signature(int.from_bytes(raw[:32], "big"), int.from_bytes(raw[32:], "big"))
    public = ec.EllipticCurvePublicKey.from_encoded_point(ec.SECP256R1(), key)
    public.verify(pair, f"{head}.{claims}".encode(), ec.ECDSA(hashes.SHA256()))
    found: dict[str, Any] = json.loads(from_text(claims))
    return found


def from_text(text: str) -> bytes:
    """Base64 for URLs, without padding."""
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def _mac(key: bytes, data: bytes) -> bytes:
    return hmac.new(key, data, hashlib.sha256).digest()

"""Judges scans without the cloud: the signature by the points' keys, and what was counted before by a short memory."""

import json
from typing import Any

from plantroom_edge.drivers.qr_scanner.decode import Scanned
from plantroom_shared.patrol_code import (
    TOLERANCE,
    PointKey,
    Proof,
    Reason,
    Verdict,
    is_patrol_code,
    verify,
    window_at,
)

#: "XX1:…": a label of somebody else's chain, e.g. of a waste bag.
_LABEL_PREFIX = 8


class Verifier:
    """Keys and the windows that were counted. A window that the tolerance shuts out needs no memory any more."""

    def __init__(self) -> None:
        self._keys: dict[str, list[PointKey]] = {}
        self._version: int | None = None
        self._counted: dict[str, list[int]] = {}

    def use(self, version: int, keys: dict[str, list[PointKey]]) -> None:
        """Judge by these from now on."""
        self._version, self._keys = version, keys

    def judge(self, scanned: Scanned, at_ms: int) -> tuple[dict[str, Any], Verdict | None]:
        """What the event of a scan says, and the verdict on a patrol code."""
        told: dict[str, Any] = {"text": scanned.text}
        if scanned.symbology is not None:
            told["symbology"] = scanned.symbology
        if not is_patrol_code(scanned.text):
            return {**told, "kind": "label" if _is_label(scanned.text) else "text"}, None
        verdict = verify(scanned.text, at_ms, self._keys)
        if verdict.proof is Proof.ROTATING and verdict.window in self._counted.get(verdict.point or "", ()):
            verdict = Verdict(Proof.REFUSED, Reason.REPLAYED, verdict.point, verdict.window, verdict.version)
        told |= {
            "kind": "patrol",
            "proof": verdict.proof.value,
            "reason": verdict.reason.value if verdict.reason else None,
            "point": verdict.point,
            "window": verdict.window,
            "key_version": verdict.version,
            "authority": self._version,
        }
        return {key: value for key, value in told.items() if value is not None}, verdict

    def count(self, verdict: Verdict, at_ms: int) -> None:
        """This window of this point is used up."""
        if verdict.point is None or verdict.window is None:
            return
        oldest = window_at(at_ms) - 2 * TOLERANCE
        kept = {point: [w for w in windows if w >= oldest] for point, windows in self._counted.items()}
        kept.setdefault(verdict.point, []).append(verdict.window)
        self._counted = {point: windows for point, windows in kept.items() if windows}

    def dump(self) -> str:
        """What must survive a restart."""
        return json.dumps(self._counted, separators=(",", ":"))

    def load(self, stored: str) -> None:
        """From `dump`."""
        self._counted = {str(point): [int(w) for w in windows] for point, windows in json.loads(stored).items()}


def _is_label(text: str) -> bool:
    head, colon, rest = text.partition(":")
    return bool(colon and rest) and len(head) <= _LABEL_PREFIX and head.isascii() and head.isalnum() and head.isupper()

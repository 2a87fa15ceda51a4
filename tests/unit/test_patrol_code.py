"""Signed patrol codes: what is genuine counts, everything else is told apart."""

import re

import pytest
import segno
from hypothesis import given
from hypothesis import strategies as st

from plantroom_shared.errors import InvalidIdError
from plantroom_shared.patrol_code import (
    PatrolKeyError,
    PatrolPoints,
    PointKey,
    PointKeys,
    Proof,
    Reason,
    by_point,
    check_key,
    is_patrol_code,
    new_key,
    rotating_code,
    static_code,
    verify,
    window_at,
)

AT = 1_764_000_010_000
KEY, OLD, OTHER = new_key(), new_key(), new_key()
KEYS = {"boiler-room": [PointKey(version=2, key=KEY), PointKey(version=1, key=OLD, revoked=True)]}

point_ids = st.from_regex(r"\A[a-z0-9][a-z0-9-]{0,23}\Z")


def test_a_static_label_proves_the_place() -> None:
    verdict = verify(static_code("boiler-room", KEY), AT, KEYS)
    assert (verdict.proof, verdict.reason, verdict.point, verdict.version) == (Proof.STATIC, None, "boiler-room", 2)


@pytest.mark.parametrize(("away", "proof", "reason"), [
    (-2, Proof.REFUSED, Reason.EXPIRED),
    (-1, Proof.ROTATING, None),
    (0, Proof.ROTATING, None),
    (1, Proof.ROTATING, None),
    (2, Proof.REFUSED, Reason.EARLY),
])  # fmt: skip
def test_a_rotating_code_counts_within_one_window_either_way(away: int, proof: Proof, reason: Reason | None) -> None:
    window = window_at(AT) + away
    verdict = verify(rotating_code("boiler-room", KEY, window), AT, KEYS)
    assert (verdict.proof, verdict.reason, verdict.window) == (proof, reason, window)


def test_forged_foreign_revoked_and_malformed_codes_are_told_apart() -> None:
    static, rotating = static_code("boiler-room", KEY), rotating_code("boiler-room", KEY, window_at(AT))
    assert verify(static_code("boiler-room", OTHER), AT, KEYS).reason is Reason.FORGED
    assert verify(static[:-1] + ("A" if static[-1] != "A" else "Q"), AT, KEYS).reason is Reason.FORGED
    assert verify(rotating.replace(":BOILER", ":COOLER"), AT, KEYS).reason is Reason.FOREIGN
    assert verify(static_code("roof", KEY), AT, KEYS).proof is Proof.UNKNOWN
    assert verify(static_code("boiler-room", OLD), AT, KEYS).reason is Reason.REVOKED
    for text in ("P1", "P1:", "P1:X", "P1:A:B:C:D", "P1:BOILER-ROOM:??:AAAA", "P1:BOILER-ROOM:AA:AAAA"):
        assert verify(text, AT, KEYS).reason is Reason.MALFORMED, text


def test_a_static_code_cannot_be_passed_off_as_a_rotating_one() -> None:
    body, tag = static_code("boiler-room", KEY).rsplit(":", 1)
    rotating = rotating_code("boiler-room", KEY, window_at(AT))
    assert verify(rotating.rsplit(":", 1)[0] + ":" + tag, AT, KEYS).reason is Reason.FORGED
    assert verify(body + ":" + rotating.rsplit(":", 1)[1], AT, KEYS).reason is Reason.FORGED


@given(point_ids, st.integers(0, 2**32 - 1))
def test_codes_stay_in_the_alphanumeric_set_and_in_a_small_symbol(point: str, window: int) -> None:
    for text, longest in ((static_code(point, KEY), 29), (rotating_code(point, KEY, window), 29)):
        assert re.fullmatch(r"[0-9A-Z $%*+\-./:]+", text)
        symbol = segno.make(text, error="m", micro=False, boost_error=False)
        assert symbol.mode == "alphanumeric"
        assert symbol.symbol_size(border=0)[0] <= longest


def test_a_code_of_usual_length_is_a_symbol_of_25_modules() -> None:
    for text in (static_code("wh2-0417", KEY), rotating_code("wh2-0417", KEY, 1)):
        assert segno.make(text, error="m", micro=False, boost_error=False).symbol_size(border=0) == (25, 25)


@given(st.text(max_size=80))
def test_no_text_counts_by_chance_and_none_breaks_the_judge(text: str) -> None:
    assert verify(text, AT, KEYS).proof in (Proof.REFUSED, Proof.UNKNOWN)


@given(st.text(max_size=30), st.text(max_size=30), st.text(max_size=30))
def test_nor_does_a_text_of_the_right_shape(point: str, window: str, tag: str) -> None:
    for text in (f"P1:{point}:{tag}", f"P1:BOILER-ROOM:{window}:{tag}"):
        assert verify(text, AT, KEYS).reason in (Reason.FORGED, Reason.FOREIGN, Reason.MALFORMED)


def test_lower_case_from_a_scanner_set_so_is_the_same_code() -> None:
    assert verify(static_code("boiler-room", KEY).lower(), AT, KEYS).proof is Proof.STATIC
    assert is_patrol_code("p1:boiler-room:x")
    assert not is_patrol_code("PW1:BAG:7F3K")


def test_a_document_that_cannot_be_used_says_why() -> None:
    good = PointKeys(id="roof", keys=[PointKey(version=1, key=KEY)])
    assert by_point(PatrolPoints(points=[good])) == {"roof": [PointKey(version=1, key=KEY)]}
    with pytest.raises(PatrolKeyError, match="twice"):
        by_point(PatrolPoints(points=[good, good]))
    with pytest.raises(PatrolKeyError, match="base32"):
        check_key("no key!")
    with pytest.raises(PatrolKeyError, match="32 bytes"):
        check_key("AAAA" * 2)
    with pytest.raises(InvalidIdError):
        by_point(PatrolPoints(points=[PointKeys(id="Roof", keys=[])]))
    with pytest.raises(PatrolKeyError, match="24 characters"):
        static_code("a" * 25, KEY)

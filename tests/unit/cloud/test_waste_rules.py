"""Stages, records and limits are data: what is wrong with them is told; labels; the chain; the balance."""

import copy
from datetime import UTC, date, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from plantroom_cloud.errors import InvalidError
from plantroom_cloud.waste import chain
from plantroom_cloud.waste.balance import Passage, balance
from plantroom_cloud.waste.label import ALPHABET, label_text, new_code, read_scan, read_typed
from plantroom_cloud.waste.rules import default_document, read_rules

RULES = read_rules(default_document())
NOON = datetime(2026, 11, 25, 12, tzinfo=UTC)


def _h(hours: float) -> datetime:
    return NOON + timedelta(hours=hours)


def _known(stage: str, hours: float, kg: float | None = None, *records: str, explained: bool = False) -> chain.Known:
    names = [*(["weight"] if kg is not None else []), *records]
    return chain.Known(stage, _h(hours), kg, dict.fromkeys(names, _h(hours)), explained)


def _found(*known: chain.Known, at: float = 0) -> dict[str, str]:
    return {item.key: item.detail for item in chain.findings(RULES, known, _h(at))}


SIGNED = ("signature:ward", "signature:collector")
COLLECTED = _known("collected", 1, 5.0, *SIGNED)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        (lambda d: d["stages"][1].update(follows=["burnt"]), "collected: follows 'burnt'"),
        (lambda d: d["stages"][1].update(requires=["blood"]), "'blood' is no record"),
        (
            lambda d: d["stages"][1].update(requires=["weight", "signature:nurse"]),
            "no role 'nurse'; there are: collector, ward",
        ),
        (lambda d: d["stages"][2].update(key="collected"), "'collected' is there twice"),
        (lambda d: d["stages"][0].update(key="issued"), "stands for a printed label"),
        (lambda d: d["stages"][3].update(tolerance={"kg": 1}), "a tolerance needs the record weight"),
        (lambda d: d["stages"][3].update(stations=["gate"]), "stations are for stages that require weight"),
        (lambda d: d["stages"][2].update(stations=["ward-*"]), r"both have station 'ward-\*'"),
        (lambda d: d["stages"][2].update(follows=[]), "only the first stage follows nothing"),
        (lambda d: d.update(retention_years=1), "retention_years: .*greater than or equal to 3"),
        (lambda d: d["stages"][2].update(stays=[{"over_h": 36, "alarm": "siren"}]), "stages.2.stays.0.alarm"),
        (lambda d: d.update(pickup={"stage": "fetched", "within_h": 48}), "pickup: there is no stage 'fetched'"),
        (lambda d: d.update(pickup={"stage": "collected", "within_h": 0}), "pickup.within_h"),
        (
            lambda d: d["stages"][2].update(climates=[{"device": "a", "above": 20}] * 2),
            "temperature of a is there twice",
        ),
        (lambda d: d.update(types=[]), "types"),
        (lambda d: d.update(colour="red"), "colour"),
    ],
)
def test_wrong_rules_are_refused_with_the_place(change: Any, told: str) -> None:
    document = copy.deepcopy(default_document())
    change(document)
    with pytest.raises(InvalidError, match=told):
        read_rules(document)


def test_a_stage_is_complete_when_all_it_requires_is_there() -> None:
    stage = RULES.stage("collected")
    assert stage is not None
    assert chain.missing(stage, _known("collected", 0, 5.0, "signature:ward")) == ["signature:collector"]
    known = chain.Known("collected", NOON, 5.0, {"weight": NOON, SIGNED[0]: _h(1), SIGNED[1]: _h(2)})
    assert chain.completed_at(stage, known) == _h(2)
    assert chain.position(RULES, [_known("produced", 0), known]) == ("collected", _h(2))


def test_a_weight_may_differ_by_the_larger_of_both_tolerances() -> None:
    assert _found(COLLECTED, _known("stored", 2, 5.1), at=2) == {}
    assert "0.1 kg may differ" in _found(COLLECTED, _known("stored", 2, 5.11), at=2)[chain.WEIGHT_DIFFERS]
    assert "collected: 5 kg" in _found(COLLECTED, _known("stored", 2, 4.8), at=2)[chain.WEIGHT_DIFFERS]
    heavy = _known("collected", 1, 20.0, *SIGNED)
    assert _found(heavy, _known("stored", 2, 20.39), at=2) == {}
    assert chain.WEIGHT_DIFFERS in _found(heavy, _known("stored", 2, 20.41), at=2)
    assert _found(COLLECTED, _known("stored", 2, 9.0, explained=True), at=2) == {}


def test_a_bag_that_does_not_come_on_is_missing() -> None:
    produced = _known("produced", 0)
    assert _found(produced, at=23.9) == {}
    assert "not yet weighed and collected" in _found(produced, at=24)[chain.BAG_MISSING]
    assert _found(produced, COLLECTED, at=2.9) == {}
    assert chain.BAG_MISSING in _found(produced, COLLECTED, at=3)
    half = _known("stored", 2)
    assert chain.BAG_MISSING not in _found(produced, COLLECTED, half, at=30), "it was seen in the store"


def test_36_hours_in_store_warn_and_48_are_the_limit() -> None:
    stored = _known("stored", 2, 5.0)
    assert _found(COLLECTED, stored, at=37.9) == {}
    assert set(_found(COLLECTED, stored, at=38)) == {chain.STAY_WARNING}
    assert set(_found(COLLECTED, stored, at=50)) == {chain.STAY_WARNING, chain.STAY_LIMIT}
    assert _found(COLLECTED, stored, _known("shipped", 60, None, "manifest"), at=99) == {}


def test_a_gap_in_the_chain_is_an_incomplete_handover() -> None:
    half = _known("collected", 1, 5.0, "signature:ward")
    found = _found(half, _known("stored", 2, 5.0), at=2)
    assert found == {chain.HANDOVER_INCOMPLETE: "weighed and collected: still missing signature of collector"}
    assert "without being weighed and collected" in _found(_known("stored", 2, 5.0), at=2)[chain.HANDOVER_INCOMPLETE]


def test_labels_come_back_from_scanner_and_keyboard() -> None:
    code = new_code()
    text = label_text(code)
    assert read_scan(text) == code
    assert read_typed(f" pw1-{code[:4].lower()} {code[4:].lower()} {text[-2:].lower()} ") == code
    assert read_scan(text[:-2] + ("00" if text[-2:] != "00" else "11")) is None
    assert read_scan("P1:POINT:ABCDEFGH") is None
    assert read_typed("") is None


@given(st.text(ALPHABET, min_size=8, max_size=8), st.integers(0, 7), st.sampled_from(ALPHABET))
def test_most_misread_labels_are_refused(code: str, at: int, other: str) -> None:
    wrong = code[:at] + other + code[at + 1 :]
    found = read_scan(f"PW1:{wrong}:{label_text(code)[-2:]}")
    assert found in (None, wrong)
    if wrong == code:
        assert found == code


def test_the_balance_adds_up_in_every_grouping() -> None:
    day = date(2026, 11, 25)
    passages = [
        Passage(day, "sharps", "ward-3", "collected", 2.5),
        Passage(day, "sharps", "ward-5", "collected", 1.5),
        Passage(day, "sharps", "ward-3", "stored", 2.45),
        Passage(day + timedelta(days=1), "infectious", "ward-3", "collected", None),
    ]
    rows = balance(passages, ["day", "type", "department"])
    assert [(row.day, row.type, row.department) for row in rows[:-1]] == [
        (day, "sharps", "ward-3"), (day, "sharps", "ward-5"), (day + timedelta(days=1), "infectious", "ward-3"),
    ]  # fmt: skip
    assert (rows[0].stages["collected"].kg, rows[0].stages["stored"].kg) == (2.5, 2.45)
    for by in (["day"], ["type"], ["department"], []):
        total = balance(passages, by)[-1]
        assert (total.stages["collected"].bags, total.stages["collected"].kg) == (3, 4.0)
        assert total.stages["collected"].unweighed == 1

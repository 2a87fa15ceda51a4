"""A sentence is a text like any other, and can be told again."""

import copy
import json
import pickle
from collections.abc import Callable
from datetime import UTC, datetime
from typing import cast

import msgspec
import pytest

from plantroom_shared.encoding import encode
from plantroom_shared.said import Said, both, by_place, document, either, from_document, lines, plain, said

AT = datetime(2026, 3, 10, 12, tzinfo=UTC)
SENTENCE = cast(
    "Said",
    said("bag %(code)r weighs %(kg).1f kg at %(at)s; roles: %(roles)s", code="A", kg=2.25, at=AT, roles=["a", "b"]),
)


class _Wire(msgspec.Struct):
    reason: str


def test_a_sentence_is_its_english() -> None:
    assert SENTENCE == "bag 'A' weighs 2.2 kg at 2026-03-10 12:00 UTC; roles: a, b"
    assert json.loads(json.dumps({"reason": SENTENCE})) == {"reason": str(SENTENCE)}
    assert msgspec.msgpack.decode(encode(_Wire(SENTENCE)), type=_Wire).reason == SENTENCE
    assert type(plain(SENTENCE)) is str
    with pytest.raises(NotImplementedError, match="object"):
        plain(object())


def test_an_error_keeps_what_it_was_raised_with() -> None:
    told = str(ValueError(SENTENCE))
    assert isinstance(told, Said)
    assert (told.text, told.values) == (SENTENCE.text, SENTENCE.values)


@pytest.mark.parametrize("again", [copy.copy, copy.deepcopy, lambda told: pickle.loads(pickle.dumps(told))])
def test_a_copy_is_the_same_sentence(again: Callable[[Said], Said]) -> None:
    made = again(SENTENCE)
    assert (made, made.text, made.values) == (SENTENCE, SENTENCE.text, SENTENCE.values)


def test_json_keeps_all_of_it() -> None:
    nested = said("%(who)s waits", who=SENTENCE)
    back = from_document(json.loads(json.dumps(document(nested))))
    assert (back, back.text) == (nested, "%(who)s waits")
    assert back.values["who"].values == SENTENCE.values
    assert from_document(document("a word of somebody")) == "a word of somebody"


def test_several_are_one() -> None:
    assert either(["a", "b", "c"]) == "a or b or c"
    assert (both(["a", "b"]), either([])) == ("a and b", "")
    assert lines(["a", "", SENTENCE]) == f"a\n{SENTENCE}"
    assert by_place([("name", "say something"), ("limit", SENTENCE)]) == f"name: say something; limit: {SENTENCE}"

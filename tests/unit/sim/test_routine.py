"""When people come, and what they bring."""

import pytest
from pydantic import ValidationError

from plantroom_sim.routine import RoutinePlay, fill, pick
from plantroom_sim.scenario import Routine, Step

ROUTINE = Routine.model_validate(
    {
        "name": "weigh",
        "at": "10s",
        "every": "1min",
        "jitter": 5,
        "values": {
            "kg": {"between": [2, 6], "digits": 1},
            "bag": {"kept": "labels"},
            "who": {"in_turn": ["ann", "bob"]},
            "off": {"one_of": [0, 0, 0, 1.5]},
        },
        "steps": [{"device": "scale", "action": "put", "args": {"weight": "{kg}"}}],
    }
)


def test_comes_at_every_up_to_jitter_later_and_the_same_again() -> None:
    play, again = (RoutinePlay(ROUTINE, {}, "seed") for _ in range(2))
    begins = [play.begin(count) for count in range(50)]
    assert all(begin is not None and 0 <= begin - 10 - 60 * count <= 5 for count, begin in enumerate(begins))
    assert len(set(begins)) == 50
    assert begins == [again.begin(count) for count in range(50)]


def test_once_without_every() -> None:
    play = RoutinePlay(ROUTINE.model_copy(update={"every": None}), {}, "seed")
    assert play.begin(0) is not None
    assert play.begin(1) is None


def test_values_are_chosen_anew_each_time_and_kept_lists_go_round() -> None:
    play = RoutinePlay(ROUTINE, {"labels": ["A1", "A2", "A3"]}, "seed")
    days = [play.values() for _ in range(200)]
    assert [day["bag"] for day in days[:4]] == ["A1", "A2", "A3", "A1"]
    assert [day["who"] for day in days[:3]] == ["ann", "bob", "ann"]
    assert all(2 <= day["kg"] <= 6 and round(day["kg"], 1) == day["kg"] for day in days)
    assert 20 < sum(day["off"] == 1.5 for day in days) < 80


def test_a_step_is_left_out_now_and_then() -> None:
    play = RoutinePlay(ROUTINE, {}, "seed")
    assert 60 < sum(play.happens(0.4) for _ in range(200)) < 100
    assert all(play.happens(1.0) for _ in range(20))


def test_an_argument_alone_keeps_its_type() -> None:
    filled = fill({"weight": "{kg}", "text": "bag {bag} of {nobody}", "n": 3}, {"kg": 4.2, "bag": "A1"})
    assert filled == {"weight": 4.2, "text": "bag A1 of {nobody}", "n": 3}


def test_a_step_is_for_a_device_or_for_the_page_and_keeps_what_the_page_answers() -> None:
    step = Step.model_validate({"post": "bags/{code}/sign", "body": {"role": "ward"}, "keep": {"bag": "items.0.code"}})
    assert fill({"path": step.post}, {"code": "7F3K"}) == {"path": "bags/7F3K/sign"}
    assert list(pick({"items": [{"code": "A"}, {"code": "B"}]}, ["items", "0", "code"])) == ["A"]
    assert list(pick({"items": [{"code": "A"}, {"code": "B"}]}, ["items", "*", "code"])) == ["A", "B"]
    for wrong in ({}, {"device": "scale"}, {"post": "bags", "device": "scale", "action": "weigh"}):
        with pytest.raises(ValidationError, match="device and action, or post"):
            Step.model_validate(wrong)

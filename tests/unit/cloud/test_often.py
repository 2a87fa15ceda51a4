"""A recurrence rule in words."""

import pytest

from plantroom_cloud.language import CHINESE, Reader, written_for
from plantroom_cloud.plans.often import often


@pytest.mark.parametrize(
    ("rule", "says"),
    [
        ("FREQ=MONTHLY", "each month"),
        ("RRULE:freq=monthly;interval=3", "each 3 months"),
        ("FREQ=WEEKLY;BYDAY=MO,WE", "each week on Mon, Wed"),
        ("FREQ=MONTHLY;BYDAY=1MO", "each month on the first Mon"),
        ("FREQ=MONTHLY;BYDAY=-1FR", "each month on the last Fri"),
        ("FREQ=DAILY;INTERVAL=90", "each 90 days"),
    ],
)
def test_what_few_words_say(rule: str, says: str) -> None:
    assert often(rule) == says


@pytest.mark.parametrize(
    "rule",
    ["", "x", "FREQ=HOURLY", "FREQ=DAILY;BYHOUR=6,14", "FREQ=MONTHLY;BYDAY=5MO", "FREQ=WEEKLY;BYDAY=XX", "INTERVAL=2"],
)
def test_what_says_more_stays_a_rule(rule: str) -> None:
    assert often(rule) == ""


def test_in_chinese() -> None:
    with written_for(Reader(CHINESE)):
        assert often("FREQ=WEEKLY;INTERVAL=2;BYDAY=TU") == "每 2 周，周二"

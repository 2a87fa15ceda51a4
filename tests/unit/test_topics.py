"""Topics of wire contract v1."""

import pytest

from plantroom_shared.errors import PlantroomError
from plantroom_shared.topics import Address, parse_topic, topic


@pytest.mark.parametrize(
    ("text", "address"),
    [
        ("plantroom/v1/gw-a/data", Address("gw-a", "data")),
        ("plantroom/v1/gw-a/direct/scale-1", Address("gw-a", "direct", "scale-1")),
    ],
)
def test_a_topic_is_taken_apart_and_put_together(text: str, address: Address) -> None:
    assert parse_topic(text) == address
    assert topic(address.gateway, address.kind, address.device) == text


@pytest.mark.parametrize(
    "text",
    ["", "plantroom/v2/gw-a/data", "plantroom/v1/GW/data", "plantroom/v1/gw-a/other", "plantroom/v1/gw-a/direct"],
)
def test_a_foreign_topic_is_refused(text: str) -> None:
    with pytest.raises(PlantroomError):
        parse_topic(text)

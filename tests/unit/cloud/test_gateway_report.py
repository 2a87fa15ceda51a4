"""What a gateway says of itself becomes what a person should look at."""

from datetime import UTC, datetime
from typing import Any

import pytest

from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.gateways.report import report

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
WELL = {"outbox_batches": 2, "bus_load_line_1": 40.0, "clock_synced": True, "disk_free_mb": 9000}


def gateway(state: str = "online") -> Gateway:
    return Gateway(id="gw-a", site_id="main", enrolled_at=NOW, state=state)


def said(**changed: Any) -> dict[str, dict[str, Any]]:
    return {name: {"t": 0, "v": value, "q": "good"} for name, value in {**WELL, **changed}.items()}


def test_a_well_gateway_worries_nobody() -> None:
    found = report(gateway(), said(), [True, True])
    assert found.worries == []
    assert (found.bus_load, found.waiting, found.devices, found.well) == ({"line_1": 40.0}, 2, 2, 2)


@pytest.mark.parametrize(
    ("changed", "worry"),
    [
        ({"outbox_batches": 5000}, "5000 batches wait in its outbox"),
        ({"bus_load_line_1": 97.2}, "bus line_1 is busy 97 %"),
        ({"clock_synced": False}, "its clock is not synchronised"),
        ({"disk_free_mb": 20}, "only 20 MB of its disk are free"),
    ],
)
def test_what_is_not_well_is_said(changed: dict[str, Any], worry: str) -> None:
    assert report(gateway(), said(**changed), [True]).worries == [worry]


def test_silence_is_no_figure() -> None:
    found = report(gateway("offline"), {"outbox_batches": {"t": 0, "v": None, "q": "silent"}}, [True, False])
    assert found.waiting is None
    assert found.worries == ["it is offline", "1 of its 2 devices not healthy"]

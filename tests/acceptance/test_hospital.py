"""`make lab` as it comes: a hospital in which all four kinds of device show within a minute, with alarms and tasks."""

import json
import shutil
import signal
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.test_lab import until
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

FOLDER = Path(__file__).parents[2] / "configs" / "scenarios"


@pytest.mark.timeout(400)
def test_the_hospital_shows_all_four_kinds(tmp_path: Path) -> None:
    assert shutil.which("dbus-daemon"), "tests/servers/install brings it"
    folder = tmp_path / "lab"
    command = [str(Path(sys.executable).parent / "plantroom-sim"), "lab", "--data", str(folder)]
    with (tmp_path / "lab.log").open("wb") as log:
        lab = subprocess.Popen(
            [*command, "--port", str(free_port())], stdout=log, stderr=log, preexec_fn=die_with_parent
        )
    try:
        info = until(lambda: json.loads((folder / "lab.json").read_text()), 120, "lab.json is written")
        headers = {"Authorization": f"Bearer {info['token']}"}
        with httpx.Client(base_url=f"{info['web']}/api/v1/", headers=headers, timeout=30) as web:

            def some(path: str) -> list[dict[str, Any]]:
                items: list[dict[str, Any]] = web.get(path).raise_for_status().json()["items"]
                return items

            def kinds(*wanted: str) -> int:
                return sum(device["kind"] in wanted for device in some("devices"))

            until(lambda: kinds("scale") >= 3, 90, "three scales")
            until(lambda: kinds("gate", "barrier") >= 2, 90, "two gates")
            for path, what in (
                ("weighings", "a weighing"),
                ("access-events", "somebody at a gate"),
                ("patrols/visits", "a visit of a patrol point"),
                ("alarms", "an alarm"),
                ("work-orders", "a work order"),
            ):
                until(lambda path=path: some(path), 150, what)  # type: ignore[misc]
            until(lambda: [a for a in some("alarms") if a["name"] == "Pump bearing hot"], 60, "the bearing")
            assert len(some("patrols/points")) == 12
            assert some("quarantine") == []
        second = subprocess.run([*command], capture_output=True, text=True, timeout=60)
        assert second.returncode != 0
        assert "a lab runs in" in second.stderr
    finally:
        lab.send_signal(signal.SIGINT)
        assert lab.wait(60) == 0

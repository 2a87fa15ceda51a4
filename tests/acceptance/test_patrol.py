"""A patrol with real parts: scanner on a pseudo-terminal → gateway → broker → control plane → round complete."""

import asyncio
import json
import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from plantroom_shared.patrol_code import new_key, static_code
from plantroom_sim.control import ask
from tests.acceptance.test_lab import until
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

SCENARIO = """\
name: Three points
site: house
history_days: 0
gateways:
  - id: gw-a
    buses:
      - {id: guard, type: scanner-serial, framing: crlf, aim_prefix: true}
      - {id: store, type: scanner-tcp, framing: stx-etx}
    devices:
      - {id: scanner-guard, bus: guard}
      - {id: scanner-store, bus: store, profile: generic/network-scanner}
faults:
  - {name: dirty, title: The scanner is dirty, kind: dirty, device: scanner-guard}
  - {name: run-on, title: The scanner runs on, kind: run-on, device: scanner-guard}
"""


class Lab:
    """A running lab with its simulators' control."""

    def __init__(self, folder: Path, written: str = SCENARIO) -> None:
        self.folder = folder / "lab"
        scenario = folder / "scenario.yaml"
        scenario.write_text(written)
        program = str(Path(sys.executable).parent / "plantroom-sim")
        command = [program, "lab", "--scenario", str(scenario), "--data", str(self.folder), "--port", str(free_port())]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, preexec_fn=die_with_parent)
        info = until(self.info, 120, "lab.json is written")
        self.web = httpx.Client(
            base_url=info["web"] + "/api/v1/", headers={"Authorization": f"Bearer {info['token']}"}, timeout=60
        )

    def info(self) -> dict[str, Any]:
        found: dict[str, Any] = json.loads((self.folder / "lab.json").read_text())
        return found

    def signal(self, name: str, number: signal.Signals) -> None:
        os.kill(self.info()["pids"][name], number)

    def get(self, path: str) -> Any:
        answer = self.web.get(path)
        answer.raise_for_status()
        return answer.json()

    def post(self, path: str, body: Any = None) -> Any:
        answer = self.web.post(path, json=body or {})
        assert answer.is_success, answer.text
        return answer.json()

    def do(self, request: dict[str, Any]) -> Any:
        return asyncio.run(ask(self.folder / "control.sock", request))

    def scan(self, code: str, device: str = "scanner-guard") -> None:
        self.do({"do": "act", "device": device, "action": "scan", "args": {"code": code}})

    def display(self, point: str, key: str, late_s: float = 0, device: str = "scanner-guard") -> str:
        args = {"point": point, "key": key, "late_s": late_s}
        answer: dict[str, str] = self.do({"do": "act", "device": device, "action": "scan-display", "args": args})
        return answer["code"]

    def visits(self) -> list[dict[str, Any]]:
        """Oldest first."""
        found: list[dict[str, Any]] = self.get("patrols/visits?limit=500")["items"]
        return found[::-1]

    def round(self, number: int) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"patrols/rounds/{number}")
        return found


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.process.send_signal(signal.SIGINT)
    lab.process.wait(120)


def test_rounds_online_offline_and_across_kill(lab: Lab) -> None:
    until(lambda: len(lab.get("devices")["items"]) >= 3, 120, "the scanners have registered")
    made = {
        point: lab.post("patrols/points", {"id": point, "site_id": "house", "name": point.title(), "code_kind": kind})
        for point, kind in (("roof", "static"), ("cellar", "static"), ("gate", "rotating"), ("dock", "rotating"))
    }
    roof, cellar, key = made["roof"]["label_code"], made["cellar"]["label_code"], made["gate"]["key"]
    route = lab.post(
        "patrols/routes",
        {
            "site_id": "house",
            "name": "Round",
            "stops": [{"point_id": point} for point in ("roof", "cellar", "gate")],
            "duration_s": 600,
            "travel_s": 0,
        },
    )

    def gateway_agrees() -> bool:  # it has taken the points, and judges as the control plane does
        before = len(lab.visits())
        lab.scan(roof)
        until(lambda: len(lab.visits()) > before, 120, "a scan arrives")
        return bool(lab.visits()[-1]["gateway_said"] == "")

    until(gateway_agrees, 120, "the gateway decides by the points")
    first = len(lab.visits())
    walked = lab.post(f"patrols/routes/{route['id']}/rounds")["id"]
    lab.do({"do": "fault", "name": "dirty"})
    lab.do({"do": "fault", "name": "run-on"})
    lab.scan(roof)
    lab.do({"do": "heal"})
    lab.scan(cellar)
    shown = lab.display("gate", key)
    until(lambda: lab.round(walked)["state"] == "complete", 120, "the round is complete")
    assert lab.get(f"work-orders/{lab.round(walked)['work_order_id']}")["state"] == "closed"
    lab.scan(shown, "scanner-store")
    lab.display("gate", key, late_s=120)
    lab.scan(static_code("roof", new_key()))
    lab.scan(static_code("attic", new_key()))
    lab.scan("P1:ROOF")
    until(lambda: len(lab.visits()) == first + 8, 120, "all scans arrive")
    assert [(v["proof"], v["reason"], v["suspect"]) for v in lab.visits()[first:]] == [
        ("static", "", False),
        ("static", "", False),
        ("rotating", "", False),
        ("refused", "replayed", True),
        ("refused", "expired", True),
        ("refused", "forged", True),
        ("unknown", "foreign", True),
        ("refused", "malformed", True),
    ]
    # the gateway's own verdict was the same, but for the scanner on another line, whose memory is its own
    assert [v["gateway_said"] for v in lab.visits()[first:]] == ["", "", "", "rotating", "", "", "", ""]

    plan = {**lab.get(f"patrols/routes/{route['id']}"), "duration_s": 10}
    plan["stops"] = [{"point_id": point} for point in ("roof", "cellar", "dock")]
    assert lab.web.put(f"patrols/routes/{route['id']}", json=plan).is_success
    lab.signal("broker", signal.SIGSTOP)  # the network hangs: nothing is refused, nothing goes through
    offline = lab.post(f"patrols/routes/{route['id']}/rounds")["id"]
    for code in (roof, cellar):
        lab.scan(code)
    lab.display("dock", made["dock"]["key"])
    until(lambda: lab.round(offline)["state"] == "missed", 120, "nothing was heard of the round")
    alarms = [a for a in lab.get("alarms")["items"] if a["source"] == f"round:{offline}"]
    assert [(a["active"], a["name"]) for a in alarms] == [(True, "Patrol point missed")]
    assert [o["alarm_id"] for o in lab.get("work-orders")["items"]].count(alarms[0]["id"]) == 1
    lab.signal("edge-gw-a", signal.SIGKILL)  # what it buffers is on its disk
    lab.signal("broker", signal.SIGCONT)
    until(lambda: lab.round(offline)["state"] == "complete", 120, "late scans correct the round")
    corrected = lab.round(offline)
    assert corrected["corrected"] == 1
    assert [entry["action"] for entry in corrected["story"]][-1] == "corrected"
    assert not lab.get(f"alarms/{alarms[0]['id']}")["active"]
    scanned = sum(counts["scans"] for counts in lab.do({"do": "counts"}).values())
    assert len(lab.visits()) == scanned  # each once, none missing
    assert len({v["id"] for v in lab.visits()}) == scanned
    assert lab.get("quarantine")["items"] == []

"""All four kinds of device on one gateway, while agent, broker and control plane are killed in turn: what the
simulators counted on their own is what the cloud has, no more and no less."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.acceptance.test_lab import until
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

ROUNDS = 6
SCENARIO = """
name: Four kinds
site: main
site_name: Main
history_days: 0
gateways:
  - id: gw-all
    buses:
      - {id: plant, type: modbus-tcp}
      - {id: air, type: ble}
      - {id: guard, type: scanner-serial, framing: crlf}
      - {id: gates, type: barrier-tcp}
      - {id: readers, type: osdp}
    devices:
      - {id: ups, profile: lab/ups, bus: plant, unit: 1, values: {battery: {kind: constant, level: 100}}}
      - {id: scale, bus: air, profile: bluetooth/weight-scale-service, speaks: gatt, station: ward}
      - {id: scanner, bus: guard}
      - {id: gate, bus: gates, travel_s: 1, auto_close_s: 1}
      - {id: reader, bus: readers, address: 1, gate: gate}
set_up:
  - {post: access/zones, body: {id: yard, site_id: main, name: Yard}}
  - {post: access/groups, body: {id: staff, site_id: main, name: Staff, grants: [{zone: yard}]}}
  - {post: access/people, body: {id: ida, site_id: main, name: Ida, groups: [staff], cards: [{key: "w26:12:101"}]}}
  - {post: access/gates/gw-all.gate/configure, body: {inside: yard}}
"""


class Lab:
    """A lab of real processes, its simulators and its control plane."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        (folder / "scenario.yaml").write_text(SCENARIO)
        program = str(Path(sys.executable).parent / "plantroom-sim")
        with (folder / "lab.log").open("wb") as log:
            self.process = subprocess.Popen(
                [program, "lab", "--scenario", folder / "scenario.yaml", "--data", folder, "--port", str(free_port())],
                stdout=log, stderr=log, preexec_fn=die_with_parent,
            )  # fmt: skip
        info = until(self.info, 120, "lab.json is written")
        self.web = httpx.Client(base_url=info["web"], headers={"Authorization": f"Bearer {info['token']}"}, timeout=60)

    def info(self) -> Any:
        return json.loads((self.folder / "lab.json").read_text())

    def sims(self, request: dict[str, Any]) -> Any:
        """Ask the simulators."""
        with socket.socket(socket.AF_UNIX) as line:
            line.settimeout(120)
            line.connect(str(self.folder / "control.sock"))
            line.sendall(json.dumps(request).encode() + b"\n")
            answer = json.loads(line.makefile().readline())
        assert "error" not in answer, answer
        return answer["result"]

    def act(self, device: str, action: str, **args: Any) -> None:
        self.sims({"do": "act", "device": device, "action": action, "args": args})

    def items(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.web.get(f"/api/v1/{path}").raise_for_status().json()["items"]
        return found

    def kill(self, name: str) -> None:
        """And wait until the lab has started it again."""
        pid = self.info()["pids"][name]
        os.kill(pid, signal.SIGKILL)
        until(lambda: self.info()["pids"][name] not in (pid, None), 120, f"{name} is started again")

    def reads(self, since: float) -> bool:
        """Whether the agent has told, since then, that each of its devices answers."""
        path = self.folder / "gw-all/data/status.json"
        if path.stat().st_mtime <= since:
            return False
        devices = json.loads(path.read_text())["devices"]
        return len(devices) == 5 and all(device["answers"] for device in devices)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path)
    yield lab
    lab.process.terminate()
    lab.process.wait(120)


def test_what_the_simulators_counted_is_what_the_cloud_has(lab: Lab) -> None:
    until(lambda: lab.reads(0), 120, "all devices answer")
    until(lambda: any(gate["list_applied"] for gate in lab.items("access/gates")), 120, "the list is applied")
    for number in range(ROUNDS):
        lab.act("scale", "weigh", kg=round(1.5 + number, 2))
        lab.act("scanner", "scan", code=f"P1:ATTIC{number}:AAAAAAAAAAAAA")
        lab.act("reader", "card", facility=12, number=101 if number % 2 else 60_000 + number)
        time.sleep(1.5)  # OSDP and a serial line know no acknowledgement: the agent is killed once it has taken them
        killed = ("edge-gw-all", "cloud", "broker")[number % 3]
        since = time.time()
        lab.kill(killed)
        if killed == "edge-gw-all":
            until(lambda since=since: lab.reads(since + 1), 120, "all devices answer again")  # type: ignore[misc]
    counts = lab.sims({"do": "counts"})
    assert counts["scale"]["weighings"] == counts["scanner"]["scans"] == counts["reader"]["cards"] == ROUNDS

    def settled() -> bool:
        ledger = lab.web.get("/api/v1/gateways/gw-all/ledger").json()["streams"]
        decided = [e for e in lab.items("access-events?limit=500") if e["kind"] == "decision"]
        granted = [e for e in decided if e["outcome"] == "granted"]
        return (
            all(stream["missing"] == 0 for stream in ledger)
            and len(lab.items("weighings?limit=500")) >= ROUNDS
            and len(lab.items("patrols/visits?limit=500")) >= ROUNDS
            and len(decided) >= ROUNDS
            and all(e["result"] for e in granted)
        )

    until(settled, 120, "everything has come")
    weighed = sorted(each["kg"] for each in lab.items("weighings?limit=500"))
    assert weighed == [1.5 + number for number in range(ROUNDS)]
    assert sorted(each["code"] for each in lab.items("patrols/visits?limit=500")) == [
        f"P1:ATTIC{number}:AAAAAAAAAAAAA" for number in range(ROUNDS)
    ]
    events = lab.items("access-events?limit=500")
    cards = sorted(e["credential"] for e in events if e["kind"] == "decision")
    assert cards == sorted(f"w26:12:{101 if number % 2 else 60_000 + number}" for number in range(ROUNDS))
    opened = [e for e in events if e["result"] == "opened" and e["kind"] == "decision"]
    assert lab.sims({"do": "counts"})["gate"]["open_pulses"] == len(opened)
    assert lab.items("quarantine") == []

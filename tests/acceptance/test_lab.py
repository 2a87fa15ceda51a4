"""The lab as a user runs it: everything as separate processes, for real; kill -9, and nothing is lost."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

from tests.servers.ports import free_port
from tests.servers.process import die_with_parent


def until(condition: Callable[[], Any], seconds: float, what: str) -> Any:
    """The first true result of `condition`."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        try:
            if found := condition():
                return found
        except (httpx.TransportError, OSError, ValueError, KeyError):
            pass
        time.sleep(0.2)
    raise AssertionError(f"within {seconds} s: {what}")


def test_the_lab_from_meter_to_finished_work_order(tmp_path: Path) -> None:
    command = [str(Path(sys.executable).parent / "plantroom-sim"), "lab", "--data", str(tmp_path / "lab")]
    lab = subprocess.Popen(
        [*command, "--port", str(free_port()), "--for", "900s"], stdout=subprocess.PIPE, preexec_fn=die_with_parent
    )
    try:
        info = until(lambda: json.loads((tmp_path / "lab" / "lab.json").read_text()), 120, "lab.json is written")
        web = httpx.Client(base_url=info["web"], headers={"Authorization": f"Bearer {info['token']}"}, timeout=60)

        def items(path: str) -> list[dict[str, Any]]:
            found: list[dict[str, Any]] = web.get(f"/api/v1/{path}").json()["items"]
            return found

        alarm = until(lambda: [a for a in items("alarms") if a["name"] == "Pump bearing hot"], 120, "an alarm")[0]
        [order] = [o for o in items("work-orders") if o["alarm_id"] == alarm["id"]]
        assert order["cause"]
        assert order["evidence"]
        assert len([d for d in items("devices") if d["kind"] != "gateway"]) >= 14
        acknowledged = web.post(f"/api/v1/alarms/{alarm['id']}/acknowledge", json={"note": "seen"}).json()
        assert acknowledged["state"] == "acknowledged"
        assert web.post(f"/api/v1/work-orders/{order['id']}/start", json={}).json()["state"] == "in-progress"
        assert (
            web.post(f"/api/v1/work-orders/{order['id']}/complete", json={"note": "greased"}).json()["state"] == "done"
        )

        for name in ("edge-gw-plant", "cloud", "broker"):
            pid = json.loads((tmp_path / "lab" / "lab.json").read_text())["pids"][name]
            os.kill(pid, signal.SIGKILL)
            until(
                lambda name=name, pid=pid: (  # type: ignore[misc]
                    json.loads((tmp_path / "lab" / "lab.json").read_text())["pids"][name] not in (pid, None)
                ),
                120,
                f"{name} is started again",
            )
            before = time.time()
            until(
                lambda before=before: (  # type: ignore[misc]
                    all(items(f"devices/{d}/latest") for d in ("gw-plant.pump-2",))
                    and web.get("/api/v1/devices/gw-plant.pump-2").json()["health"] == "ok"
                    and time.time() - before > 1
                ),
                120,
                f"values flow again after {name} was killed",
            )
        # the ledger closes its books: nothing of any outbox is missing
        until(
            lambda: all(
                stream["missing"] == 0
                for gateway in info["gateways"]
                for stream in web.get(f"/api/v1/gateways/{gateway}/ledger").json()["streams"]
            ),
            120,
            "no batch is missing",
        )
        assert items("quarantine") == []
    finally:
        lab.send_signal(signal.SIGINT)
        code = lab.wait(120)
    assert code == 0
    assert not (tmp_path / "lab" / "lab.json").exists()

"""How the lab begins and ends: by itself, by Ctrl-C, beside a port that is taken, a second time."""

import json
import signal
import socket
import subprocess
import sys
from pathlib import Path

import httpx
import psutil
import pytest

from tests.acceptance.test_lab import until
from tests.servers.ports import free_port
from tests.servers.process import die_with_parent

pytestmark = pytest.mark.timeout(300)  # on a machine that is busy the lab takes its time


def _start(folder: Path, *arguments: str) -> subprocess.Popen[str]:
    command = [str(Path(sys.executable).parent / "plantroom-sim"), "lab", "--data", str(folder), *arguments]
    return subprocess.Popen(command, stdout=subprocess.PIPE, text=True, preexec_fn=die_with_parent)


def _ready(folder: Path) -> tuple[httpx.Client, list[int]]:
    info = until(lambda: json.loads((folder / "lab.json").read_text()), 100, "lab.json is written")
    pids = [pid for pid in info["pids"].values() if pid is not None]
    return httpx.Client(base_url=info["web"], headers={"Authorization": f"Bearer {info['token']}"}, timeout=60), pids


def _end(lab: subprocess.Popen[str], number: signal.Signals) -> None:
    """Ends it, and sees that none of its processes is left."""
    family = psutil.Process(lab.pid).children(recursive=True)
    assert len(family) >= 4  # broker, cloud, two gateways
    lab.send_signal(number)
    assert lab.wait(120) == 0
    assert [child for child in family if child.is_running() and child.status() != psutil.STATUS_ZOMBIE] == []


def test_ctrl_c_ends_every_process_and_a_second_start_goes_on_with_the_data(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    lab = _start(folder, "--port", str(free_port()))
    try:
        web, _pids = _ready(folder)
        made = web.post("/api/v1/work-orders", json={"title": "Paint the door", "site_id": "hospital"})
        assert made.status_code == 201, made.text
        _end(lab, signal.SIGINT)
        assert not (folder / "lab.json").exists()
        lab = _start(folder, "--port", str(free_port()))
        web, _pids = _ready(folder)
        assert web.get(f"/api/v1/work-orders/{made.json()['id']}").json()["title"] == "Paint the door"
        _end(lab, signal.SIGTERM)
    finally:
        lab.kill()


def test_a_taken_port_is_told_and_the_lab_ends_after_its_time(tmp_path: Path) -> None:
    folder = tmp_path / "lab"
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        lab = _start(folder, "--scenario", "configs/scenarios/plant.yaml", "--port", str(port), "--for", "6s")
        try:
            web, pids = _ready(folder)
            assert web.base_url.port != port
            said = lab.communicate(timeout=120)[0]
        finally:
            lab.kill()
    assert lab.returncode == 0
    assert f"Port {port} is taken: the page is on {web.base_url.port} this time." in said
    assert not any(psutil.pid_exists(pid) for pid in pids)

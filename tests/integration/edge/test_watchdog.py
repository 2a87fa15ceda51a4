"""The agent under systemd: it says that it is ready, goes on saying that it lives, and says that it ends on purpose."""

import os
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
import yaml

from tests.servers.process import die_with_parent


@pytest.fixture
def notified(tmp_path: Path) -> Iterator[socket.socket]:
    """What systemd listens on (sd_notify(3))."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as listener:
        listener.bind(str(tmp_path / "notify"))
        listener.settimeout(90)
        yield listener


def test_systemd_is_told_of_its_life(tmp_path: Path, notified: socket.socket) -> None:
    mqtt = {"host": "127.0.0.1", "port": 1, "username": "gw", "password": "secret"}  # nobody listens there
    config = {"gateway": "gw", "mqtt": mqtt, "data_dir": "data", "outbox": {"min_free_bytes": "1MB"}}
    (tmp_path / "gateway.yaml").write_text(yaml.safe_dump(config))
    agent = subprocess.Popen(
        [str(Path(sys.executable).parent / "plantroom-edge"), "run", "-c", str(tmp_path / "gateway.yaml")],
        env={**os.environ, "NOTIFY_SOCKET": str(tmp_path / "notify")},
        preexec_fn=die_with_parent,
    )
    try:
        told = [notified.recv(100) for _ in range(2)]
        assert set(told) == {b"READY=1", b"WATCHDOG=1"}
        assert notified.recv(100) == b"WATCHDOG=1"  # and again: WatchdogSec= is longer
        agent.send_signal(signal.SIGTERM)
        while (last := notified.recv(100)) == b"WATCHDOG=1":
            pass
        assert last == b"STOPPING=1"
        assert agent.wait(90) == 0
    finally:
        agent.kill()

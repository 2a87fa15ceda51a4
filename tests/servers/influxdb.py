"""A real InfluxDB 1.x."""

from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import Server, accepts

CONFIG = """
reporting-disabled = true
bind-address = "127.0.0.1:{rpc}"
[meta]
  dir = "{dir}/meta"
[data]
  dir = "{dir}/data"
  wal-dir = "{dir}/wal"
  wal-fsync-delay = "0s"
  query-log-enabled = false
[http]
  bind-address = "127.0.0.1:{port}"
  log-enabled = false
[monitor]
  store-enabled = false
"""


class InfluxDb:
    """influxd on free ports (HTTP and RPC)."""

    def __init__(self, folder: Path) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "influxdb.conf"
        path.write_text(CONFIG.format(dir=folder, port=self.port, rpc=free_port()))
        self.server = Server(
            "influxd",
            ["/usr/bin/influxd", "run", "-config", path],
            log=folder / "influxdb.log",
            ready=lambda: accepts(self.port),
        )

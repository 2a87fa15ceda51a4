"""A real mosquitto."""

from pathlib import Path

from tests.servers.ports import free_port
from tests.servers.process import Server, accepts

OPEN = """
listener {port} 127.0.0.1
allow_anonymous true
"""


class Mosquitto:
    """A broker on a free port; `config` may name {port} and {dir}. Without one anybody may do anything."""

    def __init__(self, folder: Path, config: str = OPEN, *, port: int | None = None) -> None:
        self.port = port or free_port()
        self.dir = folder
        folder.mkdir(parents=True, exist_ok=True)
        path = folder / "mosquitto.conf"
        limits = "max_queued_messages 0\nmax_inflight_messages 0\nset_tcp_nodelay true\n"
        path.write_text("user root\n" + limits + config.format(port=self.port, dir=folder))
        self.server = Server(
            "mosquitto",
            ["/usr/sbin/mosquitto", "-c", path],
            log=folder / "mosquitto.log",
            ready=lambda: accepts(self.port),
        )

"""A D-Bus of our own: the simulated bluetoothd must not meet the machine's real one."""

import asyncio
import ctypes
import shutil
import signal
from pathlib import Path

from plantroom_sim.errors import SimError

#: What fits into sockaddr_un on Linux.
LONGEST_PATH = 107
READY_S = 20.0

_CONFIG = """\
<!DOCTYPE busconfig PUBLIC "-//freedesktop//DTD D-Bus Bus Configuration 1.0//EN"
 "http://www.freedesktop.org/standards/dbus/1.0/busconfig.dtd">
<busconfig>
  <type>system</type>
  <listen>unix:path={path}</listen>
  <auth>EXTERNAL</auth>
  <policy context="default">
    <allow user="*"/>
    <allow own="*"/>
    <allow send_type="method_call"/>
    <allow send_destination="*"/>
    <allow send_type="signal"/>
    <allow send_requested_reply="true" send_type="method_return"/>
    <allow send_requested_reply="true" send_type="error"/>
    <allow receive_type="method_call"/>
    <allow receive_type="signal"/>
    <allow receive_type="method_return"/>
    <allow receive_type="error"/>
  </policy>
</busconfig>
"""


def is_installed() -> bool:
    """Whether there is a dbus-daemon to start."""
    return shutil.which("dbus-daemon") is not None


class PrivateBus:
    """dbus-daemon in a folder; dies with its parent, so that nothing is left behind."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._socket = folder / "bus"
        self._process: asyncio.subprocess.Process | None = None

    @property
    def address(self) -> str:
        """For DBUS_SYSTEM_BUS_ADDRESS."""
        return f"unix:path={self._socket}"

    async def open(self) -> None:
        """Returns once it answers; raises SimError."""
        if not is_installed():
            raise SimError("Bluetooth needs dbus-daemon: sudo apt-get install dbus-daemon")
        if len(str(self._socket)) > LONGEST_PATH:
            raise SimError(f"{self._socket}: too long for a socket ({LONGEST_PATH} characters); use a shorter folder")
        self._folder.mkdir(parents=True, exist_ok=True)
        self._socket.unlink(missing_ok=True)
        config = self._folder / "bus.conf"
        config.write_text(_CONFIG.format(path=self._socket))
        self._process = await asyncio.create_subprocess_exec(
            "dbus-daemon",
            f"--config-file={config}",
            "--nofork",
            "--nopidfile",
            "--print-address=1",
            stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.DEVNULL,  # "Failed to set fd limit": harmless
            preexec_fn=_die_with_parent,
        )
        assert self._process.stdout is not None
        try:
            async with asyncio.timeout(READY_S):
                line = await self._process.stdout.readline()
        except TimeoutError as error:
            raise SimError("dbus-daemon did not start") from error
        if not line.startswith(b"unix:"):
            raise SimError(f"dbus-daemon did not start; try: dbus-daemon --config-file={config} --nofork")

    async def close(self) -> None:
        if self._process is not None and self._process.returncode is None:
            self._process.terminate()
            await self._process.communicate()  # also the end of its output, so that the pipe is closed with the loop
        self._process = None


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(1, signal.SIGKILL)  # PR_SET_PDEATHSIG

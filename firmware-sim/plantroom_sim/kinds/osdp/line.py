"""The wires of an OSDP line: what the panel sends reaches every reader that is connected, and the other way round."""

import contextlib
import os
import threading
import tty
from pathlib import Path


class Wires:
    """A pseudo-terminal with many ends on our side. Used by the readers' own threads."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._master = -1
        self._slave = -1
        self._waiting: dict[int, bytes] = {}
        self.cut: set[int] = set()

    def open(self, path: Path) -> None:
        """Be there, reachable at `path` (a symbolic link)."""
        with self._lock:
            self._master, self._slave = os.openpty()
            tty.setraw(self._master)
            tty.setraw(self._slave)
            os.set_blocking(self._master, False)
            path.parent.mkdir(parents=True, exist_ok=True)
            path.unlink(missing_ok=True)
            path.symlink_to(os.ttyname(self._slave))

    def close(self, path: Path) -> None:
        """Be gone."""
        with self._lock:
            if self._master >= 0:
                os.close(self._master)
                os.close(self._slave)
                self._master = self._slave = -1
                path.unlink(missing_ok=True)

    def connect(self, address: int) -> None:
        """A reader is on the line."""
        with self._lock:
            self._waiting[address] = b""

    def read(self, address: int, most: int) -> bytes:
        """What came for a reader since it last asked."""
        with self._lock:
            self._drain()
            found, self._waiting[address] = self._waiting[address][:most], self._waiting[address][most:]
            return found

    def write(self, address: int, data: bytes) -> int:
        """What a reader says; lost where its wires are cut."""
        with self._lock:
            if self._master >= 0 and address not in self.cut:
                with contextlib.suppress(OSError):  # nobody reads the line
                    return os.write(self._master, data)
            return len(data)

    def _drain(self) -> None:
        if self._master < 0:
            return
        try:
            data = os.read(self._master, 4096)
        except OSError:  # nothing came
            return
        for address in self._waiting:
            if address not in self.cut:
                self._waiting[address] = (self._waiting[address] + data)[-4096:]

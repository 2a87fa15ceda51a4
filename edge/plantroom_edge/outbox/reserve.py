"""Disk that is kept for the moment when there is none left: even deleting needs some."""

import logging
import os
from pathlib import Path

_log = logging.getLogger(__name__)

RESERVE_BYTES = 4_194_304


class Reserve:
    """A file of blocks beside the outbox; given back to the file system when that is full."""

    def __init__(self, path: Path, size: int = RESERVE_BYTES) -> None:
        self._path = path
        self._size = size
        self._kept: bool | None = None

    def keep(self, free: int) -> None:
        """Set it aside, once there is more than enough free."""
        if self._kept is None:
            self._kept = self._path.exists()
        if self._kept or free < 4 * self._size:
            return
        try:
            with self._path.open("wb") as file:
                os.posix_fallocate(file.fileno(), 0, self._size)
        except OSError as error:
            _log.warning("outbox: no disk can be reserved: %s", error)
            self._path.unlink(missing_ok=True)
            return
        self._kept = True

    def release(self) -> bool:
        """Give it back; whether there was any."""
        if self._kept is False:
            return False
        self._kept = False
        existed = self._path.exists()
        self._path.unlink(missing_ok=True)
        return existed

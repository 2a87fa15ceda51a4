"""One lab a folder: a second one would take the first one's files and sockets away."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plantroom_sim.errors import SimError


@contextmanager
def only_one(folder: Path) -> Iterator[None]:
    """Hold the folder until the end, however that comes; raises SimError while another lab holds it."""
    with (folder / "lock").open("w") as file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise SimError(
                f"a lab runs in {folder} already: end it first, or name another folder with --data"
            ) from error
        yield

"""One agent a data folder: two would number their batches alike, and the second one's would be taken for doubles."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from plantroom_edge.errors import EdgeError


@contextmanager
def only_agent(folder: Path) -> Iterator[None]:
    """Hold the folder, made when it is new, until the end, however that comes; raises EdgeError while another agent
    holds it, or when nobody can."""
    try:
        folder.mkdir(parents=True, exist_ok=True)
        file = (folder / "lock").open("w")
    except OSError as error:
        raise EdgeError(f"data_dir {folder}: {error.strerror}; name a folder that the agent may write to") from error
    with file:
        try:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError as error:
            raise EdgeError(
                f"an agent runs with data_dir {folder} already; end it first, or give this one a folder of its own"
            ) from error
        yield

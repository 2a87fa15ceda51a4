"""Child processes: started, logged, restarted when they die, ended with us."""

import asyncio
import ctypes
import os
import signal
from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path

from plantroom_sim.errors import SimError

_PR_SET_PDEATHSIG = 1
#: Waits before a program that ended is started again; they grow while it ends soon after each start.
RESTART_AFTER_S = 0.5
LONGEST_WAIT_S = 10.0
SOON_S = 10.0
GRACE_S = 15.0


def _die_with_parent() -> None:
    ctypes.CDLL(None).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM)


class Child:
    """One program; `run` keeps it running until cancelled, then ends it as an administrator would."""

    def __init__(
        self,
        name: str,
        command: Sequence[str],
        log: Path,
        on_start: Callable[[], None],
        environment: Mapping[str, str],
        tell: Callable[[str], None],
    ) -> None:
        self.name = name
        self._environment = environment
        self._command = command
        self._log = log
        self._on_start = on_start
        self._tell = tell
        self.pid: int | None = None

    async def run(self) -> None:
        loop, wait = asyncio.get_running_loop(), RESTART_AFTER_S
        while True:
            began = loop.time()
            process = await self._start()
            try:
                code = await process.wait()
            except asyncio.CancelledError:
                await self._end(process)
                raise
            wait = min(2 * wait, LONGEST_WAIT_S) if loop.time() - began < SOON_S else RESTART_AFTER_S
            at = datetime.now(UTC).astimezone()
            self._tell(f"{at:%H:%M:%S} {self.name} {ending(code)}; it is started again (see {self._log})")
            await asyncio.sleep(wait)

    async def _start(self) -> asyncio.subprocess.Process:
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("ab") as log:
            process = await asyncio.create_subprocess_exec(
                *self._command,
                stdout=log,
                stderr=log,
                stdin=asyncio.subprocess.DEVNULL,
                env={**os.environ, **self._environment},
                preexec_fn=_die_with_parent,
                start_new_session=True,  # Ctrl-C is ours to pass on
            )
        self.pid = process.pid
        self._on_start()
        return process

    async def _end(self, process: asyncio.subprocess.Process) -> None:
        if process.returncode is None:
            process.terminate()
            try:
                async with asyncio.timeout(GRACE_S):
                    await process.wait()
            except TimeoutError:
                process.kill()
                await process.wait()
        self.pid = None


def ending(code: int) -> str:
    """How a program ended, by its return code as `subprocess` tells it."""
    if code >= 0:
        return f"ended with code {code}"
    try:
        return f"was killed by {signal.Signals(-code).name}"
    except ValueError:
        return f"was killed by signal {-code}"


async def run_once(command: Sequence[str], **environment: str) -> str:
    """Run a program to its end, with these variables added; its output. Raises SimError with what it said."""
    process = await asyncio.create_subprocess_exec(
        *command,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
        env={**os.environ, **environment},
        preexec_fn=_die_with_parent,
    )
    out, err = await process.communicate()
    if process.returncode:
        raise SimError(f"{' '.join(command[:3])} failed: {err.decode().strip() or out.decode().strip()}")
    return out.decode().strip()

"""What the lab says of a program that ends: how, when, and that it is started again."""

import asyncio
from pathlib import Path

import pytest

from plantroom_sim.lab.processes import Child, ending


@pytest.mark.parametrize(
    ("code", "says"),
    [
        (0, "ended with code 0"),
        (3, "ended with code 3"),
        (-9, "was killed by SIGKILL"),
        (-250, "was killed by signal 250"),
    ],
)
def test_an_ending_in_words(code: int, says: str) -> None:
    assert ending(code) == says


async def test_a_program_that_is_killed_is_told_and_started_again(tmp_path: Path) -> None:
    starts: list[bool] = []
    told: list[str] = []
    twice = asyncio.Event()

    def started() -> None:
        starts.append(True)
        if len(starts) == 2:
            twice.set()

    log = tmp_path / "logs" / "broker.log"
    child = Child("broker", ["/bin/sh", "-c", "kill -9 $$"], log, started, {}, told.append)
    running = asyncio.create_task(child.run())
    await asyncio.wait_for(twice.wait(), 60)
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    assert told[0].endswith(f"broker was killed by SIGKILL; it is started again (see {log})")

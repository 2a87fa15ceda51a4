"""A task ends when it is cancelled, whatever a library makes of it."""

import asyncio
import contextlib
import logging
from collections.abc import Callable

from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.cancellation import stop_if_cancelled
from plantroom_shared.clock import SystemClock


async def _swallowing() -> None:
    """As asyncio.wait_for does when its result and the cancellation come together (Python 3.11)."""
    with contextlib.suppress(asyncio.CancelledError):
        await asyncio.sleep(0.05)


async def _ended(task: asyncio.Task[None]) -> None:
    done, _ = await asyncio.wait([task], timeout=60)
    assert done, "it runs on"
    assert task.cancelled()


async def test_a_swallowed_cancellation_is_found_again() -> None:
    async def loop() -> None:
        while True:
            stop_if_cancelled()
            await _swallowing()

    task = asyncio.create_task(loop(), name="loop")
    await asyncio.sleep(0)
    task.cancel()
    await _ended(task)


async def test_the_reconnect_loop_ends_though_the_link_ends_with_an_error() -> None:
    async def session(connected: Callable[[], None]) -> None:
        connected()
        await _swallowing()
        raise OSError("the disconnection timed out")

    task = asyncio.create_task(
        keep_connected(
            "test",
            session,
            errors=(OSError,),
            clock=SystemClock(),
            backoff=Backoff(first=0.001),
            log=logging.getLogger(__name__),
        ),
        name="reconnect loop",
    )
    await asyncio.sleep(0.01)
    task.cancel()
    await _ended(task)


async def test_the_reconnect_loop_goes_on_after_a_group_of_tasks_failed() -> None:
    sessions, thrice = 0, asyncio.Event()

    async def fail() -> None:
        await asyncio.sleep(0)
        raise OSError("lost")

    async def session(connected: Callable[[], None]) -> None:
        nonlocal sessions
        sessions += 1
        if sessions == 3:
            thrice.set()
        try:
            async with asyncio.TaskGroup() as tasks:
                tasks.create_task(fail(), name="failing")
        except* OSError as group:
            raise OSError(str(group)) from group

    task = asyncio.create_task(
        keep_connected(
            "test",
            session,
            errors=(OSError,),
            clock=SystemClock(),
            backoff=Backoff(first=0.001),
            log=logging.getLogger(__name__),
        ),
        name="reconnect loop",
    )
    await asyncio.wait_for(thrice.wait(), 60)
    task.cancel()
    await _ended(task)

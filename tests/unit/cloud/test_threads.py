"""What runs in a thread is waited for, however often its task is cancelled."""

import asyncio
import threading

import pytest

from plantroom_cloud.threads import in_full, own_thread


class Work:
    """Runs until it is told to end."""

    def __init__(self) -> None:
        self.begun, self.go_on, self.ended = threading.Event(), threading.Event(), False

    def __call__(self) -> str:
        self.begun.set()
        self.go_on.wait()
        self.ended = True
        return "done"


async def test_its_result_or_error_is_passed_on() -> None:
    assert await in_full(lambda: 7) == 7
    with pytest.raises(ZeroDivisionError):
        await in_full(lambda: 1 // 0)


async def test_it_has_ended_before_being_cancelled_is_passed_on() -> None:
    work = Work()
    task = asyncio.create_task(in_full(work))
    await asyncio.to_thread(work.begun.wait)
    for _ in range(3):
        task.cancel()
        await asyncio.sleep(0)
    assert not task.done()
    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended


async def test_an_error_of_what_was_cancelled_is_its_cause() -> None:
    work = Work()
    task = asyncio.create_task(in_full(lambda: 1 // len(work().strip("done"))))
    await asyncio.to_thread(work.begun.wait)
    task.cancel()
    work.go_on.set()
    with pytest.raises(asyncio.CancelledError) as caught:
        await task
    assert isinstance(caught.value.__cause__, ZeroDivisionError)


async def test_a_thread_of_ones_own_has_ended_with_its_owner() -> None:
    work = Work()

    async def owner() -> None:
        async with own_thread("test") as thread:
            await asyncio.get_running_loop().run_in_executor(thread, work)

    task = asyncio.create_task(owner())
    await asyncio.to_thread(work.begun.wait)
    task.cancel()
    await asyncio.sleep(0)
    task.cancel()
    await asyncio.sleep(0)
    assert not task.done()
    work.go_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert work.ended

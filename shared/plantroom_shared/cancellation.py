"""A cancellation that a library swallowed."""

import asyncio


def stop_if_cancelled() -> None:
    """Raise CancelledError when this task was cancelled and still runs; for loops around calls of a library.

    Until Python 3.12 asyncio.wait_for, which libraries use, drops a cancellation that comes together with its result.
    Not in a task that has a TaskGroup of its own: one that failed leaves the task marked as cancelled until 3.13.
    """
    task = asyncio.current_task()
    if task is not None and task.cancelling():
        raise asyncio.CancelledError

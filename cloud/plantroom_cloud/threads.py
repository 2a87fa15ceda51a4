"""Work in threads, which cannot be cancelled: what was begun is waited for, so that nobody else begins beside it."""

import asyncio
from collections.abc import AsyncIterator, Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from functools import partial
from typing import TypeVar

T = TypeVar("T")


async def in_full(work: Callable[[], T]) -> T:
    """Its result; however often we are cancelled meanwhile, it has ended before that is passed on."""
    working = asyncio.create_task(asyncio.to_thread(work), name="in_full")
    cancelled: asyncio.CancelledError | None = None
    while not working.done():
        try:
            await asyncio.wait([working])
        except asyncio.CancelledError as error:
            cancelled = error
    if cancelled is None:
        return working.result()
    if (failed := working.exception()) is not None:
        raise cancelled from failed
    raise cancelled


@asynccontextmanager
async def own_thread(name: str) -> AsyncIterator[ThreadPoolExecutor]:
    """One thread, which has ended when this does; what has not begun by then is dropped."""
    thread = ThreadPoolExecutor(1, thread_name_prefix=name)
    try:
        yield thread
    finally:
        await in_full(partial(thread.shutdown, cancel_futures=True))

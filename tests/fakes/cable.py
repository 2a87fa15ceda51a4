"""A serial cable between two programs: two pseudo-terminals and what carries the bytes across."""

import asyncio
import os
import tty
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager


@asynccontextmanager
async def cable() -> AsyncIterator[tuple[str, str]]:
    """The device names of both ends; both stay open until the end, so that either program may come and go."""
    (left, left_end), (right, right_end) = os.openpty(), os.openpty()
    for end in (left, left_end, right, right_end):
        tty.setraw(end)  # without it echo and CR/LF translation spoil the frames
    loop = asyncio.get_running_loop()
    loop.add_reader(left, lambda: os.write(right, os.read(left, 4096)))
    loop.add_reader(right, lambda: os.write(left, os.read(right, 4096)))
    try:
        yield os.ttyname(left_end), os.ttyname(right_end)
    finally:
        for master in (left, right):
            loop.remove_reader(master)
        for end in (left, left_end, right, right_end):
            os.close(end)

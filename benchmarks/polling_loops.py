"""The two baselines of the polling benchmark: loops without scheduling, filtering, storage or uplink.

python -m benchmarks.polling_loops register|socket PORT DEVICES VALUES PERIOD_S SECONDS
"""

import asyncio
import os
import struct
import sys
import time
from collections.abc import Awaitable, Callable

import psutil
from pymodbus.client import AsyncModbusTcpClient

#: Units of one connection, as in the agent's configuration.
PER_CONNECTION = 20
WARM_UP_S = 1.0


Cycle = Callable[[], Awaitable[None]]


async def register_by_register(port: int, units: range, values: int, counted: Callable[[int], None]) -> Cycle:
    """(a) pymodbus: each value with a request and a conversion of its own."""
    client = AsyncModbusTcpClient("127.0.0.1", port=port, retries=0)
    await client.connect()

    async def cycle() -> None:
        for unit in units:
            for index in range(values):
                answer = await client.read_input_registers(2 * index, count=2, device_id=unit)
                client.convert_from_registers(list(answer.registers), client.DATATYPE.FLOAT32)
            counted(values)

    return cycle


async def bare_socket(port: int, units: range, values: int, counted: Callable[[int], None]) -> Cycle:
    """(b) asyncio streams: one block read per device, unpacked by one struct."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    floats = struct.Struct(f">{values}f")

    async def cycle() -> None:
        for unit in units:
            writer.write(struct.pack(">HHHBBHH", 1, 0, 6, unit, 4, 0, 2 * values))
            answer = await reader.readexactly(9 + 4 * values)
            floats.unpack_from(answer, 9)
            counted(values)

    return cycle


async def run(kind: str, port: int, devices: int, values: int, period: float, seconds: float) -> None:
    """Read for so long, each device once a period (0: as fast as it goes); print values/s, CPU µs per value, MB."""
    total = 0

    def counted(number: int) -> None:
        nonlocal total
        total += number

    begin = register_by_register if kind == "register" else bare_socket
    cycles = [
        await begin(port, range(1, 1 + min(PER_CONNECTION, devices - first)), values, counted)
        for first in range(0, devices, PER_CONNECTION)
    ]

    async def read(cycle: Cycle) -> None:
        due = time.perf_counter()
        while True:
            await cycle()
            due += period
            await asyncio.sleep(max(0.0, due - time.perf_counter()))

    tasks = [asyncio.create_task(read(cycle), name="loop") for cycle in cycles]
    await asyncio.sleep(WARM_UP_S)
    assert not any(task.done() for task in tasks)
    values_then, cpu_then, then = total, time.process_time(), time.perf_counter()
    await asyncio.sleep(seconds)
    count, cpu, took = total - values_then, time.process_time() - cpu_then, time.perf_counter() - then
    print(count / took, cpu / count * 1e6, psutil.Process().memory_info().rss / 1e6, flush=True)
    os._exit(0)  # a cancelled request of pymodbus is waited for: there is nothing to tidy up here


if __name__ == "__main__":
    import uvloop

    kind, *numbers = sys.argv[1:]
    uvloop.run(run(kind, int(numbers[0]), int(numbers[1]), int(numbers[2]), float(numbers[3]), float(numbers[4])))

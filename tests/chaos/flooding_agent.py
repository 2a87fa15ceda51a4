"""The real agent with a device that reads as fast as the pipeline takes it: python -m tests.chaos.flooding_agent CONFIG
COUNT GO DONE. Begins when the file GO is there, and makes DONE when the last reading is committed."""

import asyncio
import logging
import sys
from pathlib import Path

from plantroom_edge.app import Agent
from plantroom_edge.config.loader import load_gateway_config
from plantroom_edge.driver import MetricFilter, Sample
from plantroom_edge.drivers.modbus import unit
from plantroom_shared.clock import SystemClock

DEVICE = "flood"
#: Rows handed over before the pipeline has committed those before: below what it keeps in memory.
AT_ONCE = 1_000


async def flood(agent: Agent, count: int, go: Path, done: Path) -> None:
    """Readings 1 … count, a millisecond apart, the last one now."""
    while not go.exists():  # noqa: ASYNC110  (another process makes it)
        await asyncio.sleep(0.05)
    agent.pipeline.know(DEVICE, [MetricFilter("reads")])
    begin = agent.clock.now_ms() - count
    for first in range(1, count + 1, AT_ONCE):
        for number in range(first, min(first + AT_ONCE, count + 1)):
            agent.pipeline.sample(Sample(DEVICE, begin + number, [number], {}, agent.clock.monotonic()))
        await agent.pipeline.flush()
    done.touch()


async def main(config: Path, count: int, go: Path, done: Path) -> None:
    """Until SIGTERM."""
    agent = Agent(*load_gateway_config(config), SystemClock())
    flooding = asyncio.create_task(flood(agent, count, go, done), name="flood")
    await agent.run()
    flooding.cancel()


if __name__ == "__main__":
    logging.basicConfig(level="INFO", format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    unit.SHORTEST_TIMEOUT_S = 5.0  # as in dying_agent
    asyncio.run(main(Path(sys.argv[1]), int(sys.argv[2]), Path(sys.argv[3]), Path(sys.argv[4])))

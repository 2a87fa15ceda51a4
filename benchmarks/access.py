"""Gates: from the card at the reader to the order to the gate, the decision on the disk in between, with 50,000
credentials; against a bare SQLite commit, for that is what the disk itself costs.

python -m benchmarks.access
"""

import asyncio
import sqlite3
import statistics
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import msgspec

from plantroom_edge.access.decision import Around, Rules, Shown, decide
from plantroom_edge.access.desk import Desk, Passage
from plantroom_edge.config.model import OutboxBounds, Pipeline
from plantroom_edge.driver import Outcome, Signal
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.boot import Boot
from plantroom_edge.pipeline.pipeline import Pipeline as Flow
from plantroom_edge.pipeline.sink import Memory
from plantroom_shared.allow_list import AllowList, Credential, GateRule, Grant, Span
from plantroom_shared.clock import SystemClock

CREDENTIALS, CARDS = 50_000, 200
READER, GATE = "reader", "gate"


def allow_list(count: int) -> AllowList:
    """Everybody in two groups, one of them by hours."""
    return AllowList(
        time_zone="Europe/Berlin",
        profiles={"day": [Span([1, 2, 3, 4, 5, 6, 7, 8], "00:00", "24:00")]},
        groups={"staff": [Grant("yard", "day")], "drivers": [Grant("ramp")]},
        gates={GATE: GateRule("yard")},
        credentials={f"w26:{n // 65536}:{n % 65536}": Credential(f"p{n}", ["staff", "drivers"]) for n in range(count)},
    )


def bare(folder: Path) -> list[float]:
    """Seconds of a commit of a row of 300 bytes: WAL, synchronous=FULL."""
    db = sqlite3.connect(folder / "bare.db", isolation_level=None)
    for pragma in ("page_size=16384", "journal_mode=WAL", "synchronous=FULL"):
        db.execute(f"PRAGMA {pragma}")
    db.execute("CREATE TABLE event (id INTEGER PRIMARY KEY, payload BLOB)")
    took = []
    for _ in range(CARDS):
        start = time.perf_counter()
        db.execute("INSERT INTO event (payload) VALUES (?)", (bytes(300),))
        took.append(time.perf_counter() - start)
    db.close()
    return took


async def ours(folder: Path, document: AllowList) -> list[float]:
    """Seconds from the signal of a reader to the order to its gate."""
    clock = SystemClock()
    outbox = Outbox(folder / "outbox.db", OutboxBounds(), clock)
    await outbox.open()
    flow = Flow(Pipeline(), outbox, Boot(clock), clock)
    ordered: asyncio.Queue[float] = asyncio.Queue()

    async def act(device: str, _action: str, _args: Mapping[str, Any]) -> Outcome:
        if device == GATE:
            ordered.put_nowait(time.perf_counter())
        return Outcome("done", "")

    desk = Desk({READER: Passage(GATE, "in")}, Memory("desk", flow, outbox), act, clock)
    refused = await desk.authority("allow-list", 1, msgspec.to_builtins(document))
    assert refused is None, refused
    running = asyncio.create_task(desk.run(), name="desk")
    took = []
    try:
        for number in range(CARDS):
            start = time.perf_counter()
            desk.take(Signal(READER, "credential", {"credential": f"w26:0:{number * 200}"}))
            took.append(await ordered.get() - start)
    finally:
        running.cancel()
        await asyncio.gather(running, return_exceptions=True)
        await outbox.close()
    return took


def deciding(document: AllowList) -> float:
    """Median seconds of the decision alone."""
    rules, around, now = Rules.check(document, 1), Around(), SystemClock().now_ms()
    took = []
    for number in range(CARDS):
        shown = Shown(f"w26:0:{number}", GATE, "in")
        start = time.perf_counter()
        decide(rules, shown, around, now)
        took.append(time.perf_counter() - start)
    return statistics.median(took)


def main() -> None:
    """Print medians, the slowest of a hundred, and the ratios."""
    document = allow_list(CREDENTIALS)
    with tempfile.TemporaryDirectory() as folder:
        commits, orders = bare(Path(folder)), asyncio.run(ours(Path(folder), document))
    few, many = deciding(allow_list(1_000)), deciding(document)
    for name, took in (("bare commit", commits), ("card to order", orders)):
        slowest = statistics.quantiles(took, n=100)[98]
        print(f"{name:<24}{statistics.median(took) * 1e3:>8.2f} ms   1 of 100 slower than {slowest * 1e3:.2f} ms")
    print(f"{'the decision alone':<24}{many * 1e3:>8.3f} ms   {CREDENTIALS:,} credentials")
    print(f"ratio card to order : bare commit      {statistics.median(orders) / statistics.median(commits):>6.1f}")
    print(f"ratio decision, 50,000 : 1,000         {many / few:>6.1f}")


if __name__ == "__main__":
    main()

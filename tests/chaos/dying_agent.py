"""The real agent, which kills itself with SIGKILL at a chosen point: python -m tests.chaos.dying_agent CONFIG POINT NTH
TRACE. Wraps the product's own methods from outside; the product knows nothing of it.

TRACE is a file that gets a line per sample taken ("s"), flush begun ("f") and batch committed ("c"): what the dead
agent held in memory alone can be told from it.
"""

import os
import signal
import sqlite3
import sys
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho

from plantroom_edge import cli
from plantroom_edge.drivers.modbus import unit
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.uplink.link import Connection
from plantroom_edge.uplink.uplink import Uplink

NEVER = "never"
POINTS = ("after-read", "before-commit", "after-commit", "after-publish", "after-puback", "after-cloud-commit")


class Death:
    """Counts the passes of one point, and strikes at the nth."""

    def __init__(self, point: str, nth: int, trace: Path) -> None:
        self._point = point
        self._left = nth
        self._trace = os.open(trace, os.O_WRONLY | os.O_CREAT | os.O_APPEND)

    def note(self, letter: str) -> None:
        """A line of the trace; the kernel keeps it when we die."""
        os.write(self._trace, letter.encode())

    def passing(self, point: str) -> None:
        """Here the agent passes a point."""
        if point == self._point:
            self._left -= 1
            if self._left <= 0:
                os.kill(os.getpid(), signal.SIGKILL)


def wrap(death: Death) -> None:
    """Put the points into the product's classes."""
    sample, flush, send, acknowledged = Pipeline.sample, Pipeline.flush, Connection.send, Uplink._acknowledged
    paho_publish = paho.Client.publish

    def _sample(self: Pipeline, taken: Any) -> None:
        sample(self, taken)
        if taken.device == "counter":
            death.note("s")
            death.passing("after-read")

    async def _flush(self: Pipeline, **named: Any) -> None:
        death.note("f")
        await flush(self, **named)

    def _paho_publish(self: Any, topic: str, *arguments: Any, **named: Any) -> Any:
        info = paho_publish(self, topic, *arguments, **named)
        if topic.endswith("/data"):
            death.passing("after-publish")
        return info

    def _send(self: Connection, topic: str, payload: bytes, answered: Any, **named: Any) -> None:
        def _answered(reason: str) -> None:
            answered(reason)
            if topic.endswith("/data"):
                death.passing("after-puback")

        send(self, topic, payload, _answered, **named)

    def _acknowledged(self: Uplink, ack: Any) -> None:
        death.passing("after-cloud-commit")
        acknowledged(self, ack)

    class Dying(sqlite3.Connection):
        """Knows when a transaction that stores batches is committed."""

        storing = False

        def executemany(self, sql: str, *arguments: Any) -> Any:
            self.storing = self.storing or "INTO batch" in sql
            return super().executemany(sql, *arguments)

        def execute(self, sql: str, *arguments: Any) -> Any:
            self.storing = self.storing or "INTO batch" in sql
            if sql != "COMMIT" or not self.storing:
                return super().execute(sql, *arguments)
            death.passing("before-commit")
            result = super().execute(sql)
            self.storing = False
            death.note("c")
            death.passing("after-commit")
            return result

    unit.SHORTEST_TIMEOUT_S = 5.0  # an answer that a busy test machine delays is none that the agent gave up
    connect = sqlite3.connect

    def _connect(*arguments: Any, **named: Any) -> Any:
        return connect(*arguments, **{**named, "factory": Dying})

    for owner, name, wrapped in (
        (Pipeline, "sample", _sample),
        (Pipeline, "flush", _flush),
        (Connection, "send", _send),
        (Uplink, "_acknowledged", _acknowledged),
        (paho.Client, "publish", _paho_publish),
        (sqlite3, "connect", _connect),
    ):
        setattr(owner, name, wrapped)


def held_in_memory(trace: str) -> int:
    """Samples of the counter that were taken and are in no committed batch: after the last flush that committed."""
    flushed = committed = samples = 0
    for letter in trace:
        match letter:
            case "s":
                samples += 1
            case "f":
                flushed = samples
            case "c":
                committed = flushed
    return samples - committed


if __name__ == "__main__":
    config, chosen, times, file = sys.argv[1:]
    wrap(Death(chosen, int(times), Path(file)))
    cli.main(["run", "-c", config, "--log-level", "debug"])

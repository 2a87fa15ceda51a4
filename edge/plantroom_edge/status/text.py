"""The status in a few lines for a terminal; without I/O."""

from collections.abc import Iterator, Mapping
from typing import Any


def lines(status: Mapping[str, Any]) -> Iterator[str]:
    """What matters, what is wrong first."""
    link, outbox = status["link"], status["outbox"]
    state = "connected" if link["connected"] else f"NOT CONNECTED to {link['broker']}: {link['last_error'] or 'trying'}"
    yield f"gateway {status['gateway']}: {state}"
    if not status["clock"]["synced"]:
        yield (
            "  clock: NOT SYNCHRONISED; readings wait for it"
            if status["clock"]["held"]
            else "  clock: NOT SYNCHRONISED"
        )
    if outbox["failing"]:
        yield f"  outbox: CANNOT BE WRITTEN: {outbox['failing']}"
    if outbox["pressed"]:
        yield f"  outbox: {outbox['pressed']}; the oldest telemetry is thinned"
    waiting = outbox["events"]["batches"] + outbox["telemetry"]["batches"]
    size = (outbox["events"]["bytes"] + outbox["telemetry"]["bytes"]) / 1e6
    yield f"  waiting in the outbox: {waiting} batches, {size:.1f} MB"
    yield f"  configuration: {status['config_version']}, samples since the start: {status['samples']}"
    for bus in status["buses"]:
        busy = f"{bus['utilisation']:.0%} busy" if "utilisation" in bus else "no load figure"
        yield f"  bus {bus['id']}: {busy}" + (f", {bus['timeouts']} time-outs" if "timeouts" in bus else "")
        for device in status["devices"]:
            if device["bus"] == bus["id"]:
                seen = "never read" if device["age_s"] is None else f"read {device['age_s']:.0f} s ago"
                yield f"    {'ok    ' if device['answers'] else 'SILENT'} {device['id']}: {seen}"
    for trouble in reversed(status["trouble"][:5]):
        yield f"  {trouble['level']}: {trouble['text']}"

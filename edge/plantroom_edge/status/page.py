"""The local page: one HTML document without scripts, from the status; without I/O."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import UTC, datetime
from html import escape
from typing import Any

REFRESH_S = 5

_STYLE = """
:root{color-scheme:light dark;--line:#8884;--good:#2fb344;--bad:#d63939;--doubt:#f59f00}
body{font:16px/1.45 system-ui,sans-serif;margin:0 auto;max-width:60rem;padding:1rem}
h1{font-size:1.4rem;margin:0}h2{font-size:1.05rem;margin:1.5rem 0 .4rem}
table{border-collapse:collapse;width:100%}
th,td{text-align:left;padding:.3rem .6rem .3rem 0;border-bottom:1px solid var(--line);vertical-align:top}
th{font-weight:600;opacity:.75}td.n{text-align:right;font-variant-numeric:tabular-nums}
.good::before,.bad::before,.doubt::before{content:"";display:inline-block;width:.6rem;height:.6rem;border-radius:50%;
margin-right:.5rem;background:var(--good)}.bad::before{background:var(--bad)}.doubt::before{background:var(--doubt)}
.wide{overflow-x:auto}.quiet{opacity:.7}
"""


def render(status: Mapping[str, Any]) -> str:
    """The whole document."""
    link, clock, outbox = status["link"], status["clock"], status["outbox"]
    facts = [
        ("Cloud", _mark(link["connected"], "connected", f"not connected: {link['last_error'] or 'trying'}")),
        ("Link", escape(f"{link['broker']}, {link['protocol']}, since {_time(link['since_ms'])}")),
        ("Clock", _mark(clock["synced"], "synchronised", "not synchronised: readings are marked", doubt=True)),
        ("Outbox", _mark(not (outbox["failing"] or outbox["pressed"]), "in order", _trouble(outbox), doubt=True)),
        ("Waiting", escape(_waiting(outbox))),
        ("Configuration", escape(status["config_version"])),
        ("Running since", escape(_time(status["started_ms"]))),
    ]
    title = escape(status["label"] or status["gateway"])
    return f"""<!doctype html>
<html lang="en"><head><meta charset="utf-8"><meta name="viewport" content="width=device-width,initial-scale=1">
<meta http-equiv="refresh" content="{REFRESH_S}"><title>{title}</title><style>{_STYLE}</style></head><body>
<h1>{title}</h1><p class="quiet">Gateway {escape(status["gateway"])}, {_time(status["at"])}</p>
<table>{"".join(f"<tr><th>{name}</th><td>{value}</td></tr>" for name, value in facts)}</table>
<h2>Buses</h2>{_table(("Bus", "Busy", "Requests", "Time-outs"), map(_bus, status["buses"]), "There is no bus.")}
<h2>Devices</h2>{_table(("Device", "State", "Last reading", "Answers"), map(_device, status["devices"]), "None yet.")}
<h2>This machine</h2>{_table(("Figure", "Value"), map(_figure, status["health"]), "Not measured yet.")}
<h2>Last warnings</h2>{_table(("When", "What"), map(_line, status["trouble"]), "None since the start.")}
</body></html>
"""


def _bus(bus: Mapping[str, Any]) -> Sequence[str]:
    busy = bus.get("utilisation")
    return bus["id"], "" if busy is None else f"{busy:.0%}", str(bus.get("requests", "")), str(bus.get("timeouts", ""))


def _device(device: Mapping[str, Any]) -> Sequence[str]:
    age = device["age_s"]
    share = device["success"]
    state = "good|answers" if device["answers"] else ("doubt|not yet" if age is None else "bad|silent")
    seen = "never" if age is None else f"{age:.0f} s ago"
    return f"{device['label']} ({device['id']})", state, seen, "" if share is None else f"{share:.0%}"


def _figure(figure: Mapping[str, Any]) -> Sequence[str]:
    return figure["label"], f"{figure['value']} {figure['unit']}".strip()


def _line(line: Mapping[str, Any]) -> Sequence[str]:
    return _time(line["at"]), f"{'bad' if line['level'] == 'error' else 'doubt'}|{line['text']}"


def _table(heads: Sequence[str], rows: Iterable[Sequence[str]], nothing: str) -> str:
    body = "".join(f"<tr>{''.join(map(_cell, row))}</tr>" for row in rows)
    if not body:
        return f'<p class="quiet">{escape(nothing)}</p>'
    head = "".join(f"<th>{escape(text)}</th>" for text in heads)
    return f'<div class="wide"><table><tr>{head}</tr>{body}</table></div>'


def _cell(text: str) -> str:
    kind, bar, rest = text.partition("|")
    if bar and kind in ("good", "bad", "doubt"):
        return f'<td><span class="{kind}">{escape(rest)}</span></td>'
    return f"<td>{escape(text)}</td>"


def _mark(good: object, yes: str, no: str, *, doubt: bool = False) -> str:
    kind = "good" if good else ("doubt" if doubt else "bad")
    return f'<span class="{kind}">{escape(yes if good else no)}</span>'


def _trouble(outbox: Mapping[str, Any]) -> str:
    return outbox["failing"] or f"{outbox['pressed']}: the oldest telemetry is thinned"


def _waiting(outbox: Mapping[str, Any]) -> str:
    return ", ".join(
        f"{outbox[stream]['batches']} batches of {stream} ({outbox[stream]['bytes'] / 1e6:.1f} MB)"
        for stream in ("events", "telemetry")
    )


def _time(ms: int | None) -> str:
    if ms is None:
        return "the start"
    return datetime.fromtimestamp(ms / 1000, UTC).strftime("%Y-%m-%d %H:%M:%S UTC")

"""InfluxDB 1.x, 2.x and 3 by the one pair that all of them speak: POST /write and GET /query (InfluxQL).

A database (a bucket on 2.x) for the raw values and one for each level of windows, so that each has its own retention:
"plantroom", "plantroom_1m", "plantroom_15m", "plantroom_1h", "plantroom_1d". One measurement, the tag device, a field
per metric (five in a window).
"""

import gzip
import logging
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from ipaddress import ip_address
from typing import Any

import httpx
import msgspec

from plantroom_cloud.telemetry.lines import MEASUREMENT, row_lines, split_fields, window_lines
from plantroom_cloud.telemetry.rollup import LEVELS, Point
from plantroom_cloud.telemetry.store import Refused, Retention, Series, StoreUnavailableError
from plantroom_shared.batch import DeviceRows

_log = logging.getLogger(__name__)

MOST_LINES = 5_000
#: Lines are long when a device has many metrics: a request stays below so many bytes.
MOST_BYTES = 1_000_000
#: Fields that one query asks for at most: a query is a line of text in a URL.
MOST_METRICS = 20
WRITES_AT_ONCE = 2

SUFFIXES = {60: "1m", 900: "15m", 3600: "1h", 86_400: "1d"}
_FIGURES = ("min", "mean", "max", "last", "count")
_DROPPED = re.compile(r"dropped=(\d+)")
_EXPIRED = "beyond retention policy"


@dataclass(frozen=True)
class InfluxServer:
    """Where it is and how to get in: user and password (1.x), or a token (2.x, 3)."""

    url: str
    database: str
    username: str = ""
    password: str = ""
    token: str = ""


def databases(database: str, retention: Retention) -> dict[str, int | None]:
    """Each database's (bucket's) name and the days it keeps."""
    levels = {f"{database}_{SUFFIXES[level]}": retention.windows_days.get(level) for level in LEVELS}
    return {database: retention.raw_days, **levels}


class InfluxTelemetryStore:
    """Lines in requests of 5,000, two under way; a request with a bad line is taken apart until it stands alone."""

    def __init__(self, server: InfluxServer, retention: Retention) -> None:
        self._server = server
        self._retention = retention
        headers = {"Authorization": f"Token {server.token}"} if server.token else {}
        auth = (server.username, server.password) if server.username else None
        self._http = httpx.Client(base_url=server.url, headers=headers, auth=auth, timeout=30)
        self._gzip = not _is_local(server.url)  # costs more than it gains on the same machine
        self._pool = ThreadPoolExecutor(WRITES_AT_ONCE, thread_name_prefix="influx")

    def open(self) -> None:
        if self._server.token:  # 2.x and 3: made by `plantroom-cloud influx setup`
            for name in databases(self._server.database, self._retention):
                try:
                    self._select(name, f'SHOW FIELD KEYS FROM "{MEASUREMENT}"')
                except StoreUnavailableError as error:
                    raise StoreUnavailableError(f"{error}; bucket {name}: run plantroom-cloud influx setup") from error
            return
        for name, days in databases(self._server.database, self._retention).items():
            duration = f"{days}d" if days else "INF"
            self._administer(f'CREATE DATABASE "{name}"')
            self._administer(f'ALTER RETENTION POLICY "autogen" ON "{name}" DURATION {duration}')

    def close(self) -> None:
        self._pool.shutdown()
        self._http.close()

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[Refused]:
        return self._write_all(self._server.database, [line for item in blocks for line in row_lines(*item)])

    def raw(self, device: str, metric: str, start: int, end: int, most: int) -> list[Point]:
        found = self._select(
            self._server.database,
            f'SELECT "{metric}" FROM "{MEASUREMENT}" WHERE {_where((device,), start, end)} LIMIT {most}',
        )
        rows = found[0]["values"] if found else []
        return [Point(time, value, value, value, value, 1) for time, value in rows if value is not None]

    def texts(self, device: str, metric: str, start: int, end: int, most: int) -> list[tuple[int, str]]:
        found = self._select(
            self._server.database,
            f'SELECT "{metric}__text" FROM "{MEASUREMENT}" WHERE {_where((device,), start, end)} LIMIT {most}',
        )
        return [(time, text) for time, text in (found[0]["values"] if found else []) if text is not None]

    def computed(self, devices: Sequence[str], metrics: Sequence[str], start: int, end: int, every_s: int) -> Series:
        def query(part: Sequence[str]) -> str:
            columns = ", ".join(f'{figure}("{m}") AS "{m}__{figure}"' for m in part for figure in _FIGURES)
            return (
                f'SELECT {columns} FROM "{MEASUREMENT}" WHERE {_where(devices, start, end)} '
                f'GROUP BY time({every_s}s), "device" fill(none)'
            )

        return self._series(self._server.database, metrics, query)

    def windows(self, level_s: int, devices: Sequence[str], metrics: Sequence[str], start: int, end: int) -> Series:
        def query(part: Sequence[str]) -> str:
            columns = ", ".join(f'"{m}__{figure}"' for m in part for figure in _FIGURES)
            return f'SELECT {columns} FROM "{MEASUREMENT}" WHERE {_where(devices, start, end)} GROUP BY "device"'

        return self._series(self._level(level_s), metrics, query)

    def save_windows(self, level_s: int, series: Series) -> None:
        for refused in self._write_all(self._level(level_s), window_lines(series.items())):
            _log.error("a window was refused: %s: %s", refused.reason, refused.text[:200])

    def forget(self, now_ms: int) -> None:  # noqa: ARG002
        """Each database forgets by its own retention; on 1.x it is set again, should the configuration have changed."""
        self.open()

    def _level(self, level_s: int) -> str:
        return f"{self._server.database}_{SUFFIXES[level_s]}"

    def _write_all(self, database: str, lines: list[bytes]) -> list[Refused]:
        parts, begin, size = [], 0, 0
        for index, line in enumerate(lines):
            if index - begin >= MOST_LINES or size > MOST_BYTES:
                parts.append(lines[begin:index])
                begin, size = index, 0
            size += len(line)
        if begin < len(lines):
            parts.append(lines[begin:])
        if len(parts) <= 1:
            return [refused for part in parts for refused in self._write(database, part)]
        waiting = [self._pool.submit(self._write, database, part) for part in parts]
        return [refused for future in waiting for refused in future.result()]

    def _write(self, database: str, lines: list[bytes]) -> list[Refused]:
        """A partial write never blocks the queue, nor loses the good lines, nor the good fields of a bad line."""
        body = b"\n".join(lines)
        headers = {"Content-Encoding": "gzip"} if self._gzip else {}
        response = self._send(
            "POST",
            "/write",
            params={"db": database, "precision": "ms"},
            content=gzip.compress(body, 1) if self._gzip else body,
            headers=headers,
        )
        if response.status_code < 300:
            return []
        reason = response.text.strip()[:300]
        if response.status_code not in (400, 413, 422):
            raise StoreUnavailableError(f"InfluxDB answered {response.status_code}: {reason}")
        if _EXPIRED in reason:  # older than what is kept: the store would forget it at once
            _log.info("telemetry store: %s", reason)
            return []
        dropped = _DROPPED.search(reason)
        if len(lines) == 1:
            fields = split_fields(lines[0])
            if len(fields) == 1:
                return [Refused(reason, lines[0].decode())]
            lines = fields
        elif dropped is not None and int(dropped.group(1)) == len(lines) and all(map(_has_one_field, lines)):
            return [Refused(reason, line.decode()) for line in lines]
        middle = len(lines) // 2
        return self._write(database, lines[:middle]) + self._write(database, lines[middle:])

    def _series(self, database: str, metrics: Sequence[str], query: Any) -> Series:
        found: Series = {}
        for begin in range(0, len(metrics), MOST_METRICS):
            part = metrics[begin : begin + MOST_METRICS]
            try:
                groups = self._select(database, query(part))
            except _QueryRefusedError:
                if len(metrics) == 1:
                    raise
                for metric in part:  # a field that somebody else wrote as text spoils no other
                    try:
                        found.update(_by_metric(self._select(database, query([metric])), [metric]))
                    except _QueryRefusedError as error:
                        _log.warning("telemetry store: %s: %s", metric, error)
                continue
            found.update(_by_metric(groups, part))
        return found

    def _select(self, database: str, query: str) -> list[dict[str, Any]]:
        response = self._send("GET", "/query", params={"db": database, "q": query, "epoch": "ms"})
        return _results(response)

    def _administer(self, query: str) -> None:
        _results(self._send("POST", "/query", params={"q": query}))

    def _send(self, method: str, path: str, **arguments: Any) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)
        except httpx.HTTPError as error:
            raise StoreUnavailableError(f"InfluxDB at {self._server.url}: {error or type(error).__name__}") from error


class _QueryRefusedError(StoreUnavailableError):
    """The server understood and will not."""


def _results(response: httpx.Response) -> list[dict[str, Any]]:
    if response.status_code >= 500 or response.status_code in (401, 403, 404):
        raise StoreUnavailableError(f"InfluxDB answered {response.status_code}: {response.text[:300]}")
    try:
        data: dict[str, Any] = msgspec.json.decode(response.content, type=dict[str, Any])
    except msgspec.DecodeError as error:
        raise StoreUnavailableError(f"InfluxDB answered {response.status_code}: {response.text[:300]}") from error
    result = (data.get("results") or [{}])[0]
    if text := data.get("error") or result.get("error"):
        if "database not found" in text:
            raise StoreUnavailableError(f"InfluxDB: {text}")
        raise _QueryRefusedError(f"InfluxDB: {text}")
    groups: list[dict[str, Any]] = result.get("series", [])
    return groups


def _by_metric(groups: Sequence[dict[str, Any]], metrics: Sequence[str]) -> Series:
    """Columns are: time, then the five figures of each metric."""
    found: Series = {}
    for group in groups:
        device = group["tags"]["device"]
        for place, metric in enumerate(metrics):
            first = 1 + 5 * place
            points = [
                Point(row[0], row[first], row[first + 1], row[first + 2], row[first + 3], int(row[first + 4]))
                for row in group["values"]
                if row[first + 4]
            ]
            if points:
                found[device, metric] = points
    return found


def _where(devices: Sequence[str], start: int, end: int) -> str:
    """Device ids hold letters, digits, hyphens and dots alone."""
    names = " OR ".join(f"\"device\" = '{device}'" for device in devices)
    return f"({names}) AND time >= {start}ms AND time < {end}ms"


def _has_one_field(line: bytes) -> bool:
    return len(split_fields(line)) == 1


def _is_local(url: str) -> bool:
    host = httpx.URL(url).host
    try:
        return ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"

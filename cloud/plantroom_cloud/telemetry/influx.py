"""InfluxDB 1.x, 2.x and 3 by the one pair that all of them speak: POST /write and GET /query (InfluxQL)."""

import gzip
import math
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import httpx

from plantroom_cloud.telemetry.store import Point, StoreUnavailableError
from plantroom_shared.batch import DeviceRows, Value

MEASUREMENT = "telemetry"
MOST_LINES = 5_000


@dataclass(frozen=True)
class InfluxServer:
    """Where it is and how to get in: user and password (1.x), or a token (2.x, 3)."""

    url: str
    database: str
    username: str = ""
    password: str = ""
    token: str = ""


class InfluxTelemetryStore:
    """One measurement, tags device, a field per metric; texts in a field of their own name ("state__text")."""

    def __init__(self, server: InfluxServer) -> None:
        self._server = server
        headers = {"Authorization": f"Token {server.token}"} if server.token else {}
        auth = (server.username, server.password) if server.username else None
        self._http = httpx.Client(base_url=server.url, headers=headers, auth=auth, timeout=15)

    def open(self) -> None:
        if not self._server.token:  # 1.x: the database is made here; 2.x and 3 by `plantroom-cloud influx setup`
            self._checked(self._send("POST", "/query", params={"q": f'CREATE DATABASE "{self._server.database}"'}))

    def close(self) -> None:
        self._http.close()

    def write(self, blocks: Sequence[tuple[str, DeviceRows]]) -> list[str]:
        lines = [line for device, rows in blocks for line in _lines(device, rows)]
        refused: list[str] = []
        for start in range(0, len(lines), MOST_LINES):
            refused += self._write_lines(lines[start : start + MOST_LINES])
        return refused

    def query(self, device_id: str, metric: str, start: int, end: int, every_s: int | None) -> list[Point]:
        field = metric.replace('"', "")
        where = f'FROM "{MEASUREMENT}" WHERE "device" = \'{device_id}\' AND time >= {start}ms AND time < {end}ms'
        if every_s is None:
            rows = self._select(f'SELECT "{field}" {where}')
            return [Point(int(row[0]), row[1], row[1], row[1], row[1], 1) for row in rows if row[1] is not None]
        text = ", ".join(f'{name}("{field}")' for name in ("min", "mean", "max", "last", "count"))
        rows = self._select(f"SELECT {text} {where} GROUP BY time({every_s}s) fill(none)")
        return [Point(int(row[0]), row[1], row[2], row[3], row[4], int(row[5])) for row in rows if row[5]]

    def forget_before(self, raw_before: int, rollups_before: dict[int, int]) -> None:  # noqa: ARG002
        """The database's own retention policy does this on 2.x and 3; on 1.x we delete."""
        if not self._server.token:
            self._checked(
                self._send(
                    "POST",
                    "/query",
                    params={
                        "db": self._server.database,
                        "q": f'DELETE FROM "{MEASUREMENT}" WHERE time < {raw_before}ms',
                    },
                )
            )

    def _write_lines(self, lines: list[str]) -> list[str]:
        """Bisects a batch with a bad line: a partial write never blocks the queue, nor loses the good lines."""
        response = self._send(
            "POST",
            "/write",
            params={"db": self._server.database, "precision": "ms"},
            content=gzip.compress("\n".join(lines).encode(), 1),
            headers={"Content-Encoding": "gzip"},
        )
        if response.status_code < 300:
            return []
        if response.status_code not in (400, 413, 422):
            raise StoreUnavailableError(f"InfluxDB answered {response.status_code}: {response.text[:300]}")
        if len(lines) == 1:
            return [f"{response.text.strip()[:300]}: {lines[0]}"]
        middle = len(lines) // 2
        return self._write_lines(lines[:middle]) + self._write_lines(lines[middle:])

    def _select(self, query: str) -> list[list[float]]:
        response = self._checked(
            self._send("GET", "/query", params={"db": self._server.database, "q": query, "epoch": "ms"})
        )
        series = response.json()["results"][0].get("series", [])
        rows: list[list[float]] = series[0]["values"] if series else []
        return rows

    def _send(self, method: str, path: str, **arguments: object) -> httpx.Response:
        try:
            return self._http.request(method, path, **arguments)  # type: ignore[arg-type]
        except httpx.HTTPError as error:
            raise StoreUnavailableError(f"InfluxDB at {self._server.url}: {error or type(error).__name__}") from error

    def _checked(self, response: httpx.Response) -> httpx.Response:
        if response.status_code >= 300:
            raise StoreUnavailableError(f"InfluxDB answered {response.status_code}: {response.text[:300]}")
        return response


def _lines(device: str, rows: DeviceRows) -> Iterator[str]:
    columns = list(rows.values.items())
    for index, time in enumerate(rows.times):
        fields = [text for metric, column in columns if (text := _field(metric, column[index]))]
        if fields:
            yield f"{MEASUREMENT},device={device} {','.join(fields)} {time}"


def _field(metric: str, value: Value) -> str:
    """Numbers and booleans are always floats: a field never changes its type."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return ""
    if isinstance(value, str):
        escaped = value.replace("\\", "\\\\").replace('"', '\\"').replace("\n", " ")
        return f'{metric}__text="{escaped}"'
    return f"{metric}={float(value)!r}"

"""Chart: one week of values a second, asked as a page asks; through the API, with its login and its JSON.

python -m benchmarks.chart [--store sqlite|influxdb] [--questions 100]

The baseline is the same question answered from the raw values.
"""

import argparse
import math
import statistics
import tempfile
import time
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

from fastapi.testclient import TestClient

from benchmarks.rig import Rig, rig
from plantroom_cloud.app import create_app
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.telemetry.service import choose_window
from plantroom_cloud.users.models import Role
from plantroom_shared.batch import DeviceRows, Value
from plantroom_shared.messages import Birth, BirthDevice, Metric

WEEK_S = 7 * 86_400
SERIES = 4


def fill(servers: Rig) -> tuple[int, int]:
    """A week of four metrics through the journal and the writer, windows computed; start and end, ms."""
    services, at = servers.services, servers.services.now()
    end = ms_from_utc(at) // 1000 * 1000
    start = end - WEEK_S * 1000
    services.telemetry.store.open()
    born = BirthDevice(device="d0", label="D", profile="p", metrics=[Metric(name="m0", label="M")])
    with services.database.write() as session:
        birth = Birth(v=1, gateway="gw-0", boot="b", at=1, config_version="1", devices=[born])
        services.devices.register(session, birth, at)
    for begin in range(start, end, 3_600_000):
        times = list(range(begin, min(begin + 3_600_000, end), 1000))
        values: dict[str, list[Value]] = {
            f"m{m}": [20 + 5 * math.sin(time / 4e6 + m) for time in times] for m in range(SERIES)
        }
        rows = DeviceRows(device="d0", times=times, values=values)
        with services.database.write() as session:
            services.telemetry.journal(session, "gw-0", [rows], len(times) * SERIES, at, late=True)
    while services.telemetry_writer.drain(at) or services.telemetry_writer.roll_up(at):
        pass
    return start, end


def timed(ask: Callable[[int], object], questions: int) -> list[float]:
    """Seconds that each takes."""
    found = []
    for number in range(questions):
        begun = time.perf_counter()
        ask(number)
        found.append(time.perf_counter() - begun)
    return found


def main() -> None:
    """Print the percentiles."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--store", choices=("influxdb", "sqlite"), default="sqlite")
    parser.add_argument("--questions", type=int, default=100)
    asked = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder, rig(Path(folder), asked.store, 1) as servers:
        start, end = fill(servers)
        services = servers.services
        with services.database.write() as session:
            user = services.users.add(session, "bench", "a password for it", Role.ADMIN, services.now())
            token = services.users.make_token(session, user, "bench", services.now())
        client = TestClient(create_app(services), headers={"Authorization": f"Bearer {token}"})
        until = services.now()
        window = choose_window(end - start) or 1

        def by_api(number: int) -> None:
            times = {"start": (until - timedelta(seconds=WEEK_S)).isoformat(), "end": until.isoformat()}
            answer = client.get("/api/v1/devices/gw-0.d0/telemetry", params={"metric": f"m{number % SERIES}", **times})
            points = answer.json()["items"][0]["points"]
            assert sum(point["count"] for point in points) >= WEEK_S - window

        def from_raw(number: int) -> None:
            series = services.telemetry.store.computed(["gw-0.d0"], [f"m{number % SERIES}"], start, end, window)
            assert sum(point.count for points in series.values() for point in points) == WEEK_S

        timed(by_api, 5)
        ours, raw = timed(by_api, asked.questions), timed(from_raw, 5)
        services.telemetry.store.close()
    print(f"{asked.store}, one week of 1 s data, windows of {window} s, {asked.questions} questions")
    print(f"from raw values   p50 {statistics.median(raw) * 1000:>8.1f} ms")
    print(f"API, stored       p50 {statistics.median(ours) * 1000:>8.1f} ms")
    print(f"                  p99 {statistics.quantiles(ours, n=100)[98] * 1000:>8.1f} ms")
    print(f"ratio of medians      {statistics.median(raw) / statistics.median(ours):>8.1f}")


if __name__ == "__main__":
    main()

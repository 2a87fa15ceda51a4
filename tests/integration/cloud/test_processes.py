"""The control plane as several processes on one broker and one PostgreSQL: nothing lost, nothing twice, order kept."""

import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from plantroom_cloud.alarms.service import AlarmService
from plantroom_cloud.gateways import ledger
from plantroom_cloud.ingest.partition import Partition
from tests.fakes.installation import Gateway, Installation, until
from tests.servers.mosquitto import Mosquitto
from tests.servers.ports import free_port
from tests.servers.postgres import Postgres

GATEWAYS = [f"gw-{number}" for number in range(6)]
BATCHES = 40


@pytest.fixture
def cloud(tmp_path: Path, broker: Mosquitto, postgres: Postgres) -> Iterator[Installation]:
    cloud = Installation(tmp_path, broker, GATEWAYS, postgres.create_database(f"processes_{free_port()}"))
    yield cloud
    cloud.stop()


def test_several_processes_share_the_gateways_and_follow_a_killed_one(cloud: Installation, broker: Mosquitto) -> None:
    shares = [Partition(1, 2), Partition(2, 2)]
    assert all(any(share.has(gateway) for gateway in GATEWAYS) for share in shares)
    first = cloud.start("--part", "ingest", "--partition", "1/2", connected=True)
    cloud.start("--part", "ingest", "--partition", "2/2", "--part", "scheduler", connected=True)
    cloud.start("--part", "writer")
    cloud.start("--part", "ingest", "--partition", "1/2")  # waits for the first to end
    gateways = [Gateway(broker.port, name) for name in GATEWAYS]
    for gateway in gateways:
        gateway.birth()
    services = cloud.services

    def registered() -> int:
        with services.database.read() as session:
            return len(services.devices.list(session))

    until(lambda: registered() == len(GATEWAYS), 120, "all gateways have registered")
    begun = round(time.time() * 1000)
    for seq in range(1, BATCHES + 1):
        for gateway in gateways:
            gateway.send(seq, begun + seq * 100)
        if seq == BATCHES // 2:
            first.kill()
    until(lambda: not [gateway for gateway in gateways if gateway.again()], 120, "all is acknowledged")
    for gateway in gateways:
        gateway.close()

    def stored() -> int:
        services.telemetry.store.open()
        return sum(len(services.telemetry.raw(f"{name}.pump", "t", begun, begun + 1_000_000)) for name in GATEWAYS)

    until(lambda: stored() == len(GATEWAYS) * BATCHES, 120, "all is in the store")
    alarms: AlarmService = services.alarms
    at = services.now()
    with services.database.read() as session:
        for name in GATEWAYS:
            [stream] = ledger.streams(session, name)
            assert (stream.received, stream.missing) == (BATCHES, 0)
            hours = ledger.hours(session, name, at - timedelta(hours=12), at)
            assert sum(hour.events_received for hour in hours) == BATCHES
            raised = alarms.search(session, device_id=f"{name}.pump", limit=1_000)
            assert [alarm.active for alarm in raised] == [False] * (BATCHES // 2)
        runs = services.jobs.runs(session, "forget changes")
    assert len(runs) == len({run.due_at for run in runs})

"""A real control plane while its telemetry store is away, and while somebody sends it nonsense."""

import os
import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from plantroom_cloud.alarms.models import AlarmState
from plantroom_cloud.gateways import ledger
from plantroom_cloud.quarantine.service import waiting
from plantroom_shared.batch import Batch, DeviceRows
from plantroom_shared.encoding import MAX_MESSAGE_BYTES
from tests.fakes.installation import Gateway, Installation, until
from tests.servers.influxdb import InfluxDb
from tests.servers.mosquitto import Mosquitto


@pytest.fixture
def influx(tmp_path: Path) -> Iterator[InfluxDb]:
    """One of this test's own: it is stopped, killed and started again."""
    server = InfluxDb(tmp_path / "influxdb")
    server.server.start()
    yield server
    server.server.kill()


def registered(cloud: Installation, number: int) -> bool:
    with cloud.services.database.read() as session:
        return len(cloud.services.devices.list(session)) == number


def work_orders(cloud: Installation) -> int:
    with cloud.services.database.read() as session:
        alarms = cloud.services.alarms.search(session, limit=1_000)
        return len([alarm for alarm in alarms if alarm.state is AlarmState.RETURNED])


def stored(cloud: Installation, start: int) -> list[int]:
    points = cloud.services.telemetry.raw("gw-a.pump", "t", start, start + 1_000_000)
    return [(point.time - start) // 100 for point in points]


def test_alarms_go_on_while_influxdb_hangs_and_while_it_is_gone(
    tmp_path: Path, broker: Mosquitto, influx: InfluxDb
) -> None:
    cloud = Installation(tmp_path, broker, ["gw-a"], store="influxdb", url=influx.url)
    gateway = Gateway(broker.port, "gw-a")
    try:
        cloud.start(connected=True)
        gateway.birth(work_order=True)
        until(lambda: registered(cloud, 1), 120, "the gateway has registered")
        start = round(time.time() * 1000)

        def send(first: int, last: int) -> None:
            for seq in range(first, last + 1):
                gateway.send(seq, start + seq * 100)
            until(lambda: not gateway.again(), 120, f"batches up to {last} are acknowledged")
            until(lambda: work_orders(cloud) == last // 2, 120, "each excursion is an alarm that has returned")

        send(1, 10)
        until(lambda: len(stored(cloud, start)) == 10, 120, "what came before is stored")
        os.kill(influx.server.pid, signal.SIGSTOP)  # it takes connections, and answers nothing
        send(11, 20)
        influx.server.kill()
        send(21, 30)
        with cloud.services.database.read() as session:
            assert cloud.services.telemetry.backlog(session).entries > 0
        influx.server.start()
        until(lambda: stored(cloud, start) == list(range(1, 31)), 120, "everything is there afterwards")
        with cloud.services.database.read() as session:
            [stream] = ledger.streams(session, "gw-a")
            assert (stream.received, stream.missing) == (30, 0)
            assert waiting(session) == []
    finally:
        gateway.close()
        cloud.stop()


def test_nonsense_is_kept_with_its_reason_and_the_queue_goes_on(tmp_path: Path, broker: Mosquitto) -> None:
    cloud = Installation(tmp_path, broker, ["gw-a", "gw-b"])
    gateway = Gateway(broker.port, "gw-a")
    try:
        cloud.start(connected=True)
        gateway.birth()
        until(lambda: registered(cloud, 1), 120, "the gateway has registered")
        start = round(time.time() * 1000)

        def batch(seq: int, *, v: int = 1, name: str = "gw-a", values: int = 1) -> Batch:
            rows = DeviceRows(device="pump", times=list(range(start, start + values)), values={"t": [1.5] * values})
            return Batch(
                v=v, gateway=name, outbox="o", stream="telemetry", seq=seq, boot="b", sent_at=1, telemetry=[rows]
            )

        raw = {
            "gw-a/data": [b"", b"\xff\xfe\x00", b"{not json", b'{"v":1}', b"\x00" * 100, b"[" * 5_000],
            "gw-a/birth": [b"nonsense"],
            "gw-a/status": [b"{}"],
            "gw-a/direct/scale-1": [b"[1]", b'{"Bad Name": 1}'],
            "gw-x/data": [b"\x81\xa1v\x01"],
        }
        sent = 0
        for topic, payloads in raw.items():
            for payload in payloads:
                gateway.client.publish(f"plantroom/v1/{topic}", payload, 1)
                sent += 1
        gateway.publish(1, batch(1))
        gateway.publish(2, batch(2, v=9))
        gateway.publish(3, batch(3, name="gw-b"))
        gateway.publish(4, batch(4, values=MAX_MESSAGE_BYTES // 9))
        gateway.publish(6, batch(6))
        gateway.publish(6, batch(6))
        gateway.publish(5, batch(5))
        until(lambda: not gateway.waiting, 120, "each batch is answered")
        reasons = {rejected.seq: rejected.reason for rejected in gateway.rejected}
        assert sorted(reasons) == [2, 3, 4]
        assert "version 9 is unknown" in reasons[2]
        assert "'gw-b' on the topic of 'gw-a'" in reasons[3]
        assert f"at most {MAX_MESSAGE_BYTES} are taken" in reasons[4]

        def kept() -> int:
            with cloud.services.database.read() as session:
                return len(waiting(session))

        until(lambda: kept() == sent + 3, 120, "all of it is in quarantine")
        with cloud.services.database.read() as session:
            [stream] = ledger.streams(session, "gw-a")
            assert (stream.last, stream.received, stream.missing) == (6, 3, 0)
            assert all(message.reason for message in waiting(session))
    finally:
        gateway.close()
        cloud.stop()

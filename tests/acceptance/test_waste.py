"""Bags weighed with real parts: Bluetooth scales and scanners → gateway → broker → control plane → a bag's life."""

import os
import signal
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import pytest

from tests.acceptance.test_lab import until
from tests.acceptance.test_patrol import Lab

SCENARIO = """\
name: A ward and a store
site: house
history_days: 0
gateways:
  - id: gw-a
    buses:
      - {id: air, type: ble}
      - {id: ward, type: scanner-serial, framing: cr}
      - {id: store, type: scanner-tcp, framing: stx-etx}
    devices:
      - {id: ward-scale, bus: air, profile: bluetooth/weight-scale-service, speaks: gatt, station: ward-a}
      - {id: store-scale, bus: air, profile: bluetooth/uart-text, speaks: text, station: waste-store}
      - {id: spare-scale, bus: air, profile: xiaomi/xmtzc05hm, speaks: broadcast, name: MIBFS}
      - {id: ward-scanner, bus: ward, station: ward-a}
      - {id: store-scanner, bus: store, profile: generic/network-scanner, station: waste-store}
faults:
  - {name: doubled, title: Indications come twice, kind: doubled, device: ward-scale, times: 3}
  - {name: cut, title: Links break before the confirmation, kind: cut, device: ward-scale, times: 2}
  - {name: bluetooth, title: bluetoothd dies, kind: bluetoothd-restart, device: ward-scale, away_s: 1}
"""
SCALES = ("ward-scale", "store-scale", "spare-scale")


class House(Lab):
    """With bags."""

    def weigh(self, scale: str, kg: float) -> float:
        answer = self.do({"do": "act", "device": scale, "action": "weigh", "args": {"kg": kg}})
        return float(answer["kg"])

    def weighings(self, scale: str) -> list[float]:
        """Oldest first."""
        found = self.get(f"weighings?device=gw-a.{scale}&limit=500")["items"]
        return [item["kg"] for item in reversed(found)]

    def kill_gateway(self) -> None:
        """Dead when it returns: what comes now is told to nobody."""
        pid = self.info()["pids"]["edge-gw-a"]
        os.kill(pid, signal.SIGKILL)
        until(lambda: not Path(f"/proc/{pid}").exists(), 120, "the gateway is dead")

    def bag(self, code: str) -> dict[str, Any]:
        found: dict[str, Any] = self.get(f"waste/bags/{code}")
        return found


@pytest.fixture
def house(tmp_path: Path) -> Iterator[House]:
    house = House(tmp_path, SCENARIO)
    yield house
    house.process.send_signal(signal.SIGINT)
    house.process.wait(120)


def test_bags_are_weighed_once_through_faults_kills_and_an_outage(house: House) -> None:
    until(lambda: len(house.get("devices")["items"]) >= 6, 120, "the devices have registered")
    house.post("departments", {"id": "ward-a", "site_id": "house", "name": "Ward A"})
    house.post("users", {"name": "nora", "password": "a password for nora", "role": "technician"})
    assert house.web.post("waste/pins", json={"user": "nora", "pin": "4711"}).status_code == 204
    first, second = house.post("waste/labels", {"department": "ward-a", "type": "sharps", "count": 2})["items"]

    house.do({"do": "fault", "name": "doubled"})
    house.do({"do": "fault", "name": "cut"})
    house.scan(first["label"], "ward-scanner")
    house.weigh("ward-scale", 5.0)
    until(lambda: house.bag(first["code"])["stages"], 120, "the weight is with the bag")
    path = f"waste/bags/{first['code']}/sign"
    house.post(path, {"stage": "collected", "role": "collector"})
    assert (
        house.post(path, {"stage": "collected", "role": "ward", "user": "nora", "pin": "4711"})["stage"] == "collected"
    )

    house.kill_gateway()  # weighed while no gateway listens: the scales keep it, or people wait
    others = ("ward-scale", "spare-scale")
    with ThreadPoolExecutor(2) as people:
        kilograms = dict(zip(others, people.map(house.weigh, others, (6.0, 8.0)), strict=True))
    for scale, kg in kilograms.items():
        until(lambda scale=scale, kg=kg: kg in house.weighings(scale), 120, f"{scale} is heard again")  # type: ignore[misc]

    house.signal("broker", signal.SIGSTOP)  # offline: the gateway keeps what was weighed, and in which order
    house.do({"do": "fault", "name": "bluetooth"})
    house.scan(second["label"], "ward-scanner")
    house.weigh("ward-scale", 3.0)
    house.scan(first["label"], "store-scanner")
    house.weigh("store-scale", 4.2)
    house.kill_gateway()
    house.signal("broker", signal.SIGCONT)
    until(lambda: house.bag(first["code"])["stage"] == "stored", 120, "the store's weighing arrives")
    until(lambda: house.bag(second["code"])["kg"] == 3.0, 120, "the ward's weighing arrives")

    assert house.bag(first["code"])["alarms"] == ["waste.weight-differs"]
    sources = [alarm["source"] for alarm in house.get("alarms")["items"] if alarm["name"] == "Weight of a bag differs"]
    assert sources == [f"bag:{first['code']}"]
    counts = house.do({"do": "counts"})
    assert house.weighings("ward-scale") == [5.0, 6.0, 3.0]
    for scale in SCALES:  # each once, none missing
        assert len(house.weighings(scale)) == counts[scale]["weighings"], scale
    assert house.get("quarantine")["items"] == []

    manifest = house.post("waste/manifests", {"site_id": "house", "carrier": "EcoMed"})
    shipped = house.post(f"waste/manifests/{manifest['id']}/ship", {"carrier_signature": "D. River"})
    assert (shipped["state"], shipped["bags"], shipped["kg"]) == ("shipped", 1, 4.2)
    table = house.web.get("weighings.csv").text.splitlines()
    assert len(table) == 1 + sum(counts[scale]["weighings"] for scale in SCALES)

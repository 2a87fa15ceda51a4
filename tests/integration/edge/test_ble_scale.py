"""Unmodified bleak against a simulated bluetoothd on a private D-Bus: what the field notes warn of, each once."""

import asyncio
import gc
import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Literal

import pytest
from dbus_fast import Message
from dbus_fast.aio import MessageBus

from plantroom_edge.config.loader import load_site
from plantroom_edge.drivers.ble_scale.config import BleScaleDevice
from plantroom_edge.drivers.ble_scale.driver import BleScaleDriver
from plantroom_edge.drivers.ble_scale.profile import BleScaleProfile
from plantroom_edge.drivers.ble_scale.radio import FORGET_AFTER, Heard, LinkLostError, Radio
from plantroom_edge.drivers.ble_scale.survey import survey
from plantroom_edge.drivers.registry import DRIVERS
from plantroom_edge.profile.loader import ProfileLibrary
from plantroom_shared.clock import SystemClock
from plantroom_sim import kinds
from plantroom_sim.building import Building
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.ble.broadcast_scale import BroadcastScale
from plantroom_sim.kinds.ble.control import ask_air, serve_air
from plantroom_sim.kinds.ble.gatt_scale import GattScale
from plantroom_sim.kinds.ble.peripheral import BluezError, Service
from plantroom_sim.kinds.ble.private_bus import PrivateBus
from plantroom_sim.kinds.ble.text_scale import TextScale
from plantroom_sim.loader import load_scenario
from tests.fakes.sink import MemorySink
from tests.integration.edge.ble import make_driver, now, on_air, private_bus, profile, running, weighings

GATT, TEXT, CAST = "C0:00:00:00:00:01", "C0:00:00:00:00:02", "C8:47:8C:00:00:03"


@pytest.fixture(autouse=True)
def _collected() -> Iterator[None]:
    """bleak leaves a failed future behind when the D-Bus dies; told here, it disturbs nobody later (CPython 3.11 breaks
    an ast.parse that is interrupted by the report)."""
    yield
    gc.collect()


async def test_three_kinds_of_scale_tell_their_weighings() -> None:
    gatt, text, cast = GattScale(GATT, "GATT", now), TextScale(TEXT, "TEXT", now), BroadcastScale(CAST, "CAST", now)
    gatt.battery = 17
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [gatt, text, cast]), running(make_driver([gatt, text, cast]), sink):
        await asyncio.gather(gatt.weigh(12.5), text.weigh(7.25), cast.weigh(71.35))
        await sink.until(lambda s: sum(event.kind == "weighing" for event in s.events) >= 3)
        await sink.until(lambda s: any(row.device == "gatt" and 17 in row.values for row in s.samples))
    assert (weighings(sink, "gatt"), weighings(sink, "text"), weighings(sink, "cast")) == ([12.5], [7.25], [71.35])
    [event] = [event for event in sink.events if event.kind == "weighing" and event.device == "gatt"]
    assert event.data["raw"].startswith("02c409")
    assert (event.data["unit"], event.data["stable"], event.data["time_source"]) == ("kg", True, "gateway")
    assert event.data["station"] == "ward"


async def test_doubled_and_repeated_indications_make_one_weighing() -> None:
    scale, plain = GattScale(GATT, "DATED", now), GattScale(TEXT, "PLAIN", now, clock=False)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale, plain]), running(make_driver([scale, plain]), sink):
        for item in (scale, plain):
            item.doubled = 2
            await item.weigh(10.0)
            item.cuts_after = 1  # it went out, its confirmation was lost: sent again after the reconnect
            await item.weigh(11.0)
            item.cuts_before = 1
            await item.weigh(12.0)
        await sink.until(lambda s: weighings(s, "dated")[-1:] == [12.0] == weighings(s, "plain")[-1:])
    assert weighings(sink, "dated") == [10.0, 11.0, 12.0]
    assert weighings(sink, "plain") == [10.0, 11.0, 12.0]
    assert scale.connects >= 3


async def test_a_link_that_a_killed_gateway_left_behind_is_ended() -> None:
    """BlueZ keeps it, and a connected scale does not advertise: it would never be heard again."""
    scale = GattScale(GATT, "SCALE", now)
    path = "/org/bluez/hci0/dev_" + GATT.replace(":", "_")
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]):
        killed = MessageBus(bus_address=bus)
        await killed.connect()
        for where, interface, member in (
            ("/org/bluez/hci0", "org.bluez.Adapter1", "StartDiscovery"),
            (path, "org.bluez.Device1", "Connect"),
        ):
            await asyncio.sleep(2 * scale.advertising_s if member == "Connect" else 0)
            await killed.call(Message(destination="org.bluez", path=where, interface=interface, member=member))
        killed.disconnect()
        assert scale.connected
        async with running(make_driver([scale]), sink):
            await scale.weigh(5.0)
            await sink.until(lambda s: weighings(s, "scale") == [5.0])


async def test_a_restarted_gateway_knows_what_it_recorded() -> None:
    scale = GattScale(GATT, "SCALE", now)
    first, again = MemorySink(), MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]):
        async with running(make_driver([scale]), first):
            weighed = await scale.weigh(12.5)
            await first.until(lambda s: weighings(s, "scale") == [12.5])
        again.memory = json.loads(json.dumps(first.memory))
        async with running(make_driver([scale]), again):
            repeat = scale._frame(2500, weighed.stamp)
            await scale._keep(repeat)  # the scale hands over its memory to the new connection
            await scale.weigh(13.0)
            await again.until(lambda s: weighings(s, "scale") == [13.0])
    assert weighings(again, "scale") == [13.0]


async def test_bluetoothd_dies_and_comes_back() -> None:
    """bleak notices nothing: no callback, a scanner that is silent for ever, a ghost connection from stale state."""
    scale, cast = GattScale(GATT, "SCALE", now), BroadcastScale(CAST, "CAST", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale, cast]) as air, running(make_driver([scale, cast]), sink):
        await scale.weigh(10.0)
        for kg in (11.0, 12.0):
            await air.restart()
            await asyncio.gather(scale.weigh(kg), cast.weigh(kg))
        await sink.until(lambda s: len(weighings(s, "scale")) == 3 and len(weighings(s, "cast")) == 2)
        states = [
            event.data["state"] for event in sink.events if event.kind == "device.state" and event.device == "scale"
        ]
    assert weighings(sink, "scale") == [10.0, 11.0, 12.0]
    assert weighings(sink, "cast") == [11.0, 12.0]
    assert "silent" in states
    assert states[-1] == "ok"
    assert air.daemon.refused_busy == 0


async def test_bluetoothd_that_does_not_run_yet_is_waited_for() -> None:
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, running(make_driver([scale]), sink):
        await sink.until(lambda s: any("bluetoothd does not run" in str(event.data) for event in s.events))
        async with on_air(bus, [scale]):
            await scale.weigh(5.0)
            await sink.until(lambda s: weighings(s, "scale") == [5.0])


async def test_one_connection_at_a_time_with_the_scan_at_rest() -> None:
    scales = [GattScale(f"C0:00:00:00:01:{number:02X}", f"S{number}", now) for number in range(8)]
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, scales) as air, running(make_driver(scales), sink):
        await asyncio.gather(*(scale.weigh(10 + number) for number, scale in enumerate(scales)))
        for scale in scales:
            assert scale.radio is not None
            scale.radio.drop(scale)
        await asyncio.gather(*(scale.weigh(20 + number) for number, scale in enumerate(scales)))
        await sink.until(lambda s: sum(event.kind == "weighing" for event in s.events) == 16)
        assert (air.daemon.refused_busy, air.daemon.connected_while_scanning) == (0, 0)
    for number in range(8):
        assert weighings(sink, f"s{number}") == [10 + number, 20 + number]


async def test_refused_broken_and_unreachable_connections_are_tried_again() -> None:
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]) as air, running(make_driver([scale]), sink):
        await air.do({"do": "refuse", "scale": "SCALE", "times": 2})
        scale.flaps = 2  # le-connection-abort-by-local: bleak tries again by itself after the flap
        await scale.weigh(10.0)
        scale.leave()
        await sink.until(lambda s: any(row.values[0] == "away" for row in s.samples))
        scale.come_back()
        await scale.weigh(11.0)
        await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0])
    assert scale.refusals == []
    assert scale.flaps == 0


async def test_a_link_that_broke_while_it_was_made_does_not_end_the_one_that_stands() -> None:
    """bleak tries again by itself, and still calls back that the first attempt was lost."""
    scale = GattScale(GATT, "SCALE", now)
    scale.flaps = 1
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]), running(make_driver([scale]), sink):
        for kg in (10.0, 11.0, 12.0):
            await scale.weigh(kg)
        await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0, 12.0])
        assert scale.connects == 2


class DeafScale(GattScale):
    """Its link stands and says nothing any more: no read is answered well. It has no battery service, or has one."""

    def __init__(self, name: str, *, battery: bool) -> None:
        super().__init__(GATT, name, now)
        self.deaf = False
        self.asked = asyncio.Event()
        self._with_battery = battery

    def services(self) -> Sequence[Service]:
        found = super().services()
        return found if self._with_battery else found[:1]

    async def read(self, uuid: str) -> bytes:
        if self.deaf:
            self.asked.set()
            raise BluezError("org.bluez.Error.Failed", "ATT error: 0x0e")
        return await super().read(uuid)


@pytest.mark.parametrize("battery", [True, False])
async def test_a_link_that_answers_no_read_is_made_again_and_what_comes_meanwhile_is_taken(battery: bool) -> None:
    """BlueZ confirms to the scale whatever comes until the link is given back: it would never be sent again."""
    scale = DeafScale("SCALE", battery=battery)
    scale.disconnecting_s = 0.5
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]):
        driver = BleScaleDriver(make_driver([scale])._config, [_with(scale, silence_s=0.2)], SystemClock())
        async with running(driver, sink):
            await scale.weigh(10.0)
            scale.deaf = True
            await scale.asked.wait()
            await asyncio.sleep(0.1)
            scale.deaf = False
            connects = scale.connects
            await scale.weigh(11.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0])
            while scale.connects == connects:  # noqa: ASYNC110  (the simulator counts; nobody tells us)
                await asyncio.sleep(0.02)
            await scale.weigh(12.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0, 12.0])


async def test_an_adapter_that_is_busy_or_off_is_waited_for() -> None:
    """InProgress may come from another program on the adapter, or from BlueZ itself until it has settled."""
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]) as air:
        air.daemon.adapter_refusals = [
            BluezError("org.bluez.Error.InProgress", "Operation already in progress"),
            BluezError("org.bluez.Error.NotReady", "Resource Not Ready"),
        ]
        async with running(make_driver([scale]), sink):
            await scale.weigh(10.0)
            # the scan that begins again after a link was made is refused as well
            air.daemon.adapter_refusals = [BluezError("org.bluez.Error.InProgress", "Operation already in progress")]
            air.daemon.drop(scale)
            await scale.weigh(11.0)
            await scale.weigh(12.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0, 12.0])
        assert air.daemon.adapter_refusals == []
    assert any("no Bluetooth on hci0" in str(event.data) for event in sink.events)


async def test_a_scale_that_was_forgotten_after_the_scan_is_found_again() -> None:
    """BlueZ removes what is not connected 30 s after the scan; here after almost nothing."""
    scale, other = GattScale(GATT, "SCALE", now), GattScale(TEXT, "OTHER", now)
    sink = MemorySink()
    other.connecting_s = 0.5  # the scan rests long enough for the first to be forgotten
    async with (
        private_bus() as bus,
        on_air(bus, [scale, other], forget_s=0.05),
        running(make_driver([scale, other]), sink),
    ):
        await asyncio.gather(scale.weigh(10.0), other.weigh(20.0))
        await sink.until(lambda s: weighings(s, "scale") == [10.0] and weighings(s, "other") == [20.0])


async def test_a_stream_that_falls_silent_is_connected_again() -> None:
    scale = TextScale(TEXT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]):
        driver = BleScaleDriver(make_driver([scale])._config, [_with(scale, silence_s=0.5)], SystemClock())
        async with running(driver, sink):
            await scale.weigh(10.0)
            scale.line_s, connects = 1.5, scale.connects
            while scale.connects == connects:  # noqa: ASYNC110  (the simulator counts; nobody tells us)
                await asyncio.sleep(0.02)
            scale.line_s = 0.05
            await scale.weigh(11.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0])


async def test_reading_the_battery_is_no_weighing_and_a_failed_measurement_is_told() -> None:
    """A read of a characteristic looks like a notification to BlueZ's clients."""
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]):
        driver = BleScaleDriver(make_driver([scale])._config, [_with(scale, silence_s=0.1)], SystemClock())
        async with running(driver, sink):
            await scale.fail()
            scale.battery = 33  # read again and again while the scale is quiet
            await sink.until(lambda s: any(33 in row.values for row in s.samples))
    assert [event.data["reason"] for event in sink.events if event.kind == "weighing.failed"] == ["failed"]
    assert weighings(sink, "scale") == []


async def test_an_overload_is_told_once_and_a_drifting_zero_is_seen() -> None:
    scale = TextScale(TEXT, "SCALE", now)
    scale.line_s = 0.03
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]), running(make_driver([scale]), sink):
        await scale.overload()
        scale.zero_kg = 0.12
        await sink.until(lambda s: any(0.12 in row.values for row in s.samples))
        await scale.weigh(5.0)
        await sink.until(lambda s: weighings(s, "scale") == [5.12])
    assert [event.data["reason"] for event in sink.events if event.kind == "weighing.failed"] == ["overload"]


async def test_a_scan_that_hears_nobody_is_begun_anew() -> None:
    scale = BroadcastScale(CAST, "SCALE", now)
    scale.on_air = False
    heard: list[Heard] = []
    async with private_bus() as bus, on_air(bus, [scale]):
        driver = make_driver([scale], silence="1s")
        async with running(driver, MemorySink()):
            while driver._radio.scans < 2:  # noqa: ASYNC110
                await asyncio.sleep(0.02)
        radio = Radio("hci0", None, SystemClock(), heard.append)
        await radio.open()
        scale.on_air = True
        while not heard:  # noqa: ASYNC110
            await asyncio.sleep(0.02)
        await radio.close()


@pytest.mark.parametrize("what", ["link", "services"])
async def test_a_scale_that_bluez_remembers_wrongly_is_removed_and_found_anew(
    what: Literal["link", "services"],
) -> None:
    """Its cache is stale: every attempt fails, or ends in a scale without services."""
    scale, other = GattScale(GATT, "SCALE", now), GattScale(TEXT, "OTHER", now)
    scale.advertising_s = 0.05
    scale.stale = what
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale, other]) as air, running(make_driver([scale, other]), sink):
        await asyncio.gather(scale.weigh(10.0), other.weigh(20.0))
        await sink.until(lambda s: weighings(s, "scale") == [10.0] and weighings(s, "other") == [20.0])
        assert air.daemon.removed == [GATT]
        other.refusals = [BluezError("org.bluez.Error.Failed", "Software caused connection abort")] * 3
        air.daemon.drop(other)
        await other.weigh(21.0)
        assert air.daemon.removed == [GATT], "three refusals are none of the cache's business"


async def test_a_paired_scale_is_never_removed() -> None:
    """A person would have to pair it again."""
    scale = GattScale(GATT, "SCALE", now)
    scale.advertising_s, scale.paired = 0.02, True
    refused = [BluezError("org.bluez.Error.Failed", "Software caused connection abort")] * (FORGET_AFTER + 1)
    scale.refusals = list(refused)
    async with private_bus() as bus, on_air(bus, [scale]) as air:
        heard: asyncio.Queue[Heard] = asyncio.Queue()
        radio = Radio("hci0", None, SystemClock(), heard.put_nowait)
        await radio.open()
        for _ in refused:
            with pytest.raises(LinkLostError, match="connection abort"):
                await radio.connect(await heard.get(), lambda: None)
        link = await radio.connect(await heard.get(), lambda: None)
        await link.close()
        await radio.close()
        assert air.daemon.removed == []


async def test_an_adapter_that_hears_nobody_is_switched_off_and_on() -> None:
    """A new scan is no help; links that stand are not ended for it."""
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]) as air:
        air.daemon.deaf = True
        driver = make_driver([scale], silence="1s")
        async with running(driver, sink):
            await scale.weigh(10.0)
            assert air.daemon.switched_on == 1
            scans = driver._radio.scans
            while driver._radio.scans < scans + 2:  # noqa: ASYNC110  (two times silence: nobody else advertises)
                await asyncio.sleep(0.02)
            await scale.weigh(11.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0, 11.0])
        assert (air.daemon.switched_on, scale.connects) == (1, 1)


async def test_an_adapter_that_others_use_is_not_switched() -> None:
    scale = GattScale(GATT, "SCALE", now)
    async with private_bus() as bus, on_air(bus, [scale]) as air:
        air.daemon.deaf = True
        driver = make_driver([scale], silence="1s", power_cycle=False)
        async with running(driver, MemorySink()):
            while driver._radio.scans < 4:  # noqa: ASYNC110  (the driver counts; nobody tells us)
                await asyncio.sleep(0.02)
        assert air.daemon.switched_on == 0


async def test_an_adapter_that_refuses_every_scan_is_switched_off_and_on() -> None:
    """InProgress for ever: with a dongle, until it is pulled out."""
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]) as air:
        air.daemon.stuck = BluezError("org.bluez.Error.InProgress", "Operation already in progress")
        async with running(make_driver([scale]), sink):
            await scale.weigh(10.0)
            await sink.until(lambda s: weighings(s, "scale") == [10.0])
        assert air.daemon.switched_on == 1


async def test_an_agent_that_is_stopped_leaves_the_adapter_on() -> None:
    async with private_bus() as bus, on_air(bus, []) as air, asyncio.TaskGroup() as tasks:
        radio = Radio("hci0", None, SystemClock(), lambda _heard: None)
        await radio.open()
        switching = tasks.create_task(radio.switch(), name="switch")
        while air.daemon.powered:  # noqa: ASYNC110  (the simulator knows; nobody tells us)
            await asyncio.sleep(0.01)
        switching.cancel()
        await asyncio.wait([switching])
        assert air.daemon.switched_on == 1
        await radio.close()


def _with(scale: GattScale | TextScale, **more: object) -> tuple[BleScaleDevice, BleScaleProfile]:
    [found] = make_driver([scale])._scales.values()
    return found.device, profile(scale, **more)


async def test_the_air_is_steered_from_another_process() -> None:
    scale = GattScale(GATT, "SCALE", now)
    sink = MemorySink()
    async with private_bus() as bus, on_air(bus, [scale]) as air, asyncio.TaskGroup() as tasks:
        ready = asyncio.Event()
        control = tasks.create_task(serve_air(air, bus, ready), name="control")
        await ready.wait()
        async with running(make_driver([scale]), sink):
            for request in ('{"do": "double", "scale": "SCALE"}', '{"do": "weigh", "scale": "SCALE", "kg": 12.5}',
                            '{"do": "restart"}', '{"do": "weigh", "scale": "SCALE", "kg": 7}'):  # fmt: skip
                assert await _another_process(bus, request) == 0
            assert await _another_process(bus, '{"do": "weigh", "scale": "OTHER"}') != 0
            await sink.until(lambda s: weighings(s, "scale") == [12.5, 7.0])
        with pytest.raises(SimError, match="there are: SCALE"):
            await ask_air(bus, {"do": "drop", "scale": "OTHER"})
        assert (await ask_air(bus, {"do": "counts"}))["SCALE"]["weighed"][0][0] == 12.5
        control.cancel()


async def test_a_probe_tries_each_scale_and_a_survey_says_which_profile_fits() -> None:
    gatt, text, cast = GattScale(GATT, "GATT", now), TextScale(TEXT, "TEXT", now), BroadcastScale(CAST, "MIBFS", now)
    absent = GattScale("C0:00:00:00:00:09", "ABSENT", now)
    library = ProfileLibrary()
    profiles = {name: library.get(name) for name in library.names()}
    scales = {name: item for name, item in profiles.items() if isinstance(item, BleScaleProfile)}
    async with private_bus() as bus, on_air(bus, [gatt, text, cast]):
        found = {item.device: item for item in await make_driver([gatt, text, absent]).probe()}
        candidates = {item.name: item for item in await survey("hci0", bus, SystemClock(), 1.0, scales)}
        shown = await asyncio.create_subprocess_exec(
            str(Path(sys.executable).parent / "plantroom-edge"), "probe", "--ble", "--seconds", "1", "--json",
            stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
        )  # fmt: skip
        told, _ = await shown.communicate()
    assert (found["gatt"].ok, found["text"].ok, found["absent"].ok) == (True, True, False)
    assert found["gatt"].values == {"rssi": -60, "battery": 90}
    assert "not heard" in found["absent"].detail
    assert {item["name"]: item["profiles"][0] for item in json.loads(told)}["TEXT"] == "bluetooth/uart-text"
    assert {name: item.profiles for name, item in candidates.items()} == {
        "GATT": ["bluetooth/weight-scale-service"],
        "TEXT": ["bluetooth/uart-text"],
        "MIBFS": ["xiaomi/xmtzc05hm"],
    }


async def test_a_simulated_bus_is_configured_and_survives_the_loss_of_the_whole_d_bus(tmp_path: Path) -> None:
    scenario = load_scenario(Path(kinds.__path__[0]) / "ble" / "sample.yaml")
    building = Building(scenario, tmp_path, lambda _gateway: None)
    [bus] = building.buses.values()
    ready = asyncio.Event()
    sink = MemorySink()
    before = os.environ.get("DBUS_SYSTEM_BUS_ADDRESS")
    async with asyncio.TaskGroup() as tasks:
        running_building = tasks.create_task(building.run(ready), name="building")
        await ready.wait()
        part = bus.gateway_part()
        fleet = load_site({"buses": [dict(part.bus)], "devices": list(part.devices)}, "lab", ProfileLibrary())
        driver = DRIVERS["ble"].build(fleet.site.buses[0], fleet.on("air"), SystemClock())
        async with running(driver, sink):
            assert await building.act("ward-scale", "weigh", {"kg": 4.5}) == {"kg": 4.5}
            await bus.close()
            await sink.until(lambda s: any("went away" in str(event.data) for event in s.events))
            await bus.open()
            await building.act("store-scale", "weigh", {"kg": 4.4})
            await sink.until(lambda s: weighings(s, "store-scale") == [4.4])
        running_building.cancel()
    assert building.counts()["ward-scale"]["weighings"] == 1
    assert weighings(sink, "ward-scale") == [4.5]
    if before is None:
        del os.environ["DBUS_SYSTEM_BUS_ADDRESS"]


async def test_the_death_of_the_d_bus_itself_is_noticed(monkeypatch: pytest.MonkeyPatch) -> None:
    with tempfile.TemporaryDirectory(prefix="bus") as folder:
        bus = PrivateBus(Path(folder))
        await bus.open()
        monkeypatch.setenv("DBUS_SYSTEM_BUS_ADDRESS", bus.address)
        async with on_air(bus.address, [GattScale(GATT, "SCALE", now)]), asyncio.TaskGroup() as tasks:
            radio = Radio("hci0", None, SystemClock(), lambda _heard: None)
            await radio.open()
            watching = tasks.create_task(radio.watch(), name="watch")
            assert bus._process is not None
            bus._process.kill()  # asked to end, it would still tell that bluetoothd left the bus
            await asyncio.wait_for(radio.lost.wait(), 60)
            await watching
            assert radio.why == "the D-Bus went away"
            await radio.close()
        await bus.close()


async def _another_process(bus: str, request: str) -> int:
    code = (
        "import asyncio, json, sys; from plantroom_sim.kinds.ble.control import ask_air; "
        "asyncio.run(ask_air(sys.argv[1], json.loads(sys.argv[2])))"
    )
    process = await asyncio.create_subprocess_exec(sys.executable, "-c", code, bus, request, stderr=subprocess.DEVNULL)
    return await process.wait()

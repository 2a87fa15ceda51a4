"""The driver of an OSDP line: readers hand over what they are shown; who passes is decided at the desk of the gates."""

import asyncio
import logging
import uuid
from collections.abc import Collection, Mapping, Sequence
from typing import Any

from plantroom_edge.access.decision import Reason
from plantroom_edge.driver import Described, Found, MetricFilter, Outcome, Sample, Signal, Sink
from plantroom_edge.drivers.osdp_reader.config import OsdpLine, OsdpReader, read_key
from plantroom_edge.drivers.osdp_reader.decode import read_ascii_card, read_card, read_keys
from plantroom_edge.drivers.osdp_reader.feedback import LONGEST_OUTPUT_S, ask_status, feedback, output
from plantroom_edge.drivers.osdp_reader.panel import (
    Card,
    Happening,
    Keys,
    LineLostError,
    Link,
    Panel,
    Peripheral,
    Status,
)
from plantroom_edge.drivers.osdp_reader.profile import ReaderProfile
from plantroom_shared.backoff import Backoff, keep_connected
from plantroom_shared.batch import Event, Value
from plantroom_shared.clock import Clock
from plantroom_shared.messages import BirthDevice
from plantroom_shared.quality import Quality

_log = logging.getLogger(__name__)

#: A sign of life with the counters.
PERIOD_S = 10.0
#: The line is looked at so often.
LOOK_S = 0.5
#: An offline reader is tried again so often.
RETRY_S = 5.0
UNREADABLE = "unreadable"
FEEDBACK = ("granted", "denied", "prompt")


class _Reader:
    """What is known of one reader."""

    def __init__(self, device: OsdpReader, profile: ReaderProfile) -> None:
        self.device = device
        self.profile = profile
        self.online = False
        self.state = ""
        self.retry_at = 0.0
        self.sampled_at = 0.0
        self.cards = 0
        self.doubtful = 0
        self.tampered: bool | None = None
        self.power_failed: bool | None = None
        self.contacts: list[bool | None] = [None] * len(profile.contacts)

    def values(self) -> list[Value]:
        """In the order of the profile's metrics."""
        return [self.cards, self.doubtful, self.tampered, self.power_failed, *self.contacts]


class OsdpDriver:
    """Owns the line."""

    def __init__(self, bus: OsdpLine, devices: Sequence[tuple[OsdpReader, ReaderProfile]], clock: Clock) -> None:
        self._config = bus
        self._clock = clock
        self._readers = {device.address: _Reader(device, profile) for device, profile in devices}
        self._address = {device.id: device.address for device, _ in devices}
        self._panel: Panel | None = None
        self._sink: Sink | None = None
        self._tasks: asyncio.TaskGroup | None = None

    @property
    def bus(self) -> str:
        return self._config.id

    @property
    def authorities(self) -> Collection[str]:
        return ()

    async def authority(self, name: str, version: int, document: Mapping[str, Any]) -> str | None:  # noqa: ARG002
        return f"bus {self.bus!r} decides nothing by {name!r}"

    def describe(self) -> Sequence[Described]:
        return [_described(reader) for reader in self._readers.values()]

    async def run(self, sink: Sink) -> None:
        if not self._readers:
            await asyncio.Event().wait()
        self._sink = sink
        backoff = Backoff(first=0.5, longest=10.0)

        async def session(connected: Any) -> None:
            lost: LineLostError | None = None
            try:
                async with asyncio.TaskGroup() as tasks:
                    self._tasks = tasks
                    self._panel = self._make_panel()
                    await self._panel.open()
                    connected()
                    await self._watch(self._panel, sink)
            except* LineLostError as group:
                lost = _first(group)
            finally:
                self._tasks = None
                panel, self._panel = self._panel, None
                if panel is not None:
                    await asyncio.shield(panel.close())
            if lost is not None:
                for reader in self._readers.values():
                    self._offline(reader, f"bus {self.bus!r}: {lost}", sink)
                raise lost

        await keep_connected(
            f"bus {self.bus}", session, errors=(LineLostError,), clock=self._clock, backoff=backoff, log=_log
        )

    async def command(self, device: str, action: str, args: Mapping[str, Any]) -> Outcome:
        address = self._address.get(device)
        if address is None:
            return Outcome("refused", f"there is no reader {device!r} on bus {self.bus!r}")
        if action in FEEDBACK:
            commands = feedback(action)
        elif action == "output":
            seconds = args.get("value", 3)
            if (
                isinstance(seconds, bool)
                or not isinstance(seconds, (int, float))
                or not 1 <= seconds <= LONGEST_OUTPUT_S
            ):
                return Outcome("refused", f"output: {seconds!r} is no number of seconds from 1 to {LONGEST_OUTPUT_S}")
            commands = [output(seconds)]
        else:
            return Outcome("refused", f"no action {action!r}; a reader has: output")
        if self._panel is None:
            return Outcome("failed", f"bus {self.bus!r} is not connected; nothing was sent")
        for command in commands:
            taken = await self._panel.send(address, command)
            if taken is None:
                return Outcome("unconfirmed", "the reader did not say whether it took it")
            if not taken:
                return Outcome("failed", "the reader is offline or refused it")
        return Outcome("done", "taken by the reader")

    async def probe(self) -> Sequence[Found]:
        try:
            panel = self._make_panel()
            await panel.open()
        except LineLostError as error:
            return [Found(name, False, f"bus {self.bus!r}: {error}") for name in self._address]
        try:
            await self._clock.sleep(2.0)
            now = self._clock.monotonic()
            found = []
            for name, address in self._address.items():
                taken = await panel.send(address, ask_status(inputs=False)[0])
                heard = panel.heard.settled(address, now, 0.0)
                detail = (
                    "answers in a secure channel" if taken else "answers, but not with this key" if heard else "silent"
                )
                found.append(Found(name, bool(taken), detail))
            return found
        finally:
            await panel.close()

    def health(self) -> Mapping[str, Value]:
        shares = {f"success.{r.device.id}": 1.0 if r.online else 0.0 for r in self._readers.values()}
        return {"utilisation": 0.0, "cards": sum(reader.cards for reader in self._readers.values())} | shares

    def _make_panel(self) -> Panel:
        try:
            peripherals = [Peripheral(address, read_key(r.device.key_file)) for address, r in self._readers.items()]
        except ValueError as error:
            raise LineLostError(str(error)) from error
        return Panel(self._config.port, self._config.baudrate, peripherals, self._happened)

    async def _watch(self, panel: Panel, sink: Sink) -> None:
        """Signs of life, and the recovery of readers that libosdp would leave alone for 300 s."""
        now = self._clock.monotonic()
        for reader in self._readers.values():
            reader.retry_at = now + 2 * RETRY_S
        while True:
            if panel.lost:
                raise LineLostError(panel.lost)
            now = self._clock.monotonic()
            for address, reader in self._readers.items():
                if reader.online:
                    if now - reader.sampled_at >= PERIOD_S:
                        self._sample(reader, sink)
                elif now >= reader.retry_at:
                    reader.retry_at = now + RETRY_S
                    self._offline(reader, "it does not answer in a secure channel", sink)
                    await panel.restart(address)
            await self._clock.sleep(LOOK_S)

    def _happened(self, address: int, happening: Happening) -> None:
        """In the event loop, in the order in which libosdp told it."""
        reader, sink = self._readers[address], self._sink
        if sink is None or self._panel is None:
            return
        match happening:
            case Link(online=True):
                self._online(reader, sink)
            case Link(online=False):
                self._panel.heard.lost(address)
                self._offline(reader, "it went offline", sink)
                reader.retry_at = self._clock.monotonic()
            case Card():
                self._card(address, reader, happening, sink)
            case Keys():
                if self._settled(address, reader):
                    sink.signal(Signal(reader.device.id, "keys", {"keys": read_keys(happening.data)}))
            case Status():
                self._status(reader, happening, sink)

    def _card(self, address: int, reader: _Reader, card: Card, sink: Sink) -> None:
        reader.cards += 1
        key = read_ascii_card(card.data) if card.text else read_card(card.bits, card.data)
        data: dict[str, Any] = {"credential": key or UNREADABLE}
        if key is None:
            data["doubt"] = Reason.UNREADABLE.value
        if not self._settled(address, reader):
            reader.doubtful += 1
            data["doubt"] = Reason.OUTAGE.value
        sink.signal(Signal(reader.device.id, "credential", data))
        self._sample(reader, sink)

    def _settled(self, address: int, reader: _Reader) -> bool:
        """OSDP gives events no time: one that comes right after a gap may have been waiting in the reader."""
        assert self._panel is not None
        return self._panel.heard.settled(address, self._clock.monotonic(), reader.profile.settle_s)

    def _status(self, reader: _Reader, status: Status, sink: Sink) -> None:
        flags = [bool(byte) for byte in status.report]
        if status.kind == "local":
            reader.tampered, reader.power_failed = (*flags, False, False)[:2]
        else:
            reader.contacts = [*flags, *[None] * len(reader.contacts)][: len(reader.contacts)]
        self._sample(reader, sink)

    def _online(self, reader: _Reader, sink: Sink) -> None:
        reader.online = True
        self._tell(reader, "ok", "", sink)
        self._sample(reader, sink)
        if self._tasks is not None:
            name = f"status of reader {reader.device.id}"
            self._tasks.create_task(self._ask(reader), name=name)

    async def _ask(self, reader: _Reader) -> None:
        for command in ask_status(inputs=bool(reader.contacts)):
            if self._panel is not None:
                await self._panel.send(reader.device.address, command)

    def _offline(self, reader: _Reader, reason: str, sink: Sink) -> None:
        """Its values have ended: say so once."""
        reader.online = False
        reader.tampered = reader.power_failed = None
        reader.contacts = [None] * len(reader.contacts)
        if self._tell(reader, "silent", reason, sink):
            now, monotonic = self._clock.now_ms(), self._clock.monotonic()
            nothing: list[Value] = [None] * len(reader.values())
            sink.sample(Sample(reader.device.id, now, nothing, {None: Quality.NO_RESPONSE}, monotonic))

    def _sample(self, reader: _Reader, sink: Sink) -> None:
        reader.sampled_at = self._clock.monotonic()
        sink.sample(Sample(reader.device.id, self._clock.now_ms(), reader.values(), {}, reader.sampled_at))

    def _tell(self, reader: _Reader, state: str, reason: str, sink: Sink) -> bool:
        if reader.state == state:
            return False
        reader.state = state
        data = {"state": state, "reason": reason or state}
        name = reader.device.id
        sink.event(Event(id=uuid.uuid4().hex, kind="device.state", time=self._clock.now_ms(), device=name, data=data))
        return True


def _described(reader: _Reader) -> Described:
    device, profile = reader.device, reader.profile
    birth = BirthDevice(
        device=device.id,
        label=device.label or f"{profile.maker} {profile.model}",
        profile=device.profile,
        kind=profile.kind,
        location=device.location,
        station=device.station or device.gate,
        period_s=PERIOD_S,
        metrics=profile.metrics(),
        rules=profile.suggested_rules(),
        actions=profile.actions(),
        identity={"maker": profile.maker, "model": profile.model, "gate": device.gate, "direction": device.direction},
    )
    return Described(birth, [MetricFilter(metric.name) for metric in profile.metrics()])


def _first(group: BaseExceptionGroup[LineLostError]) -> LineLostError:
    found = group.exceptions[0]
    return _first(found) if isinstance(found, BaseExceptionGroup) else found

"""A configuration from the cloud: checked in full, tried, kept when the devices answer no worse, else taken back."""

import asyncio
import logging
import uuid
from collections.abc import Callable
from pathlib import Path
from typing import Any

import msgspec

from plantroom_edge.config.check import UncheckedError, check_site
from plantroom_edge.config.site import Fleet
from plantroom_edge.errors import ConfigError
from plantroom_edge.outbox.outbox import Outbox
from plantroom_edge.pipeline.pipeline import Pipeline
from plantroom_edge.polling.buses import Buses
from plantroom_shared.batch import Event
from plantroom_shared.clock import Clock
from plantroom_shared.messages import DesiredConfig

_log = logging.getLogger(__name__)

LOCAL_VERSION = "local"
OWNER = "config"
#: Seconds that a new configuration has to show that its devices answer no worse than before; more where they are
#: read seldom.
SETTLE_S, LONGEST_SETTLE_S = 20.0, 120.0
#: A device answers when its last reading is at most so many periods old, and a little.
PERIODS, GRACE_S = 3.0, 2.0
#: How often a configuration may stop the agent while it is tried.
MOST_TRIES = 2
REFUSED_KEPT = 50
MOST_WAITING = 10


class _Trial(msgspec.Struct):
    """A configuration that is being tried, on the disk before it is."""

    version: str
    tries: int


class Configurator:
    """Owns which configuration is in force."""

    def __init__(
        self,
        gateway: str,
        local: Fleet,
        buses: Buses,
        pipeline: Pipeline,
        outbox: Outbox,
        profiles_dir: Path | None,
        clock: Clock,
        announce: Callable[[], None],
        settle_s: float = SETTLE_S,
    ) -> None:
        self.version = LOCAL_VERSION
        self._gateway = gateway
        self._fleet = local
        self._buses = buses
        self._pipeline = pipeline
        self._outbox = outbox
        self._profiles_dir = profiles_dir
        self._clock = clock
        self._announce = announce
        self._settle_s = settle_s
        self._waiting: asyncio.Queue[DesiredConfig] = asyncio.Queue(MOST_WAITING)

    async def restore(self) -> None:
        """Make the drivers: by the remote configuration that was kept, else by the local file."""
        stored = await self._outbox.recall(OWNER, "applied")
        if stored is not None:
            desired = msgspec.json.decode(stored, type=DesiredConfig)
            try:
                self._fleet = await self._checked(desired)
                self.version = desired.version
            except ConfigError as error:
                _log.error("configuration %s cannot be used any more: %s", desired.version, error)
                await self._refuse(desired, error.mistakes)
        self._pipeline.configure(self._fleet.site.pipeline)
        self._buses.prepare(self._fleet)

    def take(self, desired: DesiredConfig) -> None:
        """One came; never blocks. It is retained by the broker: one that finds no room comes again."""
        if desired.version != self.version and not self._waiting.full():
            self._waiting.put_nowait(desired)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            desired = await self._waiting.get()
            if self._waiting.empty():  # one that came after it is wanted instead
                await self._consider(desired)

    async def _consider(self, desired: DesiredConfig) -> None:
        if desired.version == self.version or desired.version in await self._refused():
            return
        trial = await self._trial()
        tries = trial.tries if trial is not None and trial.version == desired.version else 0
        if tries >= MOST_TRIES:
            await self._refuse(desired, [f"the agent stopped {tries} times while it was tried"])
            return
        try:
            fleet = await self._checked(desired)
        except ConfigError as error:
            await self._refuse(desired, error.mistakes)
            return
        except UncheckedError as error:  # the machine's fault, not the configuration's: it comes again with the link
            _log.error("configuration %s is left for later: %s", desired.version, error)
            return
        began = _Trial(desired.version, tries + 1)
        await self._remember({"trial": msgspec.json.encode(began).decode()})
        if mistakes := await self._buses.probe_new(fleet):
            await self._refuse(desired, mistakes)
            return
        await self._try(desired, fleet)

    async def _checked(self, desired: DesiredConfig) -> Fleet:
        fleet = await asyncio.to_thread(check_site, desired.config, desired.version, self._profiles_dir)
        if any(device.id == self._gateway for device in fleet.site.devices):
            raise ConfigError([f"device {self._gateway!r}: this id is the gateway's own; give the device another"])
        return fleet

    async def _try(self, desired: DesiredConfig, fleet: Fleet) -> None:
        before_fleet, before_version = self._fleet, self.version
        answered = self._answering(0.0)
        began = self._clock.monotonic()
        touched = await self._swap(fleet, desired.version)
        periods = [device.period_s for bus in touched for device in self._buses.described.get(bus, ())]
        longest = max((period for period in periods if period is not None), default=0.0)
        await self._clock.sleep(min(max(self._settle_s, PERIODS * longest + GRACE_S), LONGEST_SETTLE_S))
        worse = sorted(answered & {device.device for device in self._buses.devices()} - self._answering(began))
        if not worse:
            data = {"version": desired.version, "buses": sorted(touched)}
            kept = {"applied": msgspec.json.encode(desired).decode(), "trial": None}
            await self._pipeline.record(OWNER, [self._event("config.applied", data)], kept)
            _log.info("configuration %s is applied; buses: %s", desired.version, ", ".join(sorted(touched)) or "none")
            return
        reason = f"{', '.join(worse)} answered before and not with it"
        _log.error("configuration %s is taken back: %s", desired.version, reason)
        await self._swap(before_fleet, before_version)
        data = {"version": desired.version, "reason": reason}
        await self._give_up(desired, self._event("config.rolled-back", data))

    async def _swap(self, fleet: Fleet, version: str) -> set[str]:
        self._pipeline.configure(fleet.site.pipeline)
        touched = await self._buses.apply(fleet)
        self._fleet, self.version = fleet, version
        self._announce()
        return touched

    def _answering(self, since: float) -> set[str]:
        """Devices with a period whose readings are fresh, and not older than `since`."""
        now = self._clock.monotonic()
        return {
            device.device
            for device in self._buses.devices()
            if device.period_s is not None
            and (at := self._pipeline.answered.get(device.device)) is not None
            and at >= since
            and now - at <= PERIODS * device.period_s + GRACE_S
        }

    async def _refuse(self, desired: DesiredConfig, mistakes: list[str]) -> None:
        _log.error("configuration %s is refused:\n%s", desired.version, "\n".join(mistakes))
        data = {"version": desired.version, "errors": mistakes}
        await self._give_up(desired, self._event("config.refused", data))

    async def _give_up(self, desired: DesiredConfig, event: Event) -> None:
        """Never tried again: remembered together with the event that says so."""
        refused = [*await self._refused(), desired.version][-REFUSED_KEPT:]
        kept = {"refused": msgspec.json.encode(refused).decode(), "trial": None}
        await self._pipeline.record(OWNER, [event], kept)

    async def _refused(self) -> list[str]:
        stored = await self._outbox.recall(OWNER, "refused")
        return [] if stored is None else msgspec.json.decode(stored, type=list[str])

    async def _trial(self) -> _Trial | None:
        stored = await self._outbox.recall(OWNER, "trial")
        return None if stored is None else msgspec.json.decode(stored, type=_Trial)

    async def _remember(self, values: dict[str, str | None]) -> None:
        await self._pipeline.record(OWNER, [], values)

    def _event(self, kind: str, data: dict[str, Any]) -> Event:
        return Event(id=uuid.uuid4().hex, kind=kind, time=self._clock.now_ms(), data=data)

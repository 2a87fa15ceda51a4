"""Commands: each acts once or not at all, and says which."""

import asyncio
import logging
import sqlite3
import uuid
from collections.abc import Callable, Mapping

from plantroom_edge.driver import Driver, Outcome
from plantroom_edge.outbox.outbox import Outbox
from plantroom_shared.batch import Event
from plantroom_shared.clock import Clock
from plantroom_shared.messages import Command

_log = logging.getLogger(__name__)

MOST_WAITING = 100
#: A clock that is set back must not make an old command young again: see how long commands are remembered.
LONGEST_LIFE_MS = 86_400_000


class CommandExecutor:
    """Remembers a command on disk before it acts; what was begun and never ended is never begun again."""

    def __init__(
        self,
        outbox: Outbox,
        clock: Clock,
        drivers: Callable[[], Mapping[str, Driver]],
        on_event: Callable[[Event], None],
        clock_right: Callable[[], bool] = lambda: True,
    ) -> None:
        self._outbox = outbox
        self._clock = clock
        self._drivers = drivers
        self._on_event = on_event
        self._clock_right = clock_right
        self._waiting: asyncio.Queue[Command] = asyncio.Queue(MOST_WAITING)

    def take(self, command: Command) -> None:
        """A command came; never blocks."""
        try:
            self._waiting.put_nowait(command)
        except asyncio.QueueFull:
            outcome = Outcome("refused", "too many commands are waiting")
            self._on_event(self._event(command.id, command.device, outcome))

    @property
    def waiting(self) -> int:
        """Commands that came and were not looked at yet."""
        return self._waiting.qsize()

    async def run(self) -> None:
        """Until cancelled."""
        for command_id in await self._outbox.started_commands():
            outcome = Outcome("unconfirmed", "the gateway was restarted while it was carried out")
            await self._end(command_id, None, outcome)
        while True:
            command = await self._waiting.get()
            await self._carry_out(command)

    async def _carry_out(self, command: Command) -> None:
        try:
            known = await self._outbox.begin_command(command.id)
        except sqlite3.OperationalError as error:
            outcome = Outcome("refused", f"it cannot be remembered ({error}), so it was not sent")
            self._on_event(self._event(command.id, command.device, outcome))
            return
        if known is not None:
            _log.info("command %s came again; it is %s already", command.id, known)
            return
        driver = self._drivers().get(command.device)
        if (refusal := self._refusal(command)) is not None:
            outcome = refusal
        elif driver is None:
            outcome = Outcome("refused", f"there is no device {command.device!r} on this gateway")
        else:
            outcome = await self._driven(driver, command)
        await self._end(command.id, command.device, outcome)

    def _refusal(self, command: Command) -> Outcome | None:
        """Whether it came in its time, as far as our clock can tell."""
        if not self._clock_right():
            return Outcome(
                "refused", "the gateway's clock is not synchronised, so nobody can say whether it is in time"
            )
        now = self._clock.now_ms() + self._outbox.stamp.correction_ms
        if command.expires_at <= now:
            return Outcome("expired", "it came after its time; nothing was sent")
        if command.expires_at - now > LONGEST_LIFE_MS:
            return Outcome("refused", "it would expire in more than a day; send it when it is wanted")
        return None

    async def _driven(self, driver: Driver, command: Command) -> Outcome:
        try:
            return await driver.command(command.device, command.action, command.args)
        except Exception as error:  # noqa: BLE001
            # a driver's mistake must stop neither the commands of other devices nor the answer to this one
            _log.exception("command %s on %s failed in its driver", command.id, command.device)
            return Outcome("unconfirmed", f"the driver failed: {error!r}")

    async def _end(self, command_id: str, device: str | None, outcome: Outcome) -> None:
        await self._outbox.end_command(command_id, outcome.state, self._event(command_id, device, outcome))

    def _event(self, command_id: str, device: str | None, outcome: Outcome) -> Event:
        _log.info("command %s on %s: %s: %s", command_id, device, outcome.state, outcome.detail)
        data = {"id": command_id, "state": outcome.state, "detail": outcome.detail, "readback": outcome.readback}
        return Event(id=uuid.uuid4().hex, kind="command.result", time=self._clock.now_ms(), device=device, data=data)

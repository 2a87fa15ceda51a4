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
#: Commands under way; a bus still carries out its own one after the other.
MOST_AT_ONCE = 20
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
        self._room = asyncio.Semaphore(MOST_AT_ONCE)

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
        async with asyncio.TaskGroup() as tasks:  # a gate that travels holds up no other device, nor its own lock-down
            while True:
                await self._room.acquire()
                command = await self._waiting.get()
                task = tasks.create_task(self._carry_out(command), name=f"command {command.id}")
                task.add_done_callback(lambda _: self._room.release())

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
        elif unknown := _undeclared(driver, command):
            outcome = Outcome("refused", f"{command.action} takes no argument {unknown[0]!r}")
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


def _undeclared(driver: Driver, command: Command) -> list[str]:
    """Arguments that the action does not tell of in the birth message: some are for the gateway's own use alone."""
    device = next((each.birth for each in driver.describe() if each.birth.device == command.device), None)
    action = next((each for each in device.actions if each.name == command.action), None) if device else None
    return sorted(set(command.args) - set(action.args)) if action is not None else []

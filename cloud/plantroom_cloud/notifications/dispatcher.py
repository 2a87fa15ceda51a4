"""Sends what is due; one task, bounded, in the process that has the timers."""

import asyncio
import logging
from collections.abc import Mapping

from sqlalchemy.exc import OperationalError

from plantroom_cloud.database import Database
from plantroom_cloud.notifications.models import ChannelKind
from plantroom_cloud.notifications.senders import Sender, SendError
from plantroom_cloud.notifications.sending import Outgoing
from plantroom_cloud.notifications.service import NotificationService
from plantroom_shared.clock import Clock, utc_now
from plantroom_shared.said import said

_log = logging.getLogger(__name__)

PERIOD_S = 1.0
#: Messages sent side by side: one slow mail server holds up nobody for long.
SIDE_BY_SIDE = 8


class Dispatcher:
    """Claims in one transaction, sends outside of any, settles in another."""

    def __init__(
        self, service: NotificationService, senders: Mapping[ChannelKind, Sender], database: Database, clock: Clock
    ) -> None:
        self._service = service
        self._senders = senders
        self._database = database
        self._clock = clock

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                await self.send_due()
            except OperationalError as error:
                _log.warning("notifications wait for the database: %s", error.orig)
            await self._clock.sleep(PERIOD_S)

    async def send_due(self) -> int:
        """What is due now; how many messages went out."""
        outgoing = await asyncio.to_thread(self._claim)
        room = asyncio.Semaphore(SIDE_BY_SIDE)

        async def send(item: Outgoing) -> bool:
            async with room:
                return await asyncio.to_thread(self._send, item)

        return sum(await asyncio.gather(*(send(item) for item in outgoing)))

    def try_now(self, item: Outgoing) -> None:
        """Send one message; raises SendError."""
        sender = self._senders.get(item.kind)
        if sender is None:
            raise SendError(
                said("this installation has no way %(kind)r; see configs/samples/cloud.yaml", kind=item.kind.value)
            )
        sender(item.to, item.message)

    def _claim(self) -> list[Outgoing]:
        with self._database.write() as session:
            return self._service.sending.claim(session, utc_now(self._clock))

    def _send(self, item: Outgoing) -> bool:
        failure: SendError | None = None
        try:
            self.try_now(item)
        except SendError as error:
            failure = error
            _log.warning("notification by %s not sent: %s", item.kind.value, error)
        except Exception as error:  # noqa: BLE001  (a plugin may raise anything; the others' messages go out)
            failure = SendError(said("%(address)s: %(error)s", address=item.kind.value, error=type(error).__name__))
            _log.exception("notification by %s not sent", item.kind.value)
        with self._database.write() as session:
            self._service.sending.settle(session, item, failure, utc_now(self._clock))
        return failure is None

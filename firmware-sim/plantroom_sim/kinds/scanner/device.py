"""A simulated code scanner, with its own count of what it sent."""

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any

from plantroom_shared.batch import DeviceRows
from plantroom_shared.patrol_code import rotating_code, window_at
from plantroom_sim.errors import SimError
from plantroom_sim.kinds.scanner.config import Framing, Scan, ScanDisplay
from plantroom_sim.kinds.scanner.wire import frame, rubbish


class SimScanner:
    """Sends codes over its line. `now` gives seconds since the epoch."""

    def __init__(
        self,
        name: str,
        framing: Framing,
        aim_prefix: bool,
        now: Callable[[], float],
        send: Callable[[bytes], Awaitable[bool]],
    ) -> None:
        self.name = name
        self.scanned: list[str] = []  #: what left it whole
        self._framing = framing
        self._aim_prefix = aim_prefix
        self._now = now
        self._send = send
        self._faults: set[str] = set()
        self._refused = 0

    def start_fault(self, kind: str, args: Any) -> None:  # noqa: ARG002  (none of them has any)
        self._faults.add(kind)

    def end_fault(self, kind: str) -> None:
        self._faults.discard(kind)

    async def act(self, action: str, args: Any) -> Any:  # noqa: ARG002  (the arguments tell the action)
        if isinstance(args, ScanDisplay):
            code = rotating_code(args.point, args.key, window_at(round((self._now() - args.late_s) * 1000)))
        else:
            assert isinstance(args, Scan)
            code = args.code
        await self.scan(code)
        return {"code": code}

    async def scan(self, code: str) -> None:
        """The trigger is pulled; raises SimError when nobody is connected."""
        for kind in sorted(self._faults):
            await self._send(rubbish(kind, self._framing))
        if not await self._send(frame(code, self._framing, self._aim_prefix)):
            self._refused += 1
            raise SimError(f"nobody is connected to the scanner {self.name}")
        self.scanned.append(code)

    def counts(self) -> Mapping[str, int]:
        return {"scans": len(self.scanned), "not_connected": self._refused}

    def history(self, moments: Sequence[int]) -> DeviceRows | None:  # noqa: ARG002  (a scanner measures nothing)
        return None

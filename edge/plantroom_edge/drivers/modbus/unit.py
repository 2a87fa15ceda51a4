"""One unit on a line: its time-out, its breaker, and whether its answers can be trusted."""

from plantroom_edge.drivers.modbus.breaker import Breaker

SHORTEST_TIMEOUT_S = 0.1
PROBE_TIMEOUT_S = 0.3
#: Every so many probes one is as patient as the line allows: a unit may have become slow.
PATIENT_PROBE = 8


class Unit:
    """State of a unit address; times in seconds of monotonic time."""

    def __init__(self, address: int, longest: float) -> None:
        self.address = address
        self.breaker = Breaker()
        self.requests = 0
        self.answers = 0
        self.timeouts = 0
        #: payload bytes of answers that may still come, the oldest first; until a resync proved the line clean
        self.outstanding: list[int] = []
        self._longest = longest
        self._usual: float | None = None

    def timeout(self) -> float:
        """How long to wait beyond the time on the line: five times what it usually takes, within bounds.

        The first failure doubles it. A probe of a dead unit is short, for its neighbours wait meanwhile."""
        usual = None if self._usual is None else max(SHORTEST_TIMEOUT_S, 5 * self._usual)
        failures = self.breaker.failures
        if not self.breaker.open:
            return self._longest if usual is None else min(self._longest, usual * 2**failures)
        if failures % PATIENT_PROBE == 0:
            return self._longest
        return min(self._longest, usual or PROBE_TIMEOUT_S)

    def unanswered(self, shape: int) -> None:
        """An answer with `shape` payload bytes may still come."""
        if shape in self.outstanding:
            self.outstanding.remove(shape)
        self.outstanding.append(shape)

    def answered(self, seconds: float) -> None:
        """An answer came after `seconds` beyond the time on the line."""
        self.answers += 1
        self._usual = seconds if self._usual is None else 0.9 * self._usual + 0.1 * seconds

    @property
    def success(self) -> float:
        """Share of requests that were answered, 0 to 1."""
        return self.answers / self.requests if self.requests else 1.0

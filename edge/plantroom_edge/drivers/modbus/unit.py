"""One unit on a line: its time-out, its breaker, and whether its answers can be trusted."""

from plantroom_edge.drivers.modbus.breaker import Breaker

SHORTEST_TIMEOUT_S = 0.1
PROBE_TIMEOUT_S = 0.3


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
        """How long to wait: five times what it usually takes, within bounds; a probe of a dead unit is short."""
        if self.breaker.open:
            return min(PROBE_TIMEOUT_S, self._longest)
        if self._usual is None or self.breaker.failures:
            return self._longest
        return min(self._longest, max(SHORTEST_TIMEOUT_S, 5 * self._usual))

    def unanswered(self, shape: int) -> None:
        """An answer with `shape` payload bytes may still come."""
        if shape in self.outstanding:
            self.outstanding.remove(shape)
        self.outstanding.append(shape)

    def answered(self, seconds: float) -> None:
        """An answer came after `seconds`."""
        self.answers += 1
        self._usual = seconds if self._usual is None else 0.9 * self._usual + 0.1 * seconds

    @property
    def success(self) -> float:
        """Share of requests that were answered, 0 to 1."""
        return self.answers / self.requests if self.requests else 1.0

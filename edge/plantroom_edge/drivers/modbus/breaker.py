"""A breaker per unit: a dead one costs its neighbours at most one short probe now and then."""

import random

FAILURES_TO_OPEN = 2
FIRST_WAIT_S = 2.0
LONGEST_WAIT_S = 60.0


class Breaker:
    """Closed: read normally. Open: read nothing until `probe_at`, then try once, shortly."""

    def __init__(self) -> None:
        self.failures = 0
        self.probe_at = 0.0
        self._wait = FIRST_WAIT_S

    @property
    def open(self) -> bool:
        return self.failures >= FAILURES_TO_OPEN

    def succeeded(self) -> bool:
        """The unit answered; True when that ends an outage."""
        was_open = self.open
        self.failures = 0
        self._wait = FIRST_WAIT_S
        return was_open

    def failed(self, at: float) -> bool:
        """The unit failed at monotonic time `at`; True when that opens the breaker."""
        self.failures += 1
        if not self.open:
            return False
        self.probe_at = at + self._wait * (0.75 + random.random() / 2)  # noqa: S311  (spreads probes)
        self._wait = min(self._wait * 2, LONGEST_WAIT_S)
        return self.failures == FAILURES_TO_OPEN

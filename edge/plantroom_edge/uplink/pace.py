"""The rate of the backlog: a bucket of tokens, without I/O."""


class Pace:
    """At most `per_s` a second on average, and as many at once."""

    def __init__(self, per_s: float) -> None:
        self._per_s = per_s
        self._tokens = per_s
        self._at: float | None = None

    def take(self, at: float) -> bool:
        """Whether one may go at monotonic time `at`."""
        if self._at is not None:
            self._tokens = min(self._per_s, self._tokens + (at - self._at) * self._per_s)
        self._at = at
        if self._tokens < 1:
            return False
        self._tokens -= 1
        return True

    def wait(self) -> float:
        """Seconds until the next may go, as of the last look."""
        return max(0.0, (1 - self._tokens) / self._per_s)

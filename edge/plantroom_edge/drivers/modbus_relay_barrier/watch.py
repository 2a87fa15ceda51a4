"""A gate watched: was it asked, does it come, did something stop it. Time is an argument; nothing is guessed."""

from dataclasses import dataclass
from typing import Literal

from plantroom_edge.driver import Outcome
from plantroom_edge.drivers.modbus_relay_barrier.decode import Inputs, Position

#: A limit switch bounces: what left its end must stay away so long to count.
SETTLED_S = 0.3
#: A drive thinks for a moment before it moves, and slows down at the end.
SLACK = 1.5
SLACK_S = 1.0


def patience(travel_s: float) -> float:
    """Seconds after which a gate that was told to move should have arrived."""
    return travel_s * SLACK + SLACK_S


class Watch:
    """Fed with each reading. What nobody saw (before the first reading, during an outage) is held against nobody."""

    def __init__(self, travel_s: float, *, opens_itself: bool) -> None:
        self._patience = patience(travel_s)
        self._opens_itself = opens_itself
        self.inputs: Inputs | None = None
        self.forced = False
        self.not_closing = False
        self.obstacle = False
        self.held = False  #: by a person's order: opening and staying open are as they should be
        self._end: Position | None = None  #: the end at which it was last seen
        self._left_at: float | None = None
        self._asked_open_at: float | None = None
        self._close_until: float | None = None

    @property
    def position(self) -> Position | None:
        return None if self.inputs is None else self.inputs.position

    def asked_open(self, now: float) -> None:
        """Told to open."""
        self._asked_open_at = now
        self._close_until = None
        self.not_closing = self.obstacle = False

    def asked_close(self, now: float) -> None:
        """Told to close."""
        self._asked_open_at = None
        self._close_until = now + self._patience
        self.obstacle = False

    def forget(self) -> None:
        """It cannot be read: what it does meanwhile is not seen."""
        self.inputs = self._end = self._left_at = None

    def feed(self, inputs: Inputs, now: float) -> bool:
        """A reading; True when it shows that the gate was just forced."""
        self.inputs = inputs
        position = inputs.position
        was_forced = self.forced
        if position is Position.CLOSED:
            if self._end is Position.OPEN:
                self._asked_open_at = None  # that opening is over: the next one must be asked for anew
            self._arrived(position)
            self.forced = self.not_closing = self.obstacle = False
            self._close_until = None
        elif position in (Position.OPEN, Position.BETWEEN):
            self._away(position, now)
        if self._close_until is not None and now >= self._close_until:
            self.not_closing = True
        return self.forced and not was_forced

    def _arrived(self, position: Position) -> None:
        self._end, self._left_at = position, None

    def _away(self, position: Position, now: float) -> None:
        if self._left_at is None and position is not self._end:
            self._left_at = now
        asked = self._asked_open_at is not None and (self._left_at or now) - self._asked_open_at <= self._patience
        if self._end is Position.CLOSED:
            if self._settled(now) and not (asked or self.held or self._opens_itself):
                self.forced = True
        elif self._end is position and self._settled(now) and not (asked or self.held):
            self.obstacle = True  # open again after it had begun to close: its own safety turned it round
        if position is Position.OPEN and (self._end is not Position.CLOSED or self._settled(now)):
            self._arrived(position)

    def _settled(self, now: float) -> bool:
        return self._left_at is not None and now - self._left_at >= SETTLED_S


@dataclass(frozen=True, slots=True)
class Expectation:
    """What a command waits to see, by a limit switch and by nothing else."""

    end: Literal["open", "closed"]
    before: Position
    until: float  #: monotonic
    sure: bool  #: the board said that it had taken the command

    def judge(self, watch: Watch, now: float) -> Outcome | None:
        """The end, or None while it is still to come."""
        position = watch.position
        if position is None:
            return None if now < self.until else Outcome("unconfirmed", "the board does not answer any more")
        if position.value == self.end:
            if self.before is Position.CONTRADICTORY:
                text = f"the limit switch {self.end!r} reported before it moved: it proves nothing"
                return Outcome("unconfirmed", text, position.value)
            text = "it was so already" if self.before is position else f"limit switch {self.end!r} reached"
            return Outcome("done", text, position.value)
        if self.end == "closed" and watch.obstacle:
            return Outcome("failed", "it opened again: something stands in its way", position.value)
        if now < self.until:
            return None
        other = "closed" if self.end == "open" else "open"
        match position:
            case Position.BETWEEN:
                return Outcome("unconfirmed", f"it moves or moved, limit switch {self.end!r} was not reached", position)
            case Position.CONTRADICTORY:
                return Outcome("unconfirmed", "both limit switches report: one is stuck", position)
            case _ if self.sure:
                return Outcome("failed", f"it is still {other}", position)
            case _:
                return Outcome("unconfirmed", f"the board did not answer, and it is still {other}", position)

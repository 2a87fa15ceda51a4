"""The last warnings and errors of the log, for the status."""

import logging
from collections import deque

KEPT = 30


class RecentTrouble(logging.Handler):
    """Keeps the newest lines of level warning and above."""

    def __init__(self) -> None:
        super().__init__(logging.WARNING)
        self._lines: deque[dict[str, str | int]] = deque(maxlen=KEPT)

    def emit(self, record: logging.LogRecord) -> None:
        self._lines.append(
            {
                "at": round(record.created * 1000),
                "level": record.levelname.lower(),
                "text": f"{record.name.removeprefix('plantroom_edge.')}: {record.getMessage()}"[:500],
            }
        )

    def newest(self) -> list[dict[str, str | int]]:
        """Newest first."""
        return [*reversed(self._lines)]

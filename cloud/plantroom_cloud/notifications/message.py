"""What goes out: one notice, or several in one message; pure."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

#: A flood is one message: so many are named in it, the rest counted.
NAMED = 10


@dataclass(frozen=True, slots=True)
class Line:
    """One notice in a message."""

    key: str
    kind: str
    severity: str
    subject: str
    body: str
    link: str
    at: datetime


@dataclass(frozen=True, slots=True)
class Message:
    """For one channel. `id` is the same at each try, so that a receiver can tell a repetition."""

    id: str
    subject: str
    body: str
    link: str
    severity: str
    lines: Sequence[Line]


def compose(message_id: str, lines: Sequence[Line], base_url: str) -> Message:
    """One line as it is; several under a heading that says how many, the worst first."""
    order = ("critical", "high", "medium", "low")
    worst = min(lines, key=lambda line: order.index(line.severity))
    if len(lines) == 1:
        body = f"{worst.body}\n\n{base_url}{worst.link}".strip()
        return Message(
            message_id, f"[{worst.severity}] {worst.subject}", body, base_url + worst.link, worst.severity, lines
        )
    ranked = sorted(lines, key=lambda line: (order.index(line.severity), line.at))
    named = [f"[{line.severity}] {line.subject}\n{base_url}{line.link}" for line in ranked[:NAMED]]
    if len(ranked) > NAMED:
        named.append(f"… and {len(ranked) - NAMED} more: {base_url}/notifications")
    subject = f"[{worst.severity}] {len(lines)} messages, first: {ranked[0].subject}"
    return Message(message_id, subject, "\n\n".join(named), f"{base_url}/notifications", worst.severity, lines)

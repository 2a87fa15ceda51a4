"""What goes out: one notice, or several in one message, in the language of whom it is for; pure."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from plantroom_cloud.language import Reader, minute, worded, written_for
from plantroom_shared.said import said

#: A flood is one message: so many are named in it, the rest counted.
NAMED = 10


@dataclass(frozen=True, slots=True)
class Place:
    """Where it happened: the name of the site and its time zone."""

    name: str
    zone: str


@dataclass(frozen=True, slots=True)
class Line:
    """One notice in a message; its texts are `said`, or told already."""

    key: str
    kind: str
    severity: str
    subject: str
    body: str
    link: str
    at: datetime
    place: Place = Place("", "")

    def told(self, language: str) -> "Line":
        """In this language, and by the time of the place."""
        with written_for(Reader(language, self.place.zone)):
            return replace(self, subject=worded(self.subject), body=worded(self.body))

    def when(self, language: str) -> str:
        """When, by the time of the place, and where."""
        with written_for(Reader(language, self.place.zone)):
            return f"{minute(self.at)} · {self.place.name}" if self.place.name else minute(self.at)


@dataclass(frozen=True, slots=True)
class Message:
    """For one channel. `id` is the same at each try, so that a receiver can tell a repetition."""

    id: str
    subject: str
    body: str
    link: str
    severity: str
    language: str
    lines: Sequence[Line]


def compose(message_id: str, notices: Sequence[Line], base_url: str, language: str) -> Message:
    """One notice as it is; several under a heading that says how many, the worst first."""
    order = ("critical", "high", "medium", "low")
    lines = [line.told(language) for line in notices]
    ranked = sorted(lines, key=lambda line: (order.index(line.severity), line.at))
    worst = ranked[0]
    with written_for(Reader(language)):
        heading = f"[{worded(worst.severity)}]"
        if len(lines) == 1:
            link = base_url + worst.link
            body = "\n\n".join(part for part in (worst.body, worst.when(language), link) if part)
            return Message(message_id, f"{heading} {worst.subject}", body, link, worst.severity, language, lines)
        named = [
            f"[{worded(line.severity)}] {line.subject}\n{line.when(language)}\n{base_url}{line.link}"
            for line in ranked[:NAMED]
        ]
        link = f"{base_url}/notifications"
        if len(ranked) > NAMED:
            named.append(worded(said("… and %(count)s more: %(link)s", count=len(ranked) - NAMED, link=link)))
        text = said("%(count)s messages, first: %(subject)s", count=len(lines), subject=worst.subject)
        return Message(
            message_id, f"{heading} {worded(text)}", "\n\n".join(named), link, worst.severity, language, lines
        )

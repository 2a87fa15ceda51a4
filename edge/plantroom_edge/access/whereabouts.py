"""Where people were last seen (anti-passback), and how often a PIN was wrong: the gateway's own short memory."""

import msgspec

#: A person who was not seen for so long has gone some other way: nobody is locked out overnight by a tailgater.
FORGET_AFTER_MS = 12 * 3600 * 1000
#: Wrong PINs of one credential within the window, after which PINs are not tried any more.
MOST_WRONG_PINS = 3
WRONG_PIN_WINDOW_MS = 5 * 60 * 1000


class Whereabouts:
    """Bounded by the people of the list; dumped and loaded as text."""

    def __init__(self) -> None:
        self._seen: dict[str, tuple[str, int]] = {}

    def of(self, person: str, now_ms: int) -> str | None:
        """The zone, or None when that is not known any more."""
        zone, at = self._seen.get(person, ("", 0))
        return zone if zone and 0 <= now_ms - at < FORGET_AFTER_MS else None

    def passed(self, person: str, zone: str, now_ms: int) -> None:
        """The gate was seen to open for this person."""
        self._seen = {name: seen for name, seen in self._seen.items() if 0 <= now_ms - seen[1] < FORGET_AFTER_MS}
        self._seen[person] = (zone, now_ms)

    def dump(self) -> str:
        """As text."""
        return msgspec.json.encode(self._seen).decode()

    def load(self, text: str) -> None:
        """From text; raises msgspec.DecodeError."""
        self._seen = msgspec.json.decode(text, type=dict[str, tuple[str, int]])


class WrongPins:
    """Per credential."""

    def __init__(self) -> None:
        self._at: dict[str, list[int]] = {}

    def locked(self, credential: str, now_ms: int) -> bool:
        """Whether further PINs are refused unread."""
        return len(self._recent(credential, now_ms)) >= MOST_WRONG_PINS

    def wrong(self, credential: str, now_ms: int) -> None:
        """Another one."""
        self._at[credential] = [*self._recent(credential, now_ms), now_ms]

    def right(self, credential: str) -> None:
        """Begin anew."""
        self._at.pop(credential, None)

    def _recent(self, credential: str, now_ms: int) -> list[int]:
        recent = [at for at in self._at.get(credential, ()) if 0 <= now_ms - at < WRONG_PIN_WINDOW_MS]
        if recent:
            self._at[credential] = recent
        else:
            self._at.pop(credential, None)
        return recent

"""Who is there, and who stands in for whom; pure."""

from collections.abc import Iterable, Mapping

#: Who is away, with who stands in, if anybody does.
Away = Mapping[str, str | None]


def present(names: Iterable[str], away: Away) -> list[str]:
    """Those who are there, each once; who is away is replaced by who stands in, and left out where nobody does."""
    found: list[str] = []
    for name in names:
        who: str | None = name
        asked: set[str] = set()
        while who is not None and who in away and who not in asked:
            asked.add(who)
            who = away[who]
        if who is not None and who not in asked and who not in found:
            found.append(who)
    return found

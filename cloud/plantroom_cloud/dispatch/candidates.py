"""Who should do it, in order and with the reason; pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from plantroom_shared.said import said


@dataclass(frozen=True)
class Person:
    """Somebody who may see the site; `load`: open orders that wait for nothing."""

    name: str
    display_name: str = ""
    team: str | None = None
    skills: frozenset[str] = frozenset()
    on_shift: bool = True
    on_call: bool = False
    load: int = 0
    declined: bool = False  #: has given this order back


@dataclass(frozen=True)
class Need:
    """What an order asks for."""

    team: str | None = None
    skills: frozenset[str] = frozenset()


@dataclass(frozen=True)
class Candidate:
    """A person with what speaks for and against; who `fits` may be given it without asking."""

    person: Person
    fits: bool
    missing: frozenset[str]
    reasons: Sequence[str] = field(default_factory=tuple)


def candidates(people: Iterable[Person], need: Need) -> list[Candidate]:
    """Best first: who fits, then fewest skills missing, of the team, on shift, least to do, by name."""
    found = [_judge(person, need) for person in people]
    return sorted(
        found,
        key=lambda each: (
            not each.fits,
            len(each.missing),
            each.person.declined,
            need.team is not None and each.person.team != need.team,
            not (each.person.on_shift or each.person.on_call),
            each.person.load,
            each.person.name,
        ),
    )


def _judge(person: Person, need: Need) -> Candidate:
    missing = need.skills - person.skills
    available = person.on_shift or person.on_call
    of_team = need.team is None or person.team == need.team
    reasons = []
    if need.skills & person.skills:
        reasons.append(said("has %(skills)s", skills=sorted(need.skills & person.skills)))
    if missing:
        reasons.append(said("lacks %(skills)s", skills=sorted(missing)))
    if not of_team:
        reasons.append("of another team" if person.team else "of no team")
    reasons.append("on call" if person.on_call else "on shift" if person.on_shift else "off shift")
    plural = "" if person.load == 1 else "s"
    reasons.append(said("%(count)s open order%(s)s", count=person.load, s=plural) if person.load else "no open orders")
    if person.declined:
        reasons.append("gave it back")
    fits = not missing and available and of_team and not person.declined
    return Candidate(person, fits, missing, reasons)

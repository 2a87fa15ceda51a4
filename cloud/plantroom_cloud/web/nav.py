"""The menu: each domain's pages.py declares its entries, the layout shows those that the person may open."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from plantroom_cloud.users.models import RANK, Role, User


@dataclass(frozen=True)
class NavEntry:
    """One line of the menu; lines of the same `group` stand under one heading, those without stand on their own."""

    key: str  #: what the page passes to render() as `page`
    path: str
    text: str
    order: int  #: smaller stands further left; a group stands where its first entry would
    group: str = ""
    role: Role = Role.VIEWER  #: the least role that sees it


@dataclass(frozen=True)
class NavGroup:
    """A heading with its entries; a single entry stands without heading, and `text` is empty."""

    text: str
    entries: Sequence[NavEntry]


def navigation(entries: Iterable[NavEntry], user: User) -> list[NavGroup]:
    """What this person's menu shows, in order."""
    groups: dict[str, list[NavEntry]] = {}
    for entry in sorted(entries, key=lambda entry: entry.order):
        if RANK[user.role] >= RANK[entry.role]:
            groups.setdefault(entry.group or entry.path, []).append(entry)
    return [NavGroup(found[0].group if len(found) > 1 else "", found) for found in groups.values()]

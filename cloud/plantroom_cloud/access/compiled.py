"""Rights of a site to the allow-list of one of its gateways."""

from collections.abc import Mapping, Sequence
from datetime import datetime

from plantroom_cloud.access.models import (
    AccessCredential,
    AccessGate,
    AccessGroup,
    AccessHoliday,
    AccessHours,
    AccessPerson,
    Standing,
)
from plantroom_cloud.columns import ms_from_utc
from plantroom_shared.allow_list import AllowList, AntiPassback, Credential, GateRule, Grant, Span


def compile_list(
    time_zone: str,
    holidays: Sequence[AccessHoliday],
    hours: Sequence[AccessHours],
    groups: Sequence[AccessGroup],
    people: Mapping[str, AccessPerson],
    credentials: Sequence[AccessCredential],
    gates: Mapping[str, AccessGate],
) -> AllowList:
    """`gates` by their name on the gateway. A credential holds while both it and its person do."""
    return AllowList(
        time_zone=time_zone,
        holidays=sorted(holiday.day for holiday in holidays),
        profiles={each.id: [Span(**span) for span in each.spans] for each in sorted(hours, key=lambda h: h.id)},
        groups={group.id: [Grant(**grant) for grant in group.grants] for group in sorted(groups, key=lambda g: g.id)},
        gates={
            name: GateRule(gate.inside, gate.outside or "", gate.pin_hours, _passback(gate.anti_passback))
            for name, gate in sorted(gates.items())
            if gate.inside is not None
        },
        credentials={
            each.key: _credential(each, people[each.person_id]) for each in sorted(credentials, key=lambda c: c.key)
        },
    )


def _credential(credential: AccessCredential, person: AccessPerson) -> Credential:
    ends = [moment for moment in (credential.valid_until, person.valid_until) if moment is not None]
    return Credential(
        person.id,
        sorted(person.groups),
        _ms(person.valid_from),
        _ms(min(ends, default=None)),
        credential.standing.value if person.active else Standing.BLOCKED.value,
        person.pin,
        person.through_lockdown,
    )


def _ms(moment: datetime | None) -> int | None:
    return None if moment is None else ms_from_utc(moment)


def _passback(word: str) -> AntiPassback:
    return "hard" if word == "hard" else "soft" if word == "soft" else "off"

"""Names of skills as people type them; pure."""

from collections.abc import Iterable

from plantroom_cloud.errors import InvalidFieldsError
from plantroom_shared.said import said

MOST = 30
LONGEST = 40


def named(skills: Iterable[str], field: str = "skills") -> list[str]:
    """In small letters, each once, in order; raises InvalidFieldsError."""
    found = sorted({" ".join(skill.lower().split()) for skill in skills} - {""})
    if len(found) > MOST:
        raise InvalidFieldsError({field: said("at most %(most)s skills", most=MOST)})
    if long := next((skill for skill in found if len(skill) > LONGEST), None):
        raise InvalidFieldsError(
            {field: said("%(long)r…: a skill's name has at most %(longest)s letters", long=long[:20], longest=LONGEST)}
        )
    return found

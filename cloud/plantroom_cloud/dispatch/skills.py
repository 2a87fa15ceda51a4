"""Names of skills as people type them; pure."""

from collections.abc import Iterable

from plantroom_cloud.errors import InvalidFieldsError

MOST = 30
LONGEST = 40


def named(skills: Iterable[str], field: str = "skills") -> list[str]:
    """In small letters, each once, in order; raises InvalidFieldsError."""
    found = sorted({" ".join(skill.lower().split()) for skill in skills} - {""})
    if len(found) > MOST:
        raise InvalidFieldsError({field: f"at most {MOST} skills"})
    if long := next((skill for skill in found if len(skill) > LONGEST), None):
        raise InvalidFieldsError({field: f"{long[:20]!r}…: a skill's name has at most {LONGEST} letters"})
    return found

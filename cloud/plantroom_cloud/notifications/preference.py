"""What a person chose, checked."""

from datetime import time
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from plantroom_cloud.errors import InvalidError, InvalidFieldsError
from plantroom_cloud.notifications import choice
from plantroom_cloud.notifications.models import NoticeKind, Preference
from plantroom_shared.said import said


def check_preference(preference: Preference) -> None:
    """Raises InvalidError naming what is wrong."""
    for kind, least in preference.least.items():
        if kind not in set(NoticeKind) or least not in (*choice.SEVERITIES, choice.NONE):
            raise InvalidError(
                said(
                    "%(kind)s: %(least)r is not possible; use %(severities)s or none",
                    kind=kind,
                    least=least,
                    severities=list(choice.SEVERITIES),
                )
            )
    if bool(preference.quiet_from) != bool(preference.quiet_to):
        missing = "quiet_to" if preference.quiet_from else "quiet_from"
        raise InvalidFieldsError({missing: "quiet hours need a beginning and an end, like 22:00 and 06:00"})
    if not 0 <= preference.group_s <= 3600:
        raise InvalidFieldsError({"group_s": "together within 0 to 3600 s"})
    if not (preference.repeat_s == 0 or 60 <= preference.repeat_s <= 86_400):
        raise InvalidFieldsError({"repeat_s": "never (0), or each 60 to 86400 s"})
    quiet_hours(preference)


def time_zone(name: str) -> ZoneInfo:
    """Raises InvalidError for a name that is not known."""
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError) as error:
        told = said("time zone %(name)r is not known; use one like Europe/Berlin", name=name)
        raise InvalidFieldsError({"timezone": told}) from error


def quiet_hours(preference: Preference) -> choice.Quiet | None:
    """None without quiet hours; raises InvalidError."""
    zone = time_zone(preference.timezone)
    if not preference.quiet_from:
        return None
    try:
        begins, ends = time.fromisoformat(preference.quiet_from), time.fromisoformat(preference.quiet_to)
    except ValueError as error:
        told = said("quiet hours: %(error)s; write them like 22:00", error=error)
        raise InvalidFieldsError({"quiet_from": told}) from error
    return choice.Quiet(begins, ends, zone)

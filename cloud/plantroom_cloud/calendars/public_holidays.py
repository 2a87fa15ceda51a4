"""Public holidays by country and region: the one module that knows the library `holidays`."""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import date
from functools import lru_cache

import holidays
from holidays.registry import COUNTRIES

from plantroom_cloud.errors import InvalidFieldsError
from plantroom_shared.said import said


@dataclass(frozen=True)
class Year:
    """Of one country: its holidays by day, and weekend days that are worked instead of a day off (China, Hungary …)."""

    holidays: Mapping[date, str]
    worked: frozenset[date]


@lru_cache(maxsize=512)
def year_of(country: str, region: str, year: int) -> Year:
    """Country by ISO 3166-1 alpha-2, region by ISO 3166-2 without the country; checked before by `check_country`."""
    found = holidays.country_holidays(country, subdiv=region or None, years=year, language=_english(country))
    return Year(dict(found), frozenset(getattr(found, "weekend_workdays", ())))


def countries() -> dict[str, str]:
    """Names by code, by name: those whose holidays are known."""
    named = {codes[1]: module.replace("_", " ").title() for module, codes in COUNTRIES.items()}
    return dict(sorted(named.items(), key=lambda pair: pair[1]))


def regions(country: str) -> list[str]:
    """The regions of a country with holidays of their own."""
    return list(holidays.list_supported_countries(include_aliases=False).get(country, []))


def check_country(country: str, region: str) -> None:
    """Raises InvalidFieldsError."""
    if not country:
        if region:
            raise InvalidFieldsError({"region": "say the country as well"})
        return
    if country not in countries():
        raise InvalidFieldsError(
            {"country": said("%(country)r is not known; use two letters, like DE, CN or GB", country=country)}
        )
    if region and region not in regions(country):
        known = ", ".join(regions(country)) or "it has none"
        raise InvalidFieldsError(
            {
                "region": said(
                    "%(region)r is no region of %(country)s; use one of: %(known)s",
                    region=region,
                    country=country,
                    known=known,
                )
            }
        )


def _english(country: str) -> str | None:
    spoken = holidays.list_localized_countries().get(country, [])
    return next((language for language in ("en_US", "en_GB") if language in spoken), None)

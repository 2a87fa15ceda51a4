"""Figures of reliability: gathered by asset, added up by class and by site."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal

from sqlmodel import Session

from plantroom_cloud.assets.models import Asset
from plantroom_cloud.errors import InvalidError
from plantroom_cloud.reliability import repository
from plantroom_cloud.reliability.failures import Failure, failures, parts
from plantroom_cloud.reliability.figures import Figure, figures, mean_parts
from plantroom_cloud.reliability.gathering import Gathering, Plans
from plantroom_cloud.reliability.records import History, Part
from plantroom_cloud.reliability.spans import cut
from plantroom_cloud.reliability.tally import Tally, has_begun, is_restored, tally

#: A repair after which the trouble comes back sooner was none.
REPEAT = timedelta(days=30)
LONGEST = timedelta(days=3660)

By = Literal["asset", "class", "site"]


@dataclass(frozen=True)
class Row:
    """Figures of an asset, a class or a site."""

    key: str  #: id of the asset, name of the class, id of the site; empty: no class
    name: str
    tally: Tally
    figures: dict[str, Figure]
    parts: dict[Part, float] | None  #: seconds, of the MTTR
    assets: int


@dataclass(frozen=True)
class Told:
    """A failure and where its time went, in the period."""

    failure: Failure
    parts: dict[Part, timedelta]
    counted: bool  #: began in the period
    restored: bool  #: ended in it

    def seconds(self) -> dict[Part, float]:
        """Of each part."""
        return {part: took.total_seconds() for part, took in self.parts.items()}


@dataclass(frozen=True)
class AssetReport:
    """One asset with the records behind its figures."""

    row: Row
    history: History
    failures: list[Told]


class ReliabilityService:
    """Works in the session it is given."""

    def __init__(self, plans: Plans) -> None:
        self._gathering = Gathering(plans)

    def report(
        self,
        session: Session,
        by: By,
        start: datetime,
        end: datetime,
        now: datetime,
        sites: Sequence[str] = (),
        equipment_class: str = "",
        repeat: timedelta = REPEAT,
    ) -> tuple[list[Row], Row]:
        """Rows by name, and all together; raises InvalidError. What belongs to no asset counts with its site."""
        _check(start, end, repeat)
        found = self._gathering.gather(session, start, end, now, sites, equipment_class, repeat)
        tallies = {
            asset.id: tally(found.histories[asset.id], start, end, now, repeat)
            for asset in found.assets
            if asset.id is not None
        }
        others = {site: tally(history, start, end, now, repeat) for site, history in found.others.items()}
        rows: dict[str, tuple[str, str, Tally, int]] = {}

        def add(key: str, name: str, site: str, more: Tally, count: int) -> None:
            _, _, sofar, many = rows.get(key, (name, site, Tally(), 0))
            rows[key] = (name, site, sofar + more, many + count)

        for asset in found.assets:
            assert asset.id is not None
            key, name = _group(asset, by)
            add(key, name, asset.site_id, tallies[asset.id], 1)
        if by == "site":
            for site, more in others.items():
                add(site, site, site, more, 0)
        hours = self._hours(session)
        made = [
            self._row(key, name, total, hours([site] if by != "class" else sites), count)
            for key, (name, site, total, count) in rows.items()
        ]
        everything = sum([*tallies.values(), *others.values()], Tally())
        return sorted(made, key=lambda row: row.name.casefold()), self._row(
            "", "all", everything, hours(sites), len(found.assets)
        )

    def asset(
        self,
        session: Session,
        asset: Asset,
        start: datetime,
        end: datetime,
        now: datetime,
        repeat: timedelta = REPEAT,
    ) -> AssetReport:
        """One asset with the records behind its figures; raises InvalidError."""
        _check(start, end, repeat)
        assert asset.id is not None
        found = self._gathering.of(session, [asset], start, end, now, [asset.site_id], repeat, others=False)
        history = found.histories[asset.id]
        total = tally(history, start, end, now, repeat)
        until = min(end, now)
        within = cut(history.observed, [(start, until)]) if until > start else []
        told = [
            Told(
                failure,
                parts(failure, history, within),
                has_begun(failure, within),
                is_restored(failure, within),
            )
            for failure in failures(history.faults, until)
            if cut(list(failure.spans), within)
        ]
        row = self._row(str(asset.id), asset.name, total, self._hours(session)([asset.site_id]), 1)
        return AssetReport(row, history, told)

    def classes(self, session: Session, sites: Sequence[str]) -> list[str]:
        """Of equipment, by name."""
        return repository.classes(session, sites)

    def _hours(self, session: Session) -> Callable[[Sequence[str]], Decimal | None]:
        """Hours of work in a week of those who may work on one of the sites; None when nobody's are set."""
        rates, workers = repository.rates(session), repository.workers(session)

        def of(sites: Sequence[str]) -> Decimal | None:
            hours = []
            for worker in workers:
                if sites and worker.sites and not set(sites) & set(worker.sites):
                    continue
                own = [rates.get(key) for key in (f"user:{worker.name}", f"team:{worker.team_id}", "")]
                hours += [rate.weekly_hours for rate in own if rate is not None and rate.weekly_hours is not None][:1]
            return sum(hours, Decimal(0)) if hours else None

        return of

    def _row(self, key: str, name: str, total: Tally, weekly_hours: Decimal | None, assets: int) -> Row:
        return Row(key, name, total, figures(total, weekly_hours), mean_parts(total), assets)


def _check(start: datetime, end: datetime, repeat: timedelta) -> None:
    if end <= start:
        raise InvalidError("end: must be later than start")
    if end - start > LONGEST:
        raise InvalidError("start: at most ten years before end")
    if not timedelta(hours=1) <= repeat <= timedelta(days=366):
        raise InvalidError("repeat: 1 hour to 366 days")


def _group(asset: Asset, by: By) -> tuple[str, str]:
    match by:
        case "asset":
            return str(asset.id), asset.name
        case "class":
            return asset.equipment_class, asset.equipment_class or "no class"
        case _:
            return asset.site_id, asset.site_id

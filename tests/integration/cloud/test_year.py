"""Twelve months of a site through the real services; each figure against what the simulation knows that it did."""

import math
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from plantroom_cloud.config import CloudConfig, Telemetry
from plantroom_cloud.database import Database
from plantroom_cloud.reliability.service import Row
from plantroom_cloud.services import build
from tests.fakes.clock import HandClock
from tests.fakes.year import CLASSES, DAY, PLANNED_H, TECHNICIANS, WEEKLY_H, Counts, Year, added, moment


def _run(folder: Path, url: str, units: int, months: int, seed: int) -> Year:
    config = CloudConfig(database_url=url, telemetry=Telemetry(path=folder / "telemetry.db"))
    services = build(config, HandClock())
    services.telemetry.store.open()
    year = Year(services, units, months, seed)
    year.run()
    return year


def _same(row: Row, counts: Counts) -> None:
    found = row.tally

    def ms(span: timedelta) -> int:
        return span // timedelta(milliseconds=1)

    assert ms(found.observed) == counts.observed, row.name
    assert ms(found.down) == counts.down, row.name
    assert ms(found.planned_down) == counts.only_planned, row.name
    assert (found.failures, found.restored) == (counts.failures, counts.restored), row.name
    parts = {part.value: ms(took) for part, took in found.restoring.items() if took}
    assert parts == {part: took for part, took in counts.parts.items() if took}, row.name
    assert (found.fixes, found.fixed) == (counts.judged, counts.held), row.name
    assert (found.due, found.met) == (counts.due, counts.met), row.name
    expected: dict[str, Any] = {
        "mtbf": (counts.observed - counts.down) / 1000 / counts.failures if counts.failures else None,
        "mttr": sum(counts.parts.values()) / 1000 / counts.restored if counts.restored else None,
        "availability": 1 - counts.down / counts.observed,
        "first_time_fix": counts.held / counts.judged if counts.judged else None,
        "pm_compliance": counts.met / counts.due if counts.due else None,
    }
    for key, value in expected.items():
        told = row.figures[key].value
        assert (told is None) == (value is None), (row.name, key)
        assert value is None or told == pytest.approx(value, rel=1e-12), (row.name, key)


def _compare(year: Year) -> None:
    services, end = year.services, year.end
    quarter = end // 4
    for start, until in ((0, end), (quarter, 2 * quarter), (quarter + 7_777_777, end - 33_333_333)):
        counts = year.log.counts(start, until, end)
        with services.database.read() as session:
            span = (moment(start), moment(until), moment(end))
            rows, everything = services.reliability.report(session, "asset", *span)
            by_class, _ = services.reliability.report(session, "class", *span)
            by_site, _ = services.reliability.report(session, "site", *span, ["main"])
            asset = services.assets.get(session, year.assets[0])
            one = services.reliability.asset(session, asset, *span)
        assert len(rows) == year.units
        for row in rows:
            _same(row, counts[year.assets.index(int(row.key))])
        _same(everything, added(counts))
        _same(by_site[0], added(counts))
        assert {row.key for row in by_class} == {year.class_of(unit) for unit in range(year.units)}
        for row in by_class:
            _same(row, added([found for unit, found in enumerate(counts) if year.class_of(unit) == row.key]))
        _same(one.row, counts[0])
        assert sum(told.counted for told in one.failures) == counts[0].failures
        assert sum(told.restored for told in one.failures) == counts[0].restored
    with services.database.read() as session:
        promises = services.sla.figures(session, ["main"], moment(0), moment(end), "site")
        unfinished = services.work_orders.search(session, open_only=True, limit=10_000)
    assert {str(kept.kind): (kept.met, kept.breached) for kept in promises} == year.log.kept(end)
    waiting = sum(order.kind == "preventive" for order in unfinished)
    backlog = everything.figures["backlog"]
    if waiting:
        assert backlog.value == pytest.approx(waiting * PLANNED_H / (TECHNICIANS * WEEKLY_H))
    else:
        assert backlog.value in (None, 0.0)


def test_a_year_of_some(database: Database, tmp_path: Path) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    year = _run(tmp_path, url, units=8 if database.is_sqlite else 4, months=12, seed=4)
    try:
        assert len(year.log.began) > 20
        assert sum(done is None for _, _, _, done in year.log.dues) > 0
        _compare(year)
    finally:
        year.services.telemetry.store.close()
        year.services.database.close()


@pytest.mark.long
def test_a_year_of_two_hundred(database: Database, tmp_path: Path) -> None:
    url = database.engine.url.render_as_string(hide_password=False)
    year = _run(tmp_path, url, units=200, months=12, seed=1)
    try:
        _compare(year)
        with year.services.database.read() as session:
            rows, _ = year.services.reliability.report(session, "class", moment(0), moment(year.end), moment(year.end))
        for row in rows:  # the figures are those of the distributions that it was drawn from, within four sigma
            mean = CLASSES[row.key] * DAY / 1000
            found = row.figures["mtbf"].value
            assert found is not None
            # what comes back while it is proven is no failure of this distribution
            drawn = row.tally.failures / 1.136
            assert abs(found * row.tally.failures / drawn / mean - 1) < 4 / math.sqrt(drawn) + 0.03, row
    finally:
        year.services.telemetry.store.close()
        year.services.database.close()

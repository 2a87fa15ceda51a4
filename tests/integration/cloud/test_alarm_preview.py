"""Before a rule is saved it is run over what is stored, on both telemetry stores."""

import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from plantroom_cloud.alarms.definition import More, PartDefinition, RuleDefinition
from plantroom_cloud.alarms.levels import LevelsDefinition
from plantroom_cloud.alarms.models import Alarm, AlarmRule, AlarmState, AlarmTransition, Level, RuleKind, Severity
from plantroom_cloud.alarms.preview import Previewing
from plantroom_cloud.columns import ms_from_utc
from plantroom_cloud.database import Database
from plantroom_cloud.devices.models import Device
from plantroom_cloud.gateways.models import Gateway
from plantroom_cloud.models import metadata
from plantroom_cloud.sites.models import Site
from plantroom_cloud.telemetry.influx import InfluxServer, InfluxTelemetryStore
from plantroom_cloud.telemetry.rollup import LEVELS
from plantroom_cloud.telemetry.service import TelemetryService
from plantroom_cloud.telemetry.sqlite import SqliteTelemetryStore
from plantroom_cloud.telemetry.store import Retention, TelemetryStore
from plantroom_cloud.telemetry.writer import TelemetryWriter
from plantroom_shared.batch import DeviceRows, Value
from tests.servers.influxdb import InfluxDb

NOW = datetime(2026, 3, 31, tzinfo=UTC)
DAYS = 30
PUMP = "gw.pump"


class _History:
    """Thirty days of a pump each minute: hot for an hour each day from noon on, standing on Sundays, a day
    missing; switched to hand from eleven on."""

    def __init__(self, folder: Path, store: TelemetryStore) -> None:
        self.database = Database(f"sqlite:///{folder / 'x.db'}")
        metadata.create_all(self.database.engine)
        store.open()
        self.telemetry = TelemetryService(self.database, store)
        self.previews = Previewing(self.telemetry)
        with self.database.write() as session:
            session.add(Site(id="main", name="Main"))
            session.flush()
            session.add(Gateway(id="gw", site_id="main", enrolled_at=NOW))
            session.flush()
            metrics = [{"name": "t", "unit": "°C"}, {"name": "run", "unit": ""}, {"name": "rare"}]
            metrics.append({"name": "mode", "kind": "state"})
            device = Device(id=PUMP, gateway_id="gw", name="pump", label="P", profile="p", registered_at=NOW)
            device.metrics = metrics
            session.add(device)
        writer = TelemetryWriter(self.database, store, None)
        for day in range(DAYS):
            if day == 10:
                continue  # nothing was recorded
            begins = NOW - timedelta(days=DAYS - day)
            times = [ms_from_utc(begins + timedelta(minutes=minute)) for minute in range(1440)]
            run = begins.weekday() != 6
            values: dict[str, list[Value]] = {
                "t": [95.0 if 720 <= minute < 780 else 60.0 for minute in range(1440)],
                "run": [1.0 if run else 0.0] * 1440,
                "mode": [None if minute % 5 else "hand" if 660 <= minute < 800 else "auto" for minute in range(1440)],
                "rare": [1.0 if minute < 3 else None for minute in range(1440)],
            }
            with self.database.write() as session:
                rows = [DeviceRows(device="pump", times=times, values=values)]
                self.telemetry.journal(session, "gw", rows, 3171, NOW, late=True)
        while writer.drain(NOW):
            pass
        while writer.roll_up(NOW):
            pass


FOR_EVER = Retention(None, dict.fromkeys(LEVELS))


@pytest.fixture(scope="module", params=["sqlite", "influxdb"])
def history(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> _History:
    folder = tmp_path_factory.mktemp("history")
    if request.param == "sqlite":
        return _History(folder, SqliteTelemetryStore(folder / "t.db", FOR_EVER))
    server: InfluxDb = request.getfixturevalue("influxdb")
    return _History(folder, InfluxTelemetryStore(InfluxServer(server.url, "preview"), FOR_EVER))


def _rule(**more: object) -> RuleDefinition:
    fields = {
        "name": "hot",
        "kind": RuleKind.LIMIT,
        "severity": Severity.HIGH,
        "device_id": PUMP,
        "metric": "t",
        "operator": ">",
        "limit": 80.0,
        "on_delay_s": 300,
    }
    return RuleDefinition.model_validate(fields | more)


def test_it_shows_when_it_would_have_raised_and_what_that_adds(history: _History) -> None:
    begun = time.monotonic()
    with history.database.read() as session:
        found = history.previews.preview(session, _rule(), [], DAYS, NOW)
    assert time.monotonic() - begun < 60
    [device] = found.devices
    assert len(device.spells) == DAYS - 1
    first = datetime.fromtimestamp(device.spells[0].raised / 1000, UTC)
    assert (first.hour, first.minute) == (12, 5)
    assert device.spells[0].returned == ms_from_utc(first + timedelta(minutes=55))
    assert found.per_day == pytest.approx((DAYS - 1) / DAYS)
    assert found.budget == "acceptable"


def test_delays_and_guards_count_in_it(history: _History) -> None:
    with history.database.read() as session:
        slow = history.previews.preview(session, _rule(on_delay_s=3601), [], DAYS, NOW)
        guard = More(guard=PartDefinition(metric="run", operator=">", limit=0.5))
        weekdays = history.previews.preview(session, _rule(more=guard.model_dump()), [], DAYS, NOW)
    assert slow.devices[0].spells == []
    raised = [datetime.fromtimestamp(spell.raised / 1000, UTC).weekday() for spell in weekdays.devices[0].spells]
    assert 6 not in raised
    assert len(raised) == sum((NOW - timedelta(days=DAYS - day)).weekday() != 6 for day in range(DAYS) if day != 10)


def test_a_gap_is_no_time_above_the_limit(history: _History) -> None:
    """Below 70 for 23 hours a day; over the day that is missing it would be 35."""
    low = _rule(operator="<", limit=70.0, on_delay_s=86_400)
    with history.database.read() as session:
        found = history.previews.preview(session, low, [], DAYS, NOW)
    assert found.devices[0].spells == []


def _silence(**more: object) -> RuleDefinition:
    said = {"kind": RuleKind.NO_DATA, "metric": None, "operator": None, "limit": None, "on_delay_s": 3600}
    return _rule(**said | more)


def test_a_silent_device_is_seen_in_its_history(history: _History) -> None:
    with history.database.read() as session:
        found = history.previews.preview(session, _silence(), [], DAYS, NOW)
    [device] = found.devices
    [spell] = device.spells
    begins = NOW - timedelta(days=DAYS - 10)
    assert (spell.raised, device.metric) == (ms_from_utc(begins + timedelta(hours=1)) - 1, "t")
    assert spell.returned is not None
    assert 0 <= spell.returned - ms_from_utc(begins + timedelta(days=1)) < 900_000, "found in windows of 15 minutes"


def test_a_metric_that_is_missing_is_seen_where_its_device_lives(history: _History) -> None:
    with history.database.read() as session:
        steady = history.previews.preview(session, _silence(metric="t"), [], DAYS, NOW)
        rare = history.previews.preview(session, _silence(metric="rare", on_delay_s=6 * 3600), [], DAYS, NOW)
    assert steady.devices[0].spells == [], "the day that is missing is missing of all"
    assert len(rare.devices[0].spells) == DAYS - 1
    first = datetime.fromtimestamp(rare.devices[0].spells[0].raised / 1000, UTC)
    assert first.hour == 6, "it comes in the first minutes of each day"


def test_states_are_looked_at_as_they_were_stored(history: _History) -> None:
    said = {"kind": RuleKind.STATE, "metric": "mode", "operator": None, "limit": None, "states": ["hand"]}
    with history.database.read() as session:
        found = history.previews.preview(session, _rule(**said), [], DAYS, NOW)
        guard = More(guard=PartDefinition(metric="mode", states=["hand"]))
        both = history.previews.preview(session, _rule(more=guard.model_dump()), [], DAYS, NOW)
    assert len(found.devices[0].spells) == DAYS - 1
    first = datetime.fromtimestamp(found.devices[0].spells[0].raised / 1000, UTC)
    assert (first.hour, first.minute) == (11, 5)
    assert len(both.devices[0].spells) == DAYS - 1


WHY = {"cause": "c", "consequence": "q", "response": "r", "impact": "minor", "respond_within_s": 86_400}


def test_what_it_adds_is_counted_over_the_days_that_are_stored_and_without_the_rule_it_changes(
    history: _History,
) -> None:
    with history.database.write() as session:
        rule = AlarmRule(**_rule().model_dump(), updated_at=NOW)
        session.add(rule)
        session.flush()
        assert rule.id is not None
        for number in range(60):
            moment = NOW - timedelta(days=15) + timedelta(minutes=number)
            alarm = Alarm(
                rule_id=rule.id, source=PUMP, site_id="main", name="hot", severity=Severity.HIGH, active=False,
                state=AlarmState.NORMAL, raised_at=moment, detected_at=moment,
            )  # fmt: skip
            session.add(alarm)
            session.flush()
            before, after = AlarmState.NORMAL, AlarmState.UNACKNOWLEDGED
            session.add(AlarmTransition(alarm_id=alarm.id or 0, at=moment, from_state=before, to_state=after))
        found = history.previews.preview(session, _rule(**WHY), [], DAYS, NOW)
        instead = history.previews.preview(session, _rule(**WHY), [], DAYS, NOW, instead_of=[rule.id])
        longer = history.previews.preview(session, _rule(**WHY), [], 90, NOW)
        events = history.previews.preview(session, _rule(), [], DAYS, NOW)
        session.rollback()
    assert (found.team_per_day, instead.team_per_day) == (2.0, 0.0)
    assert (longer.seen_days, longer.days) == (DAYS, 90)
    assert (longer.per_day, longer.team_per_day) == (found.per_day, 2.0)
    assert (found.makes_alarms, events.makes_alarms, events.per_day) == (True, False, found.per_day)


def test_levels_are_previewed_together(history: _History) -> None:
    """The pump goes to 95 at once: high-high tells it, high does not, and a level that makes events counts for none."""
    said = {"name": "Bearing", "device_id": PUMP, "metric": "t", "deadband": 1}
    both = {"high-high": {"limit": 90} | WHY, "high": {"limit": 80} | WHY, "low": {"limit": 70}}
    with history.database.read() as session:
        found = history.previews.preview_levels(
            session, LevelsDefinition.model_validate(said | {"levels": both}), [], DAYS, NOW
        )
    spells = found.devices[PUMP]
    assert [len(spells[level]) for level in (Level.HIGH_HIGH, Level.HIGH)] == [DAYS - 1, DAYS - 1]
    assert len(spells[Level.LOW]) >= DAYS - 1
    assert found.per_day == pytest.approx((DAYS - 1) / DAYS)

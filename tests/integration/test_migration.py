"""The migrations make what the models say, and keep what stands in an older database."""

import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import text

from plantroom_cloud.database import Database
from plantroom_cloud.migration import alembic_config, is_current, migrate
from plantroom_cloud.models import metadata


@pytest.fixture
def empty(database: Database) -> Database:
    metadata.drop_all(database.engine)
    return database


def test_migrations_make_what_the_models_say(empty: Database) -> None:
    migrate(empty)
    assert is_current(empty)
    with empty.engine.connect() as connection:
        context = MigrationContext.configure(connection, opts={"compare_type": True, "render_as_batch": True})
        assert compare_metadata(context, metadata) == []


def test_what_stands_in_an_older_database_stays(empty: Database) -> None:
    config = alembic_config()
    with empty.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0001")
        connection.execute(text("INSERT INTO site (id, name, timezone, address) VALUES ('main', 'Main', 'UTC', '')"))
        connection.execute(
            text(
                "INSERT INTO work_order (kind, title, state, priority, site_id, source, description, cause,"
                " consequence, response, evidence, resolution, proving_s, opened_at, verified_by, reopened)"
                " VALUES ('corrective', 'Bearing', 'IN_PROGRESS', 'high', 'main', '', '', '', '', '',"
                " '[]', '', 600, '2026-01-01', '', 0)"
            )
        )
    migrate(empty)
    with empty.engine.connect() as connection:
        assert connection.execute(text("SELECT state FROM work_order")).scalar_one() == "in-progress"


def test_an_older_rule_with_its_texts_goes_on_making_alarms(empty: Database) -> None:
    config = alembic_config()
    texts = {"whole": ("Worn bearing.", "It seizes.", "Grease it."), "half": ("Worn bearing.", "", " ")}
    with empty.engine.begin() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, "0021")  # rules without rationalisation
        for name, (cause, consequence, response) in texts.items():
            connection.execute(
                text(
                    "INSERT INTO alarm_rule (name, kind, severity, deadband, more, states, on_delay_s, off_delay_s,"
                    " proving_s, cause, consequence, response, latching, realarm_s, first_out, work_order, enabled,"
                    " created_by, updated_at) VALUES (:name, 'limit', 'high', 0, '{}', '[]', 0, 0, 0, :cause,"
                    " :consequence, :response, false, 0, '', true, true, 'anna', '2026-01-01')"
                ),
                {"name": name, "cause": cause, "consequence": consequence, "response": response},
            )
    migrate(empty)
    with empty.engine.connect() as connection:
        found = connection.execute(text("SELECT name, impact, respond_within_s FROM alarm_rule ORDER BY name"))
        assert [tuple(row) for row in found] == [("half", None, 0), ("whole", "serious", 3600)]

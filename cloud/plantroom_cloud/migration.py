"""Bringing the relational store to the present schema (Alembic)."""

from pathlib import Path

from alembic import command
from alembic.config import Config
from alembic.runtime.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import text

from plantroom_cloud.database import Database

FOLDER = Path(__file__).parent / "migrations"


def alembic_config() -> Config:
    """Alembic, without an ini file."""
    config = Config()
    config.set_main_option("script_location", str(FOLDER))
    return config


def migrate(database: Database) -> str:
    """Upgrade to the newest revision; its name."""
    config = alembic_config()
    with database.engine.begin() as connection:
        if not database.is_sqlite:  # of several processes that start at once one migrates, the others wait
            connection.execute(text("SELECT pg_advisory_xact_lock(7061656)"))
        config.attributes["connection"] = connection
        command.upgrade(config, "head")
    return ScriptDirectory.from_config(config).get_current_head() or ""


def is_current(database: Database) -> bool:
    """Whether the schema is the newest."""
    with database.engine.connect() as connection:
        found = MigrationContext.configure(connection).get_current_revision()
    return found == ScriptDirectory.from_config(alembic_config()).get_current_head()

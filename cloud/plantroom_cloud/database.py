"""The relational store: one engine, read sessions and write transactions."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any

import msgspec
from sqlalchemy import Engine, Table, create_engine, event
from sqlalchemy.dialects import postgresql, sqlite
from sqlalchemy.pool import ConnectionPoolEntry
from sqlmodel import Session

from plantroom_shared.said import plain

#: Milliseconds SQLite waits for another writer before it gives up.
SQLITE_BUSY_MS = 15_000
#: More than there are threads that ask (40 of the web, the ingest, the writer, timers): nobody waits for a connection.
MOST_CONNECTIONS = 70


class Database:
    """Opens nothing until the first session; `close` ends it.

    On SQLite: WAL with synchronous=FULL, so that what was acknowledged survives a power cut, and write transactions
    begin IMMEDIATE, so that two writers queue instead of failing half-way.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = _create_engine(url)

    @property
    def is_sqlite(self) -> bool:
        return self.engine.dialect.name == "sqlite"

    @contextmanager
    def read(self) -> Iterator[Session]:
        """A session whose changes are never committed."""
        with Session(self.engine, expire_on_commit=False) as session:
            try:
                yield session
            finally:
                session.expunge_all()  # what was read stays readable
                session.rollback()

    @contextmanager
    def write(self) -> Iterator[Session]:
        """A session that commits once, at the end, or not at all."""
        with Session(self.engine, expire_on_commit=False) as session:
            if self.is_sqlite:
                session.connection(execution_options={"plantroom_write": True})
            try:
                yield session
            except BaseException:
                session.rollback()
                raise
            session.commit()

    def close(self) -> None:
        self.engine.dispose()


def insert_or_update(
    session: Session,
    table: Table,
    rows: Sequence[dict[str, Any]],
    changes: Callable[[Any], dict[str, Any]],
) -> None:
    """Many rows at once; where the primary key is there already, `changes` (given the new row) says what to set."""
    if not rows:
        return
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table)
    keys = [column.name for column in table.primary_key]
    statement = statement.on_conflict_do_update(index_elements=keys, set_=changes(statement.excluded))
    session.connection().execute(statement, rows)


def insert_unless_there(session: Session, table: Table, row: dict[str, Any]) -> bool:
    """One row; False when one with its primary key is there already."""
    dialect = sqlite if session.get_bind().dialect.name == "sqlite" else postgresql
    statement = dialect.insert(table).values(row).on_conflict_do_nothing().returning(*table.primary_key)
    return session.connection().execute(statement).first() is not None


def _to_json(document: object) -> str:
    return msgspec.json.encode(document, enc_hook=plain).decode()


def _create_engine(url: str) -> Engine:
    json = {"json_serializer": _to_json, "json_deserializer": msgspec.json.decode}
    if not url.startswith("sqlite"):
        return create_engine(url, pool_size=10, max_overflow=MOST_CONNECTIONS - 10, pool_pre_ping=True, **json)
    arguments = {"check_same_thread": False, "timeout": SQLITE_BUSY_MS / 1000}
    engine = create_engine(url, connect_args=arguments, max_overflow=MOST_CONNECTIONS - 5, **json)

    @event.listens_for(engine, "connect")
    def prepare(connection: Any, _entry: ConnectionPoolEntry) -> None:
        connection.isolation_level = None  # we say BEGIN ourselves: pysqlite would begin too late
        cursor = connection.cursor()
        for pragma in (
            "journal_mode=WAL",
            "synchronous=FULL",
            "foreign_keys=ON",
            f"busy_timeout={SQLITE_BUSY_MS}",
            "cache_size=-4000",  # each connection has its own
        ):
            cursor.execute(f"PRAGMA {pragma}")
        cursor.close()

    @event.listens_for(engine, "begin")
    def begin(connection: Any) -> None:
        write = connection.get_execution_options().get("plantroom_write", False)
        connection.exec_driver_sql("BEGIN IMMEDIATE" if write else "BEGIN")

    return engine

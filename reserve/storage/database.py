"""Opening the database of the store, which then has the tables of `schema.py`, whoever made it."""

from __future__ import annotations

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection

from reserve.errors import UsageError
from reserve.storage.schema import HEAD

BUSY = 5_000  # milliseconds that a write waits for another process; writes take about one
# What keeps others from changing the tables until the transaction ends, by database.
ALONE = {"sqlite": "BEGIN IMMEDIATE", "postgresql": "SELECT pg_advisory_xact_lock(7227)"}


def opened(url: str) -> Engine:
    """The database at *url*, with the tables of today.

    Raises `UsageError` when they are those of a later First Serve, or the database is of another kind.
    """
    engine = _engine(url)
    try:
        _bring_up_to_date(engine)
    except BaseException:
        engine.dispose()
        raise
    return engine


def _engine(url: str) -> Engine:
    address = _address(url)
    if address.get_backend_name() not in ALONE:
        raise UsageError(f"RESERVE_DATABASE_URL: choose {' or '.join(ALONE)}")
    try:
        engine = create_engine(address)
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"RESERVE_DATABASE_URL: {missing.name} is not installed; for PostgreSQL write postgresql+psycopg://…"
        ) from None
    if engine.dialect.name == "sqlite":

        @event.listens_for(engine, "connect")
        def _careful(connection: DBAPIConnection, _: object) -> None:
            cursor = connection.cursor()
            cursor.execute("PRAGMA journal_mode=WAL")
            cursor.execute("PRAGMA synchronous=FULL")
            cursor.execute(f"PRAGMA busy_timeout={BUSY}")
            cursor.execute("PRAGMA foreign_keys=ON")
            cursor.close()

    return engine


def _address(url: str) -> URL:
    """What *url* means; what goes wrong with one may show the password, and is not told."""
    try:
        address = make_url(url)
    except ValueError:
        raise UsageError("RESERVE_DATABASE_URL: the port is no number") from None
    if "@" in (address.host or ""):
        raise UsageError("RESERVE_DATABASE_URL: write an @ in the password as %40")
    return address


def _bring_up_to_date(engine: Engine) -> None:
    with engine.connect() as connection:
        if _revision(connection) == HEAD:
            return
    from reserve.storage.migrations import upgrade  # slow to load, and seldom needed

    with engine.begin() as connection:
        connection.execute(text(ALONE[engine.dialect.name]))
        if (found := _revision(connection)) > HEAD:
            raise UsageError(
                f"the store was written by a later First Serve (revision {found}, this one knows {HEAD});"
                " please update this one"
            )
        upgrade(connection)


def _revision(connection: Connection) -> str:
    """Which revision the tables are of; empty when they are older than revisions, or not there."""
    if not inspect(connection).has_table("alembic_version"):
        return ""
    return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

"""The store: a database that is opened with the tables of `schema.py`, whoever made it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from sqlalchemy import URL, Connection, Engine, create_engine, event, inspect, make_url, text
from sqlalchemy.engine.interfaces import DBAPIConnection
from sqlalchemy.exc import OperationalError, SQLAlchemyError

from reserve.errors import DiskFull, ServiceError, UsageError, is_full
from reserve.storage.exclusive import Exclusive
from reserve.storage.late import bring_in
from reserve.storage.schema import HEAD

NAME = "reserve.sqlite3"
KINDS = ("sqlite", "postgresql")
BUSY = 5_000  # milliseconds that a write waits for another process; writes take about one
MIGRATING = 600.0  # seconds for one answer
# A connection that is dead is noticed within seconds, however long it was idle.
POSTGRESQL = {
    "connect_timeout": 4,  # seconds, as below
    "keepalives_idle": 10,
    "keepalives_interval": 5,
    "keepalives_count": 3,
    "tcp_user_timeout": 5_000,  # milliseconds
}


class Store:
    """What outlives a process: one database, for this machine or for all machines that share it.

    What is in it is the business of `RunStore`, `PlanStore` and `SecretStore`.
    """

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Open the database, by default a file in *folder*; raises `UsageError` when that cannot be."""
        self.folder = folder
        try:
            if not folder.exists():  # one that is there may be shared, and is not ours to close
                folder.mkdir(parents=True)
                folder.chmod(0o700)
            if url is None:
                _make(folder / NAME)
            file = URL.create("sqlite", database=str(folder / NAME))  # whatever letters are in the path
            self.engine = _engine(_address(url) if url else file)
            self.exclusive = Exclusive(self.engine, folder)
            try:
                _bring_up_to_date(self.engine, self.exclusive)
                bring_in(self.engine, folder)
            except BaseException:
                self.close()
                raise
        except (SQLAlchemyError, OSError) as failure:
            cause = str(getattr(failure, "orig", None) or failure).partition("\n")[0]
            place = "RESERVE_DATABASE_URL: cannot keep state there"
            if url is None:
                place = f"RESERVE_DATA: cannot keep state in {folder}"
            kind = DiskFull if is_full(failure) else UsageError
            raise kind(f"{place}: {cause}") from failure

    def close(self) -> None:
        """Let the database go."""
        self.engine.dispose()


@contextmanager
def answering() -> Iterator[None]:
    """Inside, a store that is locked, frozen or gone is no bug: raises `ServiceError`."""
    try:
        yield
    except OperationalError as failure:
        cause = str(failure.orig).partition("\n")[0]
        raise ServiceError(f"the store does not answer: {cause}; nothing is lost, try again") from failure


def _make(file: Path) -> None:
    """Make an empty *file*, unless it is there; SQLite gives its side files the same mode.

    One that is there is never opened: closing it would take SQLite's locks on it from every other store of
    this process, and the next process that closed the database would remove the journal in which they write.
    """
    with suppress(FileExistsError):
        os.close(os.open(file, os.O_CREAT | os.O_EXCL | os.O_RDWR | os.O_CLOEXEC, 0o600))


def _engine(address: URL) -> Engine:
    if (kind := address.get_backend_name()) not in KINDS:
        raise UsageError(f"RESERVE_DATABASE_URL: choose {' or '.join(KINDS)}")
    settings = {name: value for name, value in POSTGRESQL.items() if name not in address.query}
    try:
        if kind == "postgresql":  # it may have been restarted since a connection was used
            engine = create_engine(address, connect_args=settings, pool_pre_ping=True)
            event.listen(engine, "do_connect", _connect)
            return engine
        engine = create_engine(address)
    except ModuleNotFoundError as missing:
        raise UsageError(
            f"RESERVE_DATABASE_URL: {missing.name} is not installed; for PostgreSQL write postgresql+psycopg://…"
        ) from None
    event.listen(engine, "connect", _prepare)
    return engine


def _connect(_: object, __: object, arguments: Sequence[Any], settings: Mapping[str, Any]) -> Any:
    """A connection to PostgreSQL."""
    from reserve.storage.postgresql import BoundedConnection  # nobody else needs psycopg

    return BoundedConnection.connect(*arguments, **settings)


def _prepare(connection: DBAPIConnection, _: object) -> None:
    """Have SQLite write what is committed to the disk, and wait for others who write."""
    cursor = connection.cursor()
    cursor.execute("PRAGMA journal_mode=WAL")
    cursor.execute("PRAGMA synchronous=FULL")
    cursor.execute(f"PRAGMA busy_timeout={BUSY}")
    cursor.execute("PRAGMA foreign_keys=ON")
    cursor.execute("PRAGMA secure_delete=ON")  # what is deleted is overwritten
    cursor.close()


def _address(url: str) -> URL:
    """What *url* means; what a library says of a wrong one may show the password, so it is not shown."""
    try:
        address = make_url(url)
    except ValueError:
        raise UsageError("RESERVE_DATABASE_URL: the port is no number") from None
    if "@" in (address.host or ""):
        raise UsageError("RESERVE_DATABASE_URL: write an @ in the password as %40")
    return address


def _bring_up_to_date(engine: Engine, exclusive: Exclusive) -> None:
    """Make the tables those of today; raises `UsageError` when they are those of a later First Serve."""
    # SQLite refuses those who come while another sets up a new file. On PostgreSQL a lock costs a connection.
    if engine.dialect.name == "postgresql" and _revision(engine) == HEAD:
        return
    with exclusive.held("tables"):
        if (found := _revision(engine)) == HEAD:
            return
        if found > HEAD:
            raise UsageError(
                f"the store was written by a later First Serve (revision {found}, this one knows {HEAD});"
                " please update this one"
            )
        from reserve.storage.migrations import upgrade  # slow to load, and seldom needed

        with engine.begin() as connection:
            if engine.dialect.name == "sqlite":  # where else each statement would be a transaction of its own
                connection.execute(text("BEGIN IMMEDIATE"))
            with _patient(connection):
                upgrade(connection)


@contextmanager
def _patient(connection: Connection) -> Iterator[None]:
    """Inside, a statement may take minutes: it may be about a table of many rows."""
    driver: Any = connection.connection.driver_connection
    if connection.dialect.name == "postgresql":
        driver.longest = MIGRATING
    yield
    if connection.dialect.name == "postgresql":
        del driver.longest


def _revision(engine: Engine) -> str:
    """Which revision the tables are of; empty when they are older than revisions, or not there."""
    with engine.connect() as connection:
        if not inspect(connection).has_table("alembic_version"):
            return ""
        return str(connection.execute(text("SELECT version_num FROM alembic_version")).scalar_one())

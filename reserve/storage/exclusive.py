"""Being the only one: a name has one holder at a time, among all processes that share a database.

Beside SQLite that is a lock on a file, on PostgreSQL an advisory lock of a session. Both vanish with their
holder, however that ends, and neither depends on what a machine is called.
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterable, Iterator
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from sqlalchemy import Connection, Engine, func, select, text
from sqlalchemy.exc import SQLAlchemyError

from reserve.clock import Clock
from reserve.errors import ServiceError

AGAIN = timedelta(milliseconds=100)  # so soon a name that somebody else has is tried again
# So what a machine held that has no power is free after 10 + 3 * 5 seconds, before its claims end.
KEEPALIVES = {"tcp_keepalives_idle": 10, "tcp_keepalives_interval": 5, "tcp_keepalives_count": 3}
HOLDERS = (
    " FROM pg_locks WHERE locktype = 'advisory' AND granted AND objsubid = 1"
    " AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    " AND (classid::bigint << 32) | objid::bigint = :key"
)
COUNT = text(f"SELECT count(*){HOLDERS}")
HELD = text(f"SELECT (classid::bigint << 32) | objid::bigint{HOLDERS.rpartition(' AND ')[0]}")
# For a second, as a process takes its time to end.
END = text(f"SELECT pg_terminate_backend(pid, 1000){HOLDERS} AND pid = :pid")


LOOK_AGAIN = timedelta(milliseconds=20)  # for a file that somebody has locked
LONGEST = timedelta(seconds=30)  # anybody has one whom others wait for: twice as long as an answer may take


class FileLock:
    """A lock on a file, which is there only while somebody has the lock, or died with it."""

    def __init__(self, path: Path) -> None:
        """Nothing is made yet."""
        self._path = path
        self._file: int | None = None

    def take(self, *, wait: bool = False) -> bool:
        """Whether it is ours now; with *wait* it is, as soon as nobody else has it.

        Raises `ServiceError` when somebody has it for too long.
        """
        clock = Clock()
        ends = clock.monotonic() + LONGEST.total_seconds()
        self._path.parent.mkdir(exist_ok=True, mode=0o700)
        while self._file is None:
            file = os.open(self._path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if self._is_there(file):
                    self._file = file
            except BlockingIOError:
                if not wait:
                    return False
                if clock.monotonic() >= ends:
                    raise ServiceError(f"another process does not let go of {self._path}") from None
                clock.sleep(LOOK_AGAIN)
            finally:
                if self._file is None:
                    os.close(file)
        return True

    def is_ours(self) -> bool:
        """Whether we have it still."""
        return self._file is not None

    def keep_for(self, length: timedelta) -> None:
        """Nothing is to be done: it is ours as long as our process lives."""

    def is_held(self) -> bool:
        """Whether anybody has it; whoever takes it while we look may be refused."""
        try:
            file = os.open(self._path, os.O_RDONLY | os.O_CLOEXEC)
        except FileNotFoundError:
            return False
        try:
            fcntl.flock(file, fcntl.LOCK_SH | fcntl.LOCK_NB)  # shared: two may ask at the same time
        except BlockingIOError:
            return True
        finally:
            os.close(file)
        return False

    def release(self) -> None:
        """Let others have it."""
        if self._file is not None:
            self._path.unlink(missing_ok=True)
            os.close(self._file)
            self._file = None

    def _is_there(self, file: int) -> bool:
        """Whether *file* is the one at our path; who had the lock before us has removed it."""
        with suppress(FileNotFoundError):
            return os.path.samestat(os.fstat(file), self._path.stat())
        return False


class AdvisoryLock:
    """A lock in PostgreSQL, on a connection of its own; it is lost with that, and may be taken again."""

    def __init__(self, engine: Engine, name: str) -> None:
        """Nothing is connected yet."""
        self._engine = engine
        self._clock = Clock()
        self._key = key_of(name)
        self._connection: Connection | None = None
        self._backend: int | None = None  # the process of the server that holds the lock for us

    def take(self, *, wait: bool = False) -> bool:
        """Whether it is ours now; with *wait* it is, as soon as nobody else has it.

        Raises `ServiceError` when nobody can say.
        """
        if self.is_ours():
            return True
        self.release()
        try:
            self._connection = self._connected()
            while not self._connection.scalar(select(func.pg_try_advisory_lock(self._key))):
                if not wait:
                    self.release()
                    break
                self._clock.sleep(AGAIN)  # a connection that waits in the server looks like one that is dead
        except BaseException as failure:
            self.release()
            if isinstance(failure, SQLAlchemyError):
                raise ServiceError(
                    f"the database cannot say whether we are alone: {type(failure).__name__}"
                ) from None
            raise
        return self._connection is not None

    def is_ours(self) -> bool:
        """Whether we have it still, which the database is asked for."""
        if self._connection is None:
            return False
        with suppress(SQLAlchemyError):
            self._connection.execute(select(1))
            return True
        return False

    def keep_for(self, length: timedelta) -> None:
        """Have the server keep it for us so long, even when it hears nothing from this machine any more."""
        if self._connection is not None:
            seconds = str(round(length.total_seconds()))
            with suppress(SQLAlchemyError):
                self._connection.execute(select(func.set_config("tcp_keepalives_idle", seconds, False)))

    def is_held(self) -> bool:
        """Whether anybody has it."""
        with self._engine.connect() as connection:
            return bool(connection.scalar(COUNT, {"key": self._key}))

    def release(self) -> None:
        """Let others have it."""
        connection, self._connection = self._connection, None
        if connection is None:
            return
        try:
            connection.execute(select(func.pg_advisory_unlock_all()))
        except SQLAlchemyError:
            connection.invalidate()  # or the pool would keep it, and the lock with it
        finally:
            connection.close()

    def _connected(self) -> Connection:
        connection = self._engine.connect().execution_options(isolation_level="AUTOCOMMIT")
        settings = (func.set_config(name, str(value), False) for name, value in KEEPALIVES.items())
        connection.execute(select(*settings))
        if self._backend is not None:  # it may not have noticed yet that we lost the connection to it
            connection.execute(END, {"key": self._key, "pid": self._backend})
        self._backend = connection.scalar(select(func.pg_backend_pid()))
        return connection


def key_of(name: str) -> int:
    """The number that stands for *name* among the advisory locks."""
    return int.from_bytes(sha256(f"first-serve {name}".encode()).digest()[:8], signed=True)


Lock = FileLock | AdvisoryLock  # what one at a time can have, until it is released or its process dies


class Exclusive:
    """The locks of everybody who shares a database, by name."""

    def __init__(self, engine: Engine, folder: Path) -> None:
        """Files lie beside that of SQLite, or in *folder* when it has none."""
        self._engine = engine
        self._folder = folder / "locks"
        if engine.dialect.name == "sqlite" and (file := engine.url.database):
            self._folder = Path(file).absolute().parent / "locks"

    def lock(self, name: str) -> Lock:
        """The lock called *name*, which is not taken yet."""
        if self._engine.dialect.name == "sqlite":
            return FileLock(self._folder / quote(name, safe=" "))
        return AdvisoryLock(self._engine, name)

    def held_among(self, names: Iterable[str]) -> set[str]:
        """Those of *names* that somebody holds; one question for all of them."""
        if self._engine.dialect.name == "sqlite":
            return {name for name in names if self.lock(name).is_held()}
        with self._engine.connect() as connection:
            keys = set(connection.scalars(HELD))
        return {name for name in names if key_of(name) in keys}

    def forget_the_dead(self, before: datetime) -> None:
        """Remove the files of locks that were taken *before*, and whose holders died."""
        for path in self._folder.glob("*"):
            lock = FileLock(path)
            with suppress(OSError):
                if path.stat().st_mtime < before.timestamp() and lock.take():
                    lock.release()

    @contextmanager
    def held(self, name: str) -> Iterator[None]:
        """Inside, nobody else holds *name*; those before us are waited for."""
        lock = self.lock(name)
        lock.take(wait=True)
        try:
            yield
        finally:
            lock.release()

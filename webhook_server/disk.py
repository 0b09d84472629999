"""What the inbox keeps on disk: codes for ten minutes, and for three days which events were delivered."""

from __future__ import annotations

import logging
import os
import sqlite3
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path

KEEP_TEXTS = timedelta(minutes=10)
KEEP_EVENTS = timedelta(days=3)  # the most patient gateway repeats a delivery for two (SMS facts 3)
VERSION = 2  # of the tables; the first one had whole texts in them
PATIENCE = 0.5  # seconds at the start for another process to let go of the file
# What is no fault of the file's: locked, full, not ours to write, or the disk itself fails.
OF_THE_DISK = {
    sqlite3.SQLITE_BUSY,
    sqlite3.SQLITE_CANTOPEN,
    sqlite3.SQLITE_FULL,
    sqlite3.SQLITE_IOERR,
    sqlite3.SQLITE_LOCKED,
    sqlite3.SQLITE_NOMEM,
    sqlite3.SQLITE_PERM,
    sqlite3.SQLITE_READONLY,
}
FILES = ("", "-wal", "-shm")  # SQLite's, by the ends of their names

SETTINGS = (
    "PRAGMA locking_mode = EXCLUSIVE",  # nobody can lock us out; a second service on this file is refused
    "PRAGMA journal_mode = WAL",
    "PRAGMA synchronous = FULL",  # what was answered 200 survives a power cut
    "PRAGMA secure_delete = ON",  # deleted rows are overwritten
    "PRAGMA temp_store = MEMORY",  # VACUUM copies everything
)
TABLES = f"""
BEGIN;
DROP TABLE IF EXISTS texts;
CREATE TABLE texts (
    id INTEGER PRIMARY KEY AUTOINCREMENT,  -- SQLite remembers the largest one, also when its row is gone
    received_at REAL NOT NULL,  -- seconds since 1970
    recipient TEXT,  -- digits
    code TEXT
);
CREATE TABLE IF NOT EXISTS events (fingerprint TEXT PRIMARY KEY, received_at REAL NOT NULL);
PRAGMA user_version = {VERSION};
COMMIT;
"""

log = logging.getLogger(__name__)


@dataclass(frozen=True)
class KeptText:
    """What we keep of a text: what readers ask for, and no word more."""

    id: int
    received_at: float  # seconds since 1970
    recipient: str | None = field(repr=False)  # digits
    code: str | None = field(repr=False)


class Disk:
    """The file of an inbox, readable by its owner only; every method may be called from any thread.

    Whatever is wrong with the disk raises `sqlite3.Error` or OSError, and the next call tries again.
    """

    def __init__(self, path: Path, now: Callable[[], datetime]) -> None:
        """Open the file at *path*; a damaged one is set aside, for as long as texts are kept."""
        self.path = path
        self._now = now
        self._alone = threading.Lock()
        self._has_leftovers = False
        try:
            self._connection = self._open()
        except sqlite3.DatabaseError as problem:
            if getattr(problem, "sqlite_errorcode", 0) & 0xFF in OF_THE_DISK:
                raise
            self._set_aside(problem)
            self._connection = self._open()

    def read(self) -> tuple[list[KeptText], dict[str, float], int]:
        """The texts, when each event was first delivered, and the largest id ever given; oldest first."""
        with self._alone:
            texts = self._connection.execute("SELECT id, received_at, recipient, code FROM texts ORDER BY id")
            events = self._connection.execute("SELECT fingerprint, received_at FROM events ORDER BY 2")
            given = self._connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'texts'")
            return [KeptText(*row) for row in texts], dict(events), max((id_ for (id_,) in given), default=0)

    def add(self, text: KeptText, fingerprint: str) -> bool:
        """Have *text* survive a power cut; False when this event is there already."""
        with self._alone, self._connection as connection:
            event = (fingerprint, text.received_at)
            if connection.execute("INSERT OR IGNORE INTO events VALUES (?, ?)", event).rowcount == 0:
                return False
            row = (text.id, text.received_at, text.recipient, text.code)
            connection.execute("INSERT INTO texts VALUES (?, ?, ?, ?)", row)
            return True

    def forget_old(self) -> None:
        """Delete what has been kept long enough, so that nothing of it is left in any file.

        What seems to come from later than now was written when the clock was wrong.
        """
        now = self._now().timestamp()
        with self._alone:
            with self._connection as connection:
                for table, keep in (("texts", KEEP_TEXTS), ("events", KEEP_EVENTS)):
                    old = (now, keep.total_seconds())
                    deleted = connection.execute(f"DELETE FROM {table} WHERE abs(received_at - ?) > ?", old)
                    self._has_leftovers |= deleted.rowcount > 0
            if self._has_leftovers:  # where SQLite moved rows between pages
                connection.execute("VACUUM")
                self._has_leftovers = False
            connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")  # whatever was written is here as well
            for file in self._files(self._aside):
                if abs(file.stat().st_mtime - now) > KEEP_TEXTS.total_seconds():
                    file.unlink()

    def close(self) -> None:
        """Let go of the file; may be called again."""
        with self._alone:
            self._connection.close()

    def _open(self) -> sqlite3.Connection:
        self.path.touch(mode=0o600)
        self.path.chmod(0o600)  # SQLite gives its side files the same mode
        connection = sqlite3.connect(self.path, timeout=PATIENCE, check_same_thread=False)
        try:
            for setting in SETTINGS:
                connection.execute(setting)
            if connection.execute("PRAGMA quick_check").fetchall() != [("ok",)]:
                raise sqlite3.DatabaseError("the database does not pass its check")
            if connection.execute("PRAGMA user_version").fetchone()[0] != VERSION:
                connection.executescript(TABLES)
        except BaseException:
            connection.close()
            raise
        return connection

    def _set_aside(self, problem: sqlite3.DatabaseError) -> None:
        now = self._now().timestamp()
        for file in self._files(self.path):
            aside = file.rename(file.with_name(file.name.replace(self.path.name, self._aside.name)))
            aside.chmod(0o600)
            os.utime(aside, (now, now))
        log.error("%s is damaged (%s): set aside as %s, begun anew", self.path, problem, self._aside.name)

    @property
    def _aside(self) -> Path:
        return self.path.with_name(f"{self.path.name}.damaged")

    @staticmethod
    def _files(path: Path) -> list[Path]:
        return [file for end in FILES if (file := path.with_name(path.name + end)).exists()]

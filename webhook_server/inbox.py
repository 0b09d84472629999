"""Texts received, kept on disk for ten minutes; readers may wait here for the next one."""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import sqlalchemy as sa
from sqlalchemy.dialects import sqlite

from webhook_server.gateways import Text

KEEP_TEXTS = timedelta(minutes=10)
KEEP_EVENTS = timedelta(days=3)  # the most patient gateway repeats a delivery for two (SMS facts 3)
WHOLE_NUMBER = 8  # digits from which a number without its country code still means one phone

log = logging.getLogger(__name__)

_metadata = sa.MetaData()
_texts = sa.Table(
    "texts",
    _metadata,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("received_at", sa.Float, nullable=False, index=True),  # seconds since 1970
    sa.Column("gateway", sa.String, nullable=False),
    sa.Column("recipient", sa.String),  # digits
    sa.Column("sender", sa.String),
    sa.Column("text", sa.String, nullable=False),
    sa.Column("code", sa.String),
    sqlite_autoincrement=True,  # an id is never given twice, so a larger one is always a newer text
)
_events = sa.Table(
    "events",
    _metadata,
    sa.Column("fingerprint", sa.String, primary_key=True),
    sa.Column("received_at", sa.Float, nullable=False, index=True),
)

# Built once: building them takes longer than SQLite does.
_FIRST = sqlite.insert(_events).on_conflict_do_nothing()
_KEEP = sa.insert(_texts)
_NEWEST_FIRST = sa.select(_texts).where(_texts.c.id > sa.bindparam("after")).order_by(_texts.c.id.desc())
_FORGET = [
    (sa.delete(table).where(table.c.received_at < sa.bindparam("before")), keep.total_seconds())
    for table, keep in ((_texts, KEEP_TEXTS), (_events, KEEP_EVENTS))
]


@dataclass(frozen=True)
class StoredCode:
    """A one-time code and the text it came in."""

    text_id: int
    code: str = field(repr=False)
    received_at: datetime


@dataclass(eq=False)
class _WaitingReader:
    """Somebody who waits for a code to `number` in a text newer than `after`."""

    number: str  # digits
    after: int
    code: StoredCode | None = None
    arrival: threading.Event = field(default_factory=threading.Event)


class Inbox:
    """The texts of the last ten minutes; every method may be called from any thread."""

    def __init__(self, folder: Path, now: Callable[[], datetime]) -> None:
        """Open or create the inbox in *folder*, readable by its owner only."""
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        path = folder / "inbox.sqlite3"
        path.touch(mode=0o600)
        path.chmod(0o600)  # SQLite gives its side files the same mode
        self._now = now
        self._alone = threading.RLock()  # keeps threads apart: one connection, one at a time
        self._waiting: list[_WaitingReader] = []
        self._closing = False
        self._engine = sa.create_engine(sa.URL.create("sqlite", database=str(path)), hide_parameters=True)
        sa.event.listen(self._engine, "connect", _prepare)
        _metadata.create_all(self._engine)

    def add(self, text: Text) -> int | None:
        """Keep *text* and return its id once it is on disk; None if it had been delivered before."""
        recipient = digits(text.to or "") or None
        with self._alone:
            with self._engine.begin() as connection:
                now = self._forget_old(connection)
                fingerprint = hashlib.sha256(f"{text.gateway} {text.event_id}".encode()).hexdigest()
                event = {"fingerprint": fingerprint, "received_at": now}
                if connection.execute(_FIRST, event).rowcount == 0:
                    log.info("repeated delivery from %s, already known", text.gateway)
                    return None
                row = {
                    "received_at": now,
                    "gateway": text.gateway,
                    "recipient": recipient,
                    "sender": text.sender,
                    "text": text.text,
                    "code": text.code,
                }
                text_id = int(connection.execute(_KEEP, row).lastrowid)
            if text.code:
                self._hand_over(recipient, StoredCode(text_id, text.code, datetime.fromtimestamp(now, UTC)))
        whose = f"…{recipient[-2:]}" if recipient else "any number"
        code = "with a code" if text.code else "without a code"
        log.info("text %s from %s for %s, %s", text_id, text.gateway, whose, code)
        return text_id

    def newest_id(self, number: str) -> int:
        """The id of the newest text for *number*, with a code or without; 0 when there is none."""
        with self._alone, self._engine.begin() as connection:
            self._forget_old(connection)
            return next((row.id for row in _newest_first(connection, number, 0)), 0)

    def code(
        self,
        number: str,
        *,
        max_age: timedelta,
        after: int,
        wait: timedelta,
        before: int | None = None,
    ) -> StoredCode | None:
        """The newest code for *number* in a text newer than *after*; for up to *wait*, wait for one.

        With *before*, only texts older than that count, and nobody waits for them.
        """
        with self._alone:
            with self._engine.begin() as connection:
                since = self._forget_old(connection) - min(max_age, KEEP_TEXTS).total_seconds()
                for row in _newest_first(connection, number, after):
                    if row.code and row.received_at >= since and (before is None or row.id < before):
                        return StoredCode(row.id, row.code, datetime.fromtimestamp(row.received_at, UTC))
            if before is not None or self._closing or wait <= timedelta(0):
                return None
            reader = _WaitingReader(digits(number), after)
            self._waiting.append(reader)
        if not reader.arrival.wait(wait.total_seconds()):
            with self._alone:
                if reader in self._waiting:  # else the code has come in this very moment
                    self._waiting.remove(reader)
        return reader.code

    def state(self) -> tuple[int, timedelta | None]:
        """How many texts are kept, and the age of the newest."""
        with self._alone, self._engine.begin() as connection:
            now = self._forget_old(connection)
            count, newest = connection.execute(
                sa.select(sa.func.count(), sa.func.max(_texts.c.received_at))
            ).one()
        return count, None if newest is None else timedelta(seconds=now - newest)

    def stop_waiting(self) -> None:
        """Send away whoever waits for a code, now and from now on."""
        with self._alone:
            self._closing = True
            for reader in self._waiting:
                reader.arrival.set()
            self._waiting.clear()

    def close(self) -> None:
        """Let go of the file; may be called again."""
        self.stop_waiting()
        self._engine.dispose()

    def _hand_over(self, recipient: str | None, code: StoredCode) -> None:
        """Give *code* to the readers that wait for it; they need not queue for the database again."""
        for reader in list(self._waiting):
            if _is_for(recipient, reader.number) and code.text_id > reader.after:
                reader.code = code
                self._waiting.remove(reader)
                reader.arrival.set()

    def _forget_old(self, connection: sa.Connection) -> float:
        now = self._now().timestamp()
        for forget, seconds in _FORGET:
            connection.execute(forget, {"before": now - seconds})
        return now


def digits(number: str) -> str:
    """A phone number in any notation as its digits, without the zeros one dials first."""
    return re.sub(r"[^0-9]", "", number).lstrip("0")


def _newest_first(connection: sa.Connection, number: str, after: int) -> Iterator[sa.Row[Any]]:
    rows = connection.execute(_NEWEST_FIRST, {"after": after})
    return (row for row in rows if _is_for(row.recipient, digits(number)))


def _is_for(recipient: str | None, number: str) -> bool:
    """Whether these digits are one phone, with or without the country code; no recipient is anybody."""
    if recipient is None or recipient == number:
        return True
    shorter, longer = sorted((recipient, number), key=len)
    return len(shorter) >= WHOLE_NUMBER and longer.endswith(shorter)


def _prepare(connection: sqlite3.Connection, _record: object) -> None:
    connection.execute("PRAGMA journal_mode = WAL")
    connection.execute("PRAGMA synchronous = FULL")  # what was answered 200 survives a power cut
    connection.execute("PRAGMA secure_delete = ON")  # deleted texts are overwritten

"""Texts received, kept for ten minutes; readers may wait here for the next one."""

from __future__ import annotations

import hashlib
import logging
import re
import sqlite3
import threading
from collections import deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from webhook_server.disk import KEEP_EVENTS, KEEP_TEXTS, Disk, KeptText
from webhook_server.gateways import Text

WHOLE_NUMBER = 8  # digits from which a number without its country code still means one phone
OFTEN = timedelta(minutes=1)  # how often an idle inbox looks for what it should forget
JUST_AFTER = timedelta(milliseconds=10)

log = logging.getLogger(__name__)


class NotKept(Exception):
    """A text that readers get, but that is not on disk; its gateway should deliver it again."""


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
    """The texts of the last ten minutes; every method may be called from any thread.

    Readers are answered from memory and never wait for the disk, which is there for the next start.
    """

    def __init__(self, folder: Path, now: Callable[[], datetime], *, often: timedelta = OFTEN) -> None:
        """Open or create the inbox in *folder*, readable by its owner only.

        Raises OSError or `sqlite3.Error` when nothing can be kept there.
        """
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        self._now = now
        self._often = often
        self._alone = threading.Lock()  # for all that follows, but never while the disk is at work
        self._disk = Disk(folder / "inbox.sqlite3", now)
        self._disk.forget_old()
        texts, self._events, self._newest = self._disk.read()
        self._texts = deque(texts)  # oldest first
        self._unwritten: dict[str, KeptText] = {}  # by fingerprint; usually on its way to the disk
        self._waiting: list[_WaitingReader] = []
        self._closed = threading.Event()
        self._keeper = threading.Thread(target=self._forget_in_time, name="inbox", daemon=True)
        self._keeper.start()

    def add(self, text: Text) -> int | None:
        """Give *text* to its readers, and return its id once it is on disk; None if it was there before.

        Raises `NotKept` when the disk does not take it.
        """
        recipient = digits(text.to or "") or None
        fingerprint = hashlib.sha256(f"{text.gateway} {text.event_id}".encode()).hexdigest()
        with self._alone:
            now = self._forget_old()
            kept = self._unwritten.get(fingerprint)  # its gateway delivers again, as it was told to
            if kept is None and fingerprint not in self._events:
                kept = KeptText(self._next_id(now), now, recipient, text.code)
                self._texts.append(kept)
                self._events[fingerprint] = now
                self._unwritten[fingerprint] = kept
                self._hand_over(kept)
        if kept is None:
            log.info("repeated delivery from %s, already known", text.gateway)
            return None
        try:
            is_new = self._disk.add(kept, fingerprint)
        except (sqlite3.Error, OSError) as problem:
            log.error("text %s from %s cannot be written to disk: %s", kept.id, text.gateway, problem)
            raise NotKept from None
        with self._alone:
            self._unwritten.pop(fingerprint, None)
        whose = f"…{recipient[-2:]}" if recipient else "any number"
        code = "with a code" if text.code else "without a code"
        log.info("text %s from %s for %s, %s", kept.id, text.gateway, whose, code)
        return kept.id if is_new else None

    def newest(self, number: str) -> KeptText | None:
        """The newest text for *number*, with a code or without."""
        with self._alone:
            self._forget_old()
            return next(self._newest_first(number, 0), None)

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
            since = self._forget_old() - min(max_age, KEEP_TEXTS).total_seconds()
            for text in self._newest_first(number, after):
                if text.code and text.received_at >= since and (before is None or text.id < before):
                    return _stored(text, text.code)
            if before is not None or self._closed.is_set() or wait <= timedelta(0):
                return None
            reader = _WaitingReader(digits(number), after)
            self._waiting.append(reader)
        if not reader.arrival.wait(wait.total_seconds()):
            with self._alone:
                if reader in self._waiting:  # else the code has come in this very moment
                    self._waiting.remove(reader)
        return reader.code

    def age_of_newest(self) -> timedelta | None:
        """How long ago any text came last, also one that is forgotten; None when none ever came."""
        with self._alone:
            if not self._newest:
                return None
            return max(self._now() - datetime.fromtimestamp(self._newest / 1000, UTC), timedelta(0))

    def state(self) -> tuple[int, timedelta | None]:
        """How many texts are kept, and the age of the newest."""
        with self._alone:
            now = self._forget_old()
            newest = self._texts[-1].received_at if self._texts else None
            return len(self._texts), None if newest is None else timedelta(seconds=now - newest)

    def stop_waiting(self) -> None:
        """Send away whoever waits for a code, now and from now on."""
        with self._alone:
            self._closed.set()
            for reader in self._waiting:
                reader.arrival.set()
            self._waiting.clear()

    def close(self) -> None:
        """Let go of the file; may be called again."""
        self.stop_waiting()
        self._keeper.join()
        self._disk.close()

    def _next_id(self, now: float) -> int:
        """Milliseconds since 1970, or one more than the last id: it grows though the disk forgot that one."""
        self._newest = max(self._newest + 1, int(now * 1000))
        return self._newest

    def _hand_over(self, text: KeptText) -> None:
        """Give the code in *text* to the readers that wait for it."""
        for reader in list(self._waiting):
            if text.code and text.id > reader.after and _is_for(text.recipient, reader.number):
                reader.code = _stored(text, text.code)
                self._waiting.remove(reader)
                reader.arrival.set()

    def _newest_first(self, number: str, after: int) -> Iterator[KeptText]:
        wanted = digits(number)
        for text in reversed(self._texts):
            if text.id <= after:
                return
            if _is_for(text.recipient, wanted):
                yield text

    def _forget_old(self) -> float:
        """Nobody is shown a text that is too old; returns what time it is."""
        now = self._now().timestamp()
        while self._texts and self._texts[0].received_at < now - KEEP_TEXTS.total_seconds():
            self._texts.popleft()
        return now

    def _forget_in_time(self) -> None:
        """Delete texts from disk when they are too old, though nobody asks for anything."""
        while not self._closed.wait(self._until_due().total_seconds()):
            try:
                self._disk.forget_old()
            except (sqlite3.Error, OSError) as problem:
                log.error("old texts cannot be deleted from disk: %s", problem)
            with self._alone:
                now = self._now().timestamp()
                self._texts = deque(text for text in self._texts if _is_kept(text, now))
                self._unwritten = {
                    event: text for event, text in self._unwritten.items() if _is_kept(text, now)
                }
                self._events = {
                    event: at for event, at in self._events.items() if now - at <= KEEP_EVENTS.total_seconds()
                }

    def _until_due(self) -> timedelta:
        """How long the oldest text may stay; no longer than it takes a new one to get too old."""
        with self._alone:
            if not self._texts:
                return self._often
            age = self._now().timestamp() - self._texts[0].received_at
        return min(self._often, max(KEEP_TEXTS - timedelta(seconds=age), timedelta(0)) + JUST_AFTER)


def digits(number: str) -> str:
    """A phone number in any notation as its digits, without the zeros one dials first."""
    return re.sub(r"[^0-9]", "", number).lstrip("0")


def _is_for(recipient: str | None, number: str) -> bool:
    """Whether these digits are one phone, with or without the country code; no recipient is anybody."""
    if recipient is None or recipient == number:
        return True
    shorter, longer = sorted((recipient, number), key=len)
    return len(shorter) >= WHOLE_NUMBER and longer.endswith(shorter)


def _is_kept(text: KeptText, now: float) -> bool:
    """Whether it is young enough; what seems to come from the future came when the clock was wrong."""
    return abs(now - text.received_at) <= KEEP_TEXTS.total_seconds()


def _stored(text: KeptText, code: str) -> StoredCode:
    return StoredCode(text.id, code, datetime.fromtimestamp(text.received_at, UTC))

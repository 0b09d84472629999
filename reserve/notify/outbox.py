"""Where notices lie until every channel has been told: files, as the store may be what fails.

A notice is on the disk before anybody is told, and leaves only when it is over for every channel.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from secrets import token_hex
from typing import Any
from urllib.parse import quote

from reserve.clock import Clock
from reserve.notify.notice import Notice, notice_in

FOLDER, TOLD, TURN, LOCK = "outbox", "told", "turn", "lock"
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=5), timedelta(minutes=30)
LOOK = timedelta(milliseconds=200)  # so often is looked whether it is our turn
LONGEST_WAIT = timedelta(minutes=2)  # for it; a try takes less
MOST_TRIES = 60  # for one channel; with these pauses a little more than a day


@dataclass
class Progress:
    """How far telling one channel is; `tries` counts those that began, so that a kill counts, too."""

    name: str
    tries: int = 0
    again: str | None = None  # a moment: no sooner
    told: str | None = None  # a moment
    why: str | None = None  # it was not told, the last time
    is_given_up: bool = False

    @property
    def is_over(self) -> bool:
        """Whether nothing is to be done any more."""
        return self.told is not None or self.is_given_up

    def wakes(self) -> datetime | None:
        """When it is to be tried again, None for at once."""
        return datetime.fromisoformat(self.again) if self.again else None

    def __str__(self) -> str:
        """Say it to a person."""
        if self.told:
            return f"{self.name}: told at {datetime.fromisoformat(self.told):%Y-%m-%d %H:%M:%S} UTC"
        tries = "1 try" if self.tries == 1 else f"{self.tries} tries"
        state = "given up" if self.is_given_up else "will be tried again"
        return f"{self.name}: not told ({self.why or 'cut off'}; {tries}; {state})"


@dataclass
class Entry:
    """A notice in the outbox, and how far each channel is, by its key."""

    notice: Notice
    progress: dict[str, Progress] = field(default_factory=dict)

    def as_text(self) -> str:
        """What `entry_in` reads."""
        told = {key: asdict(each) for key, each in self.progress.items()}
        return json.dumps({"notice": self.notice.as_json(), "progress": told}, ensure_ascii=False)


def entry_in(text: str) -> Entry | None:
    """The entry in *text*; None when there is none, as in a file of somebody else's."""
    try:
        body: dict[str, Any] = json.loads(text)
        progress = {str(key): Progress(**each) for key, each in body["progress"].items()}
        return Entry(notice_in(body["notice"]), progress)
    except (ValueError, KeyError, TypeError, AttributeError):
        return None


def pause_after(tries: int) -> timedelta:
    """How long a channel is left alone after so many *tries*."""
    doubled: int = 2 ** min(tries - 1, 20)
    return min(FIRST_PAUSE * doubled, LONGEST_PAUSE)


class Outbox:
    """The notices of one data folder, for the player's eyes only."""

    def __init__(self, data: Path) -> None:
        """Nothing is made yet."""
        self.folder = data / FOLDER
        self._name = token_hex(8)  # not the number of the process: two containers may share a folder

    def put(self, notice: Notice) -> bool:
        """Have *notice* on the disk when this returns; False when it is known. Raises `OSError`."""
        if any(path.exists() for path in (self._path(notice), self._path(notice, TOLD))):
            return False
        self._make_folders()
        self.save(Entry(notice))
        return True

    def save(self, entry: Entry) -> None:
        """Have *entry* on the disk as it is now, or as it was; raises `OSError`."""
        path = self._path(entry.notice)
        new = path.with_name(f".{path.name}.{self._name}")
        descriptor = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC, 0o600)
        with os.fdopen(descriptor, "w", encoding="utf-8", errors="surrogatepass") as file:
            file.write(entry.as_text())
            file.flush()
            os.fsync(file.fileno())
        self._move(new, path)

    def finish(self, entry: Entry) -> None:
        """Keep *entry* as what is over; where the disk is too full for that, it is forgotten instead."""
        path = self._path(entry.notice)
        try:
            self.save(entry)
            self._move(path, self._path(entry.notice, TOLD))
        except OSError:
            with suppress(OSError):
                path.unlink()

    def pending(self) -> list[Entry]:
        """What is still to be told, oldest first."""
        return self._entries(self.folder)

    def told(self, run_id: str | None = None) -> list[Entry]:
        """What is over, oldest first; with *run_id*, of this run only."""
        return [each for each in self._entries(self.folder / TOLD) if run_id in (None, each.notice.run_id)]

    def is_overdue(self, now: datetime) -> bool:
        """Whether something should have been told long ago by a process that is no more."""
        late = now - 2 * timedelta(minutes=1)
        return any(_is_waiting(entry, late) for entry in self.pending())

    def forget(self, before: datetime) -> None:
        """Remove what was over *before*, and what a process left that was killed while it wrote."""
        for path in [*self._files(self.folder / TOLD, ".json"), *self._files(self.folder, "")]:
            with suppress(OSError):
                is_left = path.parent.name == TOLD or path.name.startswith(".")
                if is_left and path.stat().st_mtime < before.timestamp():
                    path.unlink()

    @contextmanager
    def turn(self, clock: Clock) -> Iterator[bool]:
        """Whether it is for us to tell: inside, nobody else does. The newest process knows the settings best.

        So the one before is asked to end, and waited for; it does not while the disk is too full for what it
        still has to tell. Where that keeps us from asking, we tell all the same.
        """
        descriptor = None
        try:
            with suppress(OSError):
                self._make_folders()
                (self.folder / TURN).write_text(self._name)
                descriptor = os.open(self.folder / LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
            yield descriptor is None or self._waited_for(descriptor, clock)
        finally:
            if descriptor is not None:
                os.close(descriptor)

    def _waited_for(self, descriptor: int, clock: Clock) -> bool:
        ends = clock.now() + LONGEST_WAIT
        while True:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except OSError:
                if clock.now() > ends or not self.is_ours():
                    return False
                clock.sleep(LOOK)
            else:
                return True

    def is_ours(self) -> bool:
        """Whether no newer process waits for its turn."""
        try:
            return (self.folder / TURN).read_text() in ("", self._name)
        except OSError:
            return True

    def _make_folders(self) -> None:
        self.folder.parent.mkdir(parents=True, exist_ok=True)
        for folder in (self.folder, self.folder / TOLD):
            folder.mkdir(mode=0o700, exist_ok=True)

    def _move(self, path: Path, target: Path) -> None:
        path.replace(target)

    def _path(self, notice: Notice, folder: str = "") -> Path:
        return self.folder / folder / f"{quote(notice.id, safe=' @:')}.json"

    def _entries(self, folder: Path) -> list[Entry]:
        found = []
        for path in self._files(folder, ".json"):
            with suppress(OSError, ValueError):
                entry = entry_in(path.read_text(encoding="utf-8", errors="surrogatepass"))
                found += [entry] if entry else []
        return sorted(found, key=lambda each: (each.notice.at, each.notice.id))

    def _files(self, folder: Path, ending: str) -> list[Path]:
        try:
            return [each for each in folder.iterdir() if each.is_file() and each.name.endswith(ending)]
        except OSError:
            return []


def _is_waiting(entry: Entry, moment: datetime) -> bool:
    if (entry.notice.not_before or entry.notice.at) > moment:
        return False
    wakes = [each.wakes() for each in entry.progress.values() if not each.is_over]
    return not wakes or any(wake is None or wake <= moment for wake in wakes)

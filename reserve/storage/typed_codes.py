"""Codes that the player types at this machine: a mailbox for each run that waits for one, in the data folder.

A mailbox is there only while its run waits. What is put into it is gone as soon as the run takes it, or ends.
"""

from __future__ import annotations

import os
from collections.abc import Callable, Collection
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reserve.errors import ServiceError
from reserve.storage.exclusive import FileLock

FOLDER, OPEN, LETTER = "typed codes", ".open", ".code"
FRESH = timedelta(minutes=2)  # no code lives longer (rec.us facts 3.2)
MOMENT = "%Y%m%dT%H%M%S.%f"


class Mailbox:
    """Where one run finds what the player types; trouble with it costs no court."""

    def __init__(self, data: Path, run_id: str, now: Callable[[], datetime]) -> None:
        """Nothing is made yet."""
        self._folder, self._run_id, self._now = data / FOLDER, run_id, now
        self._lock = FileLock(self._folder / f"{run_id}{OPEN}")

    def open(self) -> None:
        """Take codes in from now on; what was put in before is thrown away."""
        with suppress(OSError, ServiceError):
            self._folder.mkdir(mode=0o700, parents=True, exist_ok=True)
            if not self.is_open and self._lock.take():
                self._emptied()

    @property
    def is_open(self) -> bool:
        """Whether codes are taken in."""
        return self._lock.is_ours()

    def take(self) -> list[str]:
        """The codes that came in since the last time, oldest first."""
        with suppress(OSError):
            return self._emptied()
        return []

    def close(self) -> None:
        """Take nothing in any more."""
        with suppress(OSError):
            self._emptied()
            self._lock.release()

    def _emptied(self) -> list[str]:
        found = []
        for path in sorted(self._folder.glob(f"{self._run_id} *{LETTER}")):
            typed_at = datetime.strptime(path.stem.partition(" ")[2], MOMENT).replace(tzinfo=UTC)
            if self._now() - typed_at <= FRESH:
                found.append(path.read_text())
            path.unlink()
        return found


def waiting(data: Path) -> list[str]:
    """The ids of the runs of this machine that take codes in; what a killed one left is tidied up."""
    folder, found = data / FOLDER, []
    for path in sorted(folder.glob(f"*{OPEN}")):
        run_id = path.name.removesuffix(OPEN)
        if FileLock(path).is_held():
            found.append(run_id)
        else:  # its run was killed
            for left in (path, *folder.glob(f"{run_id} *")):
                left.unlink(missing_ok=True)
    return found


def hand_over(data: Path, digits: str, now: datetime, *, to: Collection[str] | None = None) -> int:
    """Put *digits* into every open mailbox, or those of the runs *to*; returns how many; raises `OSError`."""
    folder = data / FOLDER
    runs = [run_id for run_id in waiting(data) if to is None or run_id in to]
    for run_id in runs:
        letter = folder / f"{run_id} {now.astimezone(UTC):{MOMENT}}{LETTER}"
        part = letter.with_suffix(".part")
        with os.fdopen(os.open(part, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as file:
            file.write(digits)
        part.replace(letter)  # so that nobody reads half of it
    return len(runs)

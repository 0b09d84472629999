"""A log that several processes write and nobody tidies: every line says when, and of which plan and run."""

from __future__ import annotations

import fcntl
import io
import os
import stat
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import TextIO

MOMENT = "%Y-%m-%d %H:%M:%S%z"  # how every line begins, in the zone of this machine
LARGEST = 1_000_000  # bytes, some ten thousand lines; then it becomes the old one
OLD = ".1"


class LogFile(io.TextIOBase):
    """What is printed, line by line at the end of a file, for its owner only; `about` says what it is about.

    The file is opened for each line, as another process may have put a new one in its place. While it cannot
    be written, lines go to *otherwise*.
    """

    def __init__(self, path: Path, now: Callable[[], datetime], otherwise: TextIO | None) -> None:
        """Nothing is written yet."""
        self.about: dict[str, str] = {}
        self._path = path
        self._now = now
        self._otherwise = otherwise
        self._rest = ""
        self._alone = threading.RLock()  # a signal may come while a line is written, and have one to write

    def write(self, text: str, /) -> int:
        """Write the lines that *text* completes."""
        with self._alone:
            *lines, self._rest = (self._rest + text).split("\n")
            if whole := [line for line in lines if line.strip()]:
                self._append(whole)
        return len(text)

    def _append(self, lines: list[str]) -> None:
        about = ", ".join(f"{name} {which}" for name, which in self.about.items())
        beginning = f"{self._now().astimezone():{MOMENT}} {about + ': ' if about else ''}"
        text = "".join(f"{beginning}{line}\n" for line in lines)
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_CLOEXEC, 0o600)
            try:
                os.write(file, text.encode(errors="backslashreplace"))
                self._look_after(file)
            finally:
                os.close(file)
        except OSError:
            if self._otherwise is not None:  # closed before we began
                self._otherwise.write(text)
                self._otherwise.flush()

    def _look_after(self, file: int) -> None:
        """Keep others from reading it, and begin a new one when it is large, whoever writes it beside us."""
        found = os.fstat(file)
        if not stat.S_ISREG(found.st_mode):
            return
        with suppress(OSError):  # it is not ours, or another process is about to do the same
            if found.st_mode & 0o077:  # the shell of a cron line made it
                os.fchmod(file, 0o600)
            if found.st_size > LARGEST:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
                if os.path.samestat(found, self._path.stat()):
                    self._path.replace(f"{self._path}{OLD}")


def write_to(path: Path, now: Callable[[], datetime]) -> None:
    """From here on, have what this process prints go into the log at *path*."""
    sys.stdout = sys.stderr = LogFile(path, now, sys.stderr)


def lines_are_about(**names: object) -> None:
    """From here on, have lines of this process's log begin with *names*: plan 3; nothing without a log."""
    if isinstance(sys.stdout, LogFile):
        sys.stdout.about.update({name: str(which) for name, which in names.items()})

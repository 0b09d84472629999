"""The files that one run leaves for whoever wants to know what happened; nothing in them is secret."""

from __future__ import annotations

import json
import re
import traceback
from collections.abc import Iterable
from contextlib import suppress
from datetime import datetime
from itertools import count
from pathlib import Path

from reserve.errors import UsageError
from reserve.model import RivalHold
from reserve.redaction import MASK, Secrets

PERSONAL = re.compile(r"[^\s\"@]{1,64}@[^\s\"@]+|\beyJ[\w-]+\.[\w.-]+|\+?\d[\d ().-]{8,40}\d")
LONGEST = 20_000  # characters of an answer that are worth keeping
STEPS, RIVALS, BUG, CALENDAR = "timeline.jsonl", "rivals.json", "bug.txt", "reservation.ics"
KEPT = ("unknown-*.txt", "page-*.png", BUG)


class RunFolder:
    """The folder of one run; a full disk is no reason to lose a court, so nothing here raises OSError."""

    def __init__(self, data: Path, run_id: str, secrets: Secrets) -> None:
        """Make the folder, in which nothing that *secrets* knows is written."""
        self.path = folder_of(data, run_id)
        self._secrets = secrets
        self._numbers = count(1)
        with suppress(OSError):
            self.path.mkdir(parents=True, exist_ok=True)

    def keep_answer(self, asked: str, text: str) -> Path:
        """Keep the answer *text*, which nobody understood, without what it says about people."""
        path = self.path / f"unknown-{next(self._numbers)}.txt"
        self._write(path, f"{asked}\n\n{PERSONAL.sub(MASK, self._secrets.mask(text)[:LONGEST])}\n")
        return path

    def keep_steps(self, steps: Iterable[tuple[datetime, str, str]]) -> None:
        """Keep each step of the run: its moment, its stamp and what it says."""
        lines = [
            json.dumps({"at": moment.isoformat(), "stamp": stamp, "step": text})
            for moment, stamp, text in steps
        ]
        self._write(self.path / STEPS, "".join(line + "\n" for line in lines))

    def keep_rivals(self, rivals: Iterable[RivalHold]) -> None:
        """Keep who else had which court when, as the simulator of a rehearsal knows it."""
        rows = [{"at": each.moment.isoformat(), "court": each.court} for each in rivals]
        self._write(self.path / RIVALS, json.dumps(rows))

    def keep_bug(self, failure: BaseException) -> None:
        """Keep the traceback of a bug."""
        self._write(self.path / BUG, self._secrets.mask("".join(traceback.format_exception(failure))))

    def keep_calendar(self, text: str) -> None:
        """Keep the calendar file of what the run reserved, or cancelled."""
        self._write(self.path / CALENDAR, text)

    def remove_if_empty(self) -> None:
        """Leave no folder behind when there is nothing in it."""
        with suppress(OSError):
            self.path.rmdir()

    def _write(self, path: Path, text: str) -> None:
        with suppress(OSError):
            path.write_text(text, encoding="utf-8", errors="replace")  # half of an emoji is no reason either


def folder_of(data: Path, run_id: str) -> Path:
    """Where the run *run_id* leaves its files."""
    return data / "runs" / run_id


def calendar_of(data: Path, run_id: str) -> str | None:
    """The calendar file that a run kept, if it did."""
    try:
        return (folder_of(data, run_id) / CALENDAR).read_bytes().decode("utf-8", "replace")
    except OSError:
        return None


def calendars(data: Path) -> dict[str, str]:
    """The calendar files of all runs that kept one, by the run's id."""
    found = {path.parent.name: path for path in sorted(folder_of(data, "").glob(f"*/{CALENDAR}"))}
    return {run_id: text for run_id in found if (text := calendar_of(data, run_id)) is not None}


def kept_of(data: Path, run_id: str) -> list[Path]:
    """What a run kept for whoever mends this program: answers and pages that nobody knew, and a bug."""
    folder = folder_of(data, run_id)
    return sorted(each for pattern in KEPT for each in folder.glob(pattern))


def steps_of(data: Path, run_id: str) -> list[dict[str, str]]:
    """The steps that a run kept, as far as they can be read: each with its moment, stamp and words.

    Raises `UsageError` when a file is in the place of the folders of all runs.
    """
    try:
        lines = (folder_of(data, run_id) / STEPS).read_bytes().split(b"\n")
    except NotADirectoryError:
        raise UsageError(
            f"RESERVE_DATA: {data / 'runs'} is a file where a folder should be; move it"
        ) from None
    except OSError:
        return []
    found = []
    for line in lines:
        with suppress(ValueError):  # one that was cut off, with the machine's power
            step = json.loads(line)
            if isinstance(step, dict) and step.keys() >= {"at", "stamp", "step"}:
                found.append({name: str(text) for name, text in step.items()})
    return found


def rivals_of(data: Path, run_id: str) -> list[RivalHold]:
    """Who else had which court when, of a rehearsal; nothing when that cannot be read."""
    found = []
    with suppress(OSError, ValueError, TypeError, KeyError):
        for row in json.loads((folder_of(data, run_id) / RIVALS).read_bytes()):
            moment = datetime.fromisoformat(row["at"])
            if moment.utcoffset() is not None:
                found.append(RivalHold(moment, str(row["court"])))
    return found

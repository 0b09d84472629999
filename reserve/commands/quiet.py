"""Minutes in which `due` has nothing to do, known without opening the database, which is most of its work."""

from __future__ import annotations

import json
import os
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

MARK = "due.quiet"
LONGEST = timedelta(minutes=5)  # so late may be what is due by no plan: renewing sign-ins, forgetting
DATABASE = ("reserve.sqlite3", "reserve.sqlite3-wal")

State = list[list[int]]  # of the files of the database


def state(data: Path) -> State:
    """What changes when anybody writes into the database in the folder *data*."""
    found = []
    for name in DATABASE:
        with suppress(FileNotFoundError):
            file = (data / name).stat()
            if file.st_size:
                found.append([file.st_ino, file.st_size, file.st_mtime_ns])
    return found


def is_quiet(data: Path, now: datetime) -> bool:
    """Whether a tick found nothing to do until some moment after *now*, and nobody has written since."""
    try:
        since, until, seen = json.loads((data / MARK).read_text())
        return bool(since <= now.timestamp() < until and seen == state(data))
    except (OSError, ValueError, TypeError):
        return False


def note(data: Path, now: datetime, until: datetime, before: State) -> None:
    """Keep that nothing is to be done before *until*, if the database is as it was *before* we looked."""
    mark, new = data / MARK, data / f"{MARK}.{os.getpid()}"
    with suppress(OSError):  # then the next tick looks again
        if before and state(data) == before:
            new.write_text(json.dumps([now.timestamp(), min(until, now + LONGEST).timestamp(), before]))
            new.replace(mark)
        else:
            mark.unlink(missing_ok=True)

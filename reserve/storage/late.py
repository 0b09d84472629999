"""What could not be written into the store in time: kept in files beside it, and brought in later.

Bringing something in twice does no harm, so that whoever is killed between the two loses nothing.
"""

from __future__ import annotations

import fcntl
import json
import os
from collections.abc import Mapping, Sequence
from contextlib import suppress
from datetime import datetime
from pathlib import Path
from typing import Any
from urllib.parse import quote

from sqlalchemy import Connection, Engine, Table, delete, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from reserve.storage.schema import ACTIONS, OCCURRENCES, OPENINGS, RUNS, Moment

FOLDER = "late"
LATEST = 8  # openings of a facility that are kept

Entry = Mapping[str, Any]  # the name of its table, and the values of a row


def begun(**values: Any) -> Entry:
    """A run that began."""
    return {"table": "runs", "row": values}


def done(**values: Any) -> Entry:
    """An action of a run."""
    return {"table": "actions", "row": values}


def ended(run_id: str, **values: Any) -> Entry:
    """What became of a run."""
    return {"table": "runs", "key": {"run_id": run_id}, "row": values}


def served(key: Mapping[str, Any], **values: Any) -> Entry:
    """How the occurrence of a plan ended that has this *key*."""
    return {"table": "occurrences", "key": dict(key), "row": values}


def opened(**values: Any) -> Entry:
    """What an opening of a facility showed."""
    return {"table": "openings", "row": values}


TABLES: dict[str, Table] = {each.name: each for each in (RUNS, ACTIONS, OCCURRENCES, OPENINGS)}
TABLES["opening_delays"] = OPENINGS  # in a file of the version before


def write(engine: Engine, entries: Sequence[Entry], *, again: bool = False) -> None:
    """Write *entries* into the store; those that are there already are left out when it is done *again*.

    One that contradicts the store, as nothing we know of does, keeps none of the others out.
    """
    try:
        with engine.begin() as connection:
            _write(connection, entries, again)
    except IntegrityError:
        for entry in entries:
            with suppress(IntegrityError), engine.begin() as connection:
                _write(connection, [entry], again)


def _write(connection: Connection, entries: Sequence[Entry], again: bool) -> None:
    for entry in entries:
        table, row = TABLES[entry["table"]], entry["row"]
        if key := entry.get("key"):
            is_it = [table.c[name] == value for name, value in key.items()]
            connection.execute(update(table).where(*is_it).values(**row))
            continue
        is_opening = table is OPENINGS  # of which other runs may have told
        known_by = ("facility", "learned") if is_opening else row
        same = select(1).select_from(table).where(*(table.c[name] == row[name] for name in known_by))
        if not (again or is_opening) or connection.execute(same).first() is None:
            connection.execute(insert(table).values(**row))
        if is_opening:
            _forget_all_but_the_latest(connection, row["facility"])


def _forget_all_but_the_latest(connection: Connection, facility: str) -> None:
    its_own = OPENINGS.c.facility == facility
    latest = select(OPENINGS.c.learned).where(its_own).order_by(OPENINGS.c.learned.desc()).limit(LATEST)
    oldest = min(connection.execute(latest).scalars())
    connection.execute(delete(OPENINGS).where(its_own, OPENINGS.c.learned < oldest))


class LateFile:
    """The file of one process for what it could not write in time; there is none until then."""

    def __init__(self, data: Path, name: str) -> None:
        """Nothing is made yet."""
        self.path = data / FOLDER / f"{quote(name, safe='')}.jsonl"
        self._file: int | None = None

    def keep(self, entries: Sequence[Entry]) -> None:
        """Have *entries* on the disk when this returns; raises `OSError`."""
        if self._file is None:
            self.path.parent.mkdir(mode=0o700, exist_ok=True)
            self._file = os.open(self.path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)
            fcntl.flock(self._file, fcntl.LOCK_EX)  # so that nobody brings it in while it grows
        text = "".join(json.dumps(entry, default=_plain) + "\n" for entry in entries)
        os.write(self._file, text.encode())
        os.fsync(self._file)

    def remove(self) -> None:
        """Everything is in the store by now."""
        if self._file is not None:
            self.path.unlink(missing_ok=True)
        self.close()

    def close(self) -> None:
        """Leave the file for others to bring in."""
        if self._file is not None:
            os.close(self._file)
            self._file = None


def bring_in(engine: Engine, data: Path) -> None:
    """Write what earlier processes could not, unless the store still does not answer."""
    try:
        paths = list((data / FOLDER).iterdir())
    except OSError:
        return
    for path in paths:
        with suppress(OSError, SQLAlchemyError), path.open("rb") as file:
            fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            write(engine, _entries(file.read()), again=True)
            path.unlink()


def _entries(content: bytes) -> list[Entry]:
    """The entries of a file; the last line may be cut off, and is not one then."""
    found = []
    for line in content.split(b"\n")[:-1]:
        entry = json.loads(line)
        columns = TABLES[entry["table"]].c
        for values in (entry["row"], entry.get("key", {})):
            for name, value in values.items():
                if isinstance(columns[name].type, Moment) and value is not None:
                    values[name] = datetime.fromisoformat(value)
        found.append(entry)
    return found


def _plain(value: object) -> str:
    if isinstance(value, datetime):
        return value.isoformat()
    raise TypeError(f"{type(value).__name__} is not kept")

"""What is forgotten: runs and what they did, after a time, and what dead processes left."""

from __future__ import annotations

import re
import shutil
from collections import Counter
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection, delete, insert, select, update

from reserve.storage.database import Store
from reserve.storage.run_folder import folder_of
from reserve.storage.runs import RunStore
from reserve.storage.schema import ACTIONS, OCCURRENCES, OPENINGS, RUN_TOTALS, RUNS

RUN_ID = re.compile(r"\d{8}T\d{6}-\w+")


def prune(store: Store, data: Path, before: datetime, *, most: int) -> None:
    """Forget what ended *before*, and more than *most* runs, of which only totals are kept.

    A run that is under way is left alone. One that was cut off is left to the player's next run, unless it
    is as old as that.
    """
    surplus = select(RUNS.c.run_id).order_by(RUNS.c.started.desc()).offset(most)
    with store.engine.connect() as connection:
        old = set(connection.scalars(select(RUNS.c.run_id).where(RUNS.c.started < before)))
        ended = select(RUNS.c.run_id).where(RUNS.c.ended.is_not(None))
        old |= set(connection.scalars(surplus)) & set(connection.scalars(ended))
    old -= RunStore(store).alive(old)
    with store.engine.begin() as connection:
        _count(connection, old)
        for table in (ACTIONS, RUNS):
            connection.execute(delete(table).where(table.c.run_id.in_(old)))
        connection.execute(delete(OCCURRENCES).where(OCCURRENCES.c.ended < before))
        connection.execute(delete(OPENINGS).where(OPENINGS.c.learned < before))
    store.exclusive.forget_the_dead(before)
    with suppress(OSError):
        runs = sorted(path.name for path in folder_of(data, "").iterdir() if RUN_ID.fullmatch(path.name))
        past = {name for name in runs if name < f"{before:%Y%m%dT%H%M%S}"} | set(runs[:-most])
        for name in past - RunStore(store).alive(past):
            shutil.rmtree(folder_of(data, name), ignore_errors=True)


def _count(connection: Connection, old: set[str]) -> None:
    """Add the runs that are about to be forgotten to the totals of their facility and cause."""
    query = select(RUNS.c.facility, RUNS.c.cause, RUNS.c.exit_code).where(RUNS.c.run_id.in_(old))
    counts = Counter(
        (row.facility or "", _word(row.cause, row.exit_code)) for row in connection.execute(query)
    )
    for (facility, cause), number in counts.items():
        is_it = (RUN_TOTALS.c.facility == facility) & (RUN_TOTALS.c.cause == cause)
        more = update(RUN_TOTALS).where(is_it).values(runs=RUN_TOTALS.c.runs + number)
        if not connection.execute(more).rowcount:
            connection.execute(insert(RUN_TOTALS).values(facility=facility, cause=cause, runs=number))


def _word(cause: str | None, exit_code: int | None) -> str:
    """Why such a run has no reservation; empty when it has one."""
    if cause is not None:
        return cause
    from reserve.causes.cause import cause_of  # takes long to load, for what only older runs need

    known = cause_of(None, exit_code)
    return known.word if known else ""

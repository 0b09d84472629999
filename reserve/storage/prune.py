"""What is forgotten: runs and what they did, after a time, and what dead processes left."""

from __future__ import annotations

import re
import shutil
from contextlib import suppress
from datetime import datetime
from pathlib import Path

from sqlalchemy import delete, select

from reserve.storage.database import Store
from reserve.storage.run_folder import folder_of
from reserve.storage.runs import RunStore
from reserve.storage.schema import ACTIONS, OCCURRENCES, OPENING_DELAYS, RUNS

MOST = 10_000  # runs and folders of runs that are kept, however young; a life of playing every day
RUN_ID = re.compile(r"\d{8}T\d{6}-\w+")


def prune(store: Store, data: Path, before: datetime, *, most: int = MOST) -> None:
    """Forget what ended *before*, and more than *most* runs; a run that is under way is left alone.

    One that was cut off is left to the player's next run, unless it is as old as that.
    """
    surplus = select(RUNS.c.run_id).order_by(RUNS.c.started.desc()).offset(most)
    with store.engine.connect() as connection:
        old = set(connection.scalars(select(RUNS.c.run_id).where(RUNS.c.started < before)))
        ended = select(RUNS.c.run_id).where(RUNS.c.ended.is_not(None))
        old |= set(connection.scalars(surplus)) & set(connection.scalars(ended))
    old -= RunStore(store).alive(old)
    with store.engine.begin() as connection:
        for table in (ACTIONS, RUNS):
            connection.execute(delete(table).where(table.c.run_id.in_(old)))
        connection.execute(delete(OCCURRENCES).where(OCCURRENCES.c.ended < before))
        connection.execute(delete(OPENING_DELAYS).where(OPENING_DELAYS.c.learned < before))
    store.exclusive.forget_the_dead(before)
    with suppress(OSError):
        runs = sorted(path.name for path in folder_of(data, "").iterdir() if RUN_ID.fullmatch(path.name))
        past = {name for name in runs if name < f"{before:%Y%m%dT%H%M%S}"} | set(runs[:-most])
        for name in past - RunStore(store).alive(past):
            shutil.rmtree(folder_of(data, name), ignore_errors=True)

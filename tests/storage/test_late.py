"""A store that is slow, locked or gone holds nobody up, and is put in order later."""

from __future__ import annotations

import json
import os
import sqlite3
import stat
import threading
import time
from collections.abc import Iterator
from contextlib import ExitStack, closing, contextmanager
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text
from sqlalchemy.exc import OperationalError

from reserve.model import ActionKind, Hold, SeenOpening
from reserve.storage import runs
from reserve.storage.database import NAME, Store
from reserve.storage.errands import Errands
from reserve.storage.late import FOLDER, LateFile, done
from reserve.storage.runs import Record, RunStore
from tests.fakes import START, offer
from tests.stage import OPENS_AT, Stage

COURTS = [offer("Court 1"), offer("Court 2")]
HOLD = Hold(COURTS[0], "order-1")
DAY = "2026-03-09"


@contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Inside, another process writes into the store in *folder*, for ever."""
    with closing(sqlite3.connect(folder / NAME, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


def kinds(folder: Path) -> list[str]:
    """The actions in the store of *folder*, after somebody has opened it."""
    store = Store(folder)
    found = [str(action.kind) for run in RunStore(store).history() for action in run.actions]
    store.close()
    return found


@pytest.fixture
def record(tmp_path: Path) -> Iterator[Record]:
    """The record of a run that has begun."""
    store = Store(tmp_path)
    record = Record(store, "mine", "player", lambda: START)
    record.begin("recus", "a court")
    yield record
    store.close()


def test_near_the_opening_a_locked_store_is_waited_for_once_and_what_it_missed_is_kept_in_a_file(
    record: Record, tmp_path: Path
) -> None:
    with locked(tmp_path):
        record.hurry(timedelta(minutes=3))
        said = [record.note(kind, [HOLD]) for kind in (ActionKind.HELD, ActionKind.CONFIRMING)]
        (path,) = (tmp_path / FOLDER).iterdir()
        kept = [json.loads(line)["row"]["kind"] for line in path.read_text().splitlines()]

    assert ["in time" in str(each) for each in said] == [True, True]
    assert kept == ["held", "confirming"]
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_a_killed_process_kept_in_a_file_is_in_the_store_once_somebody_opens_it(
    record: Record, tmp_path: Path
) -> None:
    late = LateFile(tmp_path, "mine")
    where = {"court": "Court 1", "facility": "", "start": START, "order_id": "order-1"}
    entry = done(run_id="mine", moment=START, kind="held", **where)
    late.keep([entry])
    assert kinds(tmp_path) == []  # somebody writes into it
    late.close()

    assert kinds(tmp_path) == ["held"]
    assert list((tmp_path / FOLDER).iterdir()) == []
    late.keep([entry])  # and was killed before it could remove the file
    late.close()
    assert kinds(tmp_path) == ["held"]


def test_what_the_version_before_kept_in_a_file_of_an_opening_is_in_the_store(
    record: Record, tmp_path: Path
) -> None:
    late = LateFile(tmp_path, "before")
    name = f"{record._where} Moscone"
    delay = {"facility": name, "learned": START, "soonest_ms": 200, "latest_ms": 400}
    late.keep([{"table": "opening_delays", "row": delay}])
    late.close()
    Store(tmp_path).close()

    milliseconds = timedelta(milliseconds=200), timedelta(milliseconds=400)
    assert record.openings("Moscone") == [SeenOpening(delay=milliseconds)]


def test_a_file_that_was_cut_off_by_a_full_disk_gives_what_is_whole(record: Record, tmp_path: Path) -> None:
    late = LateFile(tmp_path, "mine")
    where = {"court": "Court 1", "facility": "", "start": START, "order_id": None}
    late.keep([done(run_id="mine", moment=START, kind=kind, **where) for kind in ("asking", "held")])
    late.close()
    os.truncate(late.path, late.path.stat().st_size - 20)

    assert kinds(tmp_path) == ["asking"]


def test_when_there_is_time_again_what_was_late_is_written_and_the_file_goes(tmp_path: Path) -> None:
    store = Store(tmp_path)
    record = Record(store, "mine", "player", lambda: START)
    with record.kept(system="recus", request="a court", day=DAY):
        with locked(tmp_path):
            record.hurry(timedelta(minutes=3))
            record.note(ActionKind.ASKING, COURTS)
        record.end(0, "Reserved.")
    (run,) = RunStore(store).history()
    store.close()

    assert ([str(action.kind) for action in run.actions], run.sentence) == (["asking"] * 2, "Reserved.")
    assert list((tmp_path / FOLDER).iterdir()) == []


def test_a_call_that_is_late_goes_on_and_nobody_waits_for_the_next_one_either() -> None:
    errands, may_end, calls = Errands(), threading.Event(), list[str]()
    errands.hurry(0.01)

    def slow() -> None:
        may_end.wait()
        calls.append("slow")

    with pytest.raises(TimeoutError):
        errands.run(slow)
    with pytest.raises(TimeoutError):
        errands.run(lambda: calls.append("quick"))
    assert calls == []
    may_end.set()
    errands.take_time()
    errands.run(lambda: calls.append("last"))
    assert calls == ["slow", "quick", "last"]


def test_what_is_for_watchers_is_written_in_its_turn_and_nobody_waits_for_it() -> None:
    errands, may_end, calls = Errands(), threading.Event(), list[str]()

    def fails() -> None:
        raise OSError("no disk")

    errands.later(may_end.wait)
    errands.later(fails)
    errands.later(lambda: calls.append("for watchers"))
    before = [*calls]
    may_end.set()
    errands.run(lambda: calls.append("for us"))

    assert before == []
    assert calls == ["for watchers", "for us"]


def test_a_run_that_is_stopped_ends_within_two_seconds_although_the_store_is_locked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("reserve.storage.database.BUSY", 60_000)
    store, stop = Store(tmp_path), threading.Event()
    record = Record(store, "mine", "player", lambda: START, is_stopping=stop.is_set)
    with ExitStack() as lock:
        with record.kept(system="recus", request="a court", day=DAY):
            lock.enter_context(locked(tmp_path))
            stop.set()
            began = time.monotonic()
            record.note(ActionKind.RELEASED, COURTS)
            record.end(143, "Not reserved: stopped by SIGTERM.")
        assert time.monotonic() - began < 9  # two, on a machine with little else to do; else ten and more
        (late,) = (tmp_path / FOLDER).iterdir()
        assert [json.loads(line)["table"] for line in late.read_text().splitlines()] == [
            "actions",
            "actions",
            "runs",
        ]
    store.close()


def test_a_database_that_does_not_answer_is_given_up(
    empty_postgres: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from reserve.storage.postgresql import BoundedConnection

    store = Store(tmp_path, empty_postgres)
    with monkeypatch.context() as hasty:
        hasty.setattr(BoundedConnection, "longest", 0.1)
        with pytest.raises(OperationalError, match="no answer within"), store.engine.connect() as connection:
            connection.execute(text("SELECT pg_sleep(30)"))
    with store.engine.connect() as connection:
        assert connection.scalar(text("SELECT 1")) == 1
    store.close()


@pytest.mark.parametrize("seconds", [40, 3])
def test_a_store_that_is_locked_until_after_the_opening_costs_no_court_and_loses_nothing(
    tmp_path: Path, seconds: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(runs, "HURRY", 0.02)
    with Stage(tmp_path) as stage:
        stage.get_ready()
        lock = locked(tmp_path / "data")
        stage.clock.call_at(OPENS_AT - timedelta(seconds=seconds), lock.__enter__)
        ended = stage.run.ended

        def unlocked(*end: object) -> object:
            lock.__exit__(None, None, None)
            return ended(*end)  # type: ignore[arg-type]

        monkeypatch.setattr(stage.run, "ended", unlocked)
        result = stage.run.book()

        assert (result.outcome.exit_code, len(stage.ledger.paid), stage.open_holds) == (0, 1, [])
        assert min(each.moment for each in stage.ledger.attempts) < OPENS_AT + timedelta(seconds=0.1)
    (run,) = RunStore(Store(tmp_path / "data")).history()
    assert [str(action.kind) for action in run.actions] == ["asking"] * 3 + ["held"] * 3 + [
        "released"
    ] * 2 + [
        "confirming",
        "confirmed",
    ]
    assert run.exit_code == 0

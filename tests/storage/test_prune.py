"""What runs leave is bounded, and nothing that a run still needs is forgotten."""

import os
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import datetime, timedelta
from pathlib import Path

import pytest
from sqlalchemy import event, func, select

from reserve.commands.ticking import prune_daily
from reserve.errors import UsageError
from reserve.model import ActionKind
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from reserve.storage.prune import prune
from reserve.storage.run_folder import folder_of
from reserve.storage.runs import Record, RunStore
from reserve.storage.schema import ACTIONS
from tests.fakes import START, offer

DAY = timedelta(days=1)


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    store = Store(tmp_path, database)
    yield store
    store.close()


def run(store: Store, data: Path, started: datetime, *, ended: bool = True, name: str = "aaaa") -> Record:
    """A run that began at *started*, with an action and a folder."""
    run_id = f"{started:%Y%m%dT%H%M%S}-{name}"
    record = Record(store, run_id, "player", lambda: started)
    record.begin("recus", "a court")
    record.note(ActionKind.ASKING, [offer("Court 1")])
    if ended:
        record.end(0, "Reserved.")
    folder_of(data, run_id).mkdir(parents=True)
    (folder_of(data, run_id) / "timeline.jsonl").touch()
    return record


def left(store: Store, data: Path) -> tuple[list[str], list[str], int]:
    """The runs, the folders and the number of actions that there are."""
    with store.engine.connect() as connection:
        actions = connection.scalar(select(func.count()).select_from(ACTIONS))
    folders = sorted((path.name for path in folder_of(data, "").iterdir()), reverse=True)
    return [each.run_id for each in RunStore(store).history()], folders, actions or 0


def test_what_is_older_than_that_is_forgotten_with_all_that_it_left(store: Store, tmp_path: Path) -> None:
    young = run(store, tmp_path, START - 10 * DAY).run_id
    run(store, tmp_path, START - 500 * DAY)
    run(store, tmp_path, START - 600 * DAY, ended=False)
    (tmp_path / "runs" / "mine, not yours").mkdir()

    prune(store, tmp_path, START - 400 * DAY, most=10_000)

    assert left(store, tmp_path) == ([young], ["mine, not yours", young], 1)


def test_of_too_many_runs_the_latest_are_kept_and_those_cut_off(store: Store, tmp_path: Path) -> None:
    records = [run(store, tmp_path, START - days * DAY, ended=days != 4) for days in range(5)]

    prune(store, tmp_path, START - 400 * DAY, most=2)

    runs, folders, actions = left(store, tmp_path)
    assert runs == [records[place].run_id for place in (0, 1, 4)]
    assert (folders, actions) == ([records[0].run_id, records[1].run_id], 3)


def test_forgotten_runs_are_counted_by_facility_and_cause_also_those_of_older_versions(
    store: Store, tmp_path: Path
) -> None:
    for days, exit_code, cause in ((600, 1, "rivals"), (601, 1, "rivals"), (602, 0, None), (603, 4, None)):
        record = run(store, tmp_path, START - days * DAY, ended=False)
        record.end(exit_code, "It ended.", facility="Moscone" if days < 603 else None, cause=cause)
    run(store, tmp_path, START - 604 * DAY, ended=False)

    for _ in range(2):  # what is counted once is not there to be counted again
        prune(store, tmp_path, START - 602 * DAY, most=10_000)
    prune(store, tmp_path, START - 400 * DAY, most=10_000)

    found = {(each.facility, each.cause): each.runs for each in RunStore(store).forgotten()}
    assert found == {("Moscone", "rivals"): 2, ("Moscone", ""): 1, ("", "no-code"): 1, ("", "cut-off"): 1}


def test_a_run_under_way_is_never_forgotten(store: Store, tmp_path: Path) -> None:
    with ExitStack() as under_way:
        waiting = run(store, tmp_path, START - 500 * DAY, ended=False)
        lock = RunStore(store).lock(waiting.run_id)
        assert lock.take()
        under_way.callback(lock.release)

        prune(store, tmp_path, START - 400 * DAY, most=10_000)

        assert left(store, tmp_path)[0] == [waiting.run_id]


def test_locks_of_the_dead_are_removed_and_those_of_the_living_are_not(tmp_path: Path) -> None:
    store = Store(tmp_path)
    alive = store.exclusive.lock("alive")
    assert alive.take()
    for name in ("alive", "dead", "young"):
        path = tmp_path / "locks" / name
        path.touch()
        age = (START - (0 if name == "young" else 2) * DAY).timestamp()
        os.utime(path, (age, age))

    store.exclusive.forget_the_dead(START - DAY)

    assert sorted(path.name for path in (tmp_path / "locks").iterdir()) == ["alive", "young"]
    alive.release()
    store.close()


def test_due_forgets_at_most_once_a_day(tmp_path: Path) -> None:
    store, settings = Store(tmp_path), Settings(data=tmp_path)
    young = run(store, tmp_path, START)
    for minutes in (0, 1, 23 * 60):
        run(store, tmp_path, START - (500 + minutes) * DAY)
        prune_daily(store, settings, START + timedelta(minutes=minutes))

    assert len(left(store, tmp_path)[0]) == 3  # the second and the third came after today's pruning
    prune_daily(store, settings, START + 2 * DAY)
    assert left(store, tmp_path)[0] == [young.run_id]
    store.close()


def test_whether_runs_are_alive_is_one_question_however_many_there_are(store: Store, tmp_path: Path) -> None:
    asked: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
    lock = RunStore(store).lock("run 7")
    assert lock.take()
    asked.clear()

    assert RunStore(store).alive(f"run {number}" for number in range(50)) == {"run 7"}

    assert len(asked) == (store.engine.dialect.name == "postgresql")
    lock.release()


@pytest.mark.parametrize(
    ("text", "days", "runs"),
    [
        ("400 days", 400, 10_000),
        ("90", 90, 10_000),
        ("", 400, 10_000),
        ("5000 runs", 400, 5000),
        ("60 days, 100 runs", 60, 100),
    ],
)
def test_what_is_kept_is_said_in_days_and_runs(text: str, days: int, runs: int) -> None:
    settings = read_settings({"RESERVE_KEEP": text})

    assert (settings.keep, settings.keep_runs) == (days * DAY, runs)


@pytest.mark.parametrize("text", ["29 days", "-1", "a year", "9999999 days", "99 runs", "100 runs, 60 days"])
def test_a_time_to_keep_that_is_none_or_too_short_is_refused(text: str) -> None:
    with pytest.raises(UsageError, match=r"^RESERVE_KEEP: .* '400 days' or .* at least 30 days and 100 runs"):
        read_settings({"RESERVE_KEEP": text})

"""A name has one holder at a time, on whichever machine, and none any more when that dies."""

from __future__ import annotations

import fcntl
import os
import signal
import stat
import threading
from collections.abc import Callable, Iterator
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import text

from reserve.errors import ServiceError
from reserve.storage.database import Store
from reserve.storage.exclusive import AdvisoryLock, Exclusive
from tests.postgres import postgres
from tests.storage.processes import running

REPOSITORY = Path(__file__).parents[2]
Machine = Callable[[str], Exclusive]

LOSE = text("SELECT pg_terminate_backend(pid, 1000) FROM pg_locks WHERE locktype = 'advisory'")

# Another machine, which says so when it holds the name.
HOLDER = """
import sys
from pathlib import Path
from reserve.storage.database import Store
with Store(Path(sys.argv[1]), sys.argv[2] or None).exclusive.held("name"):
    print("held", flush=True)
    sys.stdin.read()
"""


def folder_of(machine: str, tmp_path: Path, database: str | None) -> Path:
    """Where *machine* keeps its data: all share the folder of SQLite, none that of another on PostgreSQL."""
    return tmp_path / (machine if database else "data")


@pytest.fixture
def machine(tmp_path: Path, database: str | None) -> Iterator[Machine]:
    """What makes the locks of a machine, by its name."""
    stores: list[Store] = []

    def make(name: str) -> Exclusive:
        stores.append(Store(folder_of(name, tmp_path, database), database))
        return stores[-1].exclusive

    yield make
    for store in stores:
        store.close()


@pytest.fixture
def holder(tmp_path: Path, database: str | None) -> Iterator[BaseProcess]:
    """A process on another machine that holds the name."""
    folder = folder_of("elsewhere", tmp_path, database)
    Store(folder, database).close()  # which is quicker here
    with running(HOLDER, str(folder), database or "") as process:
        yield process


def test_a_name_has_one_holder_and_then_the_next(machine: Machine) -> None:
    mine, other = machine("here").lock("name"), machine("elsewhere").lock("name")

    assert [mine.take(), other.take()] == [True, False]
    assert [mine.is_ours(), other.is_ours()] == [True, False]
    mine.release()
    assert [mine.is_ours(), other.take()] == [False, True]
    other.release()


def test_two_locks_of_one_process_exclude_each_other_too(machine: Machine) -> None:
    here = machine("here")
    mine, other = here.lock("name"), here.lock("name")

    assert [mine.take(), mine.take(), other.take()] == [True, True, False]
    mine.release()


def test_other_names_are_free(machine: Machine) -> None:
    mine, other = machine("here").lock("name"), machine("elsewhere").lock("another/../name")

    assert [mine.take(), other.take()] == [True, True]
    for lock in (mine, other):
        lock.release()


def test_everybody_sees_whether_a_name_is_held_and_disturbs_nobody_by_looking(machine: Machine) -> None:
    mine, other = machine("here").lock("name"), machine("elsewhere").lock("name")

    assert not other.is_held()
    mine.take()
    assert [other.is_held(), mine.is_held()] == [True, True]
    mine.release()
    assert not other.is_held()
    assert mine.take()
    mine.release()


@pytest.mark.usefixtures("holder")
def test_a_name_that_another_process_holds_is_not_ours(machine: Machine) -> None:
    lock = machine("here").lock("name")

    assert [lock.take(), lock.is_held()] == [False, True]


def test_a_stopped_process_holds_its_name(machine: Machine, holder: BaseProcess) -> None:
    assert holder.pid
    os.kill(holder.pid, signal.SIGSTOP)

    assert not machine("here").lock("name").take()


def test_a_killed_process_holds_nothing(machine: Machine, holder: BaseProcess) -> None:
    lock = machine("here").lock("name")

    holder.kill()

    assert lock.take(wait=True)
    lock.release()


def test_who_waits_is_let_in_one_after_the_other(machine: Machine) -> None:
    machines = [machine(str(number)) for number in range(4)]
    intruders: list[bool] = []

    def enter(number: int) -> None:
        for _ in range(5):
            with machines[number].held("name"):
                intruders.append(machines[number].lock("name").take())

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert intruders == [False] * 20


def test_a_lock_file_is_the_players_alone_and_goes_with_the_lock(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    with store.exclusive.held("name"):
        (file,) = (tmp_path / "data" / "locks").iterdir()
        assert stat.S_IMODE(file.stat().st_mode) == 0o600
    store.close()

    assert list((tmp_path / "data" / "locks").iterdir()) == []


def test_two_may_look_at_what_a_killed_process_left_at_the_same_moment(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    left = tmp_path / "data" / "locks" / "name"
    left.touch()
    with left.open() as seen:
        fcntl.flock(seen, fcntl.LOCK_SH)  # as somebody does who looks

        assert not store.exclusive.lock("name").is_held()
    store.close()


def test_who_shares_a_sqlite_file_shares_its_locks_whatever_their_own_folders(tmp_path: Path) -> None:
    url = f"sqlite:///{tmp_path / 'shared.sqlite3'}"
    one, other = Store(tmp_path / "one", url), Store(tmp_path / "other", url)

    with one.exclusive.held("name"):
        assert not other.exclusive.lock("name").take()
    assert [path.name for path in (tmp_path / "other").iterdir()] == []  # where nothing is kept
    one.close()
    other.close()


# What only a connection can do: get lost.


def test_a_lock_that_was_lost_with_its_connection_is_taken_again(server: str, tmp_path: Path) -> None:
    store = Store(tmp_path, server)
    lock = store.exclusive.lock("name")
    lock.take()

    with store.engine.connect() as connection:
        connection.execute(LOSE)

    assert [lock.is_ours(), lock.is_ours(), lock.is_held()] == [False, False, False]
    assert lock.take()
    assert lock.is_ours()
    lock.release()
    store.close()


def test_a_lock_that_was_lost_belongs_to_who_was_quicker(server: str, tmp_path: Path) -> None:
    store = Store(tmp_path, server)
    lock, other = store.exclusive.lock("name"), store.exclusive.lock("name")
    lock.take()
    with store.engine.connect() as connection:
        connection.execute(LOSE)

    assert [other.take(), lock.take(), lock.is_ours()] == [True, False, False]
    other.release()
    store.close()


def test_what_a_server_still_holds_for_a_connection_that_we_lost_is_ours(server: str, tmp_path: Path) -> None:
    store = Store(tmp_path, server)
    lock = store.exclusive.lock("name")
    lock.take()
    assert isinstance(lock, AdvisoryLock)
    assert lock._connection is not None
    session: Any = lock._connection.connection.driver_connection
    descriptor = session.fileno()
    remaining = os.dup(descriptor)  # so that the server does not notice that we have gone
    nothing = os.open(os.devnull, os.O_RDWR)
    os.dup2(nothing, descriptor)
    os.close(nothing)

    assert [lock.is_ours(), lock.is_held()] == [False, True]
    assert lock.take()
    lock.release()
    os.close(remaining)
    store.close()


def test_a_database_that_does_not_answer_says_nothing_about_a_lock(tmp_path: Path) -> None:
    with postgres("fsync=off") as url:
        store = Store(tmp_path, url)
        lock = store.exclusive.lock("name")
        lock.take()

    assert not lock.is_ours()
    with pytest.raises(ServiceError, match="cannot say whether we are alone"):
        lock.take()
    lock.release()
    store.close()

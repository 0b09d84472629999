"""What a run is about to do stands on the disk before it is done, and only one run at a time does it."""

import os
import pickle
import re
import signal
import stat
import traceback
from collections.abc import Iterator
from contextlib import AbstractContextManager, closing
from datetime import timedelta, timezone
from functools import partial
from multiprocessing.process import BaseProcess
from operator import add
from pathlib import Path

import pytest
from sqlalchemy import event, text

from reserve.errors import AlreadyReserved, UsageError
from reserve.model import ActionKind, Hold, SeenOpening
from reserve.storage.database import NAME, Store
from reserve.storage.runs import PastRun, Record, RunStore, player_key
from reserve.storage.schema import ACTIONS, RUNS
from tests.fakes import START, offer
from tests.postgres import postgres
from tests.storage.processes import exit_codes, running

REPOSITORY = Path(__file__).parents[2]
PLAYER = player_key("recus", "api.rec.us", "player@example.com")
COURT = offer("Court 1")
HOLD = Hold(COURT, "order-1")

DAY = "2026-03-09"
LOSE = text("SELECT pg_terminate_backend(pid, 1000) FROM pg_locks WHERE locktype = 'advisory'")

# A run in a process of its own that is under way when it says so, until somebody ends it.
UNDER_WAY = f"""
import pickle
import sys
from pathlib import Path
from reserve.storage.database import Store
from reserve.storage.runs import Record
COURT, PLAYER, START = pickle.loads({pickle.dumps((COURT, PLAYER, START))!r})
store = Store(Path(sys.argv[1]), sys.argv[2] or None)
record = Record(store, "other", PLAYER, lambda: START)
with record.kept(system="recus", request="a court", day="2026-03-09"):
    record.note("asking", [COURT])
    print("under way", flush=True)
    sys.stdin.read()
"""

# A process that ends with the number of runs in the store.
COUNT = """
import sys
from contextlib import closing
from pathlib import Path
from reserve.storage.database import Store
from reserve.storage.runs import RunStore
with closing(Store(Path(sys.argv[1]))) as store:
    found = len(RunStore(store).history())
sys.exit(found)
"""


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    store = Store(tmp_path / "data", database)
    yield store
    store.close()


@pytest.fixture
def other(tmp_path: Path, database: str | None, store: Store) -> Iterator[BaseProcess]:
    """A run of the same player in another process, under way; on another machine, if those can share."""
    folder = tmp_path / ("elsewhere" if database else "data")
    with running(UNDER_WAY, str(folder), database or "") as process:
        yield process


def record(store: Store, run_id: str = "mine", player: str = PLAYER) -> Record:
    return Record(store, run_id, player, lambda: START)


def die(process: BaseProcess, store: Store) -> None:
    """Kill a run, and wait until the database has noticed."""
    process.kill()
    for name in ("run other", f"{PLAYER} {DAY}"):
        with store.exclusive.held(name):
            pass


def lose_connections(store: Store) -> None:
    """Have the database end every session that holds a lock."""
    with store.engine.connect() as connection:
        connection.execute(LOSE)


def history(store: Store) -> list[PastRun]:
    return RunStore(store).history()


def cut_off(store: Store, player: str = PLAYER) -> list[PastRun]:
    return record(store, player=player).cut_off()


def kept(record: Record, day: str = DAY) -> AbstractContextManager[None]:
    return record.kept(system="recus", request="a court", day=day)


def test_an_action_is_read_by_the_next_process(tmp_path: Path, database: str | None, store: Store) -> None:
    with kept(record(store)):
        record(store).note(ActionKind.ASKING, [COURT])
        record(store).note(ActionKind.HELD, [HOLD])

    again = Store(tmp_path / "data", database)
    (run,) = history(again)
    again.close()

    assert [(action.kind, action.court, action.start, action.order_id) for action in run.actions] == [
        ("asking", "Court 1", COURT.slot.start, None),
        ("held", "Court 1", COURT.slot.start, "order-1"),
    ]
    held = run.orders(ActionKind.HELD, ActionKind.CONFIRMING)
    assert (run.started, run.ended, held) == (START, None, {"order-1"})


def test_an_action_outlives_a_killed_process(store: Store, other: BaseProcess) -> None:
    die(other, store)

    (run,) = cut_off(store)

    assert [(action.kind, action.court) for action in run.actions] == [("asking", "Court 1")]


def test_a_run_under_way_is_not_cut_off(store: Store, other: BaseProcess) -> None:
    assert cut_off(store) == []
    assert RunStore(store).alive(["other", "mine"]) == {"other"}


def test_a_stopped_process_is_still_alive(store: Store, other: BaseProcess) -> None:
    assert other.pid
    os.kill(other.pid, signal.SIGSTOP)

    assert cut_off(store) == []


def test_a_run_that_ended_is_not_cut_off(store: Store) -> None:
    with kept(record(store)):
        record(store).end(1, "Not reserved: taken.")

    assert cut_off(store) == []


def test_what_became_of_a_cut_off_run_is_noted_by_another(store: Store, other: BaseProcess) -> None:
    die(other, store)

    record(store).end(None, "Not reserved: cut off.", of="other")

    assert cut_off(store) == []
    assert [(run.sentence, run.exit_code) for run in history(store)] == [("Not reserved: cut off.", None)]


def test_the_runs_of_other_players_are_none_of_our_business(store: Store, other: BaseProcess) -> None:
    die(other, store)

    assert cut_off(store, player_key("recus", "api.rec.us", "other@example.com")) == []


def test_a_second_run_for_the_same_day_is_refused_and_says_why(store: Store, other: BaseProcess) -> None:
    with pytest.raises(AlreadyReserved, match=r"another run .* 2026-03-09 is under way"), kept(record(store)):
        pass


def test_a_second_run_for_the_same_day_may_wait_until_the_first_has_ended(
    store: Store, other: BaseProcess
) -> None:
    waited = []

    def wait() -> None:
        waited.append(1)
        if len(waited) == 3:
            die(other, store)

    with record(store).kept(system="recus", request="a court", day=DAY, wait=wait):
        assert waited == [1, 1, 1]


def test_another_day_and_another_player_may_run_at_the_same_time(store: Store, other: BaseProcess) -> None:
    with kept(record(store), day="2026-03-10"), kept(record(store, "third", "somebody else")):
        assert len(history(store)) == 3


def test_a_killed_run_excludes_nobody(store: Store, other: BaseProcess) -> None:
    die(other, store)

    with kept(record(store)):
        assert [run.run_id for run in cut_off(store)] == ["other"]


def test_two_processes_write_at_the_same_time_and_nothing_is_lost(
    tmp_path: Path, database: str | None, store: Store
) -> None:
    script = UNDER_WAY.replace('"other"', "sys.argv[3]").replace('"2026-03-09"', "sys.argv[3]")
    script = script.replace(
        'record.note("asking", [COURT])', 'for _ in range(50): record.note("asking", [COURT])'
    )
    words = str(tmp_path / "data"), database or ""

    assert exit_codes(script, (*words, "one"), (*words, "two")) == [0, 0]
    assert [len(run.actions) for run in history(store)] == [50, 50]


def test_everything_is_readable_by_the_player_only(tmp_path: Path) -> None:
    before = os.umask(0)
    try:
        store = Store(tmp_path / "data")
        with kept(record(store)):
            record(store).note(ActionKind.ASKING, [COURT])
            modes = {path: stat.S_IMODE(path.stat().st_mode) for path in (tmp_path / "data").rglob("*")}
        store.close()
    finally:
        os.umask(before)

    assert stat.S_IMODE((tmp_path / "data").stat().st_mode) == 0o700
    assert {mode for path, mode in modes.items() if path.is_file()} == {0o600}
    assert len(modes) >= 5  # the database and its side files, the locks, their folders


def test_the_player_is_nowhere_in_the_file(tmp_path: Path) -> None:
    store = Store(tmp_path / "data")
    with kept(record(store)):
        record(store).note(ActionKind.ASKING, [COURT])
    store.close()

    assert all(b"player@example" not in path.read_bytes() for path in (tmp_path / "data").glob("reserve*"))


def test_a_folder_that_cannot_be_written_is_refused_in_one_sentence() -> None:
    with pytest.raises(UsageError, match="RESERVE_DATA"):
        Store(Path("/dev/null/data"))


@pytest.mark.parametrize(
    ("url", "why"),
    [
        (
            "postgresql+psycopg://me:c4nary@127.0.0.1:1/plans",
            "cannot keep state there: connection failed: .+",
        ),
        ("mysql://me:c4nary@127.0.0.1/plans", "choose sqlite or postgresql"),
        ("c4nary", "cannot keep state there: .+"),
        ("postgresql+psycopg://me:c4nary@127.0.0.1:port/plans", "the port is no number"),
        ("postgresql+psycopg://me:se@cret:c4nary@127.0.0.1/plans", "the port is no number"),
        ("postgresql+psycopg://me:se@c4nary@127.0.0.1/plans", "write an @ in the password as %40"),
        (
            "postgresql+psycopg2://me:c4nary@127.0.0.1/plans",
            r"psycopg2 is not installed; for PostgreSQL write postgresql\+psycopg://…",
        ),
    ],
)
def test_a_database_that_cannot_be_had_is_refused_in_one_sentence_without_its_password(
    tmp_path: Path, url: str, why: str
) -> None:
    with pytest.raises(UsageError) as refusal:
        Store(tmp_path, url)

    assert re.fullmatch(f"RESERVE_DATABASE_URL: {why}", str(refusal.value))
    assert "c4nary" not in "".join(traceback.format_exception(refusal.value))


@pytest.mark.parametrize("name", ["x%41", "a?b=c", "#1", "ö & ;", "a%"])
def test_the_folder_of_the_state_may_be_called_anything(tmp_path: Path, name: str) -> None:
    folder = tmp_path / name

    Store(folder).close()
    Store(folder).close()

    assert [path.name for path in tmp_path.iterdir()] == [name]
    assert (folder / NAME).stat().st_size > 0


def test_a_database_that_cannot_be_written_any_more_costs_no_court(store: Store) -> None:
    with kept(record(store)):
        ACTIONS.drop(store.engine)

        assert "could not be written in time" in str(record(store).note(ActionKind.ASKING, [COURT]))
        record(store).end(0, "Reserved.")


def test_a_run_begins_although_it_cannot_be_written_down(store: Store) -> None:
    ACTIONS.drop(store.engine)
    RUNS.drop(store.engine)

    with kept(record(store)):
        assert record(store).cut_off() == []


def test_the_latest_run_is_shown_first(store: Store) -> None:
    for number in range(3):
        late = Record(store, f"run-{number}", PLAYER, partial(add, START, timedelta(minutes=number)))
        late.begin("recus", "a court")

    assert [run.run_id for run in RunStore(store).history(most=2)] == ["run-2", "run-1"]
    assert [run.run_id for run in RunStore(store).history(run_id="run-1")] == ["run-1"]


def test_of_the_openings_of_a_facility_the_latest_eight_are_kept_whoever_was_there(store: Store) -> None:
    second, week, east = timedelta(seconds=1), timedelta(weeks=1), timezone(timedelta(hours=9))
    mine = Record(store, "run", PLAYER, lambda: START)
    for number in range(10):
        for player, opens_at in ((0, START + number * week), (0.1, START.astimezone(east) + number * week)):
            delay = ((number + player) * second, (number + player) * second)
            mine.remember_opening("Moscone", opens_at, SeenOpening(delay=delay))
    apart = (timedelta(milliseconds=-31.5), timedelta(milliseconds=-28))
    mine.remember_opening("Alice Marble", START, SeenOpening(ahead=apart))

    kept = [each.delay for each in mine.openings("Moscone")]
    assert kept == [(number * second, number * second) for number in range(9, 1, -1)]
    assert mine.openings("Alice Marble") == [SeenOpening(ahead=apart)]


def test_what_a_run_writes_is_kept_when_its_process_opens_the_store_twice(tmp_path: Path) -> None:
    """A second store once took the first one's locks, and whoever closed the database removed its journal."""
    store = Store(tmp_path)
    record = Record(store, "a run", PLAYER, lambda: START)
    with closing(store), record.kept(system="recus", request="a court", day=DAY):
        Store(tmp_path).close()
        assert exit_codes(COUNT, [str(tmp_path)]) == [1]
        with Record(store, "another", "other", lambda: START).kept(system="recus", request="", day=DAY):
            assert exit_codes(COUNT, [str(tmp_path)]) == [2]


def test_a_long_history_is_read_in_one_query(store: Store) -> None:
    for number in range(5):
        with kept(record(store, f"run-{number}"), day=str(number)):
            record(store, f"run-{number}").note(ActionKind.ASKING, [COURT, offer("Court 2")])
    queries: list[str] = []
    event.listen(store.engine, "before_cursor_execute", lambda *about: queries.append(about[2]))

    runs = history(store)

    assert [len(run.actions) for run in runs] == [2] * 5
    assert len(queries) == 1


def test_the_actions_of_a_run_stay_in_their_order(store: Store) -> None:
    with kept(record(store)):
        for kind in (ActionKind.HELD, ActionKind.ASKING, ActionKind.RELEASED):
            record(store).note(kind, [HOLD])

    assert [action.kind for action in history(store)[0].actions] == ["held", "asking", "released"]


def test_a_run_that_lost_its_database_for_a_while_excludes_others_again(server: str, tmp_path: Path) -> None:
    here, elsewhere = Store(tmp_path / "here", server), Store(tmp_path / "elsewhere", server)
    mine = record(here)
    with kept(mine):
        lose_connections(elsewhere)
        mine.stay_alone()

        with pytest.raises(AlreadyReserved), kept(record(elsewhere, "second")):
            pass
        assert RunStore(elsewhere).alive(["mine"])
    here.close()
    elsewhere.close()


def test_a_run_that_lost_its_database_gives_way_to_one_that_began_meanwhile(
    server: str, tmp_path: Path
) -> None:
    here, elsewhere = Store(tmp_path / "here", server), Store(tmp_path / "elsewhere", server)
    mine = record(here)
    with kept(mine):
        lose_connections(elsewhere)
        with kept(record(elsewhere, "second")), pytest.raises(AlreadyReserved, match="has begun meanwhile"):
            mine.stay_alone()
    here.close()
    elsewhere.close()


def test_a_run_whose_database_is_gone_goes_on(tmp_path: Path) -> None:
    with postgres("fsync=off") as url:
        store = Store(tmp_path, url)
        mine = record(store)
        run = kept(mine)
        run.__enter__()

    mine.stay_alone()
    run.__exit__(None, None, None)
    store.close()

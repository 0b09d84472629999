"""When a tick need not open its database, and what makes it look again."""

from __future__ import annotations

from argparse import Namespace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from reserve.clock import Clock
from reserve.commands import due
from reserve.commands.quiet import LONGEST, MARK, is_quiet, note, state
from reserve.commands.ticking import run_due
from reserve.errors import ExitCode
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.plans import Occurrence, PlanStore
from tests.fakes import FakeClock

NOW = datetime(2026, 3, 2, 12, tzinfo=UTC)
MINUTE = timedelta(minutes=1)
TICK = Namespace(occurrence=None, check=None, check_at="off", verbose=False)


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data folder with a store in which nothing is to be done, as two ticks found."""
    for _ in range(2):  # the first makes the store, and does what is done once a day
        run_due(TICK, Settings(data=tmp_path), FakeClock(NOW))
    return tmp_path


def test_a_minute_is_quiet_when_the_tick_before_found_nothing_to_do(data: Path) -> None:
    assert is_quiet(data, NOW + MINUTE)
    assert not is_quiet(data, NOW + LONGEST)


def test_no_tick_says_for_longer_than_some_minutes_that_all_is_quiet(data: Path) -> None:
    note(data, NOW, NOW + timedelta(hours=1), state(data))

    assert is_quiet(data, NOW + LONGEST - MINUTE)
    assert not is_quiet(data, NOW + LONGEST)


def test_what_anybody_writes_is_looked_at_in_the_next_minute(data: Path) -> None:
    store = Store(data)
    PlanStore(store).add([{"system": "recus"}])
    assert not is_quiet(data, NOW + MINUTE), "while the other process has the store open"
    store.close()

    assert not is_quiet(data, NOW + MINUTE)


def test_no_minute_is_quiet_from_when_something_is_due_or_while_an_opening_is_near(data: Path) -> None:
    for opens_at, last in ((NOW + timedelta(hours=1), 3), (NOW + 6 * MINUTE, 0)):
        store = Store(data)
        wake_at = NOW + 3 * MINUTE
        PlanStore(store).schedule(
            Occurrence(1, opens_at + timedelta(days=7), opens_at=opens_at, wake_at=wake_at)
        )
        store.close()
        run_due(TICK, Settings(data=data), FakeClock(NOW))

        assert [is_quiet(data, NOW + minute * MINUTE) for minute in (1, 3)] == [last > 1, False]


@pytest.mark.parametrize("option", ["--occurrence", "--check"])
def test_what_is_named_is_looked_for_in_a_quiet_minute_too(data: Path, option: str) -> None:
    note(data, Clock().now() - MINUTE, Clock().now() + LONGEST, state(data))

    assert due.main([option, "1@2026-03-02T12:00:00Z/1"], Settings(data=data)) == ExitCode.USAGE


def test_a_clock_that_was_set_back_makes_no_minute_quiet(data: Path) -> None:
    assert not is_quiet(data, NOW - MINUTE)


@pytest.mark.parametrize("content", ["", "[]", "{}", "[1, 2]", "null", '["a", "b", 3]', "\0"])
def test_a_damaged_note_makes_no_minute_quiet(data: Path, content: str) -> None:
    (data / MARK).write_text(content)

    assert not is_quiet(data, NOW + MINUTE)


def test_what_is_written_while_a_tick_looks_is_not_taken_for_seen(data: Path) -> None:
    before = state(data)
    (data / "reserve.sqlite3").touch()
    note(data, NOW, NOW + LONGEST, before)

    assert not (data / MARK).exists()

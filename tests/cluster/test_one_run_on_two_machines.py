"""A whole run beside another of the same player on another machine, which shares nothing but the database."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import AbstractContextManager, ExitStack
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import text

from reserve.storage.database import Store
from reserve.storage.runs import Record, RunStore
from tests.stage import OPENS_AT, Stage

LOSE = text("SELECT pg_terminate_backend(pid, 1000) FROM pg_locks WHERE locktype = 'advisory'")


@pytest.fixture
def stage(empty_postgres: str, tmp_path: Path) -> Iterator[Stage]:
    """This machine, five minutes before the opening."""
    with Stage(tmp_path / "here", environ={"RESERVE_DATABASE_URL": empty_postgres}) as stage:
        stage.get_ready()  # to know the player; the run opens the database again
        stage.wired.record.store.close()
        yield stage


@pytest.fixture
def elsewhere(empty_postgres: str, tmp_path: Path) -> Iterator[Store]:
    """The other machine."""
    store = Store(tmp_path / "elsewhere", empty_postgres)
    yield store
    store.close()


def under_way(store: Store, stage: Stage) -> AbstractContextManager[None]:
    """Inside, the player's run for the same day is under way on the machine of *store*."""
    record = Record(store, "elsewhere", stage.wired.record.player, stage.clock.now)
    return record.kept(system="recus", request="the same", day=str(stage.booking.request.day))


def test_the_second_run_for_a_player_and_day_ends_before_it_asks_for_anything(
    stage: Stage, elsewhere: Store
) -> None:
    with under_way(elsewhere, stage):
        outcome = stage.book()

    assert outcome.exit_code == 5
    assert f"another run of this player for {stage.booking.request.day} is under way" in outcome.sentence
    assert stage.ledger.attempts == []


def test_a_database_that_was_restarted_during_the_wait_costs_no_court(stage: Stage, elsewhere: Store) -> None:
    alive: list[bool] = []

    def lose() -> None:
        with elsewhere.engine.connect() as connection:
            connection.execute(LOSE)

    def look() -> None:
        runs = RunStore(elsewhere)
        alive.extend(bool(runs.alive([run.run_id])) for run in runs.history())

    stage.clock.call_at(OPENS_AT - timedelta(minutes=3), lose)
    stage.clock.call_at(OPENS_AT - timedelta(minutes=1), look)

    assert stage.book().exit_code == 0
    assert alive == [True]


def test_a_run_gives_way_to_one_that_began_while_it_had_lost_its_database(
    stage: Stage, elsewhere: Store
) -> None:
    with ExitStack() as other:

        def lose() -> None:
            with elsewhere.engine.connect() as connection:
                connection.execute(LOSE)
            other.enter_context(under_way(elsewhere, stage))

        stage.clock.call_at(OPENS_AT - timedelta(minutes=3), lose)
        outcome = stage.book()

    assert outcome.exit_code == 5
    assert stage.ledger.attempts == []

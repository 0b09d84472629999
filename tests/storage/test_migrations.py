"""A store has the tables of today, whichever version of the program made it and however many open it."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import Engine, create_engine, inspect, text

from reserve.errors import UsageError
from reserve.model import ActionKind
from reserve.storage import migrations
from reserve.storage.database import NAME, Store
from reserve.storage.plans import PlanStore
from reserve.storage.runs import RunStore
from reserve.storage.schema import HEAD, SCHEMA
from reserve.storage.secrets import SecretStore

SAMPLES = Path(__file__).parents[1] / "samples"
OF_PLANS = ("plans", "turns", "beats")  # a program that only booked did not make them


@pytest.fixture
def quick_tables() -> None:
    """Here they are really made by the revisions."""


@pytest.fixture
def engine(tmp_path: Path, database: str | None) -> Iterator[Engine]:
    """The database of a store in *tmp_path*, past the program."""
    made = create_engine(database or f"sqlite:///{tmp_path / NAME}")
    yield made
    made.dispose()


def do(engine: Engine, *statements: str) -> None:
    """Change the database."""
    with engine.begin() as connection:
        for each in statements:
            connection.execute(text(each))


def statements(script: Path) -> list[str]:
    """What stands in a recorded *script*, for `do`."""
    return [each.replace(":", r"\:") for each in script.read_text().split(";\n") if each.strip()]


def without_revisions(engine: Engine) -> None:
    """Make what a version of the program made that knew no revisions; recorded from it."""
    do(engine, *statements(SAMPLES / f"store-without-revisions.{engine.dialect.name}.sql"))


def tables(engine: Engine) -> set[str]:
    """The names of the tables that are there."""
    return set(inspect(engine).get_table_names())


def differences(engine: Engine) -> list[object]:
    """What Alembic would change to have the tables as the program reads them."""
    with engine.connect() as connection:
        return list(compare_metadata(MigrationContext.configure(connection), SCHEMA))


def test_the_program_knows_the_last_revision_and_they_are_numbered_in_their_order() -> None:
    script = ScriptDirectory(migrations.__path__[0])

    numbers = [each.revision for each in script.walk_revisions()]

    assert numbers[0] == HEAD
    assert numbers == sorted(numbers, reverse=True)


def test_the_revisions_make_the_tables_that_the_program_reads(
    engine: Engine, tmp_path: Path, database: str | None
) -> None:
    Store(tmp_path, database).close()

    assert differences(engine) == []
    (ahead,) = inspect(engine).get_indexes("occurrences")
    where = ahead["dialect_options"][f"{engine.dialect.name}_where"]
    assert "ended IS NULL" in str(where)


@pytest.mark.parametrize("missing", [(), OF_PLANS])
def test_a_store_from_before_revisions_is_taken_over_and_nothing_is_lost(
    engine: Engine, tmp_path: Path, database: str | None, missing: tuple[str, ...]
) -> None:
    without_revisions(engine)
    do(engine, *(f"DROP TABLE {name}" for name in missing))

    store = Store(tmp_path, database)

    (run,) = RunStore(store).history()
    assert (run.request, run.orders(ActionKind.HELD)) == ("Alice Marble", {"order-1"})
    assert [action.facility for action in run.actions] == [None]
    assert SecretStore(store, tmp_path).names("") == ["account home"]
    plan_store = PlanStore(store)
    assert [len(plan_store.all()), len(plan_store.occurrences())] == ([0, 0] if missing else [1, 1])
    store.close()
    assert differences(engine) == []


def test_a_store_of_a_later_program_is_refused_in_a_sentence_and_left_alone(
    engine: Engine, tmp_path: Path, database: str | None
) -> None:
    Store(tmp_path, database).close()
    do(engine, "UPDATE alembic_version SET version_num = '9999'", "DROP TABLE last_done")

    with pytest.raises(UsageError, match=rf"later First Serve \(revision 9999, this one knows {HEAD}\)"):
        Store(tmp_path, database)

    assert "last_done" not in tables(engine)


def test_a_store_that_cannot_be_brought_up_to_date_stays_as_it_was(
    engine: Engine, tmp_path: Path, database: str | None
) -> None:
    without_revisions(engine)
    do(engine, "DROP TABLE beats", "ALTER TABLE deeds ADD COLUMN facility VARCHAR")

    with pytest.raises(UsageError, match=r"cannot keep state .*facility"):
        Store(tmp_path, database)

    assert {"beats", "last_done", "alembic_version"} & tables(engine) == set()


def test_many_may_open_a_new_store_at_the_same_moment(
    engine: Engine, tmp_path: Path, database: str | None
) -> None:
    begin = threading.Barrier(6)
    opened: list[Store] = []

    def machine(folder: Path) -> None:
        begin.wait()
        opened.append(Store(folder, database))

    folders = [tmp_path / str(number) if database else tmp_path for number in range(6)]
    threads = [threading.Thread(target=machine, args=(folder,)) for folder in folders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert [RunStore(store).history() for store in opened] == [[]] * 6
    assert differences(engine) == []
    for store in opened:
        store.close()

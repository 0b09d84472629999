"""Who is signed in to the web page, and who may go on trying: the same on all machines that share a store."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import timedelta
from pathlib import Path

import pytest
from sqlalchemy import insert

from reserve.storage.backup import back_up, restore
from reserve.storage.database import Store
from reserve.storage.people import People
from reserve.storage.schema import PEOPLE
from reserve.storage.sign_ins import ALL, AT_HOME_FOR, EACH, SIGNED_IN_FOR, WHILE, SignIns
from tests.fakes import FakeClock

PASSWORD = "correct horse battery"
HOME = "10.1.1.1"


@pytest.fixture
def machines(tmp_path: Path, database: str | None) -> Iterator[tuple[Store, Store]]:
    """The store as two machines see it, with Anna and Ben in it."""
    folders = [tmp_path / ("here" if database else "data"), tmp_path / ("there" if database else "data")]
    stores = Store(folders[0], database), Store(folders[1], database)
    with stores[0].engine.begin() as connection:  # without a password, which takes long to hash
        row = {"password": "", "is_owner": False, "accounts": "[]"}
        connection.execute(insert(PEOPLE), [{"name": name, **row} for name in ("anna", "ben")])
    yield stores
    for store in stores:
        store.close()


def test_a_session_is_good_on_every_machine_and_ends_on_all_of_them(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = map(SignIns, machines)
    secrets = [here.begin(name, HOME, clock.now()) for name in ("anna", "anna", "anna", "ben", "ben")]

    def signed_in() -> list[str | None]:
        return [getattr(there.person(secret, clock.now()), "name", None) for secret in secrets]

    assert signed_in() == ["anna", "anna", "anna", "ben", "ben"]
    here.end(secrets[0])
    assert signed_in() == [None, "anna", "anna", "ben", "ben"]
    here.end_all("anna")
    assert signed_in() == [None, None, None, "ben", "ben"]
    People(machines[0]).keep("ben", "another password")
    assert signed_in() == [None] * 5
    secrets = [here.begin("ben", HOME, clock.now())]
    People(machines[0]).remove("ben")
    People(machines[0]).keep("ben", PASSWORD)
    assert signed_in() == [None]  # it is another Ben


def test_a_session_ends_a_fortnight_after_the_password_however_often_it_is_used(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    sign_ins, began = SignIns(machines[0]), clock.now()
    secret = sign_ins.begin("anna", HOME, began)

    for days in range(14):
        assert sign_ins.person(secret, began + timedelta(days=days))

    assert sign_ins.person(secret, began + SIGNED_IN_FOR) is None
    sign_ins.begin("ben", HOME, began + SIGNED_IN_FOR)
    assert sign_ins.person(secret, began) is None  # forgotten


def test_wrong_passwords_count_on_all_machines_together(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = map(SignIns, machines)

    asked = [each.are_too_many(HOME, clock.now()) for each in (here, there) * 3]

    assert asked == [False] * EACH + [True]
    assert not there.are_too_many("10.1.1.2", clock.now())
    assert not here.are_too_many(HOME, clock.now() + WHILE)


def test_strangers_everywhere_do_not_lock_out_who_signed_in_from_home(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = map(SignIns, machines)
    assert not here.are_too_many(HOME, clock.now())
    here.begin("anna", HOME, clock.now())

    asked = [here.are_too_many(f"10.0.0.{number}", clock.now()) for number in range(ALL + 1)]

    assert asked == [False] * ALL + [True]
    at_home = [there.are_too_many(HOME, clock.now()) for _ in range(EACH + 1)]
    assert at_home == [False] * EACH + [True]
    People(machines[0]).remove("anna")
    clock.sleep_until(clock.now() + WHILE)
    for number in range(ALL):
        here.are_too_many(f"10.0.0.{number}", clock.now())
    assert there.are_too_many(HOME, clock.now())  # is nobody's home any more


def test_an_address_is_a_home_for_a_time_only(machines: tuple[Store, Store], clock: FakeClock) -> None:
    sign_ins = SignIns(machines[0])
    sign_ins.are_too_many(HOME, clock.now())
    sign_ins.begin("anna", HOME, clock.now())
    later = clock.now() + AT_HOME_FOR

    for number in range(ALL):
        sign_ins.are_too_many(f"10.0.0.{number}", later)

    assert sign_ins.are_too_many(HOME, later)


def test_a_backup_signs_nobody_in_again(tmp_path: Path, clock: FakeClock) -> None:
    with closing(Store(tmp_path / "data")) as store:
        People(store).keep("anna", PASSWORD)
        secret = SignIns(store).begin("anna", HOME, clock.now())
        back_up(store, tmp_path / "all.backup")
        assert SignIns(store).person(secret, clock.now())

    restore(tmp_path / "all.backup", tmp_path / "other")

    with closing(Store(tmp_path / "other")) as store:
        assert [person.name for person in People(store).all()] == ["anna"]
        assert SignIns(store).person(secret, clock.now()) is None

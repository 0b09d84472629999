"""Who is signed in to the web page, and who may go on trying: the same on all machines that share a store."""

from __future__ import annotations

import threading
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
from reserve.storage.sign_ins import ALL, EACH, KNOWN_FOR, SIGNED_IN_FOR, TRYING, WHILE, SignIns
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
    secrets = [here.begin(name, clock.now())[0] for name in ("anna", "anna", "anna", "ben", "ben")]

    def signed_in() -> list[str | None]:
        return [getattr(there.person(secret, clock.now()), "name", None) for secret in secrets]

    assert signed_in() == ["anna", "anna", "anna", "ben", "ben"]
    here.end(secrets[0])
    assert signed_in() == [None, "anna", "anna", "ben", "ben"]
    here.end_all("anna")
    assert signed_in() == [None, None, None, "ben", "ben"]
    People(machines[0]).keep("ben", "another password")
    assert signed_in() == [None] * 5
    secrets = [here.begin("ben", clock.now())[0]]
    People(machines[0]).remove("ben")
    People(machines[0]).keep("ben", PASSWORD)
    assert signed_in() == [None]  # it is another Ben


def test_a_session_ends_a_fortnight_after_the_password_however_often_it_is_used(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    sign_ins, began = SignIns(machines[0]), clock.now()
    secret = sign_ins.begin("anna", began)[0]

    for days in range(14):
        assert sign_ins.person(secret, began + timedelta(days=days))

    assert sign_ins.person(secret, began + SIGNED_IN_FOR) is None
    sign_ins.begin("ben", began + SIGNED_IN_FOR)
    assert sign_ins.person(secret, began) is None  # forgotten


def may(sign_ins: SignIns, address: str, clock: FakeClock, *, name: str = "anna", browser: str = "") -> bool:
    """Whether a password may be tried, which is a wrong one."""
    return sign_ins.trying(name, address, browser, clock.now()) is not None


def test_wrong_passwords_count_on_all_machines_together(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = map(SignIns, machines)

    tried = [may(each, HOME, clock) for each in (here, there) * 3]

    assert tried == [True] * EACH + [False]
    assert may(there, "10.1.1.2", clock)
    clock.sleep_until(clock.now() + WHILE)
    assert may(here, HOME, clock)


@pytest.mark.parametrize("database", [None])
def test_those_who_try_at_the_same_moment_are_counted_one_after_the_other(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = machines
    numbers = list[int | None]()
    with here.exclusive.held(TRYING):
        trying = threading.Thread(
            target=lambda: numbers.append(SignIns(there).trying("anna", HOME, "", clock.now()))
        )
        trying.start()
        trying.join(0.1)
        assert numbers == []
    trying.join()

    assert len(numbers) == 1


def test_a_right_password_is_no_wrong_one(machines: tuple[Store, Store], clock: FakeClock) -> None:
    sign_ins, browser = SignIns(machines[0]), ""

    for _ in range(2 * EACH):
        attempt = sign_ins.trying("anna", HOME, browser, clock.now())
        assert attempt is not None
        _, browser = sign_ins.begin("anna", clock.now(), attempt=attempt, browser=browser)

    assert [may(sign_ins, HOME, clock) for _ in range(EACH + 1)] == [True] * EACH + [False]


def test_nobody_locks_out_who_signed_in_before_in_the_same_browser(
    machines: tuple[Store, Store], clock: FakeClock
) -> None:
    here, there = map(SignIns, machines)
    planted = "what somebody else has put there"
    _, browser = here.begin("anna", clock.now(), browser=planted)

    everywhere = [may(here, f"10.0.0.{number}", clock) for number in range(ALL + 1)]
    at_home = [may(here, HOME, clock, browser=each) for each in ("", planted, browser[:-1])]

    assert everywhere == [True] * ALL + [False]
    assert at_home == [False] * 3
    assert not may(here, HOME, clock, name="ben", browser=browser)  # it is Anna's
    mine = [may(there, HOME, clock, browser=browser) for _ in range(EACH + 1)]
    assert mine == [True] * EACH + [False]


@pytest.mark.parametrize("database", [None])
@pytest.mark.parametrize("ended", ["time", "removed", "signed in anew"])
def test_a_browser_is_known_for_a_time_and_by_its_last_secret(
    machines: tuple[Store, Store], clock: FakeClock, ended: str
) -> None:
    sign_ins = SignIns(machines[0])
    _, browser = sign_ins.begin("anna", clock.now())
    if ended == "time":
        clock.sleep_until(clock.now() + KNOWN_FOR)
    elif ended == "removed":
        People(machines[0]).remove("anna")
    else:
        sign_ins.begin("anna", clock.now(), browser=browser)

    for number in range(ALL):
        may(sign_ins, f"10.0.0.{number}", clock)

    assert not may(sign_ins, HOME, clock, browser=browser)


def test_a_backup_signs_nobody_in_again(tmp_path: Path, clock: FakeClock) -> None:
    with closing(Store(tmp_path / "data")) as store:
        People(store).keep("anna", PASSWORD)
        secret, _ = SignIns(store).begin("anna", clock.now())
        back_up(store, tmp_path / "all.backup")
        assert SignIns(store).person(secret, clock.now())

    restore(tmp_path / "all.backup", tmp_path / "other")

    with closing(Store(tmp_path / "other")) as store:
        assert [person.name for person in People(store).all()] == ["anna"]
        assert SignIns(store).person(secret, clock.now()) is None

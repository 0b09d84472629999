"""Who signs in to the web page, and how somebody becomes one of them."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import pytest

from reserve.commands import account
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.people import People
from reserve.storage.secrets import Accounts, SecretStore

PASSWORD = "correct horse battery"


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    opened = Store(tmp_path / "data", database)
    yield opened
    opened.close()


def types(settings: Settings, *words: str, password: str = PASSWORD) -> int:
    """The exit code of `account` with *words* and a password on a descriptor."""
    ours, theirs = os.pipe()
    os.write(theirs, password.encode())
    os.close(theirs)
    return account.main([*words, "--password-fd", str(ours)], settings)


def test_the_first_person_is_the_owner_and_an_account_is_one_persons(store: Store) -> None:
    people = People(store)

    owner = people.keep("anna", PASSWORD)
    people.keep("ben", PASSWORD, ["one", "two"])
    people.keep("cleo", "another password", ["two"])
    people.give("ben", ["three"])
    people.give("anna", ["one"])
    people.keep("cleo", "another password", ["four"])  # and no longer the one before

    assert [(each.name, each.is_owner, sorted(each.accounts)) for each in people.all()] == [
        ("anna", True, []),
        ("ben", False, ["three"]),
        ("cleo", False, ["four"]),
    ]
    assert people.signing_in("anna", PASSWORD) == owner
    assert people.signing_in("cleo", PASSWORD) is None
    assert PASSWORD not in repr(owner) + owner.password
    assert owner.password not in repr(owner)


def test_the_address_of_a_calendar_leads_to_its_person_only_while_it_holds(store: Store) -> None:
    people = People(store)
    people.keep("anna", PASSWORD)

    first, second = people.new_calendar("anna"), people.new_calendar("anna")

    assert people.of_calendar(first) is None
    assert getattr(people.of_calendar(second), "name", None) == "anna"
    people.without_calendar("anna")
    assert people.of_calendar(second) is None


def test_a_person_is_let_in_and_out_by_the_command(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    settings = Settings(data=tmp_path)
    with_store = Store(tmp_path)
    Accounts(SecretStore(with_store, tmp_path)).add("ben-rec", {"RESERVE_SYSTEM": "recus"})

    types(settings, "web-password", "anna")
    types(settings, "web-password", "ben", "--accounts", "ben-rec")
    with pytest.raises(UsageError, match="there is no account 'nobodys'"):
        types(settings, "web-password", "cleo", "--accounts", "nobodys")
    for password in ("short", 201 * "x"):
        with pytest.raises(UsageError, match="needs 10 to 200 letters"):
            types(settings, "web-password", "cleo", password=password)
    with pytest.raises(UsageError, match="remove the others first"):
        account.main(["web-remove", "anna"], settings)
    account.main(["web-remove", "ben"], settings)

    assert [each.name for each in People(with_store).all()] == ["anna"]
    with_store.close()
    said = capsys.readouterr().out
    assert "'ben' can sign in to the web page now, and sees their own accounts." in said
    assert PASSWORD not in said


def test_an_account_that_is_removed_belongs_to_nobody_whoever_takes_its_name(tmp_path: Path) -> None:
    with closing(Store(tmp_path)) as store:
        Accounts(SecretStore(store, tmp_path)).add("one", {"RESERVE_SYSTEM": "recus"})
        People(store).keep("anna", PASSWORD)
        People(store).keep("ben", PASSWORD, ["one"])

        account.main(["remove", "one"], Settings(data=tmp_path))

        assert not [person.name for person in People(store).all() if "one" in person.accounts]

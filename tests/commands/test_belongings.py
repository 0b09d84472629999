"""A player and a phone are one person's of the household; of an account that is removed nothing is left."""

from __future__ import annotations

import os
import threading
from collections.abc import Iterator, Mapping
from contextlib import closing
from pathlib import Path

import pytest
from sqlalchemy import insert

from reserve.commands import account
from reserve.commands.belongings import CHANGING, Belongings, player_of
from reserve.commands.store import open_store
from reserve.errors import UsageError
from reserve.settings import Settings, read_settings
from reserve.storage.people import People
from reserve.storage.schema import PEOPLE
from reserve.storage.secrets import TOKEN, SecretStore, StoredTokens

PASSWORD = "correct horse battery"
ANNAS, BENS, NEW = "+14155550142", "+14155550143", "+14155550144"


@pytest.fixture
def settings(tmp_path: Path, database: str | None) -> Settings:
    """Where Anna, the owner, has two accounts with one phone, and Ben has one."""
    where = {"RESERVE_DATABASE_URL": database} if database else {}
    found = read_settings({"RESERVE_DATA": str(tmp_path / "data"), **where})
    with closing(open_store(found)) as store:
        kept = Belongings(store, found)
        kept.add("anna-rec", variables("anna@example.com", ANNAS))
        kept.add("anna-two", variables("a@example.com", "(415) 555-0142"))
        kept.add("anna-3", variables("third@example.com", "+14312345678"))
        kept.add("ben-rec", variables("ben@example.com", BENS))
        with store.engine.begin() as connection:  # without a password, which takes long to hash
            row = {"password": "", "accounts": "[]"}
            connection.execute(insert(PEOPLE).values(name="anna", is_owner=True, **row))
            connection.execute(insert(PEOPLE).values(name="ben", is_owner=False, **row))
        People(store).give("ben", ["ben-rec"])
    return found


@pytest.fixture
def kept(settings: Settings) -> Iterator[Belongings]:
    """What is stored there."""
    with closing(open_store(settings)) as store:
        yield Belongings(store, settings)


def variables(email: str, phone: str) -> Mapping[str, str]:
    """What is stored of an account."""
    return {
        "RESERVE_SYSTEM": "recus",
        "RESERVE_EMAIL": email,
        "RESERVE_PASSWORD": "x",
        "RESERVE_PHONE": phone,
    }


def whose(kept: Belongings) -> dict[str, list[str]]:
    """What belongs to whom, as the store has it."""
    return {person.name: sorted(person.accounts) for person in kept.people.all()}


@pytest.mark.parametrize("database", [None])
@pytest.mark.parametrize(
    ("email", "phone", "person", "why"),
    [
        ("new@example.com", ANNAS, "ben", "phone number"),
        ("new@example.com", "+1 415-555-0142", "ben", "phone number"),
        ("new@example.com", BENS, None, "phone number"),
        ("new@example.com", "+4312345678", "ben", "phone number"),  # the end of Anna's third one
        ("new@example.com", "12345678", "ben", "phone number"),
        ("new@example.com", "345678", "ben", None),  # too short an end
        (" Anna@Example.com", NEW, "ben", "account at recus"),
        ("new@example.com", NEW, "ben", None),
        ("ben@example.com", BENS, "ben", None),
        ("anna@example.com", ANNAS, None, None),
        ("new@example.com", NEW, "cleo", "nobody signs in"),
    ],
)
def test_nobody_stores_what_is_somebody_elses(
    kept: Belongings, email: str, phone: str, person: str | None, why: str | None
) -> None:
    if why is None:
        kept.add("new", variables(email, phone), person)
        assert kept.accounts.read("new") == variables(email, phone)
        assert ("new" in whose(kept)["ben"]) == (person == "ben")
        return
    with pytest.raises(UsageError, match=why) as refused:
        kept.add("new", variables(email, phone), person)
    assert "new" not in kept.accounts.names
    assert not {phone, email, "anna-rec"} & set(str(refused.value).split())


@pytest.mark.parametrize("database", [None])
def test_the_account_of_the_environment_is_the_owners(kept: Belongings, settings: Settings) -> None:
    environ = {"RESERVE_EMAIL": "home@example.com", "RESERVE_PHONE": NEW}
    here = read_settings({"RESERVE_DATA": str(settings.data), **environ})
    with closing(open_store(here)) as store:
        belongings = Belongings(store, here)

        for email, phone in (("x@example.com", NEW), ("home@example.com", "")):
            with pytest.raises(UsageError, match="belongs to somebody else here"):
                belongings.add("new", variables(email, phone), "ben")
        belongings.add("new", variables("home@example.com", NEW), "anna")

    assert "new" in kept.accounts.names


@pytest.mark.parametrize("database", [None])
def test_an_account_keeps_its_person_and_is_new_only_once(kept: Belongings) -> None:
    kept.add("ben-rec", variables("later@example.com", BENS))

    assert whose(kept) == {"anna": [], "ben": ["ben-rec"]}
    with pytest.raises(UsageError, match="already"):
        kept.add("ben-rec", variables("x@example.com", NEW), "ben", is_new=True)


@pytest.mark.parametrize("database", [None])
def test_nobody_fills_the_store_with_accounts(kept: Belongings, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("reserve.commands.belongings.MOST", 3)
    for number in range(2):
        kept.add(f"b{number}", variables(f"b{number}@example.com", ""), "ben", is_new=True)

    with pytest.raises(UsageError, match="one person has 3 accounts at most"):
        kept.add("b3", variables("b3@example.com", ""), "ben", is_new=True)
    kept.add("b1", variables("again@example.com", ""))

    assert whose(kept)["ben"] == ["b0", "b1", "ben-rec"]


def test_the_owner_moves_a_phone_with_all_that_is_about_it(
    settings: Settings, kept: Belongings, capsys: pytest.CaptureFixture[str]
) -> None:
    account.main(["give", "anna-two", "--for", "ben"], settings)

    assert whose(kept) == {"anna": [], "ben": ["anna-rec", "anna-two", "ben-rec"]}
    assert "'anna-rec', 'anna-two': 'ben' alone sees that" in capsys.readouterr().out
    account.main(["give", "anna-rec", "--for", "anna"], settings)
    assert whose(kept) == {"anna": [], "ben": ["ben-rec"]}
    for words, why in (
        (["give", "anna-rec"], "to whom"),
        (["give", "x", "--for", "ben"], "'x'"),
        (["give", "anna-rec", "--for", "x"], "'x'"),
    ):
        with pytest.raises(UsageError, match=why):
            account.main(words, settings)


@pytest.mark.parametrize("database", [None])
def test_a_phone_moves_with_what_only_its_other_accounts_have_in_common(kept: Belongings) -> None:
    kept.add("anna-4", variables("a@example.com", ""))  # the player of anna-two, which has the phone

    assert kept.give("anna-rec", "ben") == ["anna-4", "anna-rec", "anna-two"]


@pytest.mark.parametrize("database", [None])
def test_who_changes_whose_accounts_are_whose_waits_for_others_who_do(
    settings: Settings, kept: Belongings
) -> None:
    with closing(open_store(settings)) as other:
        with other.exclusive.held(CHANGING):
            adding = threading.Thread(target=kept.add, args=("new", variables("n@example.com", NEW)))
            adding.start()
            adding.join(0.1)
            assert "new" not in Belongings(other, settings).accounts.names
        adding.join()

        assert "new" in Belongings(other, settings).accounts.names


@pytest.mark.parametrize("database", [None])
def test_tokens_of_the_player_of_the_environment_stay_when_an_account_of_it_goes(settings: Settings) -> None:
    here = read_settings({"RESERVE_DATA": str(settings.data), "RESERVE_EMAIL": "ben@example.com"})
    with closing(open_store(here)) as store:
        player = player_of(variables("ben@example.com", BENS), here)
        tokens = StoredTokens(SecretStore(store, here.data), player)
        tokens.replace("of the environment")

        Belongings(store, here).remove("ben-rec")

        assert tokens.kept() == ("of the environment",)


@pytest.mark.parametrize("database", [None])
def test_no_new_password_parts_a_phone(settings: Settings, kept: Belongings) -> None:
    def sets(name: str, accounts: str) -> None:
        ours, theirs = os.pipe()
        os.write(theirs, PASSWORD.encode())
        os.close(theirs)
        account.main(["web-password", name, "--accounts", accounts, "--password-fd", str(ours)], settings)

    with pytest.raises(UsageError, match="phone number belongs to somebody else"):
        sets("cleo", "anna-rec")
    assert set(whose(kept)) == {"anna", "ben"}
    sets("cleo", "anna-rec,anna-two")
    with pytest.raises(UsageError, match="phone number belongs to somebody else"):
        sets("cleo", "anna-rec")  # the other one would be the owner's
    assert whose(kept) == {"anna": [], "ben": ["ben-rec"], "cleo": ["anna-rec", "anna-two"]}


def test_of_an_account_that_is_removed_nothing_secret_is_left(settings: Settings, kept: Belongings) -> None:
    with closing(open_store(settings)) as store:
        secrets, tokens = SecretStore(store, settings.data), dict[str, StoredTokens]()
        kept.add("ben-too", kept.accounts.read("ben-rec"), "ben")
        for name in kept.accounts.names:
            player = player_of(kept.accounts.read(name), settings)
            tokens[name] = StoredTokens(secrets, player, account=name)
            tokens[name].replace(f"token of {name}")
        bens = secrets.names(TOKEN)

        account.main(["remove", "ben-too"], settings)
        assert secrets.names(TOKEN) == bens  # of the same player as ben-rec
        account.main(["remove", "ben-rec"], settings)

        assert len(secrets.names(TOKEN)) == len(bens) - 1
        assert tokens["ben-rec"].kept() == ()
        assert tokens["anna-rec"].kept() == ("token of anna-rec",)
        tokens["ben-rec"].replace("that a run got meanwhile")
        assert tokens["ben-rec"].kept() == ()
    assert whose(kept) == {"anna": [], "ben": []}


@pytest.mark.parametrize("database", [None])
def test_no_file_holds_what_was_stored_of_an_account(settings: Settings, kept: Belongings) -> None:
    with closing(open_store(settings)) as store, store.engine.connect() as connection:
        query = "SELECT encrypted FROM secrets WHERE name = 'account/ben-rec'"
        encrypted = connection.exec_driver_sql(query).scalar_one().encode()

    def holding() -> list[str]:
        files = [path for path in settings.data.rglob("*") if path.is_file()]
        return [path.name for path in files if encrypted in path.read_bytes()]

    assert holding()
    account.main(["remove", "ben-rec"], settings)
    assert holding() == []


@pytest.mark.parametrize("database", [None])
def test_without_the_key_an_account_still_goes(settings: Settings, kept: Belongings) -> None:
    (settings.data / "fernet.key").unlink()

    account.main(["remove", "ben-rec"], settings)

    assert "ben-rec" not in kept.accounts.names
    assert whose(kept) == {"anna": [], "ben": []}

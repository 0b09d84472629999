"""Accounts and tokens at rest: encrypted, under names, and never lost, also when a process is killed."""

import errno
import json
import os
import pty
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import chdir
from pathlib import Path

import pytest
from cryptography.fernet import Fernet
from sqlalchemy import select

from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands import account
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.store import secret_store
from reserve.errors import Interrupted, ServiceError, UsageError
from reserve.model import Account
from reserve.settings import KEY_FILE, read_settings
from reserve.simulator import AtriumScenario, SimulatedAtrium, serve
from reserve.storage.database import Store
from reserve.storage.schema import SECRETS
from reserve.storage.secrets import Accounts, SecretStore, StoredTokens, write_new
from tests.storage.processes import exit_codes

HERE = Path(__file__).parents[2]
MINE = {"RESERVE_SYSTEM": "atrium", "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}


@pytest.fixture
def store(tmp_path: Path, database: str | None) -> Iterator[Store]:
    store = Store(tmp_path, database)
    yield store
    store.close()


@pytest.fixture
def environ(tmp_path: Path) -> Iterator[dict[str, str]]:
    """An environment of its own, in a folder of its own: `.env` is looked for in the working directory."""
    with chdir(tmp_path):
        yield {"RESERVE_DATA": str(tmp_path / "data")}


def call(*words: str, **environ: str) -> subprocess.CompletedProcess[str]:
    """The real command, in a process of its own without a terminal."""
    command = [sys.executable, str(HERE / "main.py"), "account", *words]
    clean = {"PATH": os.environ["PATH"], "HOME": environ["RESERVE_DATA"]}
    return subprocess.run(
        command,
        env={**clean, **environ},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        cwd=Path(environ["RESERVE_DATA"]).parent,
        timeout=60,
    )


def encrypted(store: Store) -> dict[str, str]:
    """What the database holds of the secrets."""
    with store.engine.connect() as connection:
        return {row.name: row.encrypted for row in connection.execute(select(SECRETS))}


# The key.


def test_what_is_kept_can_be_read_again_and_lies_nowhere_in_plain_text(store: Store, tmp_path: Path) -> None:
    Accounts(SecretStore(store, tmp_path)).add("mine", MINE)

    assert Accounts(SecretStore(store, tmp_path)).read("mine") == MINE
    assert not any(b"c4nary" in path.read_bytes() for path in tmp_path.iterdir() if path.is_file())


def test_the_key_file_is_the_players_alone(store: Store, tmp_path: Path) -> None:
    Accounts(SecretStore(store, tmp_path)).add("mine", MINE)

    assert (tmp_path / KEY_FILE).stat().st_mode & 0o777 == 0o600


def test_nobody_finds_a_key_that_is_half_written(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    key, sync, seen = tmp_path / "key", os.fsync, list[bool]()

    def look(file: int) -> None:
        seen.append(key.exists())
        sync(file)

    monkeypatch.setattr(os, "fsync", look)
    write_new(key, b"whole")
    with pytest.raises(FileExistsError):
        write_new(key, b"another")

    assert seen == [False, True]  # of the first one nothing was there before it was on the disk
    assert key.read_bytes() == b"whole"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [key]


@pytest.mark.parametrize("number", [errno.EPERM, errno.EOPNOTSUPP])
def test_where_a_disk_has_no_links_a_key_is_made_all_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    key = tmp_path / "a.key"

    def link(*_: object) -> None:
        raise OSError(number, "no links here")

    monkeypatch.setattr(os, "link", link)
    write_new(key, b"whole")
    with pytest.raises(FileExistsError):
        write_new(key, b"another")

    assert key.read_bytes() == b"whole"
    assert key.stat().st_mode & 0o777 == 0o600
    assert [*tmp_path.iterdir()] == [key]


def test_a_given_key_needs_no_file(store: Store, tmp_path: Path) -> None:
    key = Fernet.generate_key().decode()
    Accounts(SecretStore(store, tmp_path, key)).add("mine", MINE)

    assert not (tmp_path / "fernet.key").exists()
    assert Accounts(SecretStore(store, tmp_path, key)).read("mine") == MINE


def lose(path: Path) -> None:
    path.unlink()


@pytest.mark.parametrize(
    ("spoil", "why"),
    [
        (lose, "is gone: put .* back or set FERNET_KEY"),
        (lambda path: Fernet.generate_key().decode(), "FERNET_KEY is not the key"),
        (lambda path: "short", "FERNET_KEY holds no Fernet key"),
        (lambda path: path.write_bytes(Fernet.generate_key()) and None, "fernet.key is not the key"),
    ],
)
def test_a_lost_or_wrong_key_is_refused_and_nothing_overwritten(
    store: Store, tmp_path: Path, spoil: Callable[[Path], str | None], why: str
) -> None:
    Accounts(SecretStore(store, tmp_path)).add("mine", MINE)
    right, before = (tmp_path / "fernet.key").read_text(), encrypted(store)

    spoilt = Accounts(SecretStore(store, tmp_path, spoil(tmp_path / "fernet.key")))

    with pytest.raises(UsageError, match=why):
        spoilt.read("mine")
    for name in ("mine", "new"):
        with pytest.raises(UsageError, match=why):
            spoilt.add(name, MINE)
    assert encrypted(store) == before
    assert Accounts(SecretStore(store, tmp_path, right.strip())).read("mine") == MINE


def test_names_and_removing_need_no_key(store: Store, tmp_path: Path) -> None:
    Accounts(SecretStore(store, tmp_path)).add("mine", MINE)
    lose(tmp_path / "fernet.key")
    accounts = Accounts(SecretStore(store, tmp_path))

    assert accounts.names == ["mine"]
    assert accounts.remove("mine")
    assert not accounts.remove("mine")


# Tokens that rotate.


def test_a_new_token_takes_the_place_of_the_old_one(store: Store, tmp_path: Path) -> None:
    tokens = StoredTokens(SecretStore(store, tmp_path), "player", given="first")
    assert tokens.kept() == ("first",)

    tokens.replace("second")

    assert StoredTokens(SecretStore(store, tmp_path), "player", given="first").kept() == ("second",)
    assert StoredTokens(SecretStore(store, tmp_path), "player").kept() == ("second",)


@pytest.mark.parametrize("first_of_all", [False, True])
def test_a_token_that_the_store_cannot_take_is_set_aside_and_found_by_the_next_run(
    store: Store, tmp_path: Path, first_of_all: bool
) -> None:
    tokens = StoredTokens(SecretStore(store, tmp_path), "player", given="first")
    if not first_of_all:
        tokens.replace("second")
    SECRETS.drop(store.engine)
    tokens.replace("canary-3")
    SECRETS.create(store.engine)

    (aside,) = (tmp_path / "aside").iterdir()
    assert aside.stat().st_mode & 0o777 == 0o600
    assert b"canary" not in aside.read_bytes()
    following = StoredTokens(SecretStore(store, tmp_path), "player", given="first")
    assert following.kept() == ("canary-3",)
    following.replace("fourth")
    assert not aside.exists()
    assert StoredTokens(SecretStore(store, tmp_path), "player", given="first").kept() == ("fourth",)


def test_a_token_that_nothing_can_take_is_said_to_be_lost(store: Store, tmp_path: Path) -> None:
    tokens = StoredTokens(SecretStore(store, tmp_path), "player", given="first")
    tokens.replace("second")
    SECRETS.drop(store.engine)
    (tmp_path / "aside").touch()

    with pytest.raises(ServiceError, match="neither the store nor a file beside it"):
        tokens.replace("third")


def test_a_signal_between_a_rotating_answer_and_its_keeping_comes_after_it(
    store: Store, tmp_path: Path
) -> None:
    tokens = StoredTokens(SecretStore(store, tmp_path), "player")
    stop = Stop()

    def renew() -> None:
        with tokens.alone():
            os.kill(os.getpid(), signal.SIGTERM)  # the answer has come; the old token is worth nothing now
            tokens.replace("new")

    with stop.listening(), pytest.raises(Interrupted):
        renew()

    assert tokens.kept() == ("new",)
    assert stop.is_asked


# The key is changed.


def test_a_change_of_the_key_encrypts_everything_anew_and_the_old_one_is_worth_nothing(
    store: Store, tmp_path: Path
) -> None:
    secrets = SecretStore(store, tmp_path)
    another = SecretStore(store, tmp_path)  # of a process that goes on meanwhile
    Accounts(secrets).add("mine", MINE)
    StoredTokens(another, "player").replace("first")
    old, before = (tmp_path / "fernet.key").read_text().strip(), encrypted(store)

    assert secrets.change_key() == 2

    assert not set(before.values()) & set(encrypted(store).values())
    assert Accounts(another).read("mine") == MINE
    StoredTokens(another, "player").replace("second")
    assert StoredTokens(SecretStore(store, tmp_path), "player").kept() == ("second",)
    with pytest.raises(UsageError, match="is not the key"):
        SecretStore(store, tmp_path, old).check()
    assert (tmp_path / "fernet.key").stat().st_mode & 0o777 == 0o600
    assert not (tmp_path / "fernet.next").exists()


def test_what_was_set_aside_is_in_the_store_after_a_change_of_the_key(store: Store, tmp_path: Path) -> None:
    secrets = SecretStore(store, tmp_path)
    StoredTokens(secrets, "player").replace("first")
    secrets.set_aside("token/player", json.dumps({"tokens": ["newest"], "given": None}))

    secrets.change_key()

    assert StoredTokens(SecretStore(store, tmp_path), "player").kept() == ("newest",)
    assert not list((tmp_path / "aside").iterdir())


CUT_OFF = """
import os, signal, sys
from pathlib import Path
from reserve.storage import secrets
from reserve.storage.database import Store

where, calls = int(sys.argv[2]), 0
def mortal(plain):
    def call(*arguments, **named):
        global calls
        if calls == where:
            os.kill(os.getpid(), signal.SIGKILL)
        calls += 1
        return plain(*arguments, **named)
    return call

store = Store(Path(sys.argv[1]), sys.argv[3] or None)
kept = secrets.SecretStore(store, Path(sys.argv[1]))
secrets.write_new, Path.replace = mortal(secrets.write_new), mortal(Path.replace)
secrets.Fernet.encrypt = mortal(secrets.Fernet.encrypt)
kept.change_key()
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize("calls", range(5))  # before .next, each of two secrets, the last word, and after it
def test_a_change_of_the_key_that_is_killed_anywhere_leaves_everything_readable(
    store: Store, tmp_path: Path, database: str | None, calls: int
) -> None:
    Accounts(SecretStore(store, tmp_path)).add("mine", MINE)
    Accounts(SecretStore(store, tmp_path)).add("other", MINE)

    assert exit_codes(CUT_OFF, (str(tmp_path), str(calls), database or "")) == [-signal.SIGKILL]

    assert Accounts(SecretStore(store, tmp_path)).read("mine") == MINE
    assert SecretStore(store, tmp_path).change_key() == 2
    assert Accounts(SecretStore(store, tmp_path)).read("other") == MINE


def test_a_key_of_the_environment_is_not_changed(store: Store, tmp_path: Path) -> None:
    secrets = SecretStore(store, tmp_path, Fernet.generate_key().decode())
    Accounts(secrets).add("mine", MINE)

    with pytest.raises(UsageError, match="the key is FERNET_KEY"):
        secrets.change_key()


def test_a_token_given_anew_by_hand_comes_first(store: Store, tmp_path: Path) -> None:
    StoredTokens(SecretStore(store, tmp_path), "player", given="first").replace("second")

    assert StoredTokens(SecretStore(store, tmp_path), "player", given="pasted").kept() == ("pasted", "second")


def test_players_do_not_share_tokens(store: Store, tmp_path: Path) -> None:
    StoredTokens(SecretStore(store, tmp_path), "player").replace("mine")

    assert StoredTokens(SecretStore(store, tmp_path), "other").kept() == ()


KILLED = """
import os, signal, sys
from pathlib import Path
from reserve.storage.secrets import StoredTokens, SecretStore
from reserve.storage.database import Store

class Mortal(SecretStore):
    writes = 0
    def write(self, name, text):
        if self.writes == int(sys.argv[2]):
            os.kill(os.getpid(), signal.SIGKILL)
        super().write(name, text)
        self.writes += 1

store = Store(Path(sys.argv[1]), sys.argv[3] or None)
StoredTokens(Mortal(store, Path(sys.argv[1])), "player").replace("new")
os.kill(os.getpid(), signal.SIGKILL)
"""


@pytest.mark.parametrize(("writes", "kept"), [(0, ("old",)), (1, ("new", "old")), (2, ("new",))])
def test_a_process_killed_while_a_token_rotates_loses_neither(
    store: Store, tmp_path: Path, database: str | None, writes: int, kept: tuple[str, ...]
) -> None:
    StoredTokens(SecretStore(store, tmp_path), "player").replace("old")

    assert exit_codes(KILLED, (str(tmp_path), str(writes), database or "")) == [-signal.SIGKILL]
    assert StoredTokens(SecretStore(store, tmp_path), "player").kept() == kept


# The command.


def test_an_account_is_stored_from_the_environment_listed_used_and_removed(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = {**environ, "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}
    assert account.main(["add", "mine", "--system", "recus"], read_settings(given)) == 0
    assert account.main(["list"], read_settings(environ)) == 0
    assert "mine  recus  player@example.com" in capsys.readouterr().out

    settings = read_settings(environ)
    words = ["-c", "Alice Marble", "-d", "2026-12-04", "-s", "tennis", "-t", "18:00", "-y", "19:30"]
    booking = read_booking(
        booking_parser("book").parse_args([*words, "--account", "mine"]), read_settings(environ)
    )
    assert (booking.account.email, booking.account.password) == ("player@example.com", "c4nary")
    assert "c4nary" not in repr(booking)

    assert account.main(["remove", "mine"], read_settings(environ)) == 0
    assert "c4nary" not in capsys.readouterr().out
    with pytest.raises(UsageError, match="there is no account 'mine'"):
        read_booking(booking_parser("book").parse_args([*words, "--account", "mine"]), settings)


def test_an_account_of_one_system_is_not_used_for_another(environ: dict[str, str]) -> None:
    given = {**environ, "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}
    account.main(["add", "mine", "--system", "recus"], read_settings(given))

    with pytest.raises(UsageError, match="'mine' is for recus"):
        read_booking(
            booking_parser("book").parse_args(["--account", "mine", "--system", "atrium"]),
            read_settings(environ),
        )


def test_a_stored_account_never_takes_anothers_password_from_the_environment(environ: dict[str, str]) -> None:
    mine = {"RESERVE_EMAIL": "mine@example.com", "ATRIUM_REFRESH_TOKEN": "t", "ATRIUM_OCCUPANT_ID": "1"}
    account.main(["add", "mine", "--system", "atrium"], read_settings(environ | mine))
    hers = {
        "RESERVE_SYSTEM": "recus",
        "RESERVE_EMAIL": "hers@example.com",
        "RESERVE_PASSWORD": "c4nary",
        "RESERVE_PHONE": "+14155550100",
        "ATRIUM_OCCUPANT_ID": "2",
    }
    words = ["-c", "Court 1", "-d", "2026-12-04", "-t", "18:00", "--account", "mine"]

    booking = read_booking(booking_parser("book").parse_args(words), read_settings(environ | hers))

    assert booking.settings.system == "atrium"
    assert booking.account == Account(
        "mine@example.com", "", None, {"ATRIUM_REFRESH_TOKEN": "t", "ATRIUM_OCCUPANT_ID": "1"}, "mine"
    )


@pytest.mark.parametrize("option", ["--email", "--password", "--phone"])
def test_a_stored_account_is_not_mixed_with_an_option(environ: dict[str, str], option: str) -> None:
    options = booking_parser("book").parse_args(["--account", "mine", option, "x@example.com"])

    with pytest.raises(UsageError, match=f"^{option}: account 'mine' is used as it is stored") as refused:
        read_booking(options, read_settings(environ))

    assert "x@example.com" not in str(refused.value)


def test_a_password_can_come_from_a_file_descriptor(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    ours, theirs = os.pipe()
    os.write(theirs, b"c4nary by pipe\n")
    os.close(theirs)
    words = ["add", "mine", "--system", "recus", "--password-fd", str(ours)]

    assert account.main(words, read_settings({**environ, "RESERVE_EMAIL": "player@example.com"})) == 0

    with secret_store(read_settings(environ)) as secrets:
        assert Accounts(secrets).read("mine")["RESERVE_PASSWORD"] == "c4nary by pipe"


@pytest.mark.parametrize("number", ["-1", "999999", str(2**70), "latin-1"])
def test_a_descriptor_from_which_no_password_can_be_read_is_refused_in_a_sentence(
    environ: dict[str, str], number: str
) -> None:
    if number == "latin-1":
        ours, theirs = os.pipe()
        os.write(theirs, "wörd\n".encode("latin-1"))
        os.close(theirs)
        number = str(ours)

    with pytest.raises(UsageError, match=r"^--password-fd: "):
        account.main(["add", "mine", "--password-fd", number], read_settings(environ))


@pytest.mark.parametrize("missing", ["RESERVE_EMAIL", "RESERVE_PASSWORD"])
def test_without_a_terminal_nothing_is_asked_and_what_is_missing_is_named(
    environ: dict[str, str], missing: str
) -> None:
    given = {**environ, "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}
    given.pop(missing)

    answer = call("add", "mine", "--system", "recus", **given)

    assert answer.returncode == 2
    assert missing in answer.stdout


def typed_at_a_terminal(*answers: bytes, **environ: str) -> tuple[int, bytes]:
    """The exit code of `account add mine` when a player types *answers*, and what the terminal showed."""
    terminal, theirs = pty.openpty()
    words = [sys.executable, str(HERE / "main.py"), "account", "add", "mine", "--system", "ntnui"]
    child = subprocess.Popen(
        words,
        env={"PATH": os.environ["PATH"], **environ},
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        start_new_session=True,
    )
    os.close(theirs)
    shown = _answer(terminal, *answers)
    os.close(terminal)
    return child.wait(60), shown


def test_at_a_terminal_secrets_are_asked_for_and_not_shown(environ: dict[str, str]) -> None:
    code, shown = typed_at_a_terminal(b"player@example.com\n", b"c4nary\n", b"\n", **environ)

    assert code == 0, shown
    assert b"player@example.com" in shown
    assert b"c4nary" not in shown


def test_enter_keeps_what_is_shown_to_be_in_the_environment_and_never_a_password(
    environ: dict[str, str],
) -> None:
    known = {"RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}

    refused, shown = typed_at_a_terminal(b"\n", b"\n", b"\n", **environ, **known)
    stored, _ = typed_at_a_terminal(b"\n", b"typed\n", b"\n", **environ, **known)

    assert b"E-mail address [RESERVE_EMAIL from the environment]: " in shown
    assert b"there is no password" in shown
    assert (refused, stored) == (2, 0)
    with secret_store(read_settings(environ)) as secrets:
        account = Accounts(secrets).read("mine")
    assert (account["RESERVE_EMAIL"], account["RESERVE_PASSWORD"]) == ("player@example.com", "typed")


def _answer(terminal: int, *answers: bytes) -> bytes:
    """Type each answer when the program has asked with a colon; returns what the terminal showed."""
    shown, left = b"", list(answers)
    while True:
        try:
            piece = os.read(terminal, 1000)
        except OSError:
            return shown
        if not piece:
            return shown
        shown += piece
        if left and shown.endswith(b": "):
            os.write(terminal, left.pop(0))


def test_a_lost_key_is_no_dead_end(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    account.main(
        ["add", "home", "--system", "atrium"],
        read_settings(environ | {"ATRIUM_REFRESH_TOKEN": "a", "RESERVE_EMAIL": "x@y"}),
    )
    with secret_store(read_settings(environ)) as secrets:
        StoredTokens(secrets, "player").replace("rotated")
    (tmp_path / "data" / "fernet.key").unlink()

    with pytest.raises(UsageError, match="key of the stored accounts is gone"):
        account.main(["list"], read_settings(environ))
    assert "home  cannot be read" in capsys.readouterr().out

    assert account.main(["remove", "home"], read_settings(environ)) == 0
    assert (
        account.main(
            ["add", "home"], read_settings(environ | {"RESERVE_EMAIL": "x@y", "RESERVE_PASSWORD": "secret"})
        )
        == 0
    )


@pytest.mark.parametrize(
    ("words", "more", "why"),
    [
        (["add", ""], {}, "NAME is empty"),
        (["add", "../x"], {}, "NAME: '../x' is no name"),
        (["add", "mine"], {"RESERVE_EMAIL": "notmail"}, "RESERVE_EMAIL is not an e-mail address"),
        (
            ["add", "mine", "--system", "atrium"],
            {"ATRIUM_OCCUPANT_ID": "abc"},
            "ATRIUM_OCCUPANT_ID is not a number",
        ),
    ],
)
def test_an_account_that_makes_no_sense_is_refused(
    environ: dict[str, str], words: list[str], more: dict[str, str], why: str
) -> None:
    with pytest.raises(UsageError) as refused:
        account.main(
            words, read_settings({"RESERVE_EMAIL": "x@y", "RESERVE_PASSWORD": "secret", **environ, **more})
        )

    assert why in str(refused.value)


def test_what_earlier_tools_left_is_taken_over_and_named_as_deletable(
    environ: dict[str, str], tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "tokens.json").write_text(json.dumps({"refresh_token": "old-canary", "x": 1}))
    (tmp_path / ".env").write_text("TFC_USERNAME=player@example.com\nTFC_PASSWORD=c4nary\nOTHER=1\n")
    written = {"TFC_USERNAME": "player@example.com", "TFC_PASSWORD": "c4nary"}

    assert account.main(["add", "mine", "--system", "atrium"], read_settings({**environ, **written})) == 0

    with secret_store(read_settings(environ)) as secrets:
        stored = Accounts(secrets).read("mine")
    shown = capsys.readouterr().out
    assert stored["ATRIUM_REFRESH_TOKEN"] == "old-canary"
    assert (stored["RESERVE_EMAIL"], stored["RESERVE_PASSWORD"]) == ("player@example.com", "c4nary")
    assert f"{tmp_path}/data/tokens.json holds secrets in plain text and can be deleted now" in shown
    assert "The lines TFC_USERNAME, TFC_PASSWORD of .env hold secrets" in shown
    assert "canary" not in shown


# Account refresh, as cron calls it.


def test_cron_can_keep_a_token_alive_between_bookings(environ: dict[str, str]) -> None:
    simulated = SimulatedAtrium(
        AtriumScenario(opens_at=Clock().now(), day=Clock().now().date(), has_password=False), Clock()
    )
    with serve(simulated.app) as server:
        given = {**environ, **simulated.environ(server.url), "RESERVE_EMAIL": "player@example.com"}
        assert call("add", "mine", "--system", "atrium", **given).returncode == 0

        renewed = [call("refresh", **{**given, "ATRIUM_REFRESH_TOKEN": ""}) for _ in range(2)]

    assert [each.returncode for each in renewed] == [0, 0], renewed[0].stdout + renewed[0].stderr
    assert renewed[0].stdout == "Renewed the refresh token of mine.\n"
    assert len(simulated.ledger.all("token-rotated")) == 2
    assert simulated.ledger.all("token-used-again") == []


def test_a_dead_token_gives_exit_code_3_and_the_steps_to_renew_it(environ: dict[str, str]) -> None:
    simulated = SimulatedAtrium(
        AtriumScenario(opens_at=Clock().now(), day=Clock().now().date(), session_ended=True), Clock()
    )
    with serve(simulated.app) as server:
        given = {**environ, **simulated.environ(server.url), "RESERVE_EMAIL": "player@example.com"}
        answer = call("refresh", RESERVE_SYSTEM="atrium", **given)

    assert answer.returncode == 3
    assert "(3) run `python3 main.py account add NAME --system atrium`" in answer.stdout


def test_a_stored_account_that_is_refreshed_never_sends_the_password_of_the_environment(
    environ: dict[str, str],
) -> None:
    simulated = SimulatedAtrium(
        AtriumScenario(opens_at=Clock().now(), day=Clock().now().date(), session_ended=True), Clock()
    )
    with serve(simulated.app) as server:
        given = {**environ, **simulated.environ(server.url)}
        account.main(
            ["add", "mine", "--system", "atrium"],
            read_settings(environ | {"RESERVE_EMAIL": "me@example.com", "ATRIUM_REFRESH_TOKEN": "dead"}),
        )
        hers = {"RESERVE_SYSTEM": "recus", "RESERVE_EMAIL": "x@example.com", "RESERVE_PASSWORD": "c4nary"}

        assert account.main(["refresh"], read_settings({**given, **hers})) == 3  # and no browser was wanted

    assert simulated.ledger.all("log-in") == []


def test_the_key_is_changed_by_a_command(environ: dict[str, str], capsys: pytest.CaptureFixture[str]) -> None:
    given = {**environ, "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}
    account.main(["add", "mine", "--system", "recus"], read_settings(given))

    assert account.main(["rotate-key"], read_settings(environ)) == 0

    assert "Encrypted 1 secret with a new key" in capsys.readouterr().out
    assert account.main(["list"], read_settings(environ)) == 0


def test_a_system_without_refresh_tokens_needs_no_renewing(
    environ: dict[str, str], capsys: pytest.CaptureFixture[str]
) -> None:
    given = {**environ, "RESERVE_EMAIL": "player@example.com", "RESERVE_PASSWORD": "c4nary"}
    account.main(["add", "mine", "--system", "recus"], read_settings(given))

    assert account.main(["refresh"], read_settings(environ)) == 0
    assert "recus has no refresh tokens" in capsys.readouterr().out

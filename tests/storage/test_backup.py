"""A backup holds the state and the key, whoever writes meanwhile; restoring it overwrites nothing."""

from __future__ import annotations

import io
import json
from collections.abc import Callable
from contextlib import closing, redirect_stdout
from pathlib import Path
from zipfile import ZipFile

import pytest
from sqlalchemy import text

from reserve.commands import main
from reserve.errors import UsageError
from reserve.storage.backup import CONTENTS, back_up, restore
from reserve.storage.database import Store
from reserve.storage.secrets import KEY_FILE, SecretStore


@pytest.fixture
def kept(tmp_path: Path) -> Path:
    """A data folder in which a secret is kept."""
    folder = tmp_path / "data"
    with closing(Store(folder)) as store:
        secrets = SecretStore(store, folder)
        secrets.write("account/mine", "canary-word")
        secrets.set_aside("token/mine", "later-word")
    return folder


def saved(folder: Path, file: Path) -> Path:
    """*file*, with a backup of *folder*."""
    with closing(Store(folder)) as store:
        back_up(store, file)
    return file


def test_what_was_kept_can_be_read_where_the_backup_is_restored(kept: Path, tmp_path: Path) -> None:
    file, other = saved(kept, tmp_path / "all.backup"), tmp_path / "other" / "data"

    restore(file, other)

    with closing(Store(other)) as store:
        secrets = SecretStore(store, other)
        assert secrets.read("account/mine") == "canary-word"
        assert secrets.read("token/mine") == "later-word"
    assert {path.stat().st_mode & 0o777 for path in (file, other / KEY_FILE)} == {0o600}


def test_a_run_may_write_while_the_backup_is_made_and_is_in_it_whole_or_not_at_all(
    kept: Path, tmp_path: Path
) -> None:
    with closing(Store(kept)) as store, store.engine.connect() as connection:
        connection.execute(text("INSERT INTO last_done VALUES ('first', '2026-11-21')"))  # not committed yet
        file = saved(kept, tmp_path / "all.backup")
        connection.commit()

    restore(file, tmp_path / "other")

    with closing(Store(tmp_path / "other")) as store, store.engine.connect() as connection:
        assert connection.scalar(text("SELECT count(*) FROM last_done")) == 0
        assert connection.scalar(text("PRAGMA integrity_check")) == "ok"


@pytest.mark.parametrize("name", ["reserve.sqlite3", KEY_FILE, "aside"])
def test_nothing_is_overwritten(kept: Path, tmp_path: Path, name: str) -> None:
    file, other = saved(kept, tmp_path / "all.backup"), tmp_path / "other"
    other.mkdir()
    (other / name).touch()

    with pytest.raises(UsageError, match="nothing is overwritten"):
        restore(file, other)
    with pytest.raises(UsageError, match="name a new file"):
        saved(kept, file)

    assert [path.name for path in other.iterdir()] == [name]


def edited(file: Path, change: Callable[[dict[str, bytes]], object]) -> None:
    """Have *change* alter what is in the backup *file*."""
    with ZipFile(file) as archive:
        parts = {name: archive.read(name) for name in archive.namelist()}
    change(parts)
    with ZipFile(file, "w") as archive:
        for name, content in parts.items():
            archive.writestr(name, content)


def says(**more: object) -> Callable[[dict[str, bytes]], object]:
    """What changes the contents that a backup says it has."""
    return lambda parts: parts.update({CONTENTS: json.dumps(json.loads(parts[CONTENTS]) | more).encode()})


@pytest.mark.parametrize(
    ("change", "why"),
    [
        (says(form=2), "a later First Serve; update"),
        (says(revision="9999"), "a later First Serve; update"),
        (says(sums={}), "damaged"),
        (says(sums={"../reserve.sqlite3": ""}), "damaged"),
        (lambda parts: parts.update({CONTENTS: b"[]"}), "damaged"),
        (lambda parts: parts.pop(CONTENTS), "damaged"),
        (lambda parts: parts.pop(KEY_FILE), "damaged"),
        (lambda parts: parts.update({KEY_FILE: b"another"}), "damaged"),
    ],
)
def test_a_backup_that_is_changed_or_of_a_later_program_restores_nothing(
    kept: Path, tmp_path: Path, change: Callable[[dict[str, bytes]], object], why: str
) -> None:
    file = saved(kept, tmp_path / "all.backup")
    edited(file, change)

    with pytest.raises(UsageError, match=why):
        restore(file, tmp_path / "other")

    assert not (tmp_path / "other").exists()


def test_a_backup_that_is_cut_off_or_has_a_wrong_byte_restores_nothing(kept: Path, tmp_path: Path) -> None:
    whole = saved(kept, tmp_path / "all.backup").read_bytes()
    file, half = tmp_path / "spoilt", len(whole) // 2
    wrong = bytes([whole[half] ^ 1])

    for spoilt in (b"", b"PK", whole[:half], whole[:-1], whole[:half] + wrong + whole[half + 1 :]):
        file.write_bytes(spoilt)
        with pytest.raises(UsageError, match="damaged"):
            restore(file, tmp_path / "other")

    assert not (tmp_path / "other").exists()


def test_the_commands_say_what_is_inside_and_what_is_left_to_do(
    kept: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    file = tmp_path / "all.backup"

    said = io.StringIO()
    with redirect_stdout(said):
        monkeypatch.setenv("RESERVE_DATA", str(kept))
        assert main(["backup", str(file)]) == 0
        assert main(["restore", str(file)]) == 2
        monkeypatch.setenv("RESERVE_DATA", str(tmp_path / "other"))
        assert main(["restore", str(file)]) == 0
        assert main(["restore", str(tmp_path)]) == 2
        assert main(["restore", ""]) == main(["backup", "\x1b[2J"]) == 2
        monkeypatch.setenv("RESERVE_DATA", str(file))  # which is no folder
        assert main(["restore", str(file)]) == 2

    for part in (
        "With them is the key",
        "Not in it: .env",
        "nothing is overwritten",
        "cron --remove",
        "FILE is empty",
    ):
        assert part in said.getvalue()
    assert "canary-word" not in said.getvalue()


def test_what_lies_in_postgresql_is_left_to_pg_dump(empty_postgres: str, tmp_path: Path) -> None:
    with closing(Store(tmp_path, empty_postgres)) as store, pytest.raises(UsageError, match="pg_dump"):
        back_up(store, tmp_path / "all.backup")

    assert not (tmp_path / "all.backup").exists()

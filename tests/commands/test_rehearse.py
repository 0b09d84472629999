"""A rehearsal is called one, and leaves nothing among what really happened."""

from __future__ import annotations

import io
import json
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path

import pytest

from reserve.commands import main, rehearse
from reserve.commands.rehearse import own_folder


def test_a_rehearsal_has_a_folder_of_its_own_and_real_history_knows_of_nothing(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real, own = tmp_path / "real", tmp_path / "own"
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RESERVE_DATA", str(real))
    monkeypatch.setenv("RESERVE_DATABASE_URL", "postgresql+psycopg://nobody@127.0.0.1:1/real")
    monkeypatch.setattr(rehearse, "own_folder", lambda: own)
    said, beside = io.StringIO(), io.StringIO()

    with redirect_stdout(said), redirect_stderr(beside):  # refused before anything is waited for
        assert main(["rehearse", "--fault", "winter-slot", "--json"]) == 2

    assert json.loads(said.getvalue())["rehearsal"] is True
    assert "Rehearsal. Refused" in beside.getvalue()
    assert (own / "reserve.sqlite3").exists()
    assert not real.exists()


def test_no_rehearsal_finds_what_another_left() -> None:
    first, second = own_folder(), own_folder()
    try:
        assert first != second
        assert not any(second.iterdir())
        assert first.parent.parent.name == "build"
    finally:
        for folder in (first, second):
            folder.rmdir()

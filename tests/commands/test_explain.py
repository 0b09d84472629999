"""`explain` draws a run, in the terminal and into a file, also one that an older version left."""

from __future__ import annotations

import stat
from contextlib import closing
from pathlib import Path

import pytest

from reserve.commands import explain
from reserve.errors import UsageError
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from reserve.storage.schema import RUNS
from tests.stage import Stage


def test_a_run_is_drawn_in_the_terminal_and_into_a_file_of_its_own(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with Stage(tmp_path) as stage:
        stage.book()
        stage.wired.write_down(stage.result)
        stage.run.record.store.close()
    settings, run = read_settings({"RESERVE_DATA": str(tmp_path / "data")}), stage.wired.run_id
    file, nowhere = tmp_path / "run.html", tmp_path / "missing" / "run.html"
    file.write_text("what was there before")

    assert explain.main([run, "--html", str(file)], settings) == 0

    said = capsys.readouterr().out
    assert "At the opening" in said
    assert ", reserved" in said
    assert f"Its picture is in {file}." in said
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    assert file.read_text().startswith("<!doctype html>")
    assert ", reserved" in file.read_text()
    assert "The court was ours at +" in file.read_text()

    assert_refused(run, nowhere, settings, "missing/run.html cannot be written")
    assert_refused(run, tmp_path, settings, "name a file in a folder of yours")
    assert {path.name for path in tmp_path.iterdir()} >= {"run.html", "data"}
    assert not list(tmp_path.glob("**/.run.html*"))  # nothing half written is left

    with closing(Store(tmp_path / "data")) as store, store.engine.begin() as connection:
        connection.execute(RUNS.update().values(facts=None))  # as older versions left it
    assert explain.main([run], settings) == 0
    said = capsys.readouterr().out
    assert "After the opening" in said
    assert "At the opening" not in said


def assert_refused(run: str, file: Path, settings: Settings, why: str) -> None:
    with pytest.raises(UsageError, match=why):
        explain.main([run, "--html", str(file)], settings)

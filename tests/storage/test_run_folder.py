"""What a run leaves behind never costs it a court."""

from pathlib import Path

import pytest

from reserve.errors import UsageError
from reserve.model import RivalHold
from reserve.redaction import Secrets
from reserve.storage.run_folder import RIVALS, STEPS, RunFolder, rivals_of, steps_of
from tests.fakes import START


def test_a_disk_that_takes_nothing_stops_no_run(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()  # where a folder should be

    folder = RunFolder(tmp_path, "run-1", Secrets())
    folder.keep_answer("GET /x", "an answer")
    folder.keep_bug(ValueError("a bug"))
    folder.remove_if_empty()

    assert [path.name for path in tmp_path.iterdir()] == ["runs"]


def test_half_an_emoji_costs_no_more_than_itself(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run-1", Secrets())

    folder.keep_bug(ValueError("Court \ud83d"))

    assert "ValueError: Court ?" in (folder.path / "bug.txt").read_text()


def test_a_timeline_that_was_cut_off_is_read_as_far_as_it_goes(tmp_path: Path) -> None:
    folder = RunFolder(tmp_path, "run-1", Secrets())
    folder.keep_steps([(START, "T-1.0", "one"), (START, "T+0.0", "two\u2028")])
    whole = (folder.path / STEPS).read_bytes()

    for length in range(len(whole)):
        (folder.path / STEPS).write_bytes(whole[:length] + b"\xff")
        assert [step["step"] for step in steps_of(tmp_path, "run-1")] == ["one"] * (b"\n" in whole[:length])
    (folder.path / STEPS).write_bytes(whole)
    assert [step["step"] for step in steps_of(tmp_path, "run-1")] == ["one", "two\u2028"]


def test_a_file_in_the_place_of_the_folder_of_all_runs_is_named(tmp_path: Path) -> None:
    (tmp_path / "runs").touch()

    with pytest.raises(UsageError, match=f"RESERVE_DATA: {tmp_path}/runs is a file where a folder should be"):
        steps_of(tmp_path, "run-1")


def test_the_rivals_of_a_rehearsal_are_read_back_as_far_as_they_can_be(tmp_path: Path) -> None:
    folder, rival = RunFolder(tmp_path, "run-1", Secrets()), RivalHold(START, "Court 1")
    folder.keep_rivals([rival, rival])

    assert rivals_of(tmp_path, "run-1") == [rival, rival]
    assert rivals_of(tmp_path, "run-2") == []
    for damaged in ("[", "7", '[{"at": "2026-03-02T08:00:00", "court": ""}]', '[{"at": 7}]', "[7]"):
        (folder.path / RIVALS).write_text(damaged)
        assert rivals_of(tmp_path, "run-1") == []

"""What a run leaves behind never costs it a court."""

from pathlib import Path

from reserve.redaction import Secrets
from reserve.storage.run_folder import RunFolder


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

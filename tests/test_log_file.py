"""The log: every line says when and of what, several processes write it, and it never grows for ever."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from io import StringIO
from pathlib import Path

import pytest

from reserve import log_file
from reserve.log_file import LogFile

HERE = Path(__file__).parents[1]
NOON = datetime(2026, 11, 21, 12, tzinfo=UTC)
BEGINNING = re.compile(r"\d{4}-\d\d-\d\d \d\d:\d\d:\d\d[+-]\d{4} ")


def log_in(path: Path, otherwise: StringIO | None = None) -> LogFile:
    return LogFile(path, lambda: NOON, otherwise)


@pytest.mark.parametrize(
    ("written", "about", "expected"),
    [
        (["one\n"], {}, ["one"]),
        (["o", "ne", "\ntwo\n"], {}, ["one", "two"]),
        (["\n", "one\n\n", "and more"], {}, ["one"]),
        (["one\n"], {"plan": "3"}, ["plan 3: one"]),
        (["one\ntwo\n"], {"plan": "3", "run": "r-1"}, ["plan 3, run r-1: one", "plan 3, run r-1: two"]),
        (["\udcff \U0001f3be\n"], {}, ["\\udcff \U0001f3be"]),
    ],
)
def test_every_whole_line_begins_with_the_moment_and_with_what_it_is_about(
    written: list[str], about: dict[str, str], expected: list[str], tmp_path: Path
) -> None:
    log = log_in(tmp_path / "log")
    log.about.update(about)

    for text in written:
        log.write(text)

    lines = (tmp_path / "log").read_text().splitlines()
    assert all(BEGINNING.match(line) for line in lines)
    assert [BEGINNING.sub("", line) for line in lines] == expected
    assert datetime.fromisoformat(lines[0][:24]) == NOON


def test_the_file_is_its_owners_alone_also_when_a_shell_made_it_and_whatever_it_ends_with(
    tmp_path: Path,
) -> None:
    made = tmp_path / "made"
    made.write_text("sh: 1: no such program\n")
    made.chmod(0o644)

    for path in (made, tmp_path / "new"):
        log_in(path).write("one\n")
        assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert len(made.read_text().splitlines()) == 2


def test_of_many_writers_no_line_is_lost_or_cut_and_a_large_file_is_put_aside_once(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "log"
    lines = [f"line {number} {'x' * 40}" for number in range(200)]
    monkeypatch.setattr(log_file, "LARGEST", 150 * 80)  # reached once

    with ThreadPoolExecutor(4) as pool:
        list(pool.map(lambda line: log_in(path).write(f"{line}\n"), lines[1:]))
    log_in(path).write(f"{lines[0]}\n")

    old, new = Path(f"{path}.1").read_text(), path.read_text()
    assert sorted(BEGINNING.sub("", line) for line in (old + new).splitlines()) == sorted(lines)
    assert new
    assert len(old) > 150 * 80


def test_what_cannot_be_written_is_said_where_it_was_said_without_a_log(tmp_path: Path) -> None:
    said = StringIO()

    log_in(tmp_path / "nowhere" / "log", said).write("one\n")
    log_in(tmp_path / "nowhere" / "log").write("one\n")

    assert BEGINNING.sub("", said.getvalue()) == "one\n"


@pytest.mark.parametrize("words", [["main.py", "due", "--verbose"], ["main.py", "nonsense"]])
def test_a_command_with_a_log_prints_nothing_and_its_last_line_stands_there_once(
    words: list[str], tmp_path: Path
) -> None:
    environ = {"PATH": os.environ["PATH"], "RESERVE_DATA": str(tmp_path), "RESERVE_LOG": "log"}

    printed = subprocess.run(
        [sys.executable, HERE / words[0], *words[1:]],
        cwd=tmp_path,
        env=environ,
        capture_output=True,
        text=True,
        check=False,
    )

    assert (printed.stdout, printed.stderr) == ("", "")
    (line,) = (tmp_path / "log").read_text().splitlines()
    assert BEGINNING.match(line)
    assert line.endswith(".") or "Refused" in line

"""`code`: what the player types reaches the runs that wait, and nobody else."""

from __future__ import annotations

import io
import os
from pathlib import Path

import pytest

from reserve.commands import main
from reserve.commands.mailbox import MailboxAndTerminal
from reserve.storage.typed_codes import Mailbox
from tests.fakes import START, FakeClock


@pytest.fixture
def data(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    monkeypatch.setenv("RESERVE_DATA", str(tmp_path / "data"))
    monkeypatch.chdir(tmp_path)
    (tmp_path / "data").mkdir(mode=0o700)
    return tmp_path / "data"


def now() -> FakeClock:
    return FakeClock(START)


@pytest.mark.parametrize("words", [["482913"], ["482", "913"], ["482-913"], ["-"]])
def test_a_code_reaches_every_run_that_waits(
    data: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, words: list[str]
) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("482913\n"))
    mailboxes = [Mailbox(data, name, now().now) for name in ("run-1", "run-2")]
    for each in mailboxes:
        each.open()

    assert main(["code", *words]) == 0

    assert [each.take() for each in mailboxes] == [["482913"], ["482913"]]
    assert [each.take() for each in mailboxes] == [[], []]
    assert "482913" not in capsys.readouterr().out


@pytest.mark.parametrize(
    "word", ["", " ", "abc", "77", "🎾", "9" * 10_000, "\x1b[2J123456", "٤٨٢٩١٣", "--digits", "123456789"]
)
def test_what_is_no_code_is_refused_without_being_repeated_and_nothing_is_written(
    data: Path, capsys: pytest.CaptureFixture[str], word: str
) -> None:
    mailbox = Mailbox(data, "run-1", now().now)
    mailbox.open()

    assert main(["code", word]) == 2

    said = capsys.readouterr().out
    assert said.startswith("Refused: ")
    assert said.count("\n") == 1
    assert not word.strip() or word not in said
    assert mailbox.take() == []


def test_when_no_run_waits_the_code_is_refused_and_kept_nowhere(
    data: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["code", "482913"]) == 2

    assert "no run here waits for a code" in capsys.readouterr().out
    assert list(data.iterdir()) == []


def test_a_line_that_is_typed_at_the_terminal_of_a_waiting_run_is_taken_from_then_on(
    data: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ours, theirs = os.openpty()
    with os.fdopen(theirs, "r") as terminal:
        monkeypatch.setattr("sys.stdin", terminal)
        monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp())
        mailbox = MailboxAndTerminal(data, "run-1", now().now)
        os.write(ours, b"111111\n")
        mailbox.open()

        os.write(ours, b"what now?\n482 913\n")

        assert mailbox.take() == ["482913"]
        assert mailbox.take() == []
        monkeypatch.setattr("os.tcgetpgrp", lambda _: os.getpgrp() + 1)  # somebody else is in front
        os.write(ours, b"222222\n")
        assert mailbox.take() == []
    os.close(ours)

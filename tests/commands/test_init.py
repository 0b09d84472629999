"""`init` asks a person for what is missing, tries each answer, and loses nothing whatever happens."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import chdir
from pathlib import Path
from signal import SIGHUP, SIGINT, SIGTERM, Signals, raise_signal

import pytest

from reserve.commands import init
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.questions import Terminal
from reserve.commands.store import secret_store
from reserve.errors import UsageError
from reserve.settings import read_settings
from reserve.storage.secrets import Accounts
from tests.stage import TOKEN, Stage

EMAIL, PASSWORD, PHONE = "player@example.com", "c4nary $ 'word' #1", "(415) 555-0100"


class FakeTerminal(Terminal):
    """A terminal at which somebody types these answers, by the beginnings of the questions, else Enter."""

    def __init__(self, **answers: str | Signals) -> None:
        self.answers = answers
        self.shown: list[str] = []
        self.asked: list[str] = []
        self.unseen: list[str] = []

    def say(self, text: str) -> None:
        self.shown.append(text)

    show = say

    def read(self, prompt: str, *, unseen: bool) -> str:
        self.shown.append(prompt)
        word = prompt.split()[0].strip(",;:").casefold().replace("-", "_")
        self.asked.append(word)
        self.unseen += [word] if unseen else []
        answer = self.answers.get(word, "")
        if isinstance(answer, Signals):
            raise_signal(answer)
        assert isinstance(answer, str)
        if answer == "\x04":
            raise EOFError
        return answer


USUAL = {"e_mail": EMAIL, "password": PASSWORD, "phone": PHONE}
QUESTIONS = ("booking", "facility", "keep", "its", "e_mail", "password", "phone", "who")


@pytest.fixture
def stage(tmp_path: Path) -> Iterator[Stage]:
    with Stage(tmp_path) as stage, chdir(tmp_path):
        stage.environ = {"RESERVE_DATA": str(tmp_path / "new"), "PATH": ""}  # without a crontab
        yield stage


def call(stage: Stage, **answers: str | Signals) -> tuple[int, FakeTerminal]:
    """The exit code of `init`, and the terminal at which these answers were typed."""
    terminal = FakeTerminal(**{**USUAL, **answers})
    settings = read_settings(stage.environ, Path(".env"))
    return init.main([], settings, terminal=terminal, clock=stage.clock, connect=stage.connect), terminal


def test_all_is_asked_in_order(stage: Stage) -> None:
    code, terminal = call(stage)
    print(*terminal.shown, sep="\n")
    print(Path(".env").read_text())

"""Asking a person at a terminal: one question at a time, with what Enter takes, and three tries for each."""

from __future__ import annotations

import getpass
import sys
from collections.abc import Callable, Iterable
from dataclasses import dataclass

from reserve.commands.options import LONGEST
from reserve.commands.screen import say_indented
from reserve.errors import UsageError
from reserve.settings import refuse_strange_bytes
from reserve.systems.place import meant

TRIES = 3
YES = ("y", "yes")


class Terminal:
    """Where somebody sits who can be asked."""

    def say(self, text: str) -> None:
        """Show *text*, which may be indented."""
        say_indented(text)
        sys.stdout.flush()

    def show(self, command: str) -> None:
        """Show *command* so that it can be copied."""
        print(f"  {command}", flush=True)

    def read(self, prompt: str, *, unseen: bool) -> str:
        """What is typed, without the end of its line; raises `EOFError` when nobody types any more."""
        try:
            return getpass.getpass(prompt) if unseen else input(prompt)
        except OSError as gone:
            raise EOFError from gone


@dataclass(frozen=True)
class Question:
    """What is asked and about what, what Enter takes, and what an answer means.

    `means` raises `UsageError` for an answer that makes no sense. A secret is neither shown nor repeated.
    """

    asks: str
    about: str = ""  # said before
    default: str = ""
    means: Callable[[str], str] = str
    is_secret: bool = False
    is_optional: bool = False

    @property
    def prompt(self) -> str:
        """The line at whose end the answer is typed."""
        if self.is_secret and self.default:
            return f"{self.asks} [Enter keeps the one there is]: "
        return f"{self.asks} [{self.default}]: " if self.default else f"{self.asks}: "


def answered(question: str) -> str:
    """What is typed at *question*, in small letters; nothing when nobody types any more."""
    print(end="", flush=True)  # or what it is about is shown below it
    print(f"{question} ", end="", file=sys.stderr, flush=True)
    return sys.stdin.readline().strip().casefold()


def ask(question: Question, terminal: Terminal) -> str:
    """What the answer means; raises `UsageError` after three that make no sense."""
    if question.about:
        terminal.say(question.about)
    for _ in range(TRIES):
        try:
            typed = terminal.read(question.prompt, unseen=question.is_secret)
            refuse_unreadable(typed)
            text = typed.strip("\r\n" if question.is_secret else None) or question.default
            if text or question.is_optional:
                return question.means(text) if text else ""
            why = "that cannot be left empty"
        except UnicodeDecodeError:
            why = "that is not written in UTF-8"
        except UsageError as failure:
            why = str(failure)
        terminal.say(f"  {why[:1].upper()}{why[1:]}{'' if why.endswith('?') else '.'}")
    raise UsageError(f"none of {TRIES} answers made sense; nothing is changed")


def choice(words: Iterable[str], name: str) -> Callable[[str], str]:
    """What an answer means where there are but these *words*, of which a unique beginning is enough."""
    by_word = {word: word for word in words}

    def means(text: str) -> str:
        if (found := meant(text, by_word, name)) is None:
            raise UsageError(f"{name}: {text!r} is not known; choose {', '.join(by_word)}")
        return found

    return means


def refuse_unreadable(text: str) -> None:
    """Raise `UsageError` for what nobody types on purpose; it is not repeated."""
    refuse_strange_bytes(text, "that")
    if len(text) > LONGEST:
        raise UsageError(f"that has {len(text)} letters; {LONGEST} are the most")
    if not text.isprintable():
        raise UsageError("that has a sign that cannot be printed")

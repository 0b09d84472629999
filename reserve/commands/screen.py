"""What a person sees: lines of at most 80 columns, a colour where it helps, and a countdown in a run.

Colours are for terminals only, and not for those that are dumb or whose owner has set NO_COLOR.
"""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from enum import StrEnum
from typing import TYPE_CHECKING, TextIO

from reserve.errors import ExitCode

if TYPE_CHECKING:
    from reserve.booking.timeline import Timeline

WIDTH = 80  # columns of the narrowest terminal that people have


class Tone(StrEnum):
    """What a line means for the player, and the colour it has for that."""

    PLAIN = ""
    GOOD = "green"
    NEEDS_YOU = "yellow"
    BAD = "red"


def tone_of(exit_code: int | None) -> Tone:
    """What an end with *exit_code* means; None for one that has not come."""
    if exit_code is None:
        return Tone.PLAIN
    if exit_code == ExitCode.SUCCESS:
        return Tone.GOOD
    look = (ExitCode.HELD, ExitCode.UNCONFIRMED)
    return Tone.NEEDS_YOU if exit_code in look else Tone.BAD


def folded(beginning: str, text: str) -> str:
    """*text* behind *beginning*, in lines of at most 80 columns that go on below its first letter.

    An address is not cut: it would not lead anywhere.
    """
    return textwrap.fill(
        text,
        WIDTH,
        initial_indent=beginning,
        subsequent_indent=" " * len(beginning),
        break_on_hyphens=False,
        break_long_words="://" not in text,
    )


def in_columns(words: Sequence[str]) -> list[str]:
    """Lines with *words*, to be read downwards, in as many columns as fit into 80."""
    width = max(map(len, words), default=0) + 2
    height = -(-len(words) // max(1, (WIDTH + 2) // width))
    return ["".join(word.ljust(width) for word in words[row::height]).rstrip() for row in range(height)]


def say(text: str, tone: Tone = Tone.PLAIN, *, beginning: str = "", on_stderr: bool = False) -> None:
    """Print *beginning* and *text*: folded for a person at a terminal, in one line for a program.

    The beginning has the colour of *tone*, or else the whole text.
    """
    stream = sys.stderr if on_stderr else sys.stdout
    if stream is None:  # closed before we began
        return
    if not stream.isatty():
        print(f"{beginning}{text}", file=stream)
        return
    whole = folded(beginning, text)
    _paint(stream, whole[: len(beginning)] or whole, tone, whole[len(beginning) :] if beginning else "")


def say_indented(line: str) -> None:
    """Print *line*, which goes on below its first letter where it is folded."""
    text = line.lstrip()
    say(text, beginning=line.removesuffix(text))


def warn(text: str) -> None:
    """Tell the player of something that needs looking after."""
    say(text, Tone.NEEDS_YOU, beginning="warning: ", on_stderr=True)


def _paint(stream: TextIO, beginning: str, tone: Tone, text: str) -> None:
    """Print *beginning* in the colour of *tone*, and *text* behind it; Rich knows who wants no colours."""
    if tone is not Tone.PLAIN:
        with suppress(ImportError):  # which is what is to be said, perhaps
            from rich.console import Console  # which takes long to load
            from rich.text import Text

            line = Text.assemble((beginning, tone.value), text)
            Console(file=stream, highlight=False).print(line, soft_wrap=True)
            return
    print(f"{beginning}{text}", file=stream)


@contextmanager
def shown(timeline: Timeline, warnings: Iterable[str], *, has_opening: bool = True) -> Iterator[None]:
    """Inside, every step of *timeline* goes to standard error, as it happens; *warnings* go first.

    Where there *has_opening*, a terminal shows the countdown to it in its last line, and no question.
    """
    with ExitStack() as stack:
        timeline.show = _plain
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text

            console = Console(stderr=True, highlight=False)
            stack.callback(setattr, timeline, "show", _plain)
            stack.callback(setattr, timeline, "alert", None)
            bottom = Live(
                console=console, transient=True, get_renderable=lambda: Text(countdown(timeline), "bold")
            )
            if has_opening:
                stack.enter_context(bottom)

            def show(line: str, tone: Tone = Tone.PLAIN) -> None:
                stamp, _, text = line.partition(" ")
                console.print(Text(folded(f"{stamp} ", text), tone.value), soft_wrap=True)

            timeline.show = show
            timeline.alert = lambda line: show(line, Tone.NEEDS_YOU)
        for warning in warnings:
            timeline.say(f"warning: {warning}", needs_you=True)
        yield


def _plain(line: str) -> None:
    if sys.stderr is not None:  # closed before we began
        print(line, file=sys.stderr, flush=True)


def countdown(timeline: Timeline) -> str:
    """How long until the opening, empty when there is nothing to wait for."""
    left = round((timeline.opens_at - timeline.now()).total_seconds()) if timeline.opens_at else -1
    if left < 0:
        return ""
    return f"the window opens in {left // 3600:02}:{left // 60 % 60:02}:{left % 60:02}"

"""What a person sees while a run waits: the steps, and a countdown when there is a terminal."""

from __future__ import annotations

import sys
import textwrap
from collections.abc import Iterable, Iterator
from contextlib import ExitStack, contextmanager

from reserve.booking.timeline import Timeline

WIDTH = 80  # columns of the narrowest terminal that people have


def folded(beginning: str, text: str) -> str:
    """*text* behind *beginning*, in lines of at most 80 columns that go on below its first letter."""
    return textwrap.fill(
        text, WIDTH, initial_indent=beginning, subsequent_indent=" " * len(beginning), break_on_hyphens=False
    )


def line(beginning: str, text: str) -> str:
    """*beginning* and *text*, folded for a person at a terminal, in one line for a program."""
    if sys.stdout is None or not sys.stdout.isatty():
        return f"{beginning}{text}"
    return folded(beginning, text)


@contextmanager
def shown(timeline: Timeline, warnings: Iterable[str]) -> Iterator[None]:
    """Inside, every step of *timeline* goes to standard error, as it happens; *warnings* go first."""
    with ExitStack() as stack:
        timeline.show = _plain
        if sys.stderr is not None and sys.stderr.isatty():
            from rich.console import Console
            from rich.live import Live
            from rich.text import Text

            console = Console(stderr=True, highlight=False)
            stack.callback(setattr, timeline, "show", _plain)
            bottom = Live(
                console=console, transient=True, get_renderable=lambda: Text(countdown(timeline), "bold")
            )
            stack.enter_context(bottom)
            timeline.show = lambda line: console.print(line, markup=False, soft_wrap=True)
        for warning in warnings:
            timeline.say(f"warning: {warning}")
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

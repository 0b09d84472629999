"""What a person sees while a run waits: the steps, and a countdown when there is a terminal."""

from __future__ import annotations

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from reserve.booking.timeline import Timeline

if TYPE_CHECKING:
    from rich.text import Text


@contextmanager
def shown(timeline: Timeline) -> Iterator[None]:
    """Inside, every step of *timeline* goes to standard error, as it happens."""
    if sys.stderr is None or not sys.stderr.isatty():
        timeline.show = _plain
        yield
        return
    from rich.console import Console
    from rich.live import Live

    console = Console(stderr=True, highlight=False)
    with Live(Countdown(timeline), console=console, refresh_per_second=4, transient=True):
        timeline.show = lambda line: console.print(line, markup=False, soft_wrap=True)
        yield
    timeline.show = _plain


def _plain(line: str) -> None:
    if sys.stderr is not None:  # closed before we began
        print(line, file=sys.stderr, flush=True)


class Countdown:
    """How long until the opening."""

    def __init__(self, timeline: Timeline) -> None:
        """Look at *timeline* whenever it is drawn."""
        self._timeline = timeline

    def __rich__(self) -> Text:
        """One line, empty when there is nothing to wait for."""
        from rich.text import Text

        if self._timeline.opens_at is None:
            return Text("")
        left = round((self._timeline.opens_at - self._timeline.now()).total_seconds())
        if left < 0:
            return Text("")
        hours, minutes, seconds = left // 3600, left // 60 % 60, left % 60
        return Text(f"the window opens in {hours:02}:{minutes:02}:{seconds:02}", style="bold")

"""A request to stop, from Ctrl-C or SIGTERM: obeyed at once, or as soon as nothing can be lost by it."""

from __future__ import annotations

import signal
from collections.abc import Iterator
from contextlib import contextmanager
from types import FrameType

from reserve.errors import Interrupted
from reserve.signals import heard


class Stop:
    """Whether somebody asked this run to stop."""

    def __init__(self) -> None:
        """Nobody has, so far."""
        self.signal_number: int | None = None
        self.is_shielded = False  # if so, a request to stop is only noted

    def ask(self, signal_number: int, frame: FrameType | None = None) -> None:
        """Stop now, or once the run itself looks; a signal handler."""
        if self.is_asked:
            return  # once is enough; a second time would only break the tidying up
        self.signal_number = signal_number
        if not self.is_shielded:
            raise Interrupted(signal_number)

    @property
    def is_asked(self) -> bool:
        """Whether to ask for nothing more, and release what is held."""
        return self.signal_number is not None

    def obey(self) -> None:
        """Raise `Interrupted` when somebody asked us to stop."""
        if self.signal_number is not None:
            raise Interrupted(self.signal_number)

    def shield(self) -> None:
        """Only note a request to stop from now on, to the end of the run.

        Courts are being held, and must not be forgotten; and what has been reserved must be said.
        """
        self.is_shielded = True

    @contextmanager
    def listening(self) -> Iterator[None]:
        """Inside, Ctrl-C, SIGTERM and the end of the terminal come to us, unless they are to be ignored."""
        before = {number: signal.signal(number, self.ask) for number in heard()}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)

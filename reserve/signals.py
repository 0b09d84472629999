"""The signals by which a person or the machine stops a run, and holding them back for a moment."""

from __future__ import annotations

import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


def heard() -> list[signal.Signals]:
    """Those that stop us: what is ignored already stays so, as `nohup` wants; SIGTERM we use ourselves."""
    return [
        each for each in SIGNALS if each is signal.SIGTERM or signal.getsignal(each) is not signal.SIG_IGN
    ]


@contextmanager
def held_back() -> Iterator[None]:
    """Inside, a request to stop waits until we are out: what must not be cut in half belongs here, if short.

    Python calls handlers in its main thread only, so no other thread needs this.
    """
    if threading.current_thread() is not threading.main_thread():
        yield
        return
    came: list[int] = []
    before = {each: signal.signal(each, lambda number, frame: came.append(number)) for each in heard()}
    try:
        yield
    finally:
        for each, handler in before.items():
            signal.signal(each, handler)
        for number in came[:1]:
            signal.raise_signal(number)

"""Waiting for a store no longer than one can afford: what takes longer goes on in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, TypeVar

from reserve.clock import Clock

T = TypeVar("T")

PATIENT = 10.0  # seconds for one call; a store that answers at all has answered by then


@dataclass
class _Errand:
    call: Callable[[], Any]
    done: threading.Event = field(default_factory=threading.Event)
    result: Any = None
    failure: Exception | None = None

    def make(self) -> None:
        try:
            self.result = self.call()
        except Exception as failure:
            self.failure = failure
        self.done.set()


class Errands:
    """Calls that are made one after the other, and waited for while that is allowed."""

    def __init__(self) -> None:
        """Each call may take its time, until somebody is in a hurry."""
        self._clock = Clock()  # real time: a thread that waits for a server is in no rehearsal
        self._left: float | None = None
        self._queue: deque[_Errand] = deque()
        self._is_working = False
        self._lock = threading.Lock()

    def hurry(self, seconds: float) -> None:
        """Wait for all calls from now on no longer than *seconds* together."""
        self._left = seconds

    def take_time(self) -> None:
        """Wait for each call from now on as long as a store may need."""
        self._left = None

    def run(self, call: Callable[[], T]) -> T:
        """What *call* returns or raises; raises `TimeoutError` when nobody can wait for it any more.

        It is made all the same then, when those before it have ended.
        """
        errand = _Errand(call)
        with self._lock:
            self._queue.append(errand)
            if not self._is_working:
                self._is_working = True
                # It must not keep the process alive; what is still to be written then is in a file.
                threading.Thread(target=self._work, daemon=True).start()
        began = self._clock.monotonic()
        is_done = errand.done.wait(PATIENT if self._left is None else max(self._left, 0))
        if self._left is not None:
            self._left -= self._clock.monotonic() - began
        if not is_done:
            raise TimeoutError
        if errand.failure is not None:
            raise errand.failure
        return errand.result  # type: ignore[no-any-return]

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_working = False
                    return
                errand = self._queue.popleft()
            errand.make()

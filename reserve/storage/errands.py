"""Waiting for a store no longer than one can afford: what takes longer goes on in a thread of its own."""

from __future__ import annotations

import threading
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from math import inf
from typing import Any, TypeVar

from reserve.clock import LOOK, Clock, never

T = TypeVar("T")

PATIENT = 10.0  # seconds for one call; a store that answers at all has answered by then
STOPPING = 0.5  # seconds for all calls together, from when we are asked to stop


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

    def __init__(self, is_stopping: Callable[[], bool] = never) -> None:
        """Each call may take its time, until somebody is in a hurry, or *is_stopping* says that we stop."""
        self._clock = Clock()  # real time: a thread that waits for a server is in no rehearsal
        self._is_stopping = is_stopping
        self._left = self._stops_at = inf
        self._queue: deque[_Errand] = deque()
        self._is_working = False
        self._lock = threading.Lock()

    def hurry(self, seconds: float) -> None:
        """Wait for all calls from now on no longer than *seconds* together."""
        self._left = seconds

    def take_time(self) -> None:
        """Wait for each call from now on as long as a store may need, unless we stop."""
        self._left = inf

    def later(self, call: Callable[[], object]) -> None:
        """Have *call* made when its turn comes, and wait for nothing; it may fail."""
        self._put(_Errand(call))

    def run(self, call: Callable[[], T]) -> T:
        """What *call* returns or raises; raises `TimeoutError` when nobody can wait for it any more.

        It is made all the same then, when those before it have ended.
        """
        errand = _Errand(call)
        self._put(errand)
        if not self._is_made_in_time(errand):
            raise TimeoutError
        if errand.failure is not None:
            raise errand.failure
        return errand.result  # type: ignore[no-any-return]

    def _put(self, errand: _Errand) -> None:
        with self._lock:
            self._queue.append(errand)
            if not self._is_working:
                # It must not keep the process alive; what is still to be written then is in a file.
                # Begun first and noted then, as a signal may raise here; it waits for our lock.
                threading.Thread(target=self._work, daemon=True).start()
                self._is_working = True

    def _is_made_in_time(self, errand: _Errand) -> bool:
        began = now = self._clock.monotonic()
        ends = began + min(self._left, PATIENT)
        while not errand.done.wait(max(0.0, min(LOOK, ends - now))):
            now = self._clock.monotonic()
            if self._stops_at == inf and self._is_stopping():
                self._stops_at = now + STOPPING
            if now >= (ends := min(ends, self._stops_at)):
                break
        self._left -= self._clock.monotonic() - began
        return errand.done.is_set()

    def _work(self) -> None:
        while True:
            with self._lock:
                if not self._queue:
                    self._is_working = False
                    return
                errand = self._queue.popleft()
            errand.make()

"""What happens by itself at a simulated booking system, each at its moment: rivals come, holds lapse."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import count
from random import Random
from typing import TypeVar

from reserve.clock import Clock

T = TypeVar("T")

SLOWEST_RIVAL = timedelta(seconds=8)  # popular courts are gone after 5-10 s (rec.us facts 6)


class Timetable:
    """Events and their moments, worked out from the clock whenever somebody asks, never by a thread."""

    def __init__(self, clock: Clock) -> None:
        """Nothing is due yet."""
        self._clock = clock
        self._due: list[tuple[datetime, int, Callable[[datetime], None]]] = []
        self._numbers = count()

    def at(self, moment: datetime, event: Callable[[datetime], None]) -> None:
        """Have *event* happen at *moment*."""
        heapq.heappush(self._due, (moment, next(self._numbers), event))

    def catch_up(self) -> None:
        """Let everything happen that was due until now, in order."""
        now = self._clock.now()
        while self._due and self._due[0][0] <= now:
            moment, _, event = heapq.heappop(self._due)
            event(moment)


def rivals(
    seed: int, number: int, opening: datetime, courts: Sequence[T]
) -> Iterator[tuple[str, datetime, list[T]]]:
    """Each rival's name, when they come, and which courts they want, best first."""
    draws = Random(f"{seed}/rivals")
    for each in range(1, number + 1):
        # Most are quick, some are people with a mouse.
        moment = opening + min(timedelta(seconds=0.15 + draws.expovariate(0.5)), SLOWEST_RIVAL)
        yield f"rival {each}", moment, draws.sample(courts, len(courts))

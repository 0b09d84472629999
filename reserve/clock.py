"""Reading the time and waiting for a moment; the only module that knows the library `time`."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import TypeVar

T = TypeVar("T")

NAP = 30.0  # seconds; long waits are cut up, so that a corrected system clock is noticed


class Clock:
    """The time of this machine, and the only place that waits."""

    def now(self) -> datetime:
        """The present moment, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment in the past, whatever is done to the wall clock."""
        return time.monotonic()

    def sleep_until(self, moment: datetime) -> None:
        """Return at *moment*, never before it."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left, NAP))

    def sleep(self, length: timedelta) -> None:
        """Return after *length*."""
        self.sleep_until(self.now() + length)

    def call_at(self, moment: datetime, deed: Callable[[], None]) -> None:
        """Call *deed* at *moment* from another thread, while this one goes on."""
        timer = threading.Timer(max(0.0, (moment - self.now()).total_seconds()), deed)
        timer.daemon = True
        timer.start()

    def together(self, deeds: Sequence[Callable[[], T]]) -> list[T]:
        """Do all *deeds* at the same time and return their results in order, when the last has ended.

        Raises what the first failing one raised, but only after all have ended.
        """
        results: list[T | None] = [None] * len(deeds)
        failures: list[BaseException] = []

        def do(place: int) -> None:
            try:
                results[place] = deeds[place]()
            except BaseException as failure:
                failures.append(failure)

        threads = [threading.Thread(target=do, args=(place,)) for place in range(len(deeds))]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()
        if failures:
            raise failures[0]
        return results  # type: ignore[return-value]  # every place was filled, or a failure was raised

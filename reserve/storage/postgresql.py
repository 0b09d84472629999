"""A connection to PostgreSQL that nobody waits for without an end; psycopg alone would wait for ever."""

from __future__ import annotations

from typing import Any

import psycopg

from reserve.clock import Clock

LONGEST = 4.0  # seconds for one answer; ours take milliseconds


class BoundedConnection(psycopg.Connection[Any]):
    """One connection, given up when the server takes longer than `longest` to answer."""

    longest = LONGEST

    def wait(self, gen: Any, interval: float = 0.1, timeout: float | None = None) -> Any:
        """Wait for one answer; raises `OperationalError` when there is none in time."""
        clock, longest = Clock(), self.longest if timeout is None else timeout
        began = clock.monotonic()
        try:
            return super().wait(gen, interval, longest)
        except psycopg.Error as failure:
            if clock.monotonic() - began < longest:
                raise
            self.pgconn.finish()  # nobody knows what it was about to answer
            raise psycopg.OperationalError(f"no answer within {longest:.0f} s") from failure

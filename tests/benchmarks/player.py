"""One version of ourselves, in a process of its own: the one that Python's path leads to, this or a former.

So it knows only what both have in common. Each line that it reads is a task, and answered by a line.
"""

from __future__ import annotations

import json
import random
import sys
from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

from reserve.clock import UNKNOWN
from tests.benchmarks import race
from tests.benchmarks.opening import Ours, nanoseconds, order

MEASURING = 4  # connections, whose answers tell about the server's clock


def openings(
    *, url: str, orders: int, courts: Sequence[int], runs: int, measured: int, ahead: float, name: str
) -> dict[str, Any]:
    """When each opening was, in ns, and what arrived, for each number of *courts*.

    The server's time is found so many times before. Without, its clock is taken for ours and the
    way there for nothing: then the opening is when to send.
    """
    servers, found = [], []
    for _ in range(measured):
        measuring = Ours(url, "clock", MEASURING)
        servers.append(measuring.measure())
        measuring.close()
    servers = servers or [UNKNOWN]
    for number in courts:
        run, opened = f"{name}-{number}", []
        ours = Ours(url, run, number)
        for place in range(runs):
            opens_at = datetime.now(UTC) + timedelta(seconds=ahead)
            order(orders, run=run, opens_at=nanoseconds(opens_at))
            ours.ask(opens_at, servers[place % len(servers)], at_once=True)
            opened.append((nanoseconds(opens_at), order(orders, run=run)))
        ours.close()
        found.append((number, opened))
    return {"leads_ms": [each.lead / timedelta(milliseconds=1) for each in servers], "openings": found}


def arrivals(*, courts: int, runs: int, model: dict[str, Any], seed: int) -> list[list[float]]:
    """When our requests arrive in openings in virtual time, in ms."""
    chance = random.Random(seed)
    return [race.ours(chance, courts, model) for _ in range(runs)]


TASKS: dict[str, Callable[..., Any]] = {"openings": openings, "arrivals": arrivals}


def main() -> None:
    """Do one task after the other."""
    for line in sys.stdin:
        task, words = json.loads(line)
        print(json.dumps(TASKS[task](**words)), flush=True)


if __name__ == "__main__":
    main()

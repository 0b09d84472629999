"""One machine of the cluster: it ticks, says that its runs are alive, and asks at the opening."""

from __future__ import annotations

import json
import sys
import tempfile
from datetime import UTC, datetime, timedelta
from pathlib import Path

from reserve.clock import Clock
from reserve.plans import due
from reserve.storage.database import Store
from reserve.storage.plans import Occurrence, PlanStore

TICK = timedelta(seconds=5)  # cron ticks every minute, but each tick looks again near an opening


class Measured(PlanStore):
    """A plan_store that notes how long each claim takes."""

    def __init__(self, store: Store, clock: Clock) -> None:
        super().__init__(store)
        self.clock = clock
        self.took: list[float] = []

    def claim(self, now: datetime, worker: str, until: datetime, *, most: int = 10) -> list[Occurrence]:
        began = self.clock.monotonic()
        found = super().claim(now, worker, until, most=most)
        self.took.append((self.clock.monotonic() - began) * 1000)
        return found


def main(url: str, name: str, opens_at: datetime, report: Path) -> None:
    """Serve until the opening is over, and leave a report."""
    clock = Clock()
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder), url)
        plan_store = Measured(store, clock)
        mine: list[Occurrence] = []
        started = 0
        beat_at = clock.now()
        while clock.now() < opens_at:
            now = clock.now()
            before = len(mine)
            due.tick(plan_store, now, name, mine.append)
            started += len(mine) - before
            if now >= beat_at:
                mine = [
                    occurrence
                    for occurrence in mine
                    if plan_store.keep(occurrence, clock.now() + due.LEASE) is not False
                ]
                beat_at = now + due.HEARTBEAT
            clock.sleep_until(min(now + TICK, opens_at))
        asked = []
        for occurrence in mine:
            if (
                plan_store.keep(occurrence, clock.now() + due.LEASE) is not False
            ):  # a process that lost its claim has stopped
                asked.append(f"{occurrence.plan_id}@{occurrence.starts_at.isoformat()}")
                plan_store.end(occurrence, ended=clock.now(), exit_code=0, sentence="Reserved.", run_id=name)
        report.write_text(json.dumps({"started": started, "asked": asked, "claim_ms": plan_store.took}))
        store.close()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], datetime.fromisoformat(sys.argv[3]).astimezone(UTC), Path(sys.argv[4]))

"""Claims on a real PostgreSQL, where it is installed; `python -m tests.cluster` is the same at full size."""

from __future__ import annotations

import threading
from datetime import timedelta
from pathlib import Path

from reserve.plans import due
from reserve.storage.database import Store
from reserve.storage.plans import PlanStore
from tests.plans.test_due import OPENING, keep, tick


def test_machines_that_tick_at_the_same_moment_start_every_booking_once(
    empty_postgres: str, tmp_path: Path
) -> None:
    stores = [Store(tmp_path, empty_postgres) for _ in range(3)]
    for _ in range(30):
        keep(PlanStore(stores[0]))
    started: list[tuple[int, str]] = []
    begin = threading.Barrier(3)

    def machine(store: Store, name: str) -> None:
        begin.wait()
        occurrences = tick(PlanStore(store), OPENING - due.LEAD, name)
        started.extend((occurrence.plan_id, name) for occurrence in occurrences)

    threads = [
        threading.Thread(target=machine, args=(store, f"machine {number}"))
        for number, store in enumerate(stores)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()

    assert sorted(plan for plan, _ in started) == list(range(1, 31))
    for store in stores:
        store.close()


def test_a_claim_that_ended_is_taken_over_and_the_first_machine_notices(
    empty_postgres: str, tmp_path: Path
) -> None:
    store = Store(tmp_path, empty_postgres)
    plan_store = PlanStore(store)
    number = keep(plan_store)
    now = OPENING - due.LEAD
    first = [occurrence for occurrence in tick(plan_store, now, "one") if occurrence.plan_id == number]

    again = [
        occurrence
        for occurrence in tick(plan_store, now + due.LEASE + timedelta(seconds=1), "two")
        if occurrence.plan_id == number
    ]

    assert [occurrence.worker for occurrence in first + again] == ["one", "two"]
    assert not plan_store.keep(first[0], now)
    assert plan_store.keep(again[0], now)
    store.close()

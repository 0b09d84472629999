"""Plans that open at the same second, three machines on one PostgreSQL, one of them killed while it waits.

Leaves build/cluster.json; the exit code is 1 when a booking was asked for twice or not at all.
"""

from __future__ import annotations

import json
import subprocess
import sys
import tempfile
from collections import Counter
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import text

from reserve.clock import Clock
from reserve.plans import due
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.storage.database import Store
from reserve.storage.plans import PlanStore
from reserve.window import DaysAhead
from tests.postgres import Missing, postgres

PLANNED = 300
PAST = 100_000  # occurrences that ended long ago
WORKERS = ("one", "two", "three")
KILLED_AFTER = timedelta(seconds=12)
AHEAD = timedelta(seconds=85)  # of the first tick: a lease runs out within it
PAST_ROWS = text(
    "INSERT INTO occurrences (plan_id, starts_at, opens_at, wake_at, claims, ended, exit_code, sentence)"
    " SELECT 1000 + i % 500, moment, moment, moment, 1, moment, 0, 'Reserved.' FROM"
    " (SELECT i, TIMESTAMP '2020-01-01' + i * INTERVAL '10 minutes' AS moment"
    " FROM generate_series(1, :rows) AS i) AS past"
)


def schedule(store: Store, opens_at: datetime) -> None:
    """The plans, their occurrences, and a long past."""
    plan_store = PlanStore(store)
    first = (opens_at + timedelta(days=7)).replace(tzinfo=None, second=0)
    plan = Plan((Choice("Alice Marble"),), timedelta(minutes=90), first)
    numbers = plan_store.add([body_of(plan)] * PLANNED)
    rule = str(DaysAhead(7, first.time()))
    with store.engine.begin() as connection:
        connection.execute(text("UPDATE plans SET zone = 'UTC', rule = :rule"), {"rule": rule})
        connection.execute(PAST_ROWS, {"rows": PAST})
    for number in numbers:
        stored = plan_store.get(number)
        assert stored is not None
        plan_store.schedule(due.occurrence_for(stored, opens_at + timedelta(days=7), opens_at))
    with store.engine.connect().execution_options(isolation_level="AUTOCOMMIT") as connection:
        connection.execute(text("VACUUM ANALYZE occurrences"))


def run(url: str, folder: Path, clock: Clock) -> dict[str, object]:
    """Let the machines work, and tell what became of the plans."""
    opens_at = clock.now().replace(microsecond=0) + AHEAD + timedelta(seconds=15)
    store = Store(folder, url)
    schedule(store, opens_at)
    reports = {name: folder / f"{name}.json" for name in WORKERS}
    workers = {
        name: subprocess.Popen(
            [
                sys.executable,
                "-m",
                "tests.cluster.worker",
                url,
                name,
                opens_at.isoformat(),
                str(reports[name]),
            ]
        )
        for name in WORKERS
    }
    clock.sleep(KILLED_AFTER)
    killed, *others = WORKERS
    held = sum(
        occurrence.worker == killed for occurrence in PlanStore(store).occurrences(ended=False, most=PLANNED)
    )
    workers[killed].kill()
    for worker in workers.values():
        worker.wait()
    text = [json.loads(reports[name].read_text()) for name in others]
    asked = Counter(name for each in text for name in each["asked"])
    claims = sorted(each for report in text for each in report["claim_ms"])
    store.close()
    return {
        "planned": PLANNED,
        "started": len(asked),
        "twice": sum(count > 1 for count in asked.values()),
        "workers": len(WORKERS),
        "killed": killed,
        "held_by_the_killed": held,
        "past_rows": PAST,
        "claims": len(claims),
        "claim_ms_p50": round(claims[len(claims) // 2], 1),
        "claim_ms_p95": round(claims[int(len(claims) * 0.95)], 1),
        "claim_ms_most": round(claims[-1], 1),
    }


def main() -> int:
    """Run it, print what came out, and leave it in build/cluster.json."""
    try:
        with postgres() as url, tempfile.TemporaryDirectory() as folder:
            result = run(url, Path(folder), Clock())
    except Missing as failure:
        print(f"Refused: {failure}.", file=sys.stderr)
        return 2
    target = Path("build/cluster.json")
    target.parent.mkdir(exist_ok=True)
    target.write_text(json.dumps(result, indent=1) + "\n")
    print(json.dumps(result, indent=1))
    return 0 if result["started"] == PLANNED and result["twice"] == 0 else 1


if __name__ == "__main__":
    sys.exit(main())

"""`history`: the latest runs and how they ended."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reserve.commands.options import Parser
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.database import NAME, Store
from reserve.storage.runs import PastRun, RunStore

MOST = 100_000  # runs; a life of playing every day


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print one line for each run, latest first."""
    parser = Parser(prog="main.py history", description="The latest runs and how they ended.")
    parser.add_argument("--most", type=int, default=20, metavar="N", help="how many to show (20)")
    parser.add_argument("--json", action="store_true", help="as one JSON array")
    options = parser.parse_args(arguments)
    if not 1 <= options.most <= MOST:
        raise UsageError(f"--most: choose a number from 1 to {MOST}")
    store = recorded_runs(settings)
    past = RunStore(store)
    runs = past.history(most=options.most)
    if options.json:
        print(json.dumps([run_as_json(run) for run in runs], ensure_ascii=False))
    else:
        for run in runs:
            end = run.sentence or ("Still running." if past.is_alive(run.run_id) else "Cut off.")
            print(f"{run.run_id}  {run.request}: {end}")
        if not runs:
            print("No run is recorded yet.")
    store.close()
    return 0


def recorded_runs(settings: Settings) -> Store:
    """The store of this machine; raises `UsageError` when no run ever wrote to it."""
    folder, url = settings.data, settings.database_url
    if not url and not (folder / NAME).exists():
        raise UsageError(f"no run is recorded in {folder}; set RESERVE_DATA to the folder of your runs")
    return Store(folder, url)


def run_as_json(run: PastRun) -> dict[str, object]:
    """*run* as a JSON object."""
    return {
        "run_id": run.run_id,
        "system": run.system,
        "request": run.request,
        "started": run.started.isoformat(),
        "ended": run.ended.isoformat() if run.ended else None,
        "exit_code": run.exit_code,
        "sentence": run.sentence,
    }

"""`explain RUN`: what happened in one run, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reserve.commands.history import recorded_runs, run_as_json
from reserve.commands.options import Parser
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.run_folder import steps_of
from reserve.storage.runs import RunStore


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print what happened in a run: its steps, or at least the actions on record."""
    parser = Parser(prog="main.py explain", description="What happened in one run, step by step.")
    parser.add_argument("run", metavar="RUN", help="its id, or the beginning of it; see `history`")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    options = parser.parse_args(arguments)
    store = recorded_runs(settings)
    past = RunStore(store)
    runs = past.history(most=2, run_id=options.run)
    is_alive = bool(runs) and past.is_alive(runs[0].run_id)
    store.close()
    if len(runs) != 1:
        raise UsageError(
            f"{'several runs begin' if runs else 'no run begins'} with {options.run!r}; see history"
        )
    run = runs[0]
    steps = steps_of(settings.data, run.run_id)
    actions = [
        {
            "at": action.moment.isoformat(),
            "what": action.kind,
            "court": action.court,
            "order_id": action.order_id,
        }
        for action in run.actions
    ]
    if options.json:
        print(json.dumps({**run_as_json(run), "steps": steps, "actions": actions}, ensure_ascii=False))
        return 0
    print(f"{run.run_id}: {run.request}, started {run.started:%Y-%m-%d %H:%M:%S} UTC")
    for step in steps:
        print(f"  {step['stamp']:>8} {step['step']}")
    if not steps:
        print("  no timeline was kept; these actions are on record:")
        for action in run.actions:
            print(f"  {action.moment:%H:%M:%S} {action.kind} {action.court} {action.order_id or ''}".rstrip())
    print(run.sentence or ("Still running." if is_alive else "Cut off; the next run tidies up after it."))
    return 0

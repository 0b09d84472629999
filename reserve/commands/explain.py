"""`explain RUN`: what happened in one run, step by step."""

from __future__ import annotations

import json
from collections.abc import Sequence

from reserve.commands.history import end_of, recorded_runs, run_as_json
from reserve.commands.options import command_parser
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.run_folder import steps_of


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Print what happened in a run: its steps, or at least the actions on record."""
    parser = command_parser("explain")
    parser.add_argument("run", metavar="RUN", help="its id, or the beginning of it; see `history`")
    parser.add_argument("--json", action="store_true", help="as one JSON object")
    options = parser.parse_args(arguments)
    with recorded_runs(settings) as past:
        runs = past.history(most=2, run_id=options.run)
        if len(runs) != 1:
            found = "several runs begin" if runs else "no run begins"
            raise UsageError(f"{found} with {options.run!r}; see `history`")
        (run,) = runs
        end = end_of(run, past.alive([run.run_id]))
    steps = steps_of(settings.data, run.run_id)
    if options.json:
        actions = [
            {"at": each.moment.isoformat(), "what": each.kind, "court": each.court, "order_id": each.order_id}
            for each in run.actions
        ]
        print(json.dumps({**run_as_json(run), "steps": steps, "actions": actions}, ensure_ascii=False))
        return 0
    print(f"{run.run_id}: {run.request}, started {run.started:%Y-%m-%d %H:%M:%S} UTC")
    for step in steps:
        print(f"  {step['stamp']:>8} {step['step']}")
    if not steps:
        print("  no timeline was kept; these actions are on record:")
        for action in run.actions:
            print(f"  {action.moment:%H:%M:%S} {action.kind} {action.court} {action.order_id or ''}".rstrip())
    print(end)
    return 0

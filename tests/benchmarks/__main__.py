"""Measures the opening, the server's clock, the race and the cost: python -m tests.benchmarks"""

from __future__ import annotations

import argparse
import sys
import time

from tests.benchmarks import burdens, clock, cost, goals, opening, plots, race, wire
from tests.benchmarks.figures import forget, keep

PARTS = {
    "opening": opening.bench,
    "wire": wire.bench,
    "burdens": burdens.bench,
    "clock": clock.bench,
    "race": race.bench,
    "cost": cost.bench,
}


def main() -> None:
    """Run the parts that are asked for, write what each found, and draw."""
    parser = argparse.ArgumentParser(prog="python -m tests.benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer openings and networks")
    parser.add_argument("--only", choices=PARTS, help="one part")
    options = parser.parse_args()
    for name, bench in PARTS.items():
        if options.only in (None, name):
            began = time.monotonic()
            print(f"\n== {name}", flush=True)
            forget(name)
            try:
                keep(name, bench(quick=options.quick))
            except (RuntimeError, FileNotFoundError) as failure:  # the other parts may still be measured
                print(f"not measured: {failure}", file=sys.stderr, flush=True)
            print(f"{time.monotonic() - began:.0f} s", flush=True)
    plots.draw()
    keep("goals", goals.judged())


if __name__ == "__main__":
    main()

"""python -m tests.proofs.matrix: every request of a run breaks in every way, and the ledger judges."""

from __future__ import annotations

import gc
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from tests.proofs.referee import KINDS, Verdict, judged
from tests.proofs.trouble import REQUESTS, TROUBLES, Strike, TroubledStage

BUILD = Path("build")


@dataclass(frozen=True)
class Story:
    """A run that goes well when nothing breaks, and those of its requests that break here."""

    requests: tuple[str, ...]
    story: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    seed: int = 0


PRICED = ("--max-price", "20", "--pay")
STORIES: Mapping[str, Story] = {
    "free": Story(tuple(name for name in REQUESTS if name not in ("order", "card"))),
    "credit": Story(
        ("bookings again", "hold 1", "order", "pay", "release 1", "read-back"),
        {"price_cents": 500, "credit_cents": 5000, "shape": "data-order"},
        (*PRICED, "credit"),
        seed=1,
    ),
    "card": Story(
        ("hold 2", "pay", "card", "release 2", "read-back"),
        {"price_cents": 500, "shape": "bare"},
        (*PRICED, "card"),
        seed=2,
    ),
    "code after the hold": Story(
        ("send", "verify", "hold 1", "pay", "webhook: newest", "webhook: code"),
        {"verify": "after", "shape": "2025", "texts": "late"},
        seed=3,
    ),
    "rivals": Story(("hold 1", "hold 2", "hold 3", "pay"), {"rivals": 6}, seed=4),
}
ENVIRON = {"RECUS_STRIPE_KEY": "pk_test_1"}


@dataclass(frozen=True)
class Case:
    """One cell of the matrix."""

    story: str
    strike: Strike

    def __str__(self) -> str:
        """Name it for the table."""
        return f"{self.story}: {self.strike}"


def cases(stories: Iterable[str] = STORIES) -> Iterator[Case]:
    """Every cell: each request of each story, with each trouble, once and every time."""
    for story in stories:
        for request in STORIES[story].requests:
            for trouble in TROUBLES:
                for always in (False, True):
                    yield Case(story, Strike(request, trouble, always))


def verdict(case: Case) -> Verdict:
    """What comes of a run in which this request breaks in this way."""
    story = STORIES[case.story]
    folder = TemporaryDirectory(dir=memory())
    with (
        folder as name,
        TroubledStage(
            Path(name), story.story, seed=story.seed, environ=ENVIRON, strikes=(case.strike,)
        ) as stage,
    ):
        return judged(stage, str(case), *story.words)


def prepare() -> None:
    """Make a process ready for many runs: quiet, and without much garbage to look through."""
    logging.disable()
    gc.collect()
    gc.freeze()  # a run collects garbage before its opening, which takes longer the more there is


def verdicts(cases: Sequence[Any], of: Any, *, processes: int | None = None) -> list[Verdict]:
    """The verdict *of* each case, by several processes."""
    with get_context("forkserver").Pool(processes or os.cpu_count(), prepare) as pool:
        return pool.map(of, cases, chunksize=8)


def summary(verdicts: Sequence[Verdict]) -> dict[str, Any]:
    """The numbers of the contract, and every failure in words."""
    counts = {kind: sum(verdict.count(kind) for verdict in verdicts) for kind in KINDS}
    failures = [
        {"case": verdict.name, "exit_code": verdict.exit_code, "problem": kind, "details": details}
        for verdict in verdicts
        for kind, details in verdict.problems
    ]
    exits = Counter(verdict.exit_code for verdict in verdicts)
    return {"cases": len(verdicts), **counts, "exit_codes": dict(sorted(exits.items())), "failures": failures}


def main() -> int:
    """Print the table, write build/matrix.json, and return 1 when anything is wrong."""
    everything = list(cases())
    found = dict(zip(everything, verdicts(everything, verdict), strict=True))
    for story in STORIES:
        _print_table(story, found)
    numbers = summary(list(found.values()))
    return report("matrix", numbers)


def report(name: str, numbers: Mapping[str, Any]) -> int:
    """Print the numbers and the failures, write them to the build folder, and return 1 for failures."""
    BUILD.mkdir(exist_ok=True)
    (BUILD / f"{name}.json").write_text(json.dumps(numbers, indent=2) + "\n")
    for failure in numbers["failures"]:
        print(f"{failure['case']} (exit {failure['exit_code']}): {failure['problem']}: {failure['details']}")
    print(json.dumps({key: value for key, value in numbers.items() if key != "failures"}))
    return 1 if numbers["failures"] else 0


def _print_table(story: str, found: Mapping[Case, Verdict]) -> None:
    """The exit codes of one story, once/always; ! marks what is wrong."""
    print(f"\n{story}: exit code when it breaks once / every time")
    print(" " * 18 + " ".join(f"{number:>5}" for number, _ in enumerate(TROUBLES, start=1)))
    for request in STORIES[story].requests:
        cells = []
        for trouble in TROUBLES:
            both = [found[Case(story, Strike(request, trouble, always))] for always in (False, True)]
            wrong = "!" if any(each.problems for each in both) else ""
            cells.append("/".join(str(each.exit_code) for each in both) + wrong)
        print(f"{request:<18}" + " ".join(f"{cell:>5}" for cell in cells))
    print(", ".join(f"{number} {trouble}" for number, trouble in enumerate(TROUBLES, start=1)))


def memory() -> str | None:
    """A folder in memory, where there is one: committing to a disk is not what these runs are about."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    sys.exit(main())

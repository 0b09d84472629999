"""python -m tests.proofs.matrix: every request of a run breaks in every way, and the ledger judges.

Every simulated booking system is judged; one that is new needs no words here.
"""

from __future__ import annotations

import argparse
import gc
import json
import logging
import os
import sys
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import cache
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from reserve.simulator import SIMULATED_SYSTEMS
from tests.proofs.referee import KINDS, Verdict, judged
from tests.proofs.trouble import TROUBLES, Strike, TroubledStage

BUILD = Path("build")


@dataclass(frozen=True)
class Variant:
    """A kind of run that goes well when nothing breaks, and which of its requests break here."""

    scenario: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    requests: tuple[str, ...] = ("*",)  # patterns of their names
    seed: int = 0
    stop_after: timedelta | None = None  # the opening, so that no waiting list is waited for to its end
    together: bool = True


PLAIN: Mapping[str, Variant] = {"plain": Variant()}  # of a system that has no row below
HOLD, PAY, RELEASE = "POST /v1/reservations", "POST /v1/orders/*/pay", "DELETE /v1/orders/*"
ORDER, BOOKINGS, CODE = "GET /v1/orders/*", "GET /v1/users/*/bookings", "POST /v1/users/mobile-totp/*"
PRICED = ("--max-price", "20", "--pay")
SOON = timedelta(minutes=3)
VARIANTS: Mapping[str, Mapping[str, Variant]] = {
    "recus": {
        "free": Variant(),
        "credit": Variant(
            {"price_cents": 500, "credit_cents": 5000, "shape": "data-order"},
            (*PRICED, "credit"),
            (BOOKINGS, HOLD, ORDER, PAY, RELEASE),
            seed=1,
        ),
        "card": Variant(
            {"price_cents": 500, "shape": "bare"},
            (*PRICED, "card"),
            (PAY, "*payment_intents*", RELEASE, BOOKINGS),
            seed=2,
        ),
        "code after the hold": Variant(
            {"verify": "after", "shape": "2025", "texts": "late"},
            (),
            (CODE, HOLD, PAY, "webhook: *"),
            seed=4,
        ),
        "rivals": Variant({"rivals": 6}, (), (HOLD, PAY), seed=4),
    },
    "atrium": {
        "plain": Variant(),
        "log-in": Variant({"session_ended": True}, (), ("*/realms/*",)),
        "second court": Variant({"first_taken": True}, (), ("*/amenity-reservations/",)),
        "no list": Variant({"lists": False}, (), ("*/amenity-reservations/",)),
        "token forgotten": Variant({"forgets": True}, (), ("*/token", "*/amenity-reservations/")),
    },
    "ntnui": {
        "plain": Variant(),
        "alone": Variant({"others": False}, (), ("GET /timeinfo.php*",)),
        "logged out": Variant({"forgets": True}, (), ("POST /index.php", "GET /timeinfo.php*")),
        "waiting list": Variant({"faults": ("full",)}, ("--wait-list",), ("GET /timeinfo.php*",), 0, SOON),
    },
}
ENVIRON = {"RECUS_STRIPE_KEY": "pk_test_1"}


def variants(system: str) -> Mapping[str, Variant]:
    """The kinds of run of a system, by name."""
    return VARIANTS.get(system, PLAIN)


WAYS: Mapping[str, Variant] = {  # to meet a fault
    "together": Variant(),
    "one by one": Variant(together=False),
    "waiting list": Variant(words=("--wait-list",), stop_after=SOON),
}


@dataclass(frozen=True)
class Case:
    """One cell of the matrix: a request of a run breaks."""

    system: str
    variant: str
    strike: Strike

    def __str__(self) -> str:
        """Name it for the table."""
        return f"{self.system}, {self.variant}: {self.strike}"

    def verdict(self) -> Verdict:
        """What comes of such a run."""
        variant = variants(self.system)[self.variant]
        with staged(self.system, variant, self.strike) as stage:
            return judged(stage, str(self), *variant.words)


@dataclass(frozen=True)
class NamedCase:
    """Another cell: a fault that has a name, met in one of several ways."""

    system: str
    fault: str
    way: str

    def __str__(self) -> str:
        """Name it for the table."""
        return f"{self.system}, {self.way}: {self.fault}"

    def verdict(self) -> Verdict:
        """What comes of such a run, with rivals."""
        variant = replace(WAYS[self.way], scenario={"faults": (self.fault,), "rivals": 2}, seed=1)
        with staged(self.system, variant) as stage:
            return judged(stage, str(self), *variant.words)


@contextmanager
def staged(system: str, variant: Variant, *strikes: Strike) -> Iterator[TroubledStage]:
    """A stage for such a run, on which these requests break."""
    with (
        TemporaryDirectory(dir=memory()) as folder,
        TroubledStage(
            Path(folder),
            variant.scenario,
            system,
            seed=variant.seed,
            environ=ENVIRON,
            together=variant.together,
            strikes=strikes,
        ) as stage,
    ):
        if variant.stop_after is not None:
            stage.clock.call_at(stage.opens_at + variant.stop_after, lambda: stop(stage))
        yield stage


def stop(stage: TroubledStage) -> None:
    """The player, or the machine, wants the run to stop."""
    stage.stop.signal_number = 15


@cache
def positions(system: str, name: str) -> tuple[tuple[str, int], ...]:
    """The requests of a run in which nothing breaks: of each name the first, the second and the last."""
    variant = variants(system)[name]
    with staged(system, variant) as stage:
        outcome = stage.book(*variant.words)
        assert outcome.exit_code == 0, f"{system}, {name}: {outcome.sentence}"
        found = stage.requests
    return tuple(
        (request, place)
        for request, times in found.items()
        if any(fnmatchcase(request, pattern) for pattern in variant.requests)
        for place in sorted({1, min(2, times), times})
    )


def cases(systems: Sequence[str] = tuple(SIMULATED_SYSTEMS)) -> Iterator[Case]:
    """Every cell: those requests of every kind of run, with every trouble, once and from then on."""
    for system in systems:
        for variant in variants(system):
            for request, place in positions(system, variant):
                for trouble in TROUBLES:
                    for and_later in (False, True):
                        yield Case(system, variant, Strike(request, place, trouble, and_later))


def named_cases(systems: Sequence[str] = tuple(SIMULATED_SYSTEMS)) -> Iterator[NamedCase]:
    """Every fault of every system, met in every way."""
    for system in systems:
        for fault in SIMULATED_SYSTEMS[system].faults:
            for way in WAYS:
                yield NamedCase(system, fault, way)


def verdict(case: Case | NamedCase) -> Verdict:
    """What comes of this cell."""
    return case.verdict()


def prepare() -> None:
    """Make a process ready for many runs: quiet, and without much garbage to look through."""
    logging.disable()
    gc.collect()
    gc.freeze()


def verdicts(
    cases: Sequence[Any], of: Callable[[Any], Verdict], *, processes: int | None = None
) -> list[Verdict]:
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


def by_system(
    found: Mapping[str, Sequence[Verdict]], numbers: Callable[[Sequence[Verdict]], dict[str, Any]]
) -> dict[str, Any]:
    """The numbers of all verdicts together, and those of each system."""
    together = numbers([each for verdicts in found.values() for each in verdicts])
    rows = {system: numbers(verdicts) for system, verdicts in found.items()}
    for row in rows.values():
        del row["failures"]  # which stand above
    return {**together, "systems": rows}


def systems_in(options: argparse.Namespace) -> list[str]:
    """The systems that were asked for."""
    return options.system or [*SIMULATED_SYSTEMS]


def parser(about: str | None) -> argparse.ArgumentParser:
    """The options of a proof over all booking systems."""
    made = argparse.ArgumentParser(description=about)
    made.add_argument(
        "--system", action="append", choices=SIMULATED_SYSTEMS, help="may be repeated; else all of them"
    )
    return made


def main() -> int:
    """Print the table, write build/matrix.json, and return 1 when anything is wrong."""
    options = parser(__doc__).parse_args()
    everything: list[Case | NamedCase] = [*cases(systems_in(options)), *named_cases(systems_in(options))]
    started = perf_counter()
    found = dict(zip(everything, verdicts(everything, verdict), strict=True))
    for system in systems_in(options):
        for variant in variants(system):
            _print_table(system, variant, found)
        _print_named_cases(system, found)
    rows: dict[str, list[Verdict]] = {}
    for case, each in found.items():
        rows.setdefault(case.system, []).append(each)
    return report("matrix", {**by_system(rows, summary), "seconds": round(perf_counter() - started, 1)})


def report(name: str, numbers: Mapping[str, Any]) -> int:
    """Print the numbers and the failures, write them to the build folder, and return 1 for failures."""
    BUILD.mkdir(exist_ok=True)
    (BUILD / f"{name}.json").write_text(json.dumps(numbers, indent=2) + "\n")
    for failure in numbers["failures"]:
        print(f"{failure['case']} (exit {failure['exit_code']}): {failure['problem']}: {failure['details']}")
    print(json.dumps({key: value for key, value in numbers.items() if key != "failures"}))
    return 1 if numbers["failures"] else 0


def _print_table(system: str, variant: str, found: Mapping[Case | NamedCase, Verdict]) -> None:
    """The exit codes of one kind of run, once/from then on; ! marks what is wrong."""
    print(f"\n{system}, {variant}: exit code when it breaks once / from then on")
    lines = positions(system, variant)
    width = max(len(request) for request, _ in lines) + 4
    print(" " * width + " ".join(f"{number:>8}" for number, _ in enumerate(TROUBLES, start=1)))
    for request, place in lines:
        cells = []
        for trouble in TROUBLES:
            both = [
                found[Case(system, variant, Strike(request, place, trouble, later))]
                for later in (False, True)
            ]
            wrong = "!" if any(each.problems for each in both) else ""
            cells.append("/".join(str(each.exit_code) for each in both) + wrong)
        print(f"{f'{request} #{place}':<{width}}" + " ".join(f"{cell:>8}" for cell in cells))
    print(", ".join(f"{number} {trouble}" for number, trouble in enumerate(TROUBLES, start=1)))


def _print_named_cases(system: str, found: Mapping[Case | NamedCase, Verdict]) -> None:
    """The exit codes of each fault, by the way it is met; ! marks what is wrong."""
    print(f"\n{system}: exit code of each fault {' / '.join(WAYS)}")
    for fault in SIMULATED_SYSTEMS[system].faults:
        met = [found[NamedCase(system, fault, way)] for way in WAYS]
        wrong = "!" if any(each.problems for each in met) else ""
        print(f"{fault:<28}" + "/".join(str(each.exit_code) for each in met) + wrong)


def memory() -> str | None:
    """A folder in memory, where there is one: committing to a disk is not what these runs are about."""
    return "/dev/shm" if Path("/dev/shm").is_dir() else None


if __name__ == "__main__":
    sys.exit(main())

"""python -m tests.proofs.stalls: a server, or a clock, does not behave at some step; does a run ever wait?

A server freezes, drips, is slow, or is gone, for one request, for some, or for ever; this machine's clock is
set; the store does not answer (stalls_store.py). The opening must be met, the run must end, and the referee
has its usual questions. What else can stall is one more kind of case: anything that has a `system` and a
`verdict`.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Protocol

from reserve.simulator import SIMULATED_SYSTEMS, Fault
from tests.proofs import stalls_store
from tests.proofs.matrix import (
    ENVIRON,
    by_system,
    memory,
    parser,
    positions,
    report,
    summary,
    systems_in,
    variants,
    verdicts,
)
from tests.proofs.referee import Verdict, judged
from tests.proofs.trouble import FOR_EVER, OF_WEBHOOK, Strike, TroubledStage
from tests.stage import OPENS_AT

SECOND = timedelta(seconds=1)
HOUR = timedelta(hours=1)
LATE = timedelta(milliseconds=100)  # is the first request for a court, after the opening
LONGEST = timedelta(minutes=3)  # after the opening; ten reads of 15 s, when nothing answers any more
STALLS: Mapping[str, Fault] = {
    "is frozen": Fault("", 1, "held-up", delay=HOUR),
    "drips": Fault("", 1, "delay", delay=HOUR),  # it is done, and its whole answer never comes
    "is slow": Fault("", 1, "delay", delay=8 * SECOND),
    "is gone": Fault("", 1, "refused"),
}
LENGTHS: Mapping[str, int] = {"once": 1, "three times": 3, "for ever": FOR_EVER}
# Seconds before the opening, and by how many the clock is set; before the measuring that may be a correction.
STEPS: Mapping[float, Sequence[float]] = {
    **dict.fromkeys((200.0, 70.0), (-2.0, 1.5)),
    **dict.fromkeys((15.0, 8.0, 2.0, 0.1, -0.5), (-60.0, -2.0, 1.5, 2.0)),
}


class Case(Protocol):
    """One run on which something stalls."""

    @property
    def system(self) -> str:
        """The booking system."""

    def verdict(self) -> Verdict:
        """What comes of such a run."""


@dataclass(frozen=True)
class Stall(Strike):
    """One of a run's requests, and how its answer does not come; so many of that name."""

    length: str = "once"

    def __str__(self) -> str:
        """Name it for the list."""
        return f"{self.request} #{self.nth} {self.trouble} {self.length}"

    def fault(self, name: Any) -> Fault:
        """The fault that this is, where requests have such names."""
        found = STALLS[self.trouble]
        if self.trouble == "is gone" and self.length == "once":
            found = replace(found, kind="cut-before")

        def match(method: str, path: str) -> bool:
            return bool(name(method, path) == self.request)

        return replace(found, match=match, nth=self.nth, times=LENGTHS[self.length])


@dataclass(frozen=True)
class StalledServer:
    """A run whose server stalls."""

    system: str
    stall: Stall

    def verdict(self) -> Verdict:
        """What comes of it."""
        return judged_for_stalls(self.system, str(self.stall), [self.stall])


@dataclass(frozen=True)
class SetClock:
    """A run on a machine whose clock is set by *seconds*, so long *before* the opening."""

    system: str
    before: float
    seconds: float

    def verdict(self) -> Verdict:
        """What comes of it; what is set before the measuring is followed, as it may be a correction."""
        name = f"the clock is set by {self.seconds} s {self.before} s ahead"
        return judged_for_stalls(self.system, name, [], self)


def judged_for_stalls(
    system: str, name: str, stalls: Sequence[Stall], clock: SetClock | None = None
) -> Verdict:
    """The referee's verdict about such a run; was it late besides, or without an end?"""
    variant = next(iter(variants(system).values()))
    with (
        TemporaryDirectory(dir=memory()) as folder,
        TroubledStage(
            Path(folder),
            variant.scenario,
            system,
            seed=variant.seed,
            environ=ENVIRON,
            is_set=clock is not None,
            strikes=tuple(stalls),
        ) as stage,
    ):
        if clock is not None:
            moment = OPENS_AT - clock.before * SECOND
            stage.clock.call_at(moment, partial(stage.machine.step, clock.seconds * SECOND))
        ends: list[Any] = []
        book = stage.book

        def noted(*words: str) -> Any:
            outcome = book(*words)
            ends.append(stage.clock.now())
            return outcome

        stage.book = noted  # type: ignore[method-assign]
        found = judged(stage, f"{system}: {name}", *variant.words)
        problems = list(found.problems)
        if ends[0] - OPENS_AT > LONGEST:
            problems.append(("endless", f"ended {ends[0] - OPENS_AT} after the opening"))
        first = min((each.moment for each in stage.ledger.attempts), default=None)
        if all(_is_met(stage, each) for each in stalls):
            if first is None:
                problems.append(("missed", f"no court was asked for: {found.sentence}"))
            elif first - OPENS_AT > LATE:
                problems.append(("late", f"first asked {first - OPENS_AT} after the opening"))
    return replace(found, problems=tuple(problems))


def _is_met(stage: TroubledStage, stall: Stall) -> bool:
    """Whether the opening can be met: one read fails; a password is sent once, a hold is no read."""
    changes = not stall.request.removeprefix(OF_WEBHOOK).startswith("GET ")
    return stall.length == "once" and not changes and not fnmatchcase(stall.request, stage.simulated.asks)


def cases(systems: Sequence[str] = tuple(SIMULATED_SYSTEMS)) -> Iterator[Case]:
    """Every request of a run of each system, every way to stall, and every moment for the clock to be set."""
    for system in systems:
        for request, place in positions(system, next(iter(variants(system)))):
            for trouble in STALLS:
                for length in LENGTHS:
                    yield StalledServer(system, Stall(request, place, trouble, length=length))
        for before, all_seconds in STEPS.items():
            for seconds in all_seconds:
                yield SetClock(system, before, seconds)
        yield from stalls_store.cases(system)


def verdict(case: Case) -> Verdict:
    """What comes of this case."""
    return case.verdict()


def numbers(found: Sequence[Verdict]) -> dict[str, Any]:
    """The numbers of the matrix, and how many runs were late, asked for nothing, or did not end."""
    ours = {kind: sum(each.count(kind) for each in found) for kind in ("late", "missed", "endless")}
    return {**ours, **summary(found)}


def main() -> int:
    """Run all cases, write build/stalls.json, and return 1 when anything is wrong."""
    options = parser(__doc__).parse_args()
    started = perf_counter()
    everything = list(cases(systems_in(options)))
    rows: dict[str, list[Verdict]] = {}
    for case, each in zip(everything, verdicts(everything, verdict), strict=True):
        rows.setdefault(case.system, []).append(each)
    return report("stalls", {**by_system(rows, numbers), "seconds": round(perf_counter() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())

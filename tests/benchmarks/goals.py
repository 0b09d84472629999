"""What must be reached, and whether it was, by what was measured last."""

from __future__ import annotations

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from reserve.booking.race import ATTEMPTS
from tests.benchmarks.figures import kept

OURS = "ours with -m"


@dataclass(frozen=True)
class Goal:
    """One figure of one part of the benchmark, and what it may be at most, or must be at least."""

    words: str
    part: str
    figure: Callable[[dict[str, Any]], float]
    most: float | None = None
    least: float | None = None

    def judged(self) -> dict[str, Any]:
        """What was measured, None if it was not, and whether that will do."""
        figure = None
        with suppress(FileNotFoundError, LookupError):  # no such part yet, or no such row after a quick bench
            figure = round(self.figure(kept(self.part)), 4)
        met = figure is not None and (self.most is None or figure <= self.most)
        met = met and (self.least is None or (figure or 0) >= self.least)
        verdict = "not measured" if figure is None else "met" if met else "missed"
        return {
            "goal": self.words,
            "most": self.most,
            "least": self.least,
            "figure": figure,
            "met": met,
            "verdict": verdict,
        }


def row(found: dict[str, Any], **what: object) -> dict[str, Any]:
    """The first row of which this is so; raises IndexError when there is none."""
    rows = [one for one in found["rows"] if all(one.get(key) == value for key, value in what.items())]
    return dict(rows[0])


def arrival(which: str, share: str, courts: int, rtt: int, jitter: int) -> Callable[[dict[str, Any]], float]:
    """The first or the last arrival of an opening of ours, in ms."""

    def figure(found: dict[str, Any]) -> float:
        one = row(found, method=OURS, courts=courts, rtt_ms=rtt, jitter_ms=jitter, loss=0)
        return float(one[which][share])

    return figure


def most_early(found: dict[str, Any]) -> float:
    """The share of early openings over the worse of two uneven links."""
    return float(max(one["early"] for one in found["openings"] if one["jitter_ms"] and one["rtt_ms"] < 100))


def most_attempts(found: dict[str, Any]) -> float:
    """Most requests for one court of an opening of ours."""
    return float(max(one["attempts"] for one in found["rows"] if one["method"] == OURS))


def won(found: dict[str, Any]) -> float:
    """How often one court is won against one copy of the former version."""
    return float(row(found, method=OURS, rivals="former versions", courts=1)["wins"])


def used(command: str) -> Callable[[dict[str, Any]], float]:
    """Seconds of processor time of one command."""
    return lambda found: float({one["command"]: one["cpu_s"] for one in found["commands"]}[command])


GOALS = [
    *(
        Goal(
            f"last of {courts} courts, 60 ms, median in ms", "opening",
            arrival("last_ms", "p50", courts, 60, 0), most,
        )
        for courts, most in ((4, 2.5), (12, 3), (32, 4))
    ),
    Goal("first of 4 courts, 60 ± 10 ms, median in ms", "opening", arrival("first_ms", "p50", 4, 60, 10), 6),
    Goal("last of 4 courts, 60 ± 10 ms, median in ms", "opening", arrival("last_ms", "p50", 4, 60, 10), 11),
    Goal("first of 4 courts, 60 ± 10 ms, 95 % in ms", "opening", arrival("first_ms", "p95", 4, 60, 10), 16),
    Goal("first of 4 courts, 10 ± 10 ms, 95 % in ms", "opening", arrival("first_ms", "p95", 4, 10, 10), 16),
    Goal("early openings, 10 ± 10 and 60 ± 10 ms, in virtual time", "clock", most_early, 0.02),
    Goal(
        "departures of 32 requests apart, median in µs", "wire",
        lambda found: float(row(found, method="ours", courts=32)["apart_us"]["p50"]), 1000,
    ),
    Goal("one court won against one former version, 60 ± 10 ms", "race", won, least=0.7),
    Goal(
        "last of 4 courts with all cores at work, 95 % in ms", "burdens",
        lambda found: float(row(found, burden="all cores at work")["last_ms"]["p95"]), 6,
    ),
    Goal(
        "stroke late with a tenth of a core, 95 % in ms", "burdens",
        lambda found: float(row(found, burden="a tenth of a core")["late_ms"]["p95"]), 5,
    ),
    Goal("most attempts for one court", "opening", most_attempts, ATTEMPTS),
    Goal("due with nothing to do, CPU in s", "cost", used("due"), 0.15),
    Goal(
        "a run besides the browser, CPU in s", "cost",
        lambda found: float(row(found, courts=3, sign_in="browser")["cpu_s"]), 0.4,
    ),
]  # fmt: skip


def judged() -> dict[str, Any]:
    """Every goal, what was measured, and whether it is met; printed, too."""
    rows = [goal.judged() for goal in GOALS]
    print(f"\n{'goal':60}{'wanted':>9}{'measured':>10}")
    for one in rows:
        wanted = f"≤ {one['most']:g}" if one["least"] is None else f"≥ {one['least']:g}"
        figure = "-" if one["figure"] is None else f"{one['figure']:g}"
        print(f"{one['goal']:60}{wanted:>9}{figure:>10}  {one['verdict']}")
    print(f"{sum(not one['met'] for one in rows)} of {len(rows)} are missed or not measured", flush=True)
    return {"rows": rows}

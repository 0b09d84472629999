"""python -m tests.proofs.mornings: seeded mornings on which several things go wrong at once."""

from __future__ import annotations

import argparse
import sys
from collections import Counter
from collections.abc import Callable, Sequence
from datetime import time, timedelta
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from reserve.simulator.scenario import SHAPES
from tests.proofs.matrix import memory, report, summary, verdicts
from tests.proofs.referee import Verdict, judged
from tests.proofs.trouble import REQUESTS, TROUBLES, Strike, TroubledStage
from tests.stage import OPENS_AT

NAMED = (  # faults of the simulator that only tell the story otherwise
    *("stale-sms", "duplicate-sms", "wrong-code-first", "late-sms", "no-sms", "slow-server", "opens-late"),
    *("all-taken", "hold-lapses", "daily-limit", "already-reserved", "unknown-refusal", "unknown-body"),
    *("throttled", "server-errors", "lost-answer", "lost-pay-answer", "slow-release", "release-fails-once"),
)


def morning(seed: int) -> Verdict:
    """The verdict about the morning that *seed* draws."""
    draw = Random(f"morning {seed}")
    pay, words = draw.choice(["by-hand", "credit", "card"]), []
    price = draw.choice([0, 0, 0, 500, 800])
    if pay != "by-hand":
        words = ["--pay", pay, "--max-price", draw.choice(["7.50", "20"])]
    if draw.random() < 0.3:
        words += ["--or", "19:30:00,16:30:00"]
    if draw.random() < 0.3:
        words += ["--only", "Court 2,Court 1"]
    story = {
        "courts": draw.randint(2, 6),
        "rivals": draw.choice([0, 0, 2, 6]),
        "price_cents": price,
        "credit_cents": draw.choice([0, 5000]),
        "shape": draw.choice(SHAPES),
        "verify": draw.choice(["before", "before", "after", "never"]),
        "card": draw.choice(["visa", "visa", "declined", "requires-action"]),
        "clock_offset": timedelta(milliseconds=draw.randint(-900, 900)),
        "limit_counts_holds": draw.random() < 0.2,
        "parallel_holds": draw.random() < 0.8,
        "start": time(18, 0),
        "faults": tuple(draw.sample(NAMED, draw.choice([0, 0, 1, 2]))),
    }
    strikes = tuple(
        Strike(draw.choice(list(REQUESTS)), draw.choice(list(TROUBLES)), draw.random() < 0.2)
        for _ in range(draw.choice([0, 1, 1, 2, 3]))
    )
    ahead = timedelta(seconds=draw.choice([300, 300, 130, 40, 6, -3, -600]))
    with (
        TemporaryDirectory(dir=memory()) as folder,
        TroubledStage(
            Path(folder),
            story,
            ahead=ahead,
            latency=timedelta(milliseconds=draw.randint(4, 400)),
            seed=seed,
            environ={"RECUS_STRIPE_KEY": "pk_test_1"},
            strikes=strikes,
        ) as stage,
    ):
        moment = OPENS_AT + timedelta(seconds=draw.uniform(-60, 3))
        if moment > stage.clock.now():
            if draw.random() < 0.1:  # our clock is set, by an administrator or a time service
                by = timedelta(seconds=draw.uniform(-3, 3))
                stage.clock.call_at(moment, _later(stage.clock.step, by))
            elif draw.random() < 0.1:  # the player, or the machine, wants the run to stop
                stage.clock.call_at(moment, _later(setattr, stage.stop, "signal_number", 15))
        given = [*map(str, strikes), *story["faults"], f"ahead {ahead.total_seconds():.0f} s", *words]
        return judged(stage, f"{seed}: {', '.join(given)}", *words)


def _later(deed: Callable[..., None], *arguments: Any) -> Callable[[], None]:
    return lambda: deed(*arguments)


def numbers(found: Sequence[Verdict]) -> dict[str, Any]:
    """The numbers of the matrix, and how often and why there was no court."""
    losses = Counter(reason(each) for each in found if each.exit_code != 0)
    counts = summary(found)
    return {
        "mornings": len(found),
        "wins": sum(each.exit_code == 0 for each in found),
        "losses": dict(losses.most_common()),
        "doubles": counts["double_paid"] + counts["double_booked"],
        **{key: value for key, value in counts.items() if key != "cases"},
    }


def reason(verdict: Verdict) -> str:
    """Why there was no court, in a word."""
    words = {1: "taken or not open", 3: "sign-in", 4: "no code", 5: "a rule", 6: "no service", 7: "not sure"}
    return {
        **words,
        2: "refused before anything was attempted",
        8: "held for the player",
        143: "stopped",
    }.get(verdict.exit_code, str(verdict.exit_code))


def main() -> int:
    """Live through the mornings, write build/mornings.json, and return 1 when anything is wrong."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--count", type=int, default=1000)
    parser.add_argument("--first", type=int, default=0, help="the seed of the first morning")
    options = parser.parse_args()
    started = perf_counter()
    found = verdicts(range(options.first, options.first + options.count), morning)
    return report("mornings", {**numbers(found), "seconds": round(perf_counter() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())

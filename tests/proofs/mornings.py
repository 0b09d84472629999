"""python -m tests.proofs.mornings: seeded mornings on which several things go wrong at once."""

from __future__ import annotations

import sys
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from reserve.simulator import SIMULATED_SYSTEMS
from reserve.simulator.recus.scenario import SHAPES, TIES
from tests.proofs.matrix import (
    ENVIRON,
    by_system,
    memory,
    parser,
    positions,
    report,
    stop,
    summary,
    systems_in,
    variants,
    verdicts,
)
from tests.proofs.referee import Verdict, judged
from tests.proofs.trouble import TROUBLES, Strike, TroubledStage
from tests.stage import OPENS_AT

Drawn = tuple[dict[str, Any], list[str]]  # of a scenario, and the words of the player
SECOND = timedelta(seconds=1)


def of_recus(draw: Random) -> Drawn:
    """Prices and ways to pay, one-time codes, shapes of answers, and what is wanted."""
    pay, words = draw.choice(["by-hand", "credit", "card"]), []
    if pay != "by-hand":
        words = ["--pay", pay, "--max-price", draw.choice(["7.50", "20"])]
    if draw.random() < 0.3:
        words += ["--or", "19:30:00,16:30:00"]
    if draw.random() < 0.3:
        words += ["--only", "Court 2,Court 1"]
    scenario = {
        "courts": draw.randint(2, 6),
        "price_cents": draw.choice([0, 0, 0, 500, 800]),
        "credit_cents": draw.choice([0, 5000]),
        "shape": draw.choice(SHAPES),
        "verify": draw.choice(["before", "before", "after", "never"]),
        "card": draw.choice(["visa", "visa", "declined", "requires-action"]),
        "limit_counts_holds": draw.random() < 0.2,
        "parallel_holds": draw.random() < 0.8,
        "hold_length": timedelta(minutes=draw.choice([10, 30])),
        "ties": draw.choice(TIES),
        "lessons": draw.choice([0, 2]),
        "past_bookings": draw.choice([0, 0, 30]),
        "most_bookings_a_page": draw.choice([25, 100]),
        "rentals_only": draw.random() < 0.1,
    }
    return scenario, words


def of_atrium(draw: Random) -> Drawn:
    """What nobody has recorded of Atrium, this way or that, and how long tokens live."""
    scenario = {
        "judged": draw.choice(["start", "start", "end"]),
        "created": draw.choice([200, 201]),
        "taken": draw.choice([400, 409]),
        "unauthorized": draw.choice([401, 403]),
        "reuse": draw.random() < 0.3,
        "lists": draw.random() < 0.8,
        "has_password": draw.random() < 0.8,
        "access_lives": timedelta(minutes=draw.choice([4, 30])),
        "refresh_lives": timedelta(minutes=draw.choice([6, 30])),
    }
    return scenario, draw.choice([[], [], ["--only", "Court 2"], ["--only", "Court 2,Court 1"]])


def of_ntnui(draw: Random) -> Drawn:
    """How many places there are and whether one frees up, and where the player's number stands."""
    frees = draw.choice([None, timedelta(seconds=draw.randint(5, 300))])
    scenario = {
        "places": draw.randint(1, 4),
        "padel": draw.random() < 0.3,
        "others": draw.random() < 0.7,
        "accepts_padded_hour": draw.random() < 0.5,
        "frees_after": frees,
    }
    return scenario, []


# What only one system can be like; a system without a row is what all can be like.
OWN: Mapping[str, Callable[[Random], Drawn]] = {"recus": of_recus, "atrium": of_atrium, "ntnui": of_ntnui}


def morning(which: tuple[str, int]) -> Verdict:
    """The verdict about the morning of a system that a seed draws."""
    system, seed = which
    draw = Random(f"morning {system} {seed}")
    own, words = OWN[system](draw) if system in OWN else ({}, [])
    named = draw.sample(sorted(SIMULATED_SYSTEMS[system].faults), draw.choice([0, 0, 1, 2]))
    scenario = {
        **own,
        "rivals": draw.choice([0, 0, 2, 6]),
        "clock_offset": timedelta(milliseconds=draw.randint(-900, 900)),
        "faults": tuple(named),
    }
    struck = [place for name in variants(system) for place in positions(system, name)]
    strikes = tuple(
        Strike(*draw.choice(struck), draw.choice(list(TROUBLES)), draw.random() < 0.2)
        for _ in range(draw.choice([0, 1, 1, 2, 3]))
    )
    if waits := draw.random() < 0.2:
        words = [*words, "--wait-list"]
    ahead = timedelta(seconds=draw.choice([300, 300, 130, 40, 6, -3, -600]))
    with (
        TemporaryDirectory(dir=memory()) as folder,
        TroubledStage(
            Path(folder),
            scenario,
            system,
            ahead=ahead,
            latency=timedelta(milliseconds=draw.randint(4, 400)),
            seed=seed,
            environ=ENVIRON,
            together=draw.random() < 0.8,
            strikes=strikes,
        ) as stage,
    ):
        moment = OPENS_AT + SECOND * draw.uniform(-60, 3)
        if moment > stage.clock.now():
            if draw.random() < 0.1:  # our clock is set, by an administrator or a time service
                stage.clock.call_at(moment, partial(stage.clock.step, SECOND * draw.uniform(-3, 3)))
            elif draw.random() < 0.1:
                stage.clock.call_at(moment, partial(stop, stage))
        if waits:  # who waits for days is much like who waits for minutes
            end = max(stage.clock.now(), OPENS_AT) + SECOND * draw.uniform(40, 400)
            stage.clock.call_at(end, partial(stop, stage))
        given = [*map(str, strikes), *named, f"ahead {ahead.total_seconds():.0f} s", *words]
        return judged(stage, f"{system} {seed}: {', '.join(given)}", *words)


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
    made = parser(__doc__)
    made.add_argument("--count", type=int, default=1000, help="of each system (1000)")
    made.add_argument("--first", type=int, default=0, help="the seed of the first morning (0)")
    options = made.parse_args()
    started = perf_counter()
    seeds = range(options.first, options.first + options.count)
    found = {system: verdicts([(system, seed) for seed in seeds], morning) for system in systems_in(options)}
    return report("mornings", {**by_system(found, numbers), "seconds": round(perf_counter() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())

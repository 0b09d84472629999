"""The options of a scenario, for a rehearsal and for `python -m reserve.simulator`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import timedelta
from textwrap import fill

from reserve.clock import Clock
from reserve.simulator import SIMULATED_SYSTEMS, Club
from reserve.simulator.phone import Deliver

FLOOR = timedelta(seconds=1)  # what is published has whole seconds, so an opening may lose up to one


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take a system and its scenario; its help ends with what may go wrong."""
    parser.add_argument(
        "--system",
        default="recus",
        choices=SIMULATED_SYSTEMS,
        help="default %(default)s",
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same scenario; default %(default)s")
    parser.add_argument("--rivals", type=int, default=2, help="others who want a court; default %(default)s")
    parser.add_argument(
        "--fault",
        action="append",
        default=[],
        metavar="NAME",
        help="something that goes wrong, see below; repeatable",
    )
    for simulated in SIMULATED_SYSTEMS.values():
        defaults = {field.name: field.default for field in fields(simulated.scenario_type)}
        for option, (field, meaning) in simulated.options.items():
            usual = defaults[field]
            parser.add_argument(
                f"--{option}", type=type(usual), help=f"{simulated.name}: {meaning}; default {usual}"
            )
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        f"faults of {simulated.name}:\n"
        + "\n".join(_row(name, fault.meaning) for name, fault in simulated.faults.items())
        for simulated in SIMULATED_SYSTEMS.values()
    )


def _row(name: str, meaning: str) -> str:
    """A fault, in lines of at most 79 characters."""
    return fill(meaning, 79, initial_indent=f"  {name:<28}", subsequent_indent=" " * 30)


def simulated_for(
    options: argparse.Namespace, clock: Clock, deliver: Deliver | None, *, ahead: timedelta | None = None
) -> Club:
    """The simulated system that *options* ask for, opening *ahead* of now, or in time for a rehearsal.

    Raises ValueError for an option that only other systems have, and for a scenario that makes no sense.
    """
    simulated = SIMULATED_SYSTEMS[options.system]
    settings = {"seed": options.seed, "rivals": options.rivals, "faults": tuple(options.fault)}
    for option in {option for each in SIMULATED_SYSTEMS.values() for option in each.options}:
        if (given := getattr(options, option)) is None:
            continue
        if option not in simulated.options:
            raise ValueError(f"--{option} means nothing to the simulated {simulated.title}; leave it out")
        settings[simulated.options[option][0]] = given
    opens_at = clock.now() + (simulated.ahead if ahead is None else ahead) + FLOOR
    return simulated.opening(opens_at, clock, deliver, **settings)

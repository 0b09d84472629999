"""The options that tell a twin its story, for a rehearsal and for `python -m reserve.simulator`."""

from __future__ import annotations

import argparse
from dataclasses import fields
from datetime import timedelta

from reserve.clock import Clock
from reserve.simulator import TWINS, Twin
from reserve.simulator.club import Deliver

FLOOR = timedelta(seconds=1)  # what is published has whole seconds, so an opening may lose up to one


def add_options(parser: argparse.ArgumentParser) -> None:
    """Let *parser* take a system and its story; below its help stands what may go wrong."""
    parser.add_argument("--system", default="recus", choices=TWINS, help=f"{', '.join(TWINS)} (%(default)s)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same story (%(default)s)")
    parser.add_argument("--rivals", type=int, default=2, help="others who want a court (%(default)s)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="may be repeated")
    for twin in TWINS.values():
        defaults = {field.name: field.default for field in fields(twin.story)}
        for option, (field, meaning) in twin.options.items():
            usual = defaults[field]
            parser.add_argument(f"--{option}", type=type(usual), help=f"{twin.name}: {meaning} ({usual})")
    parser.formatter_class = argparse.RawDescriptionHelpFormatter
    parser.epilog = "\n".join(
        f"faults of {twin.name}:\n"
        + "\n".join(f"  {name:<28}{what}" for name, what in twin.story.FAULTS.items())
        for twin in TWINS.values()
    )


def twin_for(
    options: argparse.Namespace, clock: Clock, deliver: Deliver | None, *, ahead: timedelta | None = None
) -> Twin:
    """The twin that *options* ask for, opening *ahead* of now, or in time for a rehearsal.

    Raises ValueError for an option that only other systems have, and for a story that cannot be told.
    """
    twin = TWINS[options.system]
    told = {"seed": options.seed, "rivals": options.rivals, "faults": tuple(options.fault)}
    for option in {option for each in TWINS.values() for option in each.options}:
        if (given := getattr(options, option)) is None:
            continue
        if option not in twin.options:
            raise ValueError(f"--{option} means nothing to the simulated {twin.title}; leave it out")
        told[twin.options[option][0]] = given
    opens_at = clock.now() + (twin.ahead if ahead is None else ahead) + FLOOR
    return twin.opening(opens_at, clock, deliver, **told)

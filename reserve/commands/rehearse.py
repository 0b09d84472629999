"""`rehearse`: a whole booking against a simulated booking system, with a real browser and real texts."""

from __future__ import annotations

import argparse
import secrets
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from reserve.commands import COMMANDS
from reserve.commands.options import Parser, booking_parser, read_booking

if TYPE_CHECKING:
    from reserve.simulator import Simulation
    from reserve.timeline import Timeline

AHEAD = 22  # seconds until the opening: enough for a browser to start and sign in on a slow machine
RIVALS_COME = timedelta(seconds=8)  # after the opening, the slowest of them; only then who took what is known
BROKEN_RULE = 70  # the referee saw something that a fair player never does: a bug


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Rehearse as *arguments* say, show what happened, and return the exit code of the booking."""
    from reserve.commands.book import book
    from reserve.commands.outcome import tell
    from reserve.run import Leads

    options = _parser().parse_args(arguments)
    leads = Leads(*(timedelta(seconds=seconds) for seconds in (20, 14, 4, 10, 2, 0.5)))
    with _stage(options, environ) as stage:
        words = stage.arguments(one_by_one=options.one_by_one)
        booking = read_booking(booking_parser("book").parse_args(words), stage.environ)
        result, outfit = book(booking, stage.environ, leads)
        timeline = outfit.run.timeline
        if options.rivals and timeline.opens_at:
            outfit.run.clock.sleep_until(timeline.opens_at + RIVALS_COME)
        violations = stage.simulation.ledger.violations
        stage.show(timeline)
        ledger = stage.simulation.ledger.as_json(timeline.now())
    outcome = result.as_json(booking, outfit.run_id, outfit.run)
    tell(result.sentence, {"outcome": outcome, "ledger": ledger} if options.json else None)
    return BROKEN_RULE if violations else result.exit_code


def _parser() -> Parser:
    from reserve.simulator import FAULTS

    faults = "\n".join(f"  {name:<20}{what}" for name, what in FAULTS.items())
    parser = Parser(
        prog="main.py rehearse",
        description=f"{COMMANDS['rehearse'].capitalize()}. The exit code is that of the booking.",
        epilog=f"faults:\n{faults}",
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--seed", type=int, default=1, help="same seed, same story (1)")
    parser.add_argument("--rivals", type=int, default=2, help="other players who want a court (2)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--courts", type=int, default=3, help="sub-courts that open then (3)")
    parser.add_argument(
        "--shape", default="2026", help="of answers: 2025, 2026 (default), data-order or bare"
    )
    parser.add_argument("--verify", default="before", help="code before the hold (default), after, or never")
    parser.add_argument("--dialog", default="D", help="log-in dialog: B, C or D (default)")
    parser.add_argument("--price", type=int, default=0, metavar="CENTS", help="of an hour (0)")
    parser.add_argument("--one-by-one", action="store_true", help="rehearse a run without -m")
    parser.add_argument("--json", action="store_true", help="outcome and ledger as one JSON object")
    return parser


@dataclass(frozen=True)
class Stage:
    """A simulated booking system at work on this machine, and the environment that leads to it."""

    simulation: Simulation
    environ: Mapping[str, str]

    def arguments(self, *, one_by_one: bool) -> list[str]:
        """What the player would write on the command line."""
        scenario = self.simulation.scenario
        words = [
            "-c",
            scenario.facility,
            "-d",
            f"{scenario.day}",
            "-s",
            "tennis",
            "-t",
            "18:00",
            "-y",
            "19:30",
        ]
        return words if one_by_one else [*words, "-m"]

    def show(self, timeline: Timeline) -> None:
        """Tables for a person: what we saw, and what really happened."""
        from rich.console import Console
        from rich.table import Table

        console, ledger = Console(stderr=True, highlight=False), self.simulation.ledger
        ours = Table(title="what we asked and were told", title_justify="left")
        for heading in ("court", "sent", "late by", "answered", "meaning"):
            ours.add_column(heading)
        for attempt in sorted(timeline.attempts, key=lambda attempt: attempt.sent):
            late = (attempt.sent - attempt.planned) / timedelta(milliseconds=1)
            stamps = timeline.stamp(attempt.sent), f"{late:.1f} ms", timeline.stamp(attempt.answered)
            ours.add_row(attempt.court, *stamps, attempt.meaning)
        console.print(ours)
        console.print(*(text for _, text in timeline.steps if text.startswith("server")), sep="; ")
        scenario = self.simulation.scenario
        opening = scenario.opens_at + scenario.opens_late - scenario.clock_offset
        arrivals = [(each.moment - opening) / timedelta(milliseconds=1) for each in ledger.attempts]
        if arrivals:
            listed = ", ".join(f"{arrival:+.1f}" for arrival in arrivals)
            console.print(f"by the ledger they arrived {listed} ms after the opening", highlight=False)
        names = {"paid", "released", "lapsed", "held", "taken-by-rival"}
        truth = Table(title="what really happened, by the ledger", title_justify="left")
        for heading in ("when", "what", "court", "who or which order"):
            truth.add_column(heading)
        for event in ledger.events:
            if event.what in names or event.what.startswith(("code-", "text-", "signed-in", "sign-in")):
                details = event.details
                which = str(details.get("rival") or details.get("order") or "")
                truth.add_row(
                    timeline.stamp(event.moment), event.what, str(details.get("court") or ""), which[-12:]
                )
        console.print(truth)
        console.print(
            f"orders paid: {len(ledger.paid)}; holds released: {len(ledger.released)}; "
            f"left: {len(ledger.open_holds(timeline.now()))}; rules broken: {len(ledger.violations)}"
        )
        for violation in ledger.violations:
            console.print(f"rule broken: {violation}", markup=False)


@contextmanager
def _stage(options: argparse.Namespace, environ: Mapping[str, str]) -> Iterator[Stage]:
    """Everything a rehearsal needs, on free ports of this machine, gone afterwards."""
    import webhook_server
    from reserve.clock import Clock
    from reserve.errors import UsageError
    from reserve.simulator import PLAYER, Simulation, serve
    from reserve.simulator.__main__ import post_to, scenario

    clock, token = Clock(), secrets.token_hex(16)
    options.opens_in, options.day = AHEAD, None
    options.email, options.password, options.phone = PLAYER.email, PLAYER.password, PLAYER.phone
    try:
        story = scenario(options, clock)
    except ValueError as failure:
        raise UsageError(str(failure)) from None
    with TemporaryDirectory(prefix="first-serve-rehearsal-") as folder:
        app = webhook_server.create_app(data=Path(folder), token=token, loopback=True, now=clock.now)
        with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
            webhook = f"http://127.0.0.1:{inbox.port}"
            simulation = Simulation(story, clock, deliver=post_to(webhook, token))
            with serve(simulation.app) as server:
                mine = {
                    "RESERVE_SYSTEM": "recus",
                    "RESERVE_EMAIL": story.account.email,
                    "RESERVE_PASSWORD": story.account.password,
                    "RESERVE_PHONE": story.account.phone or "",
                    "RESERVE_MAX_PRICE": "",
                    "RESERVE_WEBHOOK_URL": webhook,
                    "RESERVE_WEBHOOK_TOKEN": token,
                    "RECUS_WEB_URL": server.url,
                    "RECUS_API_URL": server.url,
                }
                yield Stage(simulation, {**environ, **mine})

"""`rehearse`: a whole booking against a simulated booking system, over real HTTP and in real time."""

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
from reserve.errors import UsageError

if TYPE_CHECKING:
    from reserve.simulator import Twin
    from reserve.timeline import Timeline

AHEAD = 22  # seconds until the opening: enough for a browser to start and sign in on a slow machine
RIVALS_COME = timedelta(seconds=8)  # after the opening, the slowest of them; only then who took what is known
TOLD = ("code-", "text-", "token-", "signed-in", "sign-in")  # events of the ledger beside those of courts
BROKEN_RULE = 70  # the referee saw something that a fair player never does: a bug


def main(arguments: Sequence[str], environ: Mapping[str, str]) -> int:
    """Rehearse as *arguments* say, show what happened, and return the exit code of the booking."""
    from reserve.commands.book import book
    from reserve.commands.outcome import tell
    from reserve.run import Leads

    options = _options(arguments)
    leads = Leads(*(timedelta(seconds=seconds) for seconds in (20, 14, 4, 10, 2, 0.5)))
    with _stage(options, environ) as stage:
        words = [word for word in stage.twin.words() if word != "-m" or not options.one_by_one]
        words += ["--wait-list"] if options.wait_list else []
        booking = read_booking(booking_parser("book").parse_args(words), stage.environ)
        result, outfit = book(booking, stage.environ, leads)
        timeline = outfit.run.timeline
        if options.rivals and timeline.opens_at:
            outfit.run.clock.sleep_until(timeline.opens_at + RIVALS_COME)
        violations = stage.twin.ledger.violations
        stage.show(timeline)
        ledger = stage.twin.ledger.as_json(timeline.now())
    outcome = result.as_json(booking, outfit.run_id, outfit.run)
    tell(result.sentence, {"outcome": outcome, "ledger": ledger} if options.json else None)
    return BROKEN_RULE if violations else result.exit_code


def _options(arguments: Sequence[str]) -> argparse.Namespace:
    """What *arguments* say, with the default of each option that the chosen system has of its own.

    Raises `UsageError` for an option that only other systems have.
    """
    from reserve.simulator import TWINS

    options = _parser().parse_args(arguments)
    if options.system not in TWINS:
        raise UsageError(f"--system: {options.system!r} is not known; choose {', '.join(TWINS)}")
    mine = TWINS[options.system].options
    for name in {name for twin in TWINS.values() for name in twin.options}:
        if getattr(options, name) is None:
            setattr(options, name, mine.get(name))
        elif name not in mine:
            raise UsageError(f"--{name} means nothing to the simulated {options.system}; leave it out")
    return options


def _parser() -> Parser:
    from reserve.simulator import TWINS

    faults = "\n".join(
        f"faults of {system}:\n" + "\n".join(f"  {name:<28}{what}" for name, what in twin.faults.items())
        for system, twin in TWINS.items()
    )
    parser = Parser(
        prog="main.py rehearse",
        description=f"{COMMANDS['rehearse'].capitalize()}. The exit code is that of the booking.",
        epilog=faults,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--system", default="recus", metavar="NAME", help=f"{' or '.join(TWINS)} (recus)")
    parser.add_argument("--seed", type=int, default=1, help="same seed, same story (1)")
    parser.add_argument("--rivals", type=int, default=2, help="other players who want a court (2)")
    parser.add_argument("--fault", action="append", default=[], metavar="NAME", help="may be repeated")
    parser.add_argument("--courts", type=int, help="recus: sub-courts that open then (3)")
    parser.add_argument("--shape", help="recus: of answers: 2025, 2026 (default), data-order or bare")
    parser.add_argument("--verify", help="recus: code before the hold (default), after, or never")
    parser.add_argument("--dialog", help="recus: log-in dialog: B, C or D (default)")
    parser.add_argument("--price", type=int, metavar="CENTS", help="recus: of an hour (0)")
    parser.add_argument("--wait-list", action="store_true", help="rehearse a run with --wait-list")
    parser.add_argument("--one-by-one", action="store_true", help="rehearse a run without -m")
    parser.add_argument("--json", action="store_true", help="outcome and ledger as one JSON object")
    return parser


@dataclass(frozen=True)
class Stage:
    """A simulated booking system at work on this machine, and the environment that leads to it."""

    twin: Twin
    environ: Mapping[str, str]

    def show(self, timeline: Timeline) -> None:
        """Tables for a person: what we saw, and what really happened."""
        from rich.console import Console
        from rich.table import Table

        console, ledger = Console(stderr=True, highlight=False), self.twin.ledger
        ours = Table(title="what we asked and were told", title_justify="left")
        for heading in ("court", "sent", "late by", "answered", "meaning"):
            ours.add_column(heading)
        for attempt in sorted(timeline.attempts, key=lambda attempt: attempt.sent):
            late = (attempt.sent - attempt.planned) / timedelta(milliseconds=1)
            stamps = timeline.stamp(attempt.sent), f"{late:.1f} ms", timeline.stamp(attempt.answered)
            ours.add_row(attempt.court, *stamps, attempt.meaning)
        console.print(ours)
        console.print(*(text for _, text in timeline.steps if text.startswith("server")), sep="; ")
        late_by = (each.moment - self.twin.opens_at for each in ledger.attempts)
        arrivals = [moment / timedelta(milliseconds=1) for moment in late_by]
        if arrivals:
            listed = ", ".join(f"{arrival:+.1f}" for arrival in arrivals)
            console.print(f"by the ledger they arrived {listed} ms after the opening", highlight=False)
        names = {"paid", "released", "lapsed", "held", "taken-by-rival", "given-up-by-rival"}
        truth = Table(title="what really happened, by the ledger", title_justify="left")
        for heading in ("when", "what", "court", "who or which order"):
            truth.add_column(heading)
        for event in ledger.events:
            if event.what in names or event.what.startswith(
                ("code-", "text-", "token-", "signed-in", "sign-in")
            ):
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
    from reserve.simulator import TWINS, serve
    from reserve.simulator.__main__ import post_to

    clock, token = Clock(), secrets.token_hex(16)
    options.opens_in = AHEAD
    with TemporaryDirectory(prefix="first-serve-rehearsal-") as folder:
        app = webhook_server.create_app(data=Path(folder), token=token, loopback=True, now=clock.now)
        with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
            webhook = f"http://127.0.0.1:{inbox.port}"
            try:
                twin = TWINS[options.system].rehearsed(options, clock, post_to(webhook, token))
            except ValueError as failure:
                raise UsageError(str(failure)) from None
            account = twin.scenario.account
            with serve(twin.app) as server:
                mine = {
                    "RESERVE_SYSTEM": options.system,
                    "RESERVE_EMAIL": account.email,
                    "RESERVE_PASSWORD": account.password,
                    "RESERVE_PHONE": account.phone or "",
                    "RESERVE_ACCOUNT": "",
                    "RESERVE_MAX_PRICE": "",
                    "RESERVE_WEBHOOK_URL": webhook,
                    "RESERVE_WEBHOOK_TOKEN": token,
                }
                yield Stage(twin, {**environ, **mine, **twin.environ(server.url)})

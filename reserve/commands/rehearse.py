"""`rehearse`: a whole booking against a simulated booking system, over real HTTP and in real time."""

from __future__ import annotations

import argparse
import secrets
import shlex
import sys
import threading
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import replace
from datetime import timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory, mkdtemp
from typing import TYPE_CHECKING

from reserve import itself
from reserve.commands import COMMANDS
from reserve.commands.options import Parser, as_sentence, booking_parser, read_booking
from reserve.errors import ExitCode, UsageError
from reserve.settings import Settings, read_settings
from reserve.systems import PROFILES

if TYPE_CHECKING:
    from flask import Flask

    from reserve.booking.result import RunResult
    from reserve.booking.timeline import Timeline
    from reserve.simulator import Club

PERSON = "you"  # who signs in to the web page of a rehearsal
RIVALS_COME = timedelta(seconds=8)  # after the opening, the slowest of them; only then who took what is known
# Events of the ledger that a person is shown, by how they begin.
SHOWN = (
    *("paid", "released", "lapsed", "held", "taken-by-rival", "given-up-by-rival"),
    *("code-", "text-", "token-", "signed-in", "sign-in"),
)


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Rehearse as *arguments* say, show what happened, and return the exit code of the booking."""
    from reserve.booking.context import Leads
    from reserve.commands.book import book
    from reserve.commands.outcome import print_outcome, result_as_json
    from reserve.model import RivalHold

    options, notify = _parser().parse_args(arguments), settings.notify
    is_shared = settings.database_url is not None
    if options.notify and not notify:
        raise UsageError("--notify: no channel is configured; set RESERVE_NOTIFY, e.g. to ntfy://your-topic")
    leads = Leads(*(timedelta(seconds=seconds) for seconds in (20, 14, 4, 10, 2, 0.5)))
    data = own_folder()
    with _simulated(options) as (simulated, player, app), ExitStack() as until_the_end:
        # A way to sign in that wants a key has one when it is asked for, or when the player has one.
        has_key = options.sign_in == "api" or settings.of_systems.keys() & simulated.keys
        settings = replace(
            read_settings({**player, **(simulated.keys if has_key else {})}),
            data=data,
            chrome=settings.chrome,
            chromedriver=settings.chromedriver,
            of_programs=settings.of_programs,
        )
        where = until_the_end.enter_context(shown(app, settings)) if options.web else None
        words = [word for word in simulated.words() if word != "-m" or not options.one_by_one]
        waits = options.wait_list or simulated.scenario.frees_after is not None
        words += ["--wait-list"] if waits else []
        words += ["--sign-in", options.sign_in] if options.sign_in else []
        booking = read_booking(booking_parser("book").parse_args(words), settings)
        result, wired = book(booking, leads)
        timeline = wired.run.timeline
        if options.rivals and timeline.opens_at:
            wired.run.clock.sleep_until(timeline.opens_at + RIVALS_COME)
        taken = simulated.ledger.all("taken-by-rival")
        rivals = [RivalHold(each.moment, str(each.details.get("court") or "")) for each in taken]
        wired.folder.keep_rivals(rivals)
        violations = simulated.ledger.violations
        show_ledger(simulated, timeline, result)
        if where:
            stay_open(where)
        ledger = simulated.ledger.as_json(timeline.now())
    as_one = {"rehearsal": True, "outcome": result_as_json(result), "ledger": ledger}
    if options.notify:
        tell_of_rehearsal(replace(settings, notify=notify), result)
    code, sentence = result.outcome.exit_code, f"Rehearsal. {result.outcome.sentence}"
    print_outcome(sentence, code, as_one if options.json else None)
    if sys.stderr is not None and not options.json:
        print("It was a rehearsal: nothing was reserved. Why it ended so, step by step:", file=sys.stderr)
        print(f"  {to_explain(settings.data, is_shared=is_shared)}", file=sys.stderr)
        print(f"Next, set it up for yourself, in a few questions: {itself.TYPED} init", file=sys.stderr)
    # The referee saw something that a fair player never does: a bug.
    return ExitCode.BUG if violations else result.outcome.exit_code


def tell_of_rehearsal(settings: Settings, result: RunResult) -> None:
    """Have the player's channels told what a booking that ends like *result* would tell them."""
    from reserve.commands.book import tell_how_it_ended

    sentence = f"Rehearsal. {result.outcome.sentence}"
    tell_how_it_ended(settings, replace(result, outcome=replace(result.outcome, sentence=sentence)))


def own_folder() -> Path:
    """A new folder for what a rehearsal keeps: it knows nothing of others, and nothing real knows of it."""
    if not itself.IS_INSTALLED:
        with suppress(OSError):  # a checkout of somebody else's
            place = itself.HERE / "build/rehearsals"
            place.mkdir(parents=True, exist_ok=True)
            return Path(mkdtemp(dir=place, prefix=""))
    return Path(mkdtemp(prefix="first-serve-rehearsal-"))


def to_explain(data: Path, *, is_shared: bool) -> str:
    """What a person types to have the rehearsal in *data* explained, whatever their own runs are kept in."""
    elsewhere = " RESERVE_DATABASE_URL=" if is_shared else ""  # empty: the rehearsal's own database
    return f"RESERVE_DATA={shlex.quote(str(data))}{elsewhere} {itself.TYPED} explain"


def _parser() -> Parser:
    from reserve.simulator.options import add_options

    parser = Parser(
        prog=f"{itself.NAME} rehearse",
        description=f"{as_sentence(COMMANDS['rehearse'])}\nThe exit code is that of the booking.",
        allow_abbrev=False,
    )
    add_options(parser)
    parser.add_argument("--wait-list", action="store_true", help="rehearse a run with --wait-list")
    parser.add_argument("--sign-in", metavar="HOW", help="rehearse a run with --sign-in")
    parser.add_argument("--one-by-one", action="store_true", help="rehearse a run without -m")
    parser.add_argument(
        "--notify", action="store_true", help="tell your channels how it ended (RESERVE_NOTIFY)"
    )
    parser.add_argument("--web", action="store_true", help="show it on the web page, until Ctrl-C")
    parser.add_argument("--json", action="store_true", help="outcome and ledger as one JSON object")
    return parser


@contextmanager
def _simulated(options: argparse.Namespace) -> Iterator[tuple[Club, Mapping[str, str], Flask]]:
    """A simulated system, the environment that leads to it, and the webhook service, both on free ports."""
    import webhook_server
    from reserve.clock import Clock
    from reserve.simulator import post_to, serve
    from reserve.simulator.options import simulated_for

    clock, token = Clock(), secrets.token_hex(16)
    with TemporaryDirectory(prefix="first-serve-rehearsal-") as folder:
        app = webhook_server.create_app(data=Path(folder), token=token, loopback=True, now=clock.now)
        with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
            webhook = f"http://127.0.0.1:{inbox.port}"
            try:
                simulated = simulated_for(options, clock, post_to(webhook, token))
            except ValueError as failure:
                raise UsageError(str(failure)) from None
            with serve(simulated.app) as server:
                hosts = dict.fromkeys(_hosts(), server.url)  # of other systems, too: nothing leaves here
                yield simulated, hosts | simulated.environ_of_player(server.url, webhook, token), app


def _hosts() -> Iterator[str]:
    """The variables that name a host of a booking system."""
    for profile in PROFILES.values():
        yield from (name for name, usual in profile.addresses.items() if usual.startswith("https://"))


@contextmanager
def shown(app: Flask, settings: Settings) -> Iterator[str]:
    """The web page of a rehearsal with these settings, on a free port, until the end; says where it is."""
    import webhook_server

    pages, password = page(app, settings)
    with webhook_server.serve(app, "127.0.0.1", 0, pages=pages) as service:
        where = f"http://localhost:{service.port}/ as {PERSON!r}, with the password {password}"
        print(f"Watch it at {where}", file=sys.stderr)
        yield where


def page(app: Flask, settings: Settings) -> tuple[Flask, str]:
    """The web page beside *app*, which asks the booking system of *settings* only; PERSON's password."""
    from contextlib import closing

    from reserve.commands.store import open_store
    from reserve.storage.people import People
    from webhook_server.access import Access
    from webhook_server.pages import create_pages

    password = secrets.token_urlsafe(9)
    with closing(open_store(settings)) as store:
        People(store).keep(PERSON, password)
    access = Access(None, exposed=False)
    return create_pages(settings, access, app.extensions["inbox"], exposed=False), password


def stay_open(where: str) -> None:
    """Wait for Ctrl-C, so that the page can be looked at."""
    print(f"Look around at {where}; Ctrl-C ends it.", file=sys.stderr)
    with suppress(KeyboardInterrupt):
        threading.Event().wait()


def show_ledger(simulated: Club, timeline: Timeline, result: RunResult) -> None:
    """Tables for a person: what we saw, and what really happened."""
    from rich.console import Console
    from rich.table import Table

    console, ledger = Console(stderr=True, highlight=False), simulated.ledger
    table = partial(Table, title_justify="left")
    ours = table("court", "sent", "late by", "answered", "meaning", title="what we asked, and the answers")
    for attempt in sorted(result.attempts, key=lambda attempt: attempt.sent):
        late = (attempt.sent - attempt.planned) / timedelta(milliseconds=1)
        stamps = timeline.stamp(attempt.sent), f"{late:.1f} ms", timeline.stamp(attempt.answered)
        ours.add_row(attempt.court, *stamps, attempt.meaning)
    console.print(ours)
    console.print(str(result.server))
    late_by = ((each.moment - simulated.opens_at) / timedelta(milliseconds=1) for each in ledger.attempts)
    if arrivals := ", ".join(f"{late:+.1f}" for late in late_by):
        console.print(f"requests arrived {arrivals} ms after the opening")
    truth = table("when", "what", "court", "who or which order", title="what really happened, by the ledger")
    for event in ledger.events:
        if event.what.startswith(SHOWN):
            order = str(event.details.get("order") or "")
            who, court = event.details.get("rival") or order[-12:], event.details.get("court") or ""
            truth.add_row(timeline.stamp(event.moment), event.what, str(court), str(who))
    console.print(truth)
    console.print(
        f"courts paid: {len(ledger.paid)}; holds released: {len(ledger.released)}; "
        f"still held: {len(ledger.open_holds(timeline.now()))}; rules broken: {len(ledger.violations)}"
    )
    for violation in ledger.violations:
        console.print(f"rule broken: {violation}", markup=False)

"""`due`: what cron calls every minute. When nothing is due it does next to nothing."""

from __future__ import annotations

import argparse
import hashlib
import os
import signal
import socket
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from reserve.booking.stop import SIGNALS, Stop
from reserve.clock import Clock
from reserve.commands import COMMANDS
from reserve.commands.options import Parser
from reserve.errors import ExitCode, Interrupted, ReserveError, UsageError
from reserve.notify import channels, ping, tell
from reserve.plans import due
from reserve.plans.plan import Plan
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan

if TYPE_CHECKING:
    from reserve.booking.result import Outcome
    from reserve.plans.preview import Ask

    OneRun = Callable[[Sequence[str]], tuple[Outcome, str | None]]  # with the words of its command line

MAIN = Path(__file__).parents[2] / "main.py"
WATCH = timedelta(seconds=50)  # the next tick comes after a minute
LOOK_EVERY = timedelta(seconds=10)
NEAR = timedelta(minutes=2)
# Systems whose sign-in has to be kept alive, as in SYSTEMS, which would load the network library each time.
RENEWED = {"atrium": timedelta(minutes=20)}
TOO_EARLY = timedelta(minutes=10)  # before an opening; the run would wait for nothing
STOPPED = [Interrupted(number).exit_code for number in SIGNALS]
FAILED = "due.failed"  # a file that is there from the first failure to the next success
# After these the next facility of a plan is worth trying.
GO_ON = (ExitCode.NOT_RESERVED, ExitCode.USAGE, ExitCode.FORBIDDEN, ExitCode.SERVICE)


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Start what is due, or serve one occurrence when *arguments* name it."""
    parser = Parser(prog="main.py due", description=COMMANDS["due"].capitalize() + ".", allow_abbrev=False)
    parser.add_argument("--occurrence", metavar="NAME", help="serve this one; `due` calls itself so")
    parser.add_argument("--verbose", action="store_true", help="say a word also when nothing is due")
    options = parser.parse_args(arguments)
    marks = failure_marks(settings)
    try:
        code = called(options, settings, Clock())
    except Exception as failure:  # whatever it is: nobody looks at what cron calls, so it has to be told
        why = str(failure) if isinstance(failure, ReserveError) else type(failure).__name__
        if is_first_failure(marks):
            tell_player(settings, f"`due` failed: {why}.")
        ping(settings.ping_url, failed=True)
        raise
    if options.occurrence:
        return code
    for mark in marks:
        mark.unlink(missing_ok=True)
    if trouble := ping(settings.ping_url):
        print(f"warning: RESERVE_PING_URL: {trouble}", file=sys.stderr)
    return code


def failure_marks(settings: Settings) -> tuple[Path, ...]:
    """Where it is noted that `due` failed: in the data folder, or outside when nothing can be kept there."""
    data = settings.data.absolute()
    name = hashlib.sha256(f"{os.getuid()} {data}".encode()).hexdigest()[:16]
    return data / FAILED, Path(tempfile.gettempdir()) / f"first-serve-{name}.failed"


def is_first_failure(marks: Sequence[Path]) -> bool:
    """Note a failure in the first of *marks* that can be made; False when one was noted, or none can be."""
    if any(os.path.lexists(mark) for mark in marks):
        return False
    for mark in marks:
        with suppress(OSError):
            mark.touch(mode=0o600, exist_ok=False)
            return True
    return False


def called(options: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    """Do what this call is for."""
    store = Store(settings.data, settings.database_url)
    with closing(store):
        plan_store = PlanStore(store)
        if options.occurrence:
            return serve(plan_store, options.occurrence, settings, clock)
        said = Ticking(plan_store, clock, starter(settings), settings).minute()
        if said or options.verbose or sys.stdout.isatty():
            print("\n".join([*said, summary(plan_store, len(said))]))
    return 0


def tell_player(settings: Settings, sentence: str) -> None:
    """Send *sentence* to the player's channels; what is wrong with them is no more than a warning."""
    try:
        troubles = [f"RESERVE_NOTIFY: {each}" for each in tell(channels(settings.notify), sentence)]
    except UsageError as failure:
        troubles = [str(failure)]
    for trouble in troubles:
        print(f"warning: {trouble}", file=sys.stderr)


def summary(plan_store: PlanStore, started: int) -> str:
    """The last line, for a person."""
    wake = plan_store.next_wake()
    following = (
        f"the next look is needed at {wake:%Y-%m-%d %H:%M} UTC" if wake else "no plan has a slot ahead"
    )
    return f"{started or 'Nothing'} due; {following}."


@dataclass(frozen=True)
class Ticking:
    """One call by cron."""

    plan_store: PlanStore
    clock: Clock
    start: Callable[[Sequence[str]], None]  # a process of main.py with these words
    settings: Settings

    def minute(self) -> list[str]:
        """Start what is due; near an opening stay for the minute, to take over from a machine that dies."""
        began = self.clock.now()
        said = self.tick()
        self.look_after_plans(began)
        while self._is_near() and (now := self.clock.now()) + LOOK_EVERY < began + WATCH:
            self.clock.sleep_until(now + LOOK_EVERY)
            said += self.tick()
        return said

    def tick(self) -> list[str]:
        """Start what is due now."""
        worker = f"{socket.gethostname()}/{os.getpid()}"
        return due.tick(
            self.plan_store,
            self.clock.now(),
            worker,
            lambda occurrence: self.start(["due", "--occurrence", due.name_of(occurrence)]),
            lambda sentence: tell_player(self.settings, sentence),
        )

    def look_after_plans(self, now: datetime) -> None:
        """Have facilities read once a day, and sign-ins kept alive, by processes of their own."""
        if self.plan_store.not_looked_at_since(now - due.STALE) and self.plan_store.first(
            "refresh", now, since=now - due.LOOK_AGAIN
        ):
            self.start(["plan", "refresh"])
        systems = {stored.body.get("system") for stored in self.plan_store.all() if not stored.is_paused}
        for system, every in RENEWED.items():
            # A tick may come some seconds early by the clock of the one before.
            since = now - every + timedelta(seconds=30)
            if system in systems and self.plan_store.first(f"renew {system}", now, since=since):
                self.start(["account", "refresh"])

    def _is_near(self) -> bool:
        now = self.clock.now()
        return self.plan_store.has_opening(now, now + NEAR)


def starter(settings: Settings) -> Callable[[Sequence[str]], None]:
    """What starts main.py as a process that outlives us, with our environment, and so with its secrets."""

    def start(words: Sequence[str]) -> None:
        with (settings.data / "due.log").open("ab") as log:
            process = subprocess.Popen(
                [sys.executable, str(MAIN), *words],
                stdin=subprocess.DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,
            )
        process.returncode = 0  # nobody waits for it here

    return start


def serve(plan_store: PlanStore, name: str, settings: Settings, clock: Clock) -> int:
    """Book for the occurrence called *name*, facility by facility, and tell the player how it ended."""
    from reserve.booking.context import Leads
    from reserve.booking.result import failed
    from reserve.commands.book import book
    from reserve.commands.lookup import asking
    from reserve.commands.options import booking_parser, read_booking

    occurrence = due.occurrence_named(plan_store, name)
    stored = plan_store.get(occurrence.plan_id) if occurrence else None
    if occurrence is None or stored is None:
        print(f"Refused: --occurrence: {name!r} does not wait for anything, or for another process.")
        return UsageError.exit_code
    stop = Stop()
    stop.shield()  # a run listens for itself; before, between and after runs the wish to stop is noted

    def one(words: Sequence[str]) -> tuple[Outcome, str | None]:
        try:
            stop.obey()
            booking = read_booking(booking_parser("book").parse_args(words), settings)
        except ReserveError as failure:
            return failed(failure), None
        result, _ = book(booking, Leads(), in_turn=True)
        return result.outcome, result.run_id

    with stop.listening():
        return serve_occurrence(plan_store, occurrence, stored, asking(settings, clock), one, settings, clock)


def serve_occurrence(
    plan_store: PlanStore,
    occurrence: Occurrence,
    stored: StoredPlan,
    ask: Ask,
    one: OneRun,
    settings: Settings,
    clock: Clock,
) -> int:
    """Have *one* run after the other for *occurrence*, and end it, unless it opens later."""
    plan = due.plan_of(stored)
    with claim_kept(plan_store, occurrence, clock, lost=_stop_this_process):
        if opens_later(plan_store, occurrence, plan, due.wall(stored, occurrence), ask, clock.now()):
            return 0
        if late := due.lateness(occurrence, clock.now()):
            print(f"plan {occurrence.plan_id}{late}; trying all the same", file=sys.stderr, flush=True)
        wait_ends = due.wait_ends(plan, occurrence, clock.now())
        if wait_ends is not None:
            clock.call_at(wait_ends, _stop_this_process)
        outcome, run_id = in_order(plan, due.wall(stored, occurrence), one, waits=wait_ends is not None)
    sentence = outcome.sentence
    if outcome.exit_code in STOPPED:
        if wait_ends is None or clock.now() < wait_ends:
            return outcome.exit_code  # the claim lapses, and the next tick goes on: machines are restarted
        sentence = "Not reserved: no court became free in time for you to get there."
    plan_store.end(
        occurrence, ended=clock.now(), exit_code=outcome.exit_code, sentence=sentence, run_id=run_id
    )
    print(sentence, flush=True)
    tell_player(
        settings, f"{sentence} (plan {occurrence.plan_id}, {due.wall(stored, occurrence):%a %Y-%m-%d %H:%M})"
    )
    return outcome.exit_code


def opens_later(
    plan_store: PlanStore, occurrence: Occurrence, plan: Plan, start: datetime, ask: Ask, now: datetime
) -> bool:
    """Whether the facility has changed its window since it was looked at; then *occurrence* waits on."""
    try:
        opens_at = min(offer.opens_at for offer in ask(plan, start, plan.choices[0]).offers)
    except ReserveError:
        return False  # the run will find out, and say so
    if opens_at - now < TOO_EARLY:
        return False
    plan_store.reschedule(occurrence, opens_at=opens_at, wake_at=opens_at - due.LEAD)
    print(f"plan {occurrence.plan_id} opens only at {opens_at:%Y-%m-%d %H:%M:%S %Z}", file=sys.stderr)
    return True


def in_order(plan: Plan, start: datetime, one: OneRun, *, waits: bool) -> tuple[Outcome, str | None]:
    """Try the facilities of *plan* in their order; who *waits* does so at the first whose courts are taken.

    Without a court, the result is that of the wait, or else that of the first facility.
    """
    if len(plan.choices) == 1:
        return one(plan.words(start, plan.choices[0], waits=waits))
    results = []
    for choice in plan.choices:
        result = one(plan.words(start, choice))
        if result[0].exit_code not in GO_ON or result[0].is_blocked:
            return result
        results.append(result)
    for choice, (outcome, _) in zip(plan.choices, results, strict=True):
        if waits and outcome.exit_code == ExitCode.NOT_RESERVED:
            return one(plan.words(start, choice, waits=True))
    return results[0]


@contextmanager
def claim_kept(
    plan_store: PlanStore, occurrence: Occurrence, clock: Clock, lost: Callable[[], None]
) -> Iterator[None]:
    """Inside, our claim of *occurrence* is extended again and again; *lost* is called when it is lost."""
    over = threading.Event()
    began, ours_until = clock.now(), occurrence.wake_at

    def heartbeat() -> None:
        nonlocal ours_until
        now = clock.now()
        if over.is_set():
            return
        kept = plan_store.keep(occurrence, now + due.LEASE, went_well=now - began >= due.WELL)
        if kept:
            ours_until = now + due.LEASE
        if kept or (kept is None and clock.now() < ours_until):
            clock.call_at(now + due.HEARTBEAT, heartbeat)
        elif not over.is_set():
            why = "no database answers" if kept is None else "its turn was called off or taken over"
            print(f"plan {occurrence.plan_id}: {why}", file=sys.stderr, flush=True)
            lost()

    heartbeat()
    try:
        yield
    finally:
        over.set()


def _stop_this_process() -> None:
    os.kill(os.getpid(), signal.SIGTERM)

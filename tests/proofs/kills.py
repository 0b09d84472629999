"""python -m tests.proofs.kills: a process is killed at every step, and the next one puts everything in order.

Three ways for every booking system. *By hand*: a run is killed, and the player starts another one.
*Takeover*: a plan is added, and its turn begun, on a machine that is killed; another one, which shares
nothing but a PostgreSQL, takes over. *Stopped*: the same on one machine, with SIGTERM or SIGHUP, and cron
goes on there.
"""

from __future__ import annotations

import base64
import os
import shutil
import signal
import sys
import threading
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from itertools import cycle, repeat
from multiprocessing import get_context
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any, Self

from sqlalchemy import Engine, create_engine, event, make_url, text

import webhook_server
from reserve.booking.context import Leads
from reserve.booking.result import RunResult
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.commands.options import Booking, booking_parser, read_booking
from reserve.commands.plan import Plans
from reserve.commands.plan_options import plan_parser
from reserve.commands.planned import Lookup
from reserve.commands.serving import runs_for, serve_occurrence
from reserve.commands.store import open_store
from reserve.commands.ticking import Ticking, check_key
from reserve.commands.wiring import build_run
from reserve.http import Answer, Http
from reserve.notify.notice import Notice
from reserve.plans import due
from reserve.settings import read_settings
from reserve.signals import SIGNALS
from reserve.simulator import SIMULATED_SYSTEMS, post_to, serve
from reserve.storage.database import NAME, Store
from reserve.storage.late import FOLDER
from reserve.storage.plans import PlanStore
from reserve.storage.runs import RunStore
from reserve.stroke import Departure
from reserve.window import zone
from tests.postgres import postgres
from tests.proofs.matrix import by_system, memory, parser, report, systems_in
from tests.proofs.referee import Verdict
from tests.stage import TOKEN, WITHOUT_BROWSER

NEVER = "never"
KEY = base64.urlsafe_b64encode(bytes(32)).decode()  # of the secrets in the store; machines share it
LATER = timedelta(minutes=5)  # a claim has ended by then
TICKS = 2  # of cron, after a death
AT_ONCE = 6  # cases: a process mostly waits for the one who watches it
LONGEST = 60  # seconds for one process; it takes one
BY_HAND, TAKEOVER, STOPPED = WAYS = ("by hand", "takeover", "stopped")
KINDS = ("not_one_court", "left", "untrue", "forgotten", "unfair")


# In the process that is killed.


class Steps:
    """Counts the steps of a process by name, and sends a signal to it at one of them."""

    def __init__(self, at: str, number: int) -> None:
        self.at, self.number = at, number
        self.counts: Counter[str] = Counter()
        self.names: list[str] = []
        self._lock = threading.Lock()
        event.listen(Engine, "commit", lambda connection: self.step("before a commit"))

    def step(self, name: str) -> None:
        """One more step; perhaps the last."""
        with self._lock:
            self.counts[name] += 1
            name = f"{name} #{self.counts[name]}"
            self.names.append(name)
        if name == self.at:
            os.kill(os.getpid(), self.number)

    def connect(self, base_url: str, headers: Mapping[str, str], *, stop: Stop | None = None) -> Http:
        """A connection whose requests are steps."""
        connection = SteppingHttp(base_url, headers=headers, is_hurried=lambda: bool(stop and stop.is_asked))
        connection.step = self.step
        return connection


class SteppingHttp(Http):
    """Every request is two steps: before it leaves, and when its answer is here."""

    step: Callable[[str], None]

    def send(self, prepared: Any, departure: Departure | None = None) -> Answer:
        parts = prepared.path_url.partition("?")[0].split("/")
        path = "/".join("*" if len(part) == 36 else part for part in parts)  # ids are that long
        self.step(f"before {prepared.method} {path}")
        answer = super().send(prepared, departure)
        self.step(f"after {prepared.method} {path}")
        return answer


@dataclass(frozen=True)
class Orders:
    """What one process is to do."""

    environ: Mapping[str, str]
    words: Sequence[str]  # of the command
    is_turn: bool  # of a plan; else a run by hand
    comes_later: bool = False
    at: str = NEVER
    number: int = signal.SIGKILL


class Machine:
    """Obeys *orders*, and tells *say* what the player is told, and the steps."""

    def __init__(self, orders: Orders, say: Callable[[str, Any], None]) -> None:
        self.orders, self.say = orders, say
        self.settings, self.clock = read_settings(orders.environ), Clock()
        self.steps = Steps(orders.at, orders.number)

    def work(self) -> None:
        """To the end, or to the step at which a signal ends it."""
        if self.orders.is_turn:
            self.turn()
        else:
            words = self.orders.words
            result, _ = self.book(read_booking(booking_parser("book").parse_args(words), self.settings))
            self.say("told", result.outcome.sentence)
            self.say("code", result.outcome.exit_code)
        self.say("steps", self.steps.names)

    def tell(self, *notices: Notice) -> None:
        """What the player's channels would be told."""
        for each in notices:
            self.say("told", each.text)

    def book(self, booking: Booking, *_: Any, in_turn: bool = False) -> tuple[RunResult, None]:
        """One run, as `book` has it."""
        stop = Stop()
        wired = build_run(
            booking.request,
            booking.account,
            booking.settings,
            stop,
            Leads(),
            connect=partial(self.steps.connect, stop=stop),
            system_type=WITHOUT_BROWSER.get(booking.settings.system),
        )
        with stop.listening():
            return wired.run.book(in_turn=in_turn), None

    def turn(self) -> None:
        """`plan add`, a tick of `due`, and the processes that it starts, one after the other."""
        with closing(open_store(self.settings)) as store:
            plan_store = Later(store) if self.orders.comes_later else PlanStore(store)
            plans = Plans(plan_store, self.settings, self.clock, self.steps.connect)
            if not plan_store.all():
                plans.add(plan_parser().parse_args(self.orders.words))
            started: list[Sequence[str]] = []
            check = partial(check_key, store, self.settings)
            ticking = Ticking(plan_store, self.clock, started.append, self.settings, check)
            ticking.tick()
            ticking.look_after_plans(self.clock.now())
            for words in started:
                if words[:2] == ["due", "--occurrence"]:
                    self.serve(plan_store, words[2])
                elif words == ["plan", "refresh"]:
                    plans.refresh(plan_parser().parse_args(["refresh"]))

    def serve(self, plan_store: PlanStore, name: str) -> None:
        """What `due --occurrence` does."""
        occurrence = due.occurrence_named(plan_store, name)
        stored = plan_store.get(occurrence.plan_id) if occurrence else None
        if occurrence is None or stored is None:
            return
        stop = Stop()
        stop.shield()
        run = runs_for(due.plan_of(stored), due.wall(stored, occurrence), self.settings, stop, book=self.book)
        offers = Lookup(self.settings, self.clock, partial(self.steps.connect, stop=stop)).offers
        with stop.listening():
            code = serve_occurrence(plan_store, occurrence, stored, offers, run, self.clock, self.tell)
        self.say("code", code)


class Later(PlanStore):
    """A plan store some minutes on, by the clock that all machines go by."""

    def now(self, ours: datetime) -> datetime:
        return super().now(ours) + LATER


def obey(inbox: Any, outbox: Any) -> None:
    """What a process does that was made before anything was served: it gets its orders, and reports."""
    with Path(os.devnull).open("w") as nowhere:
        sys.stdout = sys.stderr = nowhere
        orders = inbox.recv()
        for number in SIGNALS:
            signal.signal(number, signal.SIG_DFL)
        machine = Machine(orders, lambda what, about: outbox.send((what, about)))
        machine.work()


# In the process that watches.


@dataclass
class Report:
    """What one process told, and how it ended; less when it was killed."""

    exit_code: int | None = None
    told: list[str] = field(default_factory=list)
    code: int | None = None
    steps: list[str] = field(default_factory=list)


class Process:
    """A process that waits for its orders."""

    def __init__(self) -> None:
        """Fork while no thread of ours runs."""
        context = get_context("fork")
        inbox, self._orders = context.Pipe(duplex=False)
        self._reports, outbox = context.Pipe(duplex=False)
        self._process = context.Process(target=obey, args=(inbox, outbox))
        self._process.start()
        inbox.close()
        outbox.close()

    def run(self, orders: Orders) -> Report:
        """What came of *orders*."""
        self._orders.send(orders)
        report = Report()
        try:
            while self._reports.poll(LONGEST):
                what, about = self._reports.recv()
                if what == "told":
                    report.told.append(about)
                else:
                    setattr(report, what, about)
        except EOFError:
            self._process.join()
            report.exit_code = self._process.exitcode
        return report

    def close(self) -> None:
        """End it, whatever it does."""
        self._process.kill()
        self._process.join()
        self._orders.close()
        self._reports.close()


@dataclass(frozen=True)
class World:
    """A booking system that answers, and what leads two machines to it."""

    simulated: Any
    environs: tuple[Mapping[str, str], Mapping[str, str]]

    def orders(self, way: str, nth: int, *, at: str = NEVER, number: int = signal.SIGKILL) -> Orders:
        """What the *nth* process does in this way; a claim that was given up need not end."""
        is_turn, comes_later = way != BY_HAND, nth > (way == STOPPED)
        words = weekly(self.simulated) if is_turn else self.simulated.words()
        return Orders(self.environs[nth > 0], words, is_turn, comes_later, at, number)


def weekly(simulated: Any) -> list[str]:
    """`plan add` for the slot of the scenario, every week, but not for one that is today."""
    words, when = simulated.words(), simulated.scenario.slot
    today = simulated.clock.now().astimezone(when.start.tzinfo)
    found = ["add", "--every", f"{when.start:%a} {when.start:%H:%M}-{when.end:%H:%M}".lower()]
    if today.weekday() == when.start.weekday():
        found += ["--except", f"{today:%Y-%m-%d}"]
    while words:
        word = words.pop(0)
        values = [] if word == "-m" else [words.pop(0)]
        if word not in ("-d", "-t", "-y", "-r"):
            found += [word, *values]
    return found


@contextmanager
def world(system: str, folder: Path, url: str | None, verify: str) -> Iterator[World]:
    """What opened at noon, the player's phone, and two machines; one when there is no *url*."""
    clock, club = Clock(), SIMULATED_SYSTEMS[system]
    here = clock.now().astimezone(zone(club.scenario_type.timezone))
    noon = here.replace(hour=12, minute=0, second=0, microsecond=0)
    opens_at = noon if noon < here else noon - timedelta(days=1)
    app = webhook_server.create_app(
        data=folder / "webhook", token=TOKEN, loopback=True, now=lambda: datetime.now(UTC)
    )
    with webhook_server.serve(app, "127.0.0.1", 0) as inbox:
        webhook = f"http://127.0.0.1:{inbox.port}"
        simulated = SIMULATED_SYSTEMS[system].opening(opens_at, clock, post_to(webhook, TOKEN), verify=verify)
        with serve(simulated.app) as server:
            environ = {
                **simulated.environ_of_player(server.url, webhook, TOKEN),
                "FERNET_KEY": KEY,
                **({"RESERVE_DATABASE_URL": url} if url else {}),
            }
            folders = [folder / name for name in ("one", "two" if url else "one")]
            one, two = ({**environ, "RESERVE_DATA": str(each)} for each in folders)
            yield World(simulated, (one, two))


@dataclass(frozen=True)
class Case:
    """One death."""

    system: str
    way: str
    templates: Templates
    at: str = NEVER
    number: int = signal.SIGKILL
    verify: str = "never"

    def __str__(self) -> str:
        """Name it for the list."""
        return f"{self.system}, {self.way}: {signal.Signals(self.number).name} {self.at}"

    def verdict(self) -> Verdict:
        """What is wrong after it, and after what the next process did."""
        return self.played()[0]

    def steps(self) -> list[str]:
        """The steps of a process to which nothing happens."""
        verdict, steps = self.played()
        assert not verdict.problems, verdict
        return steps

    def played(self) -> tuple[Verdict, list[str]]:
        """What is wrong, and the steps of the first process if it lived."""
        with ExitStack() as stack:
            processes = [Process() for _ in range(1 + (1 if self.way == BY_HAND else TICKS))]
            for each in processes:
                stack.callback(each.close)
            folder = Path(stack.enter_context(TemporaryDirectory(dir=memory())))
            url = stack.enter_context(self.templates.database()) if self.way == TAKEOVER else None
            (folder / "one").mkdir()
            shutil.copy(self.templates.file, folder / "one" / NAME)
            here = stack.enter_context(world(self.system, folder, url, self.verify))
            first = processes[0].run(here.orders(self.way, 0, at=self.at, number=self.number))
            paid_by_first = bool(here.simulated.ledger.paid)
            store = Store(folder / "two" if url else folder / "one", url)
            stack.callback(store.close)
            later: list[Report] = []
            for nth, process in enumerate(processes[1:], start=1):
                if not later or not PlanStore(store).occurrences(ended=True):
                    later.append(process.run(here.orders(self.way, nth)))
            problems = tuple(self.problems(here, store, first, later, paid_by_first=paid_by_first))
            code = next((each.code for each in reversed(later) if each.code is not None), first.code)
            told = [sentence for each in (first, *later) for sentence in each.told]
            sentence = told[-1] if told else "nothing"
        return Verdict(str(self), -1 if code is None else code, sentence, problems), first.steps

    def problems(
        self, here: World, store: Store, first: Report, later: Sequence[Report], *, paid_by_first: bool
    ) -> Iterator[tuple[str, str]]:
        """What is wrong: pairs of a kind and the details."""
        ledger, now = here.simulated.ledger, datetime.now(UTC)
        told = [sentence for each in (first, *later) for sentence in each.told]
        if len(ledger.paid) != 1:
            yield "not_one_court", f"paid: {ledger.paid}; told: {told}"
        if left := ledger.open_holds(now):
            yield "left", f"held: {left}; told: {told}"
        for process in later:
            if process.exit_code != 0:
                yield "untrue", f"a later process ended with {process.exit_code}"
        if first.exit_code is None:
            yield "untrue", "the first process did not end"
        yield from (("unfair", each) for each in ledger.violations)
        runs = RunStore(store).history()
        if any(run.ended is None for run in runs):
            yield "left", f"runs that never ended: {[run.sentence for run in runs]}"
        for folder in {environ["RESERVE_DATA"] for environ in here.environs}:
            open_store(read_settings({**here.environs[0], "RESERVE_DATA": folder})).close()  # when it is back
            for path in Path(folder, FOLDER).glob("*"):
                yield "left", f"never brought into the store: {path.name}"
        if self.way == BY_HAND:
            wanted = 5 if paid_by_first else 0
            if later[-1].code != wanted:
                yield "untrue", f"the player who tried again was told {told[-1:]}"
            if paid_by_first and not any(str(run.sentence).startswith("Reserved") for run in runs[1:]):
                yield "untrue", f"history: {[run.sentence for run in runs]}"
            return
        if not told or not all(sentence.startswith("Reserved") for sentence in told):
            yield "untrue", f"told: {told}"
        plan_store = PlanStore(store)
        start = here.simulated.scenario.slot.start
        ended = {each.starts_at: each.exit_code for each in plan_store.occurrences(ended=True)}
        if ended != {start: 0}:
            yield "forgotten", f"ended: {ended}; told: {told}"
        ahead = [each.starts_at for each in plan_store.occurrences(ended=False)]
        if [each.date() for each in ahead] != [(start + timedelta(days=7)).astimezone(UTC).date()]:
            yield "forgotten", f"ahead: {ahead}; told: {told}"


@dataclass(frozen=True)
class Templates:
    """A SQLite file with our tables, and a PostgreSQL server that has them in every new database."""

    file: Path
    server: str

    @classmethod
    def made(cls, folder: Path, server: str) -> Self:
        """The tables, made once for each kind of database: that takes longer than a run."""
        Store(folder).close()
        Store(folder, _called(server, "template1")).close()
        return cls(folder / NAME, server)

    @contextmanager
    def database(self) -> Iterator[str]:
        """The address of a new database."""
        name = f"case_{os.getpid()}"
        engine = create_engine(self.server, isolation_level="AUTOCOMMIT")
        with engine.connect() as connection:
            connection.execute(text(f"CREATE DATABASE {name}"))
        yield _called(self.server, name)
        with engine.connect() as connection:
            connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
        engine.dispose()


def _called(server: str, name: str) -> str:
    return make_url(server).set(database=name).render_as_string(hide_password=False)


def workers(number: int) -> ProcessPoolExecutor:
    """Processes that have no threads, and so can fork."""
    return ProcessPoolExecutor(number, mp_context=get_context("spawn"))


def cases(system: str, templates: Templates) -> list[Case]:
    """Every step, in all three ways."""
    verify = "before" if system == "recus" else "never"
    by_hand = Case(system, BY_HAND, templates, verify=verify)
    turn = Case(system, STOPPED, templates)
    in_turn = distinct(turn.steps())
    signals = cycle((signal.SIGTERM, signal.SIGHUP))
    return [
        *(replace(by_hand, at=step) for step in distinct(by_hand.steps())),
        *(replace(turn, way=TAKEOVER, at=step) for step in in_turn),
        *(replace(turn, at=step, number=number) for number, step in zip(signals, in_turn, strict=False)),
    ]


def distinct(steps: Sequence[str]) -> list[str]:
    """Those steps between which something changes, in the store or at the booking system."""
    before = ["", *steps]
    return [
        step
        for last, step in zip(before, steps, strict=False)
        if " GET " not in step or not last or last.startswith("before a commit")
    ]


def verdict(case: Case) -> Verdict:
    """What comes of this case."""
    return case.verdict()


def numbers(found: Sequence[Verdict]) -> dict[str, Any]:
    """How many deaths there were, what came of them, and every failure in words."""
    failures = [
        {"case": each.name, "exit_code": each.exit_code, "problem": kind, "details": details}
        for each in found
        for kind, details in each.problems
    ]
    counts = {kind: sum(each.count(kind) for each in found) for kind in KINDS}
    return {"points": len(found), **counts, "failures": failures}


def main() -> int:
    """Kill at every step, write build/kills.json, and return 1 when anything is wrong."""
    options = parser(__doc__).parse_args()
    started = perf_counter()
    with (
        TemporaryDirectory(dir=memory()) as folder,
        postgres("fsync=off") as server,
        workers(AT_ONCE) as pool,
    ):
        templates, systems = Templates.made(Path(folder), server), systems_in(options)
        everything = list(pool.map(cases, systems, repeat(templates)))
        rows = {
            system: list(pool.map(verdict, each)) for system, each in zip(systems, everything, strict=True)
        }
    return report("kills", {**by_system(rows, numbers), "seconds": round(perf_counter() - started, 1)})


if __name__ == "__main__":
    sys.exit(main())

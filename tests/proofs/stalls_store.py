"""The part of `python -m tests.proofs.stalls` about the store: locked, frozen, slow, gone, full.

The booking side is in virtual time; what a run waits for its store is real, and is counted.
"""

from __future__ import annotations

import os
import resource
import socket
import sqlite3
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager, suppress
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from time import perf_counter
from typing import Any

from sqlalchemy import create_engine, make_url, text

from reserve.errors import ExitCode
from reserve.model import ActionKind
from reserve.storage.database import NAME, Store
from reserve.storage.late import FOLDER
from reserve.storage.runs import RunStore
from reserve.systems import PROFILES, USUAL
from tests.postgres import postgres
from tests.proofs.matrix import ENVIRON, memory, variants
from tests.proofs.referee import Verdict, judged
from tests.proofs.trouble import TroubledStage
from tests.stage import OPENS_AT

# When it begins: so many seconds before the opening, before the holds are written down, or before the end is.
AHEAD = {"130 s ahead": 130.0, "40 s ahead": 40.0, "3 s ahead": 3.0}
HELD, END = "between hold and pay", "at the end"
MOMENTS = (*AHEAD, HELD, END)
# Real seconds that may be waited for the store before the opening: the rest is spent on other things.
ALLOWED = {"130 s ahead": 100.0, "40 s ahead": 10.0, "3 s ahead": 2.0}
QUICK = 2.0  # seconds of waiting, from the opening to the outcome: 0.2 are allowed, but a machine may be busy
LONGEST = 60.0  # real seconds for all of a run


class Link:
    """The way from one machine to a PostgreSQL, which may be frozen, slow, or cut."""

    def __init__(self, port: int) -> None:
        """Lead to *port* of this machine."""
        self.port, self.delay = port, 0.0
        self._may_pass, self._is_cut, self._ends = threading.Event(), False, list[socket.socket]()
        self._may_pass.set()
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.own_port = int(self._listener.getsockname()[1])
        threading.Thread(target=self._accept, daemon=True).start()

    @contextmanager
    def frozen(self) -> Iterator[None]:
        """Inside, nothing comes through, and nobody is told."""
        self._may_pass.clear()
        yield
        self._may_pass.set()

    @contextmanager
    def slow(self, seconds: float) -> Iterator[None]:
        """Inside, every question takes so much longer."""
        self.delay = seconds
        yield
        self.delay = 0.0

    @contextmanager
    def cut(self) -> Iterator[None]:
        """Inside, there is no server; all connections to it end."""
        self._is_cut = True
        self._end_all()
        yield
        self._is_cut = False

    def close(self) -> None:
        """Let everything go."""
        self._is_cut = True
        self._may_pass.set()
        self._listener.close()
        self._end_all()

    def _accept(self) -> None:
        with suppress(OSError):
            while True:
                ours, _ = self._listener.accept()
                if self._is_cut:
                    ours.close()
                    continue
                theirs = socket.create_connection(("127.0.0.1", self.port))
                self._ends += [ours, theirs]
                for one, other, is_question in ((ours, theirs, True), (theirs, ours, False)):
                    threading.Thread(target=self._pump, args=(one, other, is_question), daemon=True).start()

    def _pump(self, one: socket.socket, other: socket.socket, is_question: bool) -> None:
        with suppress(OSError):
            while content := one.recv(65536):
                if is_question and self.delay:
                    threading.Event().wait(self.delay)
                self._may_pass.wait()
                other.sendall(content)
        with suppress(OSError):
            other.shutdown(socket.SHUT_RDWR)

    def _end_all(self) -> None:
        for each in self._ends:
            with suppress(OSError):
                each.shutdown(socket.SHUT_RDWR)
            each.close()
        self._ends.clear()


@contextmanager
def locked(data: Path) -> Iterator[None]:
    """Inside, another process writes into the SQLite file in *data*."""
    with closing(sqlite3.connect(data / NAME, check_same_thread=False)) as connection:
        connection.execute("BEGIN IMMEDIATE")
        yield
        connection.rollback()


@contextmanager
def full() -> Iterator[None]:
    """Inside, no file of this process grows: what is written fails as on a disk that is full."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (0, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


@cache
def own_server() -> str:
    """The address of a PostgreSQL of this process, whose new databases have our tables."""
    stack = ExitStack()
    url = stack.enter_context(postgres("fsync=off"))
    _kept.append(stack)
    with TemporaryDirectory() as folder:
        Store(Path(folder), called(url, "template1")).close()
    return url


_kept: list[ExitStack] = []  # to the end of this process, and the server with it


def called(url: str, name: str, port: int | None = None) -> str:
    """The address of the database *name*, by another *port* if need be."""
    address = make_url(url).set(database=name)
    return (address if port is None else address.set(port=port)).render_as_string(hide_password=False)


@dataclass
class Watched:
    """How long a run waited for its store, and at which moment."""

    now: Callable[[], datetime]
    waits: list[tuple[datetime, float]] = field(default_factory=list)
    is_over: bool = False  # what is waited for now costs no court

    def watch(self, errands: Any) -> None:
        """Count what *errands* take."""
        run = errands.run

        def counted(call: Callable[[], Any]) -> Any:
            began = perf_counter()
            try:
                return run(call)
            finally:
                if not self.is_over:
                    self.waits.append((self.now(), perf_counter() - began))

        errands.run = counted

    def early(self, opens_at: datetime) -> float:
        """The seconds waited before the opening."""
        return sum(seconds for moment, seconds in self.waits if moment < opens_at)

    def late(self, opens_at: datetime) -> float:
        """The seconds waited from then to the outcome."""
        return sum(seconds for moment, seconds in self.waits if moment >= opens_at)


class Stall:
    """A stall that begins and ends once, from whichever thread."""

    def __init__(self, make: Callable[[], AbstractContextManager[None]]) -> None:
        """Nothing stalls yet."""
        self._make, self._stack = make, ExitStack()

    def begin(self) -> None:
        """From now on."""
        self._stack.enter_context(self._make())

    def end(self) -> None:
        """No more."""
        self._stack.close()


@dataclass(frozen=True)
class StalledStore:
    """A run whose store stalls from a moment on."""

    system: str
    stall: str  # one of STALLS
    moment: str  # one of MOMENTS; it ends with the run, what begins at the end a little later
    postgres: str | None = None  # the address of a server; else this process has its own

    def __str__(self) -> str:
        """Name it for the list."""
        return f"{self.system}: the store {self.stall}, {self.moment}"

    def verdict(self) -> Verdict:
        """The referee's verdict; was the opening met besides, and is everything in the store afterwards?"""
        kind, _ = STALLS[self.stall]
        variant = next(iter(variants(self.system).values()))
        with ExitStack() as stack:
            folder = Path(stack.enter_context(TemporaryDirectory(dir=memory())))
            url, link = None, None
            if kind == "postgresql":
                url = stack.enter_context(new_database(self.postgres or own_server()))
                link = Link(make_url(url).port or 0)
                stack.callback(link.close)
            environ = dict(ENVIRON)
            if url and link:
                environ["RESERVE_DATABASE_URL"] = called(url, make_url(url).database or "", link.own_port)
            scenario = dict(variant.scenario)
            if self.stall == "is full" and self.system == "recus":
                scenario["verify"] = "never"  # the texts lie on the same disk
            stage = stack.enter_context(
                TroubledStage(folder, scenario, self.system, seed=variant.seed, environ=environ)
            )
            return self.judged(stage, url, link, variant.words)

    def judged(
        self, stage: TroubledStage, url: str | None, link: Link | None, words: tuple[str, ...]
    ) -> Verdict:
        """The verdict about a run on *stage*."""
        stall = Stall(lambda: STALLS[self.stall][1](link or stage.folder / "data"))
        watched, took, problems = Watched(stage.clock.now), list[float](), list[tuple[str, str]]()

        def book(*more: str) -> Any:
            stage.get_ready(*more)
            record: Any = stage.wired.record
            watched.watch(record._errands)
            self.arm(stage, stall, watched, problems, url)
            began = perf_counter()
            stage.result = stage.run.book()
            stall.end()
            with suppress(
                TimeoutError
            ):  # what is under way is done, as it would be in a process that goes on
                record._errands.run(lambda: None)
            took.append(perf_counter() - began)
            return stage.result.outcome

        stage.book = book  # type: ignore[method-assign]
        found = judged(stage, str(self), *words)
        problems += found.problems
        if self.moment in AHEAD and (early := watched.early(OPENS_AT)) > ALLOWED[self.moment]:
            problems.append(("late", f"waited {early:.1f} s for the store before the opening"))
        if (late := watched.late(OPENS_AT)) > QUICK:
            problems.append(("late", f"waited {late:.1f} s for the store after the opening"))
        if took[0] > LONGEST:
            problems.append(("endless", f"took {took[0]:.0f} s"))
        if found.exit_code != ExitCode.SUCCESS or len(stage.ledger.paid) != 1:
            problems.append(("missed", found.sentence))
        problems += self.afterwards(stage, url)
        return replace(found, problems=tuple(problems))

    def arm(
        self,
        stage: TroubledStage,
        stall: Stall,
        watched: Watched,
        problems: list[tuple[str, str]],
        url: str | None,
    ) -> None:
        """Have the *stall* begin and end in time, and another machine look on."""
        record: Any = stage.wired.record
        note, ended = record.note, stage.run.ended

        def noted(kind: ActionKind, about: Any) -> Any:
            if kind is ActionKind.HELD:
                if self.moment == HELD:
                    stall.begin()
                if url and "gone" not in self.stall and is_free(stage, url):
                    problems.append(("double_booked", "another machine could have asked as well"))
            return note(kind, about)

        def over(*end: Any) -> Any:
            watched.is_over = True
            if self.moment == END:
                stall.begin()
            else:
                stall.end()
            return ended(*end)

        record.note = noted
        stage.run.ended = over  # type: ignore[assignment, method-assign]
        if ahead := AHEAD.get(self.moment):
            stage.clock.call_at(OPENS_AT - timedelta(seconds=ahead), stall.begin)

    def afterwards(self, stage: TroubledStage, url: str | None) -> Iterator[tuple[str, str]]:
        """What is not in order, once the store answers again, and a process has opened it."""
        data = stage.folder / "data"
        store = Store(data, url)
        (run,) = RunStore(store).history()
        alive = RunStore(store).alive([run.run_id])
        store.close()
        is_told_only = run.ended is None and self.stall == "is full" and self.moment == END
        if not is_told_only and (run.exit_code, run.sentence) != (
            stage.result.outcome.exit_code,
            stage.result.outcome.sentence,
        ):
            yield "left", f"the store says {run.sentence!r}"
        kinds = [action.kind for action in run.actions]
        wanted = [ActionKind.ASKING, ActionKind.HELD] + [ActionKind.CONFIRMED] * (
            not stage.simulated.hold_is_final
        )
        if self.stall != "is full" and not set(wanted) <= set(kinds):
            yield "left", f"the store knows only of {sorted(set(kinds))}"
        if alive:
            yield "left", "the store takes the run for alive"
        if any(path.suffix == ".jsonl" for path in (data / FOLDER).glob("*")):
            yield "left", "not all was brought into the store"


def is_free(stage: TroubledStage, url: str) -> bool:
    """Whether another machine may ask for the same player and day."""
    with TemporaryDirectory() as elsewhere, closing(Store(Path(elsewhere), url)) as store:
        lock = store.exclusive.lock(f"{stage.wired.record.player} {stage.booking.request.day}")
        is_ours = lock.take()
        lock.release()
        return is_ours


@contextmanager
def new_database(server: str) -> Iterator[str]:
    """A new database."""
    name = f"stall_{os.getpid()}"
    engine = create_engine(server, isolation_level="AUTOCOMMIT")
    with engine.connect() as connection:
        connection.execute(text(f"CREATE DATABASE {name}"))
    yield called(server, name)
    with engine.connect() as connection:
        connection.execute(text(f"DROP DATABASE {name} WITH (FORCE)"))
    engine.dispose()


STALLS: dict[str, tuple[str, Callable[[Any], AbstractContextManager[None]]]] = {
    "is locked": ("sqlite", locked),
    "is full": ("sqlite", lambda data: full()),
    "is frozen": ("postgresql", Link.frozen),
    "takes 50 ms": ("postgresql", lambda link: link.slow(0.05)),
    "takes 500 ms": ("postgresql", lambda link: link.slow(0.5)),
    "is gone": ("postgresql", Link.cut),
}


LONGEST_STALL = ("is frozen", "130 s ahead")  # before the sign-in


def cases(system: str) -> Iterator[StalledStore]:
    """Every way for the store to stall, at every moment; long waits that all share are waited once."""
    keeps_tokens = PROFILES[system].token_variable is not None
    for stall in STALLS:
        for moment in MOMENTS:
            is_long = moment in ("130 s ahead", END)
            if system == USUAL or not is_long or (keeps_tokens and (stall, moment) == LONGEST_STALL):
                yield StalledStore(system, stall, moment)

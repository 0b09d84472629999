"""Every run, and what it was about to do, written down before it is done.

What is written here outlives a killed process. So the next run knows which orders are left over, and
releases them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby
from typing import TypeVar

from sqlalchemy import ColumnElement, RowMapping, case, false, func, select, true
from sqlalchemy.exc import SQLAlchemyError

from reserve.clock import never
from reserve.errors import AlreadyReserved, ExitCode, NoDatabase, ServiceError, is_full
from reserve.model import ActionKind, Bounds, Court, Hold, Offer, Phase, SeenOpening, Slot
from reserve.storage.database import Store
from reserve.storage.errands import Errands
from reserve.storage.exclusive import Lock
from reserve.storage.late import Entry, LateFile, begun, done, ended, opened, write
from reserve.storage.schema import ACTIONS, OCCURRENCES, OPENINGS, RUN_TOTALS, RUNS

T = TypeVar("T")

MILLISECOND, MICROSECOND = timedelta(milliseconds=1), timedelta(microseconds=1)
OF_ACTION = "action_"  # how its columns begin in a row that is about a run, too
HURRY = 0.2  # seconds that a run near its opening waits for the store, in all


@dataclass(frozen=True)
class Action:
    """Something that a run did, or was about to do."""

    moment: datetime
    kind: ActionKind
    court: str
    start: datetime
    order_id: str | None
    facility: str | None

    def is_about(self, court: Court, slot: Slot) -> bool:
        """Whether it concerns this court at this time."""
        return Court("", self.court, self.facility or "").is_same(court) and self.start == slot.start


@dataclass(frozen=True)
class RunRow:
    """A run in short; without `ended` it is under way, or was cut off."""

    run_id: str
    system: str
    request: str
    started: datetime
    opens_at: datetime | None
    ended: datetime | None
    exit_code: int | None
    sentence: str | None
    facility: str | None
    court: str | None
    cause: str | None  # a CauseWord; None when there is a reservation, and of runs of older versions
    margin_ms: int | None


@dataclass(frozen=True)
class PastRun(RunRow):
    """A run as the store has it."""

    facts: str | None  # for `reserve.causes.facts.read`
    actions: tuple[Action, ...]
    phase: Phase | None = None
    phase_at: datetime | None = None

    def orders(self, *kinds: ActionKind) -> set[str]:
        """The ids of the orders with an action of these kinds."""
        return {action.order_id for action in self.actions if action.kind in kinds and action.order_id}


@dataclass(frozen=True)
class RunTotal:
    """So many runs are forgotten; the facility is empty when it was not known, the cause of reservations."""

    facility: str
    cause: str
    runs: int


_IN_SHORT = select(*(RUNS.c[each.name] for each in fields(RunRow))).order_by(RUNS.c.started.desc())


class RunStore:
    """All runs in a store: what they did, and how they ended."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._engine = store.engine
        self._exclusive = store.exclusive

    def lock(self, run_id: str) -> Lock:
        """What a run holds from its beginning to its end, however it ends."""
        return self._exclusive.lock(f"run {run_id}")

    def alive(self, run_ids: Iterable[str]) -> set[str]:
        """Those of these runs that are under way, on whichever machine; one question for all of them."""
        names = {f"run {run_id}": run_id for run_id in run_ids}
        return {names[name] for name in self._exclusive.held_among(names)}

    def history(self, *, most: int = 20, run_id: str | None = None) -> list[PastRun]:
        """The latest runs, latest first; only those whose id begins with *run_id*, if given."""
        wanted = true() if run_id is None else RUNS.c.run_id.startswith(run_id, autoescape=True)
        return self.read(wanted, most=most)

    def rows(
        self,
        *,
        plan_id: int | None = None,
        since: datetime | None = None,
        is_lost: bool = False,
        wanted: ColumnElement[bool] | None = None,
        most: int | None = None,
    ) -> list[RunRow]:
        """The latest runs in short, latest first, in one query.

        Only those of a plan, those that started *since* then, and those that ended with nothing, neither
        reserved nor held, if they are lost; and of these only those that are *wanted*.
        """
        query = _IN_SHORT
        if wanted is not None:
            query = query.where(wanted)
        if plan_id is not None:
            of_plan = select(OCCURRENCES.c.run_id).where(OCCURRENCES.c.plan_id == plan_id)
            query = query.where(RUNS.c.run_id.in_(of_plan))
        if since is not None:
            query = query.where(RUNS.c.started >= since)
        if is_lost:
            has_something = RUNS.c.exit_code.in_((ExitCode.SUCCESS, ExitCode.HELD))
            query = query.where(RUNS.c.ended.is_not(None), ~func.coalesce(has_something, false()))
        with self._engine.connect() as connection:
            return [RunRow(*row) for row in connection.execute(query.limit(most))]

    def ends(self, wanted: ColumnElement[bool]) -> list[tuple[int, str | None, int]]:
        """How many of each player's runs that are *wanted* ended with which exit code, for which cause."""
        ended = RUNS.c.exit_code.is_not(None)
        query = select(RUNS.c.exit_code, RUNS.c.cause, func.count()).where(wanted, ended)
        with self._engine.connect() as connection:
            # By player, though nobody asks whose: that is the order of the index, so nothing is sorted.
            rows = connection.execute(query.group_by(RUNS.c.player, RUNS.c.exit_code, RUNS.c.cause))
            return [(code, cause, many) for code, cause, many in rows]

    def margins(
        self, wanted: ColumnElement[bool], *, limits: Sequence[int], most: int
    ) -> list[tuple[int, int, int]]:
        """Of the latest runs that are *wanted* and raced: exit code, which margin, and how many had both.

        The margin is the number of the first of the *limits*, in milliseconds, that it does not exceed.
        """
        raced = RUNS.c.exit_code.is_not(None) & RUNS.c.margin_ms.is_not(None)
        latest = select(RUNS.c.exit_code, RUNS.c.margin_ms).where(wanted, raced)
        late = latest.order_by(RUNS.c.started.desc()).limit(most).subquery().c
        within = [(late.margin_ms <= limit, number) for number, limit in enumerate(limits)]
        margin = case(*within, else_=len(limits)).label("margin")
        query = select(late.exit_code, margin, func.count()).group_by(late.exit_code, margin)
        with self._engine.connect() as connection:
            return [(code, number, many) for code, number, many in connection.execute(query)]

    def ids(self) -> list[str]:
        """The ids of all runs, latest first."""
        with self._engine.connect() as connection:
            return list(connection.scalars(select(RUNS.c.run_id).order_by(RUNS.c.started.desc())))

    def forgotten(self) -> list[RunTotal]:
        """How many runs were forgotten, by facility and cause."""
        with self._engine.connect() as connection:
            return [RunTotal(*row) for row in connection.execute(select(RUN_TOTALS))]

    def read(self, wanted: ColumnElement[bool], *, most: int | None = None) -> list[PastRun]:
        """The runs that are *wanted*, latest first; one query, so that runs and actions fit together."""
        runs = select(RUNS).where(wanted).order_by(RUNS.c.started.desc()).limit(most).subquery()
        query = (
            select(runs, *(each.label(f"{OF_ACTION}{each.name}") for each in ACTIONS.c))
            .outerjoin_from(runs, ACTIONS, runs.c.run_id == ACTIONS.c.run_id)
            .order_by(runs.c.started.desc(), runs.c.run_id, ACTIONS.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [_past_run(list(of_run)) for _, of_run in groupby(rows, key=lambda row: row["run_id"])]


class Record:
    """What the store knows of one run and its player, written by that run.

    No court is given up because the store cannot be read or written: then it knows nothing, and what was to
    be written is kept in a file beside it, and brought in later.
    """

    def __init__(
        self,
        store: Store,
        run_id: str,
        player: str,
        now: Callable[[], datetime],
        *,
        where: str = "",
        is_stopping: Callable[[], bool] = never,
    ) -> None:
        """Nothing is written yet; *where* tells a booking system from its simulator.

        From when *is_stopping* says so, the store is hardly waited for.
        """
        self.store = store
        self.run_id = run_id
        self.player = player
        self.disk_is_full = False
        self._runs = RunStore(store)
        self._now = now
        self._where = where
        self._errands = Errands(is_stopping)
        self._unwritten: list[Entry] = []
        self._late = LateFile(store.folder, run_id)
        self._alive: Lock | None = None
        self._alone: Lock | None = None
        self._day = ""

    @contextmanager
    def kept(
        self, *, system: str, request: str, day: str, wait: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Inside, this run is under way, and no other of the player for the same day asks for a court.

        Raises `AlreadyReserved` when one does; with *wait*, which is called now and then, that one is waited
        for instead.
        """
        self._alive = self._runs.lock(self.run_id)
        self._alone = self.store.exclusive.lock(f"{self.player} {day}")
        self._day = day
        try:
            self._alive.take()  # nobody else wants it
            self.begin(system, request)
            self.be_alone(wait)
            yield
        finally:
            self._errands.take_time()
            with suppress(TimeoutError):
                self._errands.run(self._let_go)

    def _let_go(self) -> None:
        with suppress(SQLAlchemyError):
            self._write_all()
            self._late.remove()
        self._late.close()
        for lock in (self._alone, self._alive):
            if lock is not None:
                lock.release()

    def begin(self, system: str, request: str) -> None:
        """Note that this run has started, for what at which booking system."""
        row = {"run_id": self.run_id, "player": self.player, "started": self._now()}
        self._keep(begun(**row, system=system, request=request))

    def be_alone(self, wait: Callable[[], None] | None = None) -> None:
        """Exclude the player's other runs for the same day; *wait* is called while one excludes us.

        Without it `AlreadyReserved` is raised. Raises `ServiceError` when nobody can say.
        """
        while not self._is_alone():
            if wait is None:
                raise AlreadyReserved(f"another run of this player for {self._day} is under way")
            wait()

    def _is_alone(self) -> bool:
        locks = [lock for lock in (self._alive, self._alone) if lock is not None]
        try:
            return all(self._errands.run(lambda: [lock.take() for lock in locks]))
        except TimeoutError:
            raise NoDatabase("the database does not say in time whether we are alone") from None

    def step_aside(self) -> None:
        """Let other runs of the player for the same day ask; `be_alone` comes before we do."""
        self._errands.take_time()
        if self._alone is not None:
            with suppress(TimeoutError):
                self._errands.run(self._alone.release)

    def stay_alone(self) -> None:
        """Make sure that this run still excludes others, which ends when the database is restarted.

        Raises `AlreadyReserved` when another one was quicker to begin since.
        """
        with suppress(ServiceError):  # nobody can say
            if not self._is_alone():
                raise AlreadyReserved("another run of this player for the same day has begun meanwhile")

    def hurry(self, length: timedelta) -> None:
        """From now on wait for the store no longer than `HURRY` in all, until `step_aside` or the end.

        For *length* this run excludes others even when the database hears nothing of it. Raises
        `AlreadyReserved` like `stay_alone`.
        """
        self._errands.take_time()
        self.stay_alone()
        locks = [lock for lock in (self._alive, self._alone) if lock is not None]
        with suppress(TimeoutError):
            self._errands.run(lambda: [lock.keep_for(length) for lock in locks])
        self._errands.hurry(HURRY)

    def note(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> str | None:
        """Write an action down, on the disk when this returns; or return what is in the way."""
        what, entries = {"run_id": self.run_id, "moment": self._now(), "kind": str(kind)}, []
        for each in about:
            offer, order_id = (each.offer, each.order_id) if isinstance(each, Hold) else (each, None)
            where = {"court": offer.court.name, "facility": offer.court.facility, "start": offer.slot.start}
            entries.append(done(**what, **where, order_id=order_id))
        return self._keep(*entries)

    def reach(self, phase: Phase) -> None:
        """Have the store say what this run is about; waits for nothing."""
        entry = ended(self.run_id, phase=str(phase), phase_at=self._now())
        self._errands.later(lambda: write(self.store.engine, [entry]))

    def cut_off(self) -> list[PastRun]:
        """Earlier runs of the same player that never ended and are not under way, the earliest first."""

        def read() -> list[PastRun]:
            runs = self._runs.read((RUNS.c.player == self.player) & RUNS.c.ended.is_(None))
            alive = self._runs.alive(run.run_id for run in runs)
            return [run for run in reversed(runs) if run.run_id not in alive]

        return self._read(read, [])

    def about(self, slot: Slot) -> list[PastRun]:
        """Earlier runs of the same player that asked for a court in this slot, latest first."""
        within = (ACTIONS.c.start >= slot.start) & (ACTIONS.c.start < slot.end)
        asked = RUNS.c.run_id.in_(select(ACTIONS.c.run_id).where(within))
        wanted = (RUNS.c.player == self.player) & (RUNS.c.run_id != self.run_id) & asked
        return self._read(lambda: self._runs.read(wanted), [])

    def openings(self, facility: str) -> list[SeenOpening]:
        """What the latest openings of *facility* showed, the latest first."""
        wanted = select(OPENINGS).where(OPENINGS.c.facility == f"{self._where} {facility}")

        def read() -> list[SeenOpening]:
            with self.store.engine.connect() as connection:
                rows = connection.execute(wanted.order_by(OPENINGS.c.learned.desc()))
                return [
                    SeenOpening(
                        _bounds(row.soonest_ms, row.latest_ms, MILLISECOND),
                        _bounds(row.ahead_least_us, row.ahead_most_us, MICROSECOND),
                    )
                    for row in rows
                ]

        return self._read(read, [])

    def remember_opening(self, facility: str, opens_at: datetime, seen: SeenOpening) -> None:
        """Keep what the opening of *facility* then showed; of several runs, what the first says."""
        soonest, latest = _units(seen.delay, MILLISECOND)
        least, most = _units(seen.ahead, MICROSECOND)
        self._keep(
            opened(
                facility=f"{self._where} {facility}",
                learned=opens_at,
                soonest_ms=soonest,
                latest_ms=latest,
                ahead_least_us=least,
                ahead_most_us=most,
            )
        )

    def end(
        self,
        exit_code: int | None,
        sentence: str,
        *,
        of: str | None = None,
        opens_at: datetime | None = None,
        facility: str | None = None,
        court: str | None = None,
        cause: str | None = None,
        margin: timedelta | None = None,
        facts: str | None = None,
    ) -> None:
        """Note how this run ended and the *facts* that say why, or what became of the run *of*."""
        self._keep(
            ended(
                of or self.run_id,
                ended=self._now(),
                exit_code=exit_code,
                sentence=sentence,
                opens_at=opens_at,
                facility=facility,
                court=court,
                cause=cause,
                margin_ms=None if margin is None else round(margin / timedelta(milliseconds=1)),
                facts=facts,
            )
        )

    def _read(self, read: Callable[[], T], otherwise: T) -> T:
        with suppress(SQLAlchemyError, TimeoutError):
            return self._errands.run(read)
        return otherwise

    def _keep(self, *entries: Entry) -> str | None:
        """Have *entries* on a disk: in the store, or in a file when that takes longer than we can wait."""
        self._unwritten += entries
        try:
            self._errands.run(self._write_all)
        except (SQLAlchemyError, TimeoutError) as failure:
            try:
                self._late.keep(entries)
            except OSError as full:
                self.disk_is_full = self.disk_is_full or is_full(full)
                return f"cannot write down what this run does ({type(full).__name__})"
            why = type(failure).__name__
            return (
                f"the store could not be written in time ({why}); a file beside it keeps what this run does"
            )
        return None

    def _write_all(self) -> None:
        entries = list(self._unwritten)
        write(self.store.engine, entries)
        del self._unwritten[: len(entries)]


def _bounds(least: int | None, most: int | None, unit: timedelta) -> Bounds | None:
    return None if least is None or most is None else (least * unit, most * unit)


def _units(bounds: Bounds | None, unit: timedelta) -> tuple[int, int] | tuple[None, None]:
    return (None, None) if bounds is None else (round(bounds[0] / unit), round(bounds[1] / unit))


def player_key(system: str, address: str, email: str) -> str:
    """A fingerprint of one player at one booking system."""
    return sha256("\0".join((system, address, email.casefold())).encode()).hexdigest()


def _past_run(rows: Sequence[RowMapping]) -> PastRun:
    """A run in the rows of its actions; in a single row without any if it did nothing."""
    run = {each.name: rows[0][each.name] for each in fields(PastRun) if each.name != "actions"}
    run["phase"] = Phase(run["phase"]) if run["phase"] in list(Phase) else None
    return PastRun(**run, actions=tuple(_action(row) for row in rows if row[f"{OF_ACTION}id"] is not None))


def _action(row: RowMapping) -> Action:
    values = {each.name: row[f"{OF_ACTION}{each.name}"] for each in fields(Action)}
    return Action(**values | {"kind": ActionKind(values["kind"])})

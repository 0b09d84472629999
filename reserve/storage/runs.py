"""Every run, and what it was about to do, written down before it is done.

What is written here outlives a killed process. So the next run knows which orders are left over, and
releases them.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby

from sqlalchemy import ColumnElement, Executable, RowMapping, delete, insert, select, true, update
from sqlalchemy.exc import SQLAlchemyError

from reserve.errors import AlreadyReserved, ServiceError
from reserve.model import ActionKind, Court, Hold, Offer, Slot
from reserve.storage.database import Store
from reserve.storage.exclusive import Lock
from reserve.storage.schema import ACTIONS, OPENING_DELAYS, RUNS


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
class PastRun:
    """A run as the store has it; without `ended` it is under way, or was cut off."""

    run_id: str
    system: str
    request: str
    started: datetime
    ended: datetime | None
    exit_code: int | None
    sentence: str | None
    actions: tuple[Action, ...]

    def orders(self, *kinds: ActionKind) -> set[str]:
        """The ids of the orders with an action of these kinds."""
        return {action.order_id for action in self.actions if action.kind in kinds and action.order_id}


class RunStore:
    """All runs in a store: what they did, and how they ended."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._engine = store.engine
        self._exclusive = store.exclusive

    def lock(self, run_id: str) -> Lock:
        """What a run holds from its beginning to its end, however it ends."""
        return self._exclusive.lock(f"run {run_id}")

    def is_alive(self, run_id: str) -> bool:
        """Whether this run is under way, on whichever machine."""
        return self.lock(run_id).is_held()

    def history(self, *, most: int = 20, run_id: str | None = None) -> list[PastRun]:
        """The latest runs, latest first; only those whose id begins with *run_id*, if given."""
        wanted = true() if run_id is None else RUNS.c.run_id.startswith(run_id, autoescape=True)
        return self.read(wanted, most=most)

    def read(self, wanted: ColumnElement[bool], *, most: int | None = None) -> list[PastRun]:
        """The runs that are *wanted*, latest first; one query, so that runs and actions fit together."""
        runs = select(RUNS).where(wanted).order_by(RUNS.c.started.desc()).limit(most).subquery()
        query = (
            select(runs, *(each for each in ACTIONS.c if each is not ACTIONS.c.run_id))
            .outerjoin_from(runs, ACTIONS, runs.c.run_id == ACTIONS.c.run_id)
            .order_by(runs.c.started.desc(), runs.c.run_id, ACTIONS.c.id)
        )
        with self._engine.connect() as connection:
            rows = connection.execute(query).mappings().all()
        return [_past_run(list(of_run)) for _, of_run in groupby(rows, key=lambda row: row["run_id"])]


class Record:
    """What the store knows of one run and its player, written by that run.

    No court is given up because the store cannot be read or written: then it knows nothing.
    """

    def __init__(
        self, store: Store, run_id: str, player: str, now: Callable[[], datetime], *, where: str = ""
    ) -> None:
        """Nothing is written yet; *where* tells a booking system from its simulator."""
        self.store = store
        self.run_id = run_id
        self.player = player
        self._runs = RunStore(store)
        self._now = now
        self._where = where
        self._locks: list[Lock] = []

    @contextmanager
    def kept(
        self, *, system: str, request: str, day: str, wait: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Inside, this run is under way; raises `AlreadyReserved` when another one for the same day is.

        With *wait*, which is called now and then, that one is waited for instead.
        """
        with ExitStack() as locks:
            alive, alone = self._runs.lock(self.run_id), self.store.exclusive.lock(f"{self.player} {day}")
            self._locks = [alive, alone]
            for lock in self._locks:
                locks.callback(lock.release)
            alive.take()  # nobody else wants it
            self.begin(system, request)
            while not alone.take():
                if wait is None:
                    raise AlreadyReserved(f"another run of this player for {day} is under way")
                wait()
            yield

    def begin(self, system: str, request: str) -> None:
        """Note that this run has started, for what at which booking system."""
        row = {"run_id": self.run_id, "player": self.player, "started": self._now()}
        with suppress(SQLAlchemyError):
            self._write(insert(RUNS).values(row | {"system": system, "request": request}))

    def stay_alone(self) -> None:
        """Make sure that this run still excludes others, which ends when the database is restarted.

        Raises `AlreadyReserved` when another one was quicker to begin since.
        """
        with suppress(ServiceError):  # nobody can say
            if not all(lock.take() for lock in self._locks):
                raise AlreadyReserved("another run of this player for the same day has begun meanwhile")

    def note(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> str | None:
        """Write an action down, on the disk when this returns; or return why it cannot be."""
        what, rows = {"run_id": self.run_id, "moment": self._now(), "kind": kind}, []
        for each in about:
            offer, order_id = (each.offer, each.order_id) if isinstance(each, Hold) else (each, None)
            where = {"court": offer.court.name, "facility": offer.court.facility, "start": offer.slot.start}
            rows.append(what | where | {"order_id": order_id})
        try:
            self._write(insert(ACTIONS).values(rows))
        except SQLAlchemyError as failure:
            return f"cannot write down what this run does ({type(failure).__name__})"
        return None

    def cut_off(self) -> list[PastRun]:
        """Earlier runs of the same player that never ended and are not under way, the earliest first."""
        with suppress(SQLAlchemyError):
            runs = self._runs.read((RUNS.c.player == self.player) & RUNS.c.ended.is_(None))
            return [run for run in reversed(runs) if not self._runs.is_alive(run.run_id)]
        return []

    def about(self, slot: Slot) -> list[PastRun]:
        """Earlier runs of the same player that asked for a court in this slot, latest first."""
        within = (ACTIONS.c.start >= slot.start) & (ACTIONS.c.start < slot.end)
        asked = RUNS.c.run_id.in_(select(ACTIONS.c.run_id).where(within))
        with suppress(SQLAlchemyError):
            return self._runs.read((RUNS.c.player == self.player) & (RUNS.c.run_id != self.run_id) & asked)
        return []

    def opening_delay(self, facility: str) -> tuple[timedelta, timedelta] | None:
        """By how much the window of *facility* opened late, at least and at most, when that was last seen."""
        query = select(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == f"{self._where} {facility}")
        with suppress(SQLAlchemyError), self.store.engine.connect() as connection:
            if row := connection.execute(query).first():
                return timedelta(milliseconds=row.soonest_ms), timedelta(milliseconds=row.latest_ms)
        return None

    def remember_delay(self, facility: str, delay: tuple[timedelta, timedelta]) -> None:
        """Keep how late the window of *facility* opened, in place of what was known."""
        name = f"{self._where} {facility}"
        soonest, latest = (round(each / timedelta(milliseconds=1)) for each in delay)
        row = {"facility": name, "learned": self._now(), "soonest_ms": soonest, "latest_ms": latest}
        with suppress(SQLAlchemyError):
            self._write(
                delete(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == name),
                insert(OPENING_DELAYS).values(row),
            )

    def end(self, exit_code: int | None, sentence: str, *, of: str | None = None) -> None:
        """Note how this run ended, or what became of the run *of*."""
        values = {"ended": self._now(), "exit_code": exit_code, "sentence": sentence}
        with suppress(SQLAlchemyError):  # the outcome is said in any case
            self._write(update(RUNS).where(RUNS.c.run_id == (of or self.run_id)).values(values))

    def _write(self, *statements: Executable) -> None:
        with self.store.engine.begin() as connection:
            for statement in statements:
                connection.execute(statement)


def player_key(system: str, address: str, email: str) -> str:
    """A fingerprint of one player at one booking system."""
    return sha256("\0".join((system, address, email.casefold())).encode()).hexdigest()


def _past_run(rows: Sequence[RowMapping]) -> PastRun:
    """A run in the rows of its actions; in a single row without any if it did nothing."""
    run = {each.name: rows[0][each.name] for each in fields(PastRun) if each.name != "actions"}
    return PastRun(**run, actions=tuple(_action(row) for row in rows if row["id"] is not None))


def _action(row: RowMapping) -> Action:
    return Action(
        **{each.name: row[each.name] for each in fields(Action)} | {"kind": ActionKind(row["kind"])}
    )

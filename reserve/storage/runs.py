"""Every run, and what it was about to do, written down before it is done.

What stands here outlives a killed process. So the next run knows which orders are left over, and gives them
back.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from hashlib import sha256
from itertools import groupby

from sqlalchemy import ColumnElement, RowMapping, delete, insert, select, true, update
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
    """A run as it stands in the store; without `ended` it is under way, or was cut off."""

    run_id: str
    system: str
    request: str
    started: datetime
    opens_at: datetime | None
    ended: datetime | None
    exit_code: int | None
    sentence: str | None
    actions: tuple[Action, ...]

    def orders(self, *kinds: ActionKind) -> set[str]:
        """The ids of the orders with an action of these kinds."""
        return {action.order_id for action in self.actions if action.kind in kinds and action.order_id}


class Record:
    """What the store knows of one run, written by that run."""

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
            with suppress(SQLAlchemyError):  # no court is given up because we cannot write
                self._runs.begin(
                    self.run_id, system=system, player=self.player, request=request, started=self._now()
                )
            while not alone.take():
                if wait is None:
                    raise AlreadyReserved(f"another run of this player for {day} is under way")
                wait()
            yield

    def stay_alone(self) -> None:
        """Make sure that this run still excludes others, which ends when the database is restarted.

        Raises `AlreadyReserved` when another one was quicker to begin since.
        """
        with suppress(ServiceError):  # no court is given up because nobody can say
            if not all(lock.take() for lock in self._locks):
                raise AlreadyReserved("another run of this player for the same day has begun meanwhile")

    def note(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> str | None:
        """Write an action down, or return why it cannot be: no court is given up for that."""
        try:
            self._runs.note(self.run_id, kind, about, self._now())
        except SQLAlchemyError as failure:
            return f"cannot write down what this run does ({type(failure).__name__})"
        return None

    def cut_off(self) -> list[PastRun]:
        """Earlier runs of the same player that never ended."""
        with suppress(SQLAlchemyError):
            return self._runs.cut_off(self.player)
        return []

    def about(self, slot: Slot) -> list[PastRun]:
        """Earlier runs of the same player that asked for a court in this slot."""
        with suppress(SQLAlchemyError):
            return self._runs.about(self.player, slot, but=self.run_id)
        return []

    def opening_delay(self, facility: str) -> tuple[timedelta, timedelta] | None:
        """By how much the window of *facility* opened late, at least and at most, when that was last seen."""
        with suppress(SQLAlchemyError):
            return self._runs.opening_delay(f"{self._where} {facility}")
        return None

    def remember_delay(self, facility: str, delay: tuple[timedelta, timedelta]) -> None:
        """Keep how late the window of *facility* opened."""
        with suppress(SQLAlchemyError):  # it was good to know, no more
            self._runs.remember_delay(f"{self._where} {facility}", delay, self._now())

    def end(self, exit_code: int | None, sentence: str, *, of: str | None = None) -> None:
        """Note how this run ended, or what became of the run *of*."""
        with suppress(SQLAlchemyError):  # the outcome is said in any case
            self._runs.end(of or self.run_id, ended=self._now(), exit_code=exit_code, sentence=sentence)


class RunStore:
    """All runs in a store: what they did, how they ended, and how late windows opened."""

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

    def begin(self, run_id: str, *, system: str, player: str, request: str, started: datetime) -> None:
        """Note that a run has started."""
        row = {"run_id": run_id, "system": system, "player": player, "request": request, "started": started}
        with self._engine.begin() as connection:
            connection.execute(insert(RUNS).values(row))

    def note(self, run_id: str, kind: ActionKind, about: Sequence[Hold | Offer], moment: datetime) -> None:
        """Write an action down for each of *about*; it is on the disk when this returns."""
        rows = []
        for each in about:
            offer, order_id = (each.offer, each.order_id) if isinstance(each, Hold) else (each, None)
            where = {"court": offer.court.name, "facility": offer.court.facility, "start": offer.slot.start}
            rows.append({"run_id": run_id, "moment": moment, "kind": kind, "order_id": order_id, **where})
        with self._engine.begin() as connection:
            connection.execute(insert(ACTIONS), rows)

    def end(self, run_id: str, *, ended: datetime, exit_code: int | None, sentence: str) -> None:
        """Note how a run ended, or what became of one that was cut off."""
        values = {"ended": ended, "exit_code": exit_code, "sentence": sentence}
        with self._engine.begin() as connection:
            connection.execute(update(RUNS).where(RUNS.c.run_id == run_id).values(values))

    def cut_off(self, player: str) -> list[PastRun]:
        """The runs of *player* that never ended and are not under way, the earliest first."""
        runs = self._read((RUNS.c.player == player) & RUNS.c.ended.is_(None))
        return [run for run in reversed(runs) if not self.is_alive(run.run_id)]

    def about(self, player: str, slot: Slot, *, but: str) -> list[PastRun]:
        """The runs of *player* that asked for a court in this slot, latest first; not the run *but*."""
        within = (ACTIONS.c.start >= slot.start) & (ACTIONS.c.start < slot.end)
        asked = RUNS.c.run_id.in_(select(ACTIONS.c.run_id).where(within))
        return self._read((RUNS.c.player == player) & (RUNS.c.run_id != but) & asked)

    def history(self, *, most: int = 20, run_id: str | None = None) -> list[PastRun]:
        """The latest runs, latest first; only those whose id begins with *run_id*, if given."""
        wanted = true() if run_id is None else RUNS.c.run_id.startswith(run_id, autoescape=True)
        return self._read(wanted, most=most)

    def opening_delay(self, facility: str) -> tuple[timedelta, timedelta] | None:
        """By how much the window of *facility* opened late, at least and at most, when that was last seen."""
        query = select(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == facility)
        with self._engine.connect() as connection:
            row = connection.execute(query).first()
        if row is None:
            return None
        return timedelta(milliseconds=row.soonest_ms), timedelta(milliseconds=row.latest_ms)

    def remember_delay(self, facility: str, delay: tuple[timedelta, timedelta], moment: datetime) -> None:
        """Keep how late the window of *facility* opened, in place of what was known."""
        soonest, latest = (round(each / timedelta(milliseconds=1)) for each in delay)
        row = {"facility": facility, "learned": moment, "soonest_ms": soonest, "latest_ms": latest}
        with self._engine.begin() as connection:
            connection.execute(delete(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == facility))
            connection.execute(insert(OPENING_DELAYS).values(row))

    def _read(self, wanted: ColumnElement[bool], *, most: int | None = None) -> list[PastRun]:
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


def player_key(system: str, address: str, email: str) -> str:
    """A fingerprint of one player at one booking system."""
    return sha256("\0".join((system, address, email.casefold())).encode()).hexdigest()


def _past_run(rows: Sequence[RowMapping]) -> PastRun:
    """A run in the rows of its actions; in a single row without any if it did nothing."""
    run = rows[0]
    return PastRun(
        run_id=run["run_id"],
        system=run["system"],
        request=run["request"],
        started=run["started"],
        opens_at=run["opens_at"],
        ended=run["ended"],
        exit_code=run["exit_code"],
        sentence=run["sentence"],
        actions=tuple(_action(row) for row in rows if row["id"] is not None),
    )


def _action(row: RowMapping) -> Action:
    return Action(
        moment=row["moment"],
        kind=ActionKind(row["kind"]),
        court=row["court"],
        start=row["start"],
        order_id=row["order_id"],
        facility=row["facility"],
    )

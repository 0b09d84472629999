"""The one place that keeps state: every run, and what it was about to do, written down before it is done.

What stands here outlives a killed process. So the next run knows which orders are left over, and gives them
back.
"""

from __future__ import annotations

import fcntl
import os
import socket
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, fields
from datetime import datetime, timedelta
from hashlib import sha256
from pathlib import Path
from typing import Any

from sqlalchemy import Connection, Engine, Select, delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from reserve.errors import AlreadyReserved, ServiceError, UsageError
from reserve.model import ActionKind, Court, Hold, Offer, Slot
from reserve.storage.database import opened
from reserve.storage.schema import ACTIONS, OPENING_DELAYS, RUNS, SECRETS

NAME = "reserve.sqlite3"


@dataclass(frozen=True)
class Action:
    """Something that a run did, or was about to do."""

    moment: datetime
    kind: ActionKind
    court: str
    start: datetime
    order_id: str | None
    facility: str | None

    def __post_init__(self) -> None:
        """A database knows texts only."""
        object.__setattr__(self, "kind", ActionKind(self.kind))

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
        """The ids of the orders with a action of these kinds."""
        return {action.order_id for action in self.actions if action.kind in kinds and action.order_id}


class Record:
    """One run's page in the store."""

    def __init__(
        self,
        store: Store,
        run_id: str,
        player: str,
        now: Callable[[], datetime],
        *,
        where: str = "",
        taken_over: str | None = None,
    ) -> None:
        """Nothing is written yet; *where* tells a booking system from its simulator.

        *taken_over* is the request that another machine has surely stopped serving.
        """
        self.store = store
        self.run_id = run_id
        self.player = player
        self._now = now
        self._where = where
        self._taken_over = taken_over

    @contextmanager
    def kept(
        self, *, system: str, request: str, day: str, wait: Callable[[], None] | None = None
    ) -> Iterator[None]:
        """Inside, this run is under way; raises `AlreadyReserved` when another one for the same day is.

        With *wait*, which is called now and then, that one is waited for instead.
        """
        with self.store.alive(self.run_id):
            with suppress(SQLAlchemyError):  # no court is given up because we cannot write
                self.store.begin(
                    self.run_id, system=system, player=self.player, request=request, started=self._now()
                )
            with self.store.alone(self.player, day, wait):
                yield

    def note(self, kind: ActionKind, about: Sequence[Hold | Offer]) -> str | None:
        """Write a action down, or return why it cannot be: no court is given up for that."""
        try:
            self.store.note(self.run_id, kind, about, self._now())
        except SQLAlchemyError as failure:
            return f"cannot write down what this run does ({type(failure).__name__})"
        return None

    def cut_off(self) -> list[PastRun]:
        """Earlier runs of the same player that never ended."""
        with suppress(SQLAlchemyError):
            return self.store.cut_off(self.player, but=self.run_id, request=self._taken_over)
        return []

    def about(self, slot: Slot) -> list[PastRun]:
        """Earlier runs of the same player that asked for a court in this slot."""
        with suppress(SQLAlchemyError):
            return self.store.about(self.player, slot, but=self.run_id)
        return []

    def opening_delay(self, facility: str) -> tuple[timedelta, timedelta] | None:
        """Between what and what the window of *facility* opened late, the last time somebody could tell."""
        with suppress(SQLAlchemyError):
            return self.store.opening_delay(f"{self._where} {facility}")
        return None

    def remember_delay(self, facility: str, delay: tuple[timedelta, timedelta]) -> None:
        """Keep how late the window of *facility* opened."""
        with suppress(SQLAlchemyError):  # it was good to know, no more
            self.store.remember_delay(f"{self._where} {facility}", delay, self._now())

    def end(self, exit_code: int | None, sentence: str, *, of: str | None = None) -> None:
        """Note how this run ended, or what became of the run *of*."""
        with suppress(SQLAlchemyError):  # the outcome is said in any case
            run_id = of or self.run_id
            self.store.end(run_id, ended=self._now(), exit_code=exit_code, sentence=sentence)


class Store:
    """What we know of all runs of this machine, or of all machines that share a database."""

    def __init__(self, folder: Path, url: str | None = None) -> None:
        """Open the database, by default a file in *folder*; raises `UsageError` when that cannot be."""
        self._folder = folder
        try:
            if not folder.exists():  # one that is there may be shared, and is not ours to close
                folder.mkdir(parents=True)
                folder.chmod(0o700)
            if url is None:
                (folder / NAME).touch(mode=0o600)  # SQLite gives its side files the same mode
                with self.in_turn("open"):  # SQLite refuses those who come while another sets up a new file
                    self._engine = opened(f"sqlite:///{folder / NAME}")
            else:
                self._engine = opened(url)
        except (SQLAlchemyError, OSError) as failure:
            cause = str(getattr(failure, "orig", None) or failure).partition("\n")[0]
            place = "RESERVE_DATABASE_URL: cannot keep state there"
            if url is None:
                place = f"RESERVE_DATA: cannot keep state in {folder}"
            raise UsageError(f"{place}: {cause}") from failure

    @property
    def engine(self) -> Engine:
        """The database, for the other tables in it."""
        return self._engine

    def close(self) -> None:
        """Let the database go."""
        self._engine.dispose()

    @contextmanager
    def alone(self, player: str, day: str, wait: Callable[[], None] | None = None) -> Iterator[None]:
        """Inside, no other run on this machine is for the same player and day.

        Raises `AlreadyReserved` when there is one, or calls *wait* until there is none.
        """
        while True:
            with _locked(self._folder / "locks" / f"{player[:16]}-{day}") as is_ours:
                if is_ours:
                    yield
                    return
            if wait is None:
                raise AlreadyReserved(f"another run of this player for {day} is under way on this machine")
            wait()

    @contextmanager
    def alive(self, run_id: str) -> Iterator[None]:
        """Inside, other processes can see that this run is under way, however it ends."""
        with _locked(self._folder / "runs" / run_id / "alive"):
            yield

    def is_alive(self, run_id: str) -> bool:
        """Whether the process of this run of this machine still exists."""
        path = self._folder / "runs" / run_id / "alive"
        if not path.exists():
            return False
        with _locked(path) as is_ours:
            return not is_ours

    def begin(self, run_id: str, *, system: str, player: str, request: str, started: datetime) -> None:
        """Note that a run has started."""
        row = {"run_id": run_id, "system": system, "player": player, "host": socket.gethostname()}
        with self._engine.begin() as connection:
            connection.execute(insert(RUNS).values(**row, request=request, started=started))

    def note(self, run_id: str, kind: ActionKind, about: Sequence[Hold | Offer], moment: datetime) -> None:
        """Write a action down for each of *about*; it is on the disk when this returns."""
        rows = []
        for each in about:
            offer, order_id = (each.offer, each.order_id) if isinstance(each, Hold) else (each, None)
            where = {"court": offer.court.name, "facility": offer.court.facility, "start": offer.slot.start}
            rows.append({"run_id": run_id, "moment": moment, "kind": kind, "order_id": order_id, **where})
        with self._engine.begin() as connection:
            connection.execute(insert(ACTIONS), rows)

    def end(self, run_id: str, *, ended: datetime, exit_code: int | None, sentence: str) -> None:
        """Note how a run ended, or what became of one that was cut off."""
        with self._engine.begin() as connection:
            connection.execute(
                update(RUNS)
                .where(RUNS.c.run_id == run_id)
                .values(ended=ended, exit_code=exit_code, sentence=sentence)
            )

    def opening_delay(self, facility: str) -> tuple[timedelta, timedelta] | None:
        """How late the window of *facility* opened, at least and at most, when it was last learned."""
        with self._engine.connect() as connection:
            row = (
                connection.execute(select(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == facility))
                .mappings()
                .first()
            )
        if row is None:
            return None
        return timedelta(milliseconds=row["soonest_ms"]), timedelta(milliseconds=row["latest_ms"])

    def remember_delay(self, facility: str, delay: tuple[timedelta, timedelta], moment: datetime) -> None:
        """Keep how late the window of *facility* opened, in place of what was known."""
        soonest, latest = (round(each / timedelta(milliseconds=1)) for each in delay)
        row = {"facility": facility, "learned": moment, "soonest_ms": soonest, "latest_ms": latest}
        with self._engine.begin() as connection:
            connection.execute(delete(OPENING_DELAYS).where(OPENING_DELAYS.c.facility == facility))
            connection.execute(insert(OPENING_DELAYS), [row])

    def encrypted(self, beginning: str = "") -> dict[str, str]:
        """The encrypted texts whose names begin like this, by name."""
        query = select(SECRETS).where(SECRETS.c.name.startswith(beginning, autoescape=True))
        with self._engine.connect() as connection:
            return {row.name: row.encrypted for row in connection.execute(query.order_by(SECRETS.c.name))}

    def write_secret(self, name: str, encrypted: str) -> None:
        """Keep *encrypted* under *name* in the place of what was there; on the disk when this returns.

        Raises `ServiceError` when that cannot be.
        """
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(SECRETS).where(SECRETS.c.name == name))
                connection.execute(insert(SECRETS).values(name=name, encrypted=encrypted))
        except SQLAlchemyError as failure:
            raise ServiceError(f"cannot keep a secret in the store: {type(failure).__name__}") from None

    def delete_secret(self, name: str) -> bool:
        """Forget what is kept under *name*, and tell whether there was anything."""
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(SECRETS).where(SECRETS.c.name == name)).rowcount)

    @contextmanager
    def in_turn(self, name: str) -> Iterator[None]:
        """Inside, no other process on this machine is in turn for *name*; waits for those that are."""
        with _locked(self._folder / "locks" / name, wait=True):
            yield

    def cut_off(self, player: str, *, but: str, request: str | None = None) -> list[PastRun]:
        """This machine's runs of *player* that never ended and whose process is gone; not the run *but*.

        Those with this *request* are of any machine.
        """
        wanted = (RUNS.c.player == player) & (RUNS.c.ended.is_(None)) & (RUNS.c.run_id != but)
        ours = (RUNS.c.host == socket.gethostname()) | (RUNS.c.request == request)
        with self._engine.connect() as connection:
            runs = _past(connection, select(RUNS).where(wanted & ours).order_by(RUNS.c.started))
        return [run for run in runs if not self.is_alive(run.run_id)]

    def about(self, player: str, slot: Slot, *, but: str) -> list[PastRun]:
        """The runs of *player* that asked for a court in this slot, latest first; not the run *but*."""
        within = (ACTIONS.c.start >= slot.start) & (ACTIONS.c.start < slot.end)
        asked = select(ACTIONS.c.run_id).where(within)
        wanted = (RUNS.c.player == player) & (RUNS.c.run_id != but) & RUNS.c.run_id.in_(asked)
        with self._engine.connect() as connection:
            return _past(connection, select(RUNS).where(wanted).order_by(RUNS.c.started.desc()))

    def history(self, *, most: int = 20, run_id: str | None = None) -> list[PastRun]:
        """The latest runs, latest first; only those whose id begins with *run_id*, if given."""
        query = select(RUNS).order_by(RUNS.c.started.desc()).limit(most)
        if run_id is not None:
            query = query.where(RUNS.c.run_id.startswith(run_id, autoescape=True))
        with self._engine.connect() as connection:
            return _past(connection, query)


def player_key(system: str, address: str, email: str) -> str:
    """A fingerprint of one player at one booking system."""
    return sha256("\0".join((system, address, email.casefold())).encode()).hexdigest()


def _past(connection: Connection, query: Select[Any]) -> list[PastRun]:
    runs = []
    for row in connection.execute(query).mappings().all():
        actions = select(ACTIONS).where(ACTIONS.c.run_id == row["run_id"]).order_by(ACTIONS.c.id)
        runs.append(
            PastRun(
                **{each.name: row[each.name] for each in fields(PastRun) if each.name != "actions"},
                actions=tuple(
                    Action(**{each.name: action[each.name] for each in fields(Action)})
                    for action in connection.execute(actions).mappings()
                ),
            )
        )
    return runs


@contextmanager
def _locked(path: Path, *, wait: bool = False) -> Iterator[bool]:
    """Whether the lock of *path* is ours; it goes with the process, however that ends."""
    path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
    file = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        try:
            fcntl.flock(file, fcntl.LOCK_EX if wait else fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            yield False
        else:
            yield True
    finally:
        os.close(file)

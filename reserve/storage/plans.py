"""Plans and their occurrences; an occurrence is one slot of one plan, and one machine alone serves it.

What has to be done next is in one column, `wake_at`: until an occurrence is claimed, when to start its
run; afterwards when the claim ends, unless the process that serves it extends it.
"""

from __future__ import annotations

import json
from collections.abc import Collection, Mapping, Sequence
from contextlib import suppress
from dataclasses import asdict, dataclass, fields
from datetime import UTC, datetime
from typing import Any

from sqlalchemy import bindparam, delete, func, insert, select, update
from sqlalchemy.exc import IntegrityError, SQLAlchemyError

from reserve.storage.database import Store
from reserve.storage.late import LateFile, served, write
from reserve.storage.schema import AHEAD, LAST_DONE, OCCURRENCES, PLANS

AT_ONCE = 10  # occurrences that one machine claims before it starts them; the others take the next


@dataclass(frozen=True)
class StoredPlan:
    """A plan as the store has it."""

    plan_id: int
    body: dict[str, Any]
    zone: str | None
    rule: str | None
    looked: datetime | None
    trouble: str | None
    is_paused: bool


@dataclass(frozen=True)
class Occurrence:
    """One slot of one plan: when it opens, who serves it, and how it ended."""

    plan_id: int
    starts_at: datetime
    opens_at: datetime
    wake_at: datetime
    worker: str | None = None
    claims: int = 0
    false_starts: int = 0
    ended: datetime | None = None
    exit_code: int | None = None
    sentence: str | None = None
    run_id: str | None = None


class PlanStore:
    """All plans in a store, what has to be done for them, and what was done last."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._engine = store.engine
        self._folder = store.folder

    def now(self, ours: datetime) -> datetime:
        """The time by which machines that share the store agree: that of the server, else *ours*."""
        if self._engine.dialect.name == "sqlite":
            return ours
        with suppress(SQLAlchemyError), self._engine.connect() as connection:
            theirs: datetime = connection.execute(select(func.clock_timestamp())).scalar_one()
            return theirs.astimezone(UTC)
        return ours

    def add(self, bodies: Sequence[dict[str, Any]]) -> list[int]:
        """Keep new plans and return their numbers."""
        rows = [{"body": json.dumps(body, ensure_ascii=False), "is_paused": False} for body in bodies]
        with self._engine.begin() as connection:
            return list(connection.scalars(insert(PLANS).returning(PLANS.c.plan_id), rows))

    def all(self, *, after: int = 0, most: int | None = None) -> list[StoredPlan]:
        """Every plan, by its number; or of those above *after* no more than *most*."""
        query = select(PLANS).where(PLANS.c.plan_id > after).order_by(PLANS.c.plan_id).limit(most)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def get(self, plan_id: int) -> StoredPlan | None:
        """The plan of this number, if there is one."""
        with self._engine.connect() as connection:
            row = connection.execute(select(PLANS).where(PLANS.c.plan_id == plan_id)).first()
            return _stored(row) if row else None

    def change(self, plan_id: int, *, was: Mapping[str, Any] | None = None, **values: object) -> bool:
        """Set columns of a plan; its occurrences that nobody has begun are deleted, to be scheduled again.

        False, and nothing is done, when there is no such plan, or its body is not what it *was*: whoever
        looked at that one does not know the one that somebody has made of it meanwhile.
        """
        if "body" in values:
            values["body"] = json.dumps(values["body"], ensure_ascii=False)
        is_it = PLANS.c.plan_id == plan_id
        with self._engine.begin() as connection:
            if was is not None:
                kept = connection.scalar(select(PLANS.c.body).where(is_it))
                if kept is None or json.loads(kept) != was:
                    return False
                is_it &= PLANS.c.body == kept
            if not connection.execute(update(PLANS).where(is_it).values(**values)).rowcount:
                return False
            connection.execute(
                delete(OCCURRENCES).where(OCCURRENCES.c.plan_id == plan_id, AHEAD, OCCURRENCES.c.claims == 0)
            )
        return True

    def remove(self, plan_id: int) -> None:
        """Delete a plan and its occurrences; what it did stays in the history of runs."""
        with self._engine.begin() as connection:
            connection.execute(delete(OCCURRENCES).where(OCCURRENCES.c.plan_id == plan_id))
            connection.execute(delete(PLANS).where(PLANS.c.plan_id == plan_id))

    def not_looked_at_since(self, moment: datetime) -> list[int]:
        """The plans whose facility was last read before *moment*, or never."""
        stale = (PLANS.c.looked.is_(None) | (PLANS.c.looked < moment)) & ~PLANS.c.is_paused
        with self._engine.connect() as connection:
            return list(connection.execute(select(PLANS.c.plan_id).where(stale)).scalars())

    def without_occurrence(self) -> list[StoredPlan]:
        """The plans that are not paused and of which no slot ahead is kept."""
        ahead = select(OCCURRENCES.c.plan_id).where(AHEAD, OCCURRENCES.c.plan_id == PLANS.c.plan_id).exists()
        with self._engine.connect() as connection:
            rows = connection.execute(select(PLANS).where(~PLANS.c.is_paused, ~ahead))
            return [_stored(row) for row in rows]

    def was_done(self, name: str, *, since: datetime) -> bool:
        """Whether somebody has done *name* since *since*."""
        query = select(LAST_DONE.c.name).where(LAST_DONE.c.name == name, LAST_DONE.c.moment >= since)
        with self._engine.connect() as connection:
            return connection.execute(query).first() is not None

    def first(self, name: str, moment: datetime, *, since: datetime) -> bool:
        """Whether nobody has done *name* since *since*; if so, it counts as done at *moment*."""
        with self._engine.begin() as connection:
            old = LAST_DONE.c.name == name
            values = update(LAST_DONE).where(old, LAST_DONE.c.moment < since).values(moment=moment)
            if connection.execute(values).rowcount:
                return True
            if connection.execute(select(LAST_DONE.c.name).where(old)).first():
                return False
        try:
            with self._engine.begin() as connection:
                connection.execute(insert(LAST_DONE).values(name=name, moment=moment))
        except IntegrityError:
            return False
        return True

    def schedule(self, occurrence: Occurrence) -> bool:
        """Keep *occurrence* to be served in time, unless it is there; False when it was begun already."""
        key = _row(occurrence)
        with suppress(IntegrityError), self._engine.begin() as connection:  # another machine was quicker
            claims = connection.scalar(select(OCCURRENCES.c.claims).where(key))
            if claims is not None:
                return bool(claims == 0)
            connection.execute(insert(OCCURRENCES).values(asdict(occurrence)))
        return True

    def next_wake(self) -> datetime | None:
        """The next moment at which something has to be done."""
        with self._engine.connect() as connection:
            wake: datetime | None = connection.scalar(select(func.min(OCCURRENCES.c.wake_at)).where(AHEAD))
            return wake

    def claim(self, now: datetime, worker: str, until: datetime, *, most: int = AT_ONCE) -> list[Occurrence]:
        """Some occurrences that are due at *now* and that nobody serves; they are ours until *until*."""
        # One statement, so that neither two processes on SQLite nor two machines on PostgreSQL get the same.
        due = (
            select(OCCURRENCES.c.plan_id, OCCURRENCES.c.starts_at)
            .where(AHEAD, OCCURRENCES.c.wake_at <= now)
            .order_by(OCCURRENCES.c.wake_at)
            .limit(most)
            .with_for_update(skip_locked=True)
            .cte("due")
        )
        claim = (
            update(OCCURRENCES)
            .where(OCCURRENCES.c.plan_id == due.c.plan_id, OCCURRENCES.c.starts_at == due.c.starts_at)
            .values(
                worker=worker,
                claims=OCCURRENCES.c.claims + 1,
                false_starts=OCCURRENCES.c.false_starts + 1,
                wake_at=until,
            )
            .returning(*OCCURRENCES.c)
        )
        with self._engine.begin() as connection:
            occurrences = [Occurrence(**row) for row in connection.execute(claim).mappings()]
        return sorted(occurrences, key=lambda occurrence: occurrence.opens_at)

    def openings(self, after: datetime, before: datetime) -> list[Occurrence]:
        """The occurrences that have not ended and open between these moments, the next first."""
        opens = (OCCURRENCES.c.opens_at > after) & (OCCURRENCES.c.opens_at < before)
        query = select(OCCURRENCES).where(AHEAD, opens).order_by(OCCURRENCES.c.opens_at)
        with self._engine.connect() as connection:
            return [Occurrence(**row) for row in connection.execute(query).mappings()]

    def beginning(self, now: datetime, before: datetime, *, saved: datetime) -> list[StoredPlan]:
        """The plans whose runs begin: they open *before* then, or were *saved* since and are open already."""
        opens = OCCURRENCES.c.opens_at > now
        is_new = (OCCURRENCES.c.claims == 0) & (PLANS.c.looked > saved)
        slots = select(OCCURRENCES.c.plan_id).join(PLANS, PLANS.c.plan_id == OCCURRENCES.c.plan_id)
        slots = slots.where(AHEAD, OCCURRENCES.c.opens_at < before, opens | is_new)
        query = select(PLANS).where(PLANS.c.plan_id.in_(slots), ~PLANS.c.is_paused)
        with self._engine.connect() as connection:
            return [_stored(row) for row in connection.execute(query)]

    def has_opening(self, after: datetime, before: datetime) -> bool:
        """Whether an occurrence that has not ended opens between these moments."""
        opens = (OCCURRENCES.c.opens_at > after) & (OCCURRENCES.c.opens_at < before)
        with self._engine.connect() as connection:
            return connection.execute(select(OCCURRENCES.c.plan_id).where(AHEAD, opens)).first() is not None

    def keep(self, occurrence: Occurrence, until: datetime, *, went_well: bool = False) -> bool | None:
        """Extend our claim; False when it is not ours any more, None when no database answers.

        When its run *went_well*, the starts before it no longer count as false ones.
        """
        values = {"wake_at": until} | ({"false_starts": 0} if went_well else {})
        with suppress(SQLAlchemyError), self._engine.begin() as connection:
            claimed = connection.execute(update(OCCURRENCES).where(_same(occurrence)).values(values))
            return bool(claimed.rowcount)
        return None

    def reschedule(self, occurrence: Occurrence, *, opens_at: datetime, wake_at: datetime) -> None:
        """Give up our claim of *occurrence*, because it opens later than was thought."""
        later = {"opens_at": opens_at, "wake_at": wake_at, "worker": None, "claims": 0, "false_starts": 0}
        with self._engine.begin() as connection:
            connection.execute(update(OCCURRENCES).where(_same(occurrence)).values(**later))

    def end(
        self, occurrence: Occurrence, *, ended: datetime, exit_code: int, sentence: str, run_id: str | None
    ) -> None:
        """Note how *occurrence* ended, also when it was cancelled meanwhile: who served it knows better.

        What the store cannot take is kept in a file, for the next process that opens the store.
        """
        key = {name: getattr(occurrence, name) for name in ("plan_id", "starts_at", "claims")}
        end = served(key, ended=ended, exit_code=exit_code, sentence=sentence, run_id=run_id)
        try:
            write(self._engine, [end])
        except SQLAlchemyError:
            late = LateFile(self._folder, f"plan {occurrence.plan_id} {occurrence.starts_at:%Y-%m-%dT%H%M%S}")
            with suppress(OSError):  # then nobody can keep it; it has been told
                late.keep([end])
            late.close()

    def cancel(self, occurrence: Occurrence, *, ended: datetime, exit_code: int, sentence: str) -> None:
        """End *occurrence*, whoever serves it: that process notices when it extends its claim."""
        values = {"ended": ended, "exit_code": exit_code, "sentence": sentence}
        with self._engine.begin() as connection:
            connection.execute(update(OCCURRENCES).where(_row(occurrence), AHEAD).values(**values))

    def next_openings(self, *, most: int, after: int = 0) -> list[tuple[StoredPlan, Occurrence]]:
        """The occurrences that did not end, with their plans, by their opening; without the first *after*."""
        of_plan = len(PLANS.c)
        with self._engine.connect() as connection:
            rows = connection.execute(_NEXT, {"most": most, "after": after})
            return [(_stored(row[:of_plan]), Occurrence(*row[of_plan:])) for row in rows]

    def around(self, plan_ids: Collection[int]) -> tuple[list[Occurrence], list[Occurrence]]:
        """Of each of these plans the occurrences that did not end, and the last that did."""
        these = {"plans": [*plan_ids]}
        with self._engine.connect() as connection:
            ahead = connection.execute(_UNENDED, these).mappings().all()
            past = connection.execute(_LAST, these).mappings().all()
        return [Occurrence(**row) for row in ahead], [Occurrence(**row) for row in past]

    def occurrences(
        self, plan_id: int | None = None, *, ended: bool | None = None, most: int = 100
    ) -> list[Occurrence]:
        """Occurrences, the latest slot first: of one plan or all, those that *ended*, did not, or both."""
        query = select(OCCURRENCES).order_by(OCCURRENCES.c.starts_at.desc()).limit(most)
        if plan_id is not None:
            query = query.where(OCCURRENCES.c.plan_id == plan_id)
        if ended is not None:
            query = query.where(OCCURRENCES.c.ended.is_not(None) if ended else AHEAD)
        with self._engine.connect() as connection:
            return [Occurrence(**row) for row in connection.execute(query).mappings()]


# Once for all, as pages ask for them all the time.
_OF_THESE = OCCURRENCES.c.plan_id.in_(bindparam("plans", expanding=True))
_UNENDED = select(OCCURRENCES).where(_OF_THESE, AHEAD)
_LATEST = (
    select(OCCURRENCES.c.plan_id, func.max(OCCURRENCES.c.starts_at).label("starts_at"))
    .where(_OF_THESE, OCCURRENCES.c.ended.is_not(None))
    .group_by(OCCURRENCES.c.plan_id)
    .subquery()
)
_LAST = select(OCCURRENCES).join(
    _LATEST,
    (OCCURRENCES.c.plan_id == _LATEST.c.plan_id) & (OCCURRENCES.c.starts_at == _LATEST.c.starts_at),
)
_NEXT = (
    select(PLANS, *(OCCURRENCES.c[each.name] for each in fields(Occurrence)))
    .join(OCCURRENCES, OCCURRENCES.c.plan_id == PLANS.c.plan_id)
    .where(AHEAD)
    .order_by(OCCURRENCES.c.opens_at, OCCURRENCES.c.plan_id, OCCURRENCES.c.starts_at)
    .limit(bindparam("most"))
    .offset(bindparam("after"))
)


def _stored(row: Any) -> StoredPlan:
    number, body, *others = row  # in the order of the fields
    return StoredPlan(number, json.loads(body), *others)


def _row(occurrence: Occurrence) -> Any:
    return (OCCURRENCES.c.plan_id == occurrence.plan_id) & (OCCURRENCES.c.starts_at == occurrence.starts_at)


def _claimed(occurrence: Occurrence) -> Any:
    """The row of *occurrence*, if nobody has claimed it since."""
    return _row(occurrence) & (OCCURRENCES.c.claims == occurrence.claims)


def _same(occurrence: Occurrence) -> Any:
    """The row of *occurrence*, if nobody has claimed or ended it since."""
    return _claimed(occurrence) & AHEAD

"""The tables of the store, as they are today; `reserve.storage.migrations` makes them so.

A change here needs a revision there, and HEAD names the last one. Revisions are numbered in their order.
"""

from __future__ import annotations

from datetime import UTC, datetime

from sqlalchemy import (
    Boolean,
    Column,
    DateTime,
    Dialect,
    ForeignKey,
    Index,
    Integer,
    MetaData,
    String,
    Table,
    Text,
    TypeDecorator,
)

HEAD = "0004"


class Moment(TypeDecorator[datetime]):
    """A moment with a time zone, kept in UTC without one, as SQLite has no type for time zones."""

    impl = DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """What is kept of an aware datetime."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: Dialect) -> datetime | None:
        """The aware datetime, in UTC, for what is kept."""
        return value.replace(tzinfo=UTC) if value else None


SCHEMA = MetaData()
RUNS = Table(
    "runs",
    SCHEMA,
    Column("run_id", String, primary_key=True),
    Column("system", String, nullable=False),
    Column("player", String, nullable=False),  # a fingerprint; whose it is stands nowhere
    Column("request", String, nullable=False),
    Column("started", Moment, nullable=False),
    Column("opens_at", Moment),
    Column("ended", Moment),
    Column("exit_code", Integer),
    Column("sentence", String),
    Index("runs_of_player", "player", "ended"),
)
ACTIONS = Table(
    "actions",
    SCHEMA,
    Column("id", Integer, primary_key=True),
    Column("run_id", String, ForeignKey("runs.run_id"), nullable=False, index=True),
    Column("moment", Moment, nullable=False),
    Column("kind", String, nullable=False),  # an ActionKind
    Column("court", String, nullable=False),
    Column("start", Moment, nullable=False),
    Column("order_id", String),
    Column("facility", String),  # its id, as the booking system tells it
)
OPENING_DELAYS = Table(
    "opening_delays",
    SCHEMA,
    Column("facility", String, primary_key=True),
    Column("learned", Moment, nullable=False),
    Column("soonest_ms", Integer, nullable=False),  # after the published opening, by the server's clock
    Column("latest_ms", Integer, nullable=False),
)
SECRETS = Table(
    "secrets",
    SCHEMA,
    Column("name", String, primary_key=True),
    Column("encrypted", String, nullable=False),  # by secrets.py, which alone can read it
)
PLANS = Table(
    "plans",
    SCHEMA,
    Column("plan_id", Integer, primary_key=True),
    Column("body", Text, nullable=False),  # the plan, in the form of `plan import`
    Column("zone", String),  # of the facility; None until that was read
    Column("rule", String),  # days or hours ahead, as JSON
    Column("looked", Moment),  # when the facility was read
    Column("trouble", String),  # why it could not be, the last time
    Column("is_paused", Boolean, nullable=False, default=False),
    Index("plans_looked", "looked"),
)
OCCURRENCES = Table(
    "occurrences",
    SCHEMA,
    Column("plan_id", Integer, primary_key=True, autoincrement=False),
    Column("starts_at", Moment, primary_key=True),  # so no slot has two occurrences
    Column("opens_at", Moment, nullable=False),
    Column("wake_at", Moment, nullable=False),
    Column("worker", String),
    Column("claims", Integer, nullable=False, default=0),
    Column("false_starts", Integer, nullable=False, server_default="0"),  # claims since a run went well
    Column("ended", Moment),
    Column("exit_code", Integer),
    Column("sentence", String),
    Column("run_id", String),
)
AHEAD = OCCURRENCES.c.ended.is_(None)
Index("occurrences_ahead", OCCURRENCES.c.wake_at, sqlite_where=AHEAD, postgresql_where=AHEAD)
LAST_DONE = Table(
    "last_done", SCHEMA, Column("name", String, primary_key=True), Column("moment", Moment, nullable=False)
)

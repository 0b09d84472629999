"""The tables of the store, as they are today; `reserve.storage.migrations` makes them so.

A change here needs a revision there, and HEAD names the last one. Revisions are numbered in their order.
Which rows an index leaves out is told there only: to hear of it, SQLAlchemy would load PostgreSQL's dialect.
"""

from __future__ import annotations

from datetime import UTC, datetime

import sqlalchemy as sa

HEAD = "0011"


class Moment(sa.TypeDecorator[datetime]):
    """A moment with a time zone, kept in UTC without one, as SQLite has no type for time zones."""

    impl = sa.DateTime
    cache_ok = True

    def process_bind_param(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """What is kept of an aware datetime."""
        return value.astimezone(UTC).replace(tzinfo=None) if value else None

    def process_result_value(self, value: datetime | None, dialect: sa.Dialect) -> datetime | None:
        """The aware datetime, in UTC, for what is kept."""
        return value.replace(tzinfo=UTC) if value else None


SCHEMA = sa.MetaData()
RUNS = sa.Table(
    "runs",
    SCHEMA,
    sa.Column("run_id", sa.String, primary_key=True),
    sa.Column("system", sa.String, nullable=False),
    sa.Column("player", sa.String, nullable=False),  # a fingerprint; nothing says whose
    sa.Column("request", sa.String, nullable=False),
    sa.Column("started", Moment, nullable=False),
    sa.Column("opens_at", Moment),
    sa.Column("ended", Moment),
    sa.Column("exit_code", sa.Integer),
    sa.Column("sentence", sa.String),
    # Of runs before revision 0005, nothing of what follows is known.
    sa.Column("facility", sa.String),  # its name
    sa.Column("court", sa.String),
    sa.Column("cause", sa.String),  # a CauseWord; None of a reservation
    sa.Column("margin_ms", sa.Integer),  # from the opening to our hold, or to our first request without one
    sa.Column("facts", sa.Text),  # from which the cause follows, as `reserve.causes.facts` writes them
    sa.Column("phase", sa.String),  # a Phase; None when nobody can know
    sa.Column("phase_at", Moment),
    sa.Index("runs_of_player", "player", "ended"),
    sa.Index("runs_started", "started"),
    sa.Index("runs_not_ended", "started"),
    sa.Index("runs_ends", "player", "exit_code", "cause"),  # all that is asked for to count them
    sa.Index("runs_of_cause", "cause", "started"),
)
RUN_TOTALS = sa.Table(  # of runs that are forgotten
    "run_totals",
    SCHEMA,
    sa.Column("facility", sa.String, primary_key=True),  # empty when it is not known
    sa.Column("cause", sa.String, primary_key=True),  # a CauseWord; empty of reservations
    sa.Column("runs", sa.Integer, nullable=False),
)
ACTIONS = sa.Table(
    "actions",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False, index=True),
    sa.Column("moment", Moment, nullable=False),
    sa.Column("kind", sa.String, nullable=False),  # an ActionKind
    sa.Column("court", sa.String, nullable=False),
    sa.Column("start", Moment, nullable=False),
    sa.Column("order_id", sa.String),
    sa.Column("facility", sa.String),  # its id, as the booking system tells it
)
OPENINGS = sa.Table(
    "openings",
    SCHEMA,
    sa.Column("facility", sa.String, primary_key=True),
    sa.Column("learned", Moment, primary_key=True),  # at the opening of this moment
    sa.Column("soonest_ms", sa.Integer),  # after the published opening, by the server's clock
    sa.Column("latest_ms", sa.Integer),
    sa.Column("ahead_least_us", sa.Integer),  # of the clock that stamps answers is the one that decides
    sa.Column("ahead_most_us", sa.Integer),
)
SECRETS = sa.Table(
    "secrets",
    SCHEMA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("encrypted", sa.String, nullable=False),  # by secrets.py, which alone can read it
)
PLANS = sa.Table(
    "plans",
    SCHEMA,
    sa.Column("plan_id", sa.Integer, primary_key=True),
    sa.Column("body", sa.Text, nullable=False),  # the plan, in the form of `plan import`
    sa.Column("zone", sa.String),  # of the facility; None until that was read
    sa.Column("rule", sa.String),  # days or hours ahead, as JSON
    sa.Column("looked", Moment),  # when the facility was read
    sa.Column("trouble", sa.String),  # why it could not be, the last time
    sa.Column("is_paused", sa.Boolean, nullable=False, default=False),
    sa.Index("plans_looked", "looked"),
)
OCCURRENCES = sa.Table(
    "occurrences",
    SCHEMA,
    sa.Column("plan_id", sa.Integer, primary_key=True, autoincrement=False),
    sa.Column("starts_at", Moment, primary_key=True),  # so no slot has two occurrences
    sa.Column("opens_at", Moment, nullable=False),
    sa.Column("wake_at", Moment, nullable=False),
    sa.Column("worker", sa.String),
    sa.Column("claims", sa.Integer, nullable=False, default=0),
    sa.Column("false_starts", sa.Integer, nullable=False, server_default="0"),  # claims since a run went well
    sa.Column("ended", Moment),
    sa.Column("exit_code", sa.Integer),
    sa.Column("sentence", sa.String),
    sa.Column("run_id", sa.String),
)
AHEAD = OCCURRENCES.c.ended.is_(None)
sa.Index("occurrences_ahead", OCCURRENCES.c.wake_at)
LAST_DONE = sa.Table(
    "last_done",
    SCHEMA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("moment", Moment, nullable=False),
)
PEOPLE = sa.Table(  # of the web page
    "people",
    SCHEMA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("password", sa.String, nullable=False),  # its hash
    sa.Column("is_owner", sa.Boolean, nullable=False),
    sa.Column("accounts", sa.Text, nullable=False),  # names of stored accounts, as JSON
    sa.Column("calendar", sa.String),  # the hash of the secret in the address of the feed
)
SESSIONS = sa.Table(  # of people who are signed in
    "sessions",
    SCHEMA,
    sa.Column("secret", sa.String, primary_key=True),  # the hash of what their cookie says
    sa.Column("person", sa.String, nullable=False),
    sa.Column("began", Moment, nullable=False),
)
SIGN_INS = sa.Table(  # that somebody tried lately
    "sign_ins",
    SCHEMA,
    sa.Column("id", sa.Integer, primary_key=True),
    sa.Column("moment", Moment, nullable=False),
    sa.Column("origin", sa.String, nullable=False),  # the hash of an address, or of what a browser says
    sa.Column("person", sa.String),  # who it was; None after a wrong password
)

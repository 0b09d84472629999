"""The tables as they stood when revisions began; those that a store has already are left as they are."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    """Make the tables that are missing."""
    op.create_table(
        "runs",
        sa.Column("run_id", sa.String, primary_key=True),
        sa.Column("system", sa.String, nullable=False),
        sa.Column("player", sa.String, nullable=False),
        sa.Column("host", sa.String, nullable=False),
        sa.Column("wish", sa.String, nullable=False),
        sa.Column("started", sa.DateTime, nullable=False),
        sa.Column("opens_at", sa.DateTime),
        sa.Column("ended", sa.DateTime),
        sa.Column("exit_code", sa.Integer),
        sa.Column("sentence", sa.String),
        if_not_exists=True,
    )
    op.create_index("runs_of_player", "runs", ["player", "ended"], if_not_exists=True)
    op.create_table(
        "deeds",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("run_id", sa.String, sa.ForeignKey("runs.run_id"), nullable=False),
        sa.Column("moment", sa.DateTime, nullable=False),
        sa.Column("what", sa.String, nullable=False),
        sa.Column("court", sa.String, nullable=False),
        sa.Column("start", sa.DateTime, nullable=False),
        sa.Column("order_id", sa.String),
        if_not_exists=True,
    )
    op.create_index("ix_deeds_run_id", "deeds", ["run_id"], if_not_exists=True)
    op.create_table(
        "lags",
        sa.Column("facility", sa.String, primary_key=True),
        sa.Column("learnt", sa.DateTime, nullable=False),
        sa.Column("soonest_ms", sa.Integer, nullable=False),
        sa.Column("latest_ms", sa.Integer, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "secrets",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("sealed", sa.String, nullable=False),
        if_not_exists=True,
    )
    op.create_table(
        "plans",
        sa.Column("plan_id", sa.Integer, primary_key=True),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("zone", sa.String),
        sa.Column("rule", sa.String),
        sa.Column("looked", sa.DateTime),
        sa.Column("trouble", sa.String),
        sa.Column("is_paused", sa.Boolean, nullable=False),
        if_not_exists=True,
    )
    op.create_index("plans_looked", "plans", ["looked"], if_not_exists=True)
    op.create_table(
        "turns",
        sa.Column("plan_id", sa.Integer, primary_key=True, autoincrement=False),
        sa.Column("starts_at", sa.DateTime, primary_key=True),
        sa.Column("opens_at", sa.DateTime, nullable=False),
        sa.Column("wake_at", sa.DateTime, nullable=False),
        sa.Column("worker", sa.String),
        sa.Column("claims", sa.Integer, nullable=False),
        sa.Column("ended", sa.DateTime),
        sa.Column("exit_code", sa.Integer),
        sa.Column("sentence", sa.String),
        sa.Column("run_id", sa.String),
        if_not_exists=True,
    )
    ahead = sa.text("ended IS NULL")
    op.create_index(
        "turns_ahead", "turns", ["wake_at"], if_not_exists=True, sqlite_where=ahead, postgresql_where=ahead
    )
    op.create_table(
        "beats",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("moment", sa.DateTime, nullable=False),
        if_not_exists=True,
    )

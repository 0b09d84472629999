"""The latest runs, and how runs ended, are found without reading all of them."""

import sqlalchemy as sa
from alembic import op

revision = "0007"
down_revision = "0006"


def upgrade() -> None:
    """Add indexes."""
    op.create_index("runs_started", "runs", ["started"])
    where = sa.text("ended IS NULL")
    op.create_index("runs_not_ended", "runs", ["started"], sqlite_where=where, postgresql_where=where)
    op.create_index("runs_ends", "runs", ["player", "exit_code", "cause"])

"""Tables and columns are called what they are."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    """Rename; nothing that anybody reads is lost."""
    op.drop_column("runs", "host")  # a run is alive while its lock is held, on whichever machine
    op.alter_column("runs", "wish", new_column_name="request")
    op.rename_table("deeds", "actions")
    op.alter_column("actions", "what", new_column_name="kind")
    op.drop_index("ix_deeds_run_id", "actions")
    op.create_index("ix_actions_run_id", "actions", ["run_id"])
    op.rename_table("lags", "opening_delays")
    op.alter_column("opening_delays", "learnt", new_column_name="learned")
    op.alter_column("secrets", "sealed", new_column_name="encrypted")
    op.rename_table("turns", "occurrences")
    op.drop_index("turns_ahead", "occurrences")
    ahead = sa.text("ended IS NULL")
    op.create_index(
        "occurrences_ahead", "occurrences", ["wake_at"], sqlite_where=ahead, postgresql_where=ahead
    )
    op.rename_table("beats", "last_done")

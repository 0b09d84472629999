"""A run says what it is about, for whoever watches it from elsewhere."""

import sqlalchemy as sa
from alembic import op

revision = "0011"
down_revision = "0010"


def upgrade() -> None:
    """Add what a run is about, and since when; nothing is known of runs before this."""
    op.add_column("runs", sa.Column("phase", sa.String))
    op.add_column("runs", sa.Column("phase_at", sa.DateTime))

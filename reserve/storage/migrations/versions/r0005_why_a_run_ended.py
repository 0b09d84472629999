"""A run says why it ended as it did; those that are forgotten are counted."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    """Add columns and a table; of earlier runs nothing more is known than before."""
    op.add_column("runs", sa.Column("facility", sa.String))
    op.add_column("runs", sa.Column("court", sa.String))
    op.add_column("runs", sa.Column("cause", sa.String))
    op.add_column("runs", sa.Column("margin_ms", sa.Integer))
    op.add_column("runs", sa.Column("facts", sa.Text))
    op.create_table(
        "run_totals",
        sa.Column("facility", sa.String, primary_key=True),
        sa.Column("cause", sa.String, primary_key=True),
        sa.Column("runs", sa.Integer, nullable=False),
    )

"""A deed names the facility of its court; of older ones nobody knows it."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    """Add the column."""
    op.add_column("deeds", sa.Column("facility", sa.String))

"""A turn counts the starts of its run since one went well."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    """Add the column."""
    op.add_column("turns", sa.Column("false_starts", sa.Integer, nullable=False, server_default="0"))

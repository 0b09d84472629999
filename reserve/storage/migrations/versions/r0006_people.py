"""The web page knows people: who signs in, and whose accounts are whose."""

import sqlalchemy as sa
from alembic import op

revision = "0006"
down_revision = "0005"


def upgrade() -> None:
    """Add a table; nobody is in it until a password is set."""
    op.create_table(
        "people",
        sa.Column("name", sa.String, primary_key=True),
        sa.Column("password", sa.String, nullable=False),
        sa.Column("is_owner", sa.Boolean, nullable=False),
        sa.Column("accounts", sa.Text, nullable=False),
        sa.Column("calendar", sa.String),
    )

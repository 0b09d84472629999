"""Who is signed in to the web page is known here, and who tried to: a session can be ended."""

import sqlalchemy as sa
from alembic import op

revision = "0009"
down_revision = "0008"


def upgrade() -> None:
    """Add two tables; whoever was signed in signs in once more."""
    op.create_table(
        "sessions",
        sa.Column("secret", sa.String, primary_key=True),
        sa.Column("person", sa.String, nullable=False),
        sa.Column("began", sa.DateTime, nullable=False),
    )
    op.create_table(
        "sign_ins",
        sa.Column("id", sa.Integer, primary_key=True),
        sa.Column("moment", sa.DateTime, nullable=False),
        sa.Column("origin", sa.String, nullable=False),
        sa.Column("person", sa.String),
    )

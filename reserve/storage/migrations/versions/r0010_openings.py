"""What the latest openings of a facility showed is kept one by one, and by whose clock it opens."""

import sqlalchemy as sa
from alembic import op

revision = "0010"
down_revision = "0009"


def upgrade() -> None:
    """Make the table anew; what was known is its first opening."""
    op.create_table(
        "openings",
        sa.Column("facility", sa.String, primary_key=True),
        sa.Column("learned", sa.DateTime, primary_key=True),
        sa.Column("soonest_ms", sa.Integer),
        sa.Column("latest_ms", sa.Integer),
        sa.Column("ahead_least_us", sa.Integer),
        sa.Column("ahead_most_us", sa.Integer),
    )
    names = "facility, learned, soonest_ms, latest_ms"
    op.execute(f"INSERT INTO openings ({names}) SELECT {names} FROM opening_delays")
    op.drop_table("opening_delays")

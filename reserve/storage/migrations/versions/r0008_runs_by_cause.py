"""The latest runs that ended for one cause are found without reading all of them."""

from alembic import op

revision = "0008"
down_revision = "0007"


def upgrade() -> None:
    """Add an index."""
    op.create_index("runs_of_cause", "runs", ["cause", "started"])

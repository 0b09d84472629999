"""How the tables of an older store become those of `schema.py`: by one revision after the other."""

from __future__ import annotations

from alembic import command
from alembic.config import Config
from sqlalchemy import Connection


def upgrade(connection: Connection) -> None:
    """Make the tables those of today, within the transaction of *connection*."""
    config = Config()
    config.set_main_option("script_location", "reserve.storage:migrations")
    config.attributes["connection"] = connection  # for env.py
    command.upgrade(config, "head")

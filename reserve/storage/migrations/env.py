"""What Alembic runs to apply revisions."""

from alembic import context

context.configure(connection=context.config.attributes["connection"])
context.run_migrations()

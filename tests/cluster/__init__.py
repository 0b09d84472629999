"""Many plans, one PostgreSQL, several machines: `python -m tests.cluster`."""

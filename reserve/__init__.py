"""First Serve: reserve a public court at the second reservations open."""

__version__ = "0.1.0"

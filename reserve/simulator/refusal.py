"""A simulated booking system says no."""

from __future__ import annotations


class Refusal(Exception):
    """A request is refused: *meaning* is what the ledger calls it; each system has words of its own."""

    def __init__(self, meaning: str, details: str = "") -> None:
        """Keep why, and the *details* that may be in the answer."""
        super().__init__(meaning)
        self.meaning, self.details = meaning, details

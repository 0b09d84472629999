"""Two drawings for the README, from what was measured last."""

from __future__ import annotations


def draw() -> None:
    """TEMP."""

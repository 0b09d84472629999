"""What every test of a run has: a store that a busy machine may take its time for, as time is virtual."""

from __future__ import annotations

import pytest

from reserve.storage import runs


@pytest.fixture(autouse=True)
def patience_with_the_store(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a run learnt is written, and read by the next, however long that takes here."""
    monkeypatch.setattr(runs, "HURRY", 30.0)

"""What the simulator's tests share: the samples, and the whole city."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
SAMPLES = (HERE / "samples" / "recus", HERE.parent / "systems" / "samples" / "recus")


@pytest.fixture(autouse=True)
def small_city() -> None:
    """All parks are there."""


@pytest.fixture
def sample() -> Callable[[str], Any]:
    """Reads a sample by its name."""
    found = {path.stem: path for folder in SAMPLES for path in folder.glob("*.json")}
    return lambda name: json.loads(found[name].read_text())

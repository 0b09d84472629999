"""What the simulator's tests share: the samples."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

SAMPLES = Path(__file__).parent.parent / "systems" / "samples" / "recus"


@pytest.fixture
def sample() -> Callable[[str], Any]:
    """Reads a sample by its name."""
    return lambda name: json.loads((SAMPLES / f"{name}.json").read_text())

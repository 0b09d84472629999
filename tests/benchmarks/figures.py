"""What every part of the benchmark does with its numbers."""

from __future__ import annotations

import json
import os
import platform
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from statistics import quantiles
from typing import Any

FOLDER = Path("build/bench")


def spread(values: Sequence[float]) -> dict[str, float]:
    """The middle, the 95th of a hundred, and the worst."""
    cuts = quantiles(values, n=100, method="inclusive") if len(values) > 1 else list(values) * 99
    return {"p50": round(cuts[49], 1), "p95": round(cuts[94], 1), "max": round(max(values), 1)}


def machine() -> dict[str, Any]:
    """Where and when something was measured."""
    facts = Path("/proc/cpuinfo")
    lines = facts.read_text().splitlines() if facts.exists() else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return {
        "processor": names[0] if names else platform.machine(),
        "cores": os.cpu_count(),
        "python": platform.python_version(),
        "system": f"{platform.system()} {platform.release()}",
        "load": [round(load, 2) for load in os.getloadavg()],
        "date": f"{datetime.now(UTC):%Y-%m-%d %H:%M} UTC",
    }


def keep(name: str, found: Mapping[str, Any]) -> None:
    """Write what was *found* where the plots are made from."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    content = json.dumps({**found, "machine": machine()}, indent=1, ensure_ascii=False)
    (FOLDER / f"{name}.json").write_text(content + "\n")


def forget(name: str) -> None:
    """What was found earlier is not to be taken for what is found now."""
    (FOLDER / f"{name}.json").unlink(missing_ok=True)


def kept(name: str) -> dict[str, Any]:
    """What was found the last time."""
    found: dict[str, Any] = json.loads((FOLDER / f"{name}.json").read_text())
    return found

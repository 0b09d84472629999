"""The buildings whose courts can be reserved on Atrium: places are data.

Another building is described in a JSON file that ATRIUM_PLACES names, in the words of `PLACES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from reserve.errors import UsageError
from reserve.systems.place import MINUTE, BookableCourt, Place
from reserve.window import DaysAhead, HoursAhead, zone

# Ids, zone, grid and longest reservation: Atrium facts 1, 4 and 5. `window` is "168 hours" (real ones), since
# the clients that fire on time count so; "7 days" counts on the wall clock instead, as one other client does.
# They differ by an hour in the two weeks when clocks change, and nobody has recorded who is right.
PLACES: Mapping[str, Mapping[str, Any]] = {
    "TFC": {
        "zone": "America/New_York",
        "amenity_type": "10",
        "courts": {"Court 1": 8, "Court 2": 10},
        "step_minutes": 30,
        "longest_minutes": 60,
        "window": "168 hours",
    },
}


@dataclass(frozen=True, kw_only=True)
class Building(Place):
    """One building."""

    amenity_type: str

    def court(self, wanted: str, among: Sequence[BookableCourt] | None = None) -> BookableCourt | None:
        """The court of this name ("Court 2", "Tennis Court 2") or number ("2")."""
        word = wanted.strip().casefold()
        for court in among or self.courts:
            name = court.name.casefold()
            if word == name or word.endswith(f" {name}") or word == name.rpartition(" ")[2]:
                return court
        return None


def buildings(path: str | None) -> list[Building]:
    """Every building we know: those of the file *path* first; raises `UsageError` when it cannot be read."""
    described: dict[str, Mapping[str, Any]] = {}
    if path:
        try:
            described = json.loads(Path(path).read_text())
            described.keys()
        except (OSError, ValueError, AttributeError) as failure:
            raise UsageError(f"ATRIUM_PLACES: cannot read {path}: {type(failure).__name__}") from None
    try:
        return [_building(name, about) for name, about in {**described, **PLACES, **described}.items()]
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise UsageError(f"ATRIUM_PLACES: {path} describes a building incompletely: {failure}") from None


def chosen(known: list[Building], wanted: str) -> Building:
    """The building that is meant, the first one if none is named.

    *wanted* may be a court of the first one, which then comes first there.
    """
    if not wanted.strip():
        return known[0]
    for building in known:
        if building.name.casefold() == wanted.strip().casefold():
            return building
    first = known[0].court(wanted)
    if first is None:
        names = [building.name for building in known] + [court.name for court in known[0].courts]
        raise UsageError(f"--court: {wanted!r} is not known on Atrium; there are {', '.join(names)}")
    return replace(known[0], courts=[first, *(court for court in known[0].courts if court != first)])


def _building(name: str, about: Mapping[str, Any]) -> Building:
    window = str(about.get("window", "168 hours"))
    number, _, unit = window.partition(" ")
    if not number.isdigit() or unit not in ("hours", "days"):
        raise UsageError(f"ATRIUM_PLACES: {name}: window {window!r}; write it as 168 hours or 7 days")
    courts = [
        BookableCourt(
            str(court),
            {"tennis": str(id_)},
            HoursAhead(int(number)) if unit == "hours" else DaysAhead(int(number)),
            longest=int(about.get("longest_minutes", 60)) * MINUTE,
            step=int(about.get("step_minutes", 30)) * MINUTE,
        )
        for court, id_ in about["courts"].items()
    ]
    return Building("", name, zone(str(about["zone"])), courts, amenity_type=str(about["amenity_type"]))

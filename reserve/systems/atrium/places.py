"""The buildings whose courts can be reserved on Atrium: places are data.

Another building is described in a JSON file that ATRIUM_PLACES names, in the words of `PLACES`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta, tzinfo
from pathlib import Path
from typing import Any

from reserve.errors import UsageError
from reserve.model import Court
from reserve.window import DaysAhead, HoursAhead, zone

# Ids, zone, grid and longest reservation: Atrium facts 4 and 5. `window` is "168 hours" (real ones) because
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


@dataclass(frozen=True)
class Place:
    """One building: its courts, and when and for how long they can be reserved."""

    name: str
    zone: tzinfo
    amenity_type: str
    courts: tuple[Court, ...]
    step: timedelta
    longest: timedelta
    window: str

    def opens_at(self, start: datetime) -> datetime:
        """When a slot that starts at *start* (in the building's zone) can be reserved."""
        number, unit = self.window.split()
        if unit == "hours":
            return HoursAhead(int(number)).opens_at(start)
        return DaysAhead(int(number), start.time()).opens_at(start)

    def court(self, wanted: str) -> Court | None:
        """The court of this name ("Court 2", "Tennis Court 2") or number ("2")."""
        word = wanted.strip().casefold()
        for court in self.courts:
            name = court.name.casefold()
            if word == name or word.endswith(f" {name}") or word == name.rpartition(" ")[2]:
                return court
        return None


def places(path: str | None) -> list[Place]:
    """Every building we know: those of the file *path* first; raises `UsageError` when it cannot be read."""
    described: dict[str, Mapping[str, Any]] = {}
    if path:
        try:
            described = json.loads(Path(path).read_text())
            described.keys()
        except (OSError, ValueError, AttributeError) as failure:
            raise UsageError(f"ATRIUM_PLACES: cannot read {path}: {type(failure).__name__}") from None
    try:
        return [_place(name, about) for name, about in {**described, **PLACES, **described}.items()]
    except (KeyError, TypeError, ValueError, AttributeError) as failure:
        raise UsageError(f"ATRIUM_PLACES: {path} describes a building incompletely: {failure}") from None


def chosen(known: list[Place], wanted: str) -> tuple[Place, list[Court]]:
    """The building that is meant, and its courts in order of preference.

    *wanted* is a building, or a court of the first one: then the others come after it.
    """
    word = wanted.strip().casefold()
    for place in known:
        if place.name.casefold() == word:
            return place, list(place.courts)
    first = known[0].court(wanted)
    if first is None:
        names = [place.name for place in known] + [court.name for court in known[0].courts]
        raise UsageError(f"--court: {wanted!r} is not known on Atrium; there are {', '.join(names)}")
    return known[0], [first, *(court for court in known[0].courts if court != first)]


def _place(name: str, about: Mapping[str, Any]) -> Place:
    window = str(about.get("window", "168 hours"))
    number, _, unit = window.partition(" ")
    if not number.isdigit() or unit not in ("hours", "days"):
        raise UsageError(f"ATRIUM_PLACES: {name}: window {window!r}; write it as 168 hours or 7 days")
    return Place(
        name,
        zone(str(about["zone"])),
        str(about["amenity_type"]),
        tuple(Court(str(id_), str(court)) for court, id_ in about["courts"].items()),
        timedelta(minutes=int(about.get("step_minutes", 30))),
        timedelta(minutes=int(about.get("longest_minutes", 60))),
        window,
    )

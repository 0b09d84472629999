"""Writes `reserve/systems/<name>/shapes.py` anew from the samples: `python -m tests.shapes`."""

from __future__ import annotations

import json
import sys
import textwrap
from collections.abc import Mapping
from pathlib import Path

from reserve.checks.drift import fields_of

HERE = Path(__file__).parent
FACILITIES = ("location", "location_windows", "locations_availability")  # told alike, alone and in the list
# What was asked for each sample of an answer that a check reads.
SAMPLES: Mapping[str, Mapping[str, tuple[str, ...]]] = {
    "recus": {
        "GET /v1/locations/availability": (*FACILITIES, "locations_list"),
        "GET /v1/locations/*": FACILITIES,
        "GET /v1/locations/*/schedule": ("schedule", "schedule_overlap"),
        "GET /v1/users/me": ("users_me",),
        "GET /v1/users/*/bookings": ("bookings_list",),
        "GET /v1/bookings/*": ("booking_detail", "booking_cancelled"),
        "POST /v1/accounts:signInWithPassword": ("../../../simulator/samples/recus/token_signin",),
    },
    "atrium": {
        "POST /realms/my-tfc/protocol/openid-connect/token": ("token_response",),
        "GET /api/v1/my/occupants/*/amenity-reservations/": ("reservations_upcoming",),
    },
}


def shapes_of(system: str) -> dict[str, str]:
    """The fields in the samples of *system*, by what was asked."""
    folder = HERE / "systems/samples" / system
    return {
        asked: " ".join(sorted({f for name in names for f in fields_in(folder / f"{name}.json")}))
        for asked, names in SAMPLES[system].items()
    }


def fields_in(sample: Path) -> set[str]:
    """The fields in *sample*, but the notes of who recorded it."""
    return {field for field in fields_of(json.loads(sample.read_text())) if not field.startswith("_")}


def module(system: str) -> str:
    """The text of the module."""
    lines = [
        f'"""The fields of answers of {system} that were recorded; written by `python -m tests.shapes`."""',
        "",
        "SHAPES = {",
    ]
    for asked, fields in shapes_of(system).items():
        wrapped = textwrap.wrap(fields, 96, break_long_words=False, break_on_hyphens=False)
        lines += [f'    "{asked}": """', *wrapped, '""",']
    return "\n".join([*lines, "}", ""])


def path_of(system: str) -> Path:
    """Where the module lies."""
    return HERE.parent / "reserve/systems" / system / "shapes.py"


def main() -> None:
    """Write them all."""
    for system in SAMPLES:
        path_of(system).write_text(module(system))
        sys.stdout.write(f"{path_of(system)}\n")


if __name__ == "__main__":
    main()

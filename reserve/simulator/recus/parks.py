"""San Francisco's parks (facts 2.8, 2.9): courts, sports, windows, fixed slots, and shared ground.

A park is named with its page, its id, and the percentage of its open half hours that was booked when somebody
looked; where nobody did, none is. Below it are its courts: T tennis or P pickleball, and their names; 7d or
2d, the window, and the weekdays, if not all; minutes and starts, * only in daylight-saving time; after =, the
courts on the same ground.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache

TABLE = """
Alice Marble; alicemarble; 81cd2b08-8ea6-40ee-8c89-aeba92506576; 58
  T 1 2 3; 7d; 90s
  T 4; 2d; 60h
Balboa; balboa; c41c7b8f-cb09-415a-b8ea-ad4b82d792b9; 50
  T 1 2 3; 7d; 90s
  T 4; 2d; 60h
DuPont; dupont; d3fc78ce-0617-40dc-b7f7-d41ba95f09ef; 54
  T 1 2 3; 7d; 90s
  T 4; 2d; 60h
Mountain Lake; mountainlake; af2cd971-0c10-479d-a12e-ca63d55f71be; -
  T 1 2 3; 7d; 90s
  T 4; 2d; 60h
Parkside Square; parkside; 5a0b8fa6-11db-433e-9314-bafb956d8622; -
  T 1 2 3; 7d; 90s
  T 4; 2d; 60h
  P A B C D E F; 7d; 90s; = 1 2 3
  P G H; 2d; 60h; = 4
Lafayette; lafayette; c4fc2b3e-d1bc-47d9-b920-76d00d32b20b; -
  T 1; 7d; 90s
  T 2; 2d; 60h
Buena Vista; buenavista; 3f842b1e-13f9-447d-ab12-62b62d954d3e; 77
  T 1; 7d; 90s; = A B C D
  P A B C D; 7d; 90s; = 1
  T 2; walk-up
Stern Grove; sterngrove; 1a5a0d4b-ef5d-44ab-a8ab-a13f39dcdc7d; 35
  T 1 2; 7d; 90s; = A C D F
  P A C D F; 7d; 90s; = 1 2
St. Mary's; stmarys; 25eafd72-ca31-4df7-8850-79c05edf3796; 21
  T 1 2; 7d; 90s
Sunset; sunset; fe61cfdb-abf7-4f52-8ce4-45feb58f10b7; 42
  T 1 2; 7d; 90s
Fulton; fulton; 070037ab-f407-486a-9f88-989905be1039; 90
  T 1; 2d; 90s
Miraloma; miraloma; 5a52a5e8-2e9f-4976-8a5c-0bc53d51afe9; -
  T 1; 2d; 90s
J.P. Murphy; jpmurphy; 7a8ef25a-dc20-4046-8aab-7212a9a41d20; -
  T 1 2; 7d; 90s
  T 3; 2d; 90s
Minnie & Lovie Ward; minnielovieward; bb6254d3-0ef0-475d-8de9-ac7d6b0323f4; -
  T 1; 7d; 90s
  T 2; 2d; 90s
Presidio Wall; presidiowall; c2f20478-83d8-48c9-af3d-065d7ba22d60; 59
  T 1 2; 7d; 90 07:30
  T 3; 7d; 90s; = A C E
  T 4; 2d; 90s; = A C E
  P A C E; 7d; 60 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00 18:00; = 3 4
Rossi; rossi; ad9e28e1-2d02-4fb5-b31d-b75f63841814; 81
  T 1 2; 7d Sat,Sun; 90 07:30 09:00 10:30 12:00
  T 3; 7d; 90s; = A B C D
  P E; 7d; 90s
  P A B C D; 7d Mon,Wed; 90 15:00 16:30 18:00*; = 3
  P A B C D; 7d Tue,Thu,Fri; 90 09:00 10:30 12:00 13:30 15:00 16:30 18:00*; = 3
  P A B C D; 7d Sat,Sun; 60 17:00 18:00*; = 3
Helen Wills; helenwills; 3552b6f7-e7bd-4334-9e4a-731b015447e0; 90
  T 1; 7d; 90 07:30 09:00 10:30 12:00 13:30 15:00 16:30 18:00
Richmond; richmond; 95f7e887-5096-463b-834a-09d67889557e; 79
  T 1; 2d Mon,Tue,Wed,Thu,Fri; 90 07:30 09:00 10:30 12:00 13:30
  T 1; 2d Sat,Sun; 90 07:30 09:00 13:30 15:00 16:30 18:00*
  P A; 2d Mon,Tue,Wed,Thu,Fri; 60 15:00 16:00 17:00 18:00*
  P A; 2d Sat,Sun; 60 10:30 11:30 12:30
  P B; 7d Mon,Tue,Wed,Thu,Fri; 60 15:00 16:00 17:00 18:00*
  P B; 7d Sat,Sun; 60 10:30 11:30 12:30
Crocker Amazon; crockeramazon; 779905bd-4c2b-45b3-abd0-48140998bca1; 21
  T 1 2; 7d; 90n
  T 3; 2d; 60l
  P A B; 7d; 120 07:30 09:30 11:30 13:30 15:30 17:30
  P C D; 2d; 120 07:00 09:00 11:00 13:00 15:00 17:00 19:00
Dolores; dolores; 95745483-6b38-4e99-8ba2-a3e23cda8587; 82
  T 1 2; 7d; 90n
  T 3; 2d; 60l
  T 4 5 6; walk-up
Potrero Hill; potrerohill; 032e605f-6065-4794-9675-b1bbebe18159; 80
  T 1; 7d; 90n
  T 2; 2d; 60l
Hamilton; hamilton; 8c3b9b04-a149-4080-b648-e3ff8365bbee; 65
  T 1; 7d; 90n
  T 2; 2d; 90n
Jackson; jackson; 360736ab-a655-478d-aab5-4e54fea0c140; -
  T 1; 2d; 90n; = A B
  P A B; 2d; 90n; = 1
Upper Noe; uppernoe; 2a18ef67-333c-4d9c-a86c-e0709f07f5c3; 82
  T 1; 2d; 90n; = A B
  P A B; 2d; 90 10:30 12:00; = 1
Moscone; moscone; fb0d16b1-5f9f-465f-8ebf-fccf5d400c47; -
  T 1 2; 7d; 90n
  T 3; 7d; 90 09:00 10:30 12:00 13:30 15:00 16:30 18:00 19:30
  T 4; 2d; 60 08:00 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00 18:00 19:00 20:00
  P A B; 7d Tue,Thu,Fri; 90 15:00 16:30
  P A B; 7d Mon,Wed; 90 09:00 10:30 12:00 13:30 15:00 16:30
  P A B; 7d Sat,Sun; 90 18:00 19:30
  P E F; 2d Tue,Thu,Fri; 60 15:00 16:00 17:00
  P E F; 2d Mon,Wed; 60 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00
  P E F; 2d Sat,Sun; 60 17:00 18:00 19:00 20:00
Joe DiMaggio; joedimaggio; 8f8e510f-e0d8-4364-8531-a9a0d0d6b2b8; -
  T 3; 7d; 90n
  T 1 2; walk-up
Glen Canyon; glencanyon; 16fdf80f-4e50-452a-843f-63d159c798e2; 84
  T 2; 7d; 60l
  T 1; walk-up
McLaren; mclaren; 9d05fa5b-38fc-49b7-88c5-74825703d936; -
  T 1 2 3 4; 7d; 90s
  T 5 6; 2d; 90s
"""
SHORT = {
    "90s": "90 07:30 09:00 10:30 12:00 13:30 15:00 16:30 18:00*",
    "90n": "90 07:30 09:00 10:30 12:00 13:30 15:00 16:30 18:00 19:30",
    "60h": "60 07:00 08:00 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00 18:00",
    "60l": "60 07:00 08:00 09:00 10:00 11:00 12:00 13:00 14:00 15:00 16:00 17:00 18:00 19:00 20:00",
}
WEEKDAYS = {"Mon": 1, "Tue": 2, "Wed": 3, "Thu": 4, "Fri": 5, "Sat": 6, "Sun": 7}


@dataclass(frozen=True)
class Row:
    """Some courts of a park that are alike, on some weekdays."""

    sport: str  # "T" or "P"
    names: tuple[str, ...]
    days_ahead: int | None  # 7 or 2; None: for walk-ups
    weekdays: tuple[int, ...]  # 1 = Monday
    minutes: int
    starts: tuple[str, ...]
    ground: tuple[str, ...]


@dataclass(frozen=True)
class Park:
    """One line of the table, and those below it."""

    name: str
    slug: str
    id: str
    booked: float  # of what is open
    rows: tuple[Row, ...]


@cache
def parks() -> tuple[Park, ...]:
    """The table, read."""
    found: list[tuple[list[str], list[Row]]] = []
    for line in TABLE.strip().splitlines():
        cells = [cell.strip() for cell in line.split(";")]
        if line.startswith(" "):
            found[-1][1].append(_row(*cells))
        else:
            found.append((cells, []))
    return tuple(
        Park(name, slug, id_, 0.0 if booked == "-" else int(booked) / 100, tuple(rows))
        for (name, slug, id_, booked), rows in found
    )


def _row(courts: str, window: str, slots: str = "", ground: str = "") -> Row:
    sport, *names = courts.split()
    ahead, _, days = window.partition(" ")
    minutes, *starts = SHORT.get(slots, slots or "0").split()
    return Row(
        sport,
        tuple(names),
        None if ahead == "walk-up" else int(ahead.removesuffix("d")),
        tuple(_weekdays(days)),
        int(minutes),
        tuple(starts),
        tuple(ground.removeprefix("=").split()),
    )


def _weekdays(days: str) -> Iterator[int]:
    return (WEEKDAYS[day] for day in (days.split(",") if days else WEEKDAYS))

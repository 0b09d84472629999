"""Slots that are there in daylight-saving time only: read for the day itself, else inferred, and said so.

How rec.us stores a season is not known (facts 2.8), so the schedule of the day decides. Where it cannot be
read, the weekly slots count as they are published now; across a change of the clocks that is a guess.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import date, datetime, time

from reserve import window
from reserve.http import Answer
from reserve.systems.place import BookableCourt, Place
from reserve.systems.recus.schedule import Piece, pieces

DUSK = ("17:30", "20:00")  # an evening slot begins and ends within: unlit courts have none in winter
NOON = time(12)


def evening_slot(slots: Sequence[str]) -> str | None:
    """The slot that unlit courts have in daylight-saving time only: the last of *slots*, or one after it."""
    last = max(slots, default="")
    try:
        start, end = (datetime.combine(date.min, time.fromisoformat(part)) for part in last.split("-"))
    except ValueError:  # published in a form that nobody knows
        return None
    following = f"{end:%H:%M}-{end + (end - start):%H:%M}"
    return next((each for each in (last, following) if DUSK[0] <= each[:5] < each[6:] <= DUSK[1]), None)


def has_evening_slot(place: Place, day: date, starts: Sequence[time] | None) -> bool:
    """Whether one of *starts*, or any slot at all, is one that may depend on the season."""
    found = [evening_slot(court.fixed_on(day) or ()) for court in place.courts]
    evenings = {time.fromisoformat(evening[:5]) for evening in found if evening}
    return bool(evenings if starts is None else evenings & set(starts))


def on_the_day(place: Place, day: date, schedule: Answer | None, now: datetime) -> Place:
    """*place* with the slots that its courts have on *day*, by the *schedule* of that day if there is one."""
    noon = window.at(day, NOON, place.zone)
    is_summer = bool(noon.dst())
    is_across = noon.utcoffset() != now.astimezone(place.zone).utcoffset()
    ahead = [change.date() for change in window.clock_changes(place.zone, now)]
    back = next((change.date() for change in window.clock_changes(place.zone, noon, most=1)), None)

    def court_on_the_day(court: BookableCourt) -> BookableCourt:
        published = list(court.fixed_on(day) or ())
        evening = evening_slot(published)
        if evening is None:
            return court
        slots, doubts = published, dict[str, str]()
        if said := pieces(schedule, day, court.name) if schedule else []:
            slots = [slot for slot in published if not _is_closed(slot, said)]
            if evening not in slots and _is_shown(evening, said):
                slots.append(evening)
        elif is_across and is_summer and evening not in published:
            slots = [*published, evening]
            doubts[evening] = f"not published yet; expected as daylight-saving time begins on {ahead[0]}"
        elif is_across and not is_summer and evening in published:
            doubts[evening] = f"may be missing from {ahead[0]} to {ahead[-1]}, outside daylight-saving time"
        missing = not is_summer and evening not in slots and back is not None
        return replace(
            court,
            fixed={**(court.fixed or {}), day.isoweekday(): slots},
            doubts=doubts,
            returns={evening: back} if missing and back else {},
        )

    return replace(place, courts=[court_on_the_day(court) for court in place.courts])


def _is_closed(slot: str, said: Sequence[Piece]) -> bool:
    """Whether the schedule leaves a part of *slot* to walk-ups."""
    return any(word == "OPEN" and start < slot[6:] and slot[:5] < end for start, end, word in said)


def _is_shown(slot: str, said: Sequence[Piece]) -> bool:
    """Whether the schedule has *slot*, be it free or taken, in one piece or in several."""
    there = [(start, end) for start, end, word in said if word in ("RESERVABLE", "RESERVATION")]
    begins = any(start <= slot[:5] < end for start, end in there)
    ends = any(start < slot[6:] <= end for start, end in there)
    return begins and ends and not _is_closed(slot, said)

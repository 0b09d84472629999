"""What rec.us shows of one day: the schedule of a facility, and its list of free half hours."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import date, timedelta

from reserve.errors import UnknownAnswer
from reserve.http import Answer
from reserve.model import Offer
from reserve.systems.reading import Readable, fitting
from reserve.systems.recus.answers import CourtDay, FreeTicks

TICK = timedelta(minutes=30)  # of `availableSlots` (facts 2.4)

Piece = tuple[str, str, object]  # from, to ("09:00", "19:30"), and the word for it


def pieces(answer: Answer, day: date, court: str) -> list[Piece]:
    """What the schedule says of *court* on *day*; empty where nothing of it can be read (facts 2.5)."""
    return [
        (*_ends(span), fitting(piece, str, "referenceType"))
        for found in fitting(answer.json(), Readable[CourtDay], f"dates.{day:%Y%m%d}") or ()
        if found.court_number == court
        for span, piece in found.schedule.items()
    ]


def _ends(span: str) -> tuple[str, str]:
    start, _, end = span.partition(", ")
    return start, end


def looks_free(answer: Answer, offer: Offer) -> bool:
    """Whether the schedule shows nobody at the court then; what it does not tell is free.

    Only RESERVABLE is: not what is taken, for walk-ups, on ground that is taken, or in unknown words.
    """
    slot = offer.slot
    return all(
        word == "RESERVABLE"
        for start, end, word in pieces(answer, slot.start.date(), offer.court.name)
        if start < f"{slot.end:%H:%M}" and f"{slot.start:%H:%M}" < end
    )


def lists_as_free(answer: Answer, offer: Offer) -> bool:
    """Whether every half hour of *offer* is among the free ones that a facility lists (facts 2.4).

    What is listed may be taken all the same; what is not listed is taken, or cannot be had now. Raises
    `UnknownAnswer` where the court has no such list: asking blindly would go on for hours.
    """
    courts = fitting(answer.json(), Readable[FreeTicks], "location.courts", "courts") or ()
    listed = next((each.available_slots for each in courts if each.court_number == offer.court.name), None)
    if listed is None:
        raise UnknownAnswer(f"{answer.asked}: the answer has no 'availableSlots' of {offer.court.name}")
    return all(tick in listed for tick in _ticks(offer))


def _ticks(offer: Offer) -> Iterator[str]:
    start, end = (moment.replace(tzinfo=None) for moment in (offer.slot.start, offer.slot.end))
    while start < end:
        yield str(start)
        start += TICK

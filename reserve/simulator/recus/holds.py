"""What a request for a court asks for: by a sport's id, or as a rental by the court's own (facts 3.3)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from datetime import date, datetime, time
from typing import Any

from reserve.model import Slot
from reserve.simulator.recus.answers import LOCAL
from reserve.simulator.recus.facilities import SimulatedCourt, SimulatedFacility
from reserve.simulator.refusal import Refusal

MOMENT = r"(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d)"
RANGE = re.compile(rf"\[{MOMENT}, {MOMENT}\)")  # with its start, without its end


def asked_for(body: Any, facilities: Iterable[SimulatedFacility]) -> tuple[SimulatedCourt, Slot]:
    """The court and the slot in the body of either endpoint.

    Raises Refusal, or LookupError, TypeError or ValueError for a body that makes no sense.
    """
    return _rental(body["data"]["reservation"], facilities) if "data" in body else _hold(body, facilities)


def _hold(body: Any, facilities: Iterable[SimulatedFacility]) -> tuple[SimulatedCourt, Slot]:
    """As in (a), one court per call."""
    (sport_id,) = body["courtSportIds"]
    start, end = (f"{body[key]['date']} {body[key]['time']}" for key in ("from", "to"))
    if not isinstance(body["participantUserId"], str):
        raise ValueError("for nobody")
    for facility in facilities:
        for court in facility.courts:
            if sport_id in court.sports:
                return court, _slot(facility, start, end)
    raise Refusal("unknown-court")


def _rental(reservation: Any, facilities: Iterable[SimulatedFacility]) -> tuple[SimulatedCourt, Slot]:
    """As in (b), one court per call."""
    (site,) = reservation["courtIds"]
    match = RANGE.fullmatch(reservation["timestampRange"])
    if match is None:
        raise ValueError("no half-open range")
    for facility in facilities:
        for court in facility.courts:
            if (facility.id, court.id) == (reservation["locationId"], site):
                return court, _slot(facility, match[1], match[2])
    raise Refusal("unknown-court")


def _slot(facility: SimulatedFacility, start: str, end: str) -> Slot:
    (day, from_), (last, to) = _wall(start), _wall(end)
    if day != last or from_ >= to:
        raise ValueError("over midnight")
    return Slot(facility.moment(day, from_), facility.moment(day, to))


def _wall(text: str) -> tuple[date, time]:
    """`2026-03-09 18:00:00`, local."""
    moment = datetime.strptime(text, LOCAL)  # noqa: DTZ007  # local
    return moment.date(), moment.time()

"""The two ways to ask rec.us for a court; nobody knows which its page uses now (rec.us facts 3.3, 8)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import datetime

from reserve.http import Answer
from reserve.model import Offer
from reserve.systems.reading import Readable, fitting
from reserve.systems.recus.answers import Id, Part

WAYS = {"reservations": "/v1/reservations", "facility-rentals": "/v1/facility-rentals"}
RESERVATIONS, RENTALS = WAYS.values()
ABOUT_WHAT_WAS_ASKED = r"court|site|sport|location|user|participant"  # in a 404 that is not about the way
ELSEWHERE = r"\buse (the |only )?\S*(rental|reservation|/v\d)|deprecated|no longer supported|\bmoved\b"


class _Sport(Part):
    id: Id


class _Court(Part):
    id: Id
    sports: Readable[_Sport]


def site_ids(answer: Answer) -> dict[str, str]:
    """The siteId of each courtSportId, in the answer about a facility (facts 2.1)."""
    courts = fitting(answer.json(), Readable[_Court], "location.courts", "courts") or ()
    return {str(sport.id): str(court.id) for court in courts for sport in court.sports}


def reservation(offer: Offer, player: str | None) -> Mapping[str, object]:
    """What asks for *offer* by its courtSportId; one client of 2026-06 sends the `flow` (facts 3.3 a)."""
    return {
        "courtSportIds": [offer.court.id],
        "participantUserId": player,
        "from": _wall(offer.slot.start),
        "to": _wall(offer.slot.end),
        "flow": "cart",
    }


def rental(offer: Offer, site: str) -> Mapping[str, object]:
    """What asks for *offer* by its siteId, for whoever is signed in (facts 3.3 b)."""
    start, end = (f"{moment:%Y-%m-%d %H:%M:%S}" for moment in (offer.slot.start, offer.slot.end))
    wanted = {
        "timestampRange": f"[{start}, {end})",
        "locationId": offer.court.facility,
        "courtIds": [site],
    }
    return {"data": {"reservation": wanted}}


def is_closed(answer: Answer, said: str) -> bool:
    """Whether a refusal that *said* this means that courts are no longer asked for in this way."""
    if answer.status in (405, 410):
        return True
    if answer.status == 404:
        return not re.search(ABOUT_WHAT_WAS_ASKED, said, re.IGNORECASE)
    return 400 <= answer.status < 500 and bool(re.search(ELSEWHERE, said, re.IGNORECASE))


def _wall(moment: datetime) -> dict[str, str]:
    return {"date": f"{moment:%Y-%m-%d}", "time": f"{moment:%H:%M:%S}"}

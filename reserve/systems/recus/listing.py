"""Reading the player's bookings to the end of their list, and one by one where that says too little."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from typing import Protocol

from reserve import window
from reserve.errors import UnknownAnswer, UnknownRefusal
from reserve.http import Answer, path_to
from reserve.model import Hold, HoldStamp
from reserve.systems.recus.bookings import (
    Included,
    ListedBooking,
    Places,
    booking_in,
    bookings_in,
    places_of,
)
from reserve.systems.recus.orders import id_in

PAGE = 100  # bookings asked for at a time; some answers have 25 all the same (facts 2.2)
PAGES = 20  # nobody has more bookings to look through than that
LOOKED_UP = 10  # bookings that are read one by one, each time the list is read
CITY_ZONE = window.zone("America/Los_Angeles")  # of local times until a facility says its own (facts 2)
EVERYTHING = "?" + "&".join(
    f"include[]={each}" for each in ("reservations", "sites", "locations", "reservationSiteIds")
)


class Get(Protocol):
    """Asks for a path."""

    def __call__(self, path: str, params: dict[str, str] | None = None, /) -> Answer:
        """The good answer; raises what a refusal means."""


@dataclass
class Booked:
    """One booking, where and when it is, None while nobody says; with its order if that is of this run."""

    booking: ListedBooking
    places: Places | None
    order_id: str | None = None

    @property
    def stamp(self) -> HoldStamp | None:
        """When it was made."""
        return HoldStamp(self.booking.created) if self.booking.created else None


class BookingList:
    """What the player has booked, as often as it is read."""

    def __init__(self, get: Get, say: Callable[[str], None]) -> None:
        """Nothing is read yet."""
        self.zone: tzinfo = CITY_ZONE
        self._get, self._say = get, say
        self._holds: dict[str, Hold] = {}  # by the ids of the bookings and reservations that they are
        self._looked_up: dict[tuple[str, str], Places | None] = {}
        self._said: set[str] = set()

    def read(self, player: str | None) -> list[Booked]:
        """Every booking of *player* that was not cancelled; raises what a refusal to list them means."""
        found: list[Booked] = []
        known: set[str] = set()
        seen = new_ones = unreadable = 0
        for number in range(1, PAGES + 1):
            params = {"pg[num]": str(number), "pg[size]": str(PAGE)}
            page = bookings_in(self._get(path_to("/v1/users/{id}/bookings", id=player), params))
            seen += len(page.data)
            listed = [each.value for each in page.data if each.value is not None]
            unreadable += len(page.data) - len(listed)
            new = [each for each in listed if id_in(each.id) not in known]
            new_ones += len(page.data) - len(listed) + len(new)
            known |= {text for each in new if (text := id_in(each.id))}
            included = page.included.value or Included()
            found += [self._booked(each, included) for each in new if not each.canceled_at]
            if is_last := page.is_last(seen) or not new:
                break
        if not is_last or new_ones < (page.total or 0):
            self._say_once(
                f"the list of bookings ends after {new_ones} of them for us; going on without the rest"
            )
        self._say_unreadable(unreadable)
        return found

    def remember(self, hold: Hold, ids: Collection[str]) -> None:
        """What is listed under one of *ids* is the court of *hold*, however little else ties the two."""
        self._holds |= dict.fromkeys(ids, hold)

    def _booked(self, booking: ListedBooking, included: Included) -> Booked:
        places = places_of(booking, included, self.zone)
        ours = next((self._holds[each] for each in booking.ids if each in self._holds), None)
        if ours is None or places == []:
            return Booked(booking, places)
        return Booked(booking, [(ours.offer.court, ours.offer.slot)], ours.order_id)

    def look_up(self, bookings: Sequence[Booked]) -> None:
        """Read those of *bookings* one by one that the list said too little about, the latest first."""
        left, unreadable = LOOKED_UP, 0
        for each in sorted(bookings, key=_relevance):
            booking = each.booking
            if each.places is not None or booking.type == "session":  # a lesson, which needs no court of ours
                continue
            state = str(booking.id), str(booking.updated_at)
            if state not in self._looked_up and left:
                left -= 1
                self._looked_up[state] = self._look_up(booking)
            each.places = self._looked_up.get(state)
            unreadable += each.places is None
        self._say_unreadable(unreadable)

    def _look_up(self, listed: ListedBooking) -> Places | None:
        if not (id_ := id_in(listed.id)):
            return None
        try:
            booking, included = booking_in(self._get(path_to("/v1/bookings/{id}", id=id_) + EVERYTHING))
        except (UnknownRefusal, UnknownAnswer):
            return None
        return [] if booking.canceled_at else places_of(booking, included, self.zone, is_alone=True)

    def _say_unreadable(self, many: int) -> None:
        if many:
            what = "a booking" if many == 1 else f"{many} bookings"
            self._say_once(f"{what} in the player's list cannot be read; going on without")

    def say_strange(self, bookings: Sequence[Booked]) -> None:
        """Name what some of *bookings* are that are neither paid nor wait for that."""
        for word in sorted({str(each.booking.status) for each in bookings} - {"confirmed", "pending"}):
            self._say_once(f"a booking whose status is {word[:40]!r} counts for nothing here")

    def _say_once(self, text: str) -> None:
        if text not in self._said:
            self._said.add(text)
            self._say(text)


def _relevance(each: Booked) -> tuple[bool, float]:
    """What lies ahead first, and of that what was booked last."""
    booked = each.booking.created
    return each.booking.is_past, -booked.timestamp() if booked else 0.0

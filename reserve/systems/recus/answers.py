"""What rec.us publishes, as far as we read it.

Of an `object` only its truth counts, or what it equals.
"""

from __future__ import annotations

from typing import Annotated

from msgspec import Meta, Struct

from reserve.systems.reading import NOTHING, Amount, Maybe, Readable

Days = Annotated[int, Meta(ge=0, le=1000)]  # ahead
Hours = Annotated[float, Meta(ge=0, le=24_000)]  # ahead; whole ones, as a rule
Minutes = Annotated[float, Meta(gt=0, le=24 * 60)]
Buffer = Annotated[int, Meta(ge=0, le=24_000 * 60)]  # minutes before the start
Id = int | str


class Part(Struct, rename="camel"):
    """A part of an answer."""


class Named(Part):
    """One facility in the list of all (facts 2.4)."""

    id: str
    name: str


class FixedSlot(Part):
    """A slot that a court has every week (facts 2.3, 2.8)."""

    day_of_week: int  # 1 is Monday
    start_time_local: str
    end_time_local: str


class Policy(Part):
    """A rule of a court, in its `config.bookingPolicies`."""

    type: object = None
    is_active: object = None
    slots: Readable[FixedSlot] | None = None


class DefaultPrice(Part):
    """What a court costs where no rule says otherwise."""

    type: str
    cents: Amount


class CourtSport(Part):
    """One sport on a court; a reservation asks for its `id`, the courtSportId (facts 2.1)."""

    id: str
    sport_id: str


class ReservationWindow(Part):
    """How far ahead a court can be reserved, in the newer form (facts 2.3, 2.7)."""

    max_hours: Hours
    min_hours: Maybe[Hours] = NOTHING
    release_time_local: str | None = None


class PublishedCourt(Part):
    """One court (facts 2.3)."""

    court_number: str  # its name
    archived_at: object = None
    is_instant_bookable: object = None  # a bool or null
    sports: Readable[CourtSport] | None = None
    config: object = None
    max_reservation_time: Maybe[str] = NOTHING
    allowed_reservation_durations: object = None
    reservation_windows: object = None
    default_reservation_window_days: Maybe[Days] = NOTHING
    reservation_release_time_local: Maybe[str] = NOTHING
    reservation_buffer_minutes_override: Maybe[Buffer] = NOTHING


class Facility(Part):
    """One facility (facts 2.3)."""

    name: str
    timezone: str
    courts: Readable[PublishedCourt]
    id: Maybe[Id] = NOTHING
    default_reservation_window: Maybe[Days] = NOTHING
    reservation_release_time_local: Maybe[str] = NOTHING
    reservation_buffer: Maybe[Buffer] = NOTHING
    reservation_requires_verification: object = None
    formatted_address: Maybe[str] = NOTHING


class FreeTicks(Part):
    """The half hours at which a court is said to be free (facts 2.4)."""

    court_number: object
    available_slots: list[object]


class CourtDay(Part):
    """A court's day in the schedule, its pieces by their span: "09:00, 19:30" (facts 2.5)."""

    court_number: object = None
    schedule: dict[str, object] = {}

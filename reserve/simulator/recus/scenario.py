"""What one simulated rec.us is like: switches that the facts leave open, and how it words a refusal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import date, datetime, time, timedelta
from typing import Any, Self

from reserve.simulator.scenario import Scenario

SHAPES = ("2025", "2026", "data-order", "bare")  # facts 3.3
WINDOWS = ("days", "courts", "rolling")  # facts 2.7
SEASONS = (  # nobody has recorded which (facts 2.8)
    "edited",  # the policy is edited for the week that opens
    "by-date",  # the policy has them all year; `availableSlots` and the schedule are right for the day
)
BRACKETS = ("literal", "any")  # facts 2.2
TIES = ("rental", "reservation", "nothing")  # what ties a booking to its reservation (facts 3.5)
BOOKINGS_SHAPES = ("recorded", "bare")
# Facts 1.2; one that mixes them all, and one with none of their words.
DIALOGS = ("A", "B", "C", "D", "mixed", "changed")
MOST_COURTS = 32


@dataclass(frozen=True)
class Wording:
    """How a refusal looks: status, type and message of the common error body."""

    status: int
    type: str
    message: str


# Refusals by what they mean. Only E_INVALID_BODY was seen; those marked "claimed" are a third party's word
# (facts 4), the rest is guessed (facts 8), and any can be replaced by `RecUsScenario.wordings`. {day} is the
# day asked for.
WORDINGS: Mapping[str, Wording] = {
    "stranger": Wording(401, "E_UNAUTHORIZED", "Authentication required"),  # claimed
    "invalid-body": Wording(422, "E_INVALID_BODY", "The request body is invalid"),  # seen
    # The status was seen (facts 2.2); the body was not kept.
    "encoded-brackets": Wording(400, "E_INVALID_REQUEST", "The query is invalid"),
    "forbidden": Wording(403, "E_FORBIDDEN", "You are not allowed to do this"),  # claimed
    "not-found": Wording(404, "E_NOT_FOUND", "Not found"),
    "unknown-court": Wording(404, "E_COURT_NOT_FOUND", "Court not found"),
    "policy": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation violates the site's booking policy"),
    # Guessed: rec.us may have moved on to rentals.
    "no-discount": Wording(400, "E_INVALID_REQUEST", "The discount code is not valid"),
    "moved": Wording(410, "E_GONE", "Use facility-rentals"),
    "not-instant": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "The site is not instantly bookable"),
    "attendees": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "Attendee count exceeds site capacity"),  # claimed
    "past": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation lies in the past"),
    "early": Wording(
        400, "E_INELIGIBLE_SITE_BOOKING", "The reservation is outside of the reservation window"
    ),
    "buffer": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation starts too soon"),
    "taken": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "Court already reserved at this time"),
    "daily-limit": Wording(
        400, "E_INELIGIBLE_SITE_BOOKING", "Daily booking limit of 1 reached for {day}"
    ),  # claimed
    "weekly-limit": Wording(400, "E_INELIGIBLE_SITE_BOOKING", "Weekly booking limit of 3 reached for {day}"),
    "second-hold": Wording(
        400, "E_INELIGIBLE_SITE_BOOKING", "You have another pending reservation for {day}"
    ),
    "not-verified": Wording(403, "E_VERIFICATION_REQUIRED", "Phone verification required"),
    "wrong-code": Wording(400, "E_INVALID_CODE", "Invalid verification code"),
    "expired-code": Wording(400, "E_INVALID_CODE", "Verification code expired"),
    "expired-order": Wording(400, "E_ORDER_EXPIRED", "The order has expired"),
    "paid-already": Wording(400, "E_INVALID_REQUEST", "The order is already paid"),
    "not-pending": Wording(400, "E_INVALID_REQUEST", "The order is not pending"),
}


@dataclass(frozen=True, kw_only=True)
class RecUsScenario(Scenario):
    """What one simulated rec.us is like."""

    timezone: str = "America/Los_Angeles"
    length: timedelta = timedelta(minutes=90)
    facility: str = "Alice Marble"
    courts: int = 3  # "Court 1".."Court n" open on `opens_at`; one more is a 2-day, 12:00, 60-minute court
    credit_cents: int = 0
    card: str = "visa"  # or "requires-action", "declined", "none"
    shape: str = "2026"  # of the answer to a hold
    hold_length: timedelta | None = timedelta(minutes=10)
    stamps_ahead: timedelta = timedelta()  # the clock in the answer to a hold, of the one that decides
    verify: str = "before"  # the hold, "after" it (before pay), or "never" (facts 3.2)
    publishes_verification: bool | None = None  # `reservationRequiresVerification`; None: the truth
    dialog: str = "D"
    page_pause: timedelta = timedelta(milliseconds=150)  # before the page shows what was clicked for
    consent_banner: bool = False  # over the whole page
    late_field: timedelta = timedelta()  # so much later than the password the field for the address appears
    guest_token: bool = False  # visitors have an `access_token` before they log in
    cookie_http_only: bool = False
    cookie_delay: timedelta = timedelta(milliseconds=200)  # between the sign-in and the cookie
    wordings: Mapping[str, Wording] = field(default_factory=dict)  # replaces entries of WORDINGS
    one_cart: bool = False  # all holds of the player are items of one order
    # Between the answer to a hold and its payment, and in what is read of it.
    price_rises: int = 0  # cents, once the hold is answered
    refuses_other_amounts: bool = True  # than the order costs; else that is charged, whatever was sent
    order_says: Callable[[dict[str, Any]], Mapping[str, object]] = (
        lambda order: {}
    )  # otherwise, when it is read
    payment_says: Mapping[str, object] = field(default_factory=dict)  # otherwise than the truth
    rentals_only: bool = False  # courts are asked for as rentals only (facts 3.3 b)
    bookings: tuple[tuple[date, time], ...] = ()  # what the player has reserved already, elsewhere
    past_bookings: int = 0  # one a week, until two weeks ago
    lessons: int = 0  # bookings of long ago without a court
    reservation_canceled: bool = False  # of a booking of the wanted slot, which itself is not
    # How bookings are listed (facts 3.5).
    bookings_shape: str = "recorded"  # or "bare": no more than a list, numbers as ids, money as text
    ties: str = "rental"  # one of TIES
    most_bookings_a_page: int = 100
    lists_rentals: bool = False  # with the bookings; they are confirmed from the beginning
    # What is published, and how it may be read.
    windows: str = "days"  # in fields of their own; rows of "courts" with a time; "rolling" rows without one
    buffer: timedelta = timedelta()  # between asking for a slot and its start (facts 2.3)
    unclear_court: bool = False  # the first court publishes no window, and cannot be reserved
    shared_ground: bool = False  # the first court has pickleball courts on its ground; a rival takes one
    out_of_season: bool = False  # the wanted slot exists only in the season which the wanted day is not in
    season: str = "edited"  # how slots of one season are published: one of SEASONS
    brackets: str = "literal"  # of a query: refused when encoded, or "any" are understood
    firewalled_reads: bool = False  # costly reads want `Sec-Fetch-Mode: cors` (facts 5.4)

    def __post_init__(self) -> None:
        """Refuse a scenario that makes no sense."""
        super().__post_init__()
        if not 1 <= self.courts <= MOST_COURTS:
            raise ValueError(f"there can be 1 to {MOST_COURTS} courts, not {self.courts}")
        words = (
            (self.shape, SHAPES),
            (self.dialog, DIALOGS),
            (self.windows, WINDOWS),
            (self.season, SEASONS),
            (self.brackets, BRACKETS),
            (self.ties, TIES),
            (self.bookings_shape, BOOKINGS_SHAPES),
        )
        for word, allowed in words:
            if word not in allowed:
                raise ValueError(f"{word!r} is none of {', '.join(allowed)}")

    @classmethod
    def opening(cls, opens_at: datetime, **settings: Any) -> Self:
        """A scenario of what opens at *opens_at*: at 18:00, or earlier while it is dark then (facts 2.8)."""
        scenario = super().opening(opens_at, **settings)
        is_summer = bool(scenario.slot.start.dst())
        return scenario if is_summer or "start" in settings else scenario.changed(start=time(16, 30))

    def wording(self, meaning: str) -> Wording:
        """How this scenario words a refusal."""
        return self.wordings.get(meaning) or WORDINGS[meaning]

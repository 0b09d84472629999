"""One scenario of the simulated rec.us: every switch that the facts leave open, and what may go wrong."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from typing import ClassVar

from reserve.simulator.club import Scenario
from reserve.simulator.recus.faults import FAULTS

SHAPES = ("2025", "2026", "data-order", "bare")  # rec.us facts 3.3
DIALOGS = ("B", "C", "D")  # rec.us facts 1.2
VERIFY = ("before", "after", "never")  # rec.us facts 3.2
MOST_COURTS = 32


@dataclass(frozen=True)
class Answer:
    """How a refusal looks: status, type and message of the common error body."""

    status: int
    type: str
    message: str


# Refusals by name. Only those marked "recorded" were ever seen; the rest is guessed (rec.us facts 4, 8) and
# any of them can be replaced by `RecUsScenario.answers`. {day} stands for the wanted day.
ANSWERS: Mapping[str, Answer] = {
    "stranger": Answer(401, "E_UNAUTHORIZED", "Authentication required"),  # recorded
    "invalid-body": Answer(422, "E_INVALID_BODY", "The request body is invalid"),  # recorded
    "forbidden": Answer(403, "E_FORBIDDEN", "You are not allowed to do this"),  # recorded
    "not-found": Answer(404, "E_NOT_FOUND", "Not found"),
    "unknown-court": Answer(404, "E_COURT_NOT_FOUND", "Court not found"),
    "policy": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation violates the site's booking policy"),
    "past": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation lies in the past"),
    "early": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "The reservation is outside of the reservation window"),
    "taken": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "Court already reserved at this time"),
    "daily-limit": Answer(
        400, "E_INELIGIBLE_SITE_BOOKING", "Daily booking limit of 1 reached for {day}"
    ),  # recorded
    "weekly-limit": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "Weekly booking limit of 3 reached for {day}"),
    "second-hold": Answer(400, "E_INELIGIBLE_SITE_BOOKING", "You have another pending reservation for {day}"),
    "not-verified": Answer(403, "E_VERIFICATION_REQUIRED", "Phone verification required"),
    "wrong-code": Answer(400, "E_INVALID_CODE", "Invalid verification code"),
    "expired-code": Answer(400, "E_INVALID_CODE", "Verification code expired"),
    "expired-order": Answer(400, "E_ORDER_EXPIRED", "The order has expired"),
    "paid-already": Answer(400, "E_INVALID_REQUEST", "The order is already paid"),
    "not-pending": Answer(400, "E_INVALID_REQUEST", "The order is not pending"),
}


@dataclass(frozen=True, kw_only=True)
class RecUsScenario(Scenario):
    """What one simulated rec.us is like."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    courts: int = 3  # "Court 1".."Court n" open on `opens_at`; one more is a 2-day, 12:00, 60-minute court
    price_cents: int = 0  # per hour; San Francisco asks 500 in 2026
    credit_cents: int = 0
    shape: str = "2026"  # of the answer to a hold
    dialog: str = "D"
    verify: str = "before"  # the hold, "after" it (before pay), or "never"
    start: time = time(18, 0)  # the slot that rivals want, and that `already-reserved` is about
    facility: str = "Alice Marble"
    timezone: str = "America/Los_Angeles"
    answers: Mapping[str, Answer] = field(default_factory=dict)  # replaces entries of ANSWERS
    limit_counts_holds: bool = False  # does an unpaid hold count against the daily limit?
    parallel_holds: bool = True  # may one player hold two courts on one day?
    bookings: tuple[tuple[date, time], ...] = ()  # what the player has reserved already, elsewhere
    has_the_slot: bool = False  # the player has reserved the wanted slot already
    hold_length: timedelta = timedelta(minutes=10)
    code_length: int = 6
    code_valid_for: timedelta = timedelta(seconds=120)
    verified_for: timedelta = timedelta(minutes=5)
    publishes_verification: bool | None = None  # `reservationRequiresVerification`; None: the truth
    texts: str = "prompt"  # how the phone delivers: one of phone.HABITS
    text_payload: str = "rental"  # or "one-time" (SMS facts 1)
    card: str = "visa"  # or "requires-action", "declined", "none"
    refuses_password: bool = False
    cookie_http_only: bool = False
    cookie_delay: timedelta = timedelta(milliseconds=200)  # between the sign-in and the cookie

    def __post_init__(self) -> None:
        """Refuse a scenario that cannot be told."""
        super().__post_init__()
        if not 1 <= self.courts <= MOST_COURTS:
            raise ValueError(f"there can be 1 to {MOST_COURTS} courts, not {self.courts}")
        if self.price_cents < 0:
            raise ValueError("--price: nobody is paid for playing")
        for word, allowed in ((self.shape, SHAPES), (self.dialog, DIALOGS), (self.verify, VERIFY)):
            if word not in allowed:
                raise ValueError(f"{word!r} is none of {', '.join(allowed)}")

    def answer(self, name: str) -> Answer:
        """The refusal of this name, as this scenario words it."""
        return self.answers.get(name) or ANSWERS[name]

"""What can go wrong at the simulated rec.us, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import Any

from reserve.simulator.faults import JSON, Fault
from reserve.simulator.usual import OF_TEXTS, NamedFault, strike, switch, usual

HOLD = "POST /v1/reservations"
RENT = "POST /v1/facility-rentals"  # the other way to ask for a court
PAY = "POST /v1/orders/*/pay"
RELEASE = "DELETE /v1/orders/*"
BOOKINGS = "GET /v1/users/*/bookings"
SEND = "POST /v1/users/mobile-totp/send"


def _other_than_hold(method: str, path: str) -> bool:
    """Is this another request of a signed-in player?"""
    mine = ("/v1/users/", "/v1/orders", "/v2/orders", "/v1/bookings/")
    return path.startswith(mine) and not _hold(method, path)


def _hold(method: str, path: str) -> bool:
    """Does this request ask for a court, in either way (facts 3.3)?"""
    return f"{method} {path}" in (HOLD, RENT)


def _refusal(status: int, type_: str, message: str) -> dict[str, Any]:
    return {"status": status, "body": json.dumps({"type": type_, "message": message}), "content_type": JSON}


def _another_time(scenario: Any) -> Mapping[str, object]:
    start = time(7, 30) if scenario.start != time(7, 30) else time(18, 0)
    return {"bookings": (*scenario.bookings, (scenario.day, start))}


def _three_other_days(scenario: Any) -> Mapping[str, object]:
    monday: date = scenario.day - timedelta(days=scenario.day.weekday())
    week = [monday + timedelta(days=number) for number in range(7)]
    others = tuple((day, time(18, 0)) for day in week if day != scenario.day)
    return {"bookings": scenario.bookings + others[-3:]}


TOO_MANY = _refusal(429, "E_TOO_MANY", "Too many requests")
FAULTS: dict[str, NamedFault] = {
    **OF_TEXTS,
    **usual(_hold, slow_too=_other_than_hold, without=("taken-first",)),
    "throttled": strike(
        "the first three requests for a court are answered 429 with Retry-After: 1",
        Fault(_hold, 1, "status", times=3, headers={"Retry-After": "1"}, **TOO_MANY),
    ),
    "lost-pay-answer": strike(
        "the order is paid, and the connection cut before the answer",
        Fault(PAY, 1, "cut-after", only_done=True),
    ),
    "daily-limit": switch("the player has a reservation at another time of that day", _another_time),
    "weekly-limit": switch("the player has three reservations in that week", _three_other_days),
    "priced": switch(
        "a court costs 500 cents an hour", lambda scenario: {"price_cents": scenario.price_cents or 500}
    ),
    "price-rises": switch("a court costs 5.00 more than when it was held", price_rises=500),
    "hold-lapses": switch("a hold lapses after one second", hold_length=timedelta(seconds=1)),
    "send-refused": strike(
        "asking for a code is answered 400",
        Fault(SEND, 0, "status", **_refusal(400, "E_INVALID_REQUEST", "Could not send the code")),
    ),
    "release-fails-once": strike(
        "the first release is answered 503", Fault(RELEASE, 1, "status", status=503)
    ),
    "bookings-unreadable": strike(
        "the list of bookings is answered 400",
        Fault(BOOKINGS, 0, "status", **_refusal(400, "E_INVALID_REQUEST", "The query is invalid")),
    ),
    "proxy-clock": switch(
        "the header Date is that of a proxy, 30 ms ahead of the clock that decides",
        date_ahead=timedelta(milliseconds=30),
    ),
    "rolling-window": switch(
        "slots open one by one, so many hours ahead, and not within two hours of their start",
        windows="rolling",
        buffer=timedelta(minutes=120),
    ),
    "court-windows": switch(
        "each court has windows of its own, and the first a longer one for a group of others",
        windows="courts",
    ),
    "court-unclear": switch(
        "each court has windows of its own, but the first, which is never open",
        lambda scenario: {
            "unclear_court": True,
            "windows": "courts" if scenario.windows == "days" else scenario.windows,
        },
    ),
    "overlapping-courts": switch(
        "pickleball courts lie on the first court, and a rival takes one of them", shared_ground=True
    ),
    "winter-slot": switch(
        "the wanted slot is not there in the season of the wanted day", out_of_season=True, start=time(18)
    ),
    "literal-brackets": switch("encoded brackets in a query are answered 400, as always", brackets="literal"),
    "any-brackets": switch("encoded brackets in a query are understood", brackets="any"),
    "schedule-behind-firewall": switch(
        "a firewall answers costly reads without Sec-Fetch-Mode: cors", firewalled_reads=True
    ),
    "one-hold-only": switch(
        "who holds a court is refused another one at that time, because of the first", parallel_holds=False
    ),
    "one-cart": switch("all courts that the player holds are items of one order", one_cart=True),
    "rentals-only": switch("courts can be asked for as rentals only", rentals_only=True),
    "rental-confirmed-unpaid": switch(
        "a court is a rental that is called confirmed, also in the list of bookings, before anything is paid",
        lambda scenario: {
            "rentals_only": True,
            "lists_rentals": True,
            "price_cents": scenario.price_cents or 500,
        },
    ),
    "tied-by-rental": switch(
        "the list of bookings ties them to reservations by their rental only, and has a lesson too",
        ties="rental",
        lessons=1,
    ),
    "tied-by-nothing": switch(
        "the list of bookings does not say which reservation is whose, and has a lesson too",
        ties="nothing",
        lessons=1,
    ),
    "reservation-cancelled": switch(
        "the player had this very slot: the reservation is cancelled, the booking is not",
        reservation_canceled=True,
    ),
    "pages-of-25": switch(
        "bookings come in pages of 25, and the player has reserved this very slot, on the second page",
        most_bookings_a_page=25,
        past_bookings=30,
        has_the_slot=True,
    ),
    "bare-bookings": switch(
        "the list of bookings is nothing but a list, ids are numbers, and money is text",
        bookings_shape="bare",
    ),
    "changed-dialog": switch("the log-in dialog has none of the words that are known", dialog="changed"),
    "consent-banner": switch("a wall that wants consent lies over the pages", consent_banner=True),
    "late-field": switch(
        "the field for the e-mail address appears a second and a half after the one for the password",
        late_field=timedelta(seconds=1.5),
    ),
    "guest-token": switch("visitors have a token before they log in", guest_token=True),
    "page-fails-once": strike("the first page is answered 503", Fault("GET /", 1, "status", status=503)),
    "slow-release": strike("a release takes three seconds", Fault(RELEASE, 0, "delay")),
}

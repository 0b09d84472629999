"""What can go wrong at the simulated rec.us, by name."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import date, time, timedelta
from typing import TYPE_CHECKING, Any

from reserve.simulator.faults import COMMON, HTML_403, JSON, Fault, Switch

if TYPE_CHECKING:
    from reserve.simulator.recus.scenario import RecUsScenario

HOLD = "POST /v1/reservations"
PAY = "POST /v1/orders/*/pay"
RELEASE = "DELETE /v1/orders/*"
SEND = "POST /v1/users/mobile-totp/send"

FAULTS: dict[str, str] = {
    "late-sms": "the text arrives two seconds after the opening",
    "stale-sms": "an old text arrives first, the right one later",
    "no-sms": "no text arrives",
    "duplicate-sms": "every text arrives twice",
    "wrong-code-first": "two texts arrive, the first with a wrong code",
    "slow-server": "the API takes two seconds to answer a signed-in player, three for a hold",
    "lost-answer": "the first hold is made, and the connection cut before the answer",
    "lost-pay-answer": "the order is paid, and the connection cut before the answer",
    "server-errors": "the first two requests for a hold are answered 500 with a page of HTML",
    "throttled": "the first three requests for a hold are answered 429 with Retry-After: 1",
    "firewall": "a firewall answers every request for a hold with 403 and a page of HTML",
    "token-refused": "the API answers 401 to everything a signed-in player asks",
    "unknown-body": "requests for a hold are answered 200 with a body nobody knows, and nothing is held",
    "unknown-refusal": "requests for a hold are refused for a reason nobody knows",
    "wrong-password": "the sign-in is refused",
    "clock-ahead": "the server's clock is up to a second ahead of the true time",
    "clock-behind": "the server's clock is up to a second behind the true time",
    "opens-late": "the window opens 0.7 s later than published",
    "daily-limit": "the player has a reservation at another time of that day",
    "weekly-limit": "the player has three reservations in that week",
    "already-reserved": "the player has reserved this very slot",
    "all-taken": "rivals take every court at the very opening",
    "full": "rivals take every court at the very opening; one gives Court 1 up within half a minute",
    "priced": "a court costs 500 cents an hour",
    "hold-lapses": "a hold lapses after one second",
    "send-refused": "asking for a code is answered 400",
    "release-fails-once": "the first release is answered 503",
    "slow-release": "a release takes three seconds",
}


def for_signed_in(method: str, path: str) -> bool:
    """Is this an API request that needs a token?"""
    return path.startswith(("/v1/users/", "/v1/reservations", "/v1/orders", "/v2/orders", "/v1/bookings/"))


def _other_than_hold(method: str, path: str) -> bool:
    return for_signed_in(method, path) and path != "/v1/reservations"


def _refusal(status: int, type_: str, message: str) -> dict[str, Any]:
    body = {
        "correlationId": "00000000-0000-4000-8000-000000000900",
        "message": message,
        "obstructions": [],
        "type": type_,
    }
    return {"status": status, "body": json.dumps(body), "content_type": JSON}


# Faults of the wire.
TROUBLE: Mapping[str, tuple[Fault, ...]] = {
    "slow-server": (
        Fault(HOLD, 0, "delay"),
        Fault(_other_than_hold, 0, "delay", delay=timedelta(seconds=2)),
    ),
    "lost-answer": (Fault(HOLD, 1, "cut-after", only_done=True),),
    "lost-pay-answer": (Fault(PAY, 1, "cut-after", only_done=True),),
    "server-errors": (Fault(HOLD, 1, "status", times=2),),
    "throttled": (
        Fault(
            HOLD,
            1,
            "status",
            times=3,
            headers={"Retry-After": "1"},
            **_refusal(429, "E_TOO_MANY", "Too many requests"),
        ),
    ),
    "firewall": (Fault(HOLD, 0, "status", status=403, body=HTML_403),),
    "token-refused": (
        Fault(for_signed_in, 0, "status", **_refusal(401, "E_UNAUTHORIZED", "Authentication required")),
    ),
    "unknown-body": (
        Fault(HOLD, 0, "status", status=200, body='{"result": {"state": "queued"}}', content_type=JSON),
    ),
    "unknown-refusal": (
        Fault(HOLD, 0, "status", **_refusal(400, "E_TRY_THE_OTHER_DESK", "Computer says no")),
    ),
    "send-refused": (
        Fault(SEND, 0, "status", **_refusal(400, "E_INVALID_REQUEST", "Could not send the code")),
    ),
    "release-fails-once": (Fault(RELEASE, 1, "status", status=503),),
    "slow-release": (Fault(RELEASE, 0, "delay"),),
}


def _another_time(scenario: RecUsScenario) -> time:
    return time(7, 30) if scenario.start != time(7, 30) else time(18, 0)


def _three_other_days(scenario: RecUsScenario) -> tuple[tuple[date, time], ...]:
    monday = scenario.day - timedelta(days=scenario.day.weekday())
    week = [monday + timedelta(days=number) for number in range(7)]
    return tuple((day, time(18, 0)) for day in week if day != scenario.day)[-3:]


SWITCHES: Mapping[str, Switch] = {
    **COMMON,
    "late-sms": lambda scenario: {"texts": "late"},
    "stale-sms": lambda scenario: {"texts": "stale"},
    "no-sms": lambda scenario: {"texts": "none"},
    "duplicate-sms": lambda scenario: {"texts": "twice"},
    "wrong-code-first": lambda scenario: {"texts": "wrong-first"},
    "wrong-password": lambda scenario: {"refuses_password": True},
    "daily-limit": lambda scenario: {
        "bookings": (*scenario.bookings, (scenario.day, _another_time(scenario)))
    },
    "weekly-limit": lambda scenario: {"bookings": scenario.bookings + _three_other_days(scenario)},
    "already-reserved": lambda scenario: {"has_the_slot": True},
    "priced": lambda scenario: {"price_cents": scenario.price_cents or 500},
    "hold-lapses": lambda scenario: {"hold_length": timedelta(seconds=1)},
}

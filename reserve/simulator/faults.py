"""What can go wrong, by name, and the layer before the simulated system that makes it happen."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field
from datetime import date, time, timedelta
from fnmatch import fnmatch
from io import BytesIO
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from werkzeug.wrappers import Response

from reserve.simulator.ledger import Sent

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

    from reserve.simulator.scenario import Scenario
    from reserve.simulator.twin import Story

S = TypeVar("S", bound="Story")

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

HTML_500 = "<html><head><title>500 Internal Server Error</title></head><body><h1>Sorry</h1></body></html>"
HTML_403 = (
    "<html><head><title>403 Forbidden</title></head>"
    "<body><center><h1>403 Forbidden</h1></center><hr><center>awselb/2.0</center></body></html>"
)
PATIENCE = timedelta(seconds=15)  # no client waits longer for an answer
HTML = "text/html"
JSON = "application/json"


class CutConnection(ConnectionError):
    """The connection is cut without an answer; raised through the WSGI app, a closed socket over `serve`."""


class NoConnection(CutConnection):
    """No connection comes about at all; over `serve`, where it has come about, it is cut."""


@dataclass(frozen=True)
class Fault:
    """What happens to the *nth* matching request (and the `times - 1` after it; nth=0: to every one).

    `match` is a pattern such as "POST /v1/orders/*/pay", or a function of method and path. Kinds:
    refused (nothing arrives), held-up (arrives late), cut-before (nothing done, no answer), cut-after (done,
    no answer), delay (done, answered late), status (nothing done, this status and body), answer (done, but
    this status and body), body-not-json and truncated (done, but the answer is spoilt). With `only_done`,
    requests that were refused are not counted.
    """

    match: str | Callable[[str, str], bool]
    nth: int
    kind: str
    times: int = 1
    delay: timedelta = timedelta(seconds=3)
    status: int = 500
    body: str = HTML_500
    content_type: str = HTML
    headers: Mapping[str, str] = field(default_factory=dict)
    only_done: bool = False

    def concerns(self, method: str, path: str) -> bool:
        """Is this a request the fault is about?"""
        if callable(self.match):
            return self.match(method, path)
        return fnmatch(f"{method} {path}", self.match)

    @property
    def loses_the_answer(self) -> bool:
        """Does the client not learn what became of its request?"""
        if self.kind in ("delay", "refused"):
            return self.kind == "delay" and self.delay >= PATIENCE
        return self.kind != "status" or not 400 <= self.status < 500

    def strikes(self, count: int) -> bool:
        """Does it strike the *count*-th matching request?"""
        return self.nth == 0 or self.nth <= count < self.nth + self.times


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


def _another_time(scenario: Scenario) -> time:
    return time(7, 30) if scenario.start != time(7, 30) else time(18, 0)


def _three_other_days(scenario: Scenario) -> tuple[tuple[date, time], ...]:
    monday = scenario.day - timedelta(days=scenario.day.weekday())
    week = [monday + timedelta(days=number) for number in range(7)]
    return tuple((day, time(18, 0)) for day in week if day != scenario.day)[-3:]


Switch = Callable[[Any], dict[str, Any]]


def _drawn(story: Story) -> timedelta:
    return timedelta(milliseconds=Random(f"{story.seed}/clock").randint(200, 1000))


def _soon(story: Story) -> timedelta:
    return timedelta(seconds=Random(f"{story.seed}/frees").uniform(12, 28))


# Faults that every story can have: its switches, set otherwise.
COMMON: Mapping[str, Switch] = {
    "clock-ahead": lambda story: {"clock_offset": _drawn(story)},
    "clock-behind": lambda story: {"clock_offset": -_drawn(story)},
    "opens-late": lambda story: {"opens_late": timedelta(seconds=0.7)},
    "all-taken": lambda story: {"all_taken": True},
    "full": lambda story: {"all_taken": True, "frees_after": _soon(story)},
}
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


def told(
    story: S, switches: Mapping[str, Switch], trouble: Mapping[str, Sequence[Fault]]
) -> tuple[S, list[Fault]]:
    """The story with its named faults worked in, and the faults that are left for the wire."""
    wire: list[Fault] = []
    for fault in story.faults:
        if isinstance(fault, Fault):
            wire.append(fault)
        elif fault in switches:
            story = story.changed(**switches[fault](story))
        else:
            wire.extend(trouble[fault])
    return story, wire


class Wire:
    """A WSGI layer through which every request passes: applies the faults, and lets one in at a time."""

    def __init__(
        self,
        app: WSGIApplication,
        faults: list[Fault],
        *,
        lock: AbstractContextManager[Any],
        latency: timedelta,
        sleep: Callable[[timedelta], None],
        date: Callable[[], str],
        sent: Callable[[str, str], Sent],
        seen: Callable[[str, str], None],
        swallowed: Callable[[str, str, bytes, Fault], None],
    ) -> None:
        """Stand before *app*.

        Of a request *sent* hears at once, *seen* when it arrives, *swallowed* if it never gets to the app.
        """
        self.app, self.faults, self.lock = app, faults, lock
        self.latency, self.sleep = latency, sleep
        self.date, self.sent, self.seen, self.swallowed = date, sent, seen, swallowed
        self.counts = [0] * len(faults)

    def __call__(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        """Answer one request, or raise CutConnection."""
        method, path = environ["REQUEST_METHOD"], environ["PATH_INFO"]
        body = environ["wsgi.input"].read(int(environ.get("CONTENT_LENGTH") or 0))
        environ["wsgi.input"] = BytesIO(body)
        with self.lock:
            struck = self._struck(method, path, only_done=False)
            sent = self.sent(method, path)
            sent.is_lost = any(fault.loses_the_answer for fault in struck)
        if any(fault.kind == "refused" for fault in struck):
            raise NoConnection(f"{method} {path}")
        self._pause(_length(struck, "held-up") + self.latency / 2)
        with self.lock:
            self.seen(method, path)
            before = next((fault for fault in struck if fault.kind in ("cut-before", "status")), None)
            if before is not None:
                self.swallowed(method, path, body, before)
                response = _reply(before)
            else:
                response = Response.from_app(self.app, environ, buffered=True)
                if response.status_code < 300:
                    struck += self._struck(method, path, only_done=True)
                    sent.is_lost = any(fault.loses_the_answer for fault in struck)
                response = _spoilt(response, struck)
        self._pause(_length(struck, "delay") + self.latency / 2)
        if any(fault.kind in ("cut-before", "cut-after") for fault in struck):
            raise CutConnection(f"{method} {path}")
        response.headers["Date"] = self.date()
        return response(environ, start_response)

    def _struck(self, method: str, path: str, *, only_done: bool) -> list[Fault]:
        struck = []
        for place, fault in enumerate(self.faults):
            if fault.only_done == only_done and fault.concerns(method, path):
                self.counts[place] += 1
                if fault.strikes(self.counts[place]):
                    struck.append(fault)
        return struck

    def _pause(self, length: timedelta) -> None:
        if length:
            self.sleep(length)


def _length(struck: list[Fault], kind: str) -> timedelta:
    return sum((fault.delay for fault in struck if fault.kind == kind), timedelta(0))


def _reply(fault: Fault) -> Response:
    return Response(fault.body, fault.status, dict(fault.headers), content_type=fault.content_type)


def _spoilt(response: Response, struck: list[Fault]) -> Response:
    """The answer as the faults leave it."""
    for fault in struck:
        if fault.kind == "answer":
            response = _reply(fault)
        elif fault.kind == "body-not-json":
            response.set_data("this is not JSON {")
        elif fault.kind == "truncated":
            whole = response.get_data()
            response.set_data(whole[: len(whole) // 2])
            response.automatically_set_content_length = False
            response.headers["Content-Length"] = str(len(whole))
    return response

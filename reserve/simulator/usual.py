"""The faults that every simulated booking system can have, by name; a system adds its own."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import timedelta
from random import Random
from typing import Any

from reserve.simulator.faults import HTML_403, JSON, Fault, Match

TWO_SECONDS = timedelta(seconds=2)
UNKNOWN_BODY = '{"result": {"state": "queued"}}'
UNKNOWN_REFUSAL = '{"type": "E_TRY_THE_OTHER_DESK", "message": "Computer says no"}'

Change = Callable[[Any], Mapping[str, object]]  # of a scenario: the fields that are otherwise


@dataclass(frozen=True)
class NamedFault:
    """What `--fault NAME` does: requests are struck, or the scenario is another."""

    meaning: str
    strikes: tuple[Fault, ...] = ()
    change: Change | None = None


def strike(meaning: str, *strikes: Fault) -> NamedFault:
    """A fault that strikes requests."""
    return NamedFault(meaning, strikes)


def switch(meaning: str, change: Change | None = None, /, **fields: object) -> NamedFault:
    """A fault that sets *fields* of the scenario, or those that *change* works out from it."""
    return NamedFault(meaning, change=change or (lambda scenario: fields))


def _drawn(scenario: Any) -> timedelta:
    return timedelta(milliseconds=Random(f"{scenario.seed}/clock").randint(200, 1000))


def _soon(scenario: Any) -> Mapping[str, object]:
    seconds = Random(f"{scenario.seed}/frees").uniform(12, 28)
    return {"all_taken": True, "frees_after": timedelta(seconds=seconds)}


# Those that change the scenario.
SWITCHES: Mapping[str, NamedFault] = {
    "wrong-password": switch("the sign-in is refused", refuses_password=True),
    "token-refused": switch("every request of the player is refused, whatever the token", believes=False),
    "clock-ahead": switch(
        "the server's clock is up to a second ahead of the true time",
        lambda scenario: {"clock_offset": _drawn(scenario)},
    ),
    "clock-behind": switch(
        "the server's clock is up to a second behind the true time",
        lambda scenario: {"clock_offset": -_drawn(scenario)},
    ),
    "opens-late": switch("the window opens 0.7 s later than published", opens_late=timedelta(seconds=0.7)),
    "already-reserved": switch("the player has reserved this very slot", has_the_slot=True),
    "taken-first": switch("a rival takes the first court at the very opening", first_taken=True),
    "all-taken": switch("rivals take every court at the very opening", all_taken=True),
    "full": switch("all are taken at the very opening; the first is given up within half a minute", _soon),
}
# Where a one-time code is texted to the player.
OF_TEXTS: Mapping[str, NamedFault] = {
    "late-sms": switch("the text arrives two seconds after the opening", texts="late"),
    "stale-sms": switch("an old text arrives first, the right one later", texts="stale"),
    "no-sms": switch("no text arrives", texts="none"),
    "duplicate-sms": switch("every text arrives twice", texts="twice"),
    "wrong-code-first": switch("two texts arrive, the first with a wrong code", texts="wrong-first"),
}


def usual(
    asks: Match, *, slow_too: Match | None = None, without: tuple[str, ...] = ()
) -> dict[str, NamedFault]:
    """The faults of a system on which the request *asks* asks for a court, but those named in *without*.

    A slow server takes its time for that request, and for those that are *slow_too*.
    """
    also = [Fault(slow_too, 0, "delay", delay=TWO_SECONDS)] if slow_too else []
    slow = "a request for a court takes three seconds" + (", another one two" if also else "")
    strikes = {
        "slow-server": strike(slow, Fault(asks, 0, "delay"), *also),
        "lost-answer": strike(
            "the first court is given, and the connection cut before the answer",
            Fault(asks, 1, "cut-after", only_done=True),
        ),
        "server-errors": strike(
            "the first two requests for a court are answered 500 with a page of HTML",
            Fault(asks, 1, "status", times=2),
        ),
        "throttled": strike(
            "the first two requests for a court are answered 429 with Retry-After: 1",
            Fault(asks, 1, "status", times=2, status=429, headers={"Retry-After": "1"}),
        ),
        "firewall": strike(
            "a firewall answers every request for a court with 403 and a page of HTML",
            Fault(asks, 0, "status", status=403, body=HTML_403),
        ),
        "unknown-body": strike(
            "requests for a court are answered 200 with a body nobody knows, and nothing is done",
            Fault(asks, 0, "status", status=200, body=UNKNOWN_BODY, content_type=JSON),
        ),
        "unknown-refusal": strike(
            "requests for a court are refused for a reason nobody knows",
            Fault(asks, 0, "status", status=400, body=UNKNOWN_REFUSAL, content_type=JSON),
        ),
    }
    return {name: fault for name, fault in {**strikes, **SWITCHES}.items() if name not in without}

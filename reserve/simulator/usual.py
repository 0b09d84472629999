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


@dataclass(frozen=True)
class NamedFault:
    """What `--fault NAME` does: requests are struck, or the scenario is another."""

    meaning: str
    strikes: tuple[Fault, ...] = ()
    changes: Callable[[Any], Mapping[str, object]] | None = None  # of a scenario: fields set otherwise


def _drawn(scenario: Any) -> timedelta:
    return timedelta(milliseconds=Random(f"{scenario.seed}/clock").randint(200, 1000))


def _soon(scenario: Any) -> timedelta:
    return timedelta(seconds=Random(f"{scenario.seed}/frees").uniform(12, 28))


def _set(**changes: object) -> Callable[[Any], Mapping[str, object]]:
    return lambda scenario: changes


def usual(
    asks: str, *, slow_too: Match | None = None, without: tuple[str, ...] = ()
) -> dict[str, NamedFault]:
    """The faults of a system on which the request *asks* asks for a court, but those named in *without*.

    A slow server takes its time for that request, and for those that are *slow_too*.
    """
    slow = [Fault(asks, 0, "delay")] + ([Fault(slow_too, 0, "delay", delay=TWO_SECONDS)] if slow_too else [])
    also = ", two for other requests" if slow_too else ""
    found = {
        "slow-server": NamedFault(f"the answer to a request for a court takes three seconds{also}", (*slow,)),
        "lost-answer": NamedFault(
            "the first court is given, and the connection cut before the answer",
            (Fault(asks, 1, "cut-after", only_done=True),),
        ),
        "server-errors": NamedFault(
            "the first two requests for a court are answered 500 with a page of HTML",
            (Fault(asks, 1, "status", times=2),),
        ),
        "throttled": NamedFault(
            "the first two requests for a court are answered 429 with Retry-After: 1",
            (Fault(asks, 1, "status", times=2, status=429, headers={"Retry-After": "1"}),),
        ),
        "firewall": NamedFault(
            "a firewall answers every request for a court with 403 and a page of HTML",
            (Fault(asks, 0, "status", status=403, body=HTML_403),),
        ),
        "token-refused": NamedFault(
            "every request of a signed-in player is refused, whatever the token", (), _set(believes=False)
        ),
        "unknown-body": NamedFault(
            "requests for a court are answered 200 with a body nobody knows, and nothing is done",
            (Fault(asks, 0, "status", status=200, body=UNKNOWN_BODY, content_type=JSON),),
        ),
        "unknown-refusal": NamedFault(
            "requests for a court are refused for a reason nobody knows",
            (Fault(asks, 0, "status", status=400, body=UNKNOWN_REFUSAL, content_type=JSON),),
        ),
        "wrong-password": NamedFault("the sign-in is refused", (), _set(refuses_password=True)),
        "clock-ahead": NamedFault(
            "the server's clock is up to a second ahead of the true time",
            (),
            lambda scenario: {"clock_offset": _drawn(scenario)},
        ),
        "clock-behind": NamedFault(
            "the server's clock is up to a second behind the true time",
            (),
            lambda scenario: {"clock_offset": -_drawn(scenario)},
        ),
        "opens-late": NamedFault(
            "the window opens 0.7 s later than published", (), _set(opens_late=timedelta(seconds=0.7))
        ),
        "already-reserved": NamedFault("the player has reserved this very slot", (), _set(has_the_slot=True)),
        "taken-first": NamedFault(
            "a rival takes the first court at the very opening", (), _set(first_taken=True)
        ),
        "all-taken": NamedFault("rivals take every court at the very opening", (), _set(all_taken=True)),
        "full": NamedFault(
            "rivals take every court at the very opening; one gives up the first within half a minute",
            (),
            lambda scenario: {"all_taken": True, "frees_after": _soon(scenario)},
        ),
    }
    return {name: fault for name, fault in found.items() if name not in without}


# Where a one-time code is texted to the player.
OF_TEXTS: Mapping[str, NamedFault] = {
    "late-sms": NamedFault("the text arrives two seconds after the opening", (), _set(texts="late")),
    "stale-sms": NamedFault("an old text arrives first, the right one later", (), _set(texts="stale")),
    "no-sms": NamedFault("no text arrives", (), _set(texts="none")),
    "duplicate-sms": NamedFault("every text arrives twice", (), _set(texts="twice")),
    "wrong-code-first": NamedFault(
        "two texts arrive, the first with a wrong code", (), _set(texts="wrong-first")
    ),
}

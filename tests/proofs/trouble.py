"""What may break in a run: any of its requests, in any of these ways, once or from then on."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, replace
from datetime import timedelta

from werkzeug.exceptions import HTTPException

from reserve.clock import Clock
from reserve.simulator import PLAYER, Fault
from reserve.simulator.faults import HTML_403, HTML_500, JSON, FaultMiddleware
from reserve.simulator.ledger import Sent
from tests.stage import Stage

# An answer in good JSON that means nothing, and repeats secrets.
WRONG = f'{{"result": {{"state": "queued"}}, "you": ["{PLAYER.email}", "{PLAYER.phone}"]}}'
LATE = timedelta(seconds=3)
TOO_LATE = timedelta(seconds=20)  # longer than we wait for an answer
FOR_EVER = 1_000_000  # times

TROUBLES: Mapping[str, Fault] = {
    "refused": Fault("", 1, "refused"),
    "arrives too late": Fault("", 1, "held-up", delay=TOO_LATE),
    "reset before": Fault("", 1, "cut-before"),
    "reset after": Fault("", 1, "cut-after"),
    "time-out": Fault("", 1, "delay", delay=TOO_LATE),
    "late": Fault("", 1, "delay", delay=LATE),
    "500": Fault("", 1, "status"),
    "500 but done": Fault("", 1, "answer"),
    "502 with HTML": Fault("", 1, "status", status=502, body=HTML_500.replace("500", "502")),
    "429": Fault("", 1, "status", status=429, body="{}", content_type=JSON),
    "429 with Retry-After": Fault(
        "", 1, "status", status=429, body="{}", content_type=JSON, headers={"Retry-After": "1"}
    ),
    "firewall": Fault("", 1, "status", status=403, body=HTML_403),
    "401": Fault("", 1, "status", status=401, body='{"type": "E_UNAUTHORIZED"}', content_type=JSON),
    "200, empty": Fault("", 1, "status", status=200, body="", content_type=JSON),
    "200, empty but done": Fault("", 1, "answer", status=200, body="", content_type=JSON),
    "200, wrong JSON": Fault("", 1, "status", status=200, body=WRONG, content_type=JSON),
    "200, wrong JSON but done": Fault("", 1, "answer", status=200, body=WRONG, content_type=JSON),
    "truncated": Fault("", 1, "truncated"),
}
OF_WEBHOOK = "webhook: "  # before the names of requests to our own service


@dataclass(frozen=True)
class Strike:
    """One of a run's requests, by its name and which of that name, and what happens to it."""

    request: str
    nth: int
    trouble: str
    and_later: bool = False  # also to every one after it

    def __str__(self) -> str:
        """Name it for the table."""
        return f"{self.request} #{self.nth}: {self.trouble}{', and later' if self.and_later else ''}"

    def fault(self, name: Callable[[str, str], str]) -> Fault:
        """The fault that this is, where requests have such names."""
        times = FOR_EVER if self.and_later else 1

        def match(method: str, path: str) -> bool:
            return name(method, path) == self.request

        return replace(TROUBLES[self.trouble], match=match, nth=self.nth, times=times)


@dataclass
class OurService:
    """The webhook service behind faults: what it is asked is counted."""

    clock: Clock
    requests: Counter[str]

    def sent(self, request: str) -> Sent:
        return Sent(self.clock.now(), request)

    def arrived(self, request: str) -> None:
        self.requests[OF_WEBHOOK + request] += 1

    def swallowed(self, request: str, body: bytes, kind: str) -> None:
        """Nobody needs to know."""

    def is_done(self, request: str, status: int) -> bool:
        return status < 300

    def date(self) -> str:
        return ""


@dataclass
class TroubledStage(Stage):
    """A stage on which requests are struck."""

    strikes: tuple[Strike, ...] = ()

    def __post_init__(self) -> None:
        """Have the simulator and the webhook service struck."""
        ours = [strike for strike in self.strikes if strike.request.startswith(OF_WEBHOOK)]
        theirs = tuple(strike.fault(self.name) for strike in self.strikes if strike not in ours)
        self.scenario = {**self.scenario, "faults": (*self.scenario.get("faults", ()), *theirs)}
        super().__post_init__()
        self.of_webhook: Counter[str] = Counter()
        self.apps["127.0.0.1"] = FaultMiddleware(
            self.webhook,
            [strike.fault(_name_of_webhook) for strike in ours],
            OurService(self.clock, self.of_webhook),
            lock=nullcontext(),
            latency=timedelta(0),
            sleep=self.clock.sleep,
        )

    def name(self, method: str, path: str) -> str:
        """What a request to the booking system is called: its method, and its path without ids."""
        try:
            rule, _ = self.simulated.app.url_map.bind("").match(path, method, return_rule=True)
        except HTTPException:
            return f"{method} {path}"
        return f"{method} {re.sub('<.*?>', '*', rule.rule)}"

    @property
    def requests(self) -> Counter[str]:
        """How often which request arrived."""
        found = Counter(self.of_webhook)
        for request, times in self.ledger.requests.items():
            found[self.name(*request.split(" ", 1))] += times
        return found


def _name_of_webhook(method: str, path: str) -> str:
    return f"{OF_WEBHOOK}{method} {path}"

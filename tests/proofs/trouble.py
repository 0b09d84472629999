"""What may break in a run: any of its requests, in any of these ways, once or every time."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import nullcontext
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Any

import requests
from urllib3.exceptions import MaxRetryError, NewConnectionError

from reserve.http import Http
from reserve.simulator import PLAYER, Fault
from reserve.simulator.faults import HTML_403, HTML_500, JSON, Wire
from tests.fakes import InProcess
from tests.stage import Stage

Match = Callable[[str, str], bool]

# An answer in good JSON that means nothing, and repeats secrets.
WRONG = f'{{"result": {{"state": "queued"}}, "you": ["{PLAYER.email}", "{PLAYER.phone}"]}}'
LATE = timedelta(seconds=3)
TOO_LATE = timedelta(seconds=20)  # longer than we wait for an answer

REQUESTS: Mapping[str, tuple[str, str, int]] = {  # name -> method, path with * for an id, which one of them
    "sign-in": ("POST", "/identitytoolkit/v1/accounts:signInWithPassword", 1),
    "facility list": ("GET", "/v1/locations/availability", 1),
    "facility": ("GET", "/v1/locations/*", 1),
    "who am I": ("GET", "/v1/users/me", 1),
    "server's time": ("GET", "/v1/users/me", 2),
    "bookings": ("GET", "/v1/users/*/bookings", 1),
    "bookings again": ("GET", "/v1/users/*/bookings", 2),
    "send": ("POST", "/v1/users/mobile-totp/send", 1),
    "verify": ("POST", "/v1/users/mobile-totp/verify", 1),
    "hold 1": ("POST", "/v1/reservations", 1),
    "hold 2": ("POST", "/v1/reservations", 2),
    "hold 3": ("POST", "/v1/reservations", 3),
    "order": ("GET", "/v1/orders/*", 1),
    "pay": ("POST", "/v1/orders/*/pay", 1),
    "card": ("POST", "/stripe/v1/payment_intents/*/confirm", 1),
    "release 1": ("DELETE", "/v1/orders/*", 1),
    "release 2": ("DELETE", "/v1/orders/*", 2),
    "read-back": ("GET", "/v1/users/*/bookings", 1),  # the first one after the payment
    "webhook: newest": ("GET", "/newest", 1),
    "webhook: code": ("GET", "/get_verification_code", 1),
}
ALWAYS = 0  # instead of which one: every one

TROUBLES: Mapping[str, Fault | None] = {  # None: of the network, so neither side knows
    "refused": None,
    "arrives too late": None,
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


@dataclass(frozen=True)
class Strike:
    """One request of a run and what happens to it, once or every time."""

    request: str
    trouble: str
    always: bool = False

    def __str__(self) -> str:
        """Name it for the table."""
        return f"{self.request}: {self.trouble}{', always' if self.always else ''}"

    @property
    def nth(self) -> int:
        """Which of the matching requests is struck."""
        return ALWAYS if self.always else REQUESTS[self.request][2]

    @property
    def is_of_webhook(self) -> bool:
        """Whether it is about our webhook service."""
        return self.request.startswith("webhook")

    def match(self) -> Match:
        """A new matcher for the request; the one of the read-back waits for a payment."""
        method, path, _ = REQUESTS[self.request]
        before, _, after = path.partition("*")
        paid = self.request != "read-back"

        def concerns(asked: str, at: str) -> bool:
            nonlocal paid
            paid = paid or at.endswith("/pay")
            inside = at[len(before) : len(at) - len(after)]
            is_it = at == path or (
                "*" in path and at.startswith(before) and at.endswith(after) and "/" not in inside
            )
            return paid and asked == method and is_it and (path == at or inside != "availability")

        return concerns

    def fault(self) -> Fault | None:
        """What the simulator, or the layer before the webhook service, is told; None for no connection."""
        fault = TROUBLES[self.trouble]
        return fault and replace(fault, match=self.match(), nth=self.nth)


@dataclass
class TroubledStage(Stage):
    """A stage on which requests are struck."""

    strikes: tuple[Strike, ...] = ()
    _of_network: list[tuple[Strike, Match, list[int]]] = field(default_factory=list)

    def __post_init__(self) -> None:
        """Put the strikes where they belong: before the simulator, the webhook service, or the network."""
        faults = [(strike, fault) for strike in self.strikes if (fault := strike.fault())]
        here = tuple(fault for strike, fault in faults if not strike.is_of_webhook)
        self.story = {**self.story, "faults": (*self.story.get("faults", ()), *here)}
        super().__post_init__()
        self.apps["127.0.0.1"] = Wire(
            self.webhook,
            [fault for strike, fault in faults if strike.is_of_webhook],
            lock=nullcontext(),
            latency=timedelta(0),
            sleep=self.clock.sleep,
            date=lambda: "",
            seen=lambda method, path: None,
            swallowed=lambda method, path, body, fault: None,
        )
        self._of_network = [
            (strike, strike.match(), [0]) for strike in self.strikes if TROUBLES[strike.trouble] is None
        ]

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        """A connection that may not come about."""
        return Http(base_url, headers=headers, adapter=_Network(self))

    def network_trouble(self, method: str, path: str) -> set[str]:
        """What the network does to this request."""
        found = set()
        for strike, concerns, count in self._of_network:
            if concerns(method, path):
                count[0] += 1
                if strike.nth in (ALWAYS, count[0]):
                    found.add(strike.trouble)
        return found


class _Network(InProcess):
    """Refuses connections, or holds requests up, as the stage says."""

    def __init__(self, stage: TroubledStage) -> None:
        super().__init__(stage.apps, stage.clock, latency=stage.latency)
        self.stage = stage

    def send(self, request: requests.PreparedRequest, *args: Any, **kwargs: Any) -> requests.Response:
        path = request.path_url.partition("?")[0]
        if "stripe.com" in str(request.url):
            path = f"/stripe{path}"
        request.trouble = self.stage.network_trouble(str(request.method), path)  # type: ignore[attr-defined]
        if "refused" in request.trouble:  # type: ignore[attr-defined]
            nobody: Any = None
            why = NewConnectionError(nobody, "connection refused")
            raise requests.ConnectionError(MaxRetryError(nobody, path, why), request=request)
        return super().send(request, *args, **kwargs)

    def _exchange(self, app: Any, request: Any) -> tuple[str, list[tuple[str, str]], bytes]:
        if request.trouble:
            self.clock.sleep(TOO_LATE)
        return super()._exchange(app, request)

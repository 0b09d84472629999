"""The player's phone: texts it receives go to the webhook service, late or twice if its habit is such."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from random import Random

from reserve.clock import Clock
from reserve.simulator.ledger import Ledger

HABITS = ("prompt", "late", "stale", "none", "twice", "wrong-first")
LATE = timedelta(seconds=2)  # after the opening
STALE = timedelta(milliseconds=50)  # after the request: the old text looks new to a careless reader
NEXT = timedelta(seconds=1.5)  # between a misleading text and the right one
PATIENCE = timedelta(seconds=5)  # with the webhook service, for one text

Deliver = Callable[[dict[str, object]], None]


@dataclass(kw_only=True)
class Phone:
    """Gets the texts of *sender* and hands each on as a gateway would (SMS facts 1)."""

    clock: Clock
    ledger: Ledger
    deliver: Deliver | None  # None: the texts stay on the phone
    sender: str
    number: str
    opens_at: datetime  # which a late text misses
    seed: int
    habit: str  # one of HABITS
    payload: str  # of the gateway: "rental" or "one-time"
    texts: int = 0

    def __post_init__(self) -> None:
        """Draw the same delays for the same seed."""
        self._draws = Random(f"{self.seed}/phone")

    def text(self, code: str) -> None:
        """Receive *code* in a while, as this phone's habit is."""
        now = self.clock.now()
        prompt = now + timedelta(seconds=self._draws.uniform(1.0, 2.0))
        another = str((int(code) + 1 + self._draws.randrange(8)) % 10 ** len(code)).zfill(len(code))
        if self.habit == "prompt":
            self._receive(prompt, code)
        elif self.habit == "late":
            self._receive(max(prompt, self.opens_at + LATE), code)
        elif self.habit == "stale":
            self._receive(now + STALE, another)
            self._receive(prompt + NEXT, code)
        elif self.habit == "twice":
            self._receive(prompt, code, times=2)
        elif self.habit == "wrong-first":
            self._receive(prompt, another)
            self._receive(prompt + NEXT, code)
        else:
            self.ledger.record(now, "text-lost")

    def _receive(self, moment: datetime, code: str, *, times: int = 1) -> None:
        self.texts += 1
        payload = self._payload(moment, code, f"sim-{self.seed}-{self.texts}")

        def hand_on() -> None:
            for _ in range(times):
                self._hand_on(payload)

        self.clock.call_at(moment, hand_on)

    def _hand_on(self, payload: dict[str, object]) -> None:
        if self.deliver is None:
            self.ledger.record(self.clock.now(), "text-kept")
            return
        try:
            self.deliver(payload)
        except OSError as failure:
            self.ledger.record(self.clock.now(), "text-undelivered", why=type(failure).__name__)
        else:
            self.ledger.record(self.clock.now(), "text-delivered")

    def _payload(self, moment: datetime, code: str, id_: str) -> dict[str, object]:
        text = f"Your {self.sender} verification code is: {code}. It expires in 2 minutes."
        stamp = f"{moment.astimezone(UTC):%Y-%m-%d %I:%M:%S%p}".lower()
        if self.payload == "one-time":
            return {"orderid": id_, "sms": code, "full_sms": text, "timestamp": stamp}
        digits = "".join(filter(str.isdigit, self.number))
        return {"rental_code": id_.upper(), "phonenumber": digits, "full_sms": text, "timestamp": stamp}


def post_to(webhook: str, token: str | None) -> Deliver:
    """How a phone hands its texts to the webhook service at this address."""
    url = f"{webhook.rstrip('/')}/webhook" + (f"/{token}" if token else "")

    def deliver(payload: dict[str, object]) -> None:
        headers = {"Content-Type": "application/json"}
        request = urllib.request.Request(url, json.dumps(payload).encode(), headers, method="POST")
        with urllib.request.urlopen(request, timeout=PATIENCE.total_seconds()):
            pass

    return deliver

"""The player's phone: texts it receives go to the webhook service, late or twice if its habit is such."""

from __future__ import annotations

import json
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from random import Random

from reserve.clock import Clock
from reserve.simulator.ledger import Ledger
from reserve.simulator.scenario import Scenario

HABITS = ("prompt", "late", "stale", "none", "twice", "wrong-first")
LATE = timedelta(seconds=2)  # after the opening
STALE = timedelta(milliseconds=50)  # after the request: the old text looks new to a careless reader
NEXT = timedelta(seconds=1.5)  # between a misleading text and the right one
PATIENCE = timedelta(seconds=5)  # with the webhook service, for one text

Deliver = Callable[[dict[str, object]], None]


class Phone:
    """Gets the texts of *sender* and hands each on as a gateway would (SMS facts 1)."""

    def __init__(
        self, scenario: Scenario, clock: Clock, ledger: Ledger, sender: str, deliver: Deliver | None
    ) -> None:
        """Belong to the player of *scenario*; without *deliver* the texts stay on the phone."""
        self.scenario, self.clock, self.ledger, self.sender = scenario, clock, ledger, sender
        self.deliver = deliver
        self.texts = 0
        self._draws = Random(f"{scenario.seed}/phone")

    def text(self, code: str) -> None:
        """Receive *code* in a while, as this phone's habit is."""
        now = self.clock.now()
        prompt = now + timedelta(seconds=self._draws.uniform(1.0, 2.0))
        another = str((int(code) + 1 + self._draws.randrange(8)) % 10 ** len(code)).zfill(len(code))
        habit = self.scenario.texts
        if habit == "prompt":
            self._receive(prompt, code)
        elif habit == "late":
            self._receive(max(prompt, self.scenario.opens_at + LATE), code)
        elif habit == "stale":
            self._receive(now + STALE, another)
            self._receive(prompt + NEXT, code)
        elif habit == "twice":
            self._receive(prompt, code, times=2)
        elif habit == "wrong-first":
            self._receive(prompt, another)
            self._receive(prompt + NEXT, code)
        else:
            self.ledger.record(now, "text-lost")

    def _receive(self, moment: datetime, code: str, *, times: int = 1) -> None:
        self.texts += 1
        payload = self._payload(moment, code, f"sim-{self.scenario.seed}-{self.texts}")

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
        if self.scenario.text_payload == "one-time":
            return {"orderid": id_, "sms": code, "full_sms": text, "timestamp": stamp}
        digits = "".join(filter(str.isdigit, self.scenario.account.phone or ""))
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

"""One-time codes: texted to the player's phone, good for a while, and what they prove."""

from __future__ import annotations

from random import Random

from reserve.clock import Clock
from reserve.simulator.ledger import Ledger
from reserve.simulator.phone import Phone
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import Scenario


class Codes:
    """The codes of one player; only the newest is good, and only for a while."""

    def __init__(self, scenario: Scenario, clock: Clock, ledger: Ledger, phone: Phone) -> None:
        """No code has been sent, and nothing is proved."""
        self._scenario, self._clock, self._ledger, self._phone = scenario, clock, ledger, phone
        self._draws = Random(f"{scenario.seed}/codes")
        self.sent: list[str] = []
        self._sent_at = self._verified_until = clock.now()

    def send(self) -> None:
        """Text a new code to the player; it takes the place of the one before."""
        self.sent.append("".join(self._draws.choice("0123456789") for _ in range(self._scenario.code_length)))
        self._sent_at = self._clock.now()
        self._ledger.record(self._sent_at, "code-asked")
        self._phone.text(self.sent[-1])

    def verify(self, code: object) -> None:
        """Believe the player for a while if *code* is the newest one and still valid."""
        now = self._clock.now()
        if not isinstance(code, str) or not code.isdigit():
            raise self._refused("malformed", "wrong-code" if isinstance(code, str) else "invalid-body")
        if code not in self.sent[-1:]:
            raise self._refused("old" if code in self.sent else "wrong", "wrong-code")
        if now >= self._sent_at + self._scenario.code_valid_for:
            raise self._refused("expired", "expired-code")
        self._verified_until = now + self._scenario.verified_for
        self._ledger.record(now, "code-verified")

    def want(self, when: str) -> None:
        """Refuse a player who is not verified, if this is when it is asked for."""
        if self._scenario.verify == when and self._clock.now() >= self._verified_until:
            raise Refusal("not-verified")

    def _refused(self, code_was: str, meaning: str) -> Refusal:
        self._ledger.record(self._clock.now(), "code-refused", code_was=code_was)
        return Refusal(meaning)

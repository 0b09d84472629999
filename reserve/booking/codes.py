"""Waiting for the one-time code: asked for once, taken only when it is newer than the asking."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Protocol

from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.clock import Clock
from reserve.errors import (
    Forbidden,
    LostAnswer,
    NotVerified,
    ServiceError,
    Throttled,
    UnknownRefusal,
    Unreachable,
    UsageError,
    WrongCode,
)
from reserve.http import Http, read

AT_MOST = 2  # texts asked for in one run: the first, and one more when it does not come
ENTRIES = 3  # of one code, while it surely did not arrive
HOLD_BACK = timedelta(seconds=10)  # asked of the webhook service; less than we wait for any answer
POLITE = timedelta(seconds=1)  # between two questions to the webhook service when it does not hold back
MAX_AGE = timedelta(minutes=10)  # freshness is proved by the id; the service keeps texts no longer than this


@dataclass(frozen=True)
class Code:
    """A one-time code, and the place of its text in the inbox."""

    id: int
    digits: str

    def __repr__(self) -> str:
        """Never show the digits."""
        return f"Code({self.id})"


class Inbox:
    """The player's texts, as our webhook service keeps them."""

    def __init__(self, http: Http, phone: str, clock: Clock, *, hold_back: timedelta = HOLD_BACK) -> None:
        """Nothing is asked yet."""
        self.known = 0  # the id of the newest text when the service last told us
        self._http = http
        self._phone = phone
        self._clock = clock
        self.hold_back = hold_back

    def check(self) -> None:
        """Raise `UsageError` when the webhook service cannot be used as it is configured."""
        try:
            self.newest()
        except ServiceError as failure:
            raise UsageError(
                f"--webhook-url: no webhook service answers at {self._http.base_url} ({failure}); "
                "start it with: python3 -m webhook_server"
            ) from failure

    def newest(self) -> int:
        """The id of the newest text, 0 when there is none.

        Raises `UsageError` when the service refuses us, `ServiceError` when it does not answer.
        """
        answer = self._http.ask("GET", "/newest", params={"phonenumber": self._phone})
        if answer.status in (401, 403):
            raise UsageError("--webhook-token: the webhook service refuses it; use its WEBHOOK_TOKEN")
        newest = read(answer.json(), "id") if answer.is_good else None
        if not isinstance(newest, int):
            raise ServiceError(f"{answer.asked}: the webhook service answered {answer.status}")
        self.known = newest
        return newest

    def next_code(self, *, after: int, until: datetime, stop: Stop) -> Code | None:
        """The newest code later than *after*; None when none comes until *until*, or we should stop."""
        while True:
            asked = self._clock.now()
            left = until - asked
            try:
                code = self._ask(after, wait=max(min(left, self.hold_back), timedelta(0)))
            except ServiceError:
                code = None  # the service may be starting again; we have until *until*
            if code or left <= timedelta(0) or stop.is_asked:
                return code
            self._clock.sleep_until(min(asked + POLITE, until))

    def code_before(self, code: Code, *, after: int) -> Code | None:
        """The newest code between *after* and *code*, None when there is none or the service cannot tell."""
        try:
            found = self._ask(after, before=code.id)
        except ServiceError:
            return None
        return found if found and found.id < code.id else None

    def _ask(self, after: int, *, wait: timedelta = timedelta(0), before: int | None = None) -> Code | None:
        params = {
            "phonenumber": self._phone,
            "maxage": str(int(MAX_AGE.total_seconds())),
            "after": str(after),
            "wait": f"{wait.total_seconds():.1f}",
        }
        if before is not None:
            params["before"] = str(before)
        answer = self._http.ask("GET", "/get_verification_code", params=params)
        if not answer.is_good:
            return None
        place, digits = read(answer.json(), "id"), read(answer.json(), "verification_code")
        if (
            not isinstance(place, int)
            or not isinstance(digits, str)
            or not digits.isdigit()
            or place <= after
        ):
            raise ServiceError(f"{answer.asked}: the webhook service said something we do not know")
        return Code(place, digits)


class WantsCodes(Protocol):
    """The part of a booking system that the one-time code is about."""

    def send_code(self) -> None:
        """Have a code texted to the player."""

    def enter_code(self, digits: str) -> None:
        """Prove the player's phone; raises `WrongCode`."""


class OneTimeCode:
    """The one-time code of one run: asked for at most twice, each text used at most once."""

    def __init__(
        self, system: WantsCodes, inbox: Inbox, clock: Clock, timeline: Timeline, stop: Stop
    ) -> None:
        """Nothing is asked for yet."""
        self._system = system
        self._inbox = inbox
        self._clock = clock
        self._say = timeline.say
        self._conceal = timeline.secrets.add
        self._stop = stop
        self._sent = 0
        self._after = 0
        self._refused: set[str] = set()
        self.is_awaited = False

    @property
    def can_ask(self) -> bool:
        """Whether another text may be asked for."""
        return self._sent < AT_MOST

    def ask(self) -> bool:
        """Note the newest text, then have a code sent; False when the booking system will not do that now."""
        self._after = max(self._after, self._newest())
        self._sent += 1
        try:
            self._system.send_code()
        except (UnknownRefusal, NotVerified, Forbidden, Throttled, Unreachable) as refusal:
            self._say(f"no one-time code is to be had now: {refusal}")
            return False
        except LostAnswer as lost:
            self._say(f"asked for a one-time code, without an answer: {lost}")
        else:
            self._say("asked for a one-time code" if self._sent == 1 else "asked for another one-time code")
        self.is_awaited = True
        return True

    def _newest(self) -> int:
        """The newest text; when the service is starting again, the newest it told us of before."""
        try:
            return self._inbox.newest()
        except ServiceError as failure:
            self._say(f"the webhook service does not answer now: {failure}")
            return self._inbox.known

    def enter(self, *, until: datetime, again_at: datetime | None = None) -> bool:
        """Enter the first code that is accepted; False when none came until *until*.

        With *again_at*, a second text is asked for when nothing valid came until then.
        """
        while True:
            patience = min(again_at, until) if again_at and self.can_ask else until
            code = self._inbox.next_code(after=self._after, until=patience, stop=self._stop)
            if code is None and (patience == until or self._stop.is_asked):
                return False
            if code is not None and self._enter_newest(code):
                self.is_awaited = False
                return True
            if code is None:
                self.ask()  # even if that is refused, the first text may still come

    def _enter_newest(self, code: Code) -> bool:
        """Enter *code*; when it is refused, those between the asking and it: texts overtake one another."""
        asked, self._after = self._after, code.id  # a code is used once
        older: Code | None = code
        while older is not None:
            if self._enter(older):
                return True
            older = self._inbox.code_before(older, after=asked)
        return False

    def _enter(self, code: Code) -> bool:
        self._conceal(code.digits)
        if code.digits in self._refused:
            return False
        for left in reversed(range(ENTRIES)):
            try:
                self._system.enter_code(code.digits)
            except WrongCode:
                self._refused.add(code.digits)
                self._say("the one-time code was refused; waiting for another one")
                return False
            except LostAnswer:
                self._say("no answer to the one-time code; going on as if it was accepted")
                return True
            except (Throttled, Unreachable) as failure:
                if not left:
                    self._say(f"the one-time code cannot be entered: {failure}")
                    return False
                self._say(f"entering the one-time code again: {failure}")
                self._clock.sleep(POLITE)
            else:
                break
        self._say("one-time code accepted")
        return True

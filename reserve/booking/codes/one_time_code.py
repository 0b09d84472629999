"""The one-time code of one run: asked for at most twice, and only one sent after we asked is entered."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Protocol

from reserve.booking.codes.source import CodeSource, ReceivedCode
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
    WrongCode,
)

TEXTS = 2  # asked for in one run: the first, and one more when it does not come
ENTRIES = 3  # of one code, while it surely did not arrive
BETWEEN_ENTRIES = timedelta(seconds=1)


class WantsCodes(Protocol):
    """The part of a booking system that the one-time code is about."""

    def send_code(self) -> None:
        """Have a code texted to the player."""

    def enter_code(self, digits: str) -> None:
        """Prove the player's phone; raises `WrongCode`."""


class OneTimeCode:
    """The one-time code of one run: asked for at most twice, each text used at most once."""

    def __init__(
        self, system: WantsCodes, source: CodeSource, clock: Clock, timeline: Timeline, stop: Stop
    ) -> None:
        """Nothing is asked for yet."""
        self._system = system
        self._source = source
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
        return self._sent < TEXTS

    def ask(self) -> bool:
        """Note the newest text, then have a code sent; False when the booking system will not do that now."""
        self._after = max(self._after, self._newest())
        self._sent += 1
        try:
            self._system.send_code()
        except (UnknownRefusal, NotVerified, Forbidden, Throttled, Unreachable) as refusal:
            self._say(f"no one-time code can be had now: {refusal}")
            return False
        except LostAnswer as lost:
            self._say(f"asked for a one-time code; the answer was lost: {lost}")
        else:
            self._say("asked for a one-time code" if self._sent == 1 else "asked for another one-time code")
        self.is_awaited = True
        return True

    def _newest(self) -> int:
        """The newest text; when the source does not answer now, the newest that it knew before."""
        try:
            return self._source.newest()
        except ServiceError as failure:
            self._say(f"could not look up the newest code: {failure}")
            return self._source.known

    def enter(self, *, until: datetime, again_at: datetime | None = None) -> bool:
        """Enter the first code that is accepted; False when none came until *until*.

        With *again_at*, a second text is asked for when nothing valid came until then.
        """
        while True:
            patience = min(again_at, until) if again_at and self.can_ask else until
            code = self._source.next_code(after=self._after, until=patience, stop=self._stop)
            if code is None and (patience == until or self._stop.is_asked):
                return False
            if code is not None and self._enter_newest(code):
                self.is_awaited = False
                return True
            if code is None:
                self.ask()  # even if that is refused, the first text may still come

    def _enter_newest(self, code: ReceivedCode) -> bool:
        """Enter *code*; when it is refused, those that came since we asked: texts overtake one another."""
        asked_after, self._after = self._after, code.id  # a code is used once
        older: ReceivedCode | None = code
        while older is not None:
            if self._enter(older):
                return True
            older = self._source.code_before(older, after=asked_after)
        return False

    def _enter(self, code: ReceivedCode) -> bool:
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
                self._say("no answer to the one-time code; going on as if it had been accepted")
                return True
            except (Throttled, Unreachable) as failure:
                if not left:
                    self._say(f"the one-time code cannot be entered: {failure}")
                    return False
                self._say(f"entering the one-time code again: {failure}")
                self._clock.sleep(BETWEEN_ENTRIES)
            else:
                break
        self._say("one-time code accepted")
        return True

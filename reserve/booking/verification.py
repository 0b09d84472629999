"""Proving the player's phone with a one-time code: before the opening, at it, or for a hold."""

from __future__ import annotations

from datetime import datetime

from reserve.booking.codes.one_time_code import OneTimeCode
from reserve.booking.codes.source import CodeSource
from reserve.booking.context import RunContext
from reserve.errors import CodeError, UsageError
from reserve.model import Hold, Offers, Opening


class Verification:
    """The proof of the player's phone in one run."""

    def __init__(self, context: RunContext, source: CodeSource | None = None) -> None:
        """Nothing is asked for yet; without a *source*, no code can come in."""
        self.source = source
        self._context = context
        self._code: OneTimeCode | None = None
        if source is not None:
            self._code = OneTimeCode(context.system, source, context.clock, context.timeline, context.stop)

    @property
    def is_awaited(self) -> bool:
        """Whether a one-time code was asked for and none was accepted yet."""
        return self._code is not None and self._code.is_awaited

    @property
    def can_prove(self) -> bool:
        """Whether a code could come in at all."""
        return self.source is not None

    def check(self) -> None:
        """Raise `UsageError` when a one-time code could not reach us."""
        if self.source is None:
            raise UsageError("--phone is missing; the one-time code has to go somewhere")
        self.source.check()

    def verify(self, found: Offers, opening: Opening) -> None:
        """Prove the player's phone before the opening, when the booking system wants that."""
        if self._code is None or not found.wants_code or not self._code.ask():
            return
        leads, asked_at = self._context.leads, self._context.clock.now()
        is_ahead = opening.opens_at > asked_at
        until = opening.opens_at - leads.measure if is_ahead else asked_at + leads.code
        self._code.enter(until=until, again_at=asked_at + leads.second_code)

    def enter_late_code(self, until: datetime) -> None:
        """Enter a code that is still awaited, if it comes by *until*."""
        if self._code is not None and self._code.is_awaited:
            self._code.enter(until=until)

    def prove(self, *, until: datetime) -> None:
        """Enter a code by *until*, asking for one when none is on its way; raises `CodeError`."""
        if self._code is None:
            raise CodeError("a one-time code is wanted, and there is no phone to receive it")
        if not self._code.is_awaited:
            if not self._code.can_ask:
                raise CodeError("the booking system wants another one-time code; two were asked for already")
            if not self._code.ask():
                raise CodeError("the booking system wants a one-time code, and will not send one")
        if not self._code.enter(until=until):
            self._context.stop.obey()
            raise CodeError("no valid one-time code arrived in time")

    def prove_for(self, hold: Hold) -> None:
        """Prove the phone for a *hold* that is there already (the flow of 2026, rec.us facts 3.2)."""
        soon = self._context.clock.now() + self._context.leads.code
        self.prove(until=min(soon, hold.expires_at or soon))

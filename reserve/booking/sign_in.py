"""The player's sign-in: made in time, and kept alive while a run waits."""

from __future__ import annotations

from datetime import datetime, timedelta

from reserve.booking.context import RunContext
from reserve.errors import ServiceError
from reserve.model import Phase, SpanKind

SHORT_WAIT = timedelta(minutes=2)  # no sign-in dies within that
RENEW_AGAIN = timedelta(minutes=5)  # after a failure; the sign-in may still live (Atrium facts 2.2)


class SignIn:
    """One sign-in of one run."""

    def __init__(self, context: RunContext) -> None:
        """Nothing is sent yet."""
        self._context = context
        self._every = context.system.renew_every
        self._renew_at = context.clock.now()

    def check(self) -> None:
        """Find out now whether this machine has what the sign-in needs."""
        self._context.system.check_machine()

    def make(self) -> None:
        """Make the booking system know the player."""
        context = self._context
        context.reach(Phase.SIGNING_IN)
        with context.timeline.span(SpanKind.SIGN_IN):
            context.patiently(context.system.sign_in, context.system.may_sign_in_again)
        self._note_renewal(context.system.renew_every)
        context.reach(Phase.SIGNED_IN)
        context.timeline.say("signed in")

    def wait_until(self, moment: datetime) -> None:
        """Wait until *moment*, and keep the sign-in alive meanwhile."""
        context = self._context
        context.stop.obey()
        while self._every and moment - context.clock.now() > SHORT_WAIT:
            self.renew_when_due()
            context.wait_until(min(moment, self._renew_at))
        context.wait_until(moment)

    def renew_when_due(self) -> None:
        """Keep the sign-in from dying, as often as the booking system wants that."""
        context = self._context
        if not self._every or context.clock.now() < self._renew_at:
            return
        try:
            context.system.keep_alive()
        except ServiceError as failure:
            context.timeline.say(f"could not keep the sign-in alive, trying again soon: {failure}")
            self._note_renewal(min(self._every, RENEW_AGAIN))
        else:
            self._note_renewal(context.system.renew_every)

    def _note_renewal(self, every: timedelta | None) -> None:
        self._every = every or self._every
        self._renew_at = self._context.clock.now() + (self._every or timedelta(0))

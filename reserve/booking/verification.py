"""Proving the player's phone with a one-time code: before the opening, at it, or for a hold."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from functools import partial

from reserve import itself
from reserve.booking.codes import ReceivedCode, WebhookService
from reserve.booking.context import RunContext
from reserve.causes.facts import CodeFacts
from reserve.clock import HURRY
from reserve.errors import (
    CodeError,
    Forbidden,
    LostAnswer,
    NotVerified,
    NoWebhookService,
    ServiceError,
    Throttled,
    UnknownRefusal,
    Unreachable,
    UsageError,
    WrongCode,
)
from reserve.model import Hold, Offers, Opening, Phase, Span, SpanKind
from reserve.storage.exclusive import Lock
from reserve.storage.typed_codes import Mailbox

TEXTS = 2  # asked for in one run: the first, and one more when it does not come
CODES = 5  # entered in one run: whoever texts more of them is not the booking system
ENTRIES = 3  # of one code, while it surely did not arrive
BETWEEN_ENTRIES = timedelta(seconds=1)
LOOK = timedelta(seconds=2)  # so often it is looked what the player typed
LATE = timedelta(seconds=15)  # for a text; then the player is told how to help
TYPING = f"`{itself.TYPED} code DIGITS` in another terminal, or just type it here"
TURN = timedelta(seconds=1)  # between two looks whether it is our turn
BEFORE_ASKING_AGAIN = timedelta(seconds=5)  # for a text that was refused


class Verification:
    """The proof of the player's phone in one run.

    A code is asked for at most twice, only one that was sent after that is entered, and each at most once;
    after `CODES` that were not accepted, a `CodeError` ends the run. Runs of one phone take turns, so that
    none is given the code of another.
    """

    def __init__(
        self,
        context: RunContext,
        source: WebhookService | None = None,
        typed: Mailbox | None = None,
        turn: Lock | None = None,
    ) -> None:
        """Nothing is asked for yet; without a *source*, no code can come in.

        With *typed*, the player may type it too; who has *turn* asks for one before the others.
        """
        self.source = source
        self._typed = typed
        self._turn = turn
        self._has_service = True  # as far as is known
        self._asked_at: datetime | None = None  # until the player was told that it is late
        self.is_awaited = False  # a code that was asked for; none was accepted yet
        self._context = context
        self._awaited_since: datetime | None = None
        self._sent = 0
        self._after = 0
        self._entered = 0
        self._refused: set[str] = set()
        self._first_asked: datetime | None = None
        self._accepted: datetime | None = None
        self._agreed = 0  # so often a code was sent, as far as we know
        self._last_text: datetime | None = None

    @property
    def can_prove(self) -> bool:
        """Whether a code could come in at all."""
        return self.source is not None

    @property
    def facts(self) -> CodeFacts:
        """What became of the codes so far."""
        return CodeFacts(
            wanted=self._sent,
            sent=self._agreed,
            asked=self._first_asked,
            accepted=self._accepted,
            refused=len(self._refused),
            last_text=self._last_text,
        )

    @property
    def _codes(self) -> WebhookService:
        if self.source is None:
            raise CodeError("a one-time code is wanted, and there is no phone to receive it")
        return self.source

    def check(self) -> None:
        """Raise `UsageError` when a one-time code could not reach us."""
        if self.source is None:
            raise UsageError("--phone is missing; the one-time code has to go somewhere")
        self.source.check()

    def prepare(self) -> None:
        """Find out whether a one-time code could reach us; where only the player can type it, say so.

        Raises `UsageError` for what no typing mends.
        """
        try:
            self.check()
        except NoWebhookService as trouble:
            if self._typed is None:
                raise
            self._has_service = False
            self._context.timeline.say(
                f"warning: {trouble}, or type the code yourself when it comes", needs_you=True
            )

    def verify(self, found: Offers, opening: Opening) -> bool:
        """Prove the player's phone before the opening, when that is wanted; whether a code was accepted."""
        if not self.can_prove or not found.wants_code:
            return False
        now, leads = self._context.clock.now(), self._context.leads
        is_ahead = opening.opens_at > now
        with self._in_turn(
            until=opening.opens_at - leads.second_code if is_ahead else now + leads.second_code
        ):
            return self._verify_in_turn(opening)

    def _verify_in_turn(self, opening: Opening) -> bool:
        context, leads = self._context, self._context.leads
        if not self.ask():
            again_at = context.clock.now() + BEFORE_ASKING_AGAIN
            if again_at > opening.opens_at - leads.measure:
                return False
            context.wait_until(again_at)
            if not self.ask():
                return False
        asked_at = context.clock.now()
        is_ahead = opening.opens_at > asked_at
        until = opening.opens_at - leads.measure if is_ahead else asked_at + leads.code
        return self.enter(until=until, again_at=asked_at + leads.second_code)

    def prove(self, *, until: datetime) -> None:
        """Enter a code by *until*, asking for one when none is on its way; raises `CodeError`."""
        now = self._context.clock.now()
        with self._in_turn(until=now + (until - now) / 2):
            self._prove_in_turn(until)

    def _prove_in_turn(self, until: datetime) -> None:
        if not self.is_awaited:
            if self._sent >= TEXTS:
                raise CodeError("the booking system wants another one-time code; two were asked for already")
            if not self.ask():
                raise CodeError("the booking system wants a one-time code, and will not send one")
        if not self.enter(until=until):
            self._context.stop.obey()
            raise CodeError("no valid one-time code arrived in time")

    def prove_for(self, hold: Hold) -> None:
        """Prove the phone for a *hold* that is there already (the flow of 2026, rec.us facts 3.2)."""
        soon = self._context.clock.now() + self._context.leads.code
        self.prove(until=min(soon, hold.expires_at or soon))

    def ask(self) -> bool:
        """Note the newest text, then have a code sent; False when the booking system will not do that now."""
        say = self._context.timeline.say
        self._after = max(self._after, self._newest())
        if self._typed is not None:
            self._typed.open()
        self._sent += 1
        if self._first_asked is None:
            self._first_asked = self._context.clock.now()
            if (age := self._codes.age_of_newest) is not None:
                self._last_text = self._first_asked - age
        try:
            with self._context.timeline.span(SpanKind.CODE_ASKED):
                self._context.system.send_code()
        except (UnknownRefusal, NotVerified, Forbidden, Throttled, Unreachable) as refusal:
            say(f"no one-time code can be had now: {refusal}")
            return False
        except LostAnswer as lost:
            say(f"asked for a one-time code; the answer was lost: {lost}")
        else:
            say("asked for a one-time code" if self._sent == 1 else "asked for another one-time code")
        self._agreed += 1
        self._context.reach(Phase.CODE_ASKED)
        self.is_awaited = True
        self._asked_at = self._context.clock.now()
        self._awaited_since = self._awaited_since or self._asked_at
        return True

    def close(self) -> None:
        """Wait for no code any more."""
        if self._typed is not None:
            self._typed.close()

    @contextmanager
    def _in_turn(self, *, until: datetime) -> Iterator[None]:
        """Inside, no other run asks for a code to this phone; that is waited for no longer than *until*."""
        context, has_waited = self._context, False
        if self._turn is None:
            yield
            return
        try:
            while not self._turn.take():
                if not has_waited:
                    context.timeline.say("another run waits for a code to this phone; ours is asked for next")
                has_waited = True
                if (now := context.clock.now()) >= until:
                    context.timeline.say(
                        "the other run waits for its code still; asking for ours all the same"
                    )
                    break
                context.wait_until(min(now + TURN, until))
        except (ServiceError, OSError) as failure:
            context.timeline.say(f"nobody can say whose turn it is to ask for a code: {failure}")
        try:
            yield
        finally:
            self._turn.release()

    def _newest(self) -> int:
        """The newest text; when the source does not answer now, the newest that it knew before."""
        try:
            return self._codes.newest()
        except ServiceError as failure:
            self._context.timeline.say(f"could not look up the newest code: {failure}")
            return self._codes.known

    def enter(self, *, until: datetime, again_at: datetime | None = None) -> bool:
        """Enter the first code that is accepted; False when none came until *until*.

        With *again_at*, a second text is asked for when nothing valid came until then.
        """
        stop, clock = self._context.stop, self._context.clock
        while True:
            patience = min(again_at, until) if again_at and self._sent < TEXTS else until
            look = patience if self._typed is None else min(patience, clock.now() + LOOK)
            code = self._codes.next_code(after=self._after, until=look, stop=stop)
            if self._enter_typed(until) or (code is not None and self._enter_newest(code, until)):
                self.is_awaited = False
                self._accepted = clock.now()
                self.close()
                return True
            if code is None and (look == until or stop.is_asked):
                self._note_wait(has_come=False)
                return False
            if code is None and look == patience:
                self.ask()  # even if that is refused, the first text may still come
            self._say_when_late()

    def _note_wait(self, *, has_come: bool) -> None:
        """Note how long a code was waited for, until it came or as long as anybody could."""
        now = self._context.clock.now()
        if self._awaited_since is not None:
            self._context.timeline.spans.append(
                Span(SpanKind.CODE_AWAITED, self._awaited_since, now, has_come)
            )
        self._awaited_since = None if has_come else now

    def _enter_typed(self, until: datetime) -> bool:
        """Enter what the player has typed since we asked; whether it was accepted."""
        typed = self._typed.take() if self._typed is not None and self.is_awaited else []
        return any(self._enter(ReceivedCode(self._after, digits), until) for digits in typed)

    def _say_when_late(self) -> None:
        """Tell whoever watches, once, that a code may be typed."""
        if self._typed is None or self._asked_at is None:
            return
        if self._context.clock.now() - self._asked_at >= LATE or not self._has_service:
            self._asked_at = None
            text = f"no one-time code has come yet; if you have it: {TYPING}"
            self._context.timeline.say(text, needs_you=True)

    def _enter_newest(self, code: ReceivedCode, until: datetime) -> bool:
        """Enter *code*; when it is refused, those that came since we asked: texts overtake one another."""
        asked_after, self._after = self._after, code.id  # a code is used once
        older: ReceivedCode | None = code
        while older is not None:
            if self._enter(older, until):
                return True
            older = self._codes.code_before(older, after=asked_after)
        return False

    def _enter(self, code: ReceivedCode, until: datetime) -> bool:
        context, say = self._context, self._context.timeline.say
        context.timeline.secrets.add(code.digits)
        if code.digits in self._refused:
            return False
        if self._entered == CODES:
            raise CodeError(f"none of {CODES} one-time codes was accepted, so no more are entered")
        self._entered += 1
        self._note_wait(has_come=True)
        for entries_left in reversed(range(ENTRIES)):
            try:
                left = max(until - context.clock.now(), HURRY)
                with context.timeline.span(SpanKind.CODE_ENTERED):
                    context.clock.within(left, partial(context.system.enter_code, code.digits))
            except WrongCode:
                self._refused.add(code.digits)
                self._awaited_since = context.clock.now()
                say("the one-time code was refused; waiting for another one")
                return False
            except (LostAnswer, TimeoutError):
                say("no answer to the one-time code; going on as if it had been accepted")
                return True
            except (Throttled, Unreachable) as failure:
                if not entries_left:
                    say(f"the one-time code cannot be entered: {failure}")
                    return False
                say(f"entering the one-time code again: {failure}")
                context.clock.sleep(BETWEEN_ENTRIES)
            else:
                break
        context.reach(Phase.CODE_ACCEPTED)
        say("one-time code accepted")
        return True

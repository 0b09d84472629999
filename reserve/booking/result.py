"""How one run ended: what the player has, what the run did, and the sentence that says so."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import datetime, timedelta

from reserve.booking.context import RunContext
from reserve.booking.release import held_until
from reserve.causes.cause import Cause
from reserve.causes.facts import Facts
from reserve.clock import UNKNOWN, ServerTime
from reserve.errors import (
    Blocked,
    CauseWord,
    ExitCode,
    Interrupted,
    OutcomeWord,
    ReserveError,
    SignInError,
    TokenRefused,
    TooFarAhead,
    Unconfirmed,
    is_full,
)
from reserve.model import Attempt, Hold, Offers, Reservation, Slot
from reserve.money import Money


@dataclass(frozen=True)
class Outcome:
    """How a run ended, for the player."""

    word: OutcomeWord
    exit_code: int
    sentence: str
    court: str | None = None
    slot: Slot | None = None
    order_id: str | None = None
    price: Money | None = None
    is_too_far: bool = False  # ahead, so that a plan is the way
    is_blocked: bool = False  # by a firewall, so that nothing else should be asked either
    facility: str | None = None
    address: str | None = None  # of the facility
    expires_at: datetime | None = None  # when what is held lapses
    cause: Cause | None = None  # why there is no reservation, for those who are told and were not there


@dataclass(frozen=True)
class RunResult:
    """How a run ended and what it did, a failure included; little, when none could begin."""

    outcome: Outcome
    run_id: str | None = None
    system: str | None = None
    facility: str | None = None
    opens_at: datetime | None = None
    server: ServerTime = UNKNOWN
    attempts: Sequence[Attempt] = ()
    released: Sequence[str] = ()  # order ids
    bug: Exception | None = None  # the failure, when it is one of this program
    cause: Cause | None = None  # why there is no reservation
    facts: Facts | None = None  # from which that follows; None when no run began

    def milliseconds(self, moment: datetime) -> float | None:
        """*moment* relative to the opening, by the server's clock."""
        if self.opens_at is None:
            return None
        return round((self.server.theirs(moment) - self.opens_at) / timedelta(milliseconds=1), 1)

    def own_milliseconds(self, moment: datetime | None) -> float | None:
        """*moment*, which the booking system's own clock showed, relative to the opening."""
        if self.opens_at is None or moment is None:
            return None
        return round((moment - self.opens_at) / timedelta(milliseconds=1), 1)


def describe(context: RunContext, end: Reservation | Hold | Exception, found: Offers | None) -> Outcome:
    """The outcome of a run with this *end*, its sentence without secrets."""
    if isinstance(end, Exception):
        outcome = failed(end, all_released=bool(context.released) and not context.left)
    else:
        assert found is not None, "nothing is held before it is found"
        outcome = held(end, found) if isinstance(end, Hold) else reserved(end, found)
    left = ", ".join(f"{hold} until {held_until(hold)}" for hold in context.left)
    sentence = f"{outcome.sentence} Still held: {left}." if left else outcome.sentence
    return replace(outcome, sentence=context.timeline.secrets.mask(sentence))


def reserved(reservation: Reservation, found: Offers) -> Outcome:
    """A court is ours."""
    court, slot, price = reservation.court, reservation.slot, reservation.price
    cost = "" if price is None else ", free" if price.is_free else f", for {price}"
    return Outcome(
        OutcomeWord.RESERVED,
        ExitCode.SUCCESS,
        f"Reserved {court.name} at {found.facility}, {slot.start:%A} {slot}{cost}.",
        court.name,
        slot,
        reservation.order_id,
        price,
        facility=found.facility,
        address=found.address,
    )


def held(hold: Hold, found: Offers) -> Outcome:
    """A court is ours for the moment, and the player must pay."""
    court, slot = hold.offer.court, hold.offer.slot
    until = f" by {held_until(hold)}" if hold.expires_at else " soon"
    where = f" at {hold.link}" if hold.link else " on its site"
    todo = f"pay {'it' if hold.price is None else hold.price}"
    if hold.price is not None and hold.price.is_free:
        todo = "it is free, but has to be finished"
    return Outcome(
        OutcomeWord.HELD,
        ExitCode.HELD,
        f"Held {court.name} at {found.facility}, {slot.start:%A} {slot}: {todo}{until}{where}",
        court.name,
        slot,
        hold.order_id,
        hold.price,
        facility=found.facility,
        address=found.address,
        expires_at=hold.expires_at,
    )


def said_by(end: Reservation | Hold | BaseException) -> CauseWord | None:
    """What this end of a run says by itself of why there is no reservation; None when there is one."""
    if isinstance(end, Reservation):
        return None
    if isinstance(end, Hold):
        return CauseWord.UNPAID
    if isinstance(end, ReserveError):
        return end.cause
    return CauseWord.DISK if is_full(end) else CauseWord.BUG


def failed(failure: BaseException, *, all_released: bool = False) -> Outcome:
    """Why there is no court; a failure that is none of ours is a bug, and may have left anything behind.

    *all_released* says that courts were held and none is any more.
    """
    if not isinstance(failure, ReserveError):
        bug = f"Not sure: a bug in this program ({type(failure).__name__})."
        return Outcome(
            OutcomeWord.UNCONFIRMED, ExitCode.BUG, f"{bug} Look at your reservations before you try again."
        )
    advice = ""
    if isinstance(failure, Unconfirmed):
        advice = " Look at your reservations before you try again."
    elif isinstance(failure, SignInError) and not isinstance(failure, TokenRefused):
        advice = " Check the e-mail address and the password; trying again and again may lock the account."
    elif isinstance(failure, Interrupted) and all_released:
        advice = " What was held has been released."
    reason = str(failure).rstrip(".")
    sentence = f"{failure.outcome.beginning}: {reason}.{advice}"
    said = " ".join(sentence.split())
    return Outcome(
        failure.outcome,
        failure.exit_code,
        said,
        is_too_far=isinstance(failure, TooFarAhead),
        is_blocked=isinstance(failure, Blocked),
    )

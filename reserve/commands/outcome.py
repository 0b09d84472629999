"""How a run ended: the sentence, the exit code, and the JSON object of the contract."""

from __future__ import annotations

import json
import os
import sys
from dataclasses import dataclass
from pathlib import Path

from reserve.booking.run import Run
from reserve.commands.options import Booking
from reserve.errors import (
    Blocked,
    ExitCode,
    Interrupted,
    OutcomeWord,
    ReserveError,
    SignInError,
    TokenRefused,
    Unconfirmed,
)
from reserve.model import Hold, Offers, Reservation, Slot
from reserve.money import Money

NOTHING: dict[str, object] = {  # the object of the contract when there was no run
    **dict.fromkeys(("outcome", "exit_code", "sentence", "system", "facility", "court", "start", "end")),
    **dict.fromkeys(("order_id", "price_cents", "run_id", "opens_at")),
    "released": [],
    "attempts": [],
}


@dataclass(frozen=True)
class Outcome:
    """How a run ended, whatever the end."""

    word: OutcomeWord
    exit_code: int
    sentence: str
    court: str | None = None
    slot: Slot | None = None
    order_id: str | None = None
    price: Money | None = None
    is_blocked: bool = False  # by a firewall, so that nothing else should be asked either

    def as_json(self, booking: Booking, run_id: str, run: Run) -> dict[str, object]:
        """The object of the contract."""
        timeline = run.timeline
        return {
            "outcome": self.word,
            "exit_code": self.exit_code,
            "sentence": self.sentence,
            "system": booking.system,
            "facility": run.found.facility if run.found else booking.request.facility,
            "court": self.court,
            "start": self.slot.start.isoformat() if self.slot else None,
            "end": self.slot.end.isoformat() if self.slot else None,
            "order_id": self.order_id,
            "price_cents": self.price.minor if self.price else None,
            "released": timeline.released,
            "run_id": run_id,
            "opens_at": timeline.opens_at.isoformat() if timeline.opens_at else None,
            "attempts": [
                {
                    "court": attempt.court,
                    "sent_ms": timeline.milliseconds(attempt.sent),
                    "answered_ms": timeline.milliseconds(attempt.answered),
                    "meaning": attempt.meaning,
                }
                for attempt in timeline.attempts
            ],
        }


def tell(sentence: str, as_json: object = None) -> None:
    """Say *sentence*, or *as_json* with the sentence on standard error; nobody listening changes nothing."""
    try:
        if as_json is None:
            print(sentence, flush=True)
        else:
            if sys.stderr is not None:  # closed before we began
                print(sentence, file=sys.stderr, flush=True)
            print(json.dumps(as_json, ensure_ascii=False), flush=True)
    except OSError:
        sys.stdout = Path(os.devnull).open("w")  # noqa: SIM115  # or Python complains once more at its end


def reserved(reservation: Reservation, found: Offers) -> Outcome:
    """A court is ours."""
    court, slot, price = reservation.court, reservation.slot, reservation.price
    paid = "" if price is None else ", free" if price.is_free else f", {price} paid"
    return Outcome(
        OutcomeWord.RESERVED,
        ExitCode.SUCCESS,
        f"Reserved {court.name} at {found.facility}, {slot.start:%A} {slot}{paid}.",
        court.name,
        slot,
        reservation.order_id,
        price,
    )


def held(hold: Hold, found: Offers) -> Outcome:
    """A court is ours for the moment, and the player must pay."""
    court, slot = hold.offer.court, hold.offer.slot
    until = f" by {hold.expires_at.astimezone(found.zone):%H:%M:%S}" if hold.expires_at else " soon"
    price = str(hold.price) if hold.price is not None else "it"
    return Outcome(
        OutcomeWord.HELD,
        ExitCode.HELD,
        f"Held {court.name} at {found.facility}, {slot.start:%A} {slot}: pay {price}{until} at {hold.link}",
        court.name,
        slot,
        hold.order_id,
        hold.price,
    )


def failed(failure: BaseException, *, gave_back: bool = False) -> Outcome:
    """Why there is no court; a failure that is none of ours is a bug, and may have left anything behind.

    *gave_back* says that courts were held and none is any more.
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
    elif isinstance(failure, Interrupted) and gave_back:
        advice = " What was held has been given back."
    reason = str(failure).rstrip(".")
    sentence = f"{failure.outcome.beginning}: {reason}.{advice}"
    said = " ".join(sentence.split())
    return Outcome(failure.outcome, failure.exit_code, said, is_blocked=isinstance(failure, Blocked))

"""What can go wrong, named after what it means for the player.

ReserveError
|-- UsageError        the request makes no sense; nothing was attempted
|   |-- NoWebhookService  none answers, so a one-time code has to be typed
|   |-- DiskFull      nothing can be kept, so nothing is begun
|   |-- NoSuchSlot    no court has this slot on that day
|   `-- TooFarAhead   it opens too late for a run to wait; that is what plans are for
|-- SignInError       the account was refused
|   `-- TokenRefused  the booking system no longer believes who we are
|-- CodeError         no valid one-time code arrived
|   |-- WrongCode     the code was refused; a newer one may be right
|   `-- NotVerified   the booking system wants a one-time code first
|-- NotOpenYet        the booking window is still closed
|-- SlotTaken         somebody else has this court at this time
|-- Forbidden         a rule forbids it
|   |-- LimitReached  the player may not book any more courts for now
|   |-- AlreadyReserved
|   `-- TooDear       the court costs more than the player allows
|-- ServiceError      the booking system is unreachable, blocks us, or said something we do not know
|   |-- Unreachable   nothing arrived there: surely not done
|   |-- LostAnswer    the request left, the answer did not come: it may have been done
|   |   |-- Overdue        nobody answered in time: it may be done even later
|   |   |-- UnknownPage    a page came that we do not know: it may have been done
|   |   `-- UnknownAnswer  an answer came that sounds like yes and makes no sense: it may have been done
|   |-- UnknownRefusal  a refusal in words we do not know: surely not done
|   |-- WayClosed     courts are asked for in another way now: surely not done
|   |-- PageChanged   a page to log in with is not what we know
|   |-- Lapsed        what was held was lost before it could be paid
|   |-- NoDatabase    the database does not say in time what we have to know
|   |-- Throttled     too many requests; ask again after `retry_after`
|   `-- Blocked       a firewall refuses automated clients
|-- NotPaid           paying was refused for certain; the court is still held
|-- Unconfirmed       a court may be reserved; look before trying again
`-- Interrupted       the player or the machine stopped the run

`exit_code` and `outcome` are those of the contract; `meaning` is that of an answer to an attempt; `cause` is
what the failure says by itself of why there is no court, which `reserve.causes` judges by what else happened.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable
from datetime import date, timedelta
from enum import IntEnum, StrEnum
from errno import EDQUOT, ENOSPC
from signal import Signals


class ExitCode(IntEnum):
    """What cron and scripts read; a run that a signal ended exits with 128 and its number."""

    SUCCESS = 0  # reserved; or the check, rehearsal or command succeeded
    NOT_RESERVED = 1  # taken, or the window did not open in time
    USAGE = 2  # the request makes no sense; nothing was attempted
    SIGN_IN = 3
    CODE = 4  # no valid one-time code arrived
    FORBIDDEN = 5  # by a rule: booking limit, price over the maximum, already reserved
    SERVICE = 6  # unreachable, blocks us, or said something we do not know
    UNCONFIRMED = 7  # a court may be reserved
    HELD = 8  # waiting for the player to pay by hand
    BUG = 70


class OutcomeWord(StrEnum):
    """How a run ended, in the JSON object of the contract; the sentence for the player begins accordingly."""

    RESERVED = "reserved"
    HELD = "held"
    NOT_RESERVED = "not-reserved"
    REFUSED = "refused"
    UNCONFIRMED = "unconfirmed"

    @property
    def beginning(self) -> str:
        """How the last line for the player begins."""
        return "Not sure" if self is OutcomeWord.UNCONFIRMED else self.value.replace("-", " ").capitalize()


class Meaning(StrEnum):
    """What the answer to an attempt meant."""

    HELD = "held"
    NOT_OPEN_YET = "not open yet"
    TAKEN = "taken"
    LIMIT_REACHED = "limit reached"
    NOT_VERIFIED = "not verified"
    TOKEN_REFUSED = "token refused"
    THROTTLED = "throttled"
    BLOCKED = "blocked"
    UNREACHABLE = "unreachable"
    UNKNOWN_ANSWER = "unknown answer"
    ANSWER_LOST = "answer lost"
    UNKNOWN_REFUSAL = "refused in unknown words"
    WAY_CLOSED = "no longer asked for in this way"
    FAILED = "failed"


class CauseWord(StrEnum):
    """Why a run ended without a reservation, in one word for people."""

    # Of the race.
    RIVALS = "rivals"  # others were first
    OPENED_LATE = "opened-late"
    NOT_AS_PUBLISHED = "not-as-published"  # opened early, or not at all
    LATE = "late"  # we were
    ASLEEP = "asleep"  # this machine was
    CLOCK = "clock"  # of this machine, wrong
    # Of one-time codes.
    CODE_LATE = "code-late"
    CODE_REFUSED = "code-refused"
    CODE_NOT_SENT = "code-not-sent"  # the booking system would not
    NO_CODE = "no-code"  # came
    # Of rules and money.
    LIMIT = "limit"
    PRICE = "price"
    ALREADY_RESERVED = "already-reserved"
    UNPAID = "unpaid"  # held for the player to pay
    UNCONFIRMED = "unconfirmed"  # a court may be reserved
    LAPSED = "lapsed"  # what was held, before it could be paid
    # Of the sign-in.
    SIGN_IN = "sign-in"  # e-mail address or password refused
    SIGNED_OUT = "signed-out"  # no longer believed
    PAGE_CHANGED = "page-changed"
    BROWSER = "browser"
    # Of the booking system, and of the way there.
    BLOCKED = "blocked"  # by a firewall
    THROTTLED = "throttled"
    UNKNOWN_ANSWER = "unknown-answer"
    UNREACHABLE = "unreachable"  # or it has trouble
    # Of what was asked for, and of this machine.
    NO_SUCH_SLOT = "no-such-slot"
    TOO_FAR = "too-far-ahead"
    REQUEST = "request"  # makes no sense
    DATABASE = "database"
    DISK = "disk"  # full
    STOPPED = "stopped"
    CUT_OFF = "cut-off"  # killed, or the machine was switched off
    BUG = "bug"
    UNKNOWN = "unknown"


# What other programs call a command of ours.
USUAL_NAMES = {
    "rm": "remove",
    "delete": "remove",
    "ls": "list",
    "new": "add",
    "reserve": "book",
    "test": "check",
    "setup": "init",
}
USUAL_NAMES |= {
    "stop": "pause",
    "start": "resume",
    "facilities": "courts",
    "log": "history",
    "demo": "rehearse",
}
SQLITE_FULL = 13  # as SQLite says it
QUOTED = 80  # letters of one thing
QUOTATION = re.compile(rf"""(?<!\w)(['"])(?:\\.|(?!\1)[^\\]){{{QUOTED},}}\1""")  # as repr() makes it


def is_full(failure: BaseException) -> bool:
    """Whether *failure*, or what a database says behind it, is that a disk is full."""
    origin = getattr(failure, "orig", None) or failure
    return getattr(origin, "errno", None) in (ENOSPC, EDQUOT) or (
        getattr(origin, "sqlite_errorcode", None) == SQLITE_FULL
    )


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A question whether the nearest of *known* was meant, empty when none is near."""
    near = difflib.get_close_matches(word.casefold()[:QUOTED], list(known), n=1, cutoff=0.6)
    return f"; did you mean {near[0]!r}?" if near else ""


def meant_by(word: str, commands: Iterable[str]) -> str:
    """A question whether one of *commands* was meant by *word*; else all of them."""
    known = tuple(commands)
    usual = USUAL_NAMES.get(word.casefold(), word.casefold())
    for name in (usual, f"plan {usual}"):
        if name in known:
            return f"; did you mean {name!r}?"
    return did_you_mean(word, known) or f"; there are {', '.join(known)}"


class ReserveError(Exception):
    """Anything that ends a run without a reservation."""

    exit_code: int = ExitCode.SERVICE
    outcome = OutcomeWord.NOT_RESERVED
    meaning = Meaning.FAILED  # as the answer to an attempt
    cause = CauseWord.UNKNOWN_ANSWER


class UsageError(ReserveError):
    """The request makes no sense; nothing was attempted."""

    exit_code = ExitCode.USAGE
    outcome = OutcomeWord.REFUSED
    cause = CauseWord.REQUEST

    def __init__(self, message: str) -> None:
        """Of what somebody typed, and *message* quotes, the first letters will do."""
        super().__init__(QUOTATION.sub(lambda found: f"{found[0][:QUOTED]}…{found[1]}", message))


class NoWebhookService(UsageError):
    """None answers where it should; a one-time code has to be typed."""


class DiskFull(UsageError):
    """Nothing can be kept, so nothing is begun."""

    cause = CauseWord.DISK


class NoSuchSlot(UsageError):
    """No court has this slot on that day; `returns` is the first day on which it is expected again."""

    cause = CauseWord.NO_SUCH_SLOT

    def __init__(self, message: str, returns: date | None = None) -> None:
        """Say from when it is expected again, and that nobody has published that."""
        if returns:
            message += f"; by the season it should return with daylight-saving time, on {returns:%a %Y-%m-%d}"
        super().__init__(message)
        self.returns = returns


class TooFarAhead(UsageError):
    """It opens too late for a run to wait for it; that is what plans are for."""

    cause = CauseWord.TOO_FAR


class SignInError(ReserveError):
    """The account was refused."""

    exit_code = ExitCode.SIGN_IN
    outcome = OutcomeWord.REFUSED
    meaning = Meaning.TOKEN_REFUSED
    cause = CauseWord.SIGN_IN


class TokenRefused(SignInError):
    """The booking system no longer believes who we are."""

    cause = CauseWord.SIGNED_OUT


class CodeError(ReserveError):
    """No valid one-time code arrived."""

    exit_code = ExitCode.CODE
    cause = CauseWord.NO_CODE


class WrongCode(CodeError):
    """This code was refused; a newer one may be right."""

    cause = CauseWord.CODE_REFUSED


class NotVerified(CodeError):
    """The booking system wants a one-time code first."""

    meaning = Meaning.NOT_VERIFIED


class NotOpenYet(ReserveError):
    """The booking window is still closed."""

    exit_code = ExitCode.NOT_RESERVED
    meaning = Meaning.NOT_OPEN_YET
    cause = CauseWord.OPENED_LATE


class SlotTaken(ReserveError):
    """Somebody else has this court at this time."""

    exit_code = ExitCode.NOT_RESERVED
    meaning = Meaning.TAKEN
    cause = CauseWord.RIVALS


class Forbidden(ReserveError):
    """A rule forbids it: the city's limits, the maximum price, or a reservation that exists."""

    exit_code = ExitCode.FORBIDDEN
    outcome = OutcomeWord.REFUSED


class LimitReached(Forbidden):
    """The player may not book any more courts for now."""

    meaning = Meaning.LIMIT_REACHED
    cause = CauseWord.LIMIT


class AlreadyReserved(Forbidden):
    """The player has a court at this time."""

    cause = CauseWord.ALREADY_RESERVED


class TooDear(Forbidden):
    """The court costs more than the player allows."""

    cause = CauseWord.PRICE


class ServiceError(ReserveError):
    """The booking system is unreachable, blocks us, or said something we do not know."""


class TokensOutOfReach(ServiceError):
    """The store of the refresh tokens does not answer; a password still signs in."""

    cause = CauseWord.DATABASE


class Unreachable(ServiceError):
    """Nothing arrived at the booking system, so surely nothing was done."""

    meaning = Meaning.UNREACHABLE
    cause = CauseWord.UNREACHABLE


class LostAnswer(ServiceError):
    """The request left and no sensible answer came: it may have been done, or not."""

    meaning = Meaning.ANSWER_LOST
    cause = CauseWord.UNREACHABLE


class Overdue(LostAnswer):
    """No answer came in time: the request may still be on its way, and be done later."""


class UnknownPage(LostAnswer):
    """A page came that says neither yes nor no in words that we know; asking again may show more."""

    meaning = Meaning.UNKNOWN_ANSWER
    cause = CauseWord.UNKNOWN_ANSWER


class UnknownAnswer(LostAnswer):
    """The booking system accepted, in a form we cannot read; it may have been done, or not."""

    meaning = Meaning.UNKNOWN_ANSWER
    cause = CauseWord.UNKNOWN_ANSWER


class UnknownRefusal(ServiceError):
    """The booking system refused, in words we do not know; never read as *taken*."""

    meaning = Meaning.UNKNOWN_REFUSAL


class WayClosed(ServiceError):
    """Courts are no longer asked for in this way, and can be in another, at once: surely nothing was done."""

    meaning = Meaning.WAY_CLOSED


class PageChanged(ServiceError):
    """A page to log in with does not show, or do, what we know."""

    cause = CauseWord.PAGE_CHANGED


class Lapsed(ServiceError):
    """What was held was lost before it could be paid."""

    cause = CauseWord.LAPSED


class NoDatabase(ServiceError):
    """The database does not say in time what we have to know."""

    cause = CauseWord.DATABASE


class Throttled(ServiceError):
    """Too many requests; the booking system asks us to wait."""

    meaning = Meaning.THROTTLED
    cause = CauseWord.THROTTLED

    def __init__(self, message: str, retry_after: timedelta | None = None) -> None:
        """Keep how long the booking system asks us to wait, if it said so."""
        super().__init__(message)
        self.retry_after = retry_after


class Blocked(ServiceError):
    """A firewall refuses automated clients; trying harder would only make it worse."""

    meaning = Meaning.BLOCKED
    cause = CauseWord.BLOCKED


class NotPaid(ReserveError):
    """Paying was refused for certain; the court is still held, and the player can pay by hand."""

    exit_code = ExitCode.HELD
    outcome = OutcomeWord.HELD
    cause = CauseWord.UNPAID


class Unconfirmed(ReserveError):
    """A court may be reserved; the player must look before trying again."""

    exit_code = ExitCode.UNCONFIRMED
    outcome = OutcomeWord.UNCONFIRMED
    cause = CauseWord.UNCONFIRMED


class Interrupted(ReserveError):
    """The run was stopped by a signal."""

    cause = CauseWord.STOPPED

    def __init__(self, signal_number: int) -> None:
        """Exit as a shell would report the signal: 128 + its number."""
        super().__init__(f"stopped by {Signals(signal_number).name}")
        self.exit_code = 128 + signal_number

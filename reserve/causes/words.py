"""A cause in words for people: what happened, by the evidence, and what to do about it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import timedelta

from reserve.causes.cause import SLOW, Cause
from reserve.errors import CauseWord
from reserve.model import SpanKind

MINUTE, HOUR, DAY = timedelta(minutes=1), timedelta(hours=1), timedelta(days=1)
SLEEPING = timedelta(hours=12)  # without any text, whatever forwards them may sleep
SPANS: Mapping[SpanKind, str] = {
    SpanKind.SIGN_IN: "the sign-in",
    SpanKind.CODE_AWAITED: "the one-time code",
    SpanKind.AIM: "measuring the server's clock",
    SpanKind.WARM: "opening the connections",
}


def length(span: timedelta) -> str:
    """How long, in the unit that people would take: 8 ms, 1.2 s, 5 min, 3 days."""
    span = abs(span)
    if span < timedelta(seconds=1):
        return f"{span / timedelta(milliseconds=1):.0f} ms"
    if span < MINUTE:
        return f"{span.total_seconds():.1f} s"
    for unit, name in ((DAY, "days"), (HOUR, "hours"), (MINUTE, "minutes")):
        if span >= 2 * unit:
            return f"{span // unit} {name}"
    return f"{span.total_seconds():.0f} s"


def after(span: timedelta) -> str:
    """How long after the opening, or before it: +8 ms, -1.2 s."""
    return f"{'-' if span < timedelta(0) else '+'}{length(span)}"


def why(cause: Cause) -> str:
    """What happened, in two sentences at most."""
    said = WHY[cause.word]
    return said if isinstance(said, str) else said(cause)


def remedy(cause: Cause) -> str:
    """What to do about it, in a sentence or two."""
    said = REMEDIES[cause.word]
    return said if isinstance(said, str) else said(cause)


def _race(cause: Cause) -> str:
    if cause.asked is None:
        return ""
    gone = "" if cause.gone is None else f", and the court was gone at {after(cause.gone)}"
    return f" You arrived at {after(cause.asked)} of the opening{gone}."


def _times(number: int) -> str:
    return "once" if number == 1 else f"{number} times"


def _opened_late(cause: Cause) -> str:
    until = "" if cause.told_until is None else f", the last time at {after(cause.told_until)}"
    return f"The site opened late: you were told {_times(cause.told)} that it is not open yet{until}."


def _not_as_published(cause: Cause) -> str:
    if cause.told:
        until = "" if cause.told_until is None else f" until {after(cause.told_until)}"
        return f"The site's window is not what it publishes: it was not open{until}."
    return f"The site opened before the moment that it publishes.{_race(cause)}"


def _late(cause: Cause) -> str:
    if cause.slowest is not None:
        span = SPANS.get(cause.slowest, str(cause.slowest))
        return f"We were late: {span} took {length(cause.overrun)} longer than planned.{_race(cause)}"
    if cause.started_late > timedelta(0):
        return f"We were late: the run started {length(cause.started_late)} after its plan.{_race(cause)}"
    if cause.trip is not None and cause.trip > SLOW:
        return f"We were late: the way to the site and back takes {length(cause.trip)}.{_race(cause)}"
    return f"We were late.{_race(cause)}"


def _late_remedy(cause: Cause) -> str:
    if cause.slowest is SpanKind.SIGN_IN:
        return "A lighter machine load, or an account that stays signed in, makes the sign-in quicker."
    if cause.slowest is None and cause.started_late > timedelta(0):
        return "Have it started in time: add a plan, and let cron call `due` every minute."
    return "Run it on a machine nearer to the site, with a wire instead of a radio."


def _slept(cause: Cause) -> str:
    slept = "" if cause.off is None else f" for {length(cause.off)}"
    return f"This machine was asleep{slept}, or its clock was set, before the opening.{_race(cause)}"


def _clock(cause: Cause) -> str:
    where = "ahead" if cause.off is not None and cause.off > timedelta(0) else "behind"
    off = "wrong" if cause.off is None else f"at least {length(cause.off)} {where}"
    return f"This machine's clock is {off}, and the site did not tell its own in time.{_race(cause)}"


def _code_late(cause: Cause) -> str:
    came = "only after the opening" if cause.code_came is None else f"at {after(cause.code_came)}"
    return f"The one-time code came late: it was accepted {came}.{_race(cause)}"


def _code_refused(cause: Cause) -> str:
    return f"The site refused {_codes(cause.codes_refused)}, and no valid one came in time."


def _codes(number: int) -> str:
    return "the one-time code" if number == 1 else f"{number} one-time codes"


def _no_code(cause: Cause) -> str:
    if cause.codes_wanted is None:
        return "No valid one-time code came in time."
    if cause.codes_wanted == 0:
        return "The site wants a one-time code, and no phone was named to receive it."
    if cause.text_age is None:
        return "The one-time code never came. The webhook service knows of no earlier text either."
    sleeps = ": the forwarder sleeps" if cause.text_age > SLEEPING else ""
    return f"The one-time code never came. The last text came {length(cause.text_age)} before{sleeps}."


def _no_code_remedy(cause: Cause) -> str:
    if cause.codes_wanted == 0:
        return "Give --phone, and have its texts forwarded to the webhook service."
    return "Send a text to the phone and see that it reaches the webhook service: `check` tells."


WHY: Mapping[CauseWord, str | Callable[[Cause], str]] = {
    CauseWord.RIVALS: lambda cause: f"Others were first.{_race(cause)}",
    CauseWord.OPENED_LATE: _opened_late,
    CauseWord.NOT_AS_PUBLISHED: _not_as_published,
    CauseWord.LATE: _late,
    CauseWord.ASLEEP: _slept,
    CauseWord.CLOCK: _clock,
    CauseWord.CODE_LATE: _code_late,
    CauseWord.CODE_REFUSED: _code_refused,
    CauseWord.CODE_NOT_SENT: lambda cause: (
        "The site would not send a one-time code"
        + (f"; it was asked {_times(cause.codes_wanted)}." if cause.codes_wanted else ".")
    ),
    CauseWord.NO_CODE: _no_code,
    CauseWord.LIMIT: "You have as many courts as the city allows.",
    CauseWord.PRICE: "The court costs more than you allow.",
    CauseWord.ALREADY_RESERVED: "You have a court at this time already, or another run of yours asks for it.",
    CauseWord.UNPAID: "A court is held for you, and only you can pay for it.",
    CauseWord.UNCONFIRMED: "An answer was lost, and nobody can tell whether the court is yours.",
    CauseWord.LAPSED: "The court was held, and lost before it could be paid.",
    CauseWord.SIGN_IN: "The site refused your e-mail address or your password.",
    CauseWord.SIGNED_OUT: "The site no longer believes the sign-in that is kept for you.",
    CauseWord.PAGE_CHANGED: "The log-in page is not what we know.",
    CauseWord.BROWSER: "The browser that signs in could not be started, or crashed.",
    CauseWord.BLOCKED: "A firewall of the site refuses automated clients, or this network.",
    CauseWord.THROTTLED: lambda cause: f"The site answered that there were too many requests.{_race(cause)}",
    CauseWord.UNKNOWN_ANSWER: "The site gave an answer that nobody knows.",
    CauseWord.UNREACHABLE: lambda cause: f"The site could not be reached, or had trouble.{_race(cause)}",
    CauseWord.NO_SUCH_SLOT: "No court has this slot on that day.",
    CauseWord.TOO_FAR: "It opens too late for one run to wait for it.",
    CauseWord.REQUEST: "What was asked for makes no sense.",
    CauseWord.DATABASE: "The database did not answer in time.",
    CauseWord.DISK: "The disk of this machine is full.",
    CauseWord.STOPPED: "Somebody, or this machine, stopped the run.",
    CauseWord.CUT_OFF: "The run was killed, or the machine was switched off, before it could end.",
    CauseWord.BUG: "This program has a bug.",
    CauseWord.UNKNOWN: "Nobody knows: it is a run of an older version, which kept no more than its end.",
}
LOOK = "Look at your reservations before you try again."
REMEDIES: Mapping[CauseWord, str | Callable[[Cause], str]] = {
    CauseWord.RIVALS: "Name more courts or times (--or), or wait for one that is given up (--wait-list).",
    CauseWord.OPENED_LATE: "The next run asks at that moment too; a longer --patience waits for it.",
    CauseWord.NOT_AS_PUBLISHED: "Find out when it really opens, and say so with --opens-at.",
    CauseWord.LATE: _late_remedy,
    CauseWord.ASLEEP: "Keep this machine awake, or let one book that is always on.",
    CauseWord.CLOCK: "Have the clock set over the network: `timedatectl set-ntp true`.",
    CauseWord.CODE_LATE: "See how texts come to the webhook service, and what delays them.",
    CauseWord.CODE_REFUSED: "See that nobody else has codes sent to this phone at the same time.",
    CauseWord.CODE_NOT_SENT: "Ask for a code on the site once by hand: its answer says what is wrong.",
    CauseWord.NO_CODE: _no_code_remedy,
    CauseWord.LIMIT: "Give up a court with `bookings cancel`, or choose another day.",
    CauseWord.PRICE: "Raise --max-price, or choose a court that costs less.",
    CauseWord.ALREADY_RESERVED: "`bookings` shows what you have.",
    CauseWord.UNPAID: "Pay before it lapses; the link is in the last line.",
    CauseWord.UNCONFIRMED: LOOK,
    CauseWord.LAPSED: "Try again: with a quicker way to pay, or a faster network.",
    CauseWord.SIGN_IN: "Sign in on the site by hand; trying again and again may lock the account.",
    CauseWord.SIGNED_OUT: "Sign in again, and store what the site gives you: `account add`.",
    CauseWord.PAGE_CHANGED: "A picture of it is kept with the run; please report it, or use --sign-in api.",
    CauseWord.BROWSER: "Install chromium and its driver, of one version; or set CHROME_BINARY, CHROMEDRIVER.",
    CauseWord.BLOCKED: "Book from a network at home instead of a data centre's, and wait for some hours.",
    CauseWord.THROTTLED: "Let only one machine ask, and ask for fewer courts at once.",
    CauseWord.UNKNOWN_ANSWER: "Send what `report` writes to whoever maintains this: its shape, no secret.",
    CauseWord.UNREACHABLE: "See whether the site answers your browser; then try again.",
    CauseWord.NO_SUCH_SLOT: "`courts` shows which slots there are.",
    CauseWord.TOO_FAR: "Add it as a plan: `plan add`.",
    CauseWord.REQUEST: "The last line says which option to mend.",
    CauseWord.DATABASE: "See that RESERVE_DATABASE_URL answers from this machine.",
    CauseWord.DISK: "Make room on it.",
    CauseWord.STOPPED: "Start it again, unless that was meant.",
    CauseWord.CUT_OFF: "The next run tidies up after it; see why the machine killed it, or lost its power.",
    CauseWord.BUG: f"Send what `report` writes to whoever maintains this. {LOOK}",
    CauseWord.UNKNOWN: "Its last line says what was known then.",
}

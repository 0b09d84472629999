"""Telling the player how something ended: into the outbox, and a process of its own does the rest.

Nothing here raises, waits for anybody, or changes how anything ended.
"""

from __future__ import annotations

import json
import subprocess
import sys
from collections.abc import Sequence
from contextlib import suppress
from datetime import datetime, timedelta
from hashlib import sha256
from typing import TYPE_CHECKING

from reserve import itself
from reserve.causes.words import remedy, why
from reserve.clock import Clock
from reserve.commands.screen import warn
from reserve.errors import ExitCode, OutcomeWord
from reserve.notify.channels import channels
from reserve.notify.notice import Kind, Notice
from reserve.notify.outbox import Entry, Outbox
from reserve.settings import Settings

if TYPE_CHECKING:
    from reserve.booking.result import Outcome

AGAIN = timedelta(minutes=3)  # before a hold lapses
LOST = (ExitCode.NOT_RESERVED, ExitCode.FORBIDDEN)


def tell(settings: Settings, *notices: Notice) -> None:
    """Have the channels told that hear of *notices*."""
    try:
        _tell(settings, notices)
    except Exception as failure:  # whatever it is, how the run ended is safe, and stays so
        warn(f"RESERVE_NOTIFY: {type(failure).__name__}")


def _tell(settings: Settings, notices: Sequence[Notice]) -> None:
    known = channels(settings.notify)
    for channel in known:
        if channel.trouble:
            warn(f"RESERVE_NOTIFY: {channel.name}: {channel.trouble}")
    heard = [each for each in notices if any(channel.level.hears(each.kind) for channel in known)]
    outbox, unwritten = Outbox(settings.data), []
    for said in undelivered(outbox):
        warn(f"RESERVE_NOTIFY: {said}")
    for each in heard:
        try:
            outbox.put(each)
        except (OSError, ValueError):  # the disk is full, or the folder is none
            unwritten.append(Entry(each).as_text())
    if heard:
        start_sender(settings, unwritten)


def undelivered(outbox: Outbox) -> list[str]:
    """What channels have not been told of yet, although it was tried."""
    return [
        f"{entry.notice.kind} of {entry.notice.at:%Y-%m-%d %H:%M} UTC: {progress}"
        for entry in outbox.pending()
        for progress in entry.progress.values()
        if progress.why and not progress.is_over
    ]


def tell_of_trouble(settings: Settings, sentence: str) -> None:
    """Have the player told of what no run is behind."""
    if settings.notify:
        tell(settings, notice(Kind.BROKEN, sentence, Clock().now()))


def tell_what_is_left(settings: Settings, now: datetime) -> None:
    """Start what tells the player when a process that should have done so is no more."""
    with suppress(OSError, ValueError):
        if Outbox(settings.data).is_overdue(now):
            start_sender(settings)


def start_sender(settings: Settings, unwritten: Sequence[str] = ()) -> None:
    """Start the process that tells the player; it gets the addresses by a pipe, where nobody else looks."""
    given = {"data": str(settings.data.absolute()), "notify": settings.notify, "unwritten": list(unwritten)}
    process = subprocess.Popen(
        [sys.executable, "-m", "reserve.notify"],
        cwd=itself.HERE,
        stdin=subprocess.PIPE,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    process.returncode = 0  # nobody waits for it here
    assert process.stdin is not None
    with suppress(OSError), process.stdin as pipe:
        pipe.write(json.dumps(given).encode())


def notice(kind: Kind, sentence: str, now: datetime) -> Notice:
    """Something that no run is behind; said at another moment, it is another notice."""
    digest = sha256(sentence.encode("utf-8", "surrogateescape")).hexdigest()[:8]
    return Notice(f"{now:%Y%m%dT%H%M%S.%f} {digest}", kind, sentence, now)


def kind_of(outcome: Outcome) -> Kind:
    """What *outcome* is to the player."""
    kinds = {OutcomeWord.RESERVED: Kind.RESERVED, OutcomeWord.HELD: Kind.HELD}
    return kinds.get(outcome.word) or (Kind.LOST if outcome.exit_code in LOST else Kind.BROKEN)


def notices_of(
    outcome: Outcome,
    now: datetime,
    *,
    what: str,
    about: str,
    run_id: str | None = None,
    calendar: str | None = None,
) -> list[Notice]:
    """How *what* ended, told with what it was *about*; what is held is told again before it lapses.

    The same end of the same thing has the same id, however often it comes to that.
    """
    kind, said = kind_of(outcome), [outcome.sentence]
    if outcome.cause and kind is not Kind.HELD:  # whose sentence says all that is to be done
        said += [why(outcome.cause), remedy(outcome.cause)]
    text = f"{' '.join(said)} ({about})"
    found = [Notice(f"{what} {kind}", kind, text, now, run_id, calendar)]
    if kind is Kind.HELD and outcome.expires_at and outcome.expires_at > now:
        ends = outcome.expires_at
        again = ends - min(AGAIN, (ends - now) / 2)
        text = f"If you have not paid yet: {text}"
        found.append(
            Notice(f"{what} {kind} again", kind, text, now, run_id, not_before=again, not_after=ends)
        )
    return found

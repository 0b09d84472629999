"""What a refusal means, as far as that is alike everywhere: by its status, and by the words in it."""

from __future__ import annotations

import re
from datetime import timedelta

from reserve.errors import Blocked, LostAnswer, Overdue, ReserveError, Throttled, UnknownRefusal
from reserve.http import Answer

CODE = re.compile(r"\s*\b[A-Z]+(_[A-Z]+)+\b")  # the name of an error, for programs
Words = tuple[tuple[str, type[ReserveError]], ...]  # a pattern in any case, and what it says to the player


def trouble_with(answer: Answer, retry_after: timedelta | None = None) -> ReserveError | None:
    """What is wrong with *answer* that has nothing to do with what was asked; None if nothing is."""
    what = f"{answer.asked}: {answer.status}"
    if answer.status == 429:
        return Throttled(f"{what}: too many requests", retry_after)
    if answer.status == 504:
        return Overdue(f"{what}: a server in front of the booking system did not wait for it")
    if answer.status >= 500:
        return LostAnswer(f"{what}: the booking system has trouble")
    if answer.status == 403 and not answer.is_json:
        return Blocked(f"{what}: a firewall refuses us; we do not try to get around it")
    return None


def by_words(what: str, said: str, words: Words) -> ReserveError:
    """The meaning of the first of *words* found in what was *said*; unknown when none is."""
    for pattern, kind in words:
        if re.search(pattern, said, re.IGNORECASE):
            return kind(f"the booking system says: {CODE.sub('', said).strip() or said.strip()}")
    return UnknownRefusal(f"{what}: {said.strip()[:200] or 'no reason given'}")

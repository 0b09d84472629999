"""What takes longer than a page may: it goes on in a thread, and pages show how far it has come.

Nothing of it is kept: with the service that is stopped it is gone, and a person asks again.
"""

from __future__ import annotations

import logging
import threading
import traceback
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from functools import partial
from signal import SIGTERM

from reserve.booking.result import failed
from reserve.booking.stop import Stop
from reserve.causes.words import length
from reserve.checks.verdict import Verdict
from reserve.commands.booked import Listed
from reserve.errors import ExitCode, ReserveError, UsageError
from webhook_server.pages.facilities import in_a_thread

KEPT = timedelta(minutes=10)  # what was found, after that; then it is out of date
ENDING = 3.0  # seconds, in all, for what is stopped with the service

log = logging.getLogger(__name__)


class Kind(StrEnum):
    """What is asked for."""

    BOOKINGS = "bookings"
    CHECK = "check"


# So long after one began the next may: each is a sign-in, and a check a text, too.
EVERY = {Kind.BOOKINGS: timedelta(minutes=1), Kind.CHECK: timedelta(minutes=5)}


class State(StrEnum):
    """What is being done right now, as a person reads it."""

    WAITING = "waiting for its turn"
    SIGNING_IN = "signing in"
    READING = "reading your bookings"
    CANCELLING = "cancelling"
    CHECKING = "checking"


@dataclass(frozen=True)
class Found:
    """A court that the player has, and what cancelling it would give back, as far as that is known."""

    listed: Listed
    refund: str | None = None


@dataclass
class Job:
    """One thing that a person asked for, how far it has come, and what it came to."""

    kind: Kind
    began: datetime
    link: str | None = None  # where a system is asked about one session only
    state: State = State.WAITING
    said: str = ""
    exit_code: int | None = None
    found: Sequence[Found] | None = None
    verdicts: list[Verdict] = field(default_factory=list)
    ended: datetime | None = None
    stop: Stop = field(default_factory=Stop)
    mask: Callable[[str], str] = str

    def __post_init__(self) -> None:
        """A request to stop is noted, and raises nothing in whoever asks."""
        self.stop.shield()


Who = tuple[str, str]  # a person, and which of that person's players


class Background:
    """Jobs, one at a time: each may need a browser, and texts and codes go first."""

    def __init__(
        self, now: Callable[[], datetime], aside: Callable[[Callable[[], None]], None] = in_a_thread
    ) -> None:
        """Nothing is asked yet."""
        self.aside = aside
        self._now = now
        self._alone = threading.Lock()
        self._turn = threading.Lock()
        self._jobs: dict[tuple[Who, Kind], Job] = {}

    def begin(self, who: Who, job: Job, do: Callable[[Job], None], *, at_once: bool = False) -> None:
        """Have *job* done, for one person one at a time, and not often unless it is to be *at once*.

        Raises `UsageError` when that has to wait.
        """
        with self._alone:
            self._forget_old()
            if any(each.ended is None for ((person, _), _), each in self._jobs.items() if person == who[0]):
                raise UsageError("a booking system is being asked for you; wait for that")
            last = self._jobs.get((who, job.kind))
            wait = EVERY[job.kind] - (job.began - last.began) if last else timedelta(0)
            if wait > timedelta(0) and not at_once:
                raise UsageError(f"the booking system was asked just now; ask again in {length(wait)}")
            self._jobs[who, job.kind] = job
        self.aside(partial(self._do, job, do))

    def latest(self, who: Who, kind: Kind) -> Job | None:
        """What was asked for last, while it goes on and for a while after."""
        with self._alone:
            self._forget_old()
            return self._jobs.get((who, kind))

    def stop(self) -> None:
        """Have what goes on stop, and what waits not begin; nothing is waited for."""
        with self._alone:
            for job in self._jobs.values():
                job.stop.ask(SIGTERM)

    def close(self) -> None:
        """Have all of it stop, and wait a while for what goes on."""
        self.stop()
        if self._turn.acquire(timeout=ENDING):
            self._turn.release()

    def _do(self, job: Job, do: Callable[[Job], None]) -> None:
        with self._turn:
            try:
                job.stop.obey()
                do(job)
            except Exception as failure:
                outcome = failed(failure)
                job.said, job.exit_code = job.mask(outcome.sentence), outcome.exit_code
                if not isinstance(failure, ReserveError):
                    # Only where it happened: the message of an exception can hold a secret.
                    where = "".join(traceback.format_tb(failure.__traceback__))
                    log.error("%s failed with %s\n%s", job.kind, type(failure).__name__, where)
            else:
                job.exit_code = ExitCode.SUCCESS if job.exit_code is None else job.exit_code
            finally:
                job.ended = self._now()

    def _forget_old(self) -> None:
        old = self._now() - KEPT
        self._jobs = {name: job for name, job in self._jobs.items() if not job.ended or job.ended > old}

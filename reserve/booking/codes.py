"""Where the player's one-time codes come in: from texts, as our webhook service keeps them."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import partial

from reserve import itself
from reserve.booking.stop import Stop
from reserve.clock import Clock
from reserve.errors import NoWebhookService, ServiceError, UsageError
from reserve.http import Http
from reserve.systems.reading import fitting, read

HOLD_BACK = timedelta(seconds=10)  # asked of the webhook service; less than we wait for any answer
BETWEEN_QUESTIONS = timedelta(seconds=1)  # to the service, when it does not hold its answer back
LEAST = timedelta(seconds=1)  # for an answer, when time is up
MAX_AGE = timedelta(minutes=10)  # freshness is proved by the id; the service keeps texts no longer than this


@dataclass(frozen=True)
class ReceivedCode:
    """A one-time code, and its place among all that came in: a later one has a higher id."""

    id: int
    digits: str = field(repr=False)


class WebhookService:
    """The player's texts, asked for over HTTP."""

    def __init__(self, http: Http, phone: str, clock: Clock, *, hold_back: timedelta = HOLD_BACK) -> None:
        """Nothing is asked yet."""
        self.known = 0  # the id of the newest text, when the service last said so
        self.age_of_newest: timedelta | None = None  # of any text that came, when the service last said so
        self.came_at: datetime | None = None  # when the newest text for this phone came in
        self.hold_back = hold_back
        self._http = http
        self._phone = phone
        self._clock = clock

    def check(self) -> None:
        """Raise `UsageError` when the webhook service refuses us, `NoWebhookService` when none answers."""
        try:
            with suppress(ServiceError):  # once is no reason to give up
                self.newest()
                return
            self.newest()
        except ServiceError as failure:
            raise NoWebhookService(
                f"--webhook-url: no webhook service answers at {self._http.base_url} ({failure}); "
                f"start it with: {itself.SERVICE}"
            ) from failure

    def newest(self) -> int:
        """The id of the newest text, 0 when there is none.

        Raises `UsageError` when the service refuses us, `ServiceError` when it does not answer.
        """
        answer = self._http.ask("GET", "/newest", params={"phonenumber": self._phone})
        if answer.status in (401, 403):
            raise UsageError("--webhook-token: the webhook service refuses it; use its WEBHOOK_TOKEN")
        if not answer.is_good:
            raise ServiceError(f"{answer.asked}: the webhook service answered {answer.status}")
        self.known = read(answer, int, "id")
        # An earlier webhook service does not say when texts came.
        self.came_at = fitting(answer.json(), datetime, "received_at")
        seconds = fitting(answer.json(), float, "age_seconds")
        self.age_of_newest = None if seconds is None else timedelta(seconds=seconds)
        return self.known

    def next_code(self, *, after: int, until: datetime, stop: Stop) -> ReceivedCode | None:
        """The newest code later than *after*; None when none comes until *until*, or we should stop."""
        while True:
            asked_at = self._clock.now()
            left = until - asked_at
            try:
                wait = max(min(left, self.hold_back), timedelta(0))
                code = self._clock.within(max(left, LEAST), partial(self._ask, after, wait=wait))
            except (ServiceError, TimeoutError):
                code = None  # the service may be starting again; we have until *until*
            if code or left <= timedelta(0) or stop.is_asked:
                return code
            self._clock.sleep_until(min(asked_at + BETWEEN_QUESTIONS, until))

    def code_before(self, code: ReceivedCode, *, after: int) -> ReceivedCode | None:
        """The newest code between *after* and *code*, None when there is none or the service cannot tell."""
        try:
            found = self._ask(after, before=code.id)
        except ServiceError:
            return None
        return found if found and found.id < code.id else None

    def _ask(
        self, after: int, *, wait: timedelta = timedelta(0), before: int | None = None
    ) -> ReceivedCode | None:
        params = {
            "phonenumber": self._phone,
            "maxage": str(int(MAX_AGE.total_seconds())),
            "after": str(after),
            "wait": f"{wait.total_seconds():.1f}",
        }
        if before is not None:
            params["before"] = str(before)
        answer = self._http.ask("GET", "/get_verification_code", params=params)
        if not answer.is_good:
            return None
        id_, digits = read(answer, int, "id"), read(answer, str, "verification_code")
        if id_ <= after or not digits.isdigit():
            raise ServiceError(f"{answer.asked}: the webhook service said something we do not know")
        return ReceivedCode(id_, digits)

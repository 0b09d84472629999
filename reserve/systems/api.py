"""What booking systems with a JSON API have in common: one prepared request for each court, and its order."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping
from datetime import timedelta, tzinfo

from reserve.errors import LostAnswer, ReserveError, ServiceError, TokenRefused, UnknownAnswer, UnknownRefusal
from reserve.http import Answer, Http, path_to
from reserve.model import Hold, Offer, Offers, Published
from reserve.stroke import Departure
from reserve.systems.base import BookingSystem, CourtConnection
from reserve.systems.place import Place
from reserve.systems.reading import texts
from reserve.systems.refusals import Words, by_words, trouble_with

PUBLISHED = timedelta(minutes=1)  # so long what a facility publishes is not read again
GONE = (404, 410)  # of an order that is to be released


class ApiSystem(BookingSystem):
    """A booking system that is asked in JSON, on behalf of the owner of a bearer token."""

    api: str  # the one of `addresses` where the API answers
    order_path = ""  # of one order, "/v1/orders/{id}"; where holds are final nobody needs it
    refusals: Words = ()  # what its refusals mean
    # Statuses that say that our token is not accepted; nothing was done then.
    doubts: tuple[int, ...] = (401,)
    token: str | None = None
    ways: tuple[str, ...] = ()  # the paths where a court can be asked for, where there are several

    @property
    @abstractmethod
    def path(self) -> str:
        """Where a court is asked for."""

    @property
    def light_path(self) -> str:
        """Where something light is answered, afresh each time."""
        return self.path

    @abstractmethod
    def place(self) -> Place:
        """The facility of the booking request; public. Raises `UsageError` when there is none."""

    @abstractmethod
    def order_for(self, offer: Offer) -> Mapping[str, object]:
        """The body that asks for *offer*."""

    @abstractmethod
    def hold_in(self, answer: Answer, offer: Offer) -> Hold:
        """The hold of *offer* that a good *answer* tells of; raises `UnknownAnswer` when there is none."""

    def looks_free(self, offer: Offer) -> bool:
        """Whether a light look says that asking for *offer* makes sense."""
        return True

    # What follows from these.

    def request_for(self, offer: Offer) -> tuple[str, Mapping[str, object]]:
        """Where *offer* is asked for, and with which body."""
        return self.path, self.order_for(offer)

    def offers(self) -> Offers:
        """What the facility has for the booking request, in order of preference."""
        return self.place().offers(self.request)

    def zone(self) -> tzinfo:
        """That of the facility."""
        return self.place().zone

    def published(self) -> list[Published]:
        """The courts of the facility, and when a slot on the wanted day opens there."""
        return self.place().published(self.request.day, self.request.starts[0])

    def held(self, offer: Offer, answer: Answer) -> Hold:
        """The hold that *answer* tells of; raises a `ReserveError` named after what a refusal means."""
        if not answer.is_good:
            raise self.meaning(answer)
        try:
            return self.hold_in(answer, offer)
        except UnknownAnswer:
            self.context.keep(answer.asked, answer.text)
            raise

    def release(self, hold: Hold) -> None:
        """Delete the order behind *hold*, unless that is final."""
        if not self.hold_is_final:
            self.delete(hold)

    def delete(self, hold: Hold) -> Answer:
        """The answer to deleting the order behind *hold*; one that is gone already is as good as deleted."""
        answer = self.answer_to(lambda: self.http.ask("DELETE", path_to(self.order_path, id=hold.order_id)))
        return answer if answer.status in GONE else self._good(answer)

    # Asking.

    def get(
        self, path: str, params: Mapping[str, str] | None = None, *, max_age: timedelta | None = None
    ) -> Answer:
        """The answer of *path*, perhaps as it was read *max_age* ago; raises what a refusal means."""
        known, now = self.context.answers, self.context.clock.now()
        name = (self.api, path, *sorted((params or {}).items()))
        if max_age is not None and name in known and now - known[name][0] <= max_age:
            return known[name][1]
        answer = self._good(self.answer_to(lambda: self.question(path, params)))
        if max_age is not None:
            known[name] = now, answer
        return answer

    def ask(self, method: str, path: str, body: object = None, *, repeatable: bool = False) -> Answer:
        """The good answer to a request that changes something; raises what a refusal means.

        What is *repeatable* does not matter until another request follows: after a lost answer it is sent
        once more, and when that is lost too, a `ServiceError` says so. Else a `LostAnswer` may be a yes.
        """
        try:
            return self._good(self.answer_to(lambda: self.http.ask(method, path, json=body)))
        except LostAnswer:
            if not repeatable:
                raise
        try:
            return self._good(self.answer_to(lambda: self.http.ask(method, path, json=body)))
        except LostAnswer as lost:
            raise ServiceError(f"no answer, twice: {lost}") from lost

    def answer_to(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to *ask*; once more with a new token when the answer doubts this one."""
        token, answer = self.token, ask()
        return ask() if self.renews_after(answer, token) else answer

    def renews_after(self, answer: Answer, token: str | None) -> bool:
        """Whether *answer* doubted the *token* it was asked with, and there is a new one now."""
        return False

    def _good(self, answer: Answer) -> Answer:
        if not answer.is_good:
            raise self.meaning(answer)
        return answer

    def meaning(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player; one that nobody knows is kept."""
        trouble = trouble_with(answer, answer.retry_after(self.context.clock.now()))
        found = trouble or self.refusal(answer)
        if isinstance(found, UnknownRefusal):
            self.context.keep(answer.asked, answer.text)
        return found

    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player, when it is about what was asked; unknown words stay unknown."""
        what = f"{answer.asked}: {answer.status}"
        if answer.status in self.doubts:
            return TokenRefused(f"{what}: {self.name} does not accept our token")
        return by_words(what, self.reason(answer), self.words_for(answer.asked))

    def words_for(self, asked: str) -> Words:
        """What the words of a refusal mean to who *asked*."""
        return self.refusals

    def reason(self, answer: Answer) -> str:
        """The words of a refusal."""
        return " ".join(texts(answer.json())) if answer.is_json else ""

    # Connections.

    def speak_as(self, token: str) -> None:
        """Speak as the player whom *token* names from now on."""
        self.context.conceal(token)
        self.token = token
        self.close()

    def headers(self) -> dict[str, str]:
        """What the API wants to see on every request."""
        headers = {"User-Agent": self.context.user_agent, "Accept": "application/json"}
        if self.token is not None:
            headers["Authorization"] = f"Bearer {self.token}"
        return headers

    def connect(self) -> Http:
        """A connection of its own to the API."""
        return self.context.connect(self.context.addresses[self.api], self.headers())

    def connection_for(self, offer: Offer) -> CourtConnection:
        """A connection for one court, its request ready to go."""
        return ApiConnection(offer, self)


class ApiConnection(CourtConnection):
    """One court on a connection of its own, its request prepared for the token of the moment."""

    def __init__(self, offer: Offer, system: ApiSystem) -> None:
        """Everything but the sending is done here."""
        super().__init__(offer)
        self._system = system
        self._prepare()

    def _prepare(self) -> None:
        self._token = self._system.token
        self._http = self._system.connect()
        self._light = self._http.prepare("GET", self._system.light_path)
        self._prepare_request()

    def _prepare_request(self) -> None:
        self._path, body = self._system.request_for(self.offer)
        self._request = self._http.prepare("POST", self._path, json=body)

    def light(self) -> Answer:
        """Ask for something light."""
        return self._http.send(self._light)

    def is_free(self) -> bool:
        """Whether a light look says that asking makes sense."""
        return self._system.looks_free(self.offer)

    def hold(self, departure: Departure | None = None) -> Hold:
        """Send the request, and read the answer."""
        self.stamp = None
        self._renew()
        self.way = self._path if self._system.ways else None
        answer = self._http.send(self._request, departure)
        if self._system.renews_after(answer, self._token):
            self._renew()
            answer = self._http.send(self._request)
        self.stamp = answer.stamp
        return self._system.held(self.offer, answer)

    def _renew(self) -> None:
        """Prepare the request anew if the token was renewed since, or courts are asked for elsewhere."""
        if self._token != self._system.token:
            self.close()
            self._prepare()
        elif self._path != self._system.path:
            self._prepare_request()

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

"""What booking systems with an API have in common: a bearer token, one prepared request for each court."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Callable, Mapping

from reserve.errors import ReserveError, UnknownRefusal
from reserve.http import Answer, Http, Json
from reserve.model import Hold, Offer
from reserve.systems.base import BookingSystem, CourtConnection
from reserve.systems.refusals import trouble_with


class ApiSystem(BookingSystem):
    """A booking system that is asked in JSON, on behalf of whom its bearer token names."""

    api: str  # the one of `addresses` where the API answers
    token: str | None = None

    @property
    @abstractmethod
    def path(self) -> str:
        """Where a court is asked for."""

    @property
    @abstractmethod
    def light_path(self) -> str:
        """Where something light is answered, afresh each time."""

    @abstractmethod
    def order_for(self, offer: Offer) -> dict[str, object]:
        """The body that asks for *offer*."""

    @abstractmethod
    def held(self, offer: Offer, answer: Answer) -> Hold:
        """The hold that *answer* tells of; raises a `ReserveError` named after what a refusal means."""

    @abstractmethod
    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player, when it is about what was asked; unknown words stay unknown."""

    def believed(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to *ask*; where a token can be renewed, that is done when the answer doubts it."""
        return ask()

    def looks_free(self, offer: Offer) -> bool:
        """Whether a light look says that asking for *offer* makes sense."""
        return True

    def speak_as(self, token: str) -> None:
        """Speak as the player whom *token* names from now on."""
        self.context.conceal(token)
        self.token = token
        self.close()

    def get(self, path: str, params: Mapping[str, str] | None = None) -> Json:
        """What stands at *path*."""
        answer = self.believed(lambda: self.question(path, params))
        if not answer.is_good:
            raise self.meaning(answer)
        return answer.json()

    def meaning(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player; one that nobody knows is kept."""
        trouble = trouble_with(answer, answer.retry_after(self.context.clock.now()))
        found = trouble or self.refusal(answer)
        if isinstance(found, UnknownRefusal):
            self.context.keep(answer.asked, answer.text)
        return found

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
        self._request = self._http.prepare("POST", self._system.path, json=self._system.order_for(self.offer))

    def light(self) -> Answer:
        """Ask for something light."""
        return self._http.send(self._light)

    def is_free(self) -> bool:
        """Whether a light look says that asking makes sense."""
        return self._system.looks_free(self.offer)

    def hold(self) -> Hold:
        """Send the request, and read the answer."""
        self.stamp = None
        answer = self._system.believed(self._send)
        self.stamp = answer.stamp
        return self._system.held(self.offer, answer)

    def _send(self) -> Answer:
        if self._token != self._system.token:  # it was renewed meanwhile
            self.close()
            self._prepare()
        return self._http.send(self._request)

    def close(self) -> None:
        """Let the connection go."""
        self._http.close()

"""A JSON API whose bearer token comes of a log-in or of a refresh token, and is renewed when doubted."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from datetime import datetime, timedelta

from reserve.errors import ReserveError, SignInError, TokenRefused, TokensOutOfReach, UnknownRefusal
from reserve.http import Answer
from reserve.systems.api import ApiSystem
from reserve.systems.refusals import trouble_with

REFUSED = (400, 401, 403, 404, 422)  # a log-in
BEFORE_IT_ENDS = timedelta(seconds=30)  # a refresh token is used (Atrium facts 2.2)
LEAST_PAUSE = timedelta(minutes=1)


@dataclass(frozen=True)
class Granted:
    """What a log-in gave: a bearer token, and perhaps one to renew it with and how long that lives."""

    token: str
    refresh: str | None = None
    refresh_lives: timedelta | None = None


class AccountApi(ApiSystem):
    """An API that gives a bearer token for e-mail and password, or for a refresh token."""

    how_to_renew = ""  # a refresh token, by hand; for the player
    _ends: datetime | None = None  # the latest refresh token, as far as is known

    @abstractmethod
    def log_in(self) -> Answer:
        """What the API answers to e-mail and password, which are sent once."""

    @abstractmethod
    def granted(self, answer: Answer) -> Granted:
        """What a good *answer* to a log-in, or to a refresh token, gave."""

    def renewal(self, refresh: str) -> Answer:
        """What the API answers to a refresh token."""
        raise TokenRefused(f"{self.name} takes no refresh token")

    def sign_in_refusal(self, answer: Answer) -> ReserveError:
        """What a refused log-in, or refresh token, means; a `SignInError` if it is worth nothing any more."""
        what = f"{answer.asked}: {answer.status}"
        if answer.status in REFUSED:
            return SignInError(f"{self.name} does not accept the e-mail address or the password ({what})")
        return UnknownRefusal(what)

    # What follows from these.

    def sign_in(self) -> None:
        """Renew the sign-in with a refresh token; when none is accepted, or can be had, log in."""
        try:
            self.renew()
        except (TokenRefused, TokensOutOfReach):
            if not self.account.password:
                raise
            self.use(self.accepted(self.log_in()))

    def keep_alive(self) -> None:
        """Renew the sign-in; a dead one is no matter while there is a password to log in with later."""
        try:
            self.renew()
        except TokenRefused:
            if not self.account.password:
                raise

    def signed_in_until(self) -> datetime | None:
        """When the refresh token dies, if there is no password to log in with."""
        return None if self.account.password else self._ends

    def renew(self) -> None:
        """Have a new token for the best of the refresh tokens kept; raises `TokenRefused` if none is good."""
        with self.context.tokens.alone():
            kept = self.context.tokens.kept()
            for refresh in kept:
                self.context.conceal(refresh)
                try:
                    granted = self.accepted(self.renewal(refresh))
                except SignInError:
                    continue
                self.use(granted)
                return
        why = "no refresh token is accepted any more" if kept else "there is no refresh token"
        raise TokenRefused(f"{why}, and there is no password to log in with. {self.how_to_renew}".strip())

    def use(self, granted: Granted) -> None:
        """Speak with the new token from now on, and keep what renews it."""
        self.speak_as(granted.token)
        if granted.refresh is None:
            return
        self.context.conceal(granted.refresh)
        if granted.refresh_lives is not None:
            self._ends = self.context.clock.now() + granted.refresh_lives
            usual = type(self).renew_every or granted.refresh_lives
            self.renew_every = max(LEAST_PAUSE, min(usual, granted.refresh_lives - BEFORE_IT_ENDS))
        try:
            self.context.tokens.replace(granted.refresh)
        except ReserveError as failure:  # this run can go on; the next one will have to log in
            self.context.say(f"warning: the new refresh token is not kept: {failure}")

    def accepted(self, answer: Answer) -> Granted:
        """What *answer* to a log-in or a refresh token gave; raises what a refusal means."""
        if not answer.is_good:
            raise trouble_with(answer) or self.sign_in_refusal(answer)
        return self.granted(answer)

    def renews_after(self, answer: Answer, token: str | None) -> bool:
        """Whether *answer* doubted the *token* it was asked with, and there is a new one now."""
        doubt = self.meaning(answer) if answer.status in self.doubts else None
        if not isinstance(doubt, TokenRefused):
            return False
        if self.token == token:  # nobody has renewed it meanwhile
            self.context.say(f"{doubt}; signing in again")
            try:
                self.sign_in()
            except ReserveError as failure:
                raise TokenRefused(f"{doubt}, and: {failure}") from failure
        return True

"""What is known of a booking system before anything of it is loaded: help, settings and cron need no more."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import timedelta


@dataclass(frozen=True)
class Variable:
    """An environment variable, in words; one that is asked for may be a secret, a number, or left out."""

    name: str
    what: str
    is_secret: bool = False
    is_number: bool = False
    is_optional: bool = False


EMAIL = Variable("RESERVE_EMAIL", "E-mail address")
PASSWORD = Variable("RESERVE_PASSWORD", "Password", is_secret=True)
PHONE = Variable("RESERVE_PHONE", "Phone number for one-time codes")


class Profile:
    """The fixed facts about one booking system."""

    name: str
    currency = "USD"  # of prices, and of the maximum price
    sports: tuple[str, ...] = ("tennis",)
    ways_to_pay: Mapping[str, Variable | None] = {"by-hand": None}  # and what the environment must say for it
    # Of those who have several, the usual one first, and what the environment must say for it.
    ways_to_sign_in: Mapping[str, Variable | None] = {}
    addresses: Mapping[str, str] = {}  # environment variable -> where the live system answers
    choices: Mapping[str, tuple[str, ...]] = {}  # of these, what may be said
    account_variables: tuple[Variable, ...] = (EMAIL, PASSWORD)  # what one account consists of
    token_variable: str | None = None  # of these, the one with a refresh token given by hand
    earlier_names: Mapping[str, str] = {}  # what other tools called such a variable -> what we call it
    earlier_tokens: str | None = None  # their variable for the file with the refresh token
    usual_sport: str | None = None  # if nobody says it; then --end-time need not be given either
    usual_lengths: tuple[timedelta, ...] = (timedelta(hours=1),)  # of a slot, best first, if nobody says it
    renew_every: timedelta | None = None  # how often the sign-in is to be kept alive, if at all
    needs: tuple[str, ...] = ("court", "date", "sport", "start_time", "end_time", "email", "password")

    @classmethod
    def variables(cls) -> frozenset[str]:
        """The environment variables that only this booking system has."""
        names = {*cls.addresses, *cls.earlier_names, *(each.name for each in cls.account_variables)}
        names |= {cls.earlier_tokens} if cls.earlier_tokens else set()
        return frozenset(names - {EMAIL.name, PASSWORD.name, PHONE.name})

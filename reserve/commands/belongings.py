"""The stored accounts, and whose they are: a player at a booking system, and a phone, are one person's alone.

With an account of somebody else's player come the runs of that player, and with somebody else's phone number
the one-time codes that are sent to it. So whatever stores or moves accounts does it here.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING

from reserve.commands.options import phone_number
from reserve.commands.wiring import host_of
from reserve.errors import UsageError
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.plans import PlanStore
from reserve.storage.runs import player_key
from reserve.storage.secrets import Accounts, SecretStore
from reserve.systems import PROFILES
from reserve.systems.profile import EMAIL, PHONE

if TYPE_CHECKING:
    from reserve.storage.people import Person

CHANGING = "whose accounts are whose"  # of those who change it, one is at work at a time
MOST = 20  # new accounts of one person: each is read for every page of the owner
WHOLE_NUMBER = 8  # digits from which the end of a number means one phone, when texts are handed out
OF_SETTINGS = ""  # the name under which we compare the account of the environment: it is the owner's


class Belongings:
    """The stored accounts of a household; all that is nobody else's is the owner's."""

    def __init__(self, store: Store, settings: Settings) -> None:
        """Nothing is read yet."""
        from reserve.storage.people import People  # slow to load

        self._store, self._settings = store, settings
        self._secrets = SecretStore(store, settings.data, settings.fernet_key)
        self.accounts = Accounts(self._secrets)
        self.people = People(store)

    def add(
        self, name: str, variables: Mapping[str, str], person: str | None = None, *, is_new: bool = False
    ) -> None:
        """Keep *variables* as the account *name* of *person*, without one of whoever has that name already.

        Raises `UsageError`, and has kept nothing, when its player or its phone is somebody else's, and when
        it *is_new* though there is one, or too many.
        """
        with self._store.exclusive.held(CHANGING):
            if is_new and name in self.accounts.names:
                raise UsageError(f"there is an account {name!r} already; choose another name")
            people = self._people(person)
            whose = _whose(people, {*self.accounts.names, name})
            whose[name] = person or whose[name]
            if is_new and sum(each == whose[name] for each in whose.values()) > MOST:
                raise UsageError(f"one person has {MOST} accounts at most; remove one first")
            self._refuse_what_is_others({name: variables}, whose)
            self.accounts.add(name, variables)
            if person is not None:
                self.people.give(person, [name])

    def give(self, name: str, person: str) -> list[str]:
        """Have the account *name* be *person*'s, with all of its player or phone; returns their names.

        Raises `UsageError` when there is no such account or person.
        """
        with self._store.exclusive.held(CHANGING):
            people = self._people(person)
            stored = {each: self.accounts.read(each) for each in self.accounts.names}
            moved = {name: self.accounts.read(name)}
            while found := {
                each: variables
                for each, variables in stored.items()
                if each not in moved and any(_shared(variables, other) for other in moved.values())
            }:
                moved |= found
            whose = _whose(people, stored) | dict.fromkeys(moved, person)
            self._refuse_what_is_others(moved, whose)
            self.people.give(person, moved)
            return sorted(moved)

    def let_in(self, name: str, password: str, accounts: Sequence[str] | None) -> Person:
        """Keep the *password* of the person *name*, whose alone are *accounts*, if they are given.

        Raises `UsageError` for a password that is easily guessed, and when *accounts* would part a phone.
        """
        with self._store.exclusive.held(CHANGING):
            people, names = self.people.all(), self.accounts.names
            if people and accounts is not None:
                before = _whose(people, names)
                owner = before[OF_SETTINGS]
                after = {each: owner if person == name else person for each, person in before.items()}
                after |= dict.fromkeys(accounts, name)
                moved = [each for each in names if after[each] != before[each]]
                self._refuse_what_is_others({each: self.accounts.read(each) for each in moved}, after)
            return self.people.keep(name, password, accounts)

    def remove(self, name: str) -> bool:
        """Forget an account, whose it is, and the refresh tokens of its player; False when there is none.

        While plans are for it, its name stays that person's, as they do: it can be stored again under it.
        It works without the key of what is stored. Then nobody can tell whose tokens are whose; they stay,
        as unreadable as the account was, and go with the last account.
        """
        with self._store.exclusive.held(CHANGING):
            player = None
            with suppress(UsageError):
                player = player_of(gone := self.accounts.read(name), self._settings)
                kept = [self.accounts.read(each) for each in self.accounts.names if each != name]
                kept.append({**gone, EMAIL.name: self._settings.email or ""})
                if player in {player_of(each, self._settings) for each in kept}:
                    player = None
            if not self.plans_for(name):
                self.people.forget_account(name)
            return self.accounts.remove(name, player)

    def plans_for(self, name: str) -> list[int]:
        """The numbers of the plans that are booked with the account *name*."""
        plans, usual = PlanStore(self._store).all(), self._settings.account
        return [each.plan_id for each in plans if (each.body.get("account") or usual) == name]

    def _people(self, person: str | None) -> list[Person]:
        people = self.people.all()
        if person is not None and person not in {each.name for each in people}:
            raise UsageError(f"nobody signs in to the web page as {person!r}; see `account web-password`")
        return people

    def _refuse_what_is_others(
        self, changed: Mapping[str, Mapping[str, str]], whose: Mapping[str, str | None]
    ) -> None:
        """Raise `UsageError` when one of *changed* shares its player or phone with an account of another."""
        of_settings = {EMAIL.name: self._settings.email or "", PHONE.name: self._settings.phone or ""}
        for name, variables in changed.items():
            for other in [each for each, person in whose.items() if person != whose[name]]:
                read = (
                    of_settings if other == OF_SETTINGS else changed.get(other) or self.accounts.read(other)
                )
                if what := _shared(variables, read):
                    raise UsageError(f"this {what} belongs to somebody else here; `account give` can move it")


def player_of(variables: Mapping[str, str], settings: Settings) -> str:
    """The fingerprint under which runs and tokens of this account are kept."""
    system = variables["RESERVE_SYSTEM"]
    host = host_of(PROFILES[system], settings) if system in PROFILES else ""
    return player_key(system, host, variables.get(EMAIL.name, "").strip())


def _whose(people: Sequence[Person], accounts: Iterable[str]) -> dict[str, str | None]:
    """The person to whom each of *accounts* belongs; None while nobody signs in to the web page."""
    owner = next((each.name for each in people if each.is_owner), None)
    whose: dict[str, str | None] = dict.fromkeys([OF_SETTINGS, *accounts], owner)
    for person in people:
        whose |= {name: person.name for name in person.accounts if name in whose}
    return whose


def _shared(one: Mapping[str, str], other: Mapping[str, str]) -> str | None:
    """What these two accounts have in common that can only be one person's."""
    systems = {each["RESERVE_SYSTEM"] for each in (one, other) if "RESERVE_SYSTEM" in each}
    emails = {each.get(EMAIL.name, "").strip().casefold() for each in (one, other)}
    if len(systems) == 1 and len(emails) == 1 and emails != {""}:
        return f"account at {systems.pop()}"
    shorter, longer = sorted((_digits(each.get(PHONE.name, "")) for each in (one, other)), key=len)
    is_one_phone = shorter == longer != "" or (len(shorter) >= WHOLE_NUMBER and longer.endswith(shorter))
    return "phone number" if is_one_phone else None


def _digits(phone: str) -> str:
    """A phone number as the webhook service compares it."""
    with suppress(UsageError):
        phone = phone_number(phone) if phone else ""
    return re.sub(r"[^0-9]", "", phone).lstrip("0")

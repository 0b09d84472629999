"""What all pages share: the store, the settings, the time; and what of it is whose."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import cached_property

from sqlalchemy import ColumnElement, true

from reserve.clock import Clock
from reserve.commands.belongings import Belongings, player_of
from reserve.commands.options import in_environment
from reserve.commands.plan import Plans
from reserve.commands.store import open_store
from reserve.commands.wiring import Connect
from reserve.commands.wiring import connect as over_network
from reserve.errors import UsageError
from reserve.plans.due import LEAD
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.people import People, Person
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan
from reserve.storage.runs import PastRun, RunStore
from reserve.storage.schema import RUNS
from reserve.storage.secrets import TOKEN, Accounts, SecretStore
from reserve.storage.sign_ins import SignIns
from reserve.systems import PROFILES
from webhook_server.pages.background import Background
from webhook_server.pages.facilities import Facilities

A_PAGE = 20  # plans, openings or runs
LARGEST = 2**31 - 1  # number that a database can look for
AT_ONCE = A_PAGE + 1  # plans in one query: often the page is full with it, and knows whether there is more
LOOKUPS = 3  # pages that wait for booking systems at one time; half of the threads, so that others go on
BEFORE_OPENING = LEAD + timedelta(minutes=5)  # the run begins, and what was asked before takes minutes
SAVED = timedelta(minutes=2)  # so soon the run of a plan begins that is open already; else nobody calls `due`
OF_SETTINGS = "~"  # in the place of a name, which it cannot be: the account in the settings


class House:
    """One household, whose store is opened with the first page that somebody asks for."""

    def __init__(self, settings: Settings, clock: Clock, connect: Connect | None = None) -> None:
        """Nothing is opened yet; *connect* replaces the network."""
        self.settings = settings
        self.clock = clock
        self.connect = connect or over_network
        self.connect_jobs = connect  # or as runs do, whose answers are not waited for once they are to stop
        self.closing = threading.Event()
        self.facilities = Facilities(settings, clock, self.connect)
        self.background = Background(clock.now)
        self._alone = threading.Lock()
        self._lookups = threading.BoundedSemaphore(LOOKUPS)
        self._store: Store | None = None

    @property
    def store(self) -> Store:
        """The store; raises `UsageError` when it cannot be opened."""
        with self._alone:
            if self._store is None:
                self._store = open_store(self.settings)
            return self._store

    def stop(self) -> None:
        """Have what goes on end by itself; nothing is waited for."""
        self.closing.set()
        self.background.stop()

    def close(self) -> None:
        """Let the store go."""
        self.stop()
        self.background.close()
        with self._alone:
            if self._store is not None:
                self._store.close()
                self._store = None

    @property
    def people(self) -> People:
        """Who may sign in."""
        return People(self.store)

    @property
    def sign_ins(self) -> SignIns:
        """Who is signed in."""
        return SignIns(self.store)

    @property
    def secrets(self) -> SecretStore:
        """What is kept encrypted."""
        return SecretStore(self.store, self.settings.data, self.settings.fernet_key)

    @property
    def accounts(self) -> Accounts:
        """The stored accounts."""
        return Accounts(self.secrets)

    @property
    def belongings(self) -> Belongings:
        """The stored accounts, and whose they are."""
        return Belongings(self.store, self.settings)

    @property
    def plan_store(self) -> PlanStore:
        """The plans of everybody."""
        return PlanStore(self.store)

    @property
    def plans(self) -> Plans:
        """What the commands do with plans; what facilities publish is read once for each of these."""
        return Plans(self.plan_store, self.settings, self.clock, self.connect)

    @contextmanager
    def looking_up(self) -> Iterator[Plans]:
        """The same, for a page that asks facilities; raises `UsageError` while too many do."""
        if not self._lookups.acquire(blocking=False):
            raise UsageError("the booking system answers slowly now; try again in a minute")
        try:
            yield self.plans
        finally:
            self._lookups.release()

    @property
    def runs(self) -> RunStore:
        """The runs of everybody."""
        return RunStore(self.store)


@dataclass(frozen=True)
class Mine:
    """What one person sees: what belongs to the accounts of that person; the owner, what is nobody else's."""

    house: House
    person: Person

    @cached_property
    def _of_others(self) -> frozenset[str]:
        others = [each.accounts for each in self.house.people.all() if each.name != self.person.name]
        return frozenset[str]().union(*others)

    @cached_property
    def _names(self) -> list[str]:
        return self.house.accounts.names

    @cached_property
    def accounts(self) -> list[str]:
        """The names of the stored accounts."""
        return [name for name in self._names if self.has_account(name)]

    @cached_property
    def all_accounts(self) -> list[str]:
        """The same, and the owner's `OF_SETTINGS`, where there is one."""
        settings = self.house.settings
        has_one = self.person.is_owner and settings.email and not settings.account
        return [*self.accounts, *([OF_SETTINGS] if has_one else [])]

    def variables(self, account: str) -> dict[str, str]:
        """What one of all accounts consists of; raises `UsageError` when it cannot be read."""
        settings = self.house.settings
        if account == OF_SETTINGS:
            return {"RESERVE_SYSTEM": settings.system, **in_environment(settings, PROFILES[settings.system])}
        return self.house.accounts.read(account)

    def account_of(self, stored: StoredPlan) -> str:
        """The name of the account with which a plan is booked."""
        return stored.body.get("account") or self.house.settings.account or OF_SETTINGS

    @cached_property
    def systems(self) -> list[str]:
        """The booking systems of the stored accounts."""
        found = list[str]()
        for name in self.accounts:
            with suppress(UsageError):  # which the page of accounts says
                found.append(self.house.accounts.read(name)["RESERVE_SYSTEM"])
        return found

    def has_account(self, name: str | None) -> bool:
        """Whether the account is this person's; without a name, that of the settings."""
        name = name or self.house.settings.account or ""
        return name not in self._of_others if self.person.is_owner else name in self.person.accounts

    def has_plan(self, stored: StoredPlan) -> bool:
        """Whether a plan is this person's: as its account is."""
        return self.has_account(stored.body.get("account"))

    def plans(self) -> Iterator[StoredPlan]:
        """The plans, by their number; no more are read than are asked for."""
        read, after = self.house.plan_store.all, 0
        while some := read(after=after, most=AT_ONCE):
            yield from (stored for stored in some if self.has_plan(stored))
            after = some[-1].plan_id
            if len(some) < AT_ONCE:
                return

    def openings(self) -> Iterator[tuple[StoredPlan, Occurrence]]:
        """The occurrences ahead with their plans, by their opening; no more are read than are asked for."""
        seen, read = 0, self.house.plan_store.next_openings
        while some := read(most=AT_ONCE, after=seen):
            yield from (each for each in some if self.has_plan(each[0]))
            seen += len(some)
            if len(some) < AT_ONCE:
                return

    def plan(self, number: int) -> StoredPlan | None:
        """The plan of this number, if it is this person's."""
        stored = self.house.plan_store.get(number) if number <= LARGEST else None
        return stored if stored and self.has_plan(stored) else None

    @cached_property
    def runs(self) -> ColumnElement[bool]:
        """Which runs are this person's: those of the players whose accounts are."""
        if self.person.is_owner:
            others = [*map(self.player, self._of_others & {*self._names})]
            return RUNS.c.player.not_in(others) if others else true()
        return RUNS.c.player.in_([*map(self.player, self.accounts)])

    def run(self, run_id: str) -> PastRun | None:
        """The run with this id, if it is this person's."""
        found = self.house.runs.read(self.runs & (RUNS.c.run_id == run_id))
        return found[0] if found else None

    def has_token(self, account: str) -> bool:
        """Whether a refresh token is kept for one of the accounts."""
        return f"{TOKEN}{self.player(account)}" in self.house.secrets.names(TOKEN)

    def is_at_work(self, account: str) -> bool:
        """Whether a run of the player is under way whose account is one of these, on whichever machine.

        Also when one is about to begin, before what a person asks for would have ended.
        """
        player = self.player(account)
        for name in self._about_to_begin():
            with suppress(UsageError):  # no run begins with an account that cannot be read
                if self.player(name) == player:
                    return True
        of_player = (RUNS.c.player == player) & RUNS.c.ended.is_(None)
        return bool(self.house.runs.alive(run.run_id for run in self.house.runs.rows(wanted=of_player)))

    def _about_to_begin(self) -> set[str]:
        """The accounts of the plans that open soon, or were saved just now and are open already."""
        now = self.house.clock.now()
        plans = self.house.plan_store.beginning(now, now + BEFORE_OPENING, saved=now - SAVED)
        return {self.account_of(stored) for stored in plans}

    def player(self, account: str) -> str:
        """The fingerprint of the player whose account is one of these."""
        return player_of(self.variables(account), self.house.settings)

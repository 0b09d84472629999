"""One call of `due` that has to look: what is due is started, and what is kept is looked after."""

from __future__ import annotations

import argparse
import os
import socket
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path

from reserve import itself, window
from reserve.clock import Clock
from reserve.commands.quiet import LONGEST, note, state
from reserve.commands.store import open_store
from reserve.errors import UsageError
from reserve.plans import due
from reserve.settings import Settings
from reserve.storage.database import Store, answering
from reserve.storage.plans import PlanStore
from reserve.systems import PROFILES

WATCH = timedelta(seconds=50)  # the next tick comes after a minute
LOOK_EVERY = timedelta(seconds=10)
NEAR = timedelta(minutes=2)
QUIET = timedelta(minutes=15)  # before an opening nothing is checked: runs have the machine and the phone
OFF = "off"  # no check
SCHEDULED_EVERY = timedelta(minutes=10)  # what a killed process left unscheduled
# How often the refresh tokens of a booking system are renewed, where it has any.
RENEWED = {
    each.name: each.renew_every for each in PROFILES.values() if each.token_variable and each.renew_every
}


def run_due(options: argparse.Namespace, settings: Settings, clock: Clock) -> int:
    """Do what this call is for."""
    before, began = state(settings.data), clock.now()
    with closing(open_store(settings)) as store:
        plan_store = PlanStore(store)
        if options.occurrence:
            from reserve.commands.serving import book_occurrence

            return book_occurrence(plan_store, options.occurrence, settings, clock)
        if options.check:
            from reserve.commands.evening import check_occurrence

            return check_occurrence(plan_store, options.check, settings, clock)
        start, key = partial(start_process, settings.data), partial(check_key, store, settings)
        check_at = options.check_at or settings.check_at
        with answering():
            lines = Ticking(plan_store, clock, start, settings, key, check_at).minute()
            prune_daily(store, settings, clock.now())
            until = quiet_until(plan_store, began)
        if lines or options.verbose or sys.stdout.isatty():
            print("\n".join([*lines, summary(plan_store, len(lines))]))
    if not settings.database_url:  # or others may write there, which no file shows
        note(settings.data, began, until, before)
    return 0


def quiet_until(plan_store: PlanStore, now: datetime) -> datetime:
    """Until when no tick has anything to do, if nobody writes meanwhile; *now* while an opening is near."""
    if plan_store.has_opening(now - NEAR, now + LONGEST + NEAR):
        return now
    return plan_store.next_wake() or now + LONGEST


def prune_daily(store: Store, settings: Settings, now: datetime) -> None:
    """Forget what is older than RESERVE_KEEP, unless this machine did so today."""
    plan_store, soon = PlanStore(store), timedelta(minutes=10)
    name, since = f"prune {socket.gethostname()}", now - timedelta(days=1)
    if plan_store.was_done(name, since=since) or plan_store.has_opening(now - soon, now + soon):
        return  # near an opening, runs have better things to do with the store
    if plan_store.first(name, now, since=since):
        from reserve.notify.outbox import Outbox
        from reserve.storage.prune import prune

        prune(store, settings.data, now - settings.keep, most=settings.keep_runs)
        Outbox(settings.data).forget(now - settings.keep)


def check_key(store: Store, settings: Settings) -> None:
    """Raise `UsageError` when this machine cannot read what is stored for the plans."""
    from reserve.storage.secrets import SecretStore  # which takes as long to load as all the rest

    try:
        SecretStore(store, settings.data, settings.fernet_key).check()
    except UsageError as failure:
        raise UsageError(f"{failure}. Until then this machine leaves the plans to others") from None


def summary(plan_store: PlanStore, started: int) -> str:
    """The last line, for a person."""
    wake = plan_store.next_wake()
    following = f"next at {wake:%a %Y-%m-%d %H:%M} UTC" if wake else "no plan has a slot in the future"
    return f"{started or 'Nothing'} due; {following}."


@dataclass(frozen=True)
class Ticking:
    """One call by cron."""

    plan_store: PlanStore
    clock: Clock
    start: Callable[[Sequence[str]], None]  # a process of this program with these words
    settings: Settings
    check_key: Callable[[], None] = lambda: None  # raises when what is stored for plans cannot be read here
    check_at: str = OFF  # when plans are checked on the evening before

    def minute(self) -> list[str]:
        """Start what is due; near an opening stay for the minute, to take over from a machine that dies."""
        began = self.clock.now()
        lines = self.tick()
        self.look_after_plans(began)
        while self._is_near() and (now := self.clock.now()) + LOOK_EVERY < began + WATCH:
            self.clock.sleep_until(now + LOOK_EVERY)
            lines += self.tick()
        self.check_ahead(self.clock.now())
        return lines

    def tick(self) -> list[str]:
        """Start what is due now; what this machine cannot serve for lack of the key is not claimed."""
        wake = self.plan_store.next_wake()
        if wake is not None and wake <= self.clock.now() and self._needs_key():
            self.check_key()
        worker = f"{socket.gethostname()}/{os.getpid()}"
        return due.tick(
            self.plan_store,
            self.plan_store.now(self.clock.now()),
            worker,
            lambda occurrence: self.start(["due", "--occurrence", due.name_of(occurrence)]),
            self.tell_of_trouble,
        )

    def look_after_plans(self, now: datetime) -> None:
        """Have facilities read once a day, and sign-ins kept alive, by processes of their own."""
        if self.plan_store.without_occurrence() and self.plan_store.first(
            "schedule", now, since=now - SCHEDULED_EVERY
        ):
            due.schedule_missing(self.plan_store, now)
        if self.plan_store.not_looked_at_since(now - due.STALE) and self.plan_store.first(
            "refresh", now, since=now - due.LOOK_AGAIN
        ):
            self.start(["plan", "refresh"])
        systems = {stored.body.get("system") for stored in self.plan_store.all() if not stored.is_paused}
        for system, every in RENEWED.items():
            # A tick may come some seconds early by the clock of the one before.
            since = now - every + timedelta(seconds=30)
            if system in systems and not self.plan_store.was_done(f"renew {system}", since=since):
                self.check_key()  # or it would count as done, and the tokens die
                if self.plan_store.first(f"renew {system}", now, since=since):
                    self.start(["account", "refresh"])

    def check_ahead(self, now: datetime) -> None:
        """Have one booking checked whose evening has come, by a process of its own, far from any opening."""
        if self.check_at == OFF:
            return
        check_at = window.parse_time(self.check_at, "--check-at (RESERVE_CHECK_AT)")
        occurrence = due.unchecked(self.plan_store, now, check_at)
        if occurrence is None or self.plan_store.has_opening(now - NEAR, now + QUIET):
            return
        if self._needs_key():
            try:
                self.check_key()
            except UsageError:  # a machine that has the key may check it
                return
        if due.claim_check(self.plan_store, occurrence, now, check_at):
            self.start(["due", "--check", due.name_of(occurrence)])

    def tell_of_trouble(self, sentence: str) -> None:
        """Have the player told of what no run is behind."""
        if self.settings.notify:
            from reserve.commands.telling import (
                tell_of_trouble,  # loaded only when there is something to tell
            )

            tell_of_trouble(self.settings, sentence)

    def _needs_key(self) -> bool:
        """Whether a plan is booked with something that lies in the store, encrypted."""
        active = [stored.body for stored in self.plan_store.all() if not stored.is_paused]
        return any(self.settings.account or body.get("account") or _has_tokens(body) for body in active)

    def _is_near(self) -> bool:
        now = self.clock.now()
        return self.plan_store.has_opening(now, now + NEAR)


def _has_tokens(body: Mapping[str, object]) -> bool:
    profile = PROFILES.get(str(body.get("system")))
    return profile is not None and profile.token_variable is not None


def start_process(data: Path, words: Sequence[str]) -> None:
    """Start this program as a process that outlives us, with our environment, and so with its secrets."""
    path = (data / "due.log").absolute()
    command = ["env", f"RESERVE_LOG={path}", *itself.command(words)]
    with path.open("ab") as log:  # for what is said before the program runs, or when it cannot
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=log, stderr=log, start_new_session=True
        )
    process.returncode = 0  # nobody waits for it here

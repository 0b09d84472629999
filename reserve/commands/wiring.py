"""What one run is given: a booking system, a clock, the player's texts, a folder of its own."""

from __future__ import annotations

import secrets
from collections.abc import Callable, Iterator, Mapping
from contextlib import closing, contextmanager, suppress
from dataclasses import dataclass, replace
from hashlib import sha256
from pathlib import Path
from urllib.parse import urlsplit

from reserve import __version__
from reserve.booking.codes import WebhookService
from reserve.booking.context import Leads, RunContext
from reserve.booking.result import RunResult
from reserve.booking.run import Run
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.browser import Browser
from reserve.clock import Clock
from reserve.commands.mailbox import MailboxAndTerminal
from reserve.commands.store import open_store
from reserve.errors import OutcomeWord
from reserve.http import Http
from reserve.model import Account, BookingRequest, Slot
from reserve.redaction import Secrets
from reserve.settings import Settings
from reserve.storage.run_folder import RunFolder
from reserve.storage.runs import Record, player_key
from reserve.storage.secrets import SecretStore, StoredTokens
from reserve.systems.base import Answers, BookingSystem, Context
from reserve.systems.profile import Profile
from reserve.systems.registry import adapter_of
from reserve.tokens import Tokens

USER_AGENT = f"FirstServe/{__version__} (reserves one court for one player)"

Connect = Callable[[str, Mapping[str, str]], Http]


def connect(base_url: str, headers: Mapping[str, str]) -> Http:
    """A connection over the network."""
    return Http(base_url, headers=headers)


def hurried_by(stop: Stop) -> Connect:
    """Connections over the network whose answers are waited for but shortly once *stop* is asked for."""

    def connect(base_url: str, headers: Mapping[str, str]) -> Http:
        return Http(base_url, headers=headers, is_hurried=lambda: stop.is_asked)

    return connect


@dataclass(frozen=True)
class WiredRun:
    """One run, the folder for its files, and its record in the store."""

    run: Run
    run_id: str
    folder: RunFolder
    record: Record

    def write_down(self, result: RunResult) -> None:
        """Leave the timeline in the folder of the run, and the traceback of a bug, without secrets."""
        timeline = self.run.timeline
        self.folder.keep_steps((moment, timeline.stamp(moment), text) for moment, text in timeline.steps)
        if result.bug is not None:
            self.folder.keep_bug(result.bug)
        outcome = result.outcome
        if outcome.word is OutcomeWord.RESERVED and outcome.slot:
            with suppress(Exception):  # the court is reserved, whatever is wrong with a calendar
                self.keep_calendar(outcome.facility or "", outcome.court or "", outcome.slot, outcome.address)

    def keep_calendar(
        self,
        facility: str,
        court: str,
        slot: Slot,
        address: str | None = None,
        *,
        is_cancelled: bool = False,
    ) -> str:
        """Leave a calendar file of the court in the folder of the run; returns its text."""
        from reserve.calendar_file import Game, calendar_file

        game = Game(self.run.system.name, facility, court, slot, address)
        text = calendar_file(game, self.run.clock.now(), note=self.run_id, is_cancelled=is_cancelled)
        self.folder.keep_calendar(text)
        return text


def build_run(
    request: BookingRequest,
    account: Account,
    settings: Settings,
    stop: Stop,
    leads: Leads,
    *,
    clock: Clock | None = None,
    connect: Connect | None = None,
    system_type: type[BookingSystem] | None = None,
) -> WiredRun:
    """Everything for one run of *request* on behalf of *account*; nothing is sent yet.

    *clock*, *connect* and *system_type* replace real time, the network and the booking system that
    *settings* name.
    """
    clock = clock or Clock()
    connect = connect or hurried_by(stop)
    system_type = system_type or adapter_of(settings.system)
    phone = account.phone or ""  # is masked without its country, too
    timeline = Timeline(
        clock.now, Secrets([account.password, settings.webhook_token, phone, phone[1:], phone[2:]])
    )
    store = open_store(settings)
    run_id = f"{clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    folder = RunFolder(settings.data, run_id, timeline.secrets)
    host = host_of(system_type, settings)
    player = player_key(system_type.name, host, account.email)

    given = account.details.get(system_type.token_variable or "")
    secret_store = SecretStore(store, settings.data, settings.fernet_key)
    tokens = StoredTokens(secret_store, player, given=given, account=account.name)
    context = _context(system_type, settings, clock, connect, timeline, folder, tokens)
    system = system_type(account, request, context)
    where = f"{system_type.name} {host}"
    record = Record(store, run_id, player, clock.now, where=where, is_stopping=lambda: stop.is_asked)
    texts = texts_to(phone, settings, clock, connect) if phone else None
    context_of_run = RunContext(system, clock, timeline, stop, record, leads)
    typed = MailboxAndTerminal(settings.data, run_id, clock.now)
    turn = store.exclusive.lock(f"phone {sha256(phone.encode()).hexdigest()[:16]}") if phone else None
    run = Run(context_of_run, texts, typed, turn)
    return WiredRun(run, run_id, folder, record)


@contextmanager
def public_system(
    request: BookingRequest,
    account: Account,
    settings: Settings,
    *,
    clock: Clock,
    connect: Connect = connect,
    answers: Answers | None = None,
) -> Iterator[BookingSystem]:
    """The booking system that *settings* name, to be asked what is public; nobody signs in.

    Those that are given the same *answers* read what is published once.
    """
    system_type = adapter_of(settings.system)
    context = _context(system_type, settings, clock, connect, Timeline(clock.now))
    if answers is not None:
        context = replace(context, answers=answers)
    with closing(system_type(account, request, context)) as system:
        yield system


def _context(
    system_type: type[BookingSystem],
    settings: Settings,
    clock: Clock,
    connect: Connect,
    timeline: Timeline,
    folder: RunFolder | None = None,
    tokens: Tokens | None = None,
) -> Context:
    """What a booking system is lent; without a *folder* nothing that it shows is kept."""

    def keep(asked: str, text: str) -> None:
        if folder is not None:
            timeline.say(f"an answer we do not know is kept in {folder.keep_answer(asked, text)}")

    evidence = folder.path if folder else Path()
    return Context(
        clock=clock,
        connect=connect,
        browser=lambda: Browser(
            clock,
            binary=settings.chrome,
            driver=settings.chromedriver,
            evidence=evidence,
            environ=settings.of_programs,
        ),
        addresses=addresses_of(system_type, settings),
        say=timeline.say,
        keep=keep,
        conceal=timeline.secrets.add,
        user_agent=settings.user_agent or USER_AGENT,
        tokens=tokens or Tokens(),
    )


def host_of(profile: type[Profile], settings: Settings) -> str:
    """Where the booking system answers, with its port: what one rehearsal reserved is nothing to the next."""
    return urlsplit(next(iter(addresses_of(profile, settings).values()), "")).netloc.rpartition("@")[2]


def addresses_of(profile: type[Profile], settings: Settings) -> dict[str, str]:
    """Where the booking system answers, by the names of the variables that say so."""
    addresses = profile.addresses.items()
    return {name: settings.of_systems.get(name) or default for name, default in addresses}


def texts_to(phone: str, settings: Settings, clock: Clock, connect: Connect = connect) -> WebhookService:
    """The service to which the texts come that are sent to *phone*."""
    headers = {"User-Agent": USER_AGENT}
    if settings.webhook_token:
        headers["Authorization"] = f"Bearer {settings.webhook_token}"
    return WebhookService(connect(settings.webhook_url, headers), phone, clock)

"""What one run is given: a booking system, a clock, an inbox, a folder of its own."""

from __future__ import annotations

import json
import re
import secrets
import traceback
from collections.abc import Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from itertools import count
from pathlib import Path
from urllib.parse import urlsplit

from reserve import __version__
from reserve.booking.codes.webhook import WebhookService
from reserve.booking.context import Leads, RunContext
from reserve.booking.result import RunResult
from reserve.booking.run import Run
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.browser import Browser
from reserve.clock import Clock
from reserve.commands.options import Booking
from reserve.http import Http
from reserve.model import Account
from reserve.redaction import MASK, Secrets
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.runs import Record, player_key
from reserve.storage.secrets import SecretStore, StoredTokens
from reserve.systems import SYSTEMS
from reserve.systems.base import BookingSystem, Context
from reserve.tokens import Tokens

USER_AGENT = f"FirstServe/{__version__} (reserves one court for one player)"
PERSONAL = re.compile(r"[^\s\"@]{1,64}@[^\s\"@]+|\beyJ[\w-]+\.[\w.-]+|\+?\d[\d ().-]{8,40}\d")
LONGEST = 20_000  # characters of an answer that are worth keeping


Connect = Callable[[str, Mapping[str, str]], Http]


def connect(base_url: str, headers: Mapping[str, str]) -> Http:
    """A connection over the network."""
    return Http(base_url, headers=headers)


@dataclass(frozen=True)
class WiredRun:
    """One run and where it leaves its papers."""

    run: Run
    run_id: str
    folder: Path
    record: Record

    def write_down(self, result: RunResult | None = None) -> None:
        """Leave the timeline in the folder of the run, and the traceback of a bug, without secrets."""
        timeline = self.run.timeline
        lines = [
            json.dumps({"at": moment.isoformat(), "stamp": timeline.stamp(moment), "step": text})
            for moment, text in timeline.steps
        ]
        with suppress(OSError):  # the outcome counts, also when the disk is full
            (self.folder / "timeline.jsonl").write_text("".join(line + "\n" for line in lines))
            if result is not None and result.bug is not None:
                traced = "".join(traceback.format_exception(result.bug))
                (self.folder / "bug.txt").write_text(timeline.secrets.mask(traced))


def build_run(
    booking: Booking,
    settings: Settings,
    stop: Stop,
    leads: Leads,
    *,
    clock: Clock | None = None,
    connect: Connect = connect,
    kind: type[BookingSystem] | None = None,
) -> WiredRun:
    """Everything for one run of *booking*; nothing is sent yet.

    *clock*, *connect* and *kind* stand in for real time, the network and the system that *booking* names.
    """
    clock = clock or Clock()
    run_id = f"{clock.now():%Y%m%dT%H%M%S}-{secrets.token_hex(2)}"
    folder = settings.data / "runs" / run_id
    store = Store(settings.data, settings.database_url)
    folder.mkdir(parents=True, exist_ok=True)
    phone = booking.account.phone
    timeline = Timeline(
        clock.now,
        Secrets(
            [booking.account.password, booking.webhook_token, phone, phone and phone[1:], phone and phone[2:]]
        ),
    )
    numbers = count(1)

    def keep(asked: str, text: str) -> None:
        path = folder / f"unknown-{next(numbers)}.txt"
        with suppress(OSError):  # a full disk is no reason to lose a court
            path.write_text(f"{asked}\n\n{PERSONAL.sub(MASK, timeline.secrets.mask(text)[:LONGEST])}\n")
        timeline.say(f"an answer we do not know is kept in {path}")

    kind = kind or SYSTEMS[booking.system]
    addresses = addresses_of(kind, settings)
    host = urlsplit(next(iter(addresses.values()), "")).hostname or ""
    player = player_key(kind.name, host, booking.account.email)
    context = Context(
        clock=clock,
        connect=connect,
        browser=lambda: Browser(
            clock,
            binary=settings.chrome,
            driver=settings.chromedriver,
            evidence=folder,
        ),
        addresses=addresses,
        say=timeline.say,
        keep=keep,
        conceal=timeline.secrets.add,
        user_agent=settings.user_agent or USER_AGENT,
        tokens=_tokens(kind, booking.account, SecretStore(store, settings.data, settings.fernet_key), player),
    )
    system = kind(booking.account, booking.request, context)
    source = _webhook_service(booking, clock, connect) if phone else None
    record = Record(store, run_id, player, clock.now, where=f"{kind.name} {host}")
    run = Run(RunContext(system, clock, timeline, stop, record, leads), run_id, source)
    return WiredRun(run, run_id, folder, record)


def addresses_of(kind: type[BookingSystem], settings: Settings) -> dict[str, str]:
    """Where the booking system answers, by the names of the variables that say so."""
    return {name: settings.of_systems.get(name) or default for name, default in kind.addresses.items()}


def _tokens(kind: type[BookingSystem], account: Account, secret_store: SecretStore, player: str) -> Tokens:
    if kind.token_variable is None:
        return Tokens()
    return StoredTokens(secret_store, player, given=account.details.get(kind.token_variable))


def _webhook_service(booking: Booking, clock: Clock, connect: Connect) -> WebhookService:
    headers = {"User-Agent": USER_AGENT}
    if booking.webhook_token:
        headers["Authorization"] = f"Bearer {booking.webhook_token}"
    return WebhookService(connect(booking.webhook_url, headers), booking.account.phone or "", clock)

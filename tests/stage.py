"""A whole run in virtual time: the real adapter and the real webhook service, within this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import cache
from pathlib import Path
from tempfile import TemporaryDirectory
from types import TracebackType
from typing import Any, Self
from urllib.parse import urlsplit

import webhook_server
from reserve.booking.context import Leads
from reserve.booking.result import Outcome, RunResult
from reserve.booking.run import Run
from reserve.booking.stop import Stop
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import build_run
from reserve.errors import LostAnswer, PageChanged, SignInError
from reserve.http import Answer, Http
from reserve.settings import read_settings
from reserve.simulator import SIMULATED_SYSTEMS, Ledger
from reserve.storage.database import NAME, Store
from reserve.systems import PROFILES
from reserve.systems.atrium.adapter import Atrium
from reserve.systems.base import BookingSystem
from reserve.systems.reading import read
from reserve.systems.recus.adapter import RecUs
from tests.fakes import FakeClock, InProcess, MachineClock

TOKEN = "webhook-canary-token"
OPENS_AT = datetime.fromisoformat("2026-03-02T08:00:00-08:00")  # clocks go forward before the slot
HERE, WEBHOOK = "https://simulated.example", "http://127.0.0.1:5000"


class RecUsWithoutBrowser(RecUs):
    """Signs in at the endpoint behind the log-in page; the page itself is tested with a real browser."""

    def check_machine(self) -> None:
        pass

    def sign_in_with_browser(self) -> None:
        path = "/identitytoolkit/v1/accounts:signInWithPassword?key=simulated"
        body = {"email": self.account.email, "password": self.account.password}
        try:
            answer = self.connect().ask("POST", path, json=body)
        except LostAnswer:
            self._is_unanswered = True
            raise
        if not answer.is_good:
            raise SignInError("the sign-in was refused")
        self.use_token(read(answer, str, "idToken"))


class RecUsWithStrangePages(RecUsWithoutBrowser):
    """Finds nothing to log in with on the pages."""

    def sign_in_with_browser(self) -> None:
        raise PageChanged("rec.us shows nothing to log in with that we know")


class AtriumWithoutBrowser(Atrium):
    """Logs in by form, at the address that the browser would send it to; the page has a test of its own."""

    def log_in(self) -> Answer:
        web, where = (self.context.addresses[name] for name in ("ATRIUM_WEB_URL", "ATRIUM_AUTH_URL"))
        auth = self.context.connect(where, {})
        auth.ask("GET", f"/realms/my-tfc/protocol/openid-connect/auth?redirect_uri={web}/")  # for its cookies
        path = f"/realms/my-tfc/login-actions/authenticate?redirect_uri={web}/"
        form = {"username": self.account.email, "password": self.account.password}
        answer = auth.ask("POST", path, form=form)
        address = answer.headers.get("Location", "")
        if "code=" not in address:
            refused = "Invalid username or password" in answer.text
            raise SignInError("the sign-in was refused") if refused else PageChanged("the sign-in failed")
        code = address.partition("code=")[2]
        return self.tokens_for(grant_type="authorization_code", code=code, redirect_uri=f"{web}/")


# Systems whose log-in page wants a browser -> the same without; any other system is taken as it is.
WITHOUT_BROWSER: Mapping[str, type[BookingSystem]] = {
    "recus": RecUsWithoutBrowser,
    "atrium": AtriumWithoutBrowser,
}


@cache
def new_store() -> bytes:
    """The file of a store that was just made; made once, as that takes a sixth of a whole run."""
    with TemporaryDirectory() as folder:
        Store(Path(folder)).close()
        return (Path(folder) / NAME).read_bytes()


@dataclass
class Stage:
    """A simulated booking system, a webhook service, a phone, and one player's run among them."""

    folder: Path
    scenario: Mapping[str, Any] = field(default_factory=dict)
    system: str = "recus"
    opens_at: datetime = OPENS_AT
    ahead: timedelta = timedelta(minutes=5)
    latency: timedelta = timedelta(milliseconds=20)
    seed: int = 0
    environ: Mapping[str, str] = field(default_factory=dict)
    is_set: bool = False  # the machine's clock will be set, by `stage.machine.step`, while time goes on
    together: bool = True  # with -m, where the player of this scenario says so

    def __post_init__(self) -> None:
        self.clock = FakeClock(self.opens_at - self.ahead, seed=self.seed)
        self.machine: FakeClock | MachineClock = MachineClock(self.clock) if self.is_set else self.clock
        self.webhook = webhook_server.create_app(
            data=self.folder / "webhook", token=TOKEN, loopback=True, now=self.clock.now
        )
        self.stop = Stop()
        self._lay_out_store()
        settings = {"seed": self.seed, **self.scenario}
        self.simulated: Any = SIMULATED_SYSTEMS[self.system].opening(
            self.opens_at, self.clock, self._deliver, **settings
        )
        where = [HERE, *PROFILES[self.system].addresses.values()]
        hosts = {host for address in where if (host := urlsplit(address).hostname)}
        self.apps: dict[str, Any] = {**dict.fromkeys(hosts, self.simulated.app), "127.0.0.1": self.webhook}

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.webhook.extensions["inbox"].close()

    def _lay_out_store(self) -> None:
        """The run is not the first in its folder; how a store is made is told by tests of its own."""
        data = self.folder / "data"
        if not data.exists():
            data.mkdir(mode=0o700)
            (data / NAME).touch(mode=0o600)
            (data / NAME).write_bytes(new_store())

    @property
    def ledger(self) -> Ledger:
        ledger: Ledger = self.simulated.ledger
        return ledger

    @property
    def open_holds(self) -> list[str]:
        return self.ledger.open_holds(self.clock.now())

    def _deliver(self, payload: dict[str, object]) -> None:
        answer = self.webhook.test_client().post(f"/webhook/{TOKEN}", json=payload)
        assert answer.status_code == 200

    @property
    def system_type(self) -> type[BookingSystem] | None:
        """What speaks to the booking system, if not the usual one."""
        is_strange = getattr(self.simulated.scenario, "dialog", None) == "changed"
        return RecUsWithStrangePages if is_strange else WITHOUT_BROWSER.get(self.system)

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        adapter = InProcess(self.apps, self.clock, latency=self.latency)
        hurried = lambda: self.stop.is_asked  # noqa: E731
        return Http(base_url, headers=headers, adapter=adapter, clock=self.clock, is_hurried=hurried)

    def book(self, *words: str) -> Outcome:
        """The outcome of `main.py` with *words* beside the usual ones; a later word wins."""
        self.get_ready(*words)
        self.result: RunResult = self.run.book()
        return self.result.outcome

    def get_ready(self, *words: str) -> None:
        """Give a run everything it needs, and begin nothing."""
        usual = [word for word in self.simulated.words() if self.together or word != "-m"]
        settings = read_settings(
            {
                **self.simulated.environ_of_player(HERE, WEBHOOK, TOKEN),
                **(self.simulated.keys if "--sign-in" in words else {}),
                "RESERVE_DATA": str(self.folder / "data"),
                **self.environ,
            }
        )
        booking = read_booking(booking_parser("book").parse_args([*usual, *words]), settings)
        self.wired = build_run(
            booking.request,
            booking.account,
            booking.settings,
            self.stop,
            Leads(),
            clock=self.machine,
            connect=self.connect,
            system_type=self.system_type,
        )
        self.run: Run = self.wired.run
        if source := self.run.verification.source:
            source.hold_back = timedelta(0)  # the service would hold its answer back in real time
        self.booking = booking

    @property
    def steps(self) -> list[str]:
        """What the run said, each line with its stamp."""
        timeline = self.run.timeline
        return [f"{timeline.stamp(moment)} {text}" for moment, text in timeline.steps]

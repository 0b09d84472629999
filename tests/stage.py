"""A whole run in virtual time: the real adapter and the real webhook service, within this process."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar

import webhook_server
from reserve.codes import Inbox
from reserve.commands.book import conclude
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.outcome import Outcome
from reserve.commands.outfit import equip
from reserve.errors import SignInError
from reserve.http import Http, read
from reserve.run import Leads, Run
from reserve.simulator import Atrium as AtriumTwin
from reserve.simulator import AtriumStory, Ledger, Scenario, Simulation
from reserve.stop import Stop
from reserve.systems.atrium import Atrium
from reserve.systems.atrium_sign_in import by_code
from reserve.systems.base import BookingSystem
from reserve.systems.recus import RecUs
from tests.fakes import FakeClock, InProcess

TOKEN = "webhook-canary-token"
OPENS_AT = datetime.fromisoformat("2026-03-02T08:00:00-08:00")
DAY = "2026-03-09"


class RecUsWithoutBrowser(RecUs):
    """Signs in at the endpoint behind the log-in page; the page itself is tested with a real browser."""

    def sign_in(self) -> None:
        http = self.connect()
        answer = http.ask(
            "POST",
            "/identitytoolkit/v1/accounts:signInWithPassword",
            json={"email": self.account.email, "password": self.account.password},
        )
        if not answer.is_good:
            raise SignInError("the sign-in was refused")
        self.use_token(str(read(answer.json(), "idToken")))


@dataclass
class Stage:
    """A simulated rec.us, a webhook service, a phone, and one player's run among them."""

    folder: Path
    story: Mapping[str, Any] = field(default_factory=dict)
    ahead: timedelta = timedelta(minutes=5)
    latency: timedelta = timedelta(milliseconds=20)
    seed: int = 0
    environ: Mapping[str, str] = field(default_factory=dict)
    together: bool = True  # with -m

    kind: ClassVar[type[BookingSystem]] = RecUsWithoutBrowser
    opens_at: ClassVar[datetime] = OPENS_AT

    def __post_init__(self) -> None:
        self.clock = FakeClock(self.opens_at - self.ahead, seed=self.seed)
        self.webhook = webhook_server.create_app(
            data=self.folder / "webhook", token=TOKEN, loopback=True, now=self.clock.now
        )
        self.stop = Stop()
        day = self.opens_at.date() + timedelta(days=7)
        self.set_up({"opens_at": self.opens_at, "day": day, "seed": self.seed, **self.story})

    def set_up(self, story: Mapping[str, Any]) -> None:
        """Have the simulated booking system answer where the real one does."""
        self.simulation: Any = Simulation(Scenario(**story), self.clock, deliver=self._deliver)
        self.apps = {"www.rec.us": self.simulation.app, "api.rec.us": self.simulation.app}
        self.apps |= {"api.stripe.com": _under("/stripe", self.simulation.app), "127.0.0.1": self.webhook}

    def usual(self) -> tuple[list[str], dict[str, str]]:
        """The words and the environment of the player of this story."""
        words = ["-c", "Alice Marble", "-d", DAY, "-s", "tennis", "-t", "18:00:00", "-y", "19:30:00"]
        return words, {}

    def __enter__(self) -> Stage:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, value: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.webhook.extensions["inbox"].close()

    @property
    def ledger(self) -> Ledger:
        return self.simulation.ledger

    @property
    def open_holds(self) -> list[str]:
        return self.ledger.open_holds(self.clock.now())

    def _deliver(self, payload: dict[str, object]) -> None:
        answer = self.webhook.test_client().post(f"/webhook/{TOKEN}", json=payload)
        assert answer.status_code == 200

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        adapter = InProcess(self.apps, self.clock, latency=self.latency)
        return Http(base_url, headers=headers, adapter=adapter)

    def book(self, *words: str) -> Outcome:
        """The outcome of `main.py` with *words* beside the usual ones; a later word wins."""
        account = self.simulation.scenario.account
        usual, mine = self.usual()
        usual += ["-m"] if self.together else []
        environ = {
            "RESERVE_DATA": str(self.folder / "data"),
            "RESERVE_EMAIL": account.email,
            "RESERVE_PASSWORD": account.password,
            "RESERVE_PHONE": account.phone or "",
            "RESERVE_WEBHOOK_TOKEN": TOKEN,
            **mine,
            **self.environ,
        }
        booking = read_booking(booking_parser("book").parse_args([*usual, *words]), environ)
        self.outfit = equip(
            booking,
            environ,
            self.stop,
            Leads(),
            clock=self.clock,
            connect=self.connect,
            kind=self.kind,
        )
        self.run: Run = self.outfit.run
        if isinstance(inbox := self.run.inbox, Inbox):
            inbox.hold_back = timedelta(0)  # the service would hold its answer back in real time
        self.booking = booking
        return conclude(self.outfit)

    @property
    def steps(self) -> list[str]:
        """What the run said, each line with its stamp."""
        timeline = self.run.timeline
        return [f"{timeline.stamp(moment)} {text}" for moment, text in timeline.steps]


def _under(prefix: str, app: Any) -> Any:
    def wrapped(environ: dict[str, Any], start_response: Any) -> Any:
        return app({**environ, "PATH_INFO": prefix + environ["PATH_INFO"]}, start_response)

    return wrapped


class AtriumWithoutBrowser(Atrium):
    """Logs in by form, at the address that the browser would send it to; the page has a test of its own."""

    def log_in(self) -> None:
        web = self.around.addresses["ATRIUM_WEB_URL"]
        auth = self.auth()
        path = f"/realms/my-tfc/login-actions/authenticate?redirect_uri={web}/"
        form = {"username": self.account.email, "password": self.account.password}
        address = auth.ask("POST", path, form=form).headers.get("Location", "")
        if "code=" not in address:
            raise SignInError("the sign-in was refused")
        self.use(by_code(auth, address.partition("code=")[2], web=web))


class AtriumStage(Stage):
    """A simulated Atrium and one resident's run."""

    kind = AtriumWithoutBrowser
    opens_at = datetime.fromisoformat("2026-06-03T18:00:00-04:00")

    def set_up(self, story: Mapping[str, Any]) -> None:
        self.simulation = AtriumTwin(AtriumStory(**story), self.clock)
        hosts = ("api.atriumapp.co", "auth.atriumapp.co", "my.tfc.com")
        self.apps = dict.fromkeys(hosts, self.simulation.app)

    def usual(self) -> tuple[list[str], dict[str, str]]:
        story = self.simulation.scenario
        leads = {name: text for name, text in self.simulation.environ("").items() if text}
        blank = {} if story.has_password else {"RESERVE_PASSWORD": ""}
        words = ["-c", "Court 1", "-d", f"{story.day}", "-t", f"{story.start:%H:%M}"]
        return words, {**leads, **blank, "RESERVE_SYSTEM": "atrium", "RESERVE_PHONE": ""}

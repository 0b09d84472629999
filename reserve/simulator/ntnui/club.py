"""A simulated NTNUI site: log-in, pages of sessions, places that rivals take and give up (NTNUI facts)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar, Self

from flask import Response, request
from flask.typing import ResponseReturnValue

from reserve.clock import Clock
from reserve.model import Court, Slot
from reserve.simulator.club import Club
from reserve.simulator.faults import Fault
from reserve.simulator.ledger import Ledger
from reserve.simulator.ntnui import pages
from reserve.simulator.ntnui.pages import Session
from reserve.simulator.phone import Deliver
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import Scenario
from reserve.simulator.usual import NamedFault, strike, switch, usual
from reserve.window import zone

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ZONE = zone("Europe/Oslo")
AHEAD = timedelta(hours=72)  # real hours before the start (facts 5)
SIGN_UP, GIVE_UP = "leggtilvikarid", "fjernvikarid"
ACTIONS = (SIGN_UP, GIVE_UP, "bekrefteid", "kommerikkeid")
SIGN_UPS = f"GET /timeinfo.php/{SIGN_UP}"  # behind `_by_action`
MINUTE = timedelta(minutes=1)
MOST_PLACES = 20
# What a fair client does not exceed in any minute: requests of any kind, ten to measure its clock,
# and once the race is over: two looks, each with what a free place takes.
MOST_REQUESTS, MOST_LOOKS = 40, 6
RACE = timedelta(seconds=15)

FAULTS: dict[str, NamedFault] = {
    **usual(
        SIGN_UPS,
        slow_too=lambda method, path: SIGN_UP not in path,
        # Everything here is answered with a page, a refusal too, and there is one court.
        without=("token-refused", "unknown-body", "unknown-refusal", "taken-first"),
    ),
    "not-open": switch("sign-up opens 40 s later than published", opens_late=timedelta(seconds=40)),
    "logged-out": switch("at the very opening the site forgets who is logged in", forgets=True),
    "no-door-code": switch(
        "the page tells nobody the code of the door; who is signed up can give the place up", tells_code=False
    ),
    "absolute-links": switch("links name the site in full", absolute_links=True),
    "unknown-page": strike(
        "sign-ups are answered with a page nobody knows, and nothing is done",
        Fault(SIGN_UPS, 0, "status", status=200, body=pages.UNHEARD_OF),
    ),
}


@dataclass(frozen=True, kw_only=True)
class NtnuiScenario(Scenario):
    """What one simulated NTNUI site is like; the wanted session starts 72 real hours after `opens_at`."""

    timezone: str = str(ZONE)
    places: int = 3  # free for drop-in when sign-up opens
    padel: bool = False
    others: bool = True  # is another session open, so that the player's number is on its page?
    accepts_padded_hour: bool = False
    tells_code: bool = True  # of the door, to who is signed up
    absolute_links: bool = False  # both kinds were recorded (facts 2)

    def __post_init__(self) -> None:
        """Refuse a scenario that makes no sense."""
        super().__post_init__()
        if not 1 <= self.places <= MOST_PLACES:
            raise ValueError(f"there can be 1 to {MOST_PLACES} places, not {self.places}")
        if self.wanted.start.date() != self.day:
            raise ValueError(f"what opens at {self.opens_at} starts on {self.wanted.start.date()}")

    @classmethod
    def opening(cls, opens_at: datetime, **settings: Any) -> Self:
        """What opens then is a session 72 hours later."""
        day = (opens_at.replace(microsecond=0) + AHEAD).astimezone(ZONE).date()
        return cls(opens_at=opens_at, day=day, **settings)

    @property
    def slot(self) -> Slot:
        """The time of the session that the player wants."""
        return Slot(self.wanted.start, self.wanted.start + self.length)

    @property
    def wanted(self) -> Session:
        """The session that the player wants."""
        start = (self.opens_at + AHEAD).astimezone(ZONE)
        return Session(65, start, self.length, "Padel 1" if self.padel else "A")

    @property
    def other(self) -> Session:
        """A session that is open already."""
        start = (self.opens_at + timedelta(hours=24)).astimezone(ZONE).replace(minute=0, second=0)
        return Session(61, start, timedelta(hours=1), "B")

    @property
    def member(self) -> int:
        """The player's number."""
        return Random(f"{self.seed}/member").randint(1000, 9999)


class NtnuiLedger(Ledger):
    """What really happened at the site, and whether the client was polite."""

    @property
    def violations(self) -> list[str]:
        """What a fair client must never do, and this one did; empty for a fair client."""
        asked = [moment for moment, _ in self.asked]
        sign_ups = [event.moment for event in self.attempts]
        later = [moment for moment in asked if _is_apart(moment, sign_ups)]
        limits = (
            ("requests", asked, MOST_REQUESTS),
            ("requests after the race", later, MOST_LOOKS),
        )
        found = [
            f"{most_in(MINUTE, moments)} {what} came within a minute"
            for what, moments, most in limits
            if most_in(MINUTE, moments) > most
        ]
        if any(event.details["meaning"] == "wrong-member" for event in self.attempts):
            found.append("a sign-up was sent in the name of another member")
        if self.all("canceled"):
            found.append("a place was given up")
        return super().violations + found


def _is_apart(moment: datetime, sign_ups: Sequence[datetime]) -> bool:
    """Whether *moment* lies behind the first of *sign_ups*, and not in the race that each of them is."""
    before = bisect_right(sign_ups, moment)
    return before > 0 and moment > sign_ups[before - 1] + RACE


def most_in(span: timedelta, moments: Sequence[datetime]) -> int:
    """The most of *moments*, which are in order, that lie within any *span*."""
    ends = (bisect_right(moments, moment + span) for moment in moments)
    return max((end - begin for begin, end in enumerate(ends)), default=0)


class SimulatedNtnui(Club):
    """One simulated NTNUI site; its courts are places in one session."""

    name = "ntnui"
    title = "NTNUI"
    asks, look = SIGN_UPS, "GET /timeinfo.php"
    hold_is_final = True
    scenario_type = NtnuiScenario
    ledger_type = NtnuiLedger
    ahead = timedelta(seconds=16)  # no browser, but time to measure the site's clock
    scenario: NtnuiScenario
    faults = FAULTS
    public: ClassVar[Mapping[str, str]] = {
        "GET /": "home",
        "GET /index.php": "home",
        "POST /index.php": "log_in",
        "GET /timeinfo.php": "session",
        "GET /timeinfo.php/<action>": "session",
    }
    routes: ClassVar[Mapping[str, str]] = {
        SIGN_UPS: "sign_up",
        f"GET /timeinfo.php/{GIVE_UP}": "give_up",
    }

    def __init__(self, scenario: Scenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set everything up; nobody is ever texted."""
        super().__init__(scenario, clock, deliver=deliver)
        self.app.wsgi_app = _by_action(self.app.wsgi_app)  # type: ignore[assignment, method-assign]

    # What leads a player here.

    def environ(self, url: str) -> Mapping[str, str]:
        """The address of its pages; the player's number is to be found there."""
        return {"NTNUI_URL": url, "NTNUI_MEMBER_ID": ""}

    def words(self) -> list[str]:
        """What the player would write on the command line: the link as the site shows it."""
        path = self.scenario.wanted.link().removeprefix("./").replace("&amp;", "&")
        return ["--link", f"https://www.ntnuitennis.no/{path}"]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also the code of the door."""
        return {**super().secrets, "code of the door": [pages.DOOR_CODE]}

    # Rules.

    @property
    def courts(self) -> list[Court]:
        """That of the wanted session."""
        return [Court("", self.scenario.wanted.court)]

    def new_id(self) -> str:
        """The session, as links name it."""
        return f"{self.scenario.wanted.timeid}/{self.scenario.wanted.spilletid}"

    def wanted(self, body: Any) -> tuple[Court, Slot]:
        """A place in the wanted session, whose link has no body."""
        return self.courts[0], self.scenario.slot

    def permit(self, court: Court, slot: Slot) -> None:
        """Nobody signs up somebody else."""
        if request.args[SIGN_UP] != str(self.scenario.member):
            raise Refusal("wrong-member")

    def is_done(self, request: str, status: int) -> bool:
        """A sign-up that is refused is answered with a page, like any other."""
        return status < 300 and (request != SIGN_UPS or self.is_signed_up)

    @property
    def is_signed_up(self) -> bool:
        """Whether the player has a place."""
        return bool(self.orders.of_player(*self.wanted(None)))

    @property
    def free(self) -> int:
        """How many places are left."""
        return self.scenario.places - self.orders.count(*self.wanted(None))

    def set_up(self) -> None:
        """Beside the usual, some rivals will change their minds."""
        self._leaving = Random(f"{self.scenario.seed}/leaving")
        super().set_up()

    def comes(self, name: str, moment: datetime, choice: Sequence[Court]) -> None:
        """One rival in four gives the place up within the hour."""
        super().comes(name, moment, choice)
        if self._leaving.random() < 0.25:
            self.leaves(name, moment + MINUTE * self._leaving.uniform(1, 60))

    # Pages.

    def new_token(self, kind: str = "access") -> str:
        """A session of PHP (facts 1)."""
        return f"sim{len(self.given):029}"

    def token(self) -> str | None:
        """The session that a browser sends as a cookie."""
        return request.cookies.get("PHPSESSID")

    def home(self) -> Response:
        """The week plan."""
        return self._home(self.token())

    def log_in(self) -> Response:
        """The week plan is the answer to a log-in too, whether accepted or not (facts 1)."""
        try:
            new = self.signed_in(request.form.get("email"), request.form.get("password"))
        except Refusal:
            return self.home()
        notice = '<div class="informasjon">Du er n&aring; innlogget som Testmedlem T.</div>'
        answer = self._home(new, notice)
        answer.set_cookie("PHPSESSID", new, path="/")
        answer.set_cookie("NTNUITennis_brukernavn", "testmedlem", path="/")
        answer.set_cookie("NTNUITennis_huskmeg", "1", path="/")
        return answer

    def session(self, action: str = "") -> Response:
        """The page of a session."""
        token, about = self.token(), self._named()
        if about is None:
            return self._page("Time", "<p>ERROR</p>", token)
        return self._page("Time", self._about(about, token), token)

    def sign_up(self) -> Response:
        """The page of a session, after the player has taken a place if there was any."""
        if self._named() == self.scenario.wanted:
            self.granted()
        return self.session()

    def give_up(self) -> Response:
        """The page of a session, after the player has given the place up."""
        if self._named() == self.scenario.wanted and self.is_signed_up:
            self.canceled(self.new_id())
        return self.session()

    def refused(self, refusal: Refusal) -> ResponseReturnValue:
        """Whatever was refused, the page says how things are."""
        return self.session()

    @property
    def _plan(self) -> Sequence[Session]:
        wanted, other = self.scenario.wanted, self.scenario.other
        return (other, wanted) if self.scenario.others else (wanted,)

    def _named(self) -> Session | None:
        """The session that a link is about."""
        spilletid = request.args.get("spilletid", "")
        if self.scenario.accepts_padded_hour:
            spilletid = spilletid.replace("T0", "T")
        for each in self._plan:
            if (request.args.get("timeid"), spilletid) == (str(each.timeid), each.spilletid):
                return each
        return None

    def _about(self, about: Session, token: str | None) -> str:
        knows, member = self.knows(token), self.scenario.member
        link = about.link(**{SIGN_UP: member}) if knows else None
        if about == self.scenario.other:
            return pages.session(about, [], pages.places(2, link))
        names = [f"Vikar {chr(65 + place)}." for place in range(self.scenario.places - self.free)]
        if self.is_signed_up:
            names[-1] = "Testmedlem T."
        is_open = self.is_open(*self.wanted(None))
        if knows and self.is_signed_up:
            below = pages.door_code(padel=self.scenario.padel) if self.scenario.tells_code else ""
            below += pages.give_up(about.link(**{GIVE_UP: member}))
            below += pages.places(self.free) if self.free else ""
        elif is_open:
            below = pages.places(self.free, link if self.free else None)
        else:
            below = pages.places(self.free) + pages.countdown_html(self.opens_at - self.now)
        return pages.session(about, names, below)

    def _home(self, token: str | None, notice: str = "") -> Response:
        return self._page("Forside", pages.home(notice, self._plan), token)

    def _page(self, title: str, content: str, token: str | None) -> Response:
        free = [self.scenario.other] if self.scenario.others else []
        if self.is_open(*self.wanted(None)) and self.free:
            free.append(self.scenario.wanted)
        page = pages.page(title, content, signed_in=self.knows(token), free=free)
        if self.scenario.absolute_links:
            page = page.replace(b'href="./', f'href="{request.host_url}'.encode())
        return Response(page, content_type="text/html")


def _by_action(app: WSGIApplication) -> WSGIApplication:
    """Give each action of timeinfo.php a path of its own, so that faults and ledger can tell them apart."""

    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ["PATH_INFO"] == "/timeinfo.php":
            for action in ACTIONS:
                if f"{action}=" in environ["QUERY_STRING"]:
                    environ = {**environ, "PATH_INFO": f"/timeinfo.php/{action}"}
        return app(environ, start_response)

    return outer

"""A simulated NTNUI site: log-in, pages of sessions, places that rivals take and give up (NTNUI facts)."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from random import Random
from typing import TYPE_CHECKING, Any, ClassVar

from flask import Flask, Response, request

from reserve.clock import Clock
from reserve.simulator.agenda import Agenda, rivals
from reserve.simulator.club import Deliver, Scenario, SimulatedSystem
from reserve.simulator.faults import COMMON, HTML_403, Fault, Switch, apply_faults
from reserve.simulator.ledger import Ledger
from reserve.simulator.ntnui.pages import (
    DOOR_CODE,
    UNHEARD_OF,
    Session,
    countdown,
    door_code,
    home,
    page,
    places,
    session,
)
from reserve.window import zone

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment

ZONE = zone("Europe/Oslo")
AHEAD = timedelta(hours=72)  # real hours before the start (facts 5)
SIGN_UP, GIVE_UP = "leggtilvikarid", "fjernvikarid"
ACTIONS = (SIGN_UP, GIVE_UP, "bekrefteid", "kommerikkeid")
SIGN_UPS = f"GET /timeinfo.php/{SIGN_UP}"  # behind `_by_action`
MINUTE = timedelta(minutes=1)
MILLISECOND = timedelta(milliseconds=1)
MOST_PLACES = 20
# What a fair client does not exceed in any minute: requests of any kind, with ten to learn the site's time,
# and once the race is over: two looks, each with what a free place takes.
MOST_REQUESTS, MOST_LOOKS = 40, 6
RACE = timedelta(seconds=15)

FAULTS: dict[str, str] = {
    "full": "rivals take every place at the very opening; one frees up within half a minute",
    "all-taken": "rivals take every place at the very opening, and keep them",
    "opens-late": "sign-up opens 0.7 s later than published",
    "not-open": "sign-up opens 40 s later than published",
    "wrong-password": "the log-in is refused",
    "logged-out": "at the very opening the site forgets who is logged in",
    "already-reserved": "the player is signed up already",
    "lost-answer": "the player is signed up, and the connection cut before the answer",
    "slow-server": "a page takes two seconds, the answer to a sign-up three",
    "server-errors": "the first two sign-ups are answered 500 with a page of HTML",
    "throttled": "the first two sign-ups are answered 429 with Retry-After: 1",
    "firewall": "a firewall answers every sign-up with 403 and a page of HTML",
    "unknown-page": "sign-ups are answered with a page nobody knows, and nothing is done",
    "clock-ahead": "the server's clock is up to a second ahead of the true time",
    "clock-behind": "the server's clock is up to a second behind the true time",
}
TROUBLE: Mapping[str, tuple[Fault, ...]] = {
    "slow-server": (
        Fault(SIGN_UPS, 0, "delay", delay=timedelta(seconds=3)),
        Fault(lambda method, path: SIGN_UP not in path, 0, "delay", delay=timedelta(seconds=2)),
    ),
    "server-errors": (Fault(SIGN_UPS, 1, "status", times=2),),
    "throttled": (Fault(SIGN_UPS, 1, "status", times=2, status=429, headers={"Retry-After": "1"}),),
    "firewall": (Fault(SIGN_UPS, 0, "status", status=403, body=HTML_403),),
    "unknown-page": (Fault(SIGN_UPS, 0, "status", status=200, body=UNHEARD_OF),),
}
SWITCHES: Mapping[str, Switch] = {
    **COMMON,
    "not-open": lambda scenario: {"opens_late": timedelta(seconds=40)},
    "wrong-password": lambda scenario: {"refuses_password": True},
    "logged-out": lambda scenario: {"forgets": True},
    "already-reserved": lambda scenario: {"has_the_place": True},
}


@dataclass(frozen=True, kw_only=True)
class NtnuiScenario(Scenario):
    """What one simulated NTNUI site is like; the wanted session starts 72 real hours after `opens_at`."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    places: int = 3  # free for drop-in when sign-up opens
    padel: bool = False
    minutes: int = 60
    others: bool = True  # is another session open, so that the player's number stands on its page?
    accepts_padded_hour: bool = False
    refuses_password: bool = False
    forgets: bool = False  # at the opening, who is logged in
    has_the_place: bool = False

    def __post_init__(self) -> None:
        """Refuse a scenario that cannot be told."""
        super().__post_init__()
        if not 1 <= self.places <= MOST_PLACES:
            raise ValueError(f"there can be 1 to {MOST_PLACES} places, not {self.places}")
        if self.wanted.start.date() != self.day:
            raise ValueError(f"what opens at {self.opens_at} starts on {self.wanted.start.date()}")

    @property
    def wanted(self) -> Session:
        """The session that the player wants."""
        start = (self.opens_at + AHEAD).astimezone(ZONE)
        return Session(65, start, timedelta(minutes=self.minutes), "Padel 1" if self.padel else "A")

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
        wrong = {
            "stranger": "a sign-up came from somebody who never logged in",
            "wrong-member": "a sign-up was sent in the name of another member",
        }
        meanings = {event.details["meaning"] for event in self.attempts}
        found += [text for meaning, text in wrong.items() if meaning in meanings]
        if self.released:
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


class Rules:
    """Who is logged in, and who has which place."""

    def __init__(self, scenario: NtnuiScenario, agenda: Agenda, ledger: NtnuiLedger) -> None:
        """Set the scene: rivals waiting for the opening, and what they will do."""
        self.scenario, self.agenda, self.ledger = scenario, agenda, ledger
        self.drop_ins: list[str] = []
        self.is_signed_up = False
        self.logged_in: dict[str, datetime] = {}
        self.opens_at = scenario.opens_at - scenario.clock_offset + scenario.opens_late
        if scenario.has_the_place:
            self.is_signed_up = True
            ledger.record(agenda.now, "reserved-before", order=self.order, court=scenario.wanted.court)
        self._set_scene()

    @property
    def order(self) -> str:
        """What the player's sign-up for the wanted session is called."""
        return f"{self.scenario.wanted.timeid}/{self.scenario.wanted.spilletid}"

    @property
    def free(self) -> int:
        """How many places are left."""
        return self.scenario.places - len(self.drop_ins) - self.is_signed_up

    @property
    def is_open(self) -> bool:
        """Whether sign-up has opened."""
        return self.agenda.now >= self.opens_at

    def log_in(self, email: str, password: str) -> str | None:
        """A token for the right e-mail and password."""
        account, now = self.scenario.account, self.agenda.now
        right = email.strip().lower() == account.email.lower() and password == account.password
        if not right or self.scenario.refuses_password:
            self.ledger.record(now, "sign-in-refused")
            return None
        token = f"sim{len(self.logged_in):029}"
        self.logged_in[token] = now
        self.ledger.record(now, "signed-in")
        return token

    def knows(self, token: str | None) -> bool:
        """Whether *token* is that of somebody who is logged in."""
        since = self.logged_in.get(token or "")
        return since is not None and not (self.scenario.forgets and since < self.opens_at <= self.agenda.now)

    def sign_up(self, member: str, token: str | None) -> None:
        """Take a place for the player, if there is any to take."""
        if token in self.logged_in and not self.knows(token):
            self.ledger.record(self.agenda.now, "token-refused")
            return
        meaning = self._sign_up(member, token)
        self.note_attempt(meaning)
        if meaning == "held":
            self.is_signed_up = True
            court = self.scenario.wanted.court
            self.ledger.record(self.agenda.now, "paid", order=self.order, court=court, cents=0)

    def _sign_up(self, member: str, token: str | None) -> str:
        if not self.knows(token):
            return "stranger"
        if member != str(self.scenario.member):
            return "wrong-member"
        if self.is_signed_up:
            return "held-already"
        if not self.is_open:
            return "early"
        return "held" if self.free else "taken"

    def note_attempt(self, meaning: str) -> None:
        """Write down a sign-up; whether it is early depends on the published moment alone."""
        published = self.scenario.opens_at - self.scenario.clock_offset
        self.ledger.record(
            self.agenda.now,
            "attempt",
            court=self.scenario.wanted.court,
            start=str(self.scenario.wanted.start),
            meaning=meaning,
            early_ms=max(timedelta(), published - self.agenda.now) / MILLISECOND,
        )

    def give_up(self, token: str | None) -> None:
        """Give the player's place up."""
        if self.knows(token) and self.is_signed_up:
            self.is_signed_up = False
            self.ledger.record(self.agenda.now, "released", order=self.scenario.wanted.spilletid)

    # Rivals.

    def _set_scene(self) -> None:
        scenario, chance = self.scenario, Random(f"{self.scenario.seed}/leaving")
        if scenario.all_taken:
            for place in range(1, scenario.places + 1):
                self.agenda.at(self.opens_at, self._come(f"rival {place} of {scenario.places}"))
        if scenario.frees_after is not None:
            self.agenda.at(self.opens_at + scenario.frees_after, self._leave(f"rival 1 of {scenario.places}"))
        for name, moment, _ in rivals(scenario.seed, scenario.rivals, self.opens_at, [scenario.wanted]):
            self.agenda.at(moment, self._come(name))
            if chance.random() < 0.25:
                self.agenda.at(moment + MINUTE * chance.uniform(1, 60), self._leave(name))

    def _come(self, name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            if self.free:
                self.drop_ins.append(name)
                self.ledger.record(moment, "taken-by-rival", rival=name, court=self.scenario.wanted.court)
            else:
                self.ledger.record(moment, "rival-left", rival=name)

        return event

    def _leave(self, name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            if name in self.drop_ins:
                self.drop_ins.remove(name)
                self.ledger.record(moment, "given-up-by-rival", rival=name, court=self.scenario.wanted.court)

        return event


class SimulatedNtnui(SimulatedSystem):
    """One simulated NTNUI site."""

    name = "ntnui"
    title = "NTNUI"
    look = "GET /timeinfo.php"
    reserves = SIGN_UPS
    scenario_type = NtnuiScenario
    ahead = timedelta(seconds=16)  # no browser, but time to learn the site's clock
    scenario: NtnuiScenario

    def __init__(self, scenario: NtnuiScenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set up the scenario; nobody is ever texted."""
        done = Fault(self._is_done, 1, "cut-after", only_done=True)
        scenario, request_faults = apply_faults(scenario, SWITCHES, {**TROUBLE, "lost-answer": (done,)})
        agenda, ledger = Agenda(clock, scenario.clock_offset), NtnuiLedger()
        self.rules = Rules(scenario, agenda, ledger)
        app = Flask("simulated-ntnui")
        super().__init__(scenario, request_faults, agenda, ledger, app)
        app.add_url_rule("/", "home", self.home)
        app.add_url_rule("/index.php", "index", self.home, methods=["GET", "POST"])
        app.add_url_rule("/timeinfo.php", "session", self.session, defaults={"action": ""})
        app.add_url_rule("/timeinfo.php/<action>", "action", self.session)
        app.wsgi_app = _by_action(app.wsgi_app)  # type: ignore[assignment, method-assign]

    @classmethod
    def opening(
        cls, opens_at: datetime, clock: Clock, deliver: Deliver | None, **settings: Any
    ) -> SimulatedNtnui:
        """What opens then is a session 72 hours later."""
        opens_at = opens_at.replace(microsecond=0)
        day = (opens_at + AHEAD).astimezone(ZONE).date()
        return cls(NtnuiScenario(opens_at=opens_at, day=day, **settings), clock, deliver=deliver)

    def environ(self, url: str) -> Mapping[str, str]:
        """The address of its pages; the player's number is to be found there."""
        return {"NTNUI_URL": url, "NTNUI_MEMBER_ID": ""}

    def words(self) -> list[str]:
        """What the player would write on the command line: the link as the site shows it."""
        path = self.scenario.wanted.link().removeprefix("./").replace("&amp;", "&")
        return ["--link", f"https://www.ntnuitennis.no/{path}"]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also the sessions of the log-in, and the code of the door."""
        return {**super().secrets, "token": self.rules.logged_in, "code of the door": [DOOR_CODE]}

    def note_swallowed(self, method: str, path: str, body: bytes, kind: str) -> None:
        """Write down a sign-up that never reached the site."""
        if f"{method} {path}" == SIGN_UPS:
            self.rules.note_attempt(kind)

    def _is_done(self, method: str, path: str) -> bool:
        return f"{method} {path}" == SIGN_UPS and self.rules.is_signed_up

    # Pages.

    def home(self) -> Response:
        """The week plan; a log-in is answered with it too, whether accepted or not (facts 1)."""
        new = None
        if request.method == "POST":
            new = self.rules.log_in(request.form.get("email", ""), request.form.get("password", ""))
        notice = '<div class="informasjon">Du er n&aring; innlogget som Testmedlem T.</div>' if new else ""
        token = new or request.cookies.get("PHPSESSID")
        answer = self._page("Forside", home(notice, self._plan), token)
        if new:
            answer.set_cookie("PHPSESSID", new, path="/")
            answer.set_cookie("NTNUITennis_brukernavn", "testmedlem", path="/")
            answer.set_cookie("NTNUITennis_huskmeg", "1", path="/")
        return answer

    def session(self, action: str) -> Response:
        """The page of a session, after whatever the link does to it."""
        token = request.cookies.get("PHPSESSID")
        about = self._named(request.args.get("timeid", ""), request.args.get("spilletid", ""))
        if about is None:
            return self._page("Time", "<p>ERROR</p>", token)
        if about != self.scenario.wanted:
            return self._page("Time", self._other(about, token), token)
        if action == SIGN_UP:
            self.rules.sign_up(request.args[SIGN_UP], token)
        elif action == GIVE_UP:
            self.rules.give_up(token)
        return self._page("Time", self._wanted(token), token)

    @property
    def _plan(self) -> Sequence[Session]:
        wanted, other = self.scenario.wanted, self.scenario.other
        return (other, wanted) if self.scenario.others else (wanted,)

    def _named(self, timeid: str, spilletid: str) -> Session | None:
        if self.scenario.accepts_padded_hour:
            spilletid = spilletid.replace("T0", "T")
        for each in self._plan:
            if (timeid, spilletid) == (str(each.timeid), each.spilletid):
                return each
        return None

    def _wanted(self, token: str | None) -> str:
        about, rules, knows = self.scenario.wanted, self.rules, self.rules.knows(token)
        names = [f"Vikar {chr(65 + place)}." for place in range(len(rules.drop_ins))]
        if rules.is_signed_up:
            names.append("Testmedlem T.")
        if knows and rules.is_signed_up:
            below = door_code(about.link(**{GIVE_UP: self.scenario.member}), padel=self.scenario.padel)
            below += places(rules.free) if rules.free else ""
        elif not rules.is_open:
            below = places(rules.free) + countdown(rules.opens_at - self._agenda.now)
        else:
            link = about.link(**{SIGN_UP: self.scenario.member}) if knows and rules.free else None
            below = places(rules.free, link)
        return session(about, names, below)

    def _other(self, about: Session, token: str | None) -> str:
        link = about.link(**{SIGN_UP: self.scenario.member}) if self.rules.knows(token) else None
        return session(about, [], places(2, link))

    def _page(self, title: str, content: str, token: str | None) -> Response:
        free = [self.scenario.other] if self.scenario.others else []
        if self.rules.is_open and self.rules.free:
            free.append(self.scenario.wanted)
        html = page(title, content, signed_in=self.rules.knows(token), free=free)
        return Response(html, content_type="text/html")


def _by_action(app: WSGIApplication) -> WSGIApplication:
    """Give each action of timeinfo.php a path of its own, so that faults and ledger can tell them apart."""

    def outer(environ: WSGIEnvironment, start_response: StartResponse) -> Any:
        if environ["PATH_INFO"] == "/timeinfo.php":
            for action in ACTIONS:
                if f"{action}=" in environ["QUERY_STRING"]:
                    environ = {**environ, "PATH_INFO": f"/timeinfo.php/{action}"}
        return app(environ, start_response)

    return outer

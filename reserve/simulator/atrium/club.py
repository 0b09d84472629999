"""A simulated Atrium: the log-in page and tokens of its Keycloak, and reservations (Atrium facts)."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from random import Random
from typing import Any, ClassVar

from flask import Flask, Response, jsonify, redirect, request

from reserve.clock import Clock
from reserve.simulator.agenda import Agenda, rivals
from reserve.simulator.club import Deliver, Scenario, SimulatedSystem
from reserve.simulator.faults import COMMON, HTML_403, JSON, Fault, Switch, apply_faults
from reserve.simulator.ledger import Ledger
from reserve.window import DaysAhead, HoursAhead, at, zone

ZONE = zone("America/New_York")
REALM = "/realms/my-tfc"
TOKEN = f"POST {REALM}/protocol/openid-connect/token"
RESERVE = "POST /api/v1/my/occupants/*/amenity-reservations/"
LIST = RESERVE.replace("POST", "GET")
OCCUPANT = "100001"
COURTS = {8: "Tennis Court 1", 10: "Tennis Court 2"}  # facts 4
STEP, LONGEST = timedelta(minutes=30), timedelta(minutes=60)
MILLISECOND = timedelta(milliseconds=1)

FAULTS: dict[str, str] = {
    "taken-first": "a rival takes Court 1 at the very opening",
    "refresh-rotated-and-killed": "an earlier process was killed before it could keep the token it was given",
    "token-dead": "the session of the refresh token has ended, and no password is stored",
    "wrong-password": "the session of the refresh token has ended, and the log-in is refused",
    "token-forgotten": "at the very opening the API forgets the access token, once, and answers 401",
    "token-forgotten-403": "the same, and it answers 403",
    "token-refused": "the API answers 401 to everything, whatever the token",
    "lost-answer": "the first court is reserved, and the connection cut before the answer",
    "list-unknown": "there is no list of reservations where the program looks for it",
    "lost-answer-and-list": "both: nobody can tell whether the court is reserved",
    "server-errors": "the first two requests for a court are answered 500 with a page of HTML",
    "throttled": "the first two requests for a court are answered 429 with Retry-After: 1",
    "firewall": "a firewall answers every request for a court with 403 and a page of HTML",
    "unknown-body": "requests for a court are answered 200 with a body nobody knows; nothing is reserved",
    "unknown-refusal": "requests for Court 1 are refused for a reason nobody knows",
    "slow-server": "the API takes three seconds for a reservation",
    "already-reserved": "the player has reserved this very slot",
    "all-taken": "rivals take both courts at the very opening",
    "full": "rivals take both courts at the very opening; one gives Court 1 up within half a minute",
    "opens-late": "the window opens 0.7 s later than published",
    "clock-ahead": "the server's clock is up to a second ahead of the true time",
    "clock-behind": "the server's clock is up to a second behind the true time",
}
NO_LIST = '{"detail": "Method \\"GET\\" not allowed."}'
TROUBLE: Mapping[str, tuple[Fault, ...]] = {
    "lost-answer": (Fault(RESERVE, 1, "cut-after", only_done=True),),
    "lost-answer-and-list": (
        Fault(RESERVE, 1, "cut-after", only_done=True),
        Fault(LIST, 0, "status", status=405, body=NO_LIST, content_type=JSON),
    ),
    "server-errors": (Fault(RESERVE, 1, "status", times=2),),
    "throttled": (Fault(RESERVE, 1, "status", times=2, status=429, headers={"Retry-After": "1"}),),
    "firewall": (Fault(RESERVE, 0, "status", status=403, body=HTML_403),),
    "unknown-body": (Fault(RESERVE, 0, "status", status=200, body='{"state": "queued"}', content_type=JSON),),
    "slow-server": (Fault(RESERVE, 0, "delay"),),
}
SWITCHES: Mapping[str, Switch] = {
    **COMMON,
    "taken-first": lambda scenario: {"first_taken": True},
    "refresh-rotated-and-killed": lambda scenario: {"rotated_before": True},
    "token-dead": lambda scenario: {"session_ended": True, "has_password": False},
    "wrong-password": lambda scenario: {"session_ended": True, "refuses_password": True},
    "token-forgotten": lambda scenario: {"forgets": True, "unauthorized": 401},
    "token-forgotten-403": lambda scenario: {"forgets": True, "unauthorized": 403},
    "token-refused": lambda scenario: {"believes": False},
    "list-unknown": lambda scenario: {"lists": False},
    "unknown-refusal": lambda scenario: {"computer_says_no": True},
    "already-reserved": lambda scenario: {"has_the_slot": True},
}


@dataclass(frozen=True, kw_only=True)
class AtriumScenario(Scenario):
    """What one simulated Atrium is like: the switches are what is unknown (facts 7, 8)."""

    FAULTS: ClassVar[Mapping[str, str]] = FAULTS

    start: time = time(18, 0)  # of the slot that rivals want
    window: str = "hours"  # 168 real ones, or calendar "days"
    judged: str = "start"  # of the reservation, or its "end": then its last half hour has to be open
    created: int = 201  # status of a yes
    taken: int = 400  # status of a slot that somebody else has
    unauthorized: int = 401
    reuse: bool = False  # may a refresh token be used again after it was rotated?
    access_lives: timedelta = timedelta(seconds=1800)
    refresh_lives: timedelta = timedelta(seconds=1800)
    lists: bool = True  # is there a list of reservations where ours are made?
    has_password: bool = True  # does the player store one?
    refuses_password: bool = False
    session_ended: bool = False
    rotated_before: bool = False
    believes: bool = True
    forgets: bool = False
    first_taken: bool = False
    computer_says_no: bool = False
    has_the_slot: bool = False


class Refusal(Exception):
    """A request is refused with this status and body."""

    def __init__(self, meaning: str, status: int, body: object) -> None:
        """Keep what the ledger calls it, and the answer."""
        super().__init__(meaning)
        self.meaning, self.status, self.body = meaning, status, body


@dataclass(frozen=True)
class Booked:
    """One reservation of the player."""

    id: int
    court: int
    start: datetime
    end: datetime


class AtriumRules(Agenda):
    """The rules that the simulated Atrium keeps; knows nothing of HTTP."""

    def __init__(self, scenario: AtriumScenario, clock: Clock, ledger: Ledger) -> None:
        """Set the scene: the player's session, and rivals waiting for the opening."""
        super().__init__(clock, scenario.clock_offset)
        self.scenario, self.ledger = scenario, ledger
        self.booked: list[Booked] = []
        self.taken: dict[tuple[int, datetime], str] = {}  # by half hours
        self.given: list[str] = []  # every token and code
        self._draws = Random(f"{scenario.seed}/tokens")
        self._access: dict[str, datetime] = {}
        self._codes: set[str] = set()
        self._session_ends: datetime | None = None
        self.refresh = self.first_refresh = ""
        self._begin_session()
        self.first_refresh = self.refresh
        if scenario.rotated_before:
            self.refresh = self._new("refresh")
        if scenario.session_ended:
            self._session_ends = None
        self._set_scene()

    # Tokens (facts 2).

    def _new(self, what: str) -> str:
        self.given.append(f"sim.{what}.{self._draws.getrandbits(96):024x}")
        return self.given[-1]

    def _begin_session(self) -> None:
        self.refresh = self._new("refresh")
        self._session_ends = self.now + self.scenario.refresh_lives

    def log_in(self, name: str, password: str) -> str | None:
        """An authorization code for the right e-mail and password."""
        account = self.scenario.account
        right = name.strip().lower() == account.email.lower() and password == account.password
        if not right or self.scenario.refuses_password:
            self.ledger.record(self.now, "sign-in-refused")
            return None
        code = self._new("code")
        self._codes.add(code)
        return code

    def by_code(self, code: str) -> dict[str, Any]:
        """Tokens for an authorization code, which is good once."""
        if code not in self._codes:
            raise Refusal("code", 400, {"error": "invalid_grant", "error_description": "Code not valid"})
        self._codes.discard(code)
        self._begin_session()
        self.ledger.record(self.now, "signed-in")
        return self._tokens()

    def by_refresh(self, token: str) -> dict[str, Any]:
        """New tokens for the refresh token, which is worth nothing afterwards."""
        if self._session_ends is None or self._session_ends <= self.now:
            self.ledger.record(self.now, "token-dead")
            raise Refusal(
                "session", 400, {"error": "invalid_grant", "error_description": "Session not active"}
            )
        if token != self.refresh and not self.scenario.reuse:
            self.ledger.record(self.now, "token-used-again")
            raise Refusal(
                "token", 400, {"error": "invalid_grant", "error_description": "Token is not active"}
            )
        self.refresh = self._new("refresh")
        self._session_ends = self.now + self.scenario.refresh_lives
        self.ledger.record(self.now, "token-rotated")
        return self._tokens()

    def _tokens(self) -> dict[str, Any]:
        access = self._new("access")
        self._access[access] = self.now + self.scenario.access_lives
        return {
            "access_token": access,
            "expires_in": int(self.scenario.access_lives.total_seconds()),
            "refresh_expires_in": int(self.scenario.refresh_lives.total_seconds()),
            "refresh_token": self.refresh,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "session_state": "00000000-0000-4000-8000-000000000001",
            "scope": "openid profile email",
        }

    def admit(self, token: str | None, occupant: str) -> None:
        """Refuse whoever has no valid token, or asks for somebody else."""
        said = {"detail": "Authentication credentials were not provided or have expired."}
        ends = self._access.get(token or "")
        if ends is None:
            self.ledger.record(self.now, "stranger-refused")
        if ends is None or ends <= self.now or not self.scenario.believes:
            if ends is not None:
                self.ledger.record(self.now, "token-refused")
            raise Refusal("stranger", self.scenario.unauthorized, said)
        if occupant != OCCUPANT:
            raise Refusal("not-found", 404, {"detail": "Not found."})

    # Reservations (facts 3 to 5).

    def opens_at(self, start: datetime) -> datetime:
        """The true moment at which a slot that starts then can be reserved; the wanted one at its own."""
        published = _ahead(start, self.scenario.window)
        shift = self.scenario.opens_at - _ahead(self.wanted, self.scenario.window)
        return published + shift - self.scenario.clock_offset + self.scenario.opens_late

    @property
    def wanted(self) -> datetime:
        """The start of the slot that the scenario is about."""
        return at(self.scenario.day, self.scenario.start, ZONE)

    def reserve(self, body: Any) -> Booked:
        """A reservation for what *body* asks for, or Refusal; every request is an attempt in the ledger."""
        try:
            court, start, end = _asked(body)
        except (LookupError, TypeError, ValueError) as wrong:
            self._attempt("unknown court", None, "invalid-body")
            raise Refusal("invalid-body", 400, {"non_field_errors": [f"Invalid: {wrong}"]}) from None
        try:
            self._permit(court, start, end)
        except Refusal as refusal:
            self._attempt(COURTS[court], start, refusal.meaning)
            raise
        booked = Booked(500001 + len(self.booked), court, start, end)
        self._attempt(COURTS[court], start, "held")
        self._keep(booked)
        self.ledger.record(self.now, "paid", order=str(booked.id), court=COURTS[court], cents=0)
        return booked

    def _permit(self, court: int, start: datetime, end: datetime) -> None:
        if start <= self.server_now:
            raise Refusal("past", 400, {"start_time": ["This time is in the past."]})
        judged = start if self.scenario.judged == "start" else end - STEP
        if self.now < self.opens_at(judged):
            raise Refusal("early", 400, {"start_time": ["Reservations open 168 hours in advance."]})
        if self.scenario.computer_says_no and court == min(COURTS):
            raise Refusal("unknown-refusal", 400, {"non_field_errors": ["Please see the front desk."]})
        if any((court, each) in self.taken for each in _halves(start, end)):
            made = [
                each for each in self.booked if str(each.id) in self.ledger.paid
            ]  # since the scenario began
            mine = any(each.court == court and each.start == start for each in made)
            said = ["This amenity is already reserved for the selected time."]
            raise Refusal(
                "held-already" if mine else "taken", self.scenario.taken, {"non_field_errors": said}
            )

    def _keep(self, booked: Booked) -> None:
        self.booked.append(booked)
        for each in _halves(booked.start, booked.end):
            self.taken[booked.court, each] = "player"

    def _attempt(self, court: str, start: datetime | None, meaning: str) -> None:
        early = timedelta()
        if start is not None:
            published = self.opens_at(start) - self.scenario.opens_late  # all that one can know
            early = max(early, published - self.now)
        self.ledger.record(
            self.now, "attempt", court=court, start=str(start), meaning=meaning, early_ms=early / MILLISECOND
        )

    def note(self, body: bytes, meaning: str) -> None:
        """Write down a request for a court that was answered before it came here."""
        try:
            court, start, _ = _asked(json.loads(body))
        except (LookupError, TypeError, ValueError):
            self._attempt("unknown court", None, "invalid-body")
        else:
            self._attempt(COURTS[court], start, meaning)

    # The scene.

    def _set_scene(self) -> None:
        scenario, opening = self.scenario, self.opens_at(self.wanted)
        if scenario.has_the_slot:
            self._keep(Booked(500001, min(COURTS), self.wanted, self.wanted + STEP))
            self.ledger.record(self.now, "reserved-before", order="500001", court=COURTS[min(COURTS)])
        grabbed = [*COURTS] if scenario.all_taken else [min(COURTS)] if scenario.first_taken else []
        for court in grabbed:
            self.at(opening, self._come([court], f"rival at {COURTS[court]}"))
        if scenario.frees_after is not None:
            self.at(opening + scenario.frees_after, self._leave)
        for name, moment, choice in rivals(scenario.seed, scenario.rivals, opening, [*COURTS]):
            self.at(moment, self._come(choice, name))
        if scenario.forgets:
            self.at(opening, self._forget)

    def _forget(self, moment: datetime) -> None:
        for token in self._access:
            self._access[token] = moment

    def _leave(self, moment: datetime) -> None:
        court = min(COURTS)
        names = {self.taken.pop((court, each), None) for each in _halves(self.wanted, self.wanted + STEP)}
        for name in names - {None}:
            self.ledger.record(moment, "given-up-by-rival", rival=name, court=COURTS[court])

    def _come(self, choice: list[int], name: str) -> Callable[[datetime], None]:
        def event(moment: datetime) -> None:
            halves = _halves(self.wanted, self.wanted + STEP)
            for court in choice:
                if not any((court, each) in self.taken for each in halves):
                    self.taken.update({(court, each): name for each in halves})
                    self.ledger.record(moment, "taken-by-rival", rival=name, court=COURTS[court])
                    return
            self.ledger.record(moment, "rival-left", rival=name)

        return event


class SimulatedAtrium(SimulatedSystem):
    """One simulated Atrium: portal, Keycloak and API in one `app`."""

    name = "atrium"
    title = "Atrium"
    look = LIST
    reserves = RESERVE
    scenario_type = AtriumScenario
    scenario: AtriumScenario

    def __init__(self, scenario: AtriumScenario, clock: Clock, *, deliver: Deliver | None = None) -> None:
        """Set up the scenario; nothing is ever texted."""
        scenario, request_faults = apply_faults(scenario, SWITCHES, TROUBLE)
        ledger = Ledger()
        self.rules = AtriumRules(scenario, clock, ledger)
        app = Flask("simulated-atrium")
        self._add_to(app)
        super().__init__(scenario, request_faults, self.rules, ledger, app)

    @classmethod
    def opening(
        cls, opens_at: datetime, clock: Clock, deliver: Deliver | None, **settings: Any
    ) -> SimulatedAtrium:
        """The next half hour that opens; it opens sooner here, since nobody waits so long."""
        start = opens_at + timedelta(days=7)
        start += -(start - datetime.min.replace(tzinfo=UTC)) % STEP
        if start.astimezone(ZONE).time() == time(23, 30):
            start += STEP  # nothing is reserved over midnight
        start = start.astimezone(ZONE)
        scenario = AtriumScenario(opens_at=opens_at, day=start.date(), start=start.time(), **settings)
        return cls(scenario, clock, deliver=deliver)

    def environ(self, url: str) -> Mapping[str, str]:
        """The addresses of portal, Keycloak and API, and what the player has stored."""
        found = {
            "ATRIUM_API_URL": url,
            "ATRIUM_AUTH_URL": url,
            "ATRIUM_WEB_URL": url,
            "ATRIUM_OCCUPANT_ID": OCCUPANT,
            "ATRIUM_PLACES": "",
            "ATRIUM_REFRESH_TOKEN": self.rules.first_refresh,
        }
        return found if self.scenario.has_password else {**found, "RESERVE_PASSWORD": ""}

    def words(self) -> list[str]:
        """Court 1 or the other one; and the opening, where it is not that of the rule."""
        opens_at = self.scenario.opens_at.astimezone(ZONE)
        day, start = f"{self.scenario.day}", f"{self.scenario.start:%H:%M}"
        by_rule = opens_at == _ahead(self.rules.wanted, self.scenario.window)
        said = [] if by_rule else ["-r", f"{opens_at:%Y-%m-%d %H:%M:%S}"]
        return ["-c", "Court 1", "-d", day, "-t", start, *said]

    @property
    def secrets(self) -> Mapping[str, Iterable[str]]:
        """Also every token."""
        return {**super().secrets, "token": self.rules.given}

    def note_swallowed(self, method: str, path: str, body: bytes, kind: str) -> None:
        """A request for a court is an attempt, also when it did not come to the rules."""
        if method == "POST" and path.endswith("/amenity-reservations/"):
            self.rules.note(body, kind)

    def _add_to(self, app: Flask) -> None:
        app.register_error_handler(Refusal, lambda refusal: (jsonify(refusal.body), refusal.status))
        app.add_url_rule("/", view_func=self._portal, endpoint="portal")
        app.add_url_rule(f"{REALM}/protocol/openid-connect/auth", view_func=self._log_in_page)
        app.add_url_rule(
            f"{REALM}/login-actions/authenticate", view_func=self._authenticate, methods=["POST"]
        )
        app.add_url_rule(f"{REALM}/protocol/openid-connect/token", view_func=self._grant, methods=["POST"])
        path = "/api/v1/my/occupants/<occupant>/amenity-reservations/"
        app.add_url_rule(path, view_func=self._reserve, methods=["POST"])
        app.add_url_rule(path, view_func=self._list, methods=["GET"])

    def _portal(self) -> str:
        """The portal's own script removes the code from its address, as such scripts do."""
        return "<!DOCTYPE html><title>Portal</title><script>history.replaceState(null, '', '/')</script>"

    def _log_in_page(self, wrong: str = "") -> str:
        """The log-in page of Keycloak (facts 2.3)."""
        back = request.args.get("redirect_uri", "/")
        action = f"{REALM}/login-actions/authenticate?session_code=SC1&amp;redirect_uri={back}"
        return LOG_IN.replace("{action}", action).replace("{wrong}", wrong)

    def _authenticate(self) -> Any:
        code = self.rules.log_in(request.form.get("username", ""), request.form.get("password", ""))
        if code is None:
            return self._log_in_page('<span id="input-error">Invalid username or password.</span>')
        return redirect(f"{request.args['redirect_uri']}#session_state=S1&code={code}")

    def _grant(self) -> Response:
        kind = request.form.get("grant_type")
        if request.form.get("client_id") != "my-tfc":
            raise Refusal("client", 401, {"error": "invalid_client"})
        if kind == "refresh_token":
            return jsonify(self.rules.by_refresh(request.form.get("refresh_token", "")))
        if kind == "authorization_code":
            return jsonify(self.rules.by_code(request.form.get("code", "")))
        raise Refusal("grant", 400, {"error": "unsupported_grant_type"})

    def _admit(self, occupant: str) -> None:
        scheme, _, token = request.headers.get("Authorization", "").partition(" ")
        self.rules.admit(token if scheme == "Bearer" else None, occupant)

    def _reserve(self, occupant: str) -> tuple[Response, int]:
        self._admit(occupant)
        booked = self.rules.reserve(request.get_json(silent=True))
        return jsonify(_shown(booked)), self.scenario.created

    def _list(self, occupant: str) -> Response:
        self._admit(occupant)
        if not self.scenario.lists:
            raise Refusal("method", 405, json.loads(NO_LIST))
        found = [_shown(each) for each in self.rules.booked]
        return jsonify({"count": len(found), "results": found})


LOG_IN = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Log in</title></head>
<body><div id="kc-content">
  <form id="kc-form-login" method="post" action="{action}">
    <input id="username" name="username" type="text" value="">{wrong}
    <input id="password" name="password" type="password">
    <input id="rememberMe" name="rememberMe" type="checkbox">
    <input type="hidden" id="id-hidden-input" name="credentialId">
    <input id="kc-login" name="login" type="submit" value="Go">
  </form>
</div></body></html>"""


def _ahead(start: datetime, window: str) -> datetime:
    """When a slot opens by the published rule (facts 5)."""
    if window == "hours":
        return HoursAhead(168).opens_at(start)
    return DaysAhead(7, start.time()).opens_at(start)


def _asked(body: Any) -> tuple[int, datetime, datetime]:
    """Court, start and end in the body of a request; raises ValueError naming what is wrong with it."""
    court = int(body["amenity_id"])
    if str(body["amenity_type_id"]) != "10" or court not in COURTS:
        raise ValueError("amenity")
    if body["amenity_reservation_type"] != "TR" or not str(body["guests"]).isdigit():
        raise ValueError("reservation type or guests")
    start, end = (_wall(body[key]) for key in ("start_time", "end_time"))
    if start.minute % 30 or start.second or end - start not in (STEP, LONGEST):
        raise ValueError("not on the grid")
    return court, start, end


def _wall(text: str) -> datetime:
    """A moment with New York's own offset, written with a colon (facts 3)."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(ZONE)
    if moment.isoformat(timespec="seconds") != text:
        raise ValueError(f"{text} is not how New York writes it")
    return moment


def _halves(start: datetime, end: datetime) -> list[datetime]:
    return [start + STEP * number for number in range((end - start) // STEP)]


def _shown(booked: Booked) -> dict[str, Any]:
    """A reservation as Atrium tells it."""
    return {
        "id": booked.id,
        "amenity": {"id": booked.court, "label": COURTS[booked.court]},
        "amenity_reservation_type": "TR",
        "start_time": booked.start.isoformat(timespec="seconds"),
        "end_time": booked.end.isoformat(timespec="seconds"),
        "guests": 1,
        "is_cancelled": False,
    }

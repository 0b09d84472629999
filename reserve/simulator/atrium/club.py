"""A simulated Atrium: the log-in page and tokens of its Keycloak, and reservations (Atrium facts)."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, time, timedelta
from typing import Any, ClassVar, Self

from flask import Response, redirect, request
from flask.typing import ResponseReturnValue

from reserve.model import Court, Slot
from reserve.simulator.club import Club
from reserve.simulator.faults import JSON, Fault
from reserve.simulator.orders import Order
from reserve.simulator.refusal import Refusal
from reserve.simulator.scenario import Scenario
from reserve.simulator.usual import NamedFault, strike, switch, usual
from reserve.window import DaysAhead, HoursAhead, zone

ZONE = zone("America/New_York")
REALM = "/realms/my-tfc"
KEYCLOAK = f"{REALM}/protocol/openid-connect"
MINE = "/api/v1/my/occupants/<occupant>/amenity-reservations/"
ASKS = f"POST {MINE.replace('<occupant>', '*')}"
LIST = ASKS.replace("POST", "GET")
OCCUPANT = "100001"
ATTEMPT = "AUTH_SESSION_ID"  # the cookie of an attempt to log in; its name is that of Keycloak in general
WRONG = "Invalid username or password."
COURTS = {8: Court("8", "Tennis Court 1"), 10: Court("10", "Tennis Court 2")}  # facts 4
STEP, LONGEST = timedelta(minutes=30), timedelta(minutes=60)
NO_LIST = '{"detail": "Method \\"GET\\" not allowed."}'

USUAL = usual(ASKS)
FAULTS: dict[str, NamedFault] = {
    **USUAL,
    "refresh-rotated-and-killed": switch(
        "an earlier process was killed before it could keep the token it was given", rotated_before=True
    ),
    "token-dead": switch(
        "the session of the refresh token has ended, and no password is stored",
        session_ended=True,
        has_password=False,
    ),
    "wrong-password": switch(
        "the session of the refresh token has ended, and the log-in is refused",
        session_ended=True,
        refuses_password=True,
    ),
    "wrong-password-no-form": switch(
        "like wrong-password, and the page that says so has no form",
        session_ended=True,
        refuses_password=True,
        wrong_password_ends=True,
    ),
    "log-in-lost": switch(
        "the session of the refresh token has ended, and the log-in page forgets whom it was shown to",
        session_ended=True,
        loses_attempts=True,
    ),
    "token-forgotten": switch(
        "at the very opening the API forgets the access token, once, and answers 401", forgets=True
    ),
    "token-forgotten-403": switch("like token-forgotten, and it answers 403", forgets=True, unauthorized=403),
    "list-unknown": switch("there is no list of reservations where the program looks for it", lists=False),
    "lost-answer-and-list": strike(
        "lost-answer and list-unknown: nobody can tell whether the court is reserved",
        *USUAL["lost-answer"].strikes,
        Fault(LIST, 0, "status", status=405, body=NO_LIST, content_type=JSON),
    ),
    "unknown-refusal": switch(
        "requests for Court 1 are refused for a reason nobody knows", refuses_first=True
    ),
}


@dataclass(frozen=True, kw_only=True)
class AtriumScenario(Scenario):
    """What one simulated Atrium is like: the switches are what is unknown (facts 7, 8)."""

    timezone: str = str(ZONE)
    length: timedelta = STEP
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
    absolute_action: bool = True  # of the form to log in with; else it begins at the root
    wrong_password_ends: bool = False  # an attempt to log in, on a page without a form
    loses_attempts: bool = False  # to log in, as if the browser had no cookies
    session_ended: bool = False
    rotated_before: bool = False
    refuses_first: bool = False  # the first court, for a reason nobody knows

    @classmethod
    def opening(cls, opens_at: datetime, **settings: Any) -> Self:
        """The next half hour that opens; it opens sooner here, since nobody waits so long."""
        start = opens_at + timedelta(days=7)
        start += -(start - datetime.min.replace(tzinfo=UTC)) % STEP
        if start.astimezone(ZONE).time() == time(23, 30):
            start += STEP  # nothing is reserved over midnight
        start = start.astimezone(ZONE)
        return cls(opens_at=opens_at, day=start.date(), start=start.time(), **settings)

    def by_rule(self, start: datetime) -> datetime:
        """When a slot opens by the published rule (facts 5)."""
        rule = HoursAhead(168) if self.window == "hours" else DaysAhead(7, start.time())
        return rule.opens_at(start)


class SimulatedAtrium(Club):
    """One simulated Atrium: portal, Keycloak and API in one `app`."""

    name = "atrium"
    title = "Atrium"
    asks, look = ASKS, LIST
    hold_is_final = True
    courts = (*COURTS.values(),)
    scenario_type = AtriumScenario
    scenario: AtriumScenario
    refresh: str  # the token that is good now
    faults = FAULTS
    public: ClassVar[Mapping[str, str]] = {
        "GET /": "portal",
        f"GET {KEYCLOAK}/auth": "log_in_page",
        f"POST {REALM}/login-actions/authenticate": "authenticate",
        f"POST {KEYCLOAK}/token": "grant",
    }
    routes: ClassVar[Mapping[str, str]] = {f"POST {MINE}": "reserve", f"GET {MINE}": "listed"}

    # What leads a player here.

    def environ(self, url: str) -> Mapping[str, str]:
        """The addresses of portal, Keycloak and API, and what the player has stored."""
        found = {
            "ATRIUM_API_URL": url,
            "ATRIUM_AUTH_URL": url,
            "ATRIUM_WEB_URL": url,
            "ATRIUM_OCCUPANT_ID": OCCUPANT,
            "ATRIUM_PLACES": "",
            "ATRIUM_REFRESH_TOKEN": self.first_refresh,
        }
        return found if self.scenario.has_password else {**found, "RESERVE_PASSWORD": ""}

    def words(self) -> list[str]:
        """Court 1 or the other one; and the opening, where it is not that of the rule."""
        scenario, opens_at = self.scenario, self.scenario.opens_at.astimezone(ZONE)
        said = ["-c", "Court 1", "-d", f"{scenario.day}", "-t", f"{scenario.start:%H:%M}"]
        by_rule = opens_at == scenario.by_rule(scenario.slot.start)
        return said if by_rule else [*said, "-r", f"{opens_at:%Y-%m-%d %H:%M:%S}"]

    def set_up(self) -> None:
        """Beside the usual, the player has a session already."""
        self._codes: set[str] = set()  # of authorization
        self._attempts: set[str] = set()  # to log in, by their cookies
        self._begin_session()
        self.first_refresh = self.refresh
        if self.scenario.rotated_before:
            self.refresh = self._new("refresh")
        if self.scenario.session_ended:
            self._session_ends = self.now
        super().set_up()

    # Tokens (facts 2).

    def _new(self, kind: str) -> str:
        self.given.append(self.new_token(kind))
        return self.given[-1]

    def _begin_session(self) -> None:
        self.refresh = self._new("refresh")
        self._session_ends = self.now + self.scenario.refresh_lives

    def portal(self) -> str:
        """The portal's own script removes the code from its address, as such scripts do."""
        return "<!DOCTYPE html><title>Portal</title><script>history.replaceState(null, '', '/')</script>"

    def log_in_page(self) -> ResponseReturnValue:
        """The log-in page of Keycloak, with the cookie of a new attempt (facts 2.3)."""
        attempt = self._new("attempt")
        if not self.scenario.loses_attempts:
            self._attempts.add(attempt)
        answer = Response(self._form())
        answer.set_cookie(ATTEMPT, attempt, path=f"{REALM}/", httponly=True)
        return answer

    def _form(self, wrong: str = "") -> str:
        back = request.args.get("redirect_uri", "/")
        action = f"{REALM}/login-actions/authenticate?session_code=SC1&amp;redirect_uri={back}"
        if self.scenario.absolute_action:
            action = f"{request.host_url.rstrip('/')}{action}"
        return LOG_IN.replace("{action}", action).replace("{wrong}", wrong)

    def authenticate(self) -> ResponseReturnValue:
        """Lead back to the portal, with an authorization code for the right e-mail and password."""
        attempt = request.cookies.get(ATTEMPT, "")
        if attempt not in self._attempts:
            self.record("attempt-lost")
            return SORRY.replace("{why}", "Please start again from the application."), 400
        if not self.is_player(request.form.get("username"), request.form.get("password")):
            if self.scenario.wrong_password_ends:
                self._attempts.discard(attempt)
                return SORRY.replace("{why}", WRONG), 400
            return self._form(f'<span id="input-error">{WRONG}</span>')
        self._attempts.discard(attempt)
        code = self._new("code")
        self._codes.add(code)
        return redirect(f"{request.args['redirect_uri']}#session_state=S1&code={code}")

    def grant(self) -> ResponseReturnValue:
        """New tokens, for an authorization code or for the refresh token."""
        if request.form.get("client_id") != "my-tfc":
            return {"error": "invalid_client"}, 401
        kind = request.form.get("grant_type")
        if kind == "refresh_token":
            self._renew(request.form.get("refresh_token", ""))
        elif kind == "authorization_code":
            self._begin(request.form.get("code", ""))
        else:
            return {"error": "unsupported_grant_type"}, 400
        access, scenario = self.let_in(self.new_token(), self.scenario.access_lives), self.scenario
        return {
            "access_token": access,
            "expires_in": int(scenario.access_lives.total_seconds()),
            "refresh_expires_in": int(scenario.refresh_lives.total_seconds()),
            "refresh_token": self.refresh,
            "token_type": "Bearer",
            "not-before-policy": 0,
            "session_state": "00000000-0000-4000-8000-000000000001",
            "scope": "openid profile email",
        }

    def _begin(self, code: str) -> None:
        """Begin a session for an authorization code, which is good once."""
        if code not in self._codes:
            raise Refusal("grant", "Code not valid")
        self._codes.discard(code)
        self._begin_session()
        self.record("signed-in")

    def _renew(self, token: str) -> None:
        """Go on with the session of a refresh token, which is worth nothing afterwards."""
        if self._session_ends <= self.now:
            self.record("token-dead")
            raise Refusal("grant", "Session not active")
        if token != self.refresh and not self.scenario.reuse:
            self.record("token-used-again")
            raise Refusal("grant", "Token is not active")
        self._begin_session()
        self.record("token-rotated")

    # Reservations (facts 3 to 5).

    def published_opening(self, court: Court, slot: Slot) -> datetime:
        """By the rule of this scenario, which is shifted so that the wanted slot opens when it should."""
        scenario = self.scenario
        shift = scenario.opens_at - scenario.by_rule(scenario.slot.start)
        return scenario.by_rule(slot.start) + shift

    def wanted(self, body: Any) -> tuple[Court, Slot]:
        """As recorded, and nothing looser than that (facts 3)."""
        court = COURTS[int(body["amenity_id"])]
        if str(body["amenity_type_id"]) != "10":
            raise ValueError("amenity")
        if body["amenity_reservation_type"] != "TR" or not str(body["guests"]).isdigit():
            raise ValueError("reservation type or guests")
        start, end = (_wall(body[key]) for key in ("start_time", "end_time"))
        if start.minute % 30 or start.second or end - start not in (STEP, LONGEST):
            raise ValueError("not on the grid")
        return court, Slot(start, end)

    def permit(self, court: Court, slot: Slot) -> None:
        """An hour is as open as its last half, if this is how it is judged."""
        last_half = Slot(slot.end - STEP, slot.end)
        if self.scenario.judged == "end" and not self.is_open(court, last_half):
            raise Refusal("early")
        if self.scenario.refuses_first and court is self.courts[0] and self.is_open(court, slot):
            raise Refusal("unknown-refusal")

    def new_id(self) -> str:
        """A number."""
        return str(500001 + len(self.orders))

    def reserve(self, occupant: str) -> ResponseReturnValue:
        """A reservation, for the resident who is signed in."""
        self._only_me(occupant)
        return self.shown(self.granted()), self.scenario.created

    def listed(self, occupant: str) -> ResponseReturnValue:
        """The resident's reservations, if there is such a list."""
        self._only_me(occupant)
        if not self.scenario.lists:
            return NO_LIST, 405, {"Content-Type": JSON}
        found = [self.shown(each) for each in self.orders.values()]
        return {"count": len(found), "results": found}

    def _only_me(self, occupant: str) -> None:
        if occupant != OCCUPANT:
            raise Refusal("not-found")

    def shown(self, order: Order) -> dict[str, Any]:
        """A reservation as Atrium shows it (facts 3)."""
        return {
            "id": int(order.id),
            "amenity": {"id": int(order.court.id), "label": order.court.name},
            "amenity_reservation_type": "TR",
            "start_time": order.slot.start.isoformat(timespec="seconds"),
            "end_time": order.slot.end.isoformat(timespec="seconds"),
            "guests": 1,
            "is_cancelled": False,
        }

    def refused(self, refusal: Refusal) -> ResponseReturnValue:
        """A refusal by field, as the framework behind it does; Keycloak's are of their own (facts 2, 6)."""
        said: dict[str, tuple[dict[str, object], int]] = {
            "grant": ({"error": "invalid_grant", "error_description": refusal.details}, 400),
            "stranger": ({"detail": "Authentication credentials have expired."}, self.scenario.unauthorized),
            "not-found": ({"detail": "Not found."}, 404),
            "past": ({"start_time": ["This time is in the past."]}, 400),
            "early": ({"start_time": ["Reservations open 168 hours in advance."]}, 400),
            "unknown-refusal": ({"non_field_errors": ["Please see the front desk."]}, 400),
            "taken": (
                {"non_field_errors": ["This amenity is already reserved for the selected time."]},
                self.scenario.taken,
            ),
            "invalid-body": ({"non_field_errors": [f"Invalid: {refusal.details}"]}, 400),
        }
        return said[refusal.meaning]


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
SORRY = """<!DOCTYPE html>
<html lang="en"><head><meta charset="utf-8"><title>Log in</title></head>
<body><h1 id="kc-page-title">We are sorry...</h1>
<div id="kc-content"><div id="kc-error-message">
  <p class="instruction">{why}</p>
  <p><a id="backToApplication" href="/">Back</a></p>
</div></div></body></html>"""


def _wall(text: str) -> datetime:
    """A moment with New York's own offset, written with a colon (facts 3)."""
    moment = datetime.strptime(text, "%Y-%m-%dT%H:%M:%S%z").astimezone(ZONE)
    if moment.isoformat(timespec="seconds") != text:
        raise ValueError(f"{text} is not how New York writes it")
    return moment

"""The player of the simulated rec.us: who that is, and how they sign in (facts 1.4, 3.1, 3.2)."""

from __future__ import annotations

from typing import Any
from urllib.parse import urlsplit
from uuid import NAMESPACE_URL, uuid5

from flask import request
from flask.typing import ResponseReturnValue

from reserve.simulator.club import Club
from reserve.simulator.recus.answers import data_sent, json_object
from reserve.simulator.recus.facilities import ORGANIZATION
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal

CARD = "pm_sim_4242"
FIREBASE_ID = "sim-firebase-uid"
LIVES = "3600"  # seconds, as text
PAGES = ("rec.us", "www.rec.us")  # from where the key of the sign-in may be used

# How Firebase refuses, by what it means: status and message. Only the first was seen (facts 1.4).
REFUSALS = {
    "wrong-password": (400, "INVALID_LOGIN_CREDENTIALS"),
    "wrong-grant": (400, "INVALID_GRANT_TYPE"),
    "old-refresh-token": (400, "INVALID_REFRESH_TOKEN"),
    "no-key": (403, "The request is missing a valid API key."),
    "wrong-referer": (403, "Requests from this referer are blocked."),
}


def firebase_error(meaning: str) -> ResponseReturnValue:
    """The answer of Firebase to what it refuses."""
    status, message = REFUSALS[meaning]
    error = {"message": message, "domain": "global", "reason": "invalid"}
    return {"error": {"code": status, "message": message, "errors": [error]}}, status


class AccountApi:
    """Answers what is asked about the player."""

    def __init__(self, club: Club, scenario: RecUsScenario) -> None:
        """The player of this *scenario*."""
        self._club, self._scenario = club, scenario
        self.player, self.household_id = club.new_id(), club.new_id()
        self.setup_secrets: list[str] = []  # with which a page could add a card
        self._refresh_tokens: set[str] = set()

    @property
    def person(self) -> dict[str, Any]:
        """Who the player is."""
        account = self._scenario.account
        return {
            "id": self.player,
            "householdId": self.household_id,
            "email": account.email,
            "firstName": "Test",
            "lastName": "Player",
            "phone": account.phone,
        }

    @property
    def cards(self) -> list[dict[str, Any]]:
        """The player's cards, as the payment service shows them."""
        card = {"brand": "visa", "exp_month": 1, "exp_year": 2031, "last4": "4242"}
        return [{"id": CARD, "card": card}] if self._scenario.card != "none" else []

    def only_me(self, id_: object) -> None:
        """Refuse what is asked about another player."""
        if id_ != self.player:
            raise Refusal("forbidden")

    # Signing in (facts 1.4, 3.2).

    def sign_in(self) -> ResponseReturnValue:
        """Firebase's sign-in (facts 1.4)."""
        self._want_key()
        body = json_object(request.get_json(silent=True))
        token = self._club.signed_in(body.get("email"), body.get("password"))
        response = self._club.app.json.response(
            localId=FIREBASE_ID,
            email=body["email"],
            displayName="Test Player",
            idToken=token,
            refreshToken=self._new_refresh_token(),
            expiresIn=LIVES,
        )
        if self._scenario.cookie_http_only:
            response.set_cookie("access_token", token, path="/", httponly=True)
        return response

    def renew(self) -> ResponseReturnValue:
        """Firebase's renewal, asked in JSON: a new token, and a new refresh token in place of the old one."""
        self._want_key()
        body = json_object(request.get_json(silent=True))
        if body.get("grant_type") != "refresh_token":
            raise Refusal("wrong-grant")
        if (old := body.get("refresh_token")) not in self._refresh_tokens:
            self._club.record("renewal-refused")
            raise Refusal("old-refresh-token")
        self._refresh_tokens.discard(str(old))
        self._club.record("token-renewed")
        return {
            "id_token": self._club.let_in(self._club.new_token()),
            "refresh_token": self._new_refresh_token(),
            "user_id": FIREBASE_ID,
            "expires_in": LIVES,
            "token_type": "Bearer",
        }

    def _want_key(self) -> None:
        """Refuse who comes without a key, or from pages that are neither theirs nor ours (facts 1.4)."""
        if not request.args.get("key"):
            raise Refusal("no-key")
        if urlsplit(request.referrer or "").hostname not in (*PAGES, urlsplit(request.host_url).hostname):
            raise Refusal("wrong-referer")

    def _new_refresh_token(self) -> str:
        token = f"{FIREBASE_ID}.{self._club.new_id()}"
        self._refresh_tokens.add(token)
        self._club.given.append(token)
        return token

    def send_code(self) -> ResponseReturnValue:
        """Text a code."""
        self._club.codes.send()
        return {}

    def verify_code(self) -> ResponseReturnValue:
        """Take a code."""
        self._club.codes.verify(json_object(request.get_json(silent=True)).get("code"))
        return {}

    # The player (facts 3.1).

    def me(self) -> ResponseReturnValue:
        """Who is signed in."""
        return {
            **self.person,
            "firebaseUserId": FIREBASE_ID,
            "recId": "SIM1",
            "role": "user",
            "formattedAddress": None,
            "skillLevel": None,
            "isInstructor": False,
            **{name: [] for name in ("memberships", "organizationRoles")},
            "profile": {},
        }

    def household_members(self) -> ResponseReturnValue:
        """Everybody in the player's household, the player first; nothing but a list."""
        return self._members()

    def household(self, id_: str) -> ResponseReturnValue:
        """The player's household; its shape is a guess."""
        self.only_me(id_)
        return {"data": {"id": self.household_id, "members": self._members()}}

    def groups(self, id_: str) -> ResponseReturnValue:
        """The groups of which the player is a member: none; its shape is a guess."""
        self.only_me(id_)
        return {"data": []}

    def set_up_payment(self, id_: str) -> ResponseReturnValue:
        """What a page needs to add a card, and the cards there are in one city."""
        self.only_me(id_)
        if not isinstance(city := data_sent().get("organizationId"), str):
            raise Refusal("invalid-body")
        setup = f"seti_{self._club.new_id()[:13]}"
        self.setup_secrets.append(f"{setup}_secret_{self._club.new_id()[-12:]}")
        return {
            "data": {
                "provider": "stripe",
                "setupIntentId": setup,
                "clientSecret": self.setup_secrets[-1],
                "paymentMethods": self.cards if city == ORGANIZATION["id"] else [],
            }
        }

    def _members(self) -> list[dict[str, Any]]:
        child = {"id": str(uuid5(NAMESPACE_URL, "child of the player")), "firstName": "Junior"}
        return [self.person, {**self.person, **child, "email": None, "phone": None}]

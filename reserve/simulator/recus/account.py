"""The player of the simulated rec.us: who that is, and how they sign in (facts 1.4, 3.1, 3.2)."""

from __future__ import annotations

from typing import Any

from flask import request
from flask.typing import ResponseReturnValue

from reserve.simulator.club import Club
from reserve.simulator.recus.answers import json_object
from reserve.simulator.recus.scenario import RecUsScenario
from reserve.simulator.refusal import Refusal

CARD = "pm_sim_4242"


class AccountApi:
    """Answers what is asked about the player."""

    def __init__(self, club: Club, scenario: RecUsScenario) -> None:
        """The player of this *scenario*."""
        self._club, self._scenario = club, scenario
        self.player, self.household_id = club.new_id(), club.new_id()

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
        body = json_object(request.get_json(silent=True))
        token = self._club.signed_in(body.get("email"), body.get("password"))
        response = self._club.app.json.response(
            localId="sim-firebase-uid",
            email=body["email"],
            displayName="Test Player",
            idToken=token,
            refreshToken="sim-refresh-token",
            expiresIn="3600",
        )
        if self._scenario.cookie_http_only:
            response.set_cookie("access_token", token, path="/", httponly=True)
        return response

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
        return self.person | {"firebaseUserId": "sim-firebase-uid", "recId": "SIM1", "role": "user"}

"""A visitor of the simulated rec.us, who asks by hand what a client would ask."""

from __future__ import annotations

from datetime import date, datetime, timedelta
from typing import Any, cast

from werkzeug.test import TestResponse

from reserve.simulator import PLAYER, Ledger, RecUsScenario, SimulatedRecUs
from reserve.simulator.recus.facilities import SITES
from tests.fakes import FakeClock

OPENS_AT = datetime.fromisoformat("2026-03-02T08:00:00-08:00")
DAY = date(2026, 3, 9)
ALICE_MARBLE = "81cd2b08-8ea6-40ee-8c89-aeba92506576"
BUENA_VISTA = "3f842b1e-13f9-447d-ab12-62b62d954d3e"
COURTS = {  # rec.us facts 2.1
    "Court 1": "e53f7248-230b-4faa-843c-eebb31062228",
    "Court 2": "1fd32d61-fecc-4835-a4d1-5663e8e590b2",
    "Court 3": "5218f07c-4901-4c7c-9401-8fc9a832c67e",
    "Court 4": "c6be859b-aae3-4bfe-97dd-4d151be5d2a1",
    "Moscone 1": "3c3f9466-614d-48da-8757-d06595e1201a",
}
ENDS = {"07:30": "09:00", "09:00": "10:30", "16:30": "18:00", "18:00": "19:30"}
SIGN_IN = "/identitytoolkit/v1/accounts:signInWithPassword?key=k"
FROM_PAGE = {"Referer": "https://www.rec.us/"}
FREE = [{"paymentMethodType": "free", "amountCents": 0}]


class Answered(TestResponse):
    """An answer whose JSON may be anything."""

    json: Any


class Visitor:
    """One simulated rec.us, half an hour before its opening, and somebody in front of it."""

    def __init__(self, simulated: type[SimulatedRecUs] = SimulatedRecUs, **scenario: Any) -> None:
        self.clock = FakeClock(OPENS_AT - timedelta(minutes=30))
        self.texts: list[dict[str, Any]] = []
        self.simulated = simulated(
            RecUsScenario(**{"opens_at": OPENS_AT, "day": DAY, **scenario}),
            self.clock,
            deliver=self.texts.append,
        )
        self.http = self.simulated.app.test_client()
        self.headers: dict[str, str] = {}
        self.id = ""

    @property
    def ledger(self) -> Ledger:
        return self.simulated.ledger

    def get(self, path: str) -> Answered:
        return cast("Answered", self.http.get(path, headers=self.headers))

    def post(self, path: str, body: Any = None) -> Answered:
        return cast("Answered", self.http.post(path, json=body, headers=self.headers))

    def delete(self, path: str) -> Answered:
        return cast("Answered", self.http.delete(path, headers=self.headers))

    def sign_in(self, email: str = PLAYER.email, password: str = PLAYER.password) -> Answered:
        body = {"email": email, "password": password, "returnSecureToken": True}
        answer = cast("Answered", self.http.post(SIGN_IN, json=body, headers=FROM_PAGE))
        if answer.status_code == 200:
            self.headers = {"Authorization": f"Bearer {answer.json['idToken']}"}
            self.id = self.get("/v1/users/me").json["id"]
        return answer

    def ask_for_code(self, wait: float = 5.0) -> str:
        """The code of the newest text that came within *wait* seconds."""
        assert self.post("/v1/users/mobile-totp/send").status_code == 200
        self.clock.sleep(timedelta(seconds=wait))
        return self.newest_code()

    def newest_code(self) -> str:
        return str(self.texts[-1]["full_sms"]).split("code is: ")[1].split(".")[0]

    def verify(self, code: Any) -> Answered:
        return self.post("/v1/users/mobile-totp/verify", {"code": code})

    def arrive(self) -> Visitor:
        """Sign in, prove the phone, and wait for the opening."""
        self.sign_in()
        self.clock.sleep_until(OPENS_AT - timedelta(minutes=1))
        self.verify(self.ask_for_code())
        return self.wait(0)

    def wait(self, seconds: float) -> Visitor:
        """Wait until so long after the true opening."""
        self.clock.sleep_until(self.simulated.opens_at + timedelta(seconds=seconds))
        return self

    def hold(
        self, court: str = "Court 1", *, day: date = DAY, start: str = "18:00", **changes: Any
    ) -> Answered:
        end = changes.pop("end", None) or ENDS[start]
        body = {
            "courtSportIds": [COURTS.get(court, court)],
            "participantUserId": self.id,
            "from": {"date": day.isoformat(), "time": f"{start}:00"},
            "to": {"date": day.isoformat(), "time": f"{end}:00"},
            **changes,
        }
        return self.post("/v1/reservations", body)

    def rent(self, court: str = "Court 1", **changes: Any) -> Answered:
        """The other way to ask for the court: as a rental, by the court's own id."""
        (site,) = (id_ for (_, number), id_ in SITES.items() if court == f"Court {number}")
        reservation = {
            "timestampRange": f"[{DAY} 18:00:00, {DAY} 19:30:00)",
            "locationId": ALICE_MARBLE,
            "courtIds": [site],
            **changes,
        }
        return self.post("/v1/facility-rentals", {"data": {"reservation": reservation}})

    def order(self, court: str = "Court 1", **changes: Any) -> dict[str, Any]:
        """The order behind a hold that must succeed."""
        answer = self.hold(court, **changes)
        assert answer.status_code == 201, answer.json
        data: dict[str, Any] = answer.json["data"]
        return data

    def pay(self, order: dict[str, Any], payments: Any = FREE, **more: Any) -> Answered:
        return self.post(f"/v1/orders/{order['id']}/pay", {"data": {"payments": payments, **more}})

    def confirm(self, paid: Answered, **changes: Any) -> Answered:
        """What the web page asks of the payment service."""
        gateway = paid.json["included"]["payments"][0]["gatewayData"]
        form = {
            "client_secret": gateway["clientSecret"],
            "payment_method": gateway["paymentMethods"][0]["id"],
            "key": "pk_test_simulated",
            **changes,
        }
        path = f"/stripe/v1/payment_intents/{gateway['paymentIntentId']}/confirm"
        return cast("Answered", self.http.post(path, data=form))

    def page(self, number: int = 1) -> Any:
        """One page of the bookings, as long as one can ask for."""
        return self.get(f"/v1/users/{self.id}/bookings?pg[num]={number}&pg[size]=100").json

    def bookings(self) -> list[dict[str, Any]]:
        data: list[dict[str, Any]] = self.page()["data"]
        return data


def card(cents: int) -> list[dict[str, Any]]:
    return [{"paymentMethodType": "card-online", "amountCents": cents}]


def meanings(visitor: Visitor) -> list[str]:
    """What the answers to the requests for holds meant, in order."""
    return [event.details["meaning"] for event in visitor.ledger.attempts]

"""The simulated Atrium keeps its own rules, whoever asks."""

from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from reserve.simulator import AtriumScenario, SimulatedAtrium
from tests.fakes import FakeClock
from tests.simulator.visitor import Answered

JUNE = datetime.fromisoformat("2026-06-03T18:00:00-04:00")
TOKEN = "/realms/my-tfc/protocol/openid-connect/token"
LOG_IN = TOKEN.replace("/token", "/auth")
MINE = "/api/v1/my/occupants/100001/amenity-reservations/"
BODY = {
    "amenity_type_id": "10",
    "start_time": "2026-06-10T18:00:00-04:00",
    "end_time": "2026-06-10T18:30:00-04:00",
    "amenity_id": 8,
    "guests": "1",
    "amenity_reservation_type": "TR",
}
HOUR = {**BODY, "end_time": "2026-06-10T19:00:00-04:00"}


class Resident:
    """Somebody in front of a simulated Atrium, at its opening, who asks by hand what a client would ask."""

    def __init__(self, ahead: timedelta = timedelta(), **scenario: Any) -> None:
        self.clock = FakeClock(JUNE - ahead)
        day = (JUNE + timedelta(days=7)).date()
        self.simulated = SimulatedAtrium(
            AtriumScenario(**{"opens_at": JUNE, "day": day, **scenario}), self.clock
        )
        self.http = self.simulated.app.test_client()
        self.refresh_token = self.simulated.first_refresh
        self.headers: dict[str, str] = {}

    def refresh(self, token: str | None = None) -> Answered:
        form = {"grant_type": "refresh_token", "client_id": "my-tfc"}
        form["refresh_token"] = token or self.refresh_token
        answer = cast("Answered", self.http.post(TOKEN, data=form))
        if answer.status_code == 200:
            self.refresh_token = answer.json["refresh_token"]
            self.headers = {"Authorization": f"Bearer {answer.json['access_token']}"}
        return answer

    def reserve(self, **changes: Any) -> Answered:
        if not self.headers:
            self.refresh()
        return cast("Answered", self.http.post(MINE, json={**BODY, **changes}, headers=self.headers))

    def log_in(self, form: dict[str, str], *, keeps_cookies: bool = True) -> Answered:
        """Ask for the log-in page, and send *form* to where it leads."""
        page = self.http.get(f"{LOG_IN}?redirect_uri=https://my.tfc.com/").text
        action = page.partition('action="')[2].partition('"')[0].replace("&amp;", "&")
        http = self.http if keeps_cookies else self.simulated.app.test_client()
        return cast("Answered", http.post(action, data=form))

    def listed(self) -> Any:
        return cast("Answered", self.http.get(MINE, headers=self.headers)).json["results"]


def test_a_court_is_reserved_and_listed() -> None:
    resident = Resident()

    assert resident.reserve().status_code == 201
    assert [each["amenity"]["label"] for each in resident.listed()] == ["Tennis Court 1"]
    assert resident.simulated.ledger.paid == ["500001"]


def test_a_moment_before_the_opening_is_too_early() -> None:
    resident = Resident(ahead=timedelta(milliseconds=1))

    assert "168 hours" in resident.reserve().json["start_time"][0]


@pytest.mark.parametrize(("judged", "status"), [("start", 201), ("end", 400)])
def test_whether_the_end_of_an_hour_has_to_be_open_is_a_switch(judged: str, status: int) -> None:
    assert Resident(judged=judged).reserve(**HOUR).status_code == status


@pytest.mark.parametrize("status", [400, 409])
def test_a_taken_court_is_refused_also_when_only_half_of_it_is_taken(status: int) -> None:
    resident = Resident(taken=status)
    resident.reserve()

    assert resident.reserve().status_code == status
    assert resident.reserve(**HOUR).status_code == status
    assert resident.reserve(amenity_id="10").status_code == 201


@pytest.mark.parametrize(
    "changes",
    [
        {"start_time": "2026-06-10T18:00:00-0400"},
        {"start_time": "2026-06-10T22:00:00Z"},
        {"start_time": "2026-06-10T18:00:00-05:00"},
        {"start_time": "2026-06-10T18:10:00-04:00"},
        {"end_time": "2026-06-10T19:30:00-04:00"},
        {"amenity_id": 9},
        {"amenity_type_id": "8"},
        {"amenity_reservation_type": "XX"},
        {"guests": None},
    ],
)
def test_a_body_that_is_not_as_recorded_is_refused(changes: dict[str, Any]) -> None:
    resident = Resident()

    assert resident.reserve(**changes).status_code == 400
    assert resident.simulated.ledger.paid == []


def test_a_refresh_token_is_worth_nothing_after_its_use() -> None:
    resident = Resident()
    first = resident.refresh_token
    assert resident.refresh().status_code == 200

    answer = resident.refresh(first)

    assert (answer.status_code, answer.json["error"]) == (400, "invalid_grant")
    assert resident.refresh().status_code == 200


def test_whether_a_refresh_token_may_be_used_again_is_a_switch() -> None:
    resident = Resident(reuse=True)
    first = resident.refresh_token
    resident.refresh()

    assert resident.refresh(first).status_code == 200


def test_a_session_that_nobody_renews_ends() -> None:
    resident = Resident()
    resident.clock.sleep(timedelta(minutes=31))

    assert resident.refresh().json["error_description"] == "Session not active"


@pytest.mark.parametrize("status", [401, 403])
def test_an_access_token_ends_after_half_an_hour(status: int) -> None:
    resident = Resident(unauthorized=status)
    resident.refresh()
    resident.clock.sleep(timedelta(minutes=30))

    assert resident.reserve().status_code == status
    assert resident.simulated.ledger.violations == []


def test_a_stranger_is_refused_and_remembered() -> None:
    resident = Resident()

    assert resident.http.get(MINE).status_code == 401
    assert resident.simulated.ledger.violations != []


def test_nobody_reserves_for_somebody_else() -> None:
    resident = Resident()
    resident.refresh()
    path = MINE.replace("100001", "100002")

    assert resident.http.post(path, json=BODY, headers=resident.headers).status_code == 404


def test_a_log_in_leads_back_with_a_code_that_is_good_once() -> None:
    resident = Resident()
    account = resident.simulated.scenario.account
    form = {"username": account.email, "password": account.password}

    back = resident.log_in(form).headers["Location"]

    assert back.startswith("https://my.tfc.com/#")
    code = {"grant_type": "authorization_code", "client_id": "my-tfc", "code": back.partition("code=")[2]}
    assert [resident.http.post(TOKEN, data=code).status_code for _ in range(2)] == [200, 400]


def test_without_the_cookies_of_its_page_a_log_in_is_lost() -> None:
    resident = Resident()
    account = resident.simulated.scenario.account
    form = {"username": account.email, "password": account.password}

    answer = resident.log_in(form, keeps_cookies=False)

    assert answer.status_code == 400
    assert "kc-error-message" in answer.text
    assert "Invalid username" not in answer.text
    assert len(resident.simulated.ledger.all("attempt-lost")) == 1


@pytest.mark.parametrize(("ends", "status", "forms"), [(False, 200, 1), (True, 400, 0)])
def test_whether_a_wrong_password_ends_the_attempt_is_a_switch(ends: bool, status: int, forms: int) -> None:
    answer = Resident(wrong_password_ends=ends).log_in({"username": "a", "password": "b"})

    assert answer.status_code == status
    assert "Invalid username or password." in answer.text
    assert answer.text.count("<form") == forms


@pytest.mark.parametrize(("absolute", "begins"), [(True, "http://localhost/realms/"), (False, "/realms/")])
def test_whether_the_form_names_its_host_is_a_switch(absolute: bool, begins: str) -> None:
    resident = Resident(absolute_action=absolute)

    assert f'action="{begins}' in resident.http.get(LOG_IN).text


def test_rivals_take_what_is_left() -> None:
    resident = Resident(rivals=3, seed=2)
    resident.clock.sleep(timedelta(seconds=9))

    assert {event.details["court"] for event in resident.simulated.ledger.all("taken-by-rival")} == {
        "Tennis Court 1",
        "Tennis Court 2",
    }
    assert len(resident.simulated.ledger.all("rival-left")) == 1

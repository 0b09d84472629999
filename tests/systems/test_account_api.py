"""What a JSON API with a log-in gets from its bases, shown by a small one: a club that lists no holds."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, jsonify, request
from msgspec import Struct

from reserve.booking import result
from reserve.booking.release import held_until
from reserve.errors import LostAnswer, ServiceError, SignInError, SlotTaken, TokenRefused
from reserve.http import Answer, Http, path_to
from reserve.model import Account, BookingRequest, Hold, Offer, Reservation
from reserve.simulator.faults import CutConnection
from reserve.systems.account_api import AccountApi, Granted
from reserve.systems.api import PUBLISHED
from reserve.systems.base import Context
from reserve.systems.place import MINUTE, BookableCourt, Place
from reserve.systems.reading import Readable, read
from reserve.window import HoursAhead, zone
from tests.fakes import FakeClock, InProcess

if TYPE_CHECKING:
    from flask.typing import ResponseReturnValue


class Court(Struct):
    name: str
    id: str


class Club(AccountApi):
    """The club on behalf of one player."""

    name = "club"
    addresses: Mapping[str, str] = {"CLUB_URL": "https://club.example"}
    api = "CLUB_URL"
    path, order_path, light_path = "/intents", "/intents/{id}", "/matches"
    lists_holds = False
    refusals = ((r"already booked", SlotTaken),)

    def place(self) -> Place:
        courts = read(self.get("/courts", max_age=PUBLISHED), Readable[Court])
        rule = HoursAhead(72)
        return Place(
            "c",
            "Club",
            zone("Europe/Madrid"),
            [BookableCourt(each.name, {"padel": each.id}, rule, (90 * MINUTE,)) for each in courts],
        )

    def log_in(self) -> Answer:
        return self.http.ask("POST", "/log-in", json={"password": self.account.password})

    def granted(self, answer: Answer) -> Granted:
        return Granted(read(answer, str, "token"))

    def order_for(self, offer: Offer) -> dict[str, object]:
        return {"court": offer.court.id}

    def hold_in(self, answer: Answer, offer: Offer) -> Hold:
        return Hold(offer, read(answer, str, "id"), details={"method": read(answer, str, "method")})

    def confirm(self, hold: Hold) -> None:
        order = path_to(self.order_path, id=hold.order_id)
        self.ask("PATCH", order, hold.details, repeatable=True)
        self.ask("POST", f"{order}/confirmation")

    def reservations(self) -> list[Reservation]:
        return []


class Site:
    """The club's server: it forgets tokens, and loses the answers to *lost* requests."""

    def __init__(self, clock: FakeClock, *lost: str, password: str = "right") -> None:
        self.clock, self.lost = clock, list(lost)
        self.asked: list[str] = []
        self.tokens: set[str] = set()
        self.app = Flask("club")
        self.app.testing = True  # so that a cut connection comes to us
        self.app.before_request(self.note)
        self.app.after_request(self.lose)
        self.app.add_url_rule(
            "/<path:path>", view_func=self.answer, methods=["GET", "POST", "PATCH", "DELETE"]
        )
        request = BookingRequest("Club", "padel", date(2026, 6, 10), (time(18),), timedelta(minutes=90))
        self.context = Context(
            clock=clock,
            connect=lambda base, headers: Http(
                base, headers=headers, adapter=InProcess(self.app, clock), clock=clock
            ),
            browser=lambda: pytest.fail("no browser was meant to start"),
            addresses=Club.addresses,
            say=lambda text: None,
            keep=lambda asked, text: None,
            conceal=lambda secret: None,
            user_agent="test",
        )
        self.system = Club(Account("player@example.com", password), request, self.context)

    def note(self) -> None:
        self.asked.append(f"{request.method} {request.path}")

    def lose(self, response: Any) -> Any:
        if self.asked[-1] in self.lost:
            self.lost.remove(self.asked[-1])
            raise CutConnection
        return response

    def answer(self, path: str) -> ResponseReturnValue:
        if path == "courts":
            return jsonify([{"name": f"Court {number}", "id": f"c-{number}"} for number in (1, 2)])
        if path == "log-in":
            if request.get_json()["password"] != "right":
                return jsonify(message="no"), 401
            self.tokens.add(f"token-{len(self.asked)}")
            return jsonify(token=f"token-{len(self.asked)}")
        if request.headers.get("Authorization", "").removeprefix("Bearer ") not in self.tokens:
            return jsonify(message="stale"), 401
        if path == "intents":
            return jsonify(id=f"intent-{request.get_json()['court']}", method="card"), 201
        return jsonify({})

    def said(self, *requests: str) -> list[str]:
        """What was asked, of these."""
        return [each for each in self.asked if each in requests]


ORDER = "/intents/intent-c-1"
PATCH, CONFIRM = f"PATCH {ORDER}", f"POST {ORDER}/confirmation"


def held(site: Site) -> Hold:
    site.system.sign_in()
    return site.system.connection_for(site.system.offers().offers[0]).hold()


def test_a_confirmation_may_take_two_requests(clock: FakeClock) -> None:
    site = Site(clock)

    site.system.confirm(held(site))

    assert site.said(PATCH, CONFIRM) == [PATCH, CONFIRM]


def test_what_may_be_repeated_is_sent_once_more_when_its_answer_is_lost(clock: FakeClock) -> None:
    site = Site(clock, PATCH)

    site.system.confirm(held(site))

    assert site.said(PATCH, CONFIRM) == [PATCH, PATCH, CONFIRM]


def test_what_may_be_repeated_and_is_lost_twice_has_surely_confirmed_nothing(clock: FakeClock) -> None:
    site = Site(clock, PATCH, PATCH)
    hold = held(site)

    with pytest.raises(ServiceError) as failed:
        site.system.confirm(hold)

    assert not isinstance(failed.value, LostAnswer)
    assert site.said(PATCH, CONFIRM) == [PATCH, PATCH]


def test_a_confirmation_whose_answer_is_lost_is_not_repeated(clock: FakeClock) -> None:
    site = Site(clock, CONFIRM)
    hold = held(site)

    with pytest.raises(LostAnswer):
        site.system.confirm(hold)

    assert site.said(CONFIRM) == [CONFIRM]


def test_a_doubted_token_is_renewed_and_the_court_asked_for_once_more(clock: FakeClock) -> None:
    site = Site(clock)
    site.system.sign_in()
    connection = site.system.connection_for(site.system.offers().offers[0])
    site.tokens.clear()

    assert connection.hold().order_id == "intent-c-1"
    assert site.said("POST /log-in", "POST /intents") == [
        "POST /log-in", "POST /intents", "POST /log-in", "POST /intents",
    ]  # fmt: skip


def test_a_token_that_cannot_be_renewed_is_reported_and_not_tried_again(clock: FakeClock) -> None:
    site = Site(clock, password="wrong")
    site.system.speak_as("stale")

    with pytest.raises(TokenRefused, match=r"does not accept our token.*does not accept the e-mail address"):
        site.system.get("/matches")

    assert site.said("POST /log-in") == ["POST /log-in"]


def test_a_refused_log_in_is_the_accounts_fault(clock: FakeClock) -> None:
    with pytest.raises(SignInError):
        Site(clock, password="wrong").system.sign_in()


def test_what_a_facility_publishes_is_read_once_by_all_systems_of_a_context(clock: FakeClock) -> None:
    site = Site(clock)
    site.system.offers()

    Club(site.system.account, site.system.request, site.context).offers()
    clock.sleep(PUBLISHED + timedelta(seconds=1))
    site.system.offers()

    assert site.said("GET /courts") == ["GET /courts"] * 2


def test_a_slot_opens_in_real_hours_without_a_word_of_the_player(clock: FakeClock) -> None:
    (offer, _) = Site(clock).system.offers().offers

    assert offer.opens_at == datetime.fromisoformat("2026-06-07T18:00:00+02:00")


def test_a_hold_without_an_expiry_and_a_link_is_shown_as_what_it_is(clock: FakeClock) -> None:
    site = Site(clock)
    hold = held(site)

    assert result.held(hold, site.system.offers()).sentence.endswith("pay it soon on its site")
    assert held_until(hold) == "it lapses"

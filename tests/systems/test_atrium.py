"""Atrium: whole runs against the simulated one, what each sample means, tokens, courts, and clock changes."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, time, timedelta
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest
from flask import Flask, Response, jsonify, redirect, request
from flask.typing import ResponseReturnValue
from sqlalchemy import delete, update

from reserve.booking.result import Outcome
from reserve.browser import Browser
from reserve.clock import Clock
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.wiring import addresses_of
from reserve.errors import (
    NotOpenYet,
    ReserveError,
    ServiceError,
    SignInError,
    SlotTaken,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    UsageError,
)
from reserve.http import Answer, Http
from reserve.model import Account, BookingRequest
from reserve.settings import read_settings
from reserve.simulator import AtriumScenario, SimulatedAtrium, serve
from reserve.simulator.atrium.club import FAULTS
from reserve.storage.database import Store
from reserve.storage.schema import ACTIONS, RUNS
from reserve.systems.account_api import Granted
from reserve.systems.atrium.adapter import Atrium
from reserve.systems.atrium.places import buildings
from reserve.systems.atrium.sign_in import REALM, log_in
from reserve.systems.base import Context
from reserve.tokens import Tokens
from tests.documents import named, rows
from tests.fakes import FakeClock, InProcess
from tests.stage import Stage

if TYPE_CHECKING:
    from _typeshed.wsgi import WSGIApplication

SAMPLES = Path(__file__).parent / "samples" / "atrium"
JUNE = datetime.fromisoformat("2026-06-03T18:00:00-04:00")

# How each fault of a rehearsal ends.
EXIT_CODES = {
    "taken-first": 0,
    "refresh-rotated-and-killed": 0,
    "token-dead": 3,
    "wrong-password": 3,
    "wrong-password-no-form": 3,
    "log-in-lost": 6,
    "token-forgotten": 0,
    "token-forgotten-403": 0,
    "token-refused": 3,
    "lost-answer": 0,
    "list-unknown": 0,
    "lost-answer-and-list": 7,
    "server-errors": 0,
    "throttled": 0,
    "firewall": 6,
    "unknown-body": 7,
    "unknown-refusal": 0,
    "slow-server": 0,
    "already-reserved": 5,
    "all-taken": 1,
    "full": 1,
    "opens-late": 0,
    "clock-ahead": 0,
    "clock-behind": 0,
}


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    with Browser(Clock(), binary=None, driver=None, evidence=tmp_path_factory.mktemp("evidence")) as browser:
        yield browser


def sample(name: str) -> Any:
    return json.loads((SAMPLES / f"{name}.json").read_text())


def booked(tmp_path: Path, *words: str, **scenario: Any) -> tuple[Stage, Outcome]:
    with Stage(tmp_path, scenario, "atrium", JUNE) as stage:
        return stage, stage.book(*words)


def adapter(
    *words: str, apps: Mapping[str, WSGIApplication] | None = None, tokens: Sequence[Any] = (), **environ: str
) -> Atrium:
    """The adapter for a booking with *words*, talking to *apps*."""
    clock = FakeClock(JUNE - timedelta(hours=1))
    usual_environ = {
        "RESERVE_EMAIL": "player@example.com",
        "RESERVE_SYSTEM": "atrium",
        "ATRIUM_OCCUPANT_ID": "100001",
    }
    usual = ["-c", "Court 1", "-d", "2026-06-10", "-t", "18:00"]
    settings = read_settings({**usual_environ, **environ})
    booking = read_booking(booking_parser("book").parse_args([*usual, *words]), settings)
    said: list[str] = []
    context = Context(
        clock=clock,
        connect=lambda url, headers: Http(
            url, headers=headers, adapter=InProcess(apps or {}, clock), clock=clock
        ),
        browser=lambda: pytest.fail("no browser was meant to start"),
        addresses=addresses_of(Atrium, settings),
        say=said.append,
        keep=lambda asked, text: None,
        conceal=lambda secret: None,
        user_agent="test",
        tokens=Tokens(*tokens),
    )
    return Atrium(booking.account, booking.request, context)


def answered(body: Any, status: int = 200) -> Answer:
    text = body if isinstance(body, str) else json.dumps(body)
    return Answer("POST /x", status, {}, text)


# Whole runs.


def test_the_wanted_court_is_reserved_at_the_opening(tmp_path: Path) -> None:
    stage, outcome = booked(tmp_path, rivals=2, seed=1)

    assert (outcome.exit_code, outcome.court) == (0, "Court 1")
    assert stage.ledger.paid == [outcome.order_id]
    assert stage.ledger.violations == []


def test_a_court_that_is_given_up_is_reserved_from_the_waiting_list(tmp_path: Path) -> None:
    stage, outcome = booked(tmp_path, "--wait-list", faults=("full",))

    assert (outcome.exit_code, outcome.court) == (0, "Court 1")
    assert stage.ledger.violations == []


def test_without_a_list_our_own_record_keeps_two_runs_from_reserving_twice(tmp_path: Path) -> None:
    with Stage(tmp_path, {"lists": False}, "atrium", JUNE) as stage:
        assert stage.book().exit_code == 0

        again = stage.book()

        assert again.exit_code == 5
        assert "reserved a court for 2026-06-10" in again.sentence
        assert len(stage.ledger.paid) == 1


def test_without_a_list_nobody_knows_what_became_of_a_run_that_was_cut_off(tmp_path: Path) -> None:
    with Stage(tmp_path, {"lists": False}, "atrium", JUNE) as stage:
        stage.book()
        store = Store(tmp_path / "data")
        with store.engine.begin() as connection:  # as if it had been killed before it knew
            connection.execute(delete(ACTIONS).where(ACTIONS.c.kind != "asking"))
            connection.execute(update(RUNS).values(ended=None, exit_code=None))
        store.close()

        again = stage.book()

        assert again.exit_code == 7
        assert len(stage.ledger.paid) == 1


def test_every_fault_has_an_exit_code_here() -> None:
    assert EXIT_CODES.keys() == FAULTS.keys()


def test_the_other_court_is_asked_only_when_the_first_is_surely_refused(tmp_path: Path) -> None:
    stage, outcome = booked(tmp_path, faults=("taken-first",))

    assert outcome.court == "Court 2"
    asked = [event.details["court"] for event in stage.ledger.attempts]
    assert asked == ["Tennis Court 1", "Tennis Court 2"]


def test_a_lost_answer_is_looked_up_and_no_other_court_is_asked(tmp_path: Path) -> None:
    stage, outcome = booked(tmp_path, faults=("lost-answer",))

    assert (outcome.court, len(stage.ledger.attempts)) == ("Court 1", 1)


def test_when_nobody_can_tell_no_other_court_is_asked(tmp_path: Path) -> None:
    stage, outcome = booked(tmp_path, faults=("lost-answer-and-list",))

    assert outcome.sentence.startswith("Not sure: Court 1: it may be reserved")
    assert len(stage.ledger.attempts) == 1


@pytest.mark.parametrize("status", [401, 403])
def test_a_doubted_token_is_renewed_once_and_the_court_asked_for_once_more(
    tmp_path: Path, status: int
) -> None:
    fault = "token-forgotten" if status == 401 else "token-forgotten-403"
    stage, outcome = booked(tmp_path, faults=(fault,))

    assert outcome.exit_code == 0
    renewed = [event.moment for event in stage.ledger.all("token-rotated") if event.moment > JUNE]
    assert len(renewed) == 1
    assert stage.ledger.requests["POST /api/v1/my/occupants/100001/amenity-reservations/"] == 2


def test_a_dead_token_without_a_password_tells_how_to_renew_it(tmp_path: Path) -> None:
    _, outcome = booked(tmp_path, faults=("token-dead",))

    assert "main.py account add NAME --system atrium" in outcome.sentence
    assert "developer tools" in outcome.sentence


def test_a_dead_token_is_reported_as_soon_as_a_long_wait_begins(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("token-dead",)}, "atrium", JUNE, ahead=timedelta(hours=20)) as stage:
        outcome = stage.book()

        assert outcome.exit_code == 3
        assert stage.clock.now() < JUNE - timedelta(hours=19)


def test_while_a_run_waits_the_token_is_renewed_every_twenty_minutes(tmp_path: Path) -> None:
    with Stage(tmp_path, {}, "atrium", JUNE, ahead=timedelta(hours=5)) as stage:
        assert stage.book().exit_code == 0

        rotated = [event.moment for event in stage.ledger.all("token-rotated")]
    pauses = [later - sooner for sooner, later in pairwise(rotated)]
    assert len(pauses) == 15
    assert max(pauses) < timedelta(minutes=20, seconds=5)


def test_a_token_that_lives_shorter_is_renewed_more_often(tmp_path: Path) -> None:
    scenario = {"refresh_lives": timedelta(minutes=10)}
    with Stage(tmp_path, scenario, "atrium", JUNE, ahead=timedelta(hours=2)) as stage:
        assert stage.book().exit_code == 0
        assert stage.ledger.all("token-dead") == []


def test_the_next_run_goes_on_with_the_token_that_the_last_one_was_given(tmp_path: Path) -> None:
    with Stage(tmp_path, {}, "atrium", JUNE) as stage:
        stage.book()
        assert stage.book().exit_code == 5  # it has the slot by now, and could look

        assert stage.ledger.all("token-used-again", "token-dead") == []
        assert len(stage.ledger.all("token-rotated")) == 3  # two in the first run, which waited


def test_tokens_are_nowhere_in_plain_text(tmp_path: Path) -> None:
    with Stage(tmp_path, {}, "atrium", JUNE) as stage:
        stage.book()
        secrets = [stage.simulated.first_refresh, stage.simulated.refresh]

    written = b"".join(path.read_bytes() for path in tmp_path.rglob("*") if path.is_file())
    assert written
    assert not any(secret.encode() in written for secret in secrets)


@pytest.mark.parametrize(
    ("opens_at", "message"),
    [
        ("2026-10-26T18:00:00-04:00", "2026-11-02T17:00:00-05:00"),  # clocks go back
        ("2026-03-02T18:00:00-05:00", "2026-03-09T19:00:00-04:00"),  # and forward
    ],
)
def test_a_slot_opens_168_real_hours_ahead_also_when_clocks_change(
    tmp_path: Path, opens_at: str, message: str
) -> None:
    with Stage(tmp_path, {}, "atrium", datetime.fromisoformat(opens_at)) as stage:
        outcome = stage.book()

    assert outcome.exit_code == 0
    assert outcome.slot
    assert outcome.slot.start.isoformat() == message
    assert stage.run.timeline.opens_at == datetime.fromisoformat(opens_at)


@pytest.mark.parametrize(
    ("window", "opens_at"),
    [("168 hours", "2026-10-26T18:00:00-04:00"), ("7 days", "2026-10-26T17:00:00-04:00")],
)
def test_hours_or_calendar_days_is_a_switch_of_the_building(
    tmp_path: Path, window: str, opens_at: str
) -> None:
    described = tmp_path / "places.json"
    about = {"zone": "America/New_York", "amenity_type": "10", "courts": {"Court 1": 8}, "window": window}
    described.write_text(json.dumps({"TFC": about}))

    (building,) = buildings(str(described))
    rule = building.courts[0].window

    start = datetime.fromisoformat("2026-11-02T17:00:00-05:00").astimezone(building.zone)
    assert rule is not None
    assert rule.opens_at(start) == datetime.fromisoformat(opens_at)


# What the player asks for.


@pytest.mark.parametrize(
    ("words", "courts"),
    [
        (("-c", "TFC"), ["8", "10"]),
        (("-c", "2"), ["10", "8"]),
        (("-c", "tennis court 2"), ["10", "8"]),
        (("-c", "TFC", "--only", "2"), ["10"]),
        (("-c", "TFC", "--only", "Court 2,1"), ["10", "8"]),
    ],
)
def test_courts_are_known_by_name_or_number(words: tuple[str, ...], courts: list[str]) -> None:
    assert [offer.court.id for offer in adapter(*words).offers().offers] == courts


def test_without_an_end_it_is_half_an_hour_of_tennis() -> None:
    (offer, _) = adapter().offers().offers

    assert offer.slot.end - offer.slot.start == timedelta(minutes=30)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("-c", "Court 3"), "--court: 'Court 3' is not known on Atrium"),
        (("--only", "3"), "--only: TFC has no tennis court '3'; it has Court 1, Court 2"),
        (("-y", "19:30"), "60 minutes at most"),
        (("-y", "18:45"), "steps of 30 minutes"),
        (("-t", "18:10"), "nothing starts at 18:10"),
        (("-s", "pickleball"), "TFC has no pickleball court; it has tennis"),
    ],
)
def test_what_makes_no_sense_is_refused_in_a_sentence(words: tuple[str, ...], message: str) -> None:
    with pytest.raises(UsageError, match=message):
        adapter(*words).offers()


def test_without_the_number_of_the_resident_nothing_is_attempted() -> None:
    with pytest.raises(UsageError, match="ATRIUM_OCCUPANT_ID is missing"):
        adapter(ATRIUM_OCCUPANT_ID="").offers()


def test_another_building_is_described_in_a_file(tmp_path: Path) -> None:
    described = tmp_path / "places.json"
    courts = {"North": "a-1", "South": "a-2"}
    about = {"zone": "America/Chicago", "amenity_type": "3", "courts": courts, "longest_minutes": 90}
    described.write_text(json.dumps({"Lake": about}))

    found = adapter("-c", "lake", "-y", "19:30", ATRIUM_PLACES=str(described)).offers()

    assert [offer.court.name for offer in found.offers] == ["North", "South"]
    assert found.offers[0].slot.start.isoformat() == "2026-06-10T18:00:00-05:00"


@pytest.mark.parametrize(
    "text", ["[]", "{", '{"A": {}}', '{"A": {"zone": "Mars", "amenity_type": 1, "courts": {}}}']
)
def test_a_file_that_describes_no_building_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "places.json").write_text(text)

    with pytest.raises(UsageError):
        buildings(str(tmp_path / "places.json"))


# What Atrium says: every sample is read.


def test_the_body_of_a_request_is_that_of_the_sample() -> None:
    system = adapter("-y", "19:00")

    body = system.order_for(system.offers().offers[0])

    wanted = sample("reservation_request")
    wanted.pop("_note")
    assert body == wanted


def test_what_was_created_is_a_hold_and_a_reservation() -> None:
    system = adapter("-y", "19:00")
    offer = system.offers().offers[0]

    hold = system.held(offer, answered(sample("reservation_created"), 201))

    assert (hold.order_id, hold.offer) == ("500001", offer)


@pytest.mark.parametrize("id_", [None, 7, 7.5, "", ["x"]])
def test_a_reservation_is_ours_whatever_its_id_looks_like(id_: object) -> None:
    system = adapter("-y", "19:00")
    answer = answered(sample("reservation_created") | {"id": id_}, 201)

    assert system.held(system.offers().offers[0], answer).offer.court.name == "Court 1"


def test_a_yes_about_another_slot_is_no_yes() -> None:
    system = adapter("-y", "18:30")

    with pytest.raises(UnknownAnswer, match="about Court 1 2026-06-10 18:00-19:00"):
        system.held(system.offers().offers[0], answered(sample("reservation_created")))


def listing(body: Any) -> Atrium:
    """The adapter for an Atrium with this list of reservations."""
    app = Flask("list")
    path = "/api/v1/my/occupants/100001/amenity-reservations/"
    app.add_url_rule(path, view_func=lambda: jsonify(body))
    return adapter(apps={"api.atriumapp.co": app})


def test_the_list_of_reservations_is_read() -> None:
    system = listing(sample("reservations_upcoming"))

    (found,) = system.reservations()

    assert (found.court.name, found.slot.start.isoformat()) == ("Court 1", "2026-06-10T18:00:00-04:00")
    assert [hold.order_id for hold in system.holds()] == ["500001"]


@pytest.mark.parametrize("label", [1, "1", "Tennis Court 1"])
def test_a_canceled_reservation_need_not_be_readable(label: object) -> None:
    (entry,) = sample("reservations_upcoming")["results"]
    entries = [{"is_cancelled": True, "amenity": None}, entry | {"amenity": {"label": label}}]

    for body in (entries, {"results": entries}):
        (hold,) = listing(body).holds()
        assert (hold.order_id, hold.offer.court.name) == ("500001", "Court 1")


def test_a_reservation_whose_entry_cannot_be_read_may_be_any() -> None:
    (entry,) = sample("reservations_upcoming")["results"]

    for strange in ({"amenity": None}, {"is_cancelled": None, "start_time": 7}, {"end_time": None}):
        with pytest.raises(UnknownAnswer):
            listing([entry, entry | strange]).holds()


def test_what_was_reserved_is_known_also_when_the_file_of_the_building_is_gone(tmp_path: Path) -> None:
    path = tmp_path / "places.json"
    path.write_text("{}")
    system = adapter("-y", "19:00", ATRIUM_PLACES=str(path))
    offer = system.offers().offers[0]

    path.unlink()

    assert system.held(offer, answered(sample("reservation_created"), 201)).order_id == "500001"


def test_the_recorded_courts_are_those_of_the_building() -> None:
    building = adapter().place()

    found = {each["id"]: building.court(each["label"]) for each in sample("amenities")}

    assert [court and court.ids["tennis"] for court in found.values()] == [f"{id_}" for id_ in found]
    assert len(found) == len(building.courts)


def test_the_building_has_the_recorded_type_of_amenity_and_its_longest_reservation() -> None:
    (recorded,) = sample("amenity_types")["results"]
    building = adapter().place()

    assert building.amenity_type == str(recorded["id"])
    longest = time.fromisoformat(recorded["max_reservation_length"])
    assert {court.longest for court in building.courts} == {timedelta(hours=longest.hour)}


def test_the_recorded_schedule_names_our_courts_and_starts_on_our_grid() -> None:
    building = adapter().place()

    for label, days in sample("schedule")["results"].items():
        court = building.court(label)
        assert court is not None, label
        assert court.step is not None
        for start in [time.fromisoformat(start) for times in days.values() for start in times]:
            assert timedelta(hours=start.hour, minutes=start.minute) % court.step == timedelta(0)


def test_a_refresh_token_is_sent_as_in_the_sample() -> None:
    wanted, sent = sample("token_request"), dict[str, Any]()
    app = Flask("says")

    def take() -> ResponseReturnValue:
        sent.update(method=request.method, content_type=request.mimetype, form=request.form.to_dict())
        return jsonify(sample("token_response"))

    app.add_url_rule(wanted["path"], view_func=take, methods=[wanted["method"]])
    adapter(apps={"auth.atriumapp.co": app}).renewal(wanted["form"]["refresh_token"])

    assert sent == {key: wanted[key] for key in ("method", "content_type", "form")}


@pytest.mark.parametrize(
    ("answer", "kind"),
    [
        (answered(sample("reservation_taken"), 400), SlotTaken),
        (answered({"detail": "?"}, 409), SlotTaken),
        (answered(sample("reservation_too_early"), 400), NotOpenYet),
        (answered(sample("error_unauthorized"), 401), TokenRefused),
        (answered(sample("error_unauthorized"), 403), TokenRefused),
        (answered({"non_field_errors": ["Please see the front desk."]}, 400), UnknownRefusal),
        (answered({"detail": "This amenity is already reserved until 19:00."}, 400), SlotTaken),
        (answered({"detail": "This amenity is no longer available."}, 400), SlotTaken),
        (answered({"detail": "This amenity is not available yet."}, 400), NotOpenYet),
        (answered({"detail": "Unavailable until the window opens."}, 409), NotOpenYet),
        (answered({"detail": "This amenity is not available."}, 400), UnknownRefusal),
        (answered({"detail": "This amenity is unavailable."}, 400), UnknownRefusal),
        (answered({"detail": "This amenity is unavailable."}, 409), SlotTaken),
    ],
)
def test_refusals_mean_what_they_say(answer: Answer, kind: type[ReserveError]) -> None:
    assert type(adapter().meaning(answer)) is kind


@pytest.mark.parametrize("name", ["token_error_expired", "token_error_session"])
def test_a_dead_refresh_token_is_not_mistaken_for_trouble(name: str) -> None:
    with pytest.raises(TokenRefused):
        renewed(sample(name), 400)


def test_the_tokens_of_the_sample_are_read() -> None:
    granted = renewed(sample("token_response"), 200)

    assert (granted.token, granted.refresh) == ("DUMMY.ACCESS.2", "DUMMY.REFRESH.2")
    assert granted.refresh_lives == timedelta(minutes=30)


def renewed(body: Any, status: int) -> Granted:
    """What a refresh token gives that is answered so."""
    app = Flask("says")
    path = "/realms/my-tfc/protocol/openid-connect/token"
    app.add_url_rule(path, view_func=lambda: (jsonify(body), status), methods=["POST"])
    system = adapter(apps={"auth.atriumapp.co": app})
    return system.accepted(system.renewal("old"))


# The log-in page, in a real browser.


def test_the_log_in_page_gives_a_code_that_is_good_for_tokens(browser: Browser) -> None:
    simulated = SimulatedAtrium(AtriumScenario(opens_at=Clock().now(), day=Clock().now().date()), Clock())
    with serve(simulated.app) as server:
        code = log_in(browser, server.url, simulated.scenario.account, web=server.url, clock=Clock())
        form = {"client_id": "my-tfc", "grant_type": "authorization_code", "code": code}
        answer = Http(server.url, headers={}).ask("POST", f"{REALM}/token", form=form)

    granted = adapter().granted(answer)
    assert granted.refresh == simulated.refresh
    assert len(simulated.ledger.all("signed-in")) == 1


def test_a_refused_password_is_reported_and_not_sent_again(browser: Browser) -> None:
    simulated = SimulatedAtrium(AtriumScenario(opens_at=Clock().now(), day=Clock().now().date()), Clock())
    wrong = Account("player@example.com", "wrong canary")
    text = "refused the e-mail address or the password"
    with serve(simulated.app) as server, pytest.raises(SignInError, match=text) as failure:
        log_in(browser, server.url, wrong, web=server.url, clock=Clock())

    assert "canary" not in str(failure.value)
    assert len(simulated.ledger.all("sign-in-refused")) == 1


class LogInServer:
    """Shows a recorded log-in page, and answers what its form sends with another page or with a code."""

    def __init__(self, shown: str, answer: str | None = None, status: int = 200) -> None:
        self.app, self.sent = Flask("log-in"), dict[str, Any]()
        self._shown, self._answer, self._status = shown, answer, status
        self.app.add_url_rule(f"{REALM}/auth", "show", self.show)
        path = "/realms/my-tfc/login-actions/authenticate"
        self.app.add_url_rule(path, "take", self.take, methods=["POST"])
        self.app.add_url_rule("/", "portal", lambda: "portal")

    def show(self) -> Response:
        page = (SAMPLES / self._shown).read_text()
        answer = Response(page.replace("http://127.0.0.1:8180/", request.host_url))
        for name in ("AUTH_SESSION_ID", "KC_RESTART"):
            answer.set_cookie(name, "dummy", path="/realms/my-tfc/", httponly=True)
        return answer

    def take(self) -> ResponseReturnValue:
        self.sent = {**request.args, **request.form, "cookies": set(request.cookies)}
        if self._answer is None:
            return redirect("/#session_state=S1&code=the-code")
        return self._answer, self._status

    def code(self, browser: Browser) -> str:
        with serve(self.app) as server:
            account = Account("player@example.com", "canary")
            return log_in(browser, server.url, account, web=server.url, clock=Clock())


@pytest.mark.parametrize(("name", "number"), [("login.html", 1), ("login_relative.html", 3)])
def test_the_form_is_sent_with_its_cookies_whether_its_action_is_absolute_or_relative(
    name: str, number: int, browser: Browser
) -> None:
    server = LogInServer(name)

    assert server.code(browser) == "the-code"

    sent = server.sent
    assert (sent["username"], sent["password"]) == ("player@example.com", "canary")
    attempt = (sent["session_code"], sent["execution"], sent["tab_id"])
    assert attempt == (f"SC{number}", f"EX{number}", f"T{number}")
    assert sent["cookies"] == {"AUTH_SESSION_ID", "KC_RESTART"}


SHAPES = {"input-error", "kc-feedback-text", "kc-error-message"}


@pytest.mark.parametrize("shape", sorted(SHAPES))
def test_a_wrong_password_is_a_refused_sign_in_in_each_of_its_three_shapes(
    shape: str, browser: Browser
) -> None:
    page = (SAMPLES / "login_failed.html").read_text()
    for other in SHAPES - {shape}:
        page = page.replace(other, "other")

    with pytest.raises(SignInError):
        LogInServer("login.html", page).code(browser)


def test_a_wrong_password_is_a_refused_sign_in_also_on_a_page_without_a_form(browser: Browser) -> None:
    page = (SAMPLES / "login_failed_no_form.html").read_text()

    with pytest.raises(SignInError, match="refused the e-mail address or the password"):
        LogInServer("login.html", page, 400).code(browser)


def test_the_page_without_a_form_refuses_no_password_when_it_names_another_reason(browser: Browser) -> None:
    page = (SAMPLES / "login_failed_no_form.html").read_text()
    expired = page.replace("Invalid username or password.", "Your log-in attempt timed out.")

    with pytest.raises(ServiceError, match="does not blame the password"):
        LogInServer("login.html", expired, 400).code(browser)


@pytest.mark.parametrize("absolute_action", [True, False])
def test_an_attempt_that_the_log_in_page_has_lost_is_not_a_wrong_password(
    absolute_action: bool, browser: Browser
) -> None:
    now = Clock().now()
    scenario = AtriumScenario(
        opens_at=now, day=now.date(), faults=("log-in-lost",), absolute_action=absolute_action
    )
    simulated = SimulatedAtrium(scenario, Clock())
    with serve(simulated.app) as server, pytest.raises(ServiceError, match="does not blame the password"):
        log_in(browser, server.url, scenario.account, web=server.url, clock=Clock())

    assert len(simulated.ledger.all("attempt-lost")) == 1


def test_a_booking_request_of_atrium_needs_no_phone_and_no_password() -> None:
    request = adapter().request

    assert isinstance(request, BookingRequest)
    assert request.sport == "tennis"


def test_the_documents_tell_how_each_fault_ends() -> None:
    documented = {
        name: int(code.partition(",")[0])
        for cell, _, code in rows("fault of Atrium", "what happens", "exit code")
        for name in named(cell)
    }

    assert documented == EXIT_CODES

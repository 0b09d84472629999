"""The rules that the simulated NTNUI site keeps, each as a sentence; its pages are like the samples."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.simulator import CutConnection
from reserve.simulator.ledger import ASKS_PER_COURT
from reserve.simulator.ntnui.club import FAULTS, MOST_LOOKS, NtnuiScenario, SimulatedNtnui, most_in
from reserve.simulator.ntnui.pages import countdown_html
from tests.fakes import FakeClock

OPENS_AT = datetime.fromisoformat("2026-06-06T15:00:00+02:00")  # for Tuesday 9 June, 15:00
SAMPLES = Path(__file__).parent.parent / "systems/samples/ntnui"
SESSION = "/timeinfo.php?spilletid=20260609T15:00:00&timeid=65&lang=no"


class Member:
    """One simulated site, a minute before sign-up opens, and somebody in front of it."""

    def __init__(self, **scenario: Any) -> None:
        self.clock = FakeClock(OPENS_AT - timedelta(minutes=1))
        settings = {"opens_at": OPENS_AT, "day": OPENS_AT.date() + timedelta(days=3), **scenario}
        self.simulated = SimulatedNtnui(NtnuiScenario(**settings), self.clock)
        self.http = self.simulated.app.test_client()
        self.number = self.simulated.scenario.member

    @property
    def ledger(self) -> Any:
        return self.simulated.ledger

    @property
    def meanings(self) -> list[str]:
        return [event.details["meaning"] for event in self.ledger.attempts]

    def get(self, path: str = SESSION) -> str:
        answer = self.http.get(path)
        assert answer.status_code == 200
        return str(answer.data.decode("iso-8859-1"))

    def log_in(self, password: str | None = None) -> str:
        account = self.simulated.scenario.account
        form = {"email": account.email, "password": password or account.password, "lang": "no"}
        answer = self.http.post("/index.php?lang=no", data={**form, "rememberme": "on"})
        assert answer.status_code == 200
        return str(answer.data.decode("iso-8859-1"))

    def sign_up(self, number: int | None = None) -> str:
        return self.get(f"{SESSION}&leggtilvikarid={number or self.number}")

    def wait(self, seconds: float) -> Member:
        """Until so long after the published opening."""
        self.clock.sleep_until(OPENS_AT + timedelta(seconds=seconds))
        return self


def arrived(**scenario: Any) -> Member:
    """A member who is logged in when sign-up opens."""
    member = Member(**scenario)
    member.log_in()
    return member.wait(0)


def test_the_right_password_is_greeted_with_an_entity_and_three_cookies() -> None:
    member = Member()

    page = member.log_in()

    assert "Du er n&aring; innlogget som" in page
    assert "logout.php" in page
    assert len(member.http._cookies or ()) == 3


def test_a_wrong_password_is_answered_200_with_the_log_in_page() -> None:
    page = Member().log_in("wrong")

    assert "innlogget" not in page
    assert "login_link" in page
    assert "logout.php" not in page


def test_a_stranger_sees_the_session_but_no_link_to_sign_up() -> None:
    page = Member().wait(0).get()

    assert "<strong>3</strong> ledige plasser" in page
    assert "leggtilvikarid" not in page


def test_before_the_opening_there_is_a_countdown_and_no_link() -> None:
    member = Member()
    member.log_in()

    page = member.get()

    assert "&Aring;pnes for <i>&ldquo;drop in&rdquo;</i> om <strong>1 minutt</strong>" in page
    assert "leggtilvikarid" not in page


@pytest.mark.parametrize(
    ("left", "words"),
    [
        (timedelta(days=4, hours=4, minutes=11), "4 dager, 4 timer og 11 minutter"),
        (timedelta(days=1, hours=1, minutes=1, seconds=59), "1 dag, 1 time og 1 minutt"),
        (timedelta(hours=2), "2 timer"),
        (timedelta(seconds=59), "0 minutter"),
    ],
)
def test_a_countdown_is_in_words_and_whole_minutes(left: timedelta, words: str) -> None:
    assert f"<strong>{words}</strong>" in countdown_html(left)


def test_sign_up_opens_72_real_hours_before_the_start_also_when_the_clocks_change() -> None:
    opens_at = datetime.fromisoformat("2026-03-27T14:00:00+01:00")  # summer time begins on the 29th
    scenario = NtnuiScenario(opens_at=opens_at, day=opens_at.date() + timedelta(days=3))

    assert scenario.wanted.spilletid == "20260330T15:00:00"


def test_a_sign_up_before_the_opening_does_nothing() -> None:
    member = Member()
    member.log_in()
    member.wait(-0.001)

    page = member.sign_up()

    assert "&Aring;pnes for" in page
    assert member.meanings == ["early"]
    assert member.ledger.paid == []


@pytest.mark.parametrize(
    ("padel", "words"),
    [(False, "Kode for tilgang til bygget:"), (True, "Bruk hovedinngangen, eller kode")],
)
def test_a_sign_up_at_the_opening_is_answered_with_the_code_of_the_door(padel: bool, words: str) -> None:
    member = arrived(padel=padel)

    page = member.sign_up()

    assert words in page
    assert f"fjernvikarid={member.number}" in page
    assert member.meanings == ["held"]
    assert member.ledger.paid == ["65/20260609T15:00:00"]


def test_a_stranger_never_sees_the_code_of_the_door() -> None:
    member = arrived()
    member.sign_up()
    member.http = member.simulated.app.test_client()

    assert "kode" not in member.get().lower()


def test_when_the_last_place_is_taken_the_site_says_none() -> None:
    member = arrived(all_taken=True)

    page = member.sign_up()

    assert "<strong>ingen</strong> ledige plasser" in page
    assert member.meanings == ["taken"]


def test_one_place_is_said_in_the_singular() -> None:
    assert "<strong>1</strong> ledig plass." in arrived(places=1).get()


def test_the_number_in_the_link_has_to_be_the_members_own() -> None:
    member = arrived()

    member.sign_up(member.number + 1)

    assert member.meanings == ["wrong-member"]
    assert member.ledger.paid == []


def test_a_place_that_is_given_up_is_free_again() -> None:
    member = arrived(places=1)
    member.sign_up()

    page = member.get(f"{SESSION}&fjernvikarid={member.number}")

    assert "<strong>1</strong> ledig plass" in page
    assert member.ledger.violations == ["a place was given up"]


@pytest.mark.parametrize(
    "path",
    [
        "/timeinfo.php?spilletid=20260609T15:00:00&timeid=66&lang=no",
        "/timeinfo.php?spilletid=20260610T15:00:00&timeid=65&lang=no",
        "/timeinfo.php?lang=no",
    ],
)
def test_an_unknown_session_is_an_error_with_status_200(path: str) -> None:
    assert "ERROR" in Member().get(path)


@pytest.mark.parametrize(("accepts", "is_known"), [(False, False), (True, True)])
def test_the_site_does_not_pad_the_hour_and_may_refuse_who_does(accepts: bool, is_known: bool) -> None:
    opens_at = OPENS_AT.replace(hour=9)
    member = Member(opens_at=opens_at, accepts_padded_hour=accepts)

    assert "Timeinformasjon" in member.get(SESSION.replace("T15", "T9"))
    assert ("Timeinformasjon" in member.get(SESSION.replace("T15", "T09"))) == is_known


def test_every_page_lists_the_sessions_with_free_places() -> None:
    links = re.findall(r'<a href="\./(timeinfo\.php[^"]+)">', Member().wait(0).get())

    assert [re.findall(r"timeid=(\d+)", link) for link in links] == [["61"], ["65"]]


def test_pages_have_letters_of_iso_8859_1_and_do_not_say_so_in_the_header() -> None:
    answer = Member().http.get(SESSION)

    assert answer.headers["Content-Type"] == "text/html"
    assert "Ødegård".encode("iso-8859-1") in answer.data


def test_the_same_seed_has_the_same_events_and_another_one_others() -> None:
    def events(seed: int) -> list[Any]:
        return [event.as_json() for event in arrived(seed=seed, rivals=5).wait(3600).ledger.events]

    assert events(1) == events(1)
    assert events(1) != events(2)


def test_rivals_take_places_and_some_give_theirs_up() -> None:
    kinds = {
        event.what for seed in range(5) for event in arrived(seed=seed, rivals=6).wait(7200).ledger.events
    }

    assert {"taken-by-rival", "rival-left", "given-up-by-rival"} <= kinds


def test_the_simulated_pages_have_the_words_and_links_of_the_samples() -> None:
    """What a client may look for stands in both, in the same spelling."""
    member = Member(others=False)
    found = {"session_logged_out": Member(others=False).wait(0).get()}
    found["login_failed"] = member.log_in("wrong")
    found["login_ok"] = member.log_in()
    found["session_unknown"] = member.get("/timeinfo.php?timeid=1")
    found["session_not_open_yet"] = member.get()
    member.wait(0)
    found["session_open"] = member.get()
    found["session_signed_up_tennis"] = member.sign_up()
    found["session_full"] = arrived(all_taken=True).get()
    found["session_one_left"] = arrived(places=1).get()
    padel = arrived(padel=True)
    found["session_signed_up_padel"] = padel.sign_up()
    found["session_signed_up_absolute_link"] = arrived(tells_code=False, absolute_links=True).sign_up()
    marks = (
        "login_information", 'id="login_link"', "logout.php?lang=no", "n&aring; innlogget som",
        "Timeinformasjon", "Klokkeslett:", "Bane:", "Sted:", "N&aring;: <strong>", "ledig plass.",
        "ledige plasser.", "ingen", "leggtilvikarid=", "fjernvikarid=", "Kode for tilgang til bygget:",
        "Bruk hovedinngangen, eller kode", "ERROR",
        "&Aring;pnes for <i>&ldquo;drop in&rdquo;</i> om <strong>",
    )  # fmt: skip

    for name, page in found.items():
        sample = (SAMPLES / f"{name}.html").read_text().partition("-->")[2]
        ours = {mark for mark in marks if mark in page}
        theirs = {mark for mark in marks if mark in sample}
        numbers = {"N&aring;: <strong>", "ledige plasser.", "ledig plass."}  # which differ
        assert ours ^ theirs <= numbers, name
    assert len(found) == len(list(SAMPLES.glob("*.html"))) - 2  # the log-in form by itself, and the week plan


# What the referee minds.


def test_a_fair_client_breaks_no_rule() -> None:
    member = arrived()
    for _ in range(10):
        member.get()
    member.sign_up()
    member.get()

    assert member.ledger.violations == []


@pytest.mark.parametrize(
    ("events", "rule"),
    [
        (lambda member: [member.sign_up() for _ in range(2)], "that the player held already"),
        (lambda member: [member.get() for _ in range(41)], "42 requests came within a minute"),
        (lambda member: member.sign_up(17), "in the name of another member"),
        (lambda member: [member.log_in("wrong") for _ in range(2)], "a refused log-in was tried again"),
    ],
)
def test_what_is_not_fair_is_written_down(events: Any, rule: str) -> None:
    member = arrived()

    events(member)

    assert any(rule in found for found in member.ledger.violations)


def test_more_than_five_sign_ups_in_a_row_are_too_many() -> None:
    member = arrived(all_taken=True)
    for _ in range(ASKS_PER_COURT):
        member.sign_up()
        member.clock.sleep(timedelta(seconds=1))
    assert member.ledger.violations == []

    member.sign_up()

    assert member.ledger.violations == ["A was asked for 6 times"]


def test_whoever_waits_for_a_place_looks_now_and_then_only() -> None:
    member = arrived(all_taken=True)
    member.sign_up()
    member.wait(20)
    for _ in range(MOST_LOOKS):
        member.get()
        member.clock.sleep(timedelta(seconds=2))
    assert member.ledger.violations == []

    member.get()

    assert member.ledger.violations == ["7 requests after the race came within a minute"]


def test_a_sign_up_long_before_the_opening_is_unfair() -> None:
    member = Member()
    member.log_in()

    member.sign_up()

    assert member.ledger.violations == ["a hold was asked for more than a second before the opening"]


def test_a_sign_up_by_somebody_who_never_logged_in_is_unfair() -> None:
    member = Member().wait(0)

    member.sign_up()

    assert member.ledger.violations == ["a request for the player's own data came before the sign-in"]


def test_the_most_within_a_span_are_counted_wherever_it_begins() -> None:
    moments = [OPENS_AT + timedelta(seconds=second) for second in (0, 50, 70, 80, 110, 200)]

    assert most_in(timedelta(minutes=1), moments) == 4
    assert most_in(timedelta(minutes=1), []) == 0


# What may go wrong.


def cut(member: Member) -> bool:
    try:
        member.sign_up()
    except CutConnection:
        return bool(member.ledger.paid) and "Kode for" in member.get()
    return False


def takes(member: Member, seconds: float, event: Any) -> bool:
    before = member.clock.now()
    event()
    return member.clock.now() - before == timedelta(seconds=seconds)


SHOWS: Mapping[str, Callable[[Member], object]] = {
    "full": lambda member: "ingen" in member.get() and "ledig plass." in member.wait(28).get(),
    "all-taken": lambda member: "ingen" in member.get() and "ingen" in member.wait(3600).get(),
    "opens-late": lambda member: "&Aring;pnes" in member.get() and "her</a>" in member.wait(0.7).get(),
    "not-open": lambda member: "&Aring;pnes" in member.wait(39).get() and "her</a>" in member.wait(40).get(),
    "wrong-password": lambda member: "login_link" in member.log_in(),
    "logged-out": lambda member: "login_link" in member.sign_up() and "logout.php" in member.log_in(),
    "already-reserved": lambda member: "Kode for" in member.get() and not member.ledger.paid,
    "lost-answer": cut,
    "slow-server": lambda member: takes(member, 2, member.get) and takes(member, 3, member.sign_up),
    "server-errors": lambda member: _statuses(member) == [500, 500, 200],
    "throttled": lambda member: _statuses(member) == [429, 429, 200],
    "firewall": lambda member: _statuses(member) == [403, 403, 403] and not member.ledger.paid,
    "no-door-code": lambda member: "Kode for" not in member.sign_up() and "fjernvikarid" in member.get(),
    "absolute-links": lambda member: 'href="http://localhost/timeinfo.php?' in member.get(),
    "unknown-page": lambda member: "nye side" in member.sign_up() and not member.ledger.paid,
    "clock-ahead": lambda member: "her</a>" in member.wait(0).get() and _date(member) > 0,
    "clock-behind": lambda member: "&Aring;pnes" in member.get() and _date(member) <= 0,
}  # fmt: skip


def _statuses(member: Member) -> list[int]:
    path = f"{SESSION}&leggtilvikarid={member.number}"
    return [member.http.get(path).status_code for _ in range(3)]


def _date(member: Member) -> float:
    """By how much the simulated site really opens before the published moment."""
    return (OPENS_AT - member.simulated.opens_at).total_seconds()


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_does_what_it_says(fault: str) -> None:
    assert SHOWS[fault](arrived(faults=(fault,)))


@pytest.mark.parametrize("fault", sorted(FAULTS.keys() - {"already-reserved", "clock-ahead"}))
def test_without_the_fault_it_does_not_happen(fault: str) -> None:
    assert not SHOWS[fault](arrived())


def test_a_scenario_that_makes_no_sense_is_refused() -> None:
    with pytest.raises(ValueError, match="places"):
        Member(places=0)
    with pytest.raises(ValueError, match="starts on 2026-06-09"):
        Member(day=OPENS_AT.date())
    with pytest.raises(ValueError, match="no fault is called"):
        Member(faults=("no-such-fault",))

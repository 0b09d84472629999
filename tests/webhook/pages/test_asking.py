"""What pages ask a booking system for: what a player has, cancelling it, a check; and a text that proves."""

from __future__ import annotations

import re
import socket
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from shutil import copytree
from typing import Any
from urllib.parse import urlsplit

import pytest
from flask import request
from flask.testing import FlaskClient
from werkzeug.test import TestResponse

from reserve.clock import Clock
from reserve.commands.booked import Bookings, Listed
from reserve.commands.options import account_of
from reserve.commands.store import secret_store
from reserve.commands.wiring import host_of
from reserve.errors import ServiceError, SignInError, UsageError
from reserve.plans.due import schedule_next
from reserve.plans.file import body_of
from reserve.plans.plan import Choice, Plan
from reserve.settings import read_settings
from reserve.simulator import SIMULATED_SYSTEMS
from reserve.storage.plans import PlanStore
from reserve.storage.runs import Record, player_key
from reserve.storage.secrets import Accounts
from reserve.systems import PROFILES, USUAL
from tests.fakes import START, FakeClock
from tests.stage import OPENS_AT
from tests.stage import TOKEN as WEBHOOK_TOKEN
from tests.webhook.pages.conftest import CANARY, Household, post
from tests.webhook.pages.test_guard import crawl
from webhook_server.pages.asking import OneAccount, look
from webhook_server.pages.background import Background, Job, Kind
from webhook_server.pages.house import House, Mine

BOOKINGS, CANCEL = "/accounts/player/bookings", "/accounts/player/bookings/cancel"
CHECK, TEXT = "/accounts/player/check", "/accounts/player/text"


def player(household: Household) -> FlaskClient:
    """Anna, who has the account that the simulated booking system knows, and has reserved a court there."""
    simulated = household.stage.simulated
    keep_player(household)
    simulated.had_before(simulated.courts[0], simulated.scenario.slot)
    return household.client("anna")


def keep_player(household: Household, **changed: str) -> None:
    account = household.stage.simulated.scenario.account
    variables = {"RESERVE_SYSTEM": USUAL, "RESERVE_EMAIL": account.email, "RESERVE_PHONE": account.phone}
    with secret_store(household.settings) as secrets:
        Accounts(secrets).add("player", {**variables, "RESERVE_PASSWORD": account.password, **changed})


def looked(household: Household, client: FlaskClient) -> str:
    """The page of the bookings, read anew."""
    post(client, BOOKINGS)
    household.works()
    return client.get(BOOKINGS).text


def later(household: Household, **length: float) -> None:
    household.clock.sleep_until(household.clock.now() + timedelta(**length))


def the_id(page: str) -> str:
    found = re.search(r"cancel\?id=([^\"]+)", page)
    assert found, page
    return found[1]


def cancel(client: FlaskClient, id_: str) -> TestResponse:
    """The answer to the page that asks whether to give it up, as it is now."""
    found = re.search(r'name="shown" value="(\w+)"', client.get(f"{CANCEL}?id={id_}").text)
    return post(client, CANCEL, {"id": id_, "shown": found[1] if found else ""})


def test_what_a_player_has_is_read_in_the_background_and_shown_when_it_is_there(household: Household) -> None:
    client = player(household)
    before = len(household.stage.ledger.all("signed-in"))

    first = client.get(BOOKINGS).text
    post(client, BOOKINGS)
    meanwhile = client.get(BOOKINGS).text
    household.works()
    then = client.get(BOOKINGS).text

    assert "Look now" in first
    assert "Waiting for its turn" in meanwhile
    assert '<noscript><meta http-equiv="refresh" content="3"></noscript>' in meanwhile
    assert "Court 1, Alice Marble" in then
    assert ">reserved<" in then
    assert "refresh" not in then
    assert len(household.stage.ledger.all("signed-in")) == before + 1
    assert household.client("ben").get(BOOKINGS).status_code == 404


def test_a_court_is_cancelled_after_a_question_and_is_looked_up(household: Household) -> None:
    client, ledger = player(household), household.stage.ledger
    id_ = the_id(looked(household, client))

    asked = client.get(f"{CANCEL}?id={id_}").text
    assert not ledger.all("canceled")
    cancel(client, id_)
    for again in (cancel(client, id_), client.get(f"{CANCEL}?id={id_}")):  # a second click
        assert (again.status_code, again.location) == (302, BOOKINGS)
    assert not ledger.all("canceled")
    household.works()
    done = client.get(BOOKINGS).text

    assert "Cancel this reservation?" in asked
    assert "Court 1, Alice Marble" in asked
    assert len(ledger.all("canceled")) == 1
    assert "Cancelled Mon" in done
    assert "No court is held or reserved." in done
    assert client.get(f"{CANCEL}?id={id_}").status_code == 404
    assert cancel(client, id_).status_code == 404
    assert set(ledger.violations) <= {"a place was given up"}


def test_that_a_court_was_cancelled_is_said_though_the_session_ends_right_after_it(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))

    def ended(_: Bookings) -> list[Listed]:
        raise SignInError("the session has ended")

    cancel(client, id_)
    monkeypatch.setattr(Bookings, "ahead", ended)
    household.works()
    page = client.get(BOOKINGS).text

    assert len(household.stage.ledger.all("canceled")) == 1
    assert 'class="said good">Cancelled Mon' in page
    assert "What is left cannot be read now: the session has ended." in page


def plan_a_game(household: Household, client: FlaskClient, date: str = "+8") -> None:
    game = {"date": date, "time": "6pm-7:30pm", "court": "Alice Marble", "account": "player", "do": "save"}
    assert post(client, "/plans/new", game).status_code == 302
    # The service would hold its answer back in real time.
    household.stage.webhook.extensions["inbox"].stop_waiting()


def test_a_check_shows_each_step_and_until_when_all_is_ready(household: Household) -> None:
    keep_player(household)
    client = household.client("anna")
    before = client.get(CHECK).text
    plan_a_game(household, client)
    assert f'href="{CHECK}?plan=3"' in client.get("/plans/3").text
    offered = client.get(f"{CHECK}?plan=3").text

    post(client, CHECK, {"plan": "3"})
    meanwhile = client.get(CHECK).text
    household.works()
    done = client.get(CHECK).text

    assert "none is planned with this account" in before
    assert '<option value="3" selected>Alice Marble, Tue 10 Mar 18:00</option>' in offered
    assert "Waiting for its turn" in meanwhile
    assert "Ready until Tuesday 2026-03-03 08:00:00 PST" in done
    assert "<strong>one-time code</strong>: asked for, received and entered" in done
    assert 'class="word bad"' not in done
    assert household.stage.ledger.attempts == []
    assert post(client, CHECK, {"plan": "1"}).status_code == 404  # is for another account
    post(client, CHECK, {"plan": "3"})
    assert "was asked just now; ask again in 4 minutes" in client.get(CHECK).text


def test_a_check_offers_the_next_plans_that_this_account_books(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.pages.house.AT_ONCE", 3)  # of the openings, read one after the other
    keep_player(household)
    with household.store() as store:
        plans = PlanStore(store)
        for day in range(14):
            start = datetime(2026, 3, 10 + day, 18)  # noqa: DTZ001
            plan = Plan((Choice(f"Court of {start:%d %b}"),), timedelta(minutes=90), start, account="player")
            body = body_of(replace(plan, system="atrium") if day == 1 else plan)
            (number,) = plans.add([body])
            plans.change(number, zone="America/Los_Angeles", rule="7 days 08:00:00", looked=START)
            stored = plans.get(number)
            assert stored
            schedule_next(plans, stored, START)

    page = household.client("anna").get(CHECK).text

    offered = re.findall(r"<option[^>]*>Court of (\d+) Mar,", page)
    assert offered == ["10", *map(str, range(12, 21))]


def test_a_check_that_fails_says_what_to_do(household: Household) -> None:
    keep_player(household, RESERVE_PASSWORD="wrong-canary")
    client = household.client("anna")
    plan_a_game(household, client)

    post(client, CHECK, {"plan": "3"})
    household.works()
    done = client.get(CHECK).text

    assert 'card run bad"><strong>Refused: ' in done
    assert '<span class="word bad">failed</span><div><strong>sign-in</strong>' in done
    assert "To do: Sign in on the site by hand" in done
    assert "wrong-canary" not in done


def test_a_sign_in_that_is_refused_is_said_and_is_not_repeated_at_once(household: Household) -> None:
    keep_player(household, RESERVE_PASSWORD="wrong-canary")
    client = household.client("anna")

    page = looked(household, client)
    again = looked(household, client)
    later(household, minutes=1)
    post(client, BOOKINGS)
    post(client, BOOKINGS)
    twice = client.get(BOOKINGS).text

    assert '<p class="said bad">Refused: ' in page
    assert "may lock the account" in page
    assert "wrong-canary" not in page
    assert "The booking system was asked just now; ask again in" in again
    assert "is being asked for you; wait for that" in twice
    assert len(household.aside) == 1


def test_nothing_is_asked_while_a_run_of_the_player_is_under_way(household: Household) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))
    plan_a_game(household, client)
    later(household, minutes=1)
    post(client, BOOKINGS)  # waits for its turn
    asked = household.stage.ledger.requests.total()
    with household.store() as store:
        email = household.stage.simulated.scenario.account.email
        key = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), email)
        with Record(store, "20260302T000000-live", key, household.clock.now).kept(
            system=USUAL, request="Moscone", day="2026-03-09"
        ):
            household.works()
            pages = [client.get(each).text for each in (BOOKINGS, CHECK, TEXT)]
            cancel(client, id_)
            for path in (BOOKINGS, CHECK):
                post(client, path, {"plan": "3"})
                pages.append(client.get(path, follow_redirects=True).text)
    after = client.get(BOOKINGS).text

    for page in pages:
        assert "run of this account is under way" in page
    assert all("<button>Look" not in page and "<button>Check" not in page for page in pages)
    assert household.aside == []
    assert household.stage.ledger.requests.total() == asked
    assert "Look again" in after


def test_what_is_given_back_may_not_change_between_question_and_answer(household: Household) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))
    (order,) = (each for each in household.stage.simulated.orders.values() if each.status == "paid")

    cancel(client, id_)
    order.cents = 700
    household.works()

    page = client.get(BOOKINGS).text
    assert "nothing was cancelled: what it gives back has changed" in page
    assert household.stage.ledger.all("canceled") == []


def test_a_question_that_stayed_open_while_its_answer_changed_is_asked_again(household: Household) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))
    found = re.search(r'name="shown" value="(\w+)"', client.get(f"{CANCEL}?id={id_}").text)
    (order,) = (each for each in household.stage.simulated.orders.values() if each.status == "paid")
    assert found
    order.cents = 700
    later(household, minutes=1)
    looked(household, client)  # in another tab

    post(client, CANCEL, {"id": id_, "shown": found[1]})
    household.works()

    assert "Nothing was cancelled: it is not what you were asked about any more" in client.get(BOOKINGS).text
    assert household.stage.ledger.all("canceled") == []


@pytest.mark.parametrize("change", ["moved", "gone, and another's number begins with its id"])
def test_nothing_is_cancelled_but_what_the_person_was_asked_about(household: Household, change: str) -> None:
    client, simulated = player(household), household.stage.simulated
    id_ = the_id(looked(household, client))
    (order,) = (each for each in simulated.orders.values() if each.status == "paid")
    cancel(client, id_)

    if change == "moved":
        a_day = timedelta(days=1)
        order.slot = replace(order.slot, start=order.slot.start + a_day, end=order.slot.end + a_day)
    else:
        order.end("canceled", household.clock.now())
        another = replace(order, id=f"{id_}0", court=simulated.courts[1], status="paid")
        simulated.orders[another.id] = another
    household.works()

    assert "nothing was cancelled: it is not what you were asked about" in client.get(BOOKINGS).text
    assert household.stage.ledger.all("canceled") == []


def test_nothing_is_cancelled_that_has_begun_meanwhile(household: Household) -> None:
    client, simulated = player(household), household.stage.simulated
    household.clock.sleep_until(simulated.scenario.slot.start - timedelta(minutes=5))
    id_ = the_id(looked(household, client))

    cancel(client, id_)
    later(household, minutes=5)
    household.works()

    assert "has begun; it cannot be cancelled any more" in client.get(BOOKINGS).text
    assert household.stage.ledger.all("canceled") == []


def test_that_a_court_was_cancelled_is_said_although_what_is_left_cannot_be_read(
    household: Household,
) -> None:
    client, simulated, ledger = player(household), household.stage.simulated, household.stage.ledger
    id_, looks = the_id(looked(household, client)), list[str]()

    def fails() -> tuple[str, int] | None:
        """The list cannot be read, once it has shown that the court is gone."""
        if ledger.all("canceled") and request.path.endswith("/bookings"):
            looks.append(request.path)
        return (simulated.scenario.account.email, 503) if len(looks) > 1 else None

    simulated.app.before_request_funcs.setdefault(None, []).append(fails)
    cancel(client, id_)
    household.works()
    page = client.get(BOOKINGS).text

    assert len(ledger.all("canceled")) == 1
    assert "Cancelled Mon" in page
    assert "What is left cannot be read now" in page
    assert simulated.scenario.account.email not in page


def test_nothing_is_asked_when_a_run_of_the_player_is_about_to_begin(household: Household) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))
    plan_a_game(household, client)
    later(household, minutes=1)
    post(client, BOOKINGS)  # waits for its turn
    asked = household.stage.ledger.requests.total()
    household.clock.sleep_until(OPENS_AT + timedelta(days=1, minutes=-8))

    household.works()
    pages = [client.get(each).text for each in (BOOKINGS, CHECK, TEXT)]
    cancel(client, id_)
    for path in (BOOKINGS, CHECK):
        post(client, path, {"plan": "3"})
        pages.append(client.get(path, follow_redirects=True).text)

    for page in pages:
        assert "run of this account is under way, or about to begin" in page
    assert household.aside == []
    assert household.stage.ledger.requests.total() == asked


def test_nothing_is_asked_right_after_a_game_was_planned_that_is_open_already(household: Household) -> None:
    keep_player(household)
    client = household.client("anna")

    plan_a_game(household, client, date="+2")  # the next `due` begins its run
    post(client, CHECK, {"plan": "3"})
    at_once = client.get(CHECK).text
    later(household, minutes=2)  # nobody calls `due` here: what else would find that out?
    then = client.get(CHECK).text

    assert "run of this account is under way, or about to begin" in at_once
    assert household.aside == []
    assert "<button>Check now" in then


def test_a_text_that_comes_while_the_page_is_open_proves_the_forwarder(household: Household) -> None:
    keep_player(household)
    client, phone = household.client("anna"), household.stage.simulated.scenario.account.phone
    send = household.stage.webhook.test_client().post

    def again(page: str) -> str:
        """What the browser shows next."""
        found = re.search(r'content="3; url=([^"]+)"', page)
        assert found, page
        return client.get(found[1].replace("&amp;", "&")).text

    opened = client.get(TEXT).text
    waits = again(opened)
    later(household, seconds=40)
    told = {"from": "+14155550199", "to": phone, "text": "test 918273"}
    assert send(f"/webhook/{WEBHOOK_TOKEN}", json=told).status_code == 200
    later(household, seconds=6)
    came = again(waits)
    silent = client.get(TEXT).text
    later(household, minutes=5)
    none = again(silent)

    for page in (opened, waits, silent):
        assert "Waiting for a text" in page
        assert f"which ends in {phone[-2:]}" in page
    assert "A text came 40 s after you opened this page, 6 s ago" in came
    assert "No text came in five minutes" in none
    for page in (came, none):
        assert "refresh" not in page
    for page in (opened, came, none):
        assert "918273" not in page
        assert phone not in page
        assert re.sub(r"\D", "", phone)[-10:] not in page


def test_an_address_that_nobody_gave_out_shows_the_page_as_at_first(household: Household) -> None:
    keep_player(household)
    client = household.client("anna")

    for number in ("x", "-1", f"{10**40}"):
        answer = client.get(f"{TEXT}?after={number}&since={number}")
        assert answer.status_code == 200
        assert "For 0 s; at most five minutes" in answer.text


def test_where_no_text_service_answers_that_is_said(household: Household) -> None:
    keep_player(household)
    del household.stage.apps["127.0.0.1"]

    page = household.client("anna").get(TEXT).text

    assert 'class="said bad"' in page
    assert "refresh" not in page


def test_another_persons_account_is_asked_nothing(household: Household) -> None:
    client = player(household)
    id_ = the_id(looked(household, client))
    ben = household.client("ben")

    answers = [ben.get(each) for each in (BOOKINGS, f"{CANCEL}?id={id_}", CHECK, TEXT)]
    answers += [post(ben, each, {"id": id_, "plan": "1"}) for each in (BOOKINGS, CANCEL, CHECK)]
    answers += [
        ben.get(f"/accounts/ben-rec/bookings/cancel?id={id_}"),
        post(ben, "/accounts/ben-rec/bookings/cancel", {"id": id_}),
        post(ben, "/accounts/ben-rec/check", {"plan": "1"}),
    ]

    assert {answer.status_code for answer in answers} == {404}
    assert household.aside == []


def test_no_secret_of_a_player_is_on_any_page_about_it(household: Household) -> None:
    client, simulated = player(household), household.stage.simulated
    plan_a_game(household, client)
    looked(household, client)
    post(client, CHECK, {"plan": "3"})
    household.works()

    pages = dict(crawl(client))

    assert {BOOKINGS, CHECK, TEXT} <= pages.keys()
    assert any(path.startswith(CANCEL) for path in pages)
    assert "one-time code" in pages[CHECK]
    account = simulated.scenario.account
    secrets = {each for kind in simulated.secrets.values() for each in kind} | {account.email, account.phone}
    assert len(secrets) >= 4
    for path, text in pages.items():
        assert [each for each in secrets if each in text] == [], path


def test_a_system_that_lists_nothing_is_asked_about_the_session_of_a_link(household: Household) -> None:
    simulated: Any = SIMULATED_SYSTEMS["ntnui"].opening(OPENS_AT, household.clock, None, seed=0)
    household.stage.apps |= {
        urlsplit(address).hostname or "": simulated.app for address in PROFILES["ntnui"].addresses.values()
    }
    simulated.had_before(simulated.courts[0], simulated.scenario.slot)
    account, client = simulated.scenario.account, household.client("anna")
    keep_player(
        household,
        RESERVE_SYSTEM="ntnui",
        RESERVE_EMAIL=account.email,
        RESERVE_PASSWORD=account.password,
    )
    link = simulated.words()[simulated.words().index("--link") + 1]

    post(client, BOOKINGS)
    without = client.get(BOOKINGS).text
    post(client, BOOKINGS, {"link": link})
    household.works()
    found = client.get(BOOKINGS).text
    id_ = the_id(found)
    asked = client.get(f"{CANCEL}?id={id_}").text
    cancel(client, id_)
    household.works()

    assert 'name="link"' in without
    assert 'class="said bad"' in without
    assert ">reserved<" in found
    assert f'value="{link.replace("&", "&amp;")}"' in found
    assert "it costs nothing; until when a place may be given up is not known" in asked
    assert "Cancelled " in client.get(BOOKINGS).text
    assert len(simulated.ledger.all("canceled")) == 1


def test_the_owner_has_the_account_of_the_settings_too(household: Household) -> None:
    simulated, house = household.stage.simulated, household.pages.extensions["house"]
    simulated.had_before(simulated.courts[0], simulated.scenario.slot)
    account = simulated.scenario.account
    house.settings = replace(
        house.settings, email=account.email, password=account.password, phone=account.phone
    )
    anna, ben = household.client("anna"), household.client("ben")
    game = {"date": "+8", "time": "6pm-7:30pm", "court": "Alice Marble", "do": "save"}
    assert post(anna, "/plans/new", game).status_code == 302

    post(anna, "/accounts/~/bookings")
    household.works()

    assert "Court 1, Alice Marble" in anna.get("/accounts/~/bookings").text
    assert "Of the settings" in anna.get("/accounts").text
    assert 'action="/accounts/~/remove"' not in anna.get("/accounts").text
    assert "Alice Marble, Tue 10 Mar 18:00" in anna.get("/accounts/~/check?plan=3").text
    assert 'href="/accounts/~/check?plan=3"' in anna.get("/plans/3").text
    assert "Waiting for a text" in anna.get("/accounts/~/text").text
    assert "Of the settings" not in ben.get("/accounts").text
    for path in ("bookings", "check", "text"):
        assert ben.get(f"/accounts/~/{path}").status_code == 404
    assert post(anna, "/accounts/~/remove").status_code == 404


def test_what_was_found_is_forgotten_after_a_while_and_what_goes_on_ends_with_the_service(
    household: Household,
) -> None:
    client = player(household)
    looked(household, client)
    later(household, minutes=10)
    forgotten = client.get(BOOKINGS).text
    post(client, BOOKINGS)
    background = household.pages.extensions["house"].background

    background.close()
    household.works()

    assert "Alice Marble" not in forgotten
    assert "Look now" in forgotten
    assert "stopped by SIGTERM" in client.get(BOOKINGS).text


def test_jobs_of_two_accounts_take_turns_in_threads(
    household: Household, caplog: pytest.LogCaptureFixture
) -> None:
    now, seen, threads = household.clock.now, list[str](), list[threading.Thread]()
    begun, go = threading.Event(), threading.Event()

    def in_a_thread(call: Callable[[], None]) -> None:
        threads.append(threading.Thread(target=call, daemon=True))
        threads[-1].start()

    def first(job: Job) -> None:
        begun.set()
        go.wait(60)
        seen.append("first")

    def second(job: Job) -> None:
        seen.append("second")
        raise ValueError(CANARY)

    background, jobs = Background(now, in_a_thread), [Job(Kind.BOOKINGS, now()) for _ in range(2)]
    background.begin(("anna", "a"), jobs[0], first)
    assert begun.wait(60)
    background.begin(("ben", "b"), jobs[1], second)
    assert [job.ended for job in jobs] == [None, None]
    go.set()
    for thread in threads:
        thread.join(60)

    assert seen == ["first", "second"]
    assert [job.exit_code for job in jobs] == [0, 70]
    assert CANARY not in jobs[1].said + caplog.text
    assert "bookings failed with ValueError\n  File " in caplog.text


def test_no_failure_shows_what_is_secret_in_a_job(clock: FakeClock) -> None:
    def fails(job: Job) -> None:
        job.mask = partial(re.sub, "canary", "***")
        raise ServiceError("the canary sang")

    job = Job(Kind.CHECK, clock.now())
    Background(clock.now, lambda call: call()).begin(("anna", "a"), job, fails)

    assert "the *** sang" in job.said


def test_a_service_that_ends_has_what_goes_on_end_before_it(
    clock: FakeClock, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("webhook_server.pages.background.ENDING", 60.0)
    begun = threading.Event()

    def until_stopped(job: Job) -> None:
        begun.set()
        while job.stop.signal_number is None:
            time.sleep(0.001)

    background, job = Background(clock.now), Job(Kind.CHECK, clock.now())
    background.begin(("anna", "a"), job, until_stopped)
    assert begun.wait(60)
    background.close()

    assert job.ended is not None


def test_nobody_has_others_wait_behind_more_than_one_job(clock: FakeClock) -> None:
    waiting: list[object] = []
    background = Background(clock.now, waiting.append)

    def never(_: Job) -> None:
        """Nobody has its turn here."""

    background.begin(("ben", "one"), Job(Kind.BOOKINGS, clock.now()), never)
    for kind in Kind:
        with pytest.raises(UsageError, match="being asked for you"):
            background.begin(("ben", "another"), Job(kind, clock.now()), never)
    background.begin(("anna", "hers"), Job(Kind.CHECK, clock.now()), never)

    assert len(waiting) == 2


def test_a_booking_system_that_does_not_answer_is_not_waited_for_when_the_service_ends(
    made: Path, tmp_path: Path
) -> None:
    data = tmp_path / "data"
    copytree(made, data)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        here = f"http://127.0.0.1:{silent.getsockname()[1]}"
        addresses = [each for profile in PROFILES.values() for each in profile.addresses.items()]
        hosts = {name: here for name, usual in addresses if usual.startswith("https://")}
        way = {"RESERVE_SIGN_IN": "api", "RECUS_IDENTITY_KEY": "x"}
        house = House(read_settings({"RESERVE_DATA": str(data), **hosts, **way}), Clock())
        anna = house.people.get("anna")
        assert anna is not None
        account = account_of(house.accounts.read("anna-rec"), PROFILES[USUAL])
        one = OneAccount(Mine(house, anna), "anna-rec", account, house.settings)
        job, begun = Job(Kind.BOOKINGS, house.clock.now()), list[Callable[[], None]]()

        house.background.aside = begun.append
        house.background.begin(one.who, job, partial(look, one))
        at_work = threading.Thread(target=begun[0], daemon=True)
        at_work.start()
        with silent.accept()[0] as visitor:
            visitor.recv(1)  # it has asked
            house.close()
            at_work.join(15)  # half as long as an answer is waited for otherwise

    assert not at_work.is_alive()

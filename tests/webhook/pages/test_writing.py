"""What people do on the pages, and what became of it; the simulator answers for the facilities."""

from __future__ import annotations

import sqlite3
from contextlib import closing
from datetime import timedelta
from html import unescape

import pytest

from reserve.commands.belongings import player_of
from reserve.commands.store import secret_store
from reserve.commands.wiring import host_of
from reserve.redaction import Secrets
from reserve.storage import database
from reserve.storage.people import People
from reserve.storage.plans import PlanStore
from reserve.storage.run_folder import RunFolder
from reserve.storage.runs import Record, player_key
from reserve.storage.secrets import TOKEN, Accounts, StoredTokens
from reserve.storage.typed_codes import Mailbox
from reserve.systems import PROFILES, USUAL
from tests.webhook.pages.conftest import Household, post

GAME = {"date": "+8", "time": "6pm-7:30pm", "court": "Alice Marble: Court 1", "account": "anna-rec"}


def test_a_plan_is_shown_with_its_opening_before_it_is_saved(household: Household) -> None:
    anna = household.client("anna")

    shown = post(anna, "/plans/new", {**GAME, "do": "preview"})
    asked = [each.request for each in household.stage.ledger.sent]
    assert len(asked) == len(set(asked)) > 0  # the facility, nothing twice
    with household.store() as store:
        assert len(PlanStore(store).all()) == 2
    saved = post(anna, "/plans/new", {**GAME, "do": "save"})

    assert "Tue 2026-03-10 18:00-19:30  opens Tue 2026-03-03 08:00:00 PST = 16:00:00 UTC" in shown.text
    assert saved.location == "/plans"
    assert "Saved as plan 3" in anna.get("/plans").text
    with household.store() as store:
        (occurrence,) = PlanStore(store).occurrences(3)
        assert occurrence.opens_at.isoformat() == "2026-03-03T16:00:00+00:00"
    assert "Alice Marble: tennis" in anna.get("/").text


def test_nobody_fills_the_store_with_plans(household: Household, monkeypatch: pytest.MonkeyPatch) -> None:
    anna, undoing = household.client("anna"), household.client("ben")
    post(undoing, "/plans/2/remove")
    monkeypatch.setattr("webhook_server.pages.planning.MOST", 1)

    refused = post(anna, "/plans/new", {**GAME, "do": "save"})
    post(undoing, "/plans/undo")

    assert "1 plans are the most" in refused.text
    with household.store() as store:
        assert [stored.plan_id for stored in PlanStore(store).all()] == [1, 2]
    monkeypatch.setattr("webhook_server.pages.planning.MOST", 0)
    post(anna, "/plans/1/remove")
    post(anna, "/plans/undo")
    assert "0 plans are the most" in anna.get("/plans").text
    with household.store() as store:
        assert [stored.plan_id for stored in PlanStore(store).all()] == [2]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"date": "someday"}, "“Once, on”: &#39;someday&#39; is not a date"),
        ({"time": "6"}, "which is meant?"),
        ({"court": "Nowhere"}, "Nowhere"),
        ({"court": ""}, "“Facility, and its courts” is missing."),
        ({"every": "wed 6pm"}, "Give one of"),
        ({"court": "--wait-list"}, "--wait-list"),
        ({"date": "2020-01-01"}, "no slot in the future"),
    ],
)
def test_what_makes_no_sense_is_said_beside_what_was_typed(
    household: Household, changed: dict[str, str], said: str
) -> None:
    answer = post(household.client("anna"), "/plans/new", {**GAME, **changed, "do": "save"})

    assert answer.status_code == 400
    assert said in answer.text
    assert 'value="Alice Marble: Court 1"' in answer.text or "court" in changed
    with household.store() as store:
        assert len(PlanStore(store).all()) == 2


def test_a_plan_is_paused_resumed_skipped_and_removed_and_comes_back(household: Household) -> None:
    anna = household.client("anna")

    post(anna, "/plans/1/pause")
    paused = anna.get("/plans").text
    post(anna, "/plans/1/resume")
    post(anna, "/plans/1/skip", {"date": "9 mar"})
    skipped = anna.get("/plans/1").text
    post(anna, "/plans/1/unskip", {"date": "2026-03-09"})
    post(anna, "/plans/1/skip", {"date": "tue"})
    refused = anna.get("/plans/1").text
    post(anna, "/plans/1/remove")
    removed = anna.get("/plans").text
    post(anna, "/plans/undo")
    back = anna.get("/plans").text

    assert ">paused<" in paused
    assert "2026-03-09 is skipped" in skipped
    assert "has no slot on" in refused
    assert "Undo" in removed
    assert anna.get("/plans/1").status_code == 404
    assert "It is back, as plan 3" in back
    assert post(anna, "/plans/undo").status_code == 404
    with household.store() as store:
        assert [stored.plan_id for stored in PlanStore(store).all()] == [2, 3]


def test_a_code_goes_to_the_run_of_the_person_that_waits(household: Household) -> None:
    data = household.settings.data
    anna, ben = (Mailbox(data, f"20260301T000000-{name}", household.clock.now) for name in ("anna", "ben"))
    for each in (anna, ben):
        each.open()

    post(household.client("ben"), "/code", {"code": "123 456"})
    wrong = household.client("ben")
    post(wrong, "/code", {"code": "no code"})

    assert (anna.take(), ben.take()) == ([], ["123456"])
    assert "4 to 8 digits" in wrong.get("/code").text
    for each in (anna, ben):
        each.close()
    late = household.client("ben")
    post(late, "/code", {"code": "123456"})
    assert "No run here waits" in late.get("/code").text


def test_an_account_is_stored_belongs_to_whoever_stored_it_and_is_removed(household: Household) -> None:
    ben = household.client("ben")
    fields = {"system": USUAL, "RESERVE_EMAIL": "b@example.com", "RESERVE_PASSWORD": "s3cret-of-ben"}

    post(ben, "/accounts", {**fields, "name": "ben-two"})
    shown = ben.get("/accounts").text
    refused = post(ben, "/accounts", {**fields, "name": "../x", "RESERVE_EMAIL": "nonsense"}).text

    assert "ben-two" in shown
    assert "s3cret-of-ben" not in shown + refused
    assert "is no name" in refused
    assert "ben-two" not in household.client("anna").get("/accounts").text
    with secret_store(household.settings) as secrets:
        assert Accounts(secrets).read("ben-two")["RESERVE_PASSWORD"] == "s3cret-of-ben"
        player = player_of(Accounts(secrets).read("ben-two"), household.settings)
        StoredTokens(secrets, player).replace("that a run was given")
        assert len(secrets.names(TOKEN)) == 1
    post(ben, "/accounts/ben-two/remove")
    with secret_store(household.settings) as secrets:
        assert secrets.names(TOKEN) == []
        assert Accounts(secrets).names == ["anna-rec", "ben-rec"]


def test_whoever_stores_an_account_anew_has_its_plans_again(household: Household) -> None:
    ben, anna = household.client("ben"), household.client("anna")
    fields = {"system": USUAL, "name": "ben-rec", "RESERVE_EMAIL": "ben-rec@example.com"}
    fields |= {"RESERVE_PASSWORD": "another", "RESERVE_PHONE": "+14155550143"}

    post(ben, "/accounts/ben-rec/remove")
    said = ben.get("/accounts").text
    meanwhile = [ben.get("/plans/2").status_code, anna.get("/plans/2").status_code]
    taken = post(anna, "/accounts", {**fields, "RESERVE_EMAIL": "x@example.com", "RESERVE_PHONE": ""})
    added = post(ben, "/accounts", fields)

    assert meanwhile == [200, 404]
    assert "Plan 2 cannot be booked until you add it again, under the same name." in said
    assert "plans of somebody else are for" in unescape(taken.text).lower()
    assert added.status_code == 302
    assert "· ben-rec" in ben.get("/").text
    with secret_store(household.settings) as secrets:
        assert Accounts(secrets).read("ben-rec")["RESERVE_PASSWORD"] == "another"


def test_a_calendar_is_at_a_secret_address_until_that_is_switched_off(household: Household) -> None:
    anna, stranger = household.client("anna"), household.client()
    with household.store() as store:
        player = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), "anna-rec@example.com")
        record = Record(store, "20260302T000000-won", player, household.clock.now)
        record.begin(USUAL, "Alice Marble")
        record.end(0, "Reserved.")
    event = "BEGIN:VEVENT\r\nUID:a\r\nSEQUENCE:1\r\nDTSTART:20260309T010000Z\r\n"
    event += "SUMMARY:Court 1\r\nEND:VEVENT\r\n"
    file = f"BEGIN:VCALENDAR\r\nVERSION:2.0\r\nPRODID:x\r\n{event}END:VCALENDAR\r\n"
    RunFolder(household.settings.data, "20260302T000000-won", Secrets([])).keep_calendar(file)

    page = post(anna, "/calendar", {"do": "new"}).text
    address = page.partition("/calendar/")[2].partition(".ics")[0]
    feed = stranger.get(f"/calendar/{address}.ics")
    kept = anna.get("/accounts").text
    post(anna, "/calendar", {"do": "revoke"})

    assert "SUMMARY:Court 1" in feed.text
    assert feed.mimetype == "text/calendar"
    assert len(address) == 32
    assert address not in kept
    assert stranger.get(f"/calendar/{address}.ics").status_code == 404
    with household.store() as store:
        assert not any(person.calendar for person in People(store).all())


def test_a_run_under_way_is_shown_and_told_to_the_page_that_is_open(household: Household) -> None:
    anna = household.client("anna")
    with household.store() as store:
        player = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), "anna-rec@example.com")
        record = Record(store, "20260302T000000-live", player, household.clock.now)
        with record.kept(system=USUAL, request="Moscone, tennis", day="2026-03-09"):
            page, events = anna.get("/").text, anna.get("/events")
            told = events.text
            others = household.client("ben").get("/events").text

    assert "Moscone, tennis" in page
    assert events.mimetype == "text/event-stream"
    assert "Moscone, tennis" in told
    assert "getting ready" in told
    assert "Moscone" not in others
    assert "Moscone, tennis" not in anna.get("/").text


def test_many_runs_are_pages_of_twenty(household: Household) -> None:
    anna, clock = household.client("anna"), household.clock
    with household.store() as store:
        player = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), "anna-rec@example.com")
        for number in range(35):
            clock.sleep_until(clock.now() + timedelta(minutes=1))
            record = Record(store, f"20260302T{number:06}-x", player, clock.now)
            record.begin(USUAL, f"Game {number} of many")
            record.end(0 if number % 2 else 1, "It ended.", cause=None if number % 2 else "late")

    first = anna.get("/runs").text
    second = anna.get("/runs?before=20260302T000015-x").text
    late = anna.get("/runs?ended=lost&cause=late").text

    assert "Game 34 " in first
    assert "Game 14 " not in first
    assert "before=20260302T000015-x" in first
    assert "Game 4 " in second
    assert "Game 33 " not in late
    assert late.count('class="card run bad"') == 18
    assert ['id="totals"' in page for page in (first, second, late)] == [True, False, False]


def test_a_store_that_is_locked_is_said_in_a_sentence(
    household: Household, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(database, "BUSY", 1)
    client = household.client("anna")
    with closing(sqlite3.connect(household.settings.data / database.NAME)) as other:
        other.execute("BEGIN IMMEDIATE")
        answer = post(client, "/calendar", {"do": "revoke"})

    assert answer.status_code == 503
    assert "The store does not answer now; look what was done, and try again." in answer.text
    assert "Traceback" not in caplog.text
    assert caplog.messages[-1] == "/calendar failed: the store does not answer: database is locked"


def test_an_account_that_makes_no_sense_is_typed_only_once_but_for_its_password(household: Household) -> None:
    typed = {"system": USUAL, "name": "mine", "RESERVE_EMAIL": "b@example.com", "RESERVE_PHONE": "of mum"}

    refused = post(household.client("ben"), "/accounts", {**typed, "RESERVE_PASSWORD": "s3cret-of-ben"})

    assert refused.status_code == 400
    assert "is not a phone number" in refused.text
    assert refused.text.count('<details class="card" open>') == 1
    assert all(
        f'value="{typed[name]}"' in refused.text for name in ("name", "RESERVE_EMAIL", "RESERVE_PHONE")
    )
    assert "s3cret-of-ben" not in refused.text

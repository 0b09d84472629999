"""Plans on the page: every kind is added, shown before it is kept, edited and put back."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from html import unescape
from pathlib import Path
from typing import Any

import pytest
from flask.testing import FlaskClient
from werkzeug.datastructures import MultiDict
from werkzeug.test import TestResponse

from reserve.commands.store import secret_store
from reserve.errors import UsageError
from reserve.plans.due import plan_of
from reserve.plans.plan import Choice, Plan
from reserve.storage.people import People
from reserve.storage.plans import PlanStore
from reserve.storage.secrets import Accounts
from tests.systems.test_ntnui import Stage as SiteStage
from tests.webhook.pages.conftest import PASSWORD, Household, post, token_in
from webhook_server.pages import facilities
from webhook_server.pages.facilities import FOLDER, FRESH, Facilities
from webhook_server.pages.plan_form import edits_in, form_of
from webhook_server.pages.saying import said

MARBLE = {"court": "Alice Marble: Court 1", "account": "anna-rec"}
GAME = {**MARBLE, "date": "+8", "time": "6pm-7:30pm"}
TUESDAY = datetime(2026, 3, 10, 18)  # noqa: DTZ001
ONCE = Plan((Choice("Alice Marble", ("Court 1",)),), timedelta(minutes=90), TUESDAY, account="anna-rec")
WEEKLY = replace(ONCE, rule="FREQ=WEEKLY;BYDAY=TU,TH;BYHOUR=18;BYMINUTE=0", until=date(2026, 6, 30))
RULE = replace(ONCE, rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=TU;BYHOUR=18;BYMINUTE=0")
CHOICES = (Choice("Alice Marble", ("Court 1, new", "Court 2"), (time(20),)), Choice("Moscone"))
EVERYTHING = replace(WEEKLY, choices=CHOICES, max_price=Decimal("12.50"), wait_list=True)
SESSION = replace(ONCE, choices=(Choice(""),), system="ntnui", sport="tennis", link="https://x.example/1")


def edit(client: FlaskClient, number: int, fields: Mapping[str, str]) -> TestResponse:
    """The answer to the form for a plan, opened now."""
    seen = re.search(r'name="seen" value="(\w+)"', client.get(f"/plans/{number}/edit").text)
    assert seen
    return post(client, f"/plans/{number}/edit", {"seen": seen[1], **fields})


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        (
            {"date": "+8", "time": "6pm-7:30pm"},
            "Tue 2026-03-10 18:00-19:30  opens Tue 2026-03-03 08:00:00 PST",
        ),
        ({"every": "tue 6pm-7:30pm"}, "Tue 2026-03-10 18:00-19:30  opens Tue 2026-03-03 08:00:00 PST"),
        ({"rrule": "FREQ=WEEKLY;BYDAY=TU;BYHOUR=18", "end": "19:30"}, "BYHOUR=18, 90 minutes"),
        ({"date": "+8", "time": "18:00", "wait_list": "1"}, "18:00-19:30  opens"),
    ],
)
def test_every_kind_of_plan_is_shown_with_its_opening_and_then_kept(
    household: Household, fields: dict[str, str], said: str
) -> None:
    anna = household.client("anna")

    shown = post(anna, "/plans/new", {**MARBLE, **fields, "do": "preview"})
    saved = post(anna, "/plans/new", {**MARBLE, **fields, "do": "save"})

    assert said in shown.text
    assert "opens Tue 2026-03-03 08:00:00 PST" in shown.text
    assert saved.location == "/plans"
    with household.store() as store:
        kept = PlanStore(store).get(3)
    assert kept is not None
    assert kept.body.get("wait_list", False) is ("wait_list" in fields)


def test_a_plan_is_edited_in_its_own_form_shown_first_and_put_back(household: Household) -> None:
    anna = household.client("anna")
    post(anna, "/plans/new", {**GAME, "do": "save"})
    form = anna.get("/plans/3/edit").text
    change = {**GAME, "date": "+9", "time": "18:00-19:30", "court": "Alice Marble: Court 2", "wait_list": "1"}

    shown = edit(anna, 3, {**change, "do": "preview"}).text
    with household.store() as store:
        before = PlanStore(store).get(3)
    edit(anna, 3, {**change, "do": "save"})
    page = anna.get("/plans/3").text
    with household.store() as store:
        (moved,) = PlanStore(store).occurrences(3)
    post(anna, "/plans/undo")
    back = anna.get("/plans/3").text

    assert 'value="2026-03-10"' in form
    assert 'value="18:00-19:30"' in form
    assert 'value="Alice Marble: Court 1"' in form
    assert "when: 2026-03-10 18:00 -&gt; 2026-03-11 18:00" in shown
    assert "waiting list: no -&gt; yes" in shown
    assert "opens Wed 2026-03-04 08:00:00 PST" in shown
    assert "Changed plan 3" in page
    assert "courts: Court 1 -&gt; Court 2" in page
    assert moved.opens_at.isoformat() == "2026-03-04T16:00:00+00:00"
    assert "Plan 3 is as it was before." in back
    assert "Undo" not in back
    with household.store() as store:
        after, (opening,) = PlanStore(store).get(3), PlanStore(store).occurrences(3)
    assert before is not None
    assert after == replace(before, looked=None)
    assert opening.opens_at.isoformat() == "2026-03-03T16:00:00+00:00"


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({}, "Nothing is to be changed."),
        ({"court": "Nowhere"}, "no facility is called"),
        ({"court": ""}, "“Facility, and its courts” is missing."),
        ({"every": "wed"}, "Give one of “Every”, “A rule (RFC 5545)” and “Once, on”."),
        ({"account": "ben-rec"}, "Choose one of your accounts."),
        ({"date": "2020-01-01"}, "no slot in the future"),
    ],
)
def test_an_edit_that_makes_no_sense_changes_nothing(
    household: Household, changed: dict[str, str], said: str
) -> None:
    anna = household.client("anna")
    post(anna, "/plans/new", {**GAME, "do": "save"})
    with household.store() as store:
        before = PlanStore(store).get(3)

    form = {**GAME, "date": "2026-03-10", "time": "18:00-19:30", **changed, "do": "save"}
    answer = edit(anna, 3, form)

    assert answer.status_code == 400
    assert said in answer.text
    with household.store() as store:
        assert PlanStore(store).get(3) == before


@pytest.mark.parametrize("meanwhile", [{"body": {}}, {"is_paused": True}])
def test_what_somebody_else_did_to_a_plan_meanwhile_is_not_undone(
    household: Household, meanwhile: dict[str, Any]
) -> None:
    anna = household.client("anna")
    post(anna, "/plans/new", {**GAME, "do": "save"})
    edit(anna, 3, {**GAME, "date": "+9", "do": "save"})
    with household.store() as store:
        before = PlanStore(store).get(3)
        assert before is not None
        if "body" in meanwhile:
            meanwhile = {"body": {**before.body, "max_price": "7.00"}}
        PlanStore(store).change(3, **meanwhile)
        changed = PlanStore(store).get(3)

    post(anna, "/plans/undo")

    assert "Plan 3 was changed or removed meanwhile, and is left as it is now" in anna.get("/plans/3").text
    with household.store() as store:
        assert PlanStore(store).get(3) == changed


@pytest.mark.parametrize("do", ["preview", "save"])
def test_a_form_that_was_open_while_its_plan_changed_undoes_nothing(household: Household, do: str) -> None:
    anna = household.client("anna")
    post(anna, "/plans/new", {**GAME, "do": "save"})
    seen = re.search(r'name="seen" value="(\w+)"', anna.get("/plans/3/edit").text)
    assert seen
    with household.store() as store:
        kept = PlanStore(store).get(3)
        assert kept is not None
        PlanStore(store).change(3, body={**kept.body, "max_price": 7.0})
        changed = PlanStore(store).get(3)

    form = {**GAME, "date": "2026-03-10", "court": "Alice Marble: Court 2", "max_price": "", "seen": seen[1]}
    late = post(anna, "/plans/3/edit", {**form, "do": do})

    assert late.status_code == 400
    assert "Plan 3 was changed or removed meanwhile, and is left as it is now; look at it" in late.text
    assert 'value="Alice Marble: Court 2"' in late.text
    with household.store() as store:
        assert PlanStore(store).get(3) == changed


def test_a_plan_that_this_version_cannot_read_comes_back_as_it_was(household: Household) -> None:
    anna = household.client("anna")
    with household.store() as store:
        kept = PlanStore(store).get(1)
        assert kept is not None
        later = {**kept.body, "of_a_later_version": True}
        PlanStore(store).change(1, body=later)

    post(anna, "/plans/1/remove")
    post(anna, "/plans/undo")

    with household.store() as store:
        assert [stored.body for stored in PlanStore(store).all()][-1] == later


def test_a_plan_that_comes_back_does_not_book_again_what_it_has_served(household: Household) -> None:
    anna, week = household.client("anna"), timedelta(days=7)
    post(anna, "/plans/new", {**MARBLE, "every": "tue 6pm-7:30pm", "do": "save"})
    with household.store() as store:
        (first,) = PlanStore(store).occurrences(3)
        household.clock.sleep_until(first.opens_at)
        (claimed,) = PlanStore(store).claim(household.clock.now(), "us", first.opens_at + week)
        PlanStore(store).end(
            claimed, ended=household.clock.now(), exit_code=0, sentence="Reserved.", run_id=None
        )  # and then it was cancelled

    post(anna, "/plans/3/remove")
    post(anna, "/plans/undo")

    with household.store() as store:
        following, served = PlanStore(store).occurrences(PlanStore(store).all()[-1].plan_id)
    assert (served.starts_at, served.sentence) == (first.starts_at, "Reserved.")
    assert served.ended is not None
    assert (following.opens_at, following.ended) == (first.opens_at + week, None)


def test_nobody_edits_the_plan_of_another_nor_undoes_it(household: Household) -> None:
    ben = household.client("ben")

    assert ben.get("/plans/1/edit").status_code == 404
    assert post(ben, "/plans/1/edit", {**GAME, "do": "save"}).status_code == 404
    assert post(ben, "/plans/undo").status_code == 404


@pytest.mark.parametrize("why", ["another change came after it", "its account is another's", "it is long"])
def test_what_cannot_be_had_back_any_more_is_not_offered(household: Household, why: str) -> None:
    anna = household.client("anna")
    with household.store() as store:
        kept = PlanStore(store).get(1)
        assert kept is not None
        long = {**kept.body, "choices": [{"facility": f"Court {7**number}"} for number in range(99)]}
        PlanStore(store).add([long if why == "it is long" else kept.body])
        post(anna, "/plans/3/remove")
        if why == "another change came after it":
            post(anna, "/plans/1/pause")
        if why == "its account is another's":
            People(store).give("ben", ["anna-rec"])

        assert post(anna, "/plans/undo").status_code == 404
        assert len(PlanStore(store).all()) == 2


def test_a_plan_whose_account_is_gone_is_not_edited_without_another_one(household: Household) -> None:
    with secret_store(household.settings) as secrets:
        Accounts(secrets).remove("anna-rec", None)
    with household.store() as store:
        before = PlanStore(store).get(1)
    assert before is not None

    form = form_of(plan_of(before)).to_dict() | {"max_price": "5", "do": "save"}
    answer = edit(household.client("anna"), 1, form)

    assert answer.status_code == 400
    assert "Choose one of your accounts." in answer.text
    assert household.stage.ledger.sent == []


def test_a_plan_that_is_there_already_is_named_to_its_person_and_is_not_its_own_twin(
    household: Household,
) -> None:
    anna, weekly = household.client("anna"), {**MARBLE, "every": "tue 6pm-7:30pm"}
    post(anna, "/plans/new", {**weekly, "do": "save"})

    again = post(anna, "/plans/new", {**weekly, "do": "preview"}).text
    itself = edit(anna, 3, {**weekly, "skip": "2026-03-17", "do": "preview"}).text

    assert "Plan 3 is the same already." in again
    assert "2026-03-17" in itself
    assert "is the same already" not in itself


def test_a_plan_cannot_be_given_to_the_account_of_the_settings_by_whoever_does_not_own_that(
    household: Household,
) -> None:
    with household.store() as store:
        before = PlanStore(store).get(2)
    assert before is not None

    form = form_of(plan_of(before)).to_dict() | {"account": "", "do": "save"}
    answer = edit(household.client("ben"), 2, form)

    assert answer.status_code == 400
    assert "Choose one of your accounts." in answer.text
    assert household.stage.ledger.sent == []
    with household.store() as store:
        assert PlanStore(store).get(2) == before


@pytest.mark.parametrize("plan", [ONCE, WEEKLY, RULE, EVERYTHING, SESSION], ids=lambda plan: plan.when)
def test_a_form_that_nobody_touched_says_nothing_else_than_its_plan(plan: Plan) -> None:
    assert edits_in(form_of(plan), plan) == []


@pytest.mark.parametrize(
    ("plan", "typed", "words"),
    [
        (ONCE, {"time": "19:00-20:00"}, ["--start-time=19:00-20:00"]),
        (ONCE, {"date": "", "every": "wed"}, ["--every=wed"]),
        (WEEKLY, {"every": "Tue 18:00-19:30"}, ["--every=Tue 18:00-19:30"]),
        (WEEKLY, {"until": ""}, ["--without=until"]),
        (EVERYTHING, {"max_price": "", "wait_list": ""}, ["--without=max-price", "--without=wait-list"]),
        (EVERYTHING, {"court": "Moscone"}, ["--court=Moscone"]),
        (SESSION, {"link": "https://x.example/2"}, ["--link=https://x.example/2"]),
        (ONCE, {"account": ""}, ["--without=account"]),
    ],
)
def test_what_was_typed_is_what_plan_edit_would_be_told(
    plan: Plan, typed: dict[str, str], words: list[str]
) -> None:
    form = MultiDict(form_of(plan))
    for name, text in typed.items():
        form[name] = text

    assert edits_in(form, plan) == words


def test_facilities_are_a_choice_that_is_read_in_the_background_and_says_how_old_it_is(
    household: Household,
) -> None:
    anna = household.client("anna")

    first = anna.get("/plans/new").text
    asked = len(household.stage.simulated.ledger.sent)
    (read,) = household.aside
    read()
    then = anna.get("/plans/new").text
    household.clock.sleep(timedelta(hours=30))
    later = household.client("anna").get("/plans/new").text

    assert asked == 0
    assert "The facilities of recus are being looked up; until then type the name." in first
    assert '<option value="Alice Marble">' in then
    assert "of recus to choose from, read 0 s ago." in then
    assert '<option value="Alice Marble">' in later
    assert "read 1 d ago" in later
    assert len(household.aside) == 2


def test_a_system_that_cannot_be_asked_is_named_and_any_facility_can_be_typed(household: Household) -> None:
    anna, apps = household.client("anna"), household.stage.apps
    working = dict(apps)
    apps.clear()

    anna.get("/plans/new")
    household.aside.pop()()
    page = anna.get("/plans/new").text
    apps.update(working)
    shown = post(anna, "/plans/new", {**GAME, "do": "preview"})

    assert "recus cannot be asked now: " in page
    assert page.count("type it.") == 1
    assert household.aside == []
    assert "opens Tue 2026-03-03 08:00:00 PST" in shown.text


def test_the_courts_of_a_facility_are_offered_once_it_is_known(household: Household) -> None:
    shown = post(household.client("anna"), "/plans/new", {**GAME, "do": "preview"}).text

    assert '<option value="Alice Marble: Court 2">' in shown
    assert "<summary>Courts of Alice Marble</summary>" in shown


NAMED = '{"names": ["Alice Marble"], "host": '


@pytest.mark.parametrize(
    "content",
    [
        *("", "[]", "{}", '{"host": 1, "names": 3, "read": "x"}', "\x00"),
        NAMED + '"elsewhere.example", "read": "2026-03-02T15:00:00+00:00"}',
        NAMED + '"www.rec.us", "read": "2026-03-02T15:00:00"}',
    ],
)
def test_a_list_of_facilities_that_is_garbled_is_read_anew(household: Household, content: str) -> None:
    folder = household.settings.data / FOLDER
    folder.mkdir()
    (folder / "recus.json").write_text(content)

    assert "are being looked up" in household.client("anna").get("/plans/new").text
    assert len(household.aside) == 1


def test_of_a_list_of_facilities_only_names_are_offered_until_it_can_be_read_again(
    household: Household, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(facilities, "MOST", 2)
    answers: list[list[str] | Exception] = [["A", 301 * "B", "C\n", "D", "E"], ValueError("canary"), ["F"]]

    def read(*_: object) -> list[str]:
        answer = answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        return answer

    monkeypatch.setattr(facilities, "facilities", read)
    lists = household.pages.extensions["house"].facilities
    found = []
    while answers:
        lists.known(["recus"])
        household.works()
        found += lists.known(["recus"])
        household.clock.sleep(FRESH)

    assert [each.names for each in found] == [("A", "D"), ("A", "D"), ("F",)]
    assert [each.trouble for each in found] == [None, "a bug; the log of the service says more", None]


def test_the_link_of_a_session_is_pasted_or_chosen(household: Household, tmp_path: Path) -> None:
    site, anna = SiteStage(tmp_path / "site", opens_at=household.stage.opens_at), household.client("anna")
    house = household.pages.extensions["house"]
    where = {"NTNUI_URL": "https://site.example"}
    house.connect, house.clock = site.connect, site.clock
    house.settings = replace(house.settings, system="ntnui", of_systems=where)
    house.facilities = Facilities(house.settings, site.clock, site.connect)
    house.facilities.aside = lambda call: call()

    anna.get("/plans/new")
    form = anna.get("/plans/new").text
    links = re.findall(r'<option value="(https://[^"]*)">', form)
    start = re.search(r"spilletid=(\d{4})(\d\d)(\d\d)T(\d\d:\d\d)", links[-1])
    assert start
    game = {"system": "ntnui", "account": "", "link": unescape(links[-1]), "do": "preview"}
    shown = post(anna, "/plans/new", game)

    assert len(links) > 1
    assert f"{len(links)} sessions of ntnui to choose from" in form
    assert re.search(rf"{'-'.join(start.groups()[:3])} {start[4]}-\d\d:\d\d  opens ", shown.text)


def test_what_was_typed_outlives_the_session(household: Household) -> None:
    client, typed = household.client("anna"), {"court": ["Alice Marble", "Moscone"], "every": "wed & fri 6pm"}
    other = household.client()

    signed_out = other.post("/plans/new", data={**typed, "do": "save", "csrf_token": "of before"})
    page = signed_out.headers["Location"]
    token = token_in(other, page)
    fields = {"name": "anna", "password": PASSWORD, "csrf_token": token}
    back = other.post(page, data=fields, follow_redirects=True).text
    too_old = client.post("/plans/new", data={**typed, "do": "save", "csrf_token": "of before"})
    link = re.search(r'class="button" href="([^"]+)"', too_old.text)

    assert signed_out.status_code == 302
    assert too_old.status_code == 400
    assert "wed &amp; fri 6pm" in back
    assert "Moscone" in back
    assert link
    assert "wed &amp; fri 6pm" in client.get(unescape(link[1])).text
    with household.store() as store:
        assert len(PlanStore(store).all()) == 2


def test_the_field_that_is_wrong_is_marked(household: Household) -> None:
    answer = post(household.client("anna"), "/plans/new", {**GAME, "time": "6 at night"}).text

    assert re.findall('name="([a-z_]+)" aria-invalid="true"', answer) == ["time"]
    assert "“From”: &#39;6 at night&#39; is not a time" in answer
    assert "“Facility, and its courts”: Alice Marble has no" in said(
        UsageError("--only: Alice Marble has no tennis court 'Court 9'")
    )


def test_a_browser_can_go_back_to_a_plan_that_was_looked_at_until_it_signs_out(household: Household) -> None:
    client = household.client("anna")

    looked = post(client, "/plans/new", GAME)
    left = post(client, "/sign-out")

    assert looked.status_code == 200
    assert looked.headers["Cache-Control"] == "private, no-cache"
    assert client.get("/plans").headers["Cache-Control"] == "no-store"
    assert left.headers["Clear-Site-Data"] == '"cache"'

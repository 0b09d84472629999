"""Every route that the pages have, by their own list: one that is new is tried here, too."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from urllib.parse import quote

import pytest
from flask.testing import FlaskClient
from sqlalchemy import select
from werkzeug.routing import Rule

from reserve.storage.schema import SCHEMA
from tests.stage import OPENS_AT
from tests.webhook.pages.conftest import SCRIPT, Household, token_in
from tests.webhook.pages.test_guard import ARGUMENTS, routes
from webhook_server.access import is_read_anywhere

# What a stranger may get, and what is nobody's: whoever adds to this has to say why.
IS_OPEN = {"/sign-in", "/static/<path:filename>", "/healthz", "/calendar/<secret>.ics", "/metrics"}
OF_NOBODY = {"secret", "filename"}  # arguments that are about no person
ANNAS = ("anna-rec", "20260301T000000-anna", "anna-rec@example.com")
OTHER_METHODS = ("HEAD", "OPTIONS", "PUT", "DELETE", "PATCH", "TRACE", "PROPFIND")
BREAK, NUL = "x\r\nX-Injected: 1", "x\0"


def stored(household: Household) -> dict[str, list[object]]:
    """Everything in the store but who is signed in."""
    with household.store() as store, store.engine.connect() as connection:
        names = SCHEMA.tables.keys() - {"sessions", "sign_ins"}
        return {name: [*connection.execute(select(SCHEMA.tables[name])).all()] for name in names}


def private(household: Household) -> list[tuple[str, str, Rule]]:
    """The routes that are for a person who is signed in."""
    return [each for each in routes(household) if each[2].rule not in IS_OPEN]


class Forms(HTMLParser):
    """The forms of a page: where each is sent, and its fields."""

    def __init__(self, path: str, text: str) -> None:
        super().__init__()
        self.path, self.found = path, list[tuple[str, dict[str, str]]]()
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = {name: value or "" for name, value in attrs}
        if tag == "form" and said.get("method") == "post":
            self.found.append((said.get("action") or self.path, {}))
        elif tag in ("input", "select", "textarea") and self.found and "name" in said:
            kept = said.get("type") == "hidden" or tag == "select"
            self.found[-1][1][said["name"]] = said.get("value", "") if kept else SCRIPT


def forms(client: FlaskClient, household: Household) -> Iterator[tuple[str, dict[str, str]]]:
    """Every form that a person finds on a page that has an address of its own."""
    for method, path, _ in private(household):
        if method == "GET":
            with client.get(path) as answer:
                if answer.mimetype == "text/html":
                    yield from Forms(path, answer.get_data(as_text=True)).found


def test_what_is_somebody_elses_is_not_there_by_any_route(household: Household) -> None:
    anna, ben = household.client("anna"), household.client("ben")
    token, before = token_in(ben, "/code"), stored(household)
    about = [each for each in private(household) if each[2].arguments - OF_NOBODY]

    seen = {
        (method, path): ben.open(path, method=method, data={"csrf_token": token, "date": "2026-03-09"})
        for method, path, _ in about
    }

    assert len(about) >= 12
    assert {each: answer.status_code for each, answer in seen.items() if answer.status_code != 404} == {}
    assert stored(household) == before
    for method, path, rule in private(household):
        if method == "GET":
            with ben.get(path) as answer:
                named = [name for name in ANNAS if name in answer.get_data(as_text=True).replace(path, "")]
            assert named == [], rule
            if "id" not in path and not rule.rule.endswith("/cancel"):  # which needs a booking
                assert anna.get(path).status_code == 200, path  # so it is there, and hers


def test_no_page_that_is_looked_at_changes_anything(household: Household) -> None:
    client, before = household.client("anna"), stored(household)

    for method, path, _ in routes(household):
        if method == "GET":
            client.get(path).close()
            client.head(path).close()

    assert stored(household) == before


class Forgotten:
    """What a process does not have in its memory; whoever asks for it fails."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"{name}: another process knows")


def test_what_any_process_answers_needs_nothing_that_one_of_them_remembers(household: Household) -> None:
    client, house = household.client("anna"), household.pages.extensions["house"]
    kept = {name: getattr(house, name) for name in ("background", "facilities")}
    anywhere = [(path, rule) for method, path, rule in routes(household) if is_read_anywhere(method, path)]

    vars(house).update(dict.fromkeys(kept, Forgotten()))
    codes = dict[str, int]()
    for path, _ in anywhere:
        with client.get(path) as answer:
            codes[path] = answer.status_code
    vars(house).update(kept)

    assert set(codes.values()) == {200}, codes
    assert {rule.endpoint for _, rule in anywhere} == {
        *(
            "coming_up",
            "all_plans",
            "one_plan",
            "what_happened",
            "one_run",
            "events",
            "static",
            "picture_style",
        )
    }


def test_no_method_is_a_way_around(household: Household) -> None:
    stranger, ben, before = household.client(), household.client("ben"), stored(household)

    for _, path, rule in private(household):
        for client in (stranger, ben):
            for method in OTHER_METHODS:
                with client.open(path, method=method) as answer:
                    assert not any(name in answer.get_data(as_text=True) for name in ANNAS), (method, path)
                    allowed = {302, 400, 401, 404, 405} | ({200} if client is ben else set())
                    assert answer.status_code in allowed, (method, path, answer.status_code)
                    if method not in ("HEAD", "OPTIONS"):
                        assert answer.status_code in (400, 404, 405), (method, path)
        assert "TRACE" not in (rule.methods or set())
    assert stored(household) == before


def test_every_form_that_is_too_long_or_has_too_many_fields_is_refused(household: Household) -> None:
    client, before = household.client("anna"), stored(household)
    token = token_in(client, "/code")

    for method, path, rule in private(household):
        if method == "POST":
            long = client.post(path, data={"csrf_token": token, "x": "x" * 40_000})
            parts = {"csrf_token": token, **{f"f{number}": "x" for number in range(60)}}
            many = client.post(path, data=parts, content_type="multipart/form-data")
            assert (long.status_code, many.status_code) == (413, 413), rule

    assert stored(household) == before


def test_nothing_that_is_sent_becomes_a_header_or_leads_elsewhere(household: Household) -> None:
    client, adapter = household.client("anna"), household.pages.url_map.bind("localhost")
    token, hosts = token_in(client, "/code"), {"Host": "localhost"}

    for method, path, rule in routes(household):
        paths = [path]
        if words := [name for name in rule.arguments if isinstance(ARGUMENTS[name], str)]:
            ways = {name: ARGUMENTS[name] for name in rule.arguments}
            paths += [
                adapter.build(rule.endpoint, {**ways, name: value})
                for name in words
                for value in (BREAK, "..")
            ]
        for each in paths:
            evil = quote(BREAK)
            asked = f"{each}?next={evil}&id={evil}&before={evil}&after=-{10**30}&from={10**30}&since=x"
            fields = {"csrf_token": token, "next": BREAK, "date": BREAK, "link": BREAK, "do": BREAK}
            data = fields if method == "POST" and rule.endpoint != "sign_out" else None
            with client.open(asked, method=method, data=data, headers=hosts) as answer:
                assert answer.status_code < 500, asked
                assert "X-Injected" not in answer.headers
                assert not any("X-Injected: 1" in value.splitlines()[1:] for _, value in answer.headers)
                assert re.match(r"/(?![/\\])", answer.headers.get("Location", "/")), asked


def test_what_postgresql_cannot_be_asked_for_is_refused(household: Household) -> None:
    anna, stranger, adapter = household.client("anna"), household.client(), household.pages.url_map.bind("")
    tokens = {client: token_in(client, "/sign-in") for client in (anna, stranger)}

    for method, path, rule in routes(household):
        words = {name: NUL if isinstance(ARGUMENTS[name], str) else 1 for name in rule.arguments}
        for client, token in tokens.items():
            data = {"csrf_token": token, "name": NUL, "id": NUL} if method == "POST" else None
            for each in (adapter.build(rule.endpoint, words), f"{path}?before={quote(NUL)}&id={quote(NUL)}"):
                if data or quote(NUL) in each:
                    with client.open(each, method=method, data=data) as answer:
                        assert answer.status_code in (400, 404), (method, each)


def test_no_address_is_mended_by_leading_elsewhere(household: Household) -> None:
    for path in ("/static//x", "/plans//new", "/runs/"):
        with household.client("anna").get(path, headers={"Host": "localhost"}) as answer:
            assert (answer.status_code, answer.headers.get("Location")) == (404, None), path


def test_no_form_gives_back_a_script(household: Household) -> None:
    client, asked = household.client("anna"), dict[str, dict[str, str]]()
    household.clock.sleep_until(OPENS_AT)  # before, a run is about to begin, and some forms are not there
    for action, fields in forms(client, household):
        asked[action] = {**asked.get(action, {}), **fields}
    posts = {rule.rule for method, _, rule in private(household) if method == "POST"}
    matched = {household.pages.url_map.bind("").match(path, "POST", True)[0].rule for path in asked}
    hidden = {"/accounts/<name>/bookings/cancel", "/plans/undo"}  # of what is not there yet

    assert posts - matched <= hidden
    for action, fields in sorted(asked.items(), key=lambda each: "remove" in each[0]):
        if action != "/sign-out":
            answer = client.post(action, data=fields, follow_redirects=True)
            assert SCRIPT not in answer.text, action
            assert answer.status_code in (200, 400, 404), (action, answer.status_code)


def test_no_secret_of_an_address_is_logged(household: Household, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.DEBUG)
    client = household.client()

    for method, path, _ in routes(household):
        client.open(f"{path.replace('guess', 'canary-1')}?next=canary-2", method=method).close()
    client.post("/sign-in", data={"csrf_token": "canary-3", "name": "canary-4", "password": "canary-5"})

    assert caplog.records
    assert "canary" not in caplog.text

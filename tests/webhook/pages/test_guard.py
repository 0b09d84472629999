"""What pages give to whom: nothing to strangers, nothing of others, and nothing to other people's pages."""

from __future__ import annotations

import re
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from shutil import copytree
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

import pytest
from flask import Flask
from flask.testing import FlaskClient
from werkzeug.routing import Rule

from reserve.commands.wiring import host_of
from reserve.settings import read_settings
from reserve.storage.people import NOBODYS, People
from reserve.storage.plans import PlanStore
from reserve.storage.runs import Record, player_key
from reserve.storage.sign_ins import EACH, SIGNED_IN_FOR, WHILE, SignIns
from reserve.systems import PROFILES, USUAL
from tests.fakes import FakeClock
from tests.webhook.pages.conftest import (
    CANARY,
    PASSWORD,
    SCRIPT,
    TOKEN,
    Household,
    add_pages,
    post,
    token_in,
)
from webhook_server import create_app, serve
from webhook_server.pages.guard import KEY_FILE, knows, ours
from webhook_server.pages.house import House

ARGUMENTS = {
    "number": 1,
    "do": "remove",
    "run_id": "20260301T000000-anna",
    "name": "anna-rec",
    "secret": "guess",
    "filename": "style.css",
}


def routes(household: Household) -> list[tuple[str, str, Rule]]:
    """Every method and address of the pages."""
    adapter = household.pages.url_map.bind("localhost")
    return [
        (method, adapter.build(rule.endpoint, {name: ARGUMENTS[name] for name in rule.arguments}), rule)
        for rule in household.pages.url_map.iter_rules()
        for method in sorted((rule.methods or set()) & {"GET", "POST"})
    ]


def crawl(client: FlaskClient) -> Iterator[tuple[str, str]]:
    """Every page that a person comes to by links, and what it says."""
    known, ahead = {"/"}, ["/"]
    while ahead:
        path = ahead.pop()
        answer = client.get(path)
        assert answer.status_code == 200, path
        yield path, answer.text + str(answer.headers)
        for link in re.findall(r'href="(/[^"#]*)"', answer.text):
            link = link.replace("&amp;", "&")
            if link not in known and not link.startswith("/static"):
                known.add(link)
                ahead.append(link)


def test_who_is_not_signed_in_gets_the_sign_in_page_and_nothing_else(household: Household) -> None:
    client, seen = household.client(), {}
    for method, path, rule in routes(household):
        with client.open(path, method=method) as answer:
            said = answer.get_data(as_text=True)
        seen[method, rule.rule] = answer.status_code
        assert "anna" not in said or answer.status_code == 302, path  # as the address says
        assert answer.status_code != 302 or answer.location.startswith("/sign-in"), path

    is_open = {("GET", "/sign-in"), ("GET", "/static/<path:filename>"), ("GET", "/healthz")}
    assert {each for each, status in seen.items() if status == 200} == is_open
    assert {status for each, status in seen.items() if each not in is_open} <= {302, 400, 401, 404}


def test_texts_and_codes_are_served_as_before(household: Household) -> None:
    client = household.client()

    taken = client.post(f"/webhook/{TOKEN}/forwarder", json={"from": "x", "text": "Your rec code is 482913"})

    assert client.get("/health").json == {"texts": 1, "age_seconds": 0.0}
    assert taken.status_code == 200
    assert client.get("/newest?phonenumber=4155550142").status_code == 401
    assert "Set-Cookie" not in taken.headers
    assert "Content-Security-Policy" not in taken.headers


def test_without_pages_there_are_none(tmp_path: Path, clock: FakeClock) -> None:
    alone = create_app(data=tmp_path, token=TOKEN, loopback=True, now=clock.now)

    answers = [alone.test_client().get(path) for path in ("/", "/sign-in", "/metrics", "/healthz")]

    alone.extensions["inbox"].close()
    assert {answer.status_code for answer in answers} == {404}


def test_every_form_refuses_a_missing_or_a_foreign_token(household: Household) -> None:
    client, foreign = household.client("anna"), token_in(household.client("ben"), "/code")
    token_in(client, "/code")
    forms = [path for method, path, _ in routes(household) if method == "POST"]

    answers = [client.post(path, data=fields) for path in forms for fields in ({}, {"csrf_token": foreign})]

    assert len(forms) >= 8
    assert {answer.status_code for answer in answers} == {400}
    with household.store() as store:
        assert len(PlanStore(store).all()) == 2


def test_what_is_somebody_elses_is_not_there(household: Household) -> None:
    ben, anna = household.client("ben"), household.client("anna")

    theirs = [ben.get("/plans/1"), ben.get("/runs/20260301T000000-anna"), ben.get("/plans/99")]
    theirs += [post(ben, f"/plans/1/{do}", {"date": "2026-03-09"}) for do in ("pause", "skip", "remove")]
    theirs += [
        post(ben, "/accounts/anna-rec/remove"),
        anna.get("/plans/2"),
        anna.get("/runs/20260301T000000-ben"),
    ]

    assert {answer.status_code for answer in theirs} == {404}
    for client, other in ((ben, "anna-rec"), (anna, "ben-rec")):
        assert not [path for path, text in crawl(client) if other in text]
    assert ben.get("/plans/2").status_code == 200
    assert ben.get("/runs/20260301T000000-ben").status_code == 200
    refused = post(
        ben, "/plans/new", {"date": "2026-03-09", "time": "18:00", "court": "x", "account": "anna-rec"}
    )
    assert "Choose one of your accounts" in refused.text
    fields = {"RESERVE_EMAIL": "a@b.example", "RESERVE_PASSWORD": "x"}
    taken = post(ben, "/accounts", {"name": "anna-rec", "system": "recus", **fields})
    assert "choose another name" in taken.text


@pytest.mark.parametrize("account", ["anna-rec", "", "nobodys", "../anna-rec"])
@pytest.mark.parametrize("path", ["/plans/new", "/plans/2/edit"])
def test_nobody_plans_for_an_account_that_is_not_theirs(
    household: Household, path: str, account: str
) -> None:
    ben = household.client("ben")
    game = {"date": "+8", "time": "6pm-7:30pm", "court": "Alice Marble: Court 1", "account": account}

    for do in ("preview", "save"):
        refused = post(ben, path, {**game, "do": do})
        assert refused.status_code == 400
        assert "anna-rec" not in refused.text.replace(f"selected>{account}<", "")

    with household.store() as store:
        assert [each.body["account"] for each in PlanStore(store).all()] == ["anna-rec", "ben-rec"]


def test_nobody_comes_to_what_is_somebody_elses_by_an_account_like_theirs(household: Household) -> None:
    ben, anna = household.client("ben"), household.client("anna")
    fields = {"system": USUAL, "RESERVE_EMAIL": " Anna-Rec@example.com", "RESERVE_PASSWORD": "a-guess"}

    refused = post(ben, "/accounts", {**fields, "name": "same-player"}).text
    phone = {"RESERVE_EMAIL": "ben3@example.com", "RESERVE_PHONE": "(415) 555-0142"}
    texts = post(ben, "/accounts", {**fields, **phone, "name": "same-phone"}).text
    own = {**fields, "RESERVE_EMAIL": "ben2@example.com"}
    post(ben, "/accounts", {**own, "name": "annas-next"})
    post(ben, "/accounts/annas-next/remove")
    post(anna, "/accounts", {**own, "RESERVE_EMAIL": "anna2@example.com", "name": "annas-next"})
    post(anna, "/accounts/anna-rec/remove")
    post(ben, "/accounts", {**own, "name": "anna-rec"})

    assert "account at recus belongs to somebody else here" in refused
    assert "phone number belongs to somebody else here" in texts
    assert not any(name in ben.get("/accounts").text for name in ("same-player", "same-phone"))
    assert ben.get("/runs/20260301T000000-anna").status_code == 404
    assert "annas-next" not in ben.get("/accounts").text
    assert "annas-next" in anna.get("/accounts").text
    assert ben.get("/plans/1").status_code == 404
    assert anna.get("/plans/1").status_code == 200


def test_no_page_shows_a_secret_or_runs_a_script_of_others(household: Household) -> None:
    pages = dict(crawl(household.client("anna")))

    assert len(pages) >= 8
    for path, text in pages.items():
        for secret in (
            CANARY,
            PASSWORD,
            TOKEN,
            "+14155550142",
            "4155550142",
            "anna-rec@example.com",
            "scrypt:",
        ):
            assert secret not in text, path
        assert SCRIPT not in text, path
    assert sum("&lt;script&gt;" in text for text in pages.values()) >= 5


def test_every_answer_is_told_to_run_nothing_from_elsewhere(household: Household) -> None:
    client = household.client("anna")

    for method, path, _ in routes(household):
        with client.open(path, method=method) as answer:
            said = answer.get_data(as_text=True)
        policy = answer.headers["Content-Security-Policy"]
        assert {"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'"} <= {*policy.split("; ")}
        assert answer.headers["X-Frame-Options"] == "DENY"
        assert "unsafe" not in policy
        assert answer.headers["X-Content-Type-Options"] == "nosniff"
        assert answer.headers["Cache-Control"] == (
            "no-store" if "static" not in path else "public, max-age=86400"
        )
        assert " style=" not in said
        assert not re.search(r"<script>|<style| on\w+=|https?://(?!www\.w3\.org)[^ ]*\.(js|css)", said)


def test_signing_in_begins_a_new_session_that_ends(household: Household) -> None:
    client = household.client()
    before = token_in(client, "/sign-in")
    planted = client.get_cookie("first-serve")
    assert planted is not None

    answer = client.post(
        "/sign-in?next=/plans", data={"name": "anna", "password": PASSWORD, "csrf_token": before}
    )

    cookie = client.get_cookie("first-serve")
    assert cookie is not None
    assert (answer.status_code, answer.location) == (302, "/plans")
    assert cookie.value != planted.value
    assert (cookie.http_only, cookie.same_site, cookie.secure) == (True, "Lax", False)
    assert client.post("/sign-out", data={"csrf_token": before}).status_code == 400  # of the session before
    assert client.get("/plans").status_code == 200
    household.clock.sleep_until(household.clock.now() + SIGNED_IN_FOR)
    assert client.get("/plans").status_code == 302


def copy_of(household: Household, client: FlaskClient) -> FlaskClient:
    """Another browser, with the cookie of this one."""
    cookie, other = client.get_cookie("first-serve"), household.client()
    assert cookie is not None
    other.set_cookie("first-serve", cookie.value)
    return other


def test_signing_out_ends_the_session_also_for_a_copied_cookie(household: Household) -> None:
    client, elsewhere = household.client("ben"), household.client("ben")
    copied = copy_of(household, client)
    assert copied.get("/plans").status_code == 200

    assert post(client, "/sign-out").location == "/sign-in"

    assert [each.get("/plans").status_code for each in (client, copied, elsewhere)] == [302, 302, 200]
    again, anna = household.client("ben"), household.client("anna")
    assert "Sign out everywhere" in again.get("/accounts").text
    post(again, "/sign-out", {"everywhere": "1"})
    assert [each.get("/plans").status_code for each in (again, elsewhere, anna)] == [302, 302, 200]


def test_a_new_password_and_a_removal_end_sessions(household: Household) -> None:
    client = household.client("ben")
    with household.store() as store:
        People(store).keep("ben", "another password")
    assert client.get("/").status_code == 302

    client = household.client("ben")
    with household.store() as store:
        People(store).remove("ben")
    assert client.get("/").status_code == 302


@pytest.mark.parametrize("ended", ["signed out", "removed", "given away"])
def test_what_is_live_ends_with_the_session(household: Household, ended: str) -> None:
    ben, run_id = household.client("ben"), "20260302T000000-live"
    with household.store() as store:
        player = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), "ben-rec@example.com")
        record = Record(store, run_id, player, household.clock.now)
        with record.kept(system=USUAL, request="Moscone, tennis", day="2026-03-09"):
            events = iter(ben.get("/events").response)
            assert next(events) == b"retry: 1000\n\n"
            if ended == "signed out":
                SignIns(store).end_all("ben")
            elif ended == "removed":
                People(store).remove("ben")
            else:
                People(store).keep("cleo", PASSWORD, ["ben-rec"])
            told = [*events]

    assert not any(b"Moscone" in each for each in told)
    assert len(told) == (1 if ended == "given away" else 0)


def test_no_cookie_of_a_stranger_keeps_texts_waiting(household: Household) -> None:
    is_known, name = knows(household.pages), household.pages.config["SESSION_COOKIE_NAME"]
    session = household.client("anna").get_cookie(name)
    assert session is not None
    escapes = '\\"' * 7_900
    headers = [f'{name}="{escapes}"', f'x="{escapes}"', f"{name}=x; " * 1_000, f"{name}", "=;" * 8_000]

    began = time.thread_time()
    known = [is_known(header) for header in headers]

    assert time.thread_time() - began < 0.25  # http.cookies would take a second
    assert known == [False] * len(headers)
    assert is_known(f"other=1; {name}={session.value}")


def test_who_was_signed_out_is_a_stranger_again(household: Household) -> None:
    client = household.client("ben")
    cookie = client.get_cookie("first-serve")
    assert cookie is not None
    is_known, header = knows(household.pages), f"first-serve={cookie.value}"
    assert is_known(header)

    with household.store() as store:
        SignIns(store).end_all("ben")
    client.get("/plans")

    assert not is_known(header)


def test_two_services_that_share_a_database_are_one(tmp_path: Path, empty_postgres: str) -> None:
    clock, services, houses = FakeClock(), list[Flask](), list[House]()
    for name in ("here", "there"):
        data = tmp_path / name
        data.mkdir()
        (data / KEY_FILE).write_text("ab" * 32)
        settings = read_settings({"RESERVE_DATA": str(data), "RESERVE_DATABASE_URL": empty_postgres})
        services.append(create_app(data=data, token=TOKEN, loopback=True, now=clock.now))
        pages = add_pages(services[-1], settings, exposed=False, clock=clock)
        houses.append(pages.extensions["house"])
        houses[-1].closing.set()
    houses[1].people.keep("anna", PASSWORD)
    here, there = (each.test_client() for each in services)

    token = token_in(here, "/sign-in")
    here.post("/sign-in", data={"name": "anna", "password": PASSWORD, "csrf_token": token})
    cookie = here.get_cookie("first-serve")
    assert cookie is not None
    there.set_cookie("first-serve", cookie.value)
    record = Record(houses[1].store, "20260302T000000-live", "somebody", clock.now)
    with record.kept(system=USUAL, request="Moscone, tennis", day="2026-03-09"):
        told = here.get("/events").text
    posted = post(there, "/sign-out").status_code
    after = [each.get("/plans").status_code for each in (here, there)]

    for service, house in zip(services, houses, strict=True):
        house.close()
        service.extensions["inbox"].close()
    assert "Moscone, tennis" in told
    assert (posted, after) == (302, [302, 302])


ELSEWHERE = [
    "https://evil.example/",
    "//evil.example",
    "/\\evil.example",
    "\\\\evil.example",
    "///evil.example",
]
ELSEWHERE += ["javascript:alert(1)", "/nowhere", "/plans\r\nSet-Cookie: x=1", "/sign-out", ""]
OUT = ["/static/../guard.py", "/static/%2e%2e/guard.py", "/static/..%2fguard.py", "/runs/../../etc/passwd"]
OUT += ["/runs/..%2f..%2fweb.key", "/calendar/..%2f..%2fx.ics", "/plans/1%0d%0aX: 1", "/plans/-1"]
OUT += ["/plans/2147483648", f"/plans/{10**40}"]


@pytest.mark.parametrize("wanted", ELSEWHERE)
def test_nobody_is_led_elsewhere(household: Household, wanted: str) -> None:
    with household.pages.test_request_context("/sign-in"):
        assert ours(household.pages, wanted) == "/"
        assert ours(household.pages, "/runs?ended=won") == "/runs?ended=won"


def test_a_password_is_guessed_a_few_times_only(household: Household) -> None:
    client = household.client()
    fields = {"name": "nobody", "password": "wrong", "csrf_token": token_in(client, "/sign-in")}

    known = household.client()
    mine = {"name": "anna", "password": PASSWORD, "csrf_token": token_in(known, "/sign-in")}
    assert known.post("/sign-in", data=mine).status_code == 302
    post(known, "/sign-out")
    codes = [client.post("/sign-in", data=fields).status_code for _ in range(EACH + 1)]
    mine["csrf_token"] = token_in(known, "/sign-in")
    browser = known.get_cookie("first-serve-browser")
    assert browser is not None
    assert (browser.http_only, browser.same_site, browser.secure) == (True, "Lax", False)
    assert known.post("/sign-in", data=mine).status_code == 302  # at the same address
    right = client.post("/sign-in", data={**fields, "name": "anna", "password": PASSWORD}).status_code
    household.clock.sleep_until(household.clock.now() + WHILE)
    later = client.post("/sign-in", data={**fields, "name": "anna", "password": PASSWORD}).status_code

    assert codes == [403] * EACH + [429]
    assert (right, later) == (429, 302)


def test_passwords_are_tried_one_at_a_time_and_pages_go_on(household: Household) -> None:
    client = household.client()
    fields = {"name": "anna", "password": PASSWORD, "csrf_token": token_in(client, "/sign-in")}

    with ThreadPoolExecutor(1) as pool:
        with household.pages.extensions["hashing"]:
            answer = pool.submit(client.post, "/sign-in", data=fields)
            assert household.client("ben").get("/plans").status_code == 200
            with pytest.raises(TimeoutError):
                answer.result(0.3)
        assert answer.result().status_code == 302


def test_behind_a_proxy_one_stranger_locks_out_nobody_else(made: Path, tmp_path: Path) -> None:
    data, clock = copytree(made, tmp_path / "data"), FakeClock()
    service = create_app(data=data, token=TOKEN, loopback=False, now=clock.now)
    settings = read_settings({"RESERVE_DATA": str(data)})
    pages = add_pages(service, settings, exposed=True, proxy="127.0.0.1", clock=clock)

    with serve(service, "127.0.0.1", 0, proxy="127.0.0.1", pages=pages) as server:

        def ask(address: str, cookie: str = "", form: dict[str, str] | None = None) -> tuple[int, str, str]:
            headers = {"X-Forwarded-For": address, "Cookie": cookie}
            body = urlencode(form).encode() if form else None
            asked = Request(f"http://127.0.0.1:{server.port}/sign-in", body, headers)
            try:
                with urlopen(asked) as answer:
                    return answer.status, answer.read().decode(), answer.headers["Set-Cookie"] or ""
            except HTTPError as refused:
                with refused:
                    return refused.code, "", ""

        _, page, cookie = ask("198.51.100.1")
        token = re.search(r'name="csrf_token" value="([^"]+)"', page)
        assert token, page
        wrong = {"name": "anna", "password": "wrong", "csrf_token": token[1]}
        stranger = [ask("198.51.100.1", cookie, wrong)[0] for _ in range(EACH + 1)]
        elsewhere = ask("198.51.100.2", cookie, wrong)[0]

    assert "Secure" in cookie
    assert cookie.startswith("__Host-")
    assert (stranger[-1], elsewhere) == (429, 403)


def test_a_stranger_is_not_told_where_the_store_is_that_does_not_answer(tmp_path: Path) -> None:
    service = create_app(data=tmp_path, token=TOKEN, loopback=True, now=FakeClock().now)
    store = "postgresql+psycopg://bob:secret@127.0.0.1:1/private"
    settings = read_settings({"RESERVE_DATA": str(tmp_path), "RESERVE_DATABASE_URL": store})
    add_pages(service, settings, exposed=False, clock=FakeClock())

    answers = [service.test_client().get(path) for path in ("/sign-in", "/calendar/x.ics")]

    service.extensions["inbox"].close()
    assert {answer.status_code for answer in answers} == {503}
    assert not any("DATABASE" in answer.text or "port 1" in answer.text for answer in answers)


@pytest.mark.parametrize("kept", ["", "ab\n"])
def test_no_cookie_is_signed_with_a_key_that_is_cut_off(tmp_path: Path, kept: str) -> None:
    service = create_app(data=tmp_path, token=TOKEN, loopback=True, now=FakeClock().now)
    (tmp_path / KEY_FILE).write_text(kept)

    with pytest.raises(ValueError, match=KEY_FILE):
        add_pages(service, read_settings({"RESERVE_DATA": str(tmp_path)}), exposed=False)

    assert service.test_client().get("/sign-in").status_code == 404
    service.extensions["inbox"].close()


@pytest.mark.parametrize("path", OUT)
def test_no_address_leads_out_of_the_pages(household: Household, path: str) -> None:
    assert household.client("anna").get(path).status_code == 404


def test_a_form_that_is_too_long_is_refused(household: Household) -> None:
    client = household.client("anna")
    token = token_in(client, "/code")

    long = client.post("/plans/new", data={"csrf_token": token, "court": "x" * 40_000})
    many = client.post("/plans/new", data={"csrf_token": token, **{f"f{n}": "x" for n in range(20_000)}})

    assert (long.status_code, many.status_code) == (413, 413)


def test_on_this_machine_only_its_own_name_leads_here(household: Household) -> None:
    answer = household.client("anna").get("/", headers={"Host": "evil.example"})

    assert answer.status_code == 403
    assert "anna" not in answer.text


def test_whoever_has_no_password_is_told_how_to_set_one(household: Household) -> None:
    with household.store() as store:
        for name in ("ben", "anna"):
            People(store).remove(name)

    said = household.client().get("/sign-in").text

    assert "account web-password" in said
    assert "<form" not in said


def test_metrics_are_for_readers_with_the_token_or_a_password_and_name_nobody(household: Household) -> None:
    bearer = {"Authorization": f"Bearer {TOKEN}"}

    found = household.client().get("/metrics", headers=bearer)

    assert household.client("ben").get("/metrics").status_code == 200
    assert household.client().get("/metrics", headers={"Authorization": "Bearer x"}).status_code == 401
    assert 'first_serve_runs{exit_code="1"} 2' in found.text
    assert "anna" not in found.text


def test_a_name_that_nobody_has_takes_as_long_to_refuse(household: Household) -> None:
    with household.store() as store:
        persons = [person.password for person in People(store).all()]

    method = {each.split("$")[0] for each in (NOBODYS, *persons)}

    assert len(method) == 1  # the same function, with the same cost
    assert method.pop().startswith("scrypt:")


def test_no_header_of_a_stranger_makes_another_stranger_of_him(household: Household) -> None:
    client = household.client()
    fields = {"name": "nobody", "password": "wrong", "csrf_token": token_in(client, "/sign-in")}
    says = ("X-Forwarded-For", "X-Real-IP", "Forwarded", "X-Client-IP")

    codes = [
        client.post("/sign-in", data=fields, headers=dict.fromkeys(says, f"10.0.0.{number}")).status_code
        for number in range(EACH + 1)
    ]

    assert codes == [403] * EACH + [429]


@pytest.mark.parametrize(
    ("exposed", "headers"),
    [
        (True, {}),
        (True, {"X-Forwarded-Proto": "http", "X-Forwarded-Host": "evil.example", "Host": "evil.example"}),
        (False, {"X-Forwarded-Proto": "https", "X-Forwarded-Host": "evil.example"}),
    ],
)
def test_cookies_and_addresses_are_those_of_the_service_whatever_a_request_says(
    made: Path, tmp_path: Path, exposed: bool, headers: dict[str, str]
) -> None:
    data, clock = copytree(made, tmp_path / "data"), FakeClock()
    service = create_app(data=data, token=TOKEN, loopback=not exposed, now=clock.now)
    pages = add_pages(service, read_settings({"RESERVE_DATA": str(data)}), exposed=exposed, clock=clock)
    client = service.test_client()

    page, led = client.get("/sign-in", headers=headers), client.get("/plans", headers=headers)

    pages.extensions["house"].close()
    service.extensions["inbox"].close()
    name, _, rest = page.headers["Set-Cookie"].partition("=")
    flags = {each.strip() for each in rest.split(";")[1:]}
    assert name == ("__Host-first-serve" if exposed else "first-serve")
    assert flags - {"HttpOnly", "SameSite=Lax", "Path=/", "Secure"} == set()
    assert {"HttpOnly", "SameSite=Lax", "Path=/"} <= flags
    assert ("Secure" in flags) == exposed
    assert ("Strict-Transport-Security" in page.headers) == exposed
    assert led.location == "/sign-in?next=/plans"
    assert "evil" not in page.text

"""The routes, over Flask's test client and virtual time."""

import json
import logging
from datetime import timedelta
from pathlib import Path
from typing import NoReturn

import pytest
from flask import Flask
from flask.testing import FlaskClient
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from werkzeug.test import TestResponse

from tests.fakes import FakeClock
from tests.webhook.conftest import TOKEN, body_of
from tests.webhook.test_gateways import BY_SHAPE, changed, sample
from tests.webhook.test_inbox import FIRST, full_disk
from webhook_server import create_app
from webhook_server.gateways import FORM, GATEWAYS
from webhook_server.server import LONGEST_BODY, WAITERS

HOOK = f"/webhook/{TOKEN}"
READER = {"Authorization": f"Bearer {TOKEN}"}
NUMBER = "+12025550143"


def order(code: str, number: int = 1) -> dict[str, object]:
    return {
        "orderid": f"O{number}",
        "full_sms": f"Your rec code is {code}",
        "timestamp": "2026-06-10 05:59:30pm",
    }


def rental(code: str, to: str) -> dict[str, object]:
    return {"rental_code": "R1", "phonenumber": to, "full_sms": f"Your rec code is {code}", "timestamp": code}


def ask(client: FlaskClient, phonenumber: str = NUMBER, **query: object) -> TestResponse:
    return client.get(
        "/get_verification_code", query_string={"phonenumber": phonenumber} | query, headers=READER
    )


def newest(client: FlaskClient, phonenumber: str = NUMBER) -> int:
    answer = client.get("/newest", query_string={"phonenumber": phonenumber}, headers=READER)
    return int(body_of(answer)["id"])


@pytest.mark.parametrize("name", BY_SHAPE)
def test_the_code_of_every_gateways_text_can_be_asked_for(
    client: FlaskClient, clock: FakeClock, name: str
) -> None:
    body, content_type = sample(name)

    answer = client.post(HOOK, data=body, content_type=content_type)

    assert answer.status_code == 200
    assert ask(client).json == {
        "verification_code": "482913",
        "id": FIRST,
        "received_at": clock.now().isoformat(),
    }


def test_a_gateway_may_be_named_in_the_path(client: FlaskClient) -> None:
    assert client.post(f"{HOOK}/smspool", json=order("482913")).status_code == 200
    assert body_of(ask(client))["verification_code"] == "482913"


def test_an_unknown_gateway_is_not_found(client: FlaskClient) -> None:
    assert client.post(f"{HOOK}/pigeon", json=order("482913")).status_code == 404


def test_twilio_hears_what_it_wants_to_hear(client: FlaskClient) -> None:
    body, content_type = sample("twilio_inbound.form.txt")

    answer = client.post(f"{HOOK}/twilio", data=body, content_type=content_type)

    assert (answer.mimetype, answer.text) == ("text/xml", "<Response/>")


def test_a_repeat_is_answered_like_the_first_and_kept_once(client: FlaskClient) -> None:
    answers = [client.post(HOOK, json=order("482913")) for _ in range(3)]

    assert [answer.status_code for answer in answers] == [200, 200, 200]
    assert body_of(client.get("/health"))["texts"] == 1


def test_a_repeat_that_comes_after_the_text_was_deleted_is_not_a_new_code(
    client: FlaskClient, clock: FakeClock
) -> None:
    client.post(HOOK, json=order("482913"))
    clock.sleep(timedelta(hours=1))

    assert client.post(HOOK, json=order("482913")).status_code == 200
    assert ask(client).status_code == 404


def test_a_notice_is_answered_200_and_not_kept(client: FlaskClient) -> None:
    body, content_type = sample("smspool_webhook_auto_extend.json")

    assert client.post(HOOK, data=body, content_type=content_type).status_code == 200
    assert client.get("/health").json == {"texts": 0, "age_seconds": None}


@pytest.mark.parametrize("to", ["+14155550100", "14155550100", "4155550100"])
@pytest.mark.parametrize("asked", ["+1 415 555 0100", " 14155550100", "(415) 555-0100", "001 415 555 0100"])
def test_a_number_is_the_same_in_every_notation(client: FlaskClient, to: str, asked: str) -> None:
    client.post(HOOK, json=rental("482913", to))

    assert body_of(ask(client, asked))["verification_code"] == "482913"
    assert newest(client, asked) == FIRST


def test_how_long_ago_any_text_came_is_known_when_it_is_long_forgotten(
    client: FlaskClient, clock: FakeClock
) -> None:
    def age() -> object:
        return body_of(client.get("/newest", query_string={"phonenumber": NUMBER}, headers=READER))[
            "age_seconds"
        ]

    assert age() is None
    client.post(HOOK, json=rental("482913", "14155550199"))
    clock.sleep(timedelta(days=3))

    assert age() == timedelta(days=3).total_seconds()


@pytest.mark.parametrize("asked", ["+14155550101", "5550100", "+47 55 55 01 00"])
def test_another_numbers_code_is_nobody_elses(client: FlaskClient, asked: str) -> None:
    client.post(HOOK, json=rental("482913", "14155550100"))

    assert ask(client, asked).status_code == 404
    assert newest(client, asked) == 0


def test_a_number_dialled_with_a_zero_is_the_one_with_its_country_code(client: FlaskClient) -> None:
    client.post(HOOK, json=rental("482913", "447700900123"))

    assert body_of(ask(client, "07700 900123"))["verification_code"] == "482913"


def test_a_short_number_is_not_the_end_of_a_long_one(client: FlaskClient) -> None:
    client.post(HOOK, json=rental("482913", "50100"))

    assert ask(client, "+14155550100").status_code == 404
    assert ask(client, "50100").status_code == 200


def test_a_text_to_no_number_belongs_to_whoever_asks(client: FlaskClient) -> None:
    client.post(HOOK, json=order("482913"))

    assert ask(client, "+14155550100").json == ask(client, "+4712345678").json


def test_the_newest_code_wins(client: FlaskClient) -> None:
    client.post(HOOK, json=order("482913", 1))
    client.post(HOOK, json=order("591827", 2))
    client.post(HOOK, json={"orderid": "O3", "full_sms": "Welcome to rec!"})

    assert body_of(ask(client))["verification_code"] == "591827"
    assert newest(client) == FIRST + 2


def test_a_code_is_given_for_a_minute_unless_asked_otherwise(client: FlaskClient, clock: FakeClock) -> None:
    client.post(HOOK, json=order("482913"))
    clock.sleep(timedelta(seconds=60))
    assert ask(client).status_code == 200

    clock.sleep(timedelta(seconds=1))
    assert ask(client).status_code == 404
    assert ask(client, maxage="61").status_code == 200
    assert ask(client, maxage="60.5").status_code == 404


def test_a_code_known_before_asking_is_no_new_one(client: FlaskClient) -> None:
    client.post(HOOK, json=order("482913", 1))
    known = newest(client)
    assert ask(client, after=known).status_code == 404

    client.post(HOOK, json=order("591827", 2))
    assert body_of(ask(client, after=known))["verification_code"] == "591827"


def test_a_reader_may_ask_for_the_code_before_another_one_and_is_answered_at_once(
    client: FlaskClient,
) -> None:
    for number, digits in enumerate(("482913", "591827", "602938"), 1):
        client.post(HOOK, json=order(digits, number))
    newest_of_all = newest(client)

    before = body_of(ask(client, before=newest_of_all, wait=30))
    assert before["verification_code"] == "591827"
    assert ask(client, before=before["id"], after=before["id"] - 1, wait=30).status_code == 404


def test_a_reader_that_waited_makes_room_for_the_next(client: FlaskClient) -> None:
    answers = [ask(client, wait="0.001").status_code for _ in range(WAITERS + 1)]

    assert answers == [404] * (WAITERS + 1)


def test_texts_are_deleted_after_ten_minutes_and_their_ids_are_not_given_again(
    client: FlaskClient, clock: FakeClock
) -> None:
    client.post(HOOK, json=order("482913", 1))
    clock.sleep(timedelta(minutes=10, seconds=1))

    assert ask(client, maxage=3600).status_code == 404
    assert newest(client) == 0
    client.post(HOOK, json=order("591827", 2))
    assert newest(client) > FIRST


def test_health_tells_the_age_of_the_newest_text_and_nothing_of_what_is_in_it(
    client: FlaskClient, clock: FakeClock
) -> None:
    client.post(HOOK, json=order("482913"))
    clock.sleep(timedelta(seconds=7.5))

    assert client.get("/health").json == {"texts": 1, "age_seconds": 7.5}


# Who may do what


@pytest.mark.parametrize("path", ["/get_verification_code", "/newest"])
@pytest.mark.parametrize(
    "header", [None, "", "Bearer", "Bearer wrong", TOKEN, "Basic bm90LWE6c2VjcmV0", "Bearer é"]
)
def test_a_reader_without_the_token_is_refused(client: FlaskClient, path: str, header: str | None) -> None:
    client.post(HOOK, json=order("482913"))
    headers = {} if header is None else {"Authorization": header}

    answer = client.get(path, query_string={"phonenumber": NUMBER}, headers=headers)

    assert answer.status_code == 401
    assert "482913" not in answer.text
    assert TOKEN not in answer.text


def test_a_wrong_token_does_not_look_right_to_health_either(client: FlaskClient) -> None:
    assert client.get("/health").status_code == 200
    assert client.get("/health", headers=READER).status_code == 200
    assert client.get("/health", headers={"Authorization": "Bearer wrong"}).status_code == 401


@pytest.mark.parametrize("path", ["/webhook", "/webhook/wrong", "/webhook/wrong/smspool", "/webhook/é"])
def test_a_delivery_without_the_token_is_refused(client: FlaskClient, path: str) -> None:
    assert client.post(path, json=order("482913")).status_code in (403, 404)
    assert body_of(client.get("/health"))["texts"] == 0


def test_without_a_token_this_machine_may_deliver_and_read(tmp_path: Path, clock: FakeClock) -> None:
    app = create_app(data=tmp_path, token=None, loopback=True, now=clock.now)
    client = app.test_client()

    assert client.post("/webhook", json=order("482913")).status_code == 200
    assert (
        body_of(client.get("/get_verification_code?phonenumber=4155550100"))["verification_code"] == "482913"
    )
    assert client.post("/webhook/anything", json=order("591827")).status_code == 404
    app.extensions["inbox"].close()


@pytest.mark.parametrize(
    ("headers", "status"),
    [
        ({"Host": "localhost"}, 200),
        ({"Host": "127.0.0.1:5000"}, 200),
        ({"Host": "[::1]:5000"}, 200),
        ({"Host": "rebound.example.test"}, 403),
        ({"Host": "127.0.0.1.example.test:5000"}, 403),
        ({"Host": "localhost", "Origin": "https://example.test"}, 403),
    ],
)
def test_without_a_token_no_web_page_can_deliver_or_read(
    tmp_path: Path, clock: FakeClock, headers: dict[str, str], status: int
) -> None:
    app = create_app(data=tmp_path, token=None, loopback=True, now=clock.now)
    client = app.test_client()

    assert client.post("/webhook", json=order("482913"), headers=headers).status_code == status
    assert client.get("/newest?phonenumber=4155550100", headers=headers).status_code == status
    app.extensions["inbox"].close()


def test_with_a_token_any_name_of_the_host_will_do(client: FlaskClient) -> None:
    assert client.post(HOOK, json=order("482913"), headers={"Host": "hook.example.test"}).status_code == 200


@pytest.mark.parametrize(
    ("token", "loopback"),
    [(None, False), ("two words", True), ("a/b", True), ("", True), ("1", False), ("fifteen-letters", False)],
)
def test_an_app_that_anybody_could_read_is_not_made(
    tmp_path: Path, clock: FakeClock, token: str | None, loopback: bool
) -> None:
    with pytest.raises(ValueError, match="WEBHOOK_TOKEN"):
        create_app(data=tmp_path, token=token, loopback=loopback, now=clock.now)


def test_a_delivery_that_cannot_be_kept_on_disk_is_answered_503_and_its_code_can_be_read(
    client: FlaskClient,
) -> None:
    with full_disk():
        answers = [client.post(HOOK, json=order("482913")) for _ in range(2)]
        found = ask(client)

    assert [(answer.status_code, answer.headers["Retry-After"]) for answer in answers] == [(503, "10")] * 2
    assert body_of(found)["verification_code"] == "482913"
    assert client.post(HOOK, json=order("482913")).status_code == 200
    assert body_of(ask(client)) == body_of(found)


# What is malformed


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"nonsense",
        b"[]",
        b"null",
        b'"text"',
        b"{}",
        b'{"orderid": 1',
        b'{"orderid": ' + b"9" * 5000 + b"}",
        b"[" * 60_000,
        b'{"orderid":' * 5000,
        b"\xff\xfe",
        b'{"from": "\xff", "text": "x"}',
        changed("smspool_webhook.json", full_sms=5),
    ],
)
@pytest.mark.parametrize("content_type", ["application/json", FORM, "multipart/form-data", ""])
def test_a_malformed_delivery_is_refused_in_json(client: FlaskClient, body: bytes, content_type: str) -> None:
    answer = client.post(HOOK, data=body, content_type=content_type)

    assert answer.status_code == 400
    assert set(body_of(answer)) == {"error"}
    assert "482913" not in answer.text


def test_a_body_may_have_64_kib_and_no_more(client: FlaskClient) -> None:
    room = LONGEST_BODY - len(json.dumps(order("482913") | {"more": ""}))
    longest = json.dumps(order("482913") | {"more": " " * room})
    assert len(longest) == LONGEST_BODY

    assert client.post(HOOK, data=longest + " ", content_type="application/json").status_code == 413
    assert client.post(HOOK, data=longest, content_type="application/json").status_code == 200


@pytest.mark.parametrize(
    "query",
    [
        {"phonenumber": ""},
        {"phonenumber": "none"},
        {"phonenumber": "1" * 16},
        {"maxage": "soon"},
        {"maxage": "-1"},
        {"maxage": "nan"},
        {"maxage": "1e9"},
        {"after": "1.5"},
        {"after": "9" * 30},
        {"after": "٣"},
        {"wait": "inf"},
        {"wait": ""},
    ],
)
def test_a_malformed_question_is_refused_in_json(client: FlaskClient, query: dict[str, str]) -> None:
    answer = ask(client, **query)

    assert answer.status_code == 400
    assert next(iter(query)) in body_of(answer)["error"]


def test_unknown_paths_and_methods_are_refused_in_json(client: FlaskClient) -> None:
    assert body_of(client.get("/"))["error"]
    assert client.get("/webhook").status_code == 405
    assert client.post("/health").headers["Allow"]


JSONISH = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=10,
)
SMSPOOL_FIELDS = ["orderid", "sms", "full_sms", "rental_code", "phonenumber", "timestamp", "success"]
PHONE_FIELDS = ["event", "payload", "message", "id", "from", "text", "sentStamp"]
CLOUD_FIELDS = ["specversion", "type", "data", "content", "message_id", "MessageSid", "Body", "To"]
FIELDS = st.sampled_from([*SMSPOOL_FIELDS, *PHONE_FIELDS, *CLOUD_FIELDS])
USUAL = st.sampled_from(["sms:received", "message.phone.received", "482913", "Your code is 482913"])
PAYLOADS = st.dictionaries(FIELDS, JSONISH | USUAL | st.dictionaries(FIELDS, JSONISH | USUAL))
BODIES = (
    st.binary()
    | JSONISH.map(lambda value: json.dumps(value).encode())
    | PAYLOADS.map(lambda value: json.dumps(value).encode())
)
randomly = settings(
    max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)


@randomly
@given(BODIES, st.sampled_from(["application/json", FORM, "text/plain"]), st.sampled_from([None, *GATEWAYS]))
def test_no_body_makes_the_service_fail(
    client: FlaskClient, body: bytes, content_type: str, gateway: str | None
) -> None:
    path = HOOK if gateway is None else f"{HOOK}/{gateway}"

    answer = client.post(path, data=body, content_type=content_type)

    assert answer.status_code in (200, 400)


@randomly
@given(
    st.dictionaries(st.sampled_from(["phonenumber", "maxage", "after"]), st.text() | st.integers().map(str))
)
def test_no_question_makes_the_service_fail(client: FlaskClient, query: dict[str, str]) -> None:
    for path in ("/get_verification_code", "/newest"):
        answer = client.get(path, query_string=query, headers=READER)
        assert answer.status_code in (200, 400, 404)


# What is written down


def test_the_log_has_no_text_code_number_or_token(
    client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)
    client.post(HOOK, json=rental("482913", "14155550100"))
    client.post(HOOK, json=rental("482913", "14155550100"))
    client.post(HOOK, json=order("591827") | {"full_sms": ["Your rec code is 591827"]})
    client.post(HOOK, data=b"591827")
    client.post(f"/webhook/{TOKEN}x", json=order("591827"))
    ask(client, "+14155550100")
    ask(client, "+14155550100 or so", maxage="591827x")

    assert len(caplog.records) == 6
    assert f"text {FIRST} from smspool for …00, with a code" in caplog.text
    for secret in ("482913", "591827", "Your rec", "5550100", TOKEN):
        assert secret not in caplog.text


def test_a_fault_is_answered_500_and_logged_without_its_message(
    app: Flask, client: FlaskClient, caplog: pytest.LogCaptureFixture
) -> None:
    @app.get("/fault")
    def fault() -> NoReturn:
        raise RuntimeError("Your rec code is 482913")

    answer = client.get("/fault")

    assert (answer.status_code, set(body_of(answer))) == (500, {"error"})
    assert "RuntimeError" in caplog.text
    assert "482913" not in caplog.text.replace('raise RuntimeError("Your rec code is 482913")', "")

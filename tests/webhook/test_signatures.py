"""Who signed a delivery: the vectors of the SMS facts, and every way to get one wrong."""

import hmac
import json
import logging
from base64 import b64encode, urlsafe_b64encode
from collections.abc import Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from urllib.parse import parse_qsl

import pytest
from flask.testing import FlaskClient

from tests.fakes import FakeClock
from tests.webhook.conftest import TOKEN, body_of
from tests.webhook.test_gateways import SAMPLES, sample
from webhook_server import create_app
from webhook_server.signatures import SIGNED, WINDOW, Delivery, variable

VECTORS = json.loads((SAMPLES / "signature_vectors.json").read_text())
SENT = datetime.fromtimestamp(1781128771, UTC)
GATE, VERIFIED, TWILIO, HTTPSMS = (VECTORS[name] for name in ("smsgate", "textverified", "twilio", "httpsms"))


def delivery(
    headers: dict[str, str], body: str = "", url: str = "https://sms.example.test/hooks"
) -> Delivery:
    return Delivery([url], headers, body.encode(), SENT)


def verified(form: str) -> Delivery:
    return delivery({"X-Webhook-Signature": VERIFIED[f"X-Webhook-Signature_if_{form}"]}, VERIFIED["body"])


# What each gateway sent, with its key.
VALID = {
    "smsgate": (
        GATE["key"],
        delivery({"X-Timestamp": GATE["timestamp"], "X-Signature": GATE["X-Signature"]}, GATE["body"]),
    ),
    "textverified": (VERIFIED["secret"], verified("key_is_whole_string")),
    "twilio": (
        TWILIO["auth_token"],
        delivery(
            {"X-Twilio-Signature": TWILIO["X-Twilio-Signature"]},
            sample("twilio_inbound.form.txt")[0].decode(),
            TWILIO["url"],
        ),
    ),
    "httpsms": (
        HTTPSMS["signing_key"],
        delivery({"Authorization": HTTPSMS["Authorization"]}, url=HTTPSMS["claims"]["aud"][0]),
    ),
}
ALL = pytest.mark.parametrize("gateway", SIGNED)


def bearer(key: str, head: object, claims: Mapping[str, object]) -> dict[str, str]:
    """The header with a token of httpSMS in which *claims* are otherwise than in the vector."""
    parts = [json.dumps(part).encode() for part in (head, HTTPSMS["claims"] | claims)]
    signed = b".".join(urlsafe_b64encode(part).rstrip(b"=") for part in parts)
    token = signed + b"." + urlsafe_b64encode(hmac.digest(key.encode(), signed, "sha256"))
    return {"Authorization": f"Bearer {token.decode()}"}


@ALL
def test_a_delivery_that_its_gateway_signed_is_believed(gateway: str) -> None:
    key, sent = VALID[gateway]

    assert SIGNED[gateway](key, sent)


def test_the_prefix_of_textverifieds_secret_may_be_part_of_its_key_or_not() -> None:
    assert SIGNED["textverified"](VERIFIED["secret"], verified("prefix_is_dropped"))
    assert not SIGNED["textverified"]("whsec_other", verified("prefix_is_dropped"))


@ALL
def test_another_key_no_signature_and_a_strange_one_are_not_believed(gateway: str) -> None:
    key, sent = VALID[gateway]

    assert not SIGNED[gateway](key + "x", sent)
    assert not SIGNED[gateway](key, replace(sent, headers={}))
    for strange in ("", "ä", "Bearer .", "Bearer a.b.c", "HMAC-SHA512=", "0" * 64):
        headers = dict.fromkeys(sent.headers, strange)
        assert not SIGNED[gateway](key, replace(sent, headers=headers))


@pytest.mark.parametrize("gateway", ["smsgate", "textverified", "twilio"])
def test_a_changed_body_is_not_believed(gateway: str) -> None:
    key, sent = VALID[gateway]

    assert not SIGNED[gateway](key, replace(sent, body=sent.body.replace(b"482913", b"482914")))


@pytest.mark.parametrize("gateway", ["twilio", "httpsms"])
def test_what_was_signed_for_another_address_is_not_believed(gateway: str) -> None:
    key, sent = VALID[gateway]

    assert not SIGNED[gateway](key, replace(sent, urls=["https://other.example.test/hooks"]))


@pytest.mark.parametrize(
    ("gateway", "before", "after"),
    [("smsgate", WINDOW, WINDOW), ("httpsms", timedelta(minutes=10), timedelta(seconds=599))],
)
def test_what_was_signed_too_long_ago_or_in_the_future_is_not_believed(
    gateway: str, before: timedelta, after: timedelta
) -> None:
    key, sent = VALID[gateway]
    second = timedelta(seconds=1)

    believed = [
        SIGNED[gateway](key, replace(sent, at=SENT + away))
        for away in (-before - second, -before, after, after + second)
    ]

    assert believed == [False, True, True, False]


@pytest.mark.parametrize(
    ("head", "claims"),
    [
        ({"alg": "none"}, {}),
        ({}, {}),
        ([], {}),
        ({"alg": "HS256"}, {"exp": None}),
        ({"alg": "HS256"}, {"nbf": "1781128171"}),
        ({"alg": "HS256"}, {"aud": None}),
        ({"alg": "HS256"}, {"aud": 7}),
    ],
)
def test_a_token_that_is_signed_but_not_what_httpsms_sends_is_not_believed(
    head: object, claims: dict[str, object]
) -> None:
    key, sent = VALID["httpsms"]

    assert not SIGNED["httpsms"](key, replace(sent, headers=bearer(key, head, claims)))


@pytest.mark.parametrize(
    ("address", "is_ours"),
    [(HTTPSMS["claims"]["aud"][0], True), ("https://sms.example.test", False), ("", False)],
)
def test_a_token_of_httpsms_names_our_address_alone_or_among_others(address: str, is_ours: bool) -> None:
    key, sent = VALID["httpsms"]
    forms = (address, [address], [address, "https://other.example.test/hooks"])

    tokens = [bearer(key, {"alg": "HS256"}, {"aud": form}) for form in forms]

    believed = [SIGNED["httpsms"](key, replace(sent, headers=token)) for token in tokens]
    assert believed == [is_ours] * 3


@pytest.fixture
def strict(tmp_path: Path) -> Iterator[FlaskClient]:
    """The service with every key, at the time of the vectors."""
    keys = {gateway: key for gateway, (key, _) in VALID.items()}
    clock = FakeClock(SENT)
    app = create_app(data=tmp_path / "data", token=TOKEN, loopback=True, now=clock.now, keys=keys)
    yield app.test_client()
    app.extensions["inbox"].close()


@pytest.mark.parametrize("path", [f"/webhook/{TOKEN}", f"/webhook/{TOKEN}/smsgate"])
def test_a_forgery_is_refused_and_not_kept_and_the_real_text_is(
    strict: FlaskClient, caplog: pytest.LogCaptureFixture, path: str
) -> None:
    key, sent = VALID["smsgate"]
    forged = strict.post(path, data=sent.body, headers={**sent.headers, "X-Signature": "0" * 64})
    texts = body_of(strict.get("/health"))["texts"]

    real = [strict.post(path, data=sent.body, headers=sent.headers) for _ in range(2)]

    assert (forged.status_code, texts) == (403, 0)
    assert "signature of smsgate missing, wrong or too old" in body_of(forged)["error"]
    assert [answer.status_code for answer in real] == [200, 200]
    assert body_of(strict.get("/health"))["texts"] == 1
    assert key not in caplog.text


@pytest.mark.parametrize("query", ["", "?p=1"])
@pytest.mark.parametrize(
    ("host", "signed_for"),
    [
        ("hook.example.test", "https://hook.example.test"),
        ("hook.example.test", "https://hook.example.test:443"),
        ("hook.example.test:443", "https://hook.example.test"),
        ("hook.example.test:8443", "https://hook.example.test:8443"),
        ("127.0.0.1:5000", "http://127.0.0.1:5000"),
    ],
)
def test_twilio_signs_the_public_address_though_tls_ends_before_us(
    strict: FlaskClient, host: str, signed_for: str, query: str
) -> None:
    body, content_type = sample("twilio_inbound.form.txt")
    fields = "".join(name + value for name, value in sorted(parse_qsl(body.decode())))
    public = f"{signed_for}/webhook/{TOKEN}/twilio{query}"
    signature = b64encode(hmac.digest(TWILIO["auth_token"].encode(), (public + fields).encode(), "sha1"))

    answer = strict.post(
        f"/webhook/{TOKEN}/twilio{query}",
        data=body,
        content_type=content_type,
        headers={"X-Twilio-Signature": signature.decode(), "Host": host},
    )

    assert answer.status_code == 200


def test_a_gateway_that_never_signs_needs_no_signature(strict: FlaskClient) -> None:
    body, _ = sample("smspool_webhook.json")

    assert strict.post(f"/webhook/{TOKEN}", data=body).status_code == 200


@ALL
def test_without_its_key_a_gateway_is_believed_and_the_log_says_so(
    client: FlaskClient, caplog: pytest.LogCaptureFixture, gateway: str
) -> None:
    caplog.set_level(logging.WARNING)
    name = next(path.name for path in sorted(SAMPLES.iterdir()) if path.name.startswith(gateway))
    body, content_type = sample(name)

    answer = client.post(f"/webhook/{TOKEN}", data=body, content_type=content_type)

    assert answer.status_code == 200
    assert variable(gateway) in caplog.text

"""What each gateway's payload says: the samples of the SMS facts, and what may vary in them."""

import json
from pathlib import Path
from typing import Any

import pytest

from webhook_server import gateways
from webhook_server.gateways import FORM, GATEWAYS, Text, Unreadable

SAMPLES = Path(__file__).parent / "samples"
JSON = "application/json"

OWN, SENDER = "+12025550143", "+12025550199"
BY_SHAPE = {
    "smspool_webhook.json": ("smspool", None, None),
    "smspool_webhook_extended.json": ("smspool", None, None),
    "smspool_webhook_rental.json": ("smspool", "12025550143", None),
    "smsgate_webhook.json": ("smsgate", OWN, SENDER),
    "smsgate_webhook_old_app.json": ("smsgate", None, SENDER),
    "android_income_sms_webhook.json": ("forwarder", None, SENDER),
    "httpsms_webhook.json": ("httpsms", OWN, SENDER),
    "twilio_inbound.form.txt": ("twilio", OWN, SENDER),
    "textverified_webhook.json": ("textverified", "2025550143", "55501"),
    "textverified_webhook_pascal.json": ("textverified", "2025550143", "55501"),
    "textverified_webhook_data_string.json": ("textverified", "2025550143", "55501"),
}


def read(body: bytes, content_type: str, gateway: str | None = None) -> Text | None:
    """What is in a delivery."""
    name, payload = gateways.read_delivery(body, content_type, gateway)
    return gateways.text_in(payload, name)


def text(body: bytes, content_type: str = JSON, gateway: str | None = None) -> Text:
    """The text in a delivery that has one."""
    found = read(body, content_type, gateway)
    assert found
    return found


def sample(name: str) -> tuple[bytes, str]:
    body = (SAMPLES / name).read_bytes().strip()
    return body, FORM if name.endswith(".form.txt") else JSON


def changed(name: str, **fields: object) -> bytes:
    """The sample with other *fields* in the part that has the text."""
    payload = json.loads(sample(name)[0])
    inner = payload.get("payload") or payload.get("data") or payload
    inner.update(fields)
    return json.dumps(payload).encode()


@pytest.mark.parametrize("name", BY_SHAPE)
def test_a_sample_is_read_by_its_shape_and_by_its_gateways_name(name: str) -> None:
    gateway, to, sender = BY_SHAPE[name]

    found = text(*sample(name))

    assert (found.gateway, found.to, found.sender) == (gateway, to, sender)
    assert (found.text, found.code) == ("Your rec code is 482913", "482913")
    assert text(*sample(name), gateway) == found


def test_every_gateway_has_a_sample() -> None:
    assert {gateway for gateway, _, _ in BY_SHAPE.values()} == set(GATEWAYS)


@pytest.mark.parametrize("name", ["smspool_webhook_auto_extend.json", "textverified_webhook_test.json"])
def test_a_notice_is_fine_and_no_text(name: str) -> None:
    assert read(*sample(name)) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"event": "sms:sent", "id": "1", "payload": {}}',
        b'{"specversion": "1.0", "type": "message.phone.sent", "data": {}}',
        b'{"id": "1", "event": "v2.reservation.expired", "data": {}}',
        b'{"id": "1", "event": "v2.test"}',
    ],
)
def test_other_events_of_a_gateway_are_fine_and_no_text(body: bytes) -> None:
    assert read(body, JSON) is None


@pytest.mark.parametrize("body", [b"MessageSid=SM1&MessageStatus=delivered", b"MessageSid=SM1&Body="])
def test_what_twilio_says_without_a_text_is_fine(body: bytes) -> None:
    assert read(body, FORM) is None


def test_the_gateways_own_code_is_used_when_the_text_shows_none() -> None:
    bare = text(changed("smspool_webhook.json", full_sms="", sms="591827"))

    assert (bare.text, bare.code) == ("591827", "591827")
    assert text(changed("smspool_webhook.json", sms="591827")).code == "482913"
    assert text(changed("smspool_webhook.json", full_sms="see app", sms=591827)).code == "591827"
    assert text(changed("textverified_webhook.json", smsContent=None)).code == "482913"
    assert text(changed("smspool_webhook.json", sms="7.50")).code == "482913"
    assert text(changed("smspool_webhook.json", full_sms="$7.50 paid", sms="7.50")).code is None


@pytest.mark.parametrize(
    ("name", "field"),
    [
        ("smspool_webhook.json", "orderid"),
        ("smspool_webhook.json", "full_sms"),
        ("smspool_webhook.json", "timestamp"),
        ("smspool_webhook_rental.json", "rental_code"),
        ("android_income_sms_webhook.json", "from"),
        ("android_income_sms_webhook.json", "sentStamp"),
    ],
)
def test_where_texts_have_no_id_each_of_these_tells_two_apart(name: str, field: str) -> None:
    assert text(changed(name, **{field: "another"})).event_id != text(*sample(name)).event_id


def test_two_events_of_textverified_differ_by_id_or_else_by_the_key_of_the_delivery() -> None:
    payload = json.loads(sample("textverified_webhook.json")[0])
    keyed = {name: value for name, value in payload.items() if name != "id"}
    payload["data"] = payload["data"] | {"id": "sms_test_0001"}
    deliveries = [
        payload,
        payload | {"id": "evt_test_0009"},
        keyed | {"idempotencyKey": "evt_test_0001:1"},
        keyed | {"idempotencyKey": "evt_test_0009:1"},
    ]

    assert len({text(json.dumps(each).encode()).event_id for each in deliveries}) == 4
    with pytest.raises(Unreadable, match="neither id nor idempotencyKey"):
        read(json.dumps(keyed).encode(), JSON)


def test_a_repeat_is_the_same_event_whatever_else_says_that_it_is_one() -> None:
    payload = json.loads(sample("textverified_webhook.json")[0])
    repeat = payload | {"attempt": 2, "idempotencyKey": "evt_test_0001:2"}

    assert text(json.dumps(repeat).encode()) == text(json.dumps(payload).encode())


def test_ids_and_stamps_may_be_numbers_or_strings() -> None:
    name = "android_income_sms_webhook.json"

    assert text(changed(name, sentStamp="1781128770000")) == text(*sample(name))
    assert text(changed("smspool_webhook.json", orderid=17)).code == "482913"
    assert text(changed("httpsms_webhook.json", message_id=17)).code == "482913"
    assert text(changed("smspool_webhook_rental.json", phonenumber=12025550143)).to == "12025550143"


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("smspool_webhook.json", ("id", "code", "sent", "sender", "to", "text")),
        ("smsgate_webhook.json", ("code", "sent", "to", "text")),
        ("httpsms_webhook.json", ("id", "code", "sent", "sender", "to", "text")),
        ("android_income_sms_webhook.json", ("id", "code", "sent", "sender", "to")),
        ("textverified_webhook.json", ("code", "sent", "sender", "text")),
    ],
)
def test_what_a_gateway_has_no_word_for_is_not_read(name: str, others: tuple[str, ...]) -> None:
    for strange in (1.5, True, ["x"], {"x": 1}, "+1 (202) 555-0100"):
        for field in others:
            assert text(changed(name, **{field: strange})) == text(*sample(name))


@pytest.mark.parametrize("stamp", [1781128770.25, None, {"seconds": 1781128770}])
def test_a_stamp_in_any_form_costs_no_text(stamp: object) -> None:
    assert text(changed("smspool_webhook.json", timestamp=stamp)).code == "482913"
    assert text(changed("android_income_sms_webhook.json", sentStamp=stamp)).code == "482913"


def test_half_an_emoji_costs_only_the_emoji() -> None:
    assert text(b'{"from": "rec", "text": "Your code is 482913 \\ud83d"}').text == "Your code is 482913 ?"


@pytest.mark.parametrize("name", ["httpsms_webhook.json", "textverified_webhook.json"])
def test_an_encrypted_text_is_refused_so_that_its_owner_hears_of_it(name: str) -> None:
    with pytest.raises(Unreadable, match="encryption"):
        read(changed(name, encrypted=True), JSON)


@pytest.mark.parametrize(
    ("name", "fields", "named"),
    [
        ("smspool_webhook.json", {"full_sms": 5}, "full_sms"),
        ("smspool_webhook.json", {"full_sms": None, "sms": None}, "neither full_sms nor sms"),
        ("smspool_webhook.json", {"orderid": ["482913"]}, "orderid"),
        ("smspool_webhook.json", {"orderid": True}, "orderid"),
        ("smspool_webhook_rental.json", {"phonenumber": {"482913": 1}}, "phonenumber"),
        ("smsgate_webhook.json", {"message": None}, "message"),
        ("httpsms_webhook.json", {"content": 482913}, "content"),
        ("httpsms_webhook.json", {"message_id": None}, "message_id"),
        ("httpsms_webhook.json", {"message_id": ""}, "message_id"),
        ("android_income_sms_webhook.json", {"text": ["482913"]}, "text"),
        ("textverified_webhook.json", {"smsContent": None, "parsedCode": None}, "smsContent nor parsedCode"),
        ("textverified_webhook.json", {"smsContent": {"482913": 1}}, "smsContent"),
    ],
)
def test_a_wrong_field_is_named_without_what_was_in_it(name: str, fields: dict[str, Any], named: str) -> None:
    with pytest.raises(Unreadable, match=named) as refusal:
        read(changed(name, **fields), JSON)

    assert "482913" not in str(refusal.value)


@pytest.mark.parametrize("data", ["482913", '["482913"]', '{"482913', 482913, None])
def test_data_that_is_no_object_is_refused(data: object) -> None:
    body = json.dumps({"id": "1", "event": "v2.sms.received", "data": data}).encode()

    with pytest.raises(Unreadable, match=r"^textverified: data is not") as refusal:
        read(body, JSON)

    assert "482913" not in str(refusal.value)


def test_a_missing_field_is_named() -> None:
    with pytest.raises(Unreadable, match=r"smsgate: .*missing.*`message`"):
        read(b'{"event": "sms:received", "id": "1", "payload": {"text": "482913"}}', JSON)


def test_a_form_that_is_not_utf_8_is_refused() -> None:
    with pytest.raises(Unreadable, match="not a form"):
        read(b"MessageSid=SM1&Body=482913+%FF", FORM)


def test_another_gateways_payload_is_not_taken_under_a_name() -> None:
    with pytest.raises(Unreadable, match="not a payload of twilio"):
        read(*sample("smspool_webhook.json"), "twilio")


def test_a_text_shows_nothing_private_when_printed() -> None:
    assert repr(text(*sample("smsgate_webhook.json"))) == "Text(gateway='smsgate')"

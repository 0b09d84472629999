"""What each gateway's payload says: the samples of the SMS dossier, and what may vary in them."""

import json
from pathlib import Path

import pytest

from webhook_server import gateways
from webhook_server.gateways import FORM, GATEWAYS, Unreadable

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
}


def read(body, content_type, gateway=None):
    """The text in a delivery."""
    name, payload = gateways.read(body, content_type, gateway)
    return gateways.text_in(payload, name)


def sample(name):
    body = (SAMPLES / name).read_bytes().strip()
    return body, FORM if name.endswith(".form.txt") else JSON


def changed(name, **fields):
    payload = json.loads(sample(name)[0])
    inner = payload.get("payload") or payload.get("data") or payload
    inner.update(fields)
    return json.dumps(payload).encode()


@pytest.mark.parametrize("name", BY_SHAPE)
def test_a_sample_is_read_by_its_shape_and_by_its_gateways_name(name):
    gateway, to, sender = BY_SHAPE[name]

    text = read(*sample(name))

    assert (text.gateway, text.to, text.sender) == (gateway, to, sender)
    assert (text.text, text.code) == ("Your rec code is 482913", "482913")
    assert read(*sample(name), gateway) == text


def test_every_gateway_has_a_sample():
    assert {gateway for gateway, _, _ in BY_SHAPE.values()} == set(GATEWAYS)


def test_the_notice_that_a_rental_was_extended_is_fine_and_no_text():
    assert read(*sample("smspool_webhook_auto_extend.json")) is None


@pytest.mark.parametrize(
    "body",
    [
        b'{"event": "sms:sent", "id": "1", "payload": {}}',
        b'{"specversion": "1.0", "type": "message.phone.sent", "data": {}}',
        b'{"id": "1", "event": "v2.reservation.expired", "data": {}}',
    ],
)
def test_other_events_of_a_gateway_are_fine_and_no_text(body):
    assert read(body, JSON) is None


def test_what_twilio_says_about_a_text_that_was_sent_is_fine_and_no_text():
    assert read(b"MessageSid=SM1&MessageStatus=delivered", FORM) is None


def test_the_gateways_own_code_is_used_when_the_text_shows_none():
    assert read(changed("smspool_webhook.json", full_sms="", sms="591827"), JSON).code == "591827"
    assert read(changed("smspool_webhook.json", full_sms="see app", sms=591827), JSON).code == "591827"
    assert read(changed("textverified_webhook.json", smsContent=None), JSON).code == "482913"
    assert read(changed("smspool_webhook.json", sms="7.50"), JSON).code == "482913"
    assert read(changed("smspool_webhook.json", full_sms="$7.50 paid", sms="7.50"), JSON).code is None


def test_two_texts_of_one_order_are_two_events():
    first = read(*sample("smspool_webhook.json"))
    second = read(changed("smspool_webhook.json", full_sms="Your rec code is 591827"), JSON)
    again = read(changed("smspool_webhook.json", timestamp="2026-06-10 06:01:00pm"), JSON)

    assert len({first.event_id, second.event_id, again.event_id}) == 3


def test_ids_and_stamps_may_be_numbers_or_strings():
    name = "android_income_sms_webhook.json"
    as_string = changed(name, sentStamp="1781128770000")

    assert read(as_string, JSON) == read(*sample(name))
    assert read(changed("smspool_webhook.json", orderid=17), JSON).code == "482913"
    assert read(changed("smspool_webhook_rental.json", phonenumber=12025550143), JSON).to == "12025550143"


def test_half_an_emoji_costs_only_the_emoji():
    body = b'{"from": "rec", "text": "Your code is 482913 \\ud83d"}'

    assert read(body, JSON).text == "Your code is 482913 ?"


@pytest.mark.parametrize("name", ["httpsms_webhook.json", "textverified_webhook.json"])
def test_an_encrypted_text_is_refused_so_that_its_owner_hears_of_it(name):
    with pytest.raises(Unreadable, match="encryption"):
        read(changed(name, encrypted=True), JSON)


@pytest.mark.parametrize(
    ("name", "fields"),
    [
        ("smspool_webhook.json", {"full_sms": 5}),
        ("smspool_webhook.json", {"full_sms": None, "sms": None}),
        ("smspool_webhook.json", {"orderid": ["1"]}),
        ("smspool_webhook.json", {"orderid": True}),
        ("smspool_webhook_rental.json", {"phonenumber": {}}),
        ("smsgate_webhook.json", {"message": None}),
        ("smsgate_webhook.json", {"message": "Your code is 482913\0"}),
        ("httpsms_webhook.json", {"content": 482913}),
        ("httpsms_webhook.json", {"message_id": None}),
        ("android_income_sms_webhook.json", {"text": ["482913"]}),
        ("textverified_webhook.json", {"smsContent": None, "parsedCode": None}),
        ("textverified_webhook.json", {"smsContent": {"482913": 1}}),
    ],
)
def test_a_wrong_type_is_named_without_what_was_in_it(name, fields):
    with pytest.raises(Unreadable) as refusal:
        read(changed(name, **fields), JSON)

    assert "482913" not in str(refusal.value)


def test_a_form_that_is_not_utf_8_is_refused():
    with pytest.raises(UnicodeDecodeError):
        read(b"MessageSid=SM1&Body=482913+%FF", FORM)


def test_another_gateways_payload_is_not_taken_under_a_name():
    with pytest.raises(Unreadable, match="no payload of twilio"):
        read(*sample("smspool_webhook.json"), "twilio")


def test_a_text_shows_nothing_private_when_printed():
    assert repr(read(*sample("smsgate_webhook.json"))) == "Text(gateway='smsgate')"

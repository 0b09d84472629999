"""Finding the one-time code in a text, and no other number."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_server.codes import code_in

WITH_A_CODE = [
    # as rec.us writes, and as gateways pass it on
    ("Your rec code is 482913", "482913"),
    ("Your rec.us verification code is: 482913. It expires in 2 minutes.", "482913"),
    ("482913", "482913"),
    # other plain wordings
    ("Your code is 4829. Don't share it with anyone.", "4829"),
    ("Your one-time passcode is 48291356.", "48291356"),
    ("Your code is 2026", "2026"),
    ("Code:482913", "482913"),
    ("OTP=482913", "482913"),
    ("PIN 4829", "4829"),
    ("482913 is your rec verification code.", "482913"),
    ("007123 is your sign-in code", "007123"),
    ("482913 is the code for Alice Marble, 1200 Greenwich St", "482913"),
    ("Your rec.us verification code:\n\n482913\n\nIt expires soon.", "482913"),
    ("[rec] Verification code: [482913]", "482913"),
    ("<#> Your rec code is 482913\nFA+9qCX9VSu", "482913"),
    ("Your code is 482913.\n\n@www.rec.us #482913", "482913"),
    # any wording, when the text speaks of a code and has one number
    ("Use 482913 to verify your rec.us account.", "482913"),
    ("Hi Sam! Here's your rec.us code — 482913 ☺", "482913"),
    ("rec.us: 482913", "482913"),
    ("482913 security code from rec", "482913"),
    ("Here is your code for 2026: 482913", "482913"),
]

OTHER_NUMBERS = [
    "Order #87654321",
    "Order # 87654321",
    "Order no. 87654321",
    "Order number: 87654321",
    "Order A-87654321",
    "Your reservation 48291356 is confirmed",
    "Your booking is 48291356",
    "Ref 20261127",
    "Account ending in 4321",
    "ZIP code 94110",
    "Promo code is 20261",
    "Pay $1234",
    "Pay £ 1234",
    "Pay 1250.00 EUR",
    "Confirm 1,250.00 USD",
    "Total: 1250 dollars",
    "EUR 1250",
    "Save 5000 points",
    "Court 4 on 2026-11-27 at 18:00",
    "Court 4 on 11/27/2026 at 18:00",
    "Played on 27.11.2026",
    "Played on 27 November 2026",
    "Played on Nov 27, 2026",
    "City championship 2026",
    "It expires in 1440 minutes",
    "Call 415-555-0100",
    "Call (415) 555-0100",
    "Call us at 5550100",
    "Sent to +14155550100",
    "Sent to +44 7700 900123",
    "Sent to 4155550100",
    "Sent to 415 555 0100",
    "Sent to 5550100",
    "Reply STOP to 55501",
    "See https://rec.us/r/48291356",
    "See rec.us/pay?id=48291356",
    "SAVE2026NOW",
    "Card 4829135678901",
    "Only 123 left",
]


@pytest.mark.parametrize(("text", "code"), WITH_A_CODE)
def test_the_code_is_found(text: str, code: str) -> None:
    assert code_in(text) == code


@pytest.mark.parametrize("other", OTHER_NUMBERS)
def test_another_number_is_no_code_beside_one_or_alone(other: str) -> None:
    assert code_in(f"Your code is 482913. {other}.") == "482913"
    assert code_in(f"{other}: here is a code, 482913.") == "482913"
    assert code_in(f"We texted you a code. {other}.") is None
    assert code_in(other) is None


@pytest.mark.parametrize(
    "text",
    [
        "",
        "Welcome to rec!",
        "14155550100",
        "Court 4, 1200 Greenwich St, 94109 San Francisco",
        "Use the code at 1200 Greenwich St, 94109 San Francisco",
        "Your code is 482913 or your code is 591827",
        "482913 and 591827 are both codes",
    ],
)
def test_when_there_is_no_code_or_no_telling_which_there_is_none(text: str) -> None:
    assert code_in(text) is None


@given(st.text() | st.text("0123456789 -.:/#@+$codeis\n", max_size=3000))
def test_whatever_is_found_is_four_to_eight_digits(text: str) -> None:
    code = code_in(text)

    assert code is None or (code.isascii() and code.isdigit() and 4 <= len(code) <= 8)

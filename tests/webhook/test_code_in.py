"""Finding the one-time code in a text: real wordings, and texts that carry none."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_server.gateways import code_in

WITH_A_CODE = [
    # plain wordings
    ("Your rec code is 482913", "482913"),
    ("Your verification code is: 482913", "482913"),
    ("Your code is 4829. Don't share it with anyone.", "4829"),
    ("Your one-time passcode is 48291356.", "48291356"),
    ("482913 is your rec verification code.", "482913"),
    ("482913 is your code. Reply STOP to 55501 to opt out.", "482913"),
    ("G-482913 is your Google verification code.", "482913"),
    ("Your code: 482-913", "482913"),
    ("Your login code is 482 913", "482913"),
    ("WhatsApp code 482-913. You can also tap this link: v.whatsapp.com/482913", "482913"),
    ("Code:482913", "482913"),
    ("OTP=482913", "482913"),
    ("[rec] Verification code: [482913]", "482913"),
    ("Use 482913 to verify your rec.us account.", "482913"),
    ("Enter 482913 to finish booking 55512345.", "482913"),
    ("Your rec.us verification code:\n\n482913\n\nIt expires soon.", "482913"),
    ("482913", "482913"),
    ("rec: 482913", "482913"),
    ("007123 is your sign-in code", "007123"),
    ("PIN 4829", "4829"),
    ("482913 security code from rec", "482913"),
    ("Code to confirm your booking: 482913", "482913"),
    ("To confirm your reservation, 482913 is your code", "482913"),
    ("+14155550100 482913 is your code", "482913"),
    ("Your TAN for today is 482913", "482913"),
    ("Your password is 48291", "48291"),
    ("Hi Sam! Here's your rec.us code — 482913 ☺", "482913"),
    ("Your code is 2026", "2026"),
    ("Use code #482913 to sign in", "482913"),
    ("<#> Your rec code is 482913\nFA+9qCX9VSu", "482913"),
    ("Welcome to rec.\n\n@rec.us #482913", "482913"),
    ("Your code is 482913.\n\n@www.rec.us #482913", "482913"),
    # other numbers in the same text
    ("Your rec code is 482913. It expires in 10 minutes.", "482913"),
    ("This code expires in 1440 minutes: 482913", "482913"),
    ("Pay $1234 for order 87654321. Your code is 482913", "482913"),
    ("Confirm the payment of $7.50 with code 482913.", "482913"),
    ("Confirm 1,250.00 USD at Court 4: 482913 is your code", "482913"),
    ("Your code for 2026-11-27 18:00 is 482913", "482913"),
    ("Court on 11/27/2026 at 18:00. Code 482913", "482913"),
    ("27 November 2026: your rec code is 482913", "482913"),
    ("Nov 27, 2026 - code: 482913", "482913"),
    ("Your code is 482913. Questions? Call 415-555-0100.", "482913"),
    ("Call (415) 555-0100 if you did not ask for code 482913", "482913"),
    ("+1 415 555 0100 asked for a code: 482913", "482913"),
    ("Code sent to 4155550100: 482913", "482913"),
    ("Code for +14155550100: 482913", "482913"),
    ("Order #87654321: your verification code is 482913", "482913"),
    ("Your code for order 87654321 is 482913", "482913"),
    ("Ref 20261127, code 482913", "482913"),
    ("Account ending in 4321: your code is 482913", "482913"),
    ("Text HELP to 55501. Your code: 482913", "482913"),
    ("ZIP code 94110 was changed. Your confirmation code is 482913", "482913"),
    ("San Francisco Rec & Park 2026: 482913 is your one-time code", "482913"),
    ("482913 is the code for Alice Marble, 1200 Greenwich St", "482913"),
    ("Your rec code is 482913. © 2026 rec technologies, 94110 San Francisco", "482913"),
    # other languages
    ("Votre code de vérification est 482913", "482913"),
    ("482913 est votre code de vérification", "482913"),
    ("Tu código de verificación es 482913", "482913"),
    ("Ihr Bestätigungscode lautet: 482913", "482913"),
    ("482913 ist dein Sicherheitscode. Gültig 10 Minuten.", "482913"),
    ("Il tuo codice è 482913", "482913"),
    ("Seu código é 482913", "482913"),
    ("Je verificatiecode is 482913", "482913"),
    ("Din engangskode er 482913", "482913"),
    ("Ваш код: 482913", "482913"),
    ("【rec】您的验证码是482913,5分钟内有效", "482913"),
    ("認証コードは482913です", "482913"),
]

WITHOUT_A_CODE = [
    "",
    "Welcome to rec!",
    "Your court is reserved for 2026-11-27 18:00.",
    "Your reservation 48291356 is confirmed.",
    "You paid $1234 on 11/27/2026.",
    "Total: 1250 USD",
    "Call us at 415-555-0100.",
    "Call 5550100 for help",
    "Questions? (415) 555-0100 or +44 7700 900123",
    "14155550100",
    "See you at the 2026 city championship",
    "Reply STOP to 55501 to opt out",
    "Use promo code 20261 for 20% off",
    "Order number: 87654321 has shipped",
    "Your ZIP code 94110 was changed",
    "Card ending in 4321 was charged 45.00 EUR",
    "Visit https://rec.us/r/48291356",
    "Your pass expires in 1440 minutes",
    "Save 5000 points or 6000 points",
    "Court 4, 1200 Greenwich St, 94109 San Francisco",
    "SAVE2026NOW",
    "4829135678901",
    "123",
]


@pytest.mark.parametrize(("text", "code"), WITH_A_CODE)
def test_the_code_is_found(text, code):
    assert code_in(text) == code


@pytest.mark.parametrize("text", WITHOUT_A_CODE)
def test_a_text_without_a_code_has_none(text):
    assert code_in(text) is None


@given(st.text() | st.text("0123456789 -.:/#@+$codeis\n", max_size=3000))
def test_whatever_is_found_is_four_to_eight_digits(text):
    code = code_in(text)

    assert code is None or (code.isascii() and code.isdigit() and 4 <= len(code) <= 8)

"""The shape of an answer says what is new in it, and nothing about anybody."""

from __future__ import annotations

import json
import re
from html import unescape
from random import Random
from typing import Any

import pytest

from reserve.shape import shape_of, vocabulary, words_of
from tests.test_canary import PHONE, spellings

TOKEN = "eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiJncmFjZSJ9.c2lnbmF0dXJl"
CANARIES = (
    *("Grace Hopper", "Grace", "hopper", "grace.hopper@example.com", "grace_hopper", "GRACE"),
    *(TOKEN, PHONE, "(415) 555-0142", "4155550142", "482913", "4242 4242 4242 4242", "4242", "Wörd/+&%s"),
)
SPELLINGS = sorted({spelled for canary in CANARIES for spelled in spellings(canary)})
NAMES = """
James Mary Robert Patricia John Jennifer Michael Linda David Elizabeth William Barbara Richard Susan Joseph
Jessica Thomas Sarah Charles Karen Christopher Lisa Daniel Nancy Matthew Sandra Anthony Ashley Mark Emily
Steven Kimberly Andrew Margaret Paul Donna Joshua Michelle Kenneth Carol Kevin Amanda Brian Melissa George
Timothy Deborah Ronald Stephanie Jason Rebecca Edward Laura Jeffrey Helen Ryan Sharon Jacob Cynthia Gary
Amy Nicholas Kathleen Eric Angela Jonathan Anna Stephen Emma Larry Nicole Justin Samantha Scott Will May
April June August Grant Frank Jack Max Rose Grace Hope Drew Ola Kari Per Nils Ingrid Lars Alice Park Hall
Smith Johnson Williams Brown Jones Garcia Miller Davis Wilson Anderson Taylor Moore Jackson Martin Lee
White Harris Clark Lewis Walker Young Allen King Wright Hill Green Clay Nelson Carter Marble Hansen Berg
"""


@pytest.mark.parametrize(
    ("text", "shape"),
    [
        ("", ""),
        ("Sorry, the courts are closed until 7.", "Sorry, the courts are closed until 7."),
        ("Call Grace at (415) 555-0142 on 2026-03-02",
         "Call «5» at («3 digits») «3 digits»-«4 digits» on 0000-00-00"),
        ("POST /v1/orders/3f2a-9/pay: 409", "POST /v1/orders/«4»-«1 digit»/pay: 409"),
        ("at 2026-03-02T08:00:00.000-08:00.", "at 0000-00-00T00:00:00.000-00:00."),
        ("code 482913, codes 4 8 2", "code «6 digits», codes «1 digit» «1 digit» «1 digit»"),
        ("player@example.com, call 555-142", "«19» call «3 digits»-«3 digits»"),
        ("will May and max may Max", "will «3» and max may «3»"),
        ('{"orderId":"3f2a","total":12,"cents":1500,"n":[4,8],"open":true,"none":null,"e":{},"l":[]}',
         '{"orderId": "«4»", "total": 12, "cents": «4 digits», "«1»": [«1 digit», «1 digit»], "open": true,'
         ' "none": null, "e": {}, "«1»": []}'),
        ('[{"Grace": {"status": "held"}}]', '[{"«5»": {"status": "held"}}]'),
        ('{"at": •••, "cut": "Gra', '{"at": •••, "cut": "«3»"'),
        ('<p id="grace" class=error hidden>Taken &amp; gone, Grace!<br/><!--482913--><script>x</script>',
         '<p id="«5»" class="error" hidden> Taken &amp; gone, «5»! <br> <!-- «6 letters» --> <script>'
         ' «1 letter» </script>'),
        ("<x-grace data-grace=1>", '<«1»-«5» data-«5»="1">'),
    ],
)  # fmt: skip
def test_the_shape_keeps_our_words_and_leaves_out_the_rest(text: str, shape: str) -> None:
    found = " ".join(re.sub(r"(?<=[\[{])\s+|\s+(?=[\]}])", "", shape_of(text)).split())

    assert found == shape


def test_no_name_of_a_person_is_one_of_our_words() -> None:
    assert [name for name in NAMES.split() if name in words_of(name)] == []


def test_our_own_words_are_those_of_the_source() -> None:
    assert {"reservation", "opens", "totp", "membership"} <= vocabulary()
    assert {"hopper", "marble", "canary", ""} & vocabulary() == set()


def hidden(random: Random) -> str:
    """A canary in one of its spellings, perhaps among other words."""
    canary = random.choice(SPELLINGS)
    beside = ["{}", "your code: {}", "/orders/{}/pay?code={}", "{}=1", "is-{}-open", "{} is taken"]
    return random.choice(beside).replace("{}", canary)


def answer(random: Random, depth: int = 3) -> Any:
    """Whatever a site may say, with canaries as keys and values."""
    kind = random.randrange(7 if depth else 3)
    if kind == 0:
        return hidden(random)
    if kind == 1:
        return random.choice([None, True, 0, 482913, -415, 4242, 4155550142, 4.82913])
    if kind == 2:
        return json.dumps({"name": hidden(random)})
    if kind < 5:
        return [answer(random, depth - 1) for _ in range(random.randrange(4))]
    keys = (hidden(random) if random.random() < 0.5 else "status" for _ in range(random.randrange(1, 5)))
    return {key: answer(random, depth - 1) for key in keys}


def page(random: Random) -> str:
    """A page with canaries in its tags, attributes, texts, scripts and comments."""

    def say() -> str:
        return hidden(random)

    parts = [
        f'<div data-{say()}="{say()}" class={say()}>{say()}',
        f"<script>var x = '{say()}'</script><!-- {say()} --><style>{say()}",
        f"<{say()}><input value='{say()}'><a href=\"/x?{say()}\">{say()}</a>",
        f"<!doctype {say()}><![CDATA[{say()}]]><?{say()}?></{say()}>&#71;race",
    ]
    return "<html>" + "".join(random.choices(parts, k=4))


def leaks(text: str) -> list[str]:
    return [spelled for spelled in SPELLINGS if spelled in text]


def test_whatever_an_answer_holds_its_shape_holds_no_canary() -> None:
    for seed in range(400):
        random = Random(seed)
        said = json.dumps(answer(random), ensure_ascii=seed % 2 == 0) if seed % 4 else page(random)
        said = said[: random.randrange(len(said) + 1)] if seed % 3 == 0 else said

        shape = shape_of(said)

        assert leaks(shape) == [], (seed, said)
        assert set(re.findall(r"\d{4,}", shape)) <= {"0000"}, (seed, said)
        words = re.findall(r"[^\W\d_]+", unescape(shape))
        assert {word for word in words if word not in vocabulary() and words_of(word) != word} <= {
            *("digit", "digits", "letter", "letters", "sign", "signs", "more")
        }, (seed, said)

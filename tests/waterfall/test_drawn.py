"""The picture in a terminal and as a page: complete, within its limits, and safe whatever names say."""

from __future__ import annotations

import re
from dataclasses import replace
from html.parser import HTMLParser
from io import StringIO

import pytest
from rich.console import Console

from reserve.errors import Meaning
from reserve.model import ActionKind
from reserve.waterfall.lines import lines
from reserve.waterfall.page import page
from reserve.waterfall.picture import Waterfall
from tests.waterfall.runs import NOTHING_KNOWN, TWO_HELD, attempt, drawn, facts, past, rival

NASTY = "<script>alert('1')</script>&\"\x00\udfff"
VOID = {"meta"}


class Page(HTMLParser):
    """Reads a page, and sees that each of its elements is closed where it should be."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.open: list[str] = []
        self.tags: list[str] = []
        self.attributes: dict[str, list[str]] = {}
        self.words: list[str] = []
        self.feed(html)
        self.close()
        assert self.open == []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        for name, value in attrs:
            self.attributes.setdefault(name, []).append(value or "")
        if tag not in VOID:
            self.open.append(tag)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self.handle_endtag(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_data(self, data: str) -> None:
        self.words.append(data)


def worst() -> Waterfall:
    """As many courts, attempts and lines as anybody has, with names that want to do harm."""
    courts = [f"{NASTY} {number}" for number in range(200)]
    asked = [
        attempt(court, 20 * each, 20 * each + 9, Meaning.HELD, 3) for court in courts for each in range(30)
    ]
    run = replace(past((ActionKind.KEPT, courts[0], 1)), request=NASTY, sentence=NASTY, run_id=NASTY)
    said = [{"at": "", "stamp": NASTY, "step": NASTY * 20}] * 5000
    return drawn(run, facts(asked), said, [rival(court, 50) for court in courts])


@pytest.mark.parametrize("picture", [drawn(), worst(), drawn(found=NOTHING_KNOWN), drawn(found=facts(()))])
def test_a_page_is_whole_small_and_asks_nobody_for_anything(picture: Waterfall) -> None:
    html = page(picture, [NASTY])

    read = Page(html)

    assert len(html.encode()) <= 150_000
    assert not {"script", "link", "img", "iframe", "object", "form", "base"} & set(read.tags)
    assert all(address.startswith("#") for address in read.attributes.get("href", []))
    assert not {"src", "action", "style", "onload", "onclick"} & read.attributes.keys()
    assert not re.search(r"url\(|@import|https?:", html)
    assert NASTY.rstrip("\x00\udfff") + "??" in read.words  # the cause, as it was said
    assert read.tags.count("title") == 1 + read.attributes["class"].count("track")


def test_what_is_drawn_is_said_in_words_too() -> None:
    said = " ".join(Page(page(drawn(), ["Others were first.", "Ask for more courts."])).words)

    for words in (
        "Reserved Court 1.",
        "Others were first.",
        "held +20.0 ms, reserved",
        "made +11.0 ms by the",
    ):
        assert words in said


@pytest.mark.parametrize("ascii_only", [False, True])
@pytest.mark.parametrize("picture", [drawn(), worst(), drawn(found=facts(()))])
def test_a_terminal_of_80_columns_is_enough(picture: Waterfall, *, ascii_only: bool) -> None:
    console = Console(width=80, file=StringIO(), color_system=None)

    for each in lines(picture, ascii_only=ascii_only):
        console.print(each)
    said = console.file.getvalue()  # type: ignore[attr-defined]

    assert max(map(len, said.splitlines())) <= 80
    assert said.isascii() or not ascii_only or "\udfff" in said
    assert not re.search(r"[\x00-\x09\x0b-\x1f]", said)


def test_the_lines_of_a_picture() -> None:
    console = Console(width=80, file=StringIO(), color_system=None)

    for each in lines(drawn(found=facts(TWO_HELD, []))):
        console.print(each)

    assert [line.rstrip() for line in console.file.getvalue().splitlines()][:6] == [  # type: ignore[attr-defined]
        "At the opening",
        "                  opening",
        "         Court 1  │    ██████◆██████████       held +20.0 ms, reserved",
        "         Court 2  │   █████◆██████████         held +18.0 ms, released",
        "         Court 3  │    ▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒▒  taken +25.0 ms",
        "                  0       +10 ms     +20 ms",
    ]

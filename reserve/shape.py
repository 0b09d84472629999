"""What a text looks like, without what it says about anybody: fit to be handed to a stranger.

Every word in it is one of ours: what this program's own source says is no secret. Whatever else stands in a
text is replaced by its length. So a secret needs not be recognized to be left out, in whatever spelling.
"""

from __future__ import annotations

import json
import re
from functools import cache
from html import escape
from html.parser import HTMLParser
from pathlib import Path

from reserve.itself import HERE
from reserve.redaction import MASK, printable

# What is said in APIs and on pages, and not in our source.
MORE = """
a b e i p s t u v1 v2 v3 v4 able access active added agree allowed although anymore apply approved area areas
attempts away back balance banned birthdate bookable bounds brand busy cancellation cancelled capacity
captcha card category challenge charge charges choose city closing color comment completed conflict consent
contact cookies country coupon created credit credits currency customer customers daily deleted denied
deposit desk disabled discount discounts door duration eligible enabled enter event events exceeded exists
expiration expired expiry extended external failure feature features fee fees forbidden front fully future
gateway group groups guest guests gym help icon identifier image inactive ineligible internal interval
invalid invoice issued joined kind later latitude lesson lessons link locked login longitude maintenance max
maximum member members membership metadata min minimum minute minutes monthly must needed nonce note notes
null office oops organization outdated overlap overlapping owner paid parent partner partners pass passes
payment payments pending permission permit phone photo player players please policy postal previous private
processing program programs quota rate reason receipt recent recurring refund region register registered
registration reload required resident residents resource resources retry role roles rules schedule search
season security select server service session signup slug sold sorry soon staff start status step street
submit subtotal success support suspended system tax terms tier tiers timeout timestamp today tomorrow too
total traffic transaction trouble try type types unable unauthorized unavailable understand unexpected unit
unpaid updated upgrade uri user username users uuid valid validation value values verification verified
verify version via visible visit waitlist waiver waivers warning week weekly window wrong year zip article
aside base body br button center col div em fieldset footer h1 h2 h3 h4 h5 h6 head header hr href html
iframe img input label legend li main meta nav noscript ol option placeholder section small span src strong
style svg table tbody td template textarea tfoot th thead title tr ul action aria autocomplete charset
checkbox checked class content enctype hidden lang method name onclick onsubmit post readonly rel selected
target text viewport width height
"""
# Those of our words that are names of people, too, when they have a capital.
NAMES = """
april art august best case chase drew fields frank grant green hall hope jackson june long mark max may park
pat per rose short summer walker white will young
"""
WORD = re.compile(r"(?<![^\W\d_])[a-zæøå]{2,}|(?<=[a-zæøå])[A-ZÆØÅ][a-zæøå]+")
CAMEL = re.compile(r"(?<=[a-zæøå])(?=[A-ZÆØÅ])")
# Of what stands between blanks: letters and figures, or more signs than anybody needs.
PIECE = re.compile(r"(?:[^\W_]|[^\x00-\x7f±…])+|[!-/:-@\[-`{-~]{4,}")
FIGURES = re.compile(r"[\W_]*\d[\W\d_]*")  # and no letter
NUMBER = re.compile(r"\W?\d{1,3}(\.\d{1,3})?\W{0,2}", re.ASCII)
DAY, TIME = rf"(?:\d{{4}}-\d\d-\d\d|{MASK})", r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
MOMENT = re.compile(rf"{DAY}(?:T{TIME}(?:Z|[+-]\d\d:?\d\d)?)?|{TIME}(?:-{TIME})?", re.ASCII)
STAMP = re.compile(r"T[+-]\d{1,4}\.\d{1,3}", re.ASCII)  # of our timeline
TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*|true\b|false\b|null\b|[{}\[\]:,]|\s+|[^\s{}\[\]:,"]+', re.DOTALL
)
OPENING, CLOSING = ("{", "["), ("}", "]")
JSON_WORDS = ("true", "false", "null", ",", *OPENING, *CLOSING)
LONGEST = 2000  # letters of one text in an answer
UNSEEN = ("script", "style")


@cache
def vocabulary() -> frozenset[str]:
    """The words that are kept, in small letters: those of our own source, and some of pages and APIs.

    The simulator is left out: names of people and places are in it; and so is what names them here.
    """
    source = [
        path
        for path in (HERE / "reserve").rglob("*.py")
        if "simulator" not in path.parts and path != Path(__file__)
    ]
    texts = (path.read_text(encoding="utf-8", errors="replace") for path in source)
    return frozenset(MORE.split()).union(word.lower() for text in texts for word in WORD.findall(text))


def shape_of(text: str) -> str:
    """The shape of an answer: of JSON its keys and types, of a page its tags, of all else the words."""
    beginning = text.lstrip()[:1]
    if beginning and beginning in "{[":
        return _shape_of_json(text)
    return _shape_of_page(text) if beginning == "<" else words_of(text)


def words_of(text: str) -> str:
    """*text* with those of its words that are ours, and small numbers that stand alone."""
    runs = re.split(r"(\s+)", printable(text, keep="\r\n\t"))
    found = []
    for place, run in enumerate(runs):
        beside = runs[max(place - 2, 0) : place] + runs[place + 1 : place + 3]
        found.append(_run(run, stands_alone=not any(map(FIGURES.fullmatch, beside))))
    return "".join(found)


def _run(run: str, *, stands_alone: bool) -> str:
    """What is kept of a *run* of letters without a blank."""
    core = run.strip("\"'.,;()")
    if MOMENT.fullmatch(core):
        return re.sub(r"\d", "0", run)
    if MASK in run:
        return MASK
    if STAMP.fullmatch(core):
        return run
    if "@" in core:
        return _left_out(run)
    if stands_alone and NUMBER.fullmatch(run):
        return run
    return PIECE.sub(lambda found: _piece(found[0]), run)


def _piece(piece: str) -> str:
    if piece.isdecimal():
        return _left_out(piece, "digit")
    if not any(each.isalnum() for each in piece):
        return _left_out(piece, "sign")
    words = [piece] if piece.isupper() else CAMEL.split(piece)
    return "".join(word if _is_ours(word, piece) else _left_out(word) for word in words)


def _is_ours(word: str, piece: str) -> bool:
    """Whether *word* of a *piece* is one of ours, and not the name with which that begins."""
    small = word.lower()
    is_name = small in NAMES.split() and word != small and piece.startswith(word)
    return small in vocabulary() and not is_name


def _left_out(text: str, unit: str = "") -> str:
    many = f"{len(text)} {unit}{'' if len(text) == 1 else 's'}" if unit else len(text)
    return f"«{many}»"


def _shape_of_json(text: str) -> str:
    """Token by token, as an answer may be cut off, and hold what was masked before."""
    found, depth, before = "", 0, ""
    for token in (each[0] for each in TOKEN.finditer(text) if not each[0].isspace()):
        depth -= token in CLOSING and depth > 0
        is_new_line = before in OPENING or before == "," or (token in CLOSING and before)
        if is_new_line and not (token in CLOSING and before in OPENING):
            found += "\n" + "  " * depth
        depth += token in OPENING
        found += _token(token, after_key=before == ":")
        before = token
    return found


def _token(token: str, *, after_key: bool) -> str:
    if token.startswith('"'):
        return json.dumps(_in_quotes(token), ensure_ascii=False)
    if token == ":":
        return ": "
    return token if token in JSON_WORDS else _number(token, after_key=after_key)


def _in_quotes(token: str) -> str:
    try:
        said = str(json.loads(token, strict=False))
    except ValueError:  # cut off
        said = token[1:]
    more = len(said) - LONGEST
    return words_of(said[:LONGEST]) + (f" «{more} more»" if more > 0 else "")


def _number(token: str, *, after_key: bool) -> str:
    """A number of an object, when it is small; several in a list could be one in pieces."""
    if re.fullmatch(r"-?\d{1,3}", token, re.ASCII):
        return token if after_key else _left_out(token.strip("-"), "digit")
    is_number = re.fullmatch(r"-?[\d.eE+-]+", token, re.ASCII)
    return MASK if MASK in token else _left_out(token, "digit" if is_number else "")


def _shape_of_page(text: str) -> str:
    reader = _Outline()
    try:
        reader.feed(text)
        reader.close()
    except AssertionError:  # as the library answers some declarations that make no sense
        reader.lines.append("«the rest cannot be read»")
    return "\n".join(reader.lines)


class _Outline(HTMLParser):
    """Gathers tags and words, each in a line."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.lines: list[str] = []
        self._unseen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        said = "".join(
            f" {words_of(name)}" + ("" if value is None else f'="{escape(words_of(value))}"')
            for name, value in attrs
        )
        self.lines.append(f"<{words_of(tag)}{said}>")
        self._unseen = tag in UNSEEN

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.handle_starttag(tag, attrs)
        self._unseen = False

    def handle_endtag(self, tag: str) -> None:
        self.lines.append(f"</{words_of(tag)}>")
        self._unseen = False

    def handle_data(self, data: str) -> None:
        if text := " ".join(data.split()):
            self.lines.append(_left_out(text, "letter") if self._unseen else escape(words_of(text)))

    def handle_comment(self, data: str) -> None:
        self.lines.append(f"<!-- {_left_out(data, 'letter')} -->")

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
a abandoned able accept accepted access account accounts acknowledge action active added address adult
adults advance after afternoon again agree ahead all allerede allowance allowed already although amount
amounts and another any anymore anyone apologize apply approved archived area areas aria article aside
attempt attempts attributes author authorised authorization authorized autocomplete automatically av avmeld
avmelding avmeldt away b back bad badminton balance ball balls bane baner banned base basic basket
basketball because been before begin begins being beklager between birthdate blank blocked body bookable
booked both bounds br brand browser brukernavn build busy but button call cancel cancelable canceled
cancellable cancellation cancelled cannot capacity captcha captured card cards cart carts cash category
center challenge change changed charge charges charset check checkbox checked checking checkout child
children choose city class classes clay client close closed closing coach code codes col color comment
completed confirmed confirming conflict conflicting conflicts connection consent contact content continue
cookie cookies could count country county coupon court courts created creator credentials credit credits
currency current currently cursor custom customer customers daily data date dates dato day days dear debit
debug december decline declined default deg deleted delivered den denied denne deposit deprecated
description desk det detail details dette did different din dine directly disabled discount discounts
dismiss district ditt div does doing done door draft du due duplicate duplicated duration during e each
early edges either eligibility eligible else em email empty enable enabled enctype end ends enough enter
environment equipment er error errors etter evening event events every everybody exceed exceeded exceeds
exception existing exists expiration expired expires expiry extended external facilities facility failed
failing failure false family far feature features february fee fees feil few field fields fieldset filter
filters first flag flags footer for forbidden forgotten found fra fredag free friday from front full fulle
fullt fully funds future før gateway gone grass group groups guest guests guid gym h1 h2 h3 h4 h5 h6 had har
hard has have having head header height held hello help hidden hint holding holiday holidays hour hours
however hr href html human i icon id identifier ids if iframe igjen ikke image img immediately in inactive
included inconvenience incorrect indoor ineligible inn innlogget input instructor insufficient intent
internal interval invalid invoice issue issued issues item items january javascript joined junior just kan
key keys kind kinds klokken kunne label labels lang last late later latitude league leagues least ledig
ledige left legend less lesson lessons level levels li light lights limit limited limiting limits link links
list lists location locations locked log logg logged login long longitude look lørdag main maintenance
malformed mandag mangler manually many march max maximum med medlem medlemmer medlemskap meld member members
membership message messages meta metadata method methods might min minimum minute minutes missing modified
moment monday month monthly months more morning most moved must må name names nav needed neither new next
night no node nodes nonce none nonresident noscript not note notes november null number ny nye obsolete
occupied october of off office offset og ok okay ol old om on once onclick only onsdag onsubmit oops open
opened opening opens opptatt option or order orders organisation organization other others out outdated
outdoor overlap overlapping owner p padel page pages paid parent partner partners pass passes passord
password passwords paused payment payments pending per permanently permission permit phase phone photo
pickleball placeholder plass plasser player players please policy pool post postal premium prev previous
previously price prices pricing primary priority private problem problems proceed proceeding processed
processing product production products profile program programs prøv public publishable published på
påmelding påmeldt quantity query queue queued quota racket rank rate reach reached readonly ready reason
reasons receipt received recent recently recurring redirect redirected ref reference refresh refund refunded
region register registered registration rejected rel relationships release released reload remaining remedy
removed renamed rental rentals replaced request requested require required requires rescheduled resend
reserved reset resident residents resource resources response restart restricted restriction restrictions
result results resumed retry return review reviewed reviewing robot role roles room rooms rules s same
saturday schedule scheduled search season secondary seconds secret section secure securely security see
select selected self senere senior sent september server service session settled shall should side sider
sign signed signup since site sites size skal slug small sms so sold som somebody someone soon sorry sort
span squash src staff stage staging standard start starts state states status stengt step street stripe
strong style submit subtotal succeeded success successful summary sunday support surface suspended svg
system søndag t table taken target tax taxes tbody td template temporarily tenant tennis terms test text
textarea tfoot th thank thanks thead then therefore throttled thursday tier tiers til time timeout times
timestamp timezone tirsdag title to today tomorrow too torsdag total totals tr trace traffic transaction
trial tries trouble true try tuesday twice type types u ugyldig uid ukjent ul unable unauthorized
unavailable undefined understand unexpected unit unknown unlimited unlocked unpaid unpublished unsupported
until up updated upgrade uri usage used user username users ut utløpt uuid v1 v2 v3 v4 valid validation
value values velkommen venteliste ventelisten venue venues verification verified verify version versions vi
via viewport visible visit voided volleyball vår våre være wait waiting waitlist waiver waivers wallet
warning was wednesday week weekday weekdays weekend weekends weekly welcome were width window within would
wrong year years yes youth zip zone åpen åpent åpner økt økter
"""
# Those of our words that are names of people, too, when they have a capital.
NAMES = """
april art august best case chase clay drew fields frank grant green hall hope jackson june long mark march
max may park pat per rose short summer walker white will young
"""
WORD = re.compile(r"(?<![^\W\d_])[a-zæøå]{2,}|(?<=[a-zæøå])[A-ZÆØÅ][a-zæøå]+")
CAMEL = re.compile(r"(?<=[a-zæøå])(?=[A-ZÆØÅ])")
# Of what stands between blanks: letters and figures, or more signs than anybody needs.
PIECE = re.compile(r"(?:[^\W_]|[^\x00-\x7f±…])+|[!-/:-@\[-`{-~]{4,}")
FIGURES = re.compile(r"[\W_]*\d[\W\d_]*")  # and no letter
NUMBER = re.compile(r"\W?\d{1,3}\.\d{1,3}\W{0,2}", re.ASCII)
SMALL = 3  # digits
DAY, TIME = rf"(?:\d{{4}}-\d\d-\d\d|{MASK})", r"\d\d:\d\d(?::\d\d(?:\.\d{1,9})?)?"
MOMENT = re.compile(rf"{DAY}(?:T{TIME}(?:Z|[+-]\d\d:?\d\d)?)?|{TIME}(?:-{TIME})?", re.ASCII)
STAMP = re.compile(r"T[+-]\d{1,4}\.\d{1,3}", re.ASCII)  # of our timeline
TOKEN = re.compile(
    r'"(?:[^"\\]|\\.)*"?|-?\d[\d.eE+-]*|true\b|false\b|null\b|[{}\[\]:,]|\s+|[^\s{}\[\]:,"]+', re.DOTALL
)
OPENING, CLOSING = ("{", "["), ("}", "]")
JSON_WORDS = ("true", "false", "null", ",", *OPENING, *CLOSING)
LONGEST = 2000  # letters of one text in an answer
DEEPEST = 20  # that is shown by a margin
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
    stands_alone &= len(re.findall(r"\d+", run)) == 1
    return PIECE.sub(lambda found: _piece(found[0], stands_alone=stands_alone), run)


def _piece(piece: str, *, stands_alone: bool) -> str:
    if piece.isdecimal():
        return piece if stands_alone and len(piece) <= SMALL else _left_out(piece, "digit")
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
            found += "\n" + "  " * min(depth, DEEPEST)
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

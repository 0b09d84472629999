"""Reading the pages of the NTNUI site: hand-written HTML, not well-formed, its letters mostly entities.

All guessing about the site's words is in here; what we know of them is in the NTNUI facts, 1, 3 and 4.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime, time
from html.parser import HTMLParser
from urllib.parse import parse_qs, urljoin, urlsplit

from reserve.errors import (
    LostAnswer,
    NotOpenYet,
    ReserveError,
    SlotTaken,
    TokenRefused,
    UnknownPage,
    UnknownRefusal,
)
from reserve.http import Answer
from reserve.redaction import MASK
from reserve.systems.ntnui.link import HOST, SessionLink
from reserve.systems.refusals import trouble_with

GREETING = "Du er nå innlogget som"  # only in the answer to the log-in
DOOR_CODE = ("Kode for tilgang til bygget:", "Bruk hovedinngangen, eller kode")  # tennis, padel
FREE = re.compile(r"\b(ingen|\d+) ledige? plass(?:er)?\b", re.IGNORECASE)
OPENS_IN = re.compile(r"Åpnes for \W*drop in\W* om ([\w, ]+)")
INLINE = {"a", "abbr", "b", "em", "i", "img", "span", "strong", "u"}
UNSEEN = {"script", "style", "title"}
# What a page that is kept must not show: other members' names, their numbers, and codes of doors.
PERSONAL = re.compile(
    r"\b[A-ZÆØÅ][\w-]+(?: [A-ZÆØÅ][\w-]+)* [A-ZÆØÅ]\."
    r"|\b(?:leggtilvikar|fjernvikar|bekrefte|kommerikke)id=\d+"
    r"|\b[Kk]ode\b[^<]*(?:<[^>]*>[^<]*)?"
)


@dataclass(frozen=True)
class Page:
    """What a page says, and where on this site its links lead, in full."""

    text: str
    cells: tuple[str, ...]
    links: tuple[str, ...]
    has_log_in: bool

    @property
    def is_signed_in(self) -> bool:
        """Whether it was made for somebody who is logged in."""
        return GREETING in self.text or any(urlsplit(link).path == "/logout.php" for link in self.links)

    @property
    def is_signed_out(self) -> bool:
        """Whether it was made for a stranger; an unknown page is neither."""
        return self.has_log_in and not self.is_signed_in

    @property
    def tells_door_code(self) -> bool:
        """Whether it tells the code of the door, as it does to those who are signed up and nobody else."""
        return any(words in self.text for words in DOOR_CODE)

    def gives_up(self, session: SessionLink, member: str | None) -> bool:
        """Whether it leads *member* to giving up a place in *session*, and to taking none (facts 4)."""
        return (
            self.is_signed_in
            and not self.offers_place
            and any(
                _leads_to(link, session) and _field(link, "fjernvikarid") == member for link in self.links
            )
        )

    @property
    def is_session(self) -> bool:
        """Whether it is the page of a session."""
        return "Timeinformasjon" in self.cells

    @property
    def is_error(self) -> bool:
        """Whether the site knows no such session."""
        return not self.is_session and re.search(r"\bERROR\b", self.text) is not None

    @property
    def free(self) -> int | None:
        """How many places are free, if it says so."""
        found = FREE.search(self.text)
        return None if found is None else 0 if found[1].lower() == "ingen" else int(found[1])

    @property
    def member(self) -> str | None:
        """The number of the member for whom the links to sign up and to give up a place were made."""
        found = {_field(link, name) for link in self.links for name in ("leggtilvikarid", "fjernvikarid")}
        numbers = {number for number in found if re.fullmatch(r"\d+", number, re.ASCII)}
        return numbers.pop() if len(numbers) == 1 else None  # of two, nobody knows which is the player's

    @property
    def offers_place(self) -> bool:
        """Whether this player may sign up: the link decides, not the number of places (facts 3)."""
        return any(_field(link, "leggtilvikarid") for link in self.links)

    @property
    def sessions(self) -> tuple[str, ...]:
        """The links to sessions; on every page those with free places come first (facts 3)."""
        plain = {"timeid", "spilletid", "lang"}
        return tuple(
            link
            for link in self.links
            if urlsplit(link).path == "/timeinfo.php" and set(parse_qs(urlsplit(link).query)) == plain
        )

    def says(self, label: str) -> str | None:
        """What is beside *label* in the table of the session."""
        return dict(zip(self.cells, self.cells[1:], strict=False)).get(label)

    @property
    def end(self) -> time | None:
        """When the session ends, if it says so."""
        found = re.search(r"-\s*(\d{1,2}:\d\d)\s*$", self.says("Klokkeslett:") or "")
        try:
            return datetime.strptime(found[1], "%H:%M").time() if found else None  # noqa: DTZ007  # on the wall
        except ValueError:
            return None


def read_page(html: str, address: str = f"https://{HOST}/") -> Page:
    """What *html* says, which came from *address*."""
    reader = _Reader()
    reader.feed(html)
    reader.close()
    cells = tuple(" ".join(cell.split()) for cell in reader.cells)
    links = tuple(_on_site(reader.links, address))
    return Page(" ".join("".join(reader.pieces).split()), cells, links, reader.has_log_in)


def meaning(page: Page) -> ReserveError:
    """Why the place is not ours, by a page that does not show that it is."""
    if page.is_signed_out:
        return TokenRefused("the site does not know us any more")
    if page.is_error:
        return UnknownRefusal("the site says that there is no such session")
    if opens_in := OPENS_IN.search(page.text):
        return NotOpenYet(f"the site says that it opens in {opens_in[1]}")
    if page.free == 0:
        return SlotTaken("the session is full")
    if page.offers_place:
        return UnknownRefusal("the site goes on offering the place instead of giving it")
    if page.free is not None:
        return NotOpenYet("there are free places, but not yet for us")
    return UnknownPage("the answer is a page that we do not know")


def trouble(answer: Answer, now: datetime) -> ReserveError | None:
    """What is wrong with *answer* before anybody reads it; the site itself answers 200 to everything."""
    if answer.is_good:
        return None
    kind = UnknownRefusal if answer.status >= 400 else LostAnswer
    unheard_of = kind(f"{answer.asked}: {answer.status}: an answer that this site never gives")
    return trouble_with(answer, answer.retry_after(now)) or unheard_of


def redacted(html: str) -> str:
    """*html* without names, numbers of members, and codes of doors."""
    return PERSONAL.sub(MASK, html)


class _Reader(HTMLParser):
    """Gathers text, table cells and links, whatever the tags are worth."""

    def __init__(self) -> None:
        super().__init__(convert_charrefs=True)
        self.pieces: list[str] = []
        self.cells: list[str] = []
        self.links: list[str] = []
        self.has_log_in = False
        self._in_cell = self._unseen = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = dict(attrs)
        if tag == "a" and found.get("href"):
            self.links.append(str(found["href"]))
        if found.get("name") == "login_information" or found.get("id") == "login_link":
            self.has_log_in = True
        if tag in UNSEEN:
            self._unseen = True
        if tag in ("td", "th", "tr", "table"):
            self._in_cell = tag in ("td", "th")
            if self._in_cell:
                self.cells.append("")
        self._part(tag)

    def handle_endtag(self, tag: str) -> None:
        if tag in UNSEEN:
            self._unseen = False
        if tag in ("td", "th", "tr", "table"):
            self._in_cell = False
        self._part(tag)

    def handle_data(self, data: str) -> None:
        if self._unseen:
            return
        self.pieces.append(data)
        if self._in_cell:
            self.cells[-1] += data

    def _part(self, tag: str) -> None:
        """Text in two blocks is not one word."""
        if tag not in INLINE:
            self.pieces.append(" ")


def _on_site(links: Iterable[str], address: str) -> Iterator[str]:
    """Those of *links* that stay on the site; some are relative and some absolute (facts 2)."""
    for link in links:
        try:
            found = urljoin(address, link)
            host = urlsplit(found).netloc
        except ValueError:  # it leads nowhere
            continue
        if host in (HOST, urlsplit(address).netloc):
            yield found


def _leads_to(link: str, session: SessionLink) -> bool:
    start, wanted = (text.replace("T0", "T") for text in (_field(link, "spilletid"), session.spilletid))
    return (urlsplit(link).path, _field(link, "timeid"), start) == (
        "/timeinfo.php",
        str(session.timeid),
        wanted,
    )


def _field(link: str, name: str) -> str:
    return parse_qs(urlsplit(link).query).get(name, [""])[0]

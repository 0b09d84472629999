"""NTNUI Tennis and padel: a form log-in, then one GET that takes a free place in a session, final at once.

The site answers 200 to everything, so its words decide; it signs up from 72 hours before the start.
Facts and their sources: NTNUI facts.
"""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import suppress
from dataclasses import replace
from datetime import datetime, timedelta, tzinfo
from urllib.parse import urlsplit

from reserve.clock import Clock
from reserve.errors import (
    LostAnswer,
    ReserveError,
    ServiceError,
    SignInError,
    TokenRefused,
    UnknownRefusal,
    UsageError,
)
from reserve.http import Answer, Http
from reserve.model import BookingRequest, Court, Hold, Offer, Offers, Reservation
from reserve.stroke import Departure
from reserve.systems.base import BookingSystem, CourtConnection
from reserve.systems.ntnui import NtnuiProfile
from reserve.systems.ntnui.link import HOST, ZONE, SessionLink, read_link
from reserve.systems.ntnui.pages import Page, meaning, read_page, redacted, trouble
from reserve.when import read_time
from reserve.window import HoursAhead

WEEKS = ("0", "1")  # of the week plan: this one and the next (facts 2)
WINDOW = HoursAhead(72)  # real hours before the start (facts 5)
PAGES_KEPT = 5  # of one run; who waits for days may see the same strange page thousands of times
NO_LINK = "--link is missing; open the session on the site and copy the address of its page"
OTHER_SESSIONS = 3  # looked at for the player's number; each shows it that has a free place for the player


class Ntnui(NtnuiProfile, BookingSystem):
    """The NTNUI site on behalf of one member."""

    hold_is_final = True
    site = "NTNUI_URL"
    _kept = 0
    _offer: Offer | None = None
    _found_member: str | None = None

    @classmethod
    def completed(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        """What the link says about day and time, and an hour as long as nobody says more."""
        if "link" not in options:
            return options
        session = read_link(options["link"], hosts=None)
        start = read_time(options.get("start_time", f"{session.wall_time}"), "--start-time")
        end = datetime.combine(session.day, start) + timedelta(hours=1)
        end_time = f"{end:%H:%M:%S}" if end.date() == session.day else "23:59:59"
        said = {"court": "NTNUI", "sport": "tennis", "date": f"{session.day}", "start_time": f"{start}"}
        return {**said, **options, "end_time": end_time}

    @classmethod
    def fitted(cls, request: BookingRequest) -> BookingRequest:
        """*request* with its link moved to the week of its day.

        Raises `UsageError` for a day or a time that is not that of the link.
        """
        if not request.link:
            raise UsageError(NO_LINK)
        session, link = read_link(request.link, hosts=None), request.link
        if request.day != session.day:
            session = session.on(request.day)
            link = str(session)
        if request.starts[0] != session.wall_time:
            raise UsageError(f"--start-time is not the time of --link, which is {session.wall_time:%H:%M}")
        return replace(request, facility=request.facility or "NTNUI", link=link)

    @property
    def session(self) -> SessionLink:
        """The session that `--link` names."""
        if not self.request.link:
            raise UsageError(NO_LINK)
        mine = urlsplit(self.context.addresses["NTNUI_URL"]).netloc
        return read_link(self.request.link, hosts=(HOST, mine))

    @property
    def member(self) -> str | None:
        """The player's number in links, as far as it is known."""
        return self.account.details.get("NTNUI_MEMBER_ID") or self._found_member

    def offers(self) -> Offers:
        """The one session that is wanted, as its page shows it to everybody."""
        session = self.session
        answer, page = self._visit()
        if page.is_error:
            raise UsageError(f"--link: the site knows no session {session.timeid}; they change every term")
        if not page.is_session:
            self.keep(answer)
            self.context.say("the page of the session looks new to us; going on with what the link says")
        bane = page.says("Bane:") or f"session {session.timeid}"
        court = Court(str(session.timeid), bane if len(bane) > 2 else f"Bane {bane}")
        slot = session.slot(page.end)
        self._offer = Offer(court, slot, WINDOW.opens_at(slot.start))
        return Offers(page.says("Sted:") or "NTNUI", ZONE, (self._offer,))

    def zone(self) -> tzinfo:
        """That of Trondheim."""
        return ZONE

    def facilities(self) -> list[str]:
        """The links of the sessions ahead to which the week plan leads (facts 2), by their start."""
        found = set[SessionLink]()
        for week in WEEKS:
            page = self._read(self.question("/index.php", {"lang": "no", "uke": week}))
            for link in page.sessions:
                with suppress(UsageError):  # one that we could not book either
                    found.add(read_link(link, hosts=None))
        ahead = [session for session in found if session.start > self.context.clock.now()]
        if not ahead:
            raise UsageError(
                "the site shows no session to strangers; open one on the site, and give its address as --link"
            )
        return [
            str(session) for session in sorted(ahead, key=lambda session: (session.start, session.timeid))
        ]

    def sign_in(self) -> None:
        """Log in, and find the player's number in the links of some page, if it is to be found already."""
        page = self.log_in()
        if self.member is not None:
            return
        others = (urlsplit(link) for link in page.sessions[:OTHER_SESSIONS])
        places = [self.session.path(), *(f"{other.path}?{other.query}" for other in others)]
        for place in places:
            with suppress(ServiceError):  # it can still be read from the page of the session when that opens
                self._note_member(self._visit(place)[1])
            if self.member is not None:
                return
        self.context.say(
            "no page shows the player's number yet; it will be read from the page of the session"
        )

    def log_in(self) -> Page:
        """Send the log-in form (facts 1); returns the page that greets the player."""
        form = {
            "email": self.account.email,
            "password": self.account.password,
            "lang": "no",
            "rememberme": "on",
        }
        answer = self.http.ask("POST", "/index.php?lang=no", form=form)
        page = self._read(answer)
        if page.is_signed_out:
            raise SignInError("the site does not accept the e-mail address or the password")
        if not page.is_signed_in:
            self.keep(answer)
            raise UnknownRefusal("the log-in was answered with a page that we do not know")
        return page

    def reservations(self) -> list[Reservation]:
        """This session, when the player is signed up for it; the site lists no others."""
        return [Reservation(hold.offer.court, hold.offer.slot, hold.order_id) for hold in self.holds()]

    def holds(self) -> list[Hold]:
        """The same, as a hold."""
        return [self.hold()] if self.is_ours(self.session_page()) else []

    def facility_of(self, court: Court) -> str:
        """The place that the page of the session names, or whose site it is."""
        return self.offers().facility

    def refund(self, reservation: Reservation) -> str:
        """Nothing is paid for a place; until when it can be given up is not known (facts 8)."""
        return "it costs nothing; until when a place may be given up is not known"

    def cancel(self, reservation: Reservation) -> None:
        """Send the link that gives the place up, once, if the page has it (facts 3)."""
        if not self.session_page().gives_up(self.session, self.member):
            raise UsageError(
                f"the page of the session has no link to give the place up; look at it: {self.session}"
            )
        answer = self.http.ask("GET", self.session.path(fjernvikarid=self.member or ""))
        if self.is_ours(self._read(answer)):
            self.keep(answer)
            raise UnknownRefusal(f"{answer.asked.partition('?')[0]}: the page still shows the place as ours")

    def is_ours(self, page: Page) -> bool:
        """Whether *page* shows that the player has a place: either sign is enough (facts 4)."""
        gives_up = page.gives_up(self.session, self.member)
        if page.tells_door_code and not gives_up:
            self.context.say("the page tells the code of the door, but has no link to give the place up")
        if gives_up and not page.tells_door_code:
            self.context.say(
                "the page has a link to give the place up, but does not tell the code of the door"
            )
        return page.tells_door_code or gives_up

    def hold(self) -> Hold:
        """The player's place in the session."""
        session = self.session
        if self._offer is None:
            self.offers()
        assert self._offer is not None
        order_id = f"{session.timeid}/{session.spilletid}"
        return Hold(self._offer, order_id, link=str(session))

    def session_page(self) -> Page:
        """The page of the session as the player sees it; logs in again when the site forgot the player."""
        answer, page = self._visit()
        if page.is_signed_out:
            self.log_in_again()
            answer, page = self._visit()
        if page.is_signed_out:
            raise TokenRefused("the site does not know us any more, although it accepted the log-in")
        if not page.is_signed_in and not page.tells_door_code:
            self.keep(answer)
            raise UnknownRefusal(f"{answer.asked}: the answer is a page that we do not know")
        self._note_member(page)
        return page

    def log_in_again(self) -> None:
        """Log in once more during a run; raises `TokenRefused` when the site refuses now."""
        self.context.say("the site has forgotten us; logging in once more")
        try:
            self.log_in()
        except SignInError as refusal:
            raise TokenRefused("the site has forgotten us and refuses another log-in") from refusal

    def take_place(self) -> Answer:
        """Send the sign-up link, once; raises the reason when there is none to send yet."""
        if self.member is None:
            page = self.session_page()
            if page.member is None:
                raise meaning(page)
        return self.http.ask("GET", self.session.path(leggtilvikarid=self.member or ""))

    def taken(self, answer: Answer) -> Hold:
        """The place that *answer* to the sign-up gives us; raises the `ReserveError` that says why not."""
        page = self._read(answer)
        if self.is_ours(page):
            return self.hold()
        refusal = meaning(page)
        if isinstance(refusal, LostAnswer | UnknownRefusal):
            self.keep(answer)
        raise refusal

    def connection_for(self, offer: Offer) -> CourtConnection:
        """The one connection there is: one session, one log-in."""
        return NtnuiConnection(offer, self)

    def connect(self) -> Http:
        """A connection that will remember the player's cookies."""
        headers = {"User-Agent": self.context.user_agent, "Accept": "text/html"}
        return self.context.connect(self.context.addresses["NTNUI_URL"], headers)

    def keep(self, answer: Answer) -> None:
        """Keep a page that nobody understood, without what it says about people."""
        self._kept += 1
        if self._kept <= PAGES_KEPT:
            self.context.keep(answer.asked, redacted(answer.text))

    def _visit(self, place: str | None = None) -> tuple[Answer, Page]:
        answer = self.question(place or self.session.path())
        return answer, self._read(answer)

    def _read(self, answer: Answer) -> Page:
        if wrong := trouble(answer, self.context.clock.now()):
            raise wrong
        return read_page(answer.text, self.context.addresses["NTNUI_URL"])

    def _note_member(self, page: Page) -> None:
        self._found_member = self._found_member or page.member


class NtnuiConnection(CourtConnection):
    """The wanted session, asked for over the connection that knows the player."""

    def __init__(self, offer: Offer, system: Ntnui) -> None:
        """Nothing is sent yet."""
        super().__init__(offer)
        self._system = system

    def light(self) -> Answer:
        """Ask for the page of the session."""
        return self._system.http.ask("GET", self._system.session.path())

    def warm(self, clock: Clock) -> None:
        """Look whether the site still knows us, and log in again if not."""
        with suppress(ReserveError):  # the opening may still go well, and says why if not
            self._system.session_page()

    def hold(self, departure: Departure | None = None) -> Hold:
        """Take a place; when the site has forgotten us, surely nothing was done, and we ask once more."""
        if departure is not None:
            departure.wait()
        try:
            return self._take()
        except TokenRefused:
            self._system.log_in_again()
            return self._take()

    def _take(self) -> Hold:
        self.stamp = None
        answer = self._system.take_place()
        self.stamp = answer.stamp
        return self._system.taken(answer)

    def is_free(self) -> bool:
        """Whether the page of the session offers the place, or shows that it is ours."""
        page = self._system.session_page()
        return page.offers_place or self._system.is_ours(page)

"""Atrium, the API behind a landlord's portal: one POST reserves a court, finally, exactly 168 hours ahead.

Sign-in is an OAuth refresh token that rotates, or the log-in page. Facts and their sources: Atrium facts.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import closing
from datetime import date, datetime, timedelta

from dateutil.parser import isoparse

from reserve.errors import (
    LimitReached,
    NotOpenYet,
    ReserveError,
    SlotTaken,
    TokenRefused,
    UnknownAnswer,
    UnknownRefusal,
    UsageError,
)
from reserve.http import Answer, Http, read
from reserve.model import Court, Hold, Offer, Offers, Published, Reservation, Slot
from reserve.systems.api import ApiSystem
from reserve.systems.atrium.places import Place, chosen, places
from reserve.systems.atrium.sign_in import TO_RENEW, Granted, by_code, by_refresh_token, log_in
from reserve.systems.refusals import Words, by_words
from reserve.window import at, parse_time
from reserve.window import slot as slot_at

LENGTH = timedelta(minutes=30)  # without --end-time (facts 4)
EVERY = timedelta(minutes=20)  # an access token lives about 30 minutes (facts 2.2)
BEFORE_IT_ENDS = timedelta(seconds=30)  # the refresh token (facts 2.2)
LEAST_PAUSE = timedelta(minutes=1)

# What the texts of refusals mean. None was ever recorded (facts 3): whatever matches nothing stays unknown,
# and so does a court that is merely "not available": it may be taken, or not open yet.
REFUSALS: Words = (
    (r"already (reserved|booked|taken)|no longer available|overlap", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|in advance|out of range", NotOpenYet),
    (r"limit|maximum|quota|too many reservations", LimitReached),
)


class Atrium(ApiSystem):
    """Atrium on behalf of one resident."""

    name = "atrium"
    hold_is_final = True
    addresses: Mapping[str, str] = {
        "ATRIUM_API_URL": "https://api.atriumapp.co",
        "ATRIUM_AUTH_URL": "https://auth.atriumapp.co",
        "ATRIUM_WEB_URL": "https://my.tfc.com",
        "ATRIUM_PLACES": "",  # a file that describes other buildings
    }
    api = "ATRIUM_API_URL"
    asks = ("RESERVE_EMAIL", "RESERVE_PASSWORD", "ATRIUM_OCCUPANT_ID", "ATRIUM_REFRESH_TOKEN")
    token_variable = "ATRIUM_REFRESH_TOKEN"
    needs = ("court", "date", "start_time", "email")
    renew_every = EVERY
    usual_lengths = (LENGTH,)
    look_every = timedelta(minutes=1)  # there is nothing to look at, so each look is a request for the court

    _made: tuple[tuple[str, Court, Slot], ...] = ()  # what this run reserved, as the answers said

    @classmethod
    def completed(cls, options: Mapping[str, str]) -> Mapping[str, str]:
        """Tennis, half an hour, unless something else is said."""
        found = {"sport": "tennis", **options}
        if "end_time" not in found and "start_time" in found:
            start = datetime.combine(date.min, parse_time(found["start_time"], "--start-time"))
            found["end_time"] = f"{start + LENGTH:%H:%M:%S}"
        return found

    @property
    def place(self) -> Place:
        """The building."""
        return self._chosen()[0]

    @property
    def _occupant(self) -> str:
        """The resident's number, which stands in the portal's address of a reservation."""
        return self.account.details.get("ATRIUM_OCCUPANT_ID", "")

    @property
    def _places(self) -> list[Place]:
        return places(self.context.addresses["ATRIUM_PLACES"] or None)

    def _chosen(self) -> tuple[Place, list[Court]]:
        return chosen(self._places, self.request.facility)

    def facilities(self) -> list[str]:
        """The buildings that are described here; Atrium publishes none."""
        return [place.name for place in self._places]

    def published(self) -> list[Published]:
        """The courts of the building, as its data says."""
        place, courts = self._chosen()
        step, longest = (length // timedelta(minutes=1) for length in (place.step, place.longest))
        opens_at = place.opens_at(at(self.request.day, self.request.starts[0], place.zone))
        return [
            Published(
                court.name, ("tennis",), f"{step} to {longest} minutes", f"{place.window} ahead", opens_at
            )
            for court in courts
        ]

    def offers(self) -> Offers:
        """The building's courts, as its data says: where Atrium publishes them is not known (facts 4)."""
        if not self._occupant.isdigit():
            raise UsageError(
                "ATRIUM_OCCUPANT_ID is missing: your number in the portal's address of a reservation"
            )
        if self.request.sport != "tennis":
            raise UsageError("--sport: only tennis is known on Atrium")
        place, courts = self._chosen()
        if self.request.only:
            courts = [_named(place, wanted) for wanted in self.request.only]
        if self.request.length > place.longest or self.request.length % place.step:
            raise UsageError(
                f"--end-time: {place.name} has reservations in steps of {place.step.seconds // 60} minutes, "
                f"{place.longest.seconds // 60} at most"
            )
        found = []
        for start in self.request.starts:
            wanted = slot_at(self.request.day, start, self.request.length, place.zone)
            if timedelta(hours=start.hour, minutes=start.minute, seconds=start.second) % place.step:
                raise UsageError(f"--start-time: nothing starts at {start:%H:%M:%S} in {place.name}")
            found += [Offer(court, wanted, place.opens_at(wanted.start)) for court in courts]
        return Offers(place.name, place.zone, tuple(found))

    # Sign-in (facts 2).

    def sign_in(self) -> None:
        """Renew the refresh token; when none is accepted, log in through the browser."""
        try:
            self._renew()
        except TokenRefused:
            if not self.account.password:
                raise
            self.context.say("no refresh token is accepted; logging in with the browser")
            self.log_in()

    def log_in(self) -> None:
        """Log in through the page that the player would use."""
        web = self.context.addresses["ATRIUM_WEB_URL"]
        with closing(self.auth()) as auth:
            with self.context.browser() as browser:
                code = log_in(browser, auth.base_url, self.account, web=web, clock=self.context.clock)
            self.use(by_code(auth, code, web=web))

    def keep_alive(self) -> None:
        """Renew the refresh token; a dead one is no matter while there is a password to log in with later."""
        try:
            self._renew()
        except TokenRefused:
            if not self.account.password:
                raise

    def _renew(self) -> None:
        """Have new tokens for the best of those kept; raises `TokenRefused` when none is accepted."""
        with self.context.tokens.alone(), closing(self.auth()) as auth:
            kept = self.context.tokens.kept()
            for token in kept:
                self.context.conceal(token)
                try:
                    granted = by_refresh_token(auth, token)
                except TokenRefused:
                    continue
                self.use(granted)
                return
        why = "no refresh token is accepted any more" if kept else "there is no refresh token"
        raise TokenRefused(f"{why}, and there is no password to log in with. {TO_RENEW}")

    def use(self, granted: Granted) -> None:
        """Speak with the new access token from now on, and keep the new refresh token."""
        self.speak_as(granted.access)
        if granted.refresh is None:
            return
        self.context.conceal(granted.refresh)
        if granted.refresh_lives is not None:
            soonest = granted.refresh_lives - BEFORE_IT_ENDS
            self.renew_every = max(LEAST_PAUSE, min(EVERY, soonest))
        try:
            self.context.tokens.replace(granted.refresh)
        except ReserveError as failure:  # this run can go on; the next one will have to log in
            self.context.say(f"warning: the new refresh token is not kept: {failure}")

    def auth(self) -> Http:
        """A connection to Keycloak."""
        headers = {"User-Agent": self.context.user_agent, "Accept": "application/json"}
        return self.context.connect(self.context.addresses["ATRIUM_AUTH_URL"], headers)

    def believed(self, ask: Callable[[], Answer]) -> Answer:
        """The answer to *ask*; when it doubts who we are, we sign in once, and ask once more.

        401 and 403 were both seen for a stale token (facts 1, 3); nothing was done then.
        """
        answer = ask()
        if answer.status == 401 or (answer.status == 403 and answer.is_json):
            self.context.say(f"{answer.asked}: {answer.status}; renewing the token")
            try:
                self.sign_in()
            except ReserveError as failure:
                raise TokenRefused(f"Atrium no longer accepts our token, and: {failure}") from failure
            answer = ask()
        return answer

    # Reservations (facts 3).

    @property
    def path(self) -> str:
        """Where the player's reservations are made, and probably listed."""
        return f"/api/v1/my/occupants/{self._occupant}/amenity-reservations/"

    @property
    def light_path(self) -> str:
        """The player's reservations."""
        return self.path

    def reservations(self) -> list[Reservation]:
        """Upcoming reservations, those of this run included; only the latter where Atrium lists none."""
        try:
            self.knows_reservations, listed = True, self._listed()
        except (UnknownRefusal, UnknownAnswer) as refusal:  # path and form of it are guesses (facts 4, 8)
            self.context.say(f"the list of reservations cannot be read: {refusal}")
            self.knows_reservations, listed = False, []
        made = [each for each in self._made if each[0] not in {id_ for id_, _, _ in listed}]
        return [Reservation(court, when, id_) for id_, court, when in [*listed, *made]]

    def holds(self) -> list[Hold]:
        """The reservations in Atrium's own list; raises when it cannot be read: then nobody can tell."""
        return [Hold(Offer(court, when, when.start), id_) for id_, court, when in self._listed()]

    def _listed(self) -> list[tuple[str, Court, Slot]]:
        body = self.get(self.path)
        items = body if isinstance(body, list) else read(body, "results")
        if not isinstance(items, list):
            raise UnknownAnswer("the answer has no list of reservations")
        return [_read(each, self.place) for each in items if not read(each, "is_cancelled")]

    def order_for(self, offer: Offer) -> dict[str, object]:
        """The body that asks for *offer*: which field is a number and which a text is best attested so."""
        return {
            "amenity_type_id": self.place.amenity_type,
            "start_time": offer.slot.start.isoformat(timespec="seconds"),  # its offset has a colon
            "end_time": offer.slot.end.isoformat(timespec="seconds"),
            "amenity_id": int(offer.court.id) if offer.court.id.isdigit() else offer.court.id,
            "guests": "1",
            "amenity_reservation_type": "TR",
        }

    def held(self, offer: Offer, answer: Answer) -> Hold:
        """The reservation that *answer* tells of; raises the `ReserveError` that says why not."""
        if not answer.is_good:
            raise self.meaning(answer)
        try:
            id_, court, when = _read(answer.json(), self.place)
            if (court.name, when) != (offer.court.name, offer.slot):
                raise UnknownAnswer(f"the answer is about {court.name} {when}")
        except UnknownAnswer as unknown:
            self.context.keep(answer.asked, answer.text)
            raise UnknownAnswer(f"{answer.asked}: {answer.status}, but {unknown}") from unknown
        self._made += ((id_, offer.court, offer.slot),)
        return Hold(offer, id_)

    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player."""
        what = f"{answer.asked}: {answer.status}"
        if answer.status in (401, 403):
            return TokenRefused(f"{what}: Atrium does not accept our token, although it is new")
        found = by_words(what, " ".join(_texts(answer.json())) if answer.is_json else "", REFUSALS)
        if answer.status == 409 and isinstance(found, UnknownRefusal):
            return SlotTaken(f"{what}: it conflicts with another reservation")
        return found

    def look(self, hold: Hold) -> Hold:
        """A reservation has no price that Atrium would tell, and does not lapse."""
        return hold

    def confirm(self, hold: Hold) -> None:
        """It is final as soon as it is made."""

    def release(self, hold: Hold) -> None:
        """A reservation is never given up by us; how Atrium cancels one is not known either."""


def _named(place: Place, wanted: str) -> Court:
    court = place.court(wanted)
    if court is None:
        names = ", ".join(each.name for each in place.courts)
        raise UsageError(f"--only: {wanted!r} is no court of {place.name}; there are {names}")
    return court


def _read(item: object, place: Place) -> tuple[str, Court, Slot]:
    """One reservation as Atrium tells it; raises `UnknownAnswer` for what cannot be read."""
    label = str(read(item, "amenity", "label"))
    court = place.court(label) or Court("", label)
    try:
        start, end = (_moment(str(read(item, key)), place) for key in ("start_time", "end_time"))
        return str(read(item, "id")), court, Slot(start, end)
    except (ValueError, UsageError):
        raise UnknownAnswer("the answer has no start_time and end_time we can read") from None


def _moment(text: str, place: Place) -> datetime:
    """A moment as Atrium writes it; without an offset it can only be the building's time."""
    moment = isoparse(text)
    return moment.astimezone(place.zone) if moment.tzinfo else at(moment.date(), moment.time(), place.zone)


def _texts(value: object) -> list[str]:
    """Every text in *value*, as such frameworks tell what is wrong: by field, in lists."""
    if isinstance(value, str):
        return [value]
    inner = list(value.values()) if isinstance(value, dict) else value
    return [text for each in inner for text in _texts(each)] if isinstance(inner, list) else []

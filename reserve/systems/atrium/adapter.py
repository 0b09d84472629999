"""Atrium, the API behind a landlord's portal: one POST reserves a court, finally, exactly 168 hours ahead.

Sign-in is an OAuth refresh token that rotates, or the log-in page. Facts and their sources: Atrium facts.
"""

from __future__ import annotations

from contextlib import closing
from datetime import timedelta
from functools import cached_property

from reserve.errors import ReserveError, SlotTaken, UnknownAnswer, UnknownRefusal, UsageError
from reserve.http import Answer, path_to
from reserve.model import Court, Hold, Offer, Offers, Reservation, Slot
from reserve.systems.account_api import AccountApi, Granted
from reserve.systems.atrium import AtriumProfile
from reserve.systems.atrium.answers import REFUSALS, TOKEN_REFUSALS, Listed, Reserved, TokenAnswer
from reserve.systems.atrium.places import Building, buildings, chosen
from reserve.systems.atrium.shapes import SHAPES
from reserve.systems.atrium.sign_in import CLIENT, REALM, TO_RENEW, log_in
from reserve.systems.reading import moment, read
from reserve.systems.refusals import by_words


class Atrium(AtriumProfile, AccountApi):
    """Atrium on behalf of one resident."""

    shapes = SHAPES
    hold_is_final = True
    api, site = "ATRIUM_API_URL", "ATRIUM_WEB_URL"
    refusals = REFUSALS
    doubts = (401, 403)  # only 403 was recorded, of a stale token on the old host (facts 1, 3)
    how_to_renew = TO_RENEW
    _made: tuple[Hold, ...] = ()  # by this run, as the answers said
    look_every = timedelta(minutes=1)  # there is nothing to look at, so each look is a request for the court

    def facilities(self) -> list[str]:
        """The buildings that are described here; Atrium publishes none."""
        return [building.name for building in self._buildings()]

    def place(self) -> Building:
        """The building, as its data says: where Atrium publishes courts is not known (facts 4)."""
        return self._building

    @cached_property
    def _building(self) -> Building:
        """Read once: a file that is gone later must not hide what was reserved."""
        return chosen(self._buildings(), self.request.facility)

    def _buildings(self) -> list[Building]:
        return buildings(self.context.addresses["ATRIUM_PLACES"] or None)

    def offers(self) -> Offers:
        """What the building has, for a resident whose number is known."""
        assert self._occupant
        return super().offers()

    def facility_of(self, court: Court) -> str:
        """The building."""
        return self.place().name

    @property
    def _occupant(self) -> str:
        """The resident's number; raises `UsageError` when it is not known."""
        number = self.account.details.get("ATRIUM_OCCUPANT_ID", "")
        if not number.isdigit():
            raise UsageError(
                "ATRIUM_OCCUPANT_ID is missing: your number in the portal's address of a reservation"
            )
        return number

    # Sign-in (facts 2).

    def log_in(self) -> Answer:
        """Log in through the page that the player would use, and have its code changed for tokens."""
        self.context.say("no refresh token is accepted, or can be had; logging in with the browser")
        web, auth = (self.context.addresses[name] for name in ("ATRIUM_WEB_URL", "ATRIUM_AUTH_URL"))
        with self.context.browser() as browser:
            code = log_in(browser, auth, self.account, web=web, clock=self.context.clock)
        return self.tokens_for(grant_type="authorization_code", code=code, redirect_uri=f"{web}/")

    def renewal(self, refresh: str) -> Answer:
        """New tokens for a refresh token, which is worth nothing after that."""
        return self.tokens_for(grant_type="refresh_token", refresh_token=refresh)

    def tokens_for(self, **form: str) -> Answer:
        """What the token endpoint answers (facts 2.1)."""
        headers = {"User-Agent": self.context.user_agent, "Accept": "application/json"}
        with closing(self.context.connect(self.context.addresses["ATRIUM_AUTH_URL"], headers)) as auth:
            return auth.ask("POST", f"{REALM}/token", form={"client_id": CLIENT, **form})

    def granted(self, answer: Answer) -> Granted:
        """The tokens in *answer*."""
        tokens = read(answer, TokenAnswer)
        lives = str(tokens.refresh_expires_in.value)
        ends = timedelta(seconds=int(lives)) if lives.isdigit() and 0 < int(lives) < 1e9 else None
        return Granted(tokens.access_token, tokens.refresh_token.value or None, ends)

    def sign_in_refusal(self, answer: Answer) -> ReserveError:
        """What the token endpoint's refusal means: a token is dead, or something is wrong."""
        return by_words(f"{answer.asked}: {answer.status}", self.reason(answer), TOKEN_REFUSALS)

    # Reservations (facts 3).

    @property
    def path(self) -> str:
        """Where the player's reservations are made, and probably listed."""
        return path_to("/api/v1/my/occupants/{id}/amenity-reservations/", id=self._occupant)

    def reservations(self) -> list[Reservation]:
        """Upcoming reservations, those of this run included; only the latter where Atrium lists none."""
        self.knows_reservations = True
        try:
            try:
                listed = self.holds()
            except (UnknownRefusal, UnknownAnswer):  # one garbled answer must not hide what the player has
                listed = self.holds()
        except (UnknownRefusal, UnknownAnswer) as refusal:  # path and form of it are guesses (facts 4, 8)
            self.context.say(f"the list of reservations cannot be read: {refusal}")
            self.knows_reservations, listed = False, []
        known = {hold.order_id for hold in listed}
        holds = [*listed, *(hold for hold in self._made if hold.order_id not in known)]
        return [Reservation(hold.offer.court, hold.offer.slot, hold.order_id) for hold in holds]

    def holds(self) -> list[Hold]:
        """The reservations in Atrium's own list; raises when it cannot be read: then nobody can tell."""
        answer = self.get(self.path)
        listed = enumerate(read(answer, list[Listed], "results", ""))
        live = [number for number, each in listed if not each.is_cancelled]
        return [self._hold(read(answer, Reserved, f"results.{number}", f"{number}")) for number in live]

    def order_for(self, offer: Offer) -> dict[str, object]:
        """The body that asks for *offer*: which field is a number and which a text is best attested so."""
        return {
            "amenity_type_id": self.place().amenity_type,
            "start_time": offer.slot.start.isoformat(timespec="seconds"),  # its offset has a colon
            "end_time": offer.slot.end.isoformat(timespec="seconds"),
            "amenity_id": int(offer.court.id) if offer.court.id.isdigit() else offer.court.id,
            "guests": "1",
            "amenity_reservation_type": "TR",
        }

    def hold_in(self, answer: Answer, offer: Offer) -> Hold:
        """The reservation in *answer*, if it is the one that was asked for."""
        made = self._hold(read(answer, Reserved))
        court, slot = made.offer.court, made.offer.slot
        if (court.name, slot) != (offer.court.name, offer.slot):
            raise UnknownAnswer(
                f"{answer.asked}: {answer.status}, but the answer is about {court.name} {slot}"
            )
        hold = Hold(offer, made.order_id)
        self._made += (hold,)
        return hold

    def _hold(self, reserved: Reserved) -> Hold:
        place, label = self.place(), str(reserved.amenity.label)
        court = place.court(label)
        start, end = (moment(text, place.zone) for text in (reserved.start_time, reserved.end_time))
        if start is None or end is None or end <= start:
            raise UnknownAnswer("the answer has no start_time and end_time we can read")
        found = Court(court.ids["tennis"], court.name) if court else Court("", label)
        return Hold(Offer(found, Slot(start, end), start), str(reserved.id))

    def refusal(self, answer: Answer) -> ReserveError:
        """What a refusal says to the player; a conflict is about another reservation."""
        found = super().refusal(answer)
        if answer.status == 409 and isinstance(found, UnknownRefusal):
            return SlotTaken(f"{answer.asked}: 409: it conflicts with another reservation")
        return found

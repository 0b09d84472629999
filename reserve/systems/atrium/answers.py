"""What Atrium and its Keycloak answer, as far as we read it, and what its refusals mean."""

from __future__ import annotations

from msgspec import Struct

from reserve.errors import LimitReached, NotOpenYet, SlotTaken, TokenRefused
from reserve.systems.reading import NOTHING, Maybe
from reserve.systems.refusals import Words

# What the texts of refusals mean. None was ever recorded (facts 3): whatever matches nothing stays unknown,
# and so does a court that is merely "not available": it may be taken, or not open yet.
REFUSALS: Words = (
    (r"already (reserved|booked|taken)|no longer available|overlap", SlotTaken),
    (r"\b(yet|until|opens?)\b|too early|window|in advance|out of range", NotOpenYet),
    (r"limit|maximum|quota|too many reservations", LimitReached),
)
TOKEN_REFUSALS: Words = ((r"invalid_grant|not active|expired", TokenRefused),)  # Keycloak's (facts 2.2)


class TokenAnswer(Struct):
    """What the token endpoint gives out (facts 2.1); 0 seconds are for ever, and may be written as a text."""

    access_token: str
    refresh_token: Maybe[str] = NOTHING
    refresh_expires_in: Maybe[int | str] = NOTHING


class Amenity(Struct):
    """A court."""

    label: object


class Reserved(Struct):
    """One reservation (facts 3)."""

    id: object
    amenity: Amenity
    start_time: str
    end_time: str


class Listed(Struct):
    """One in the list; of one that was cancelled nothing else need be there."""

    is_cancelled: object

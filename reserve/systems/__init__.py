"""The booking systems, as far as they are known without loading them; `registry` has what speaks to them."""

from reserve.systems.atrium import AtriumProfile
from reserve.systems.ntnui import NtnuiProfile
from reserve.systems.profile import Profile
from reserve.systems.recus import RecUsProfile

PROFILES: dict[str, type[Profile]] = {each.name: each for each in (RecUsProfile, AtriumProfile, NtnuiProfile)}
USUAL = RecUsProfile.name  # the booking system that is meant when nobody names one
SPORTS = tuple(dict.fromkeys(sport for profile in PROFILES.values() for sport in profile.sports))
WAYS_TO_SIGN_IN = tuple(way for profile in PROFILES.values() for way in profile.ways_to_sign_in)
WAYS_TO_PAY = tuple(dict.fromkeys(way for profile in PROFILES.values() for way in profile.ways_to_pay))

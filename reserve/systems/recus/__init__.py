"""rec.us, where San Francisco rents out its courts."""

from collections.abc import Mapping
from datetime import timedelta

from reserve.systems.profile import EMAIL, PASSWORD, PHONE, Profile, Variable

MINUTE = timedelta(minutes=1)


class RecUsProfile(Profile):
    """The fixed facts about rec.us."""

    name = "recus"
    sports = ("tennis", "pickleball")
    ways_to_pay: Mapping[str, Variable | None] = {
        "by-hand": None,
        "credit": None,
        "card": Variable("RECUS_STRIPE_KEY", "the public key on rec.us's checkout page"),
    }
    ways_to_sign_in: Mapping[str, Variable | None] = {
        "browser": None,
        "api": Variable("RECUS_IDENTITY_KEY", "the web key in the scripts of rec.us's pages", is_secret=True),
    }
    addresses: Mapping[str, str] = {
        "RECUS_WEB_URL": "https://www.rec.us",
        "RECUS_API_URL": "https://api.rec.us",
        "RECUS_IDENTITY_URL": "https://identitytoolkit.googleapis.com",
        "RECUS_TOKEN_URL": "https://securetoken.googleapis.com",
        "RECUS_IDENTITY_KEY": "",
        "STRIPE_API_URL": "https://api.stripe.com",
        "RECUS_STRIPE_KEY": "",
        "RECUS_HOLD_BY": "reservations",
        "RECUS_FETCH_MODE": "",
    }
    choices: Mapping[str, tuple[str, ...]] = {
        "RECUS_HOLD_BY": ("reservations", "facility-rentals"),
        "RECUS_FETCH_MODE": ("cors", "navigate", "no-cors", "same-origin"),  # as browsers say it
    }
    account_variables = (EMAIL, PASSWORD, PHONE)
    usual_lengths = (90 * MINUTE, 60 * MINUTE, 30 * MINUTE)  # facts 2.8
    renew_every = 50 * MINUTE  # a token lives an hour (facts 1.4)

"""Atrium, the API behind a landlord's portal."""

from collections.abc import Mapping
from datetime import timedelta

from reserve.systems.profile import EMAIL, PASSWORD, Profile, Variable


class AtriumProfile(Profile):
    """The fixed facts about Atrium."""

    name = "atrium"
    addresses: Mapping[str, str] = {
        "ATRIUM_API_URL": "https://api.atriumapp.co",
        "ATRIUM_AUTH_URL": "https://auth.atriumapp.co",
        "ATRIUM_WEB_URL": "https://my.tfc.com",
        "ATRIUM_PLACES": "",  # a file that describes other buildings
    }
    account_variables = (
        EMAIL,
        PASSWORD,
        Variable(
            "ATRIUM_OCCUPANT_ID", "Your number in the portal's address of a reservation", is_number=True
        ),
        Variable(
            "ATRIUM_REFRESH_TOKEN",
            "Refresh token (empty: log in with the password)",
            is_secret=True,
            is_optional=True,
        ),
    )
    token_variable = "ATRIUM_REFRESH_TOKEN"
    earlier_names: Mapping[str, str] = {"TFC_USERNAME": EMAIL.name, "TFC_PASSWORD": PASSWORD.name}
    earlier_tokens = "TOKENS_PATH"
    usual_sport = "tennis"
    usual_lengths = (timedelta(minutes=30),)  # facts 4
    renew_every = timedelta(minutes=20)  # an access token lives about 30 minutes (facts 2.2)
    needs = ("court", "date", "start_time", "email")

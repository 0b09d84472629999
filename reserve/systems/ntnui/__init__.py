"""The tennis group of NTNUI."""

from collections.abc import Mapping

from reserve.systems.profile import EMAIL, PASSWORD, Profile, Variable


class NtnuiProfile(Profile):
    """The fixed facts about the NTNUI site."""

    name = "ntnui"
    sports = ("tennis", "padel")
    addresses: Mapping[str, str] = {"NTNUI_URL": "https://www.ntnuitennis.no"}
    account_variables = (
        EMAIL,
        PASSWORD,
        Variable(
            "NTNUI_MEMBER_ID",
            "Your number in sign-up links (empty: we look for it)",
            is_number=True,
            is_optional=True,
        ),
    )
    needs = ("link", "email", "password")

"""The log-in page of Atrium's Keycloak, in a browser, and what the player does to renew a refresh token."""

from __future__ import annotations

import re
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from reserve import itself
from reserve.browser import Browser
from reserve.clock import Clock
from reserve.errors import PageChanged, ServiceError, SignInError
from reserve.model import Account

REALM = "/realms/my-tfc/protocol/openid-connect"  # facts 2; a public client: there is no secret
CLIENT = "my-tfc"
LIMIT = timedelta(seconds=60)  # for all of the log-in page; it begins two minutes before the opening
NAP = timedelta(milliseconds=100)
USERNAME, PASSWORD = "input[name=username]", "input[name=password], input[type=password]"
SUBMIT = "#kc-login, input[type=submit], button[type=submit]"
# A wrong password has looked three ways; the last is a page for any failure, so its words decide (facts 2.3).
REFUSED, FAILED = "#input-error, .kc-feedback-text", "#kc-error-message"
WRONG_PASSWORD = re.compile("invalid username or password", re.IGNORECASE)

TO_RENEW = (
    "To renew it: "
    "(1) log in at https://my.tfc.com in a browser whose developer tools show the network, "
    "(2) copy the value of refresh_token from the answer to the request called token, "
    f"(3) run `{itself.TYPED} account add NAME --system atrium` and paste it when asked. "
    "With the password stored as well, the program logs in by itself"
)


def log_in(browser: Browser, auth: str, account: Account, *, web: str, clock: Clock) -> str:
    """Type e-mail and password into the log-in page, once, and return the code it leads back with."""
    ends_at = clock.now() + LIMIT
    asked = {
        "client_id": CLIENT,
        "redirect_uri": f"{web}/",
        "response_mode": "fragment",
        "response_type": "code",
        "scope": "openid",
        "nonce": str(uuid4()),
    }

    def page() -> str:
        return browser.describe([account.email, account.password])

    status = browser.open(f"{auth}{REALM}/auth?{urlencode(asked)}")
    if status >= 400:
        raise ServiceError(f"Atrium answered {status} instead of its log-in: {page()}")
    while not browser.fill(USERNAME, account.email) or not browser.fill(PASSWORD, account.password):
        if clock.now() >= ends_at:
            raise PageChanged(f"Atrium shows no field to log in with: {page()}")
        clock.sleep(NAP)
    browser.press(SUBMIT)
    while clock.now() < ends_at:
        address = urlsplit(browser.address)
        if code := parse_qs(address.fragment).get("code"):
            return code[0]
        if browser.shows(f"{REFUSED}, {FAILED}"):
            if is_refused(browser):
                raise SignInError(f"Atrium refused the e-mail address or the password: {page()}")
            raise PageChanged(f"Atrium's log-in failed, and it does not blame the password: {page()}")
        clock.sleep(NAP)
    raise PageChanged(f"Atrium's log-in did not lead back to {web}: {page()}")


def is_refused(browser: Browser) -> bool:
    """Whether the page says that the e-mail address or the password is wrong."""
    return browser.shows(REFUSED) or WRONG_PASSWORD.search(browser.text()) is not None

"""How Atrium knows the player: a refresh token that rotates, or the log-in page of its Keycloak."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from urllib.parse import parse_qs, urlencode, urlsplit
from uuid import uuid4

from reserve.browser import Browser
from reserve.clock import Clock
from reserve.errors import ReserveError, ServiceError, SignInError, TokenRefused
from reserve.http import Answer, Http, read
from reserve.model import Account
from reserve.systems.refusals import Words, by_words, trouble_with

REALM = "/realms/my-tfc/protocol/openid-connect"  # facts 2; a public client: there is no secret
CLIENT = "my-tfc"
LIMIT = timedelta(seconds=60)  # for all of the log-in page; it begins two minutes before the opening
NAP = timedelta(milliseconds=100)
USERNAME, PASSWORD = "input[name=username]", "input[name=password], input[type=password]"
SUBMIT = "#kc-login, input[type=submit], button[type=submit]"
REFUSED = "#input-error, .kc-feedback-text, #kc-error-message"  # three shapes over the years (facts 2.3)

REFUSALS: Words = ((r"invalid_grant|not active|expired", TokenRefused),)  # Keycloak's own words (facts 2.2)

TO_RENEW = (
    "To renew it: "
    "(1) log in at https://my.tfc.com in a browser whose developer tools show the network, "
    "(2) copy the value of refresh_token from the answer to the request called token, "
    "(3) run `python3 main.py account add NAME --system atrium` and paste it when asked. "
    "With the password stored as well, the program logs in by itself"
)


@dataclass(frozen=True)
class Granted:
    """What the token endpoint gave out."""

    access: str
    refresh: str | None
    refresh_lives: timedelta | None


def by_refresh_token(http: Http, token: str) -> Granted:
    """New tokens for *token*, which is worth nothing after that; raises `TokenRefused` if it was before."""
    return _granted(http, {"grant_type": "refresh_token", "refresh_token": token})


def by_code(http: Http, code: str, *, web: str) -> Granted:
    """New tokens for the code that a log-in has given, which is good once."""
    return _granted(http, {"grant_type": "authorization_code", "code": code, "redirect_uri": f"{web}/"})


def _granted(http: Http, form: dict[str, str]) -> Granted:
    answer = http.ask("POST", f"{REALM}/token", form={"client_id": CLIENT, **form})
    if not answer.is_good:
        raise _meaning(answer)
    body = answer.json()
    refresh = body.get("refresh_token") if isinstance(body, dict) else None
    lives = str(body.get("refresh_expires_in") if isinstance(body, dict) else "")
    return Granted(
        str(read(body, "access_token")),
        str(refresh) if refresh else None,
        timedelta(seconds=int(lives)) if lives.isdigit() and int(lives) else None,  # 0 means for ever
    )


def _meaning(answer: Answer) -> ReserveError:
    if trouble := trouble_with(answer):
        return trouble
    body = answer.json() if answer.is_json else None
    said = f"{body.get('error')} {body.get('error_description')}" if isinstance(body, dict) else ""
    return by_words(f"{answer.asked}: {answer.status}", said, REFUSALS)


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
            raise ServiceError(f"Atrium shows no field to log in with: {page()}")
        clock.sleep(NAP)
    browser.press(SUBMIT)
    while clock.now() < ends_at:
        address = urlsplit(browser.address)
        if code := parse_qs(address.fragment).get("code"):
            return code[0]
        if browser.shows(REFUSED):
            raise SignInError(f"Atrium refused the e-mail address or the password: {page()}")
        clock.sleep(NAP)
    raise ServiceError(f"Atrium's log-in did not lead back to {web}: {page()}")

"""Signing in to rec.us through the log-in dialog of its web pages, as the player would.

The dialog has changed several times (rec.us facts 1.2), so its recipes are data: the first step of which a
page shows what it needs decides how to go on.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from urllib.parse import unquote

from reserve.browser import Browser
from reserve.clock import Clock
from reserve.errors import Blocked, ServiceError, SignInError
from reserve.model import Account
from reserve.redaction import Secrets

LIMIT = timedelta(seconds=60)  # for all of it; the sign-in begins two minutes before the opening
NAP = timedelta(milliseconds=100)
NUDGE = timedelta(seconds=2)  # a page that has not loaded its scripts yet ignores what is clicked


@dataclass(frozen=True)
class Click:
    """Click the control that says these words."""

    words: str
    within: timedelta = timedelta(seconds=10)


@dataclass(frozen=True)
class Fill:
    """Type one of the account's values into this field."""

    value: str
    field: str
    within: timedelta = timedelta(seconds=15)


Step = Click | Fill

LOG_IN = Click("log ?in")
EMAIL = Fill("email", "input[name=email], input#email, input[data-testid=email], input[type=email]")
PASSWORD = Fill("password", "input[name=password], input[data-testid=password], input[type=password]")
SUBMIT = Click(r"log ?in\b.*\bcontinue")

# How to come to a filled dialog. The password comes before the e-mail address, because its field tells that
# the right dialog is open: the one before it may have a field for the address, too.
RECIPES: tuple[tuple[Step, ...], ...] = (
    (LOG_IN, PASSWORD, EMAIL),  # variants B and D
    (  # variant C, which would rather e-mail a code
        LOG_IN,
        Click("log ?in with your e-?mail"),
        EMAIL,
        Click("(click here to )?log ?in with your password"),
        PASSWORD,
        EMAIL,
    ),
)

REFUSED = re.compile(
    r"invalid|incorrect|(wrong|bad) (e-?mail|password|credential)|not found|no (such )?(account|user)"
    r"|(not|n.t) match|too many|disabled|not recogni[sz]ed",
    re.IGNORECASE,
)
HUMAN_TEST = re.compile(
    r"verify (that )?you are (a )?human|not a robot|unusual traffic|checking your browser", re.IGNORECASE
)
# Not the invisible kind, which many pages carry and nobody is asked to solve.
CAPTCHA = (
    "iframe[src*=recaptcha]:not([src*='size=invisible']), iframe[src*=hcaptcha]:not([src*='size=invisible']),"
    "iframe[src*='challenges.cloudflare.com'], .cf-turnstile"
)
FIREWALL = re.compile(
    r"\b403\b|forbidden|access denied|request (blocked|could not be)|just a moment", re.IGNORECASE
)


def sign_in(
    browser: Browser, page_url: str, account: Account, *, clock: Clock, limit: timedelta = LIMIT
) -> str:
    """Sign in through the dialog on this page and return the bearer token.

    The password is sent once at most, since a second refusal may lock the account.
    """
    dialog = Dialog(browser, account, clock, clock.now() + limit)
    dialog.open(page_url)
    dialog.complete(RECIPES)
    return dialog.submit()


def bearer(cookie: str | None) -> str | None:
    """The token in the cookie `access_token` (rec.us facts 1.3), without what may be wrapped around it."""
    return re.sub(r'^[\s"]*(bearer\b)?\s*|[\s"]+$', "", unquote(cookie or ""), flags=re.IGNORECASE) or None


@dataclass(frozen=True)
class Dialog:
    """The log-in dialog of one visit, which ends at a fixed moment."""

    browser: Browser
    account: Account
    clock: Clock
    ends_at: datetime

    def open(self, page_url: str) -> None:
        """Load the page, and stop where automated clients are not wanted."""
        status = self.browser.open(page_url, within=self._left())
        if status == 403 or FIREWALL.search(self.browser.title):
            raise Blocked(f"rec.us does not serve its page to this browser, so we stop: {self._page()}")
        if status >= 400:
            raise ServiceError(f"rec.us answered {status} instead of its page: {self._page()}")

    def complete(self, recipes: Sequence[tuple[Step, ...]]) -> None:
        """Follow the recipe that the page turns out to need, to its end."""
        before: Step | None = None
        while all(recipes):
            before = self._first([recipe[0] for recipe in recipes], before)
            recipes = [recipe[1:] for recipe in recipes if recipe[0] == before]

    def submit(self) -> str:
        """Send the filled dialog, once, and wait for the token."""
        known = self._lines()
        self._first([SUBMIT])
        while self.clock.now() < self.ends_at:
            if token := bearer(self.browser.cookie("access_token")):
                return token
            for line in self._lines() - known:
                if REFUSED.search(line):
                    raise SignInError(
                        f"rec.us refused the e-mail address or the password: {self._masked(line)}"
                    )
            self._stop_at_a_captcha()
            self.clock.sleep(NAP)
        raise ServiceError(f"rec.us gave no token after the log-in: {self._page()}")

    def _first(self, steps: Sequence[Step], before: Step | None = None) -> Step:
        """Do the first of these steps that the page allows, and say which."""
        ends_at = min(self.ends_at, self.clock.now() + max(step.within for step in steps))
        nudge_at = self.clock.now() + NUDGE
        while self.clock.now() < ends_at:
            for step in steps:
                if self._done(step):
                    return step
            self._stop_at_a_captcha()
            if isinstance(before, Click) and self.clock.now() >= nudge_at:
                self._done(before)
                nudge_at = self.clock.now() + NUDGE
            self.clock.sleep(NAP)
        missing = " or ".join(step.words if isinstance(step, Click) else step.value for step in steps)
        raise ServiceError(f"rec.us shows no {missing!r} to log in with: {self._page()}")

    def _done(self, step: Step) -> bool:
        if isinstance(step, Click):
            return self.browser.click(step.words)
        return self.browser.fill(step.field, getattr(self.account, step.value))

    def _stop_at_a_captcha(self) -> None:
        if self.browser.shows(CAPTCHA) or HUMAN_TEST.search(self.browser.text()):
            raise Blocked(f"rec.us wants to see a person (captcha), so we stop: {self._page()}")

    def _left(self) -> timedelta:
        return max(self.ends_at - self.clock.now(), timedelta(seconds=1))

    def _lines(self) -> set[str]:
        return set(self.browser.text().splitlines())

    def _page(self) -> str:
        return self._masked(self.browser.describe([self.account.email, self.account.password]))

    def _masked(self, text: str) -> str:
        return Secrets([self.account.email, self.account.email.lower(), self.account.password]).mask(text)

"""Signing in to rec.us through the log-in dialog of its web pages, as the player would.

The dialog has changed several times (rec.us facts 1.2). So there is no recipe: we look at what the page shows
and do the next sensible thing, until a form that wants a password and says *log in* is filled and sent.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from urllib.parse import unquote

from reserve.browser import Browser, BrowserError, Control
from reserve.clock import Clock
from reserve.errors import Blocked, LostAnswer, PageChanged, ServiceError, SignInError, Unreachable
from reserve.model import Account
from reserve.redaction import Secrets

LIMIT = timedelta(seconds=60)  # for all of it; the sign-in begins two minutes before the opening
PATIENCE = timedelta(seconds=7)  # with a page on which nothing new can be done
NAP = timedelta(milliseconds=100)
NUDGE = timedelta(seconds=2)  # a page that has not loaded its scripts yet ignores what is clicked
LATE = timedelta(seconds=1)  # so much later a form may show its second field
RELOAD = timedelta(seconds=1)  # before a page that failed is asked for again

EMAIL = "input[name=email], input#email, input[data-testid=email], input[type=email]"
PASSWORD = "input[name=password], input#password, input[data-testid=password], input[type=password]"

LOG_IN = "(log|sign) ?in"
# What sends the form, beside the field for the password; a form to sign up has a link to the log-in instead.
SUBMITS = (
    Control(rf"{LOG_IN}\b.*\bcontinue"),
    Control(LOG_IN, "button:not([type=button]), input[type=submit]"),
)


@dataclass(frozen=True)
class Step:
    """Something to click on the way to that form."""

    control: Control
    gives_email: bool = False  # first, if there is a field for it beside the control...
    needs_email: bool = False  # ...and is not taken without one
    is_in_dialog: bool = True  # a step on the page itself is taken only when a dialog offers none
    opens_something: bool = True  # that has to be waited for


IN_DIALOG = "dialog *, [role=dialog] *, [aria-modal=true] *"
# Best first: the password is one click away, then two.
STEPS = (
    Step(
        Control(rf"(click here to )?({LOG_IN}|continue) with (your |a )?password( instead)?"),
        gives_email=True,
    ),
    Step(Control(r"use (your |a )?password( instead)?"), gives_email=True),
    Step(Control(rf"({LOG_IN}|continue) with (your |an )?e-?mail( address)?")),
    Step(Control("continue|next"), gives_email=True, needs_email=True),
    Step(
        Control(rf"(already (have an account|registered|a member)\W*)?{LOG_IN}( here| instead)?", IN_DIALOG)
    ),
    Step(Control(LOG_IN), is_in_dialog=False),
    # In its way may be a banner; and in 2025 the dialog came when a court was asked for.
    Step(
        Control(r"(accept|allow|reject|decline)( all)?( cookies)?|got it"),
        is_in_dialog=False,
        opens_something=False,
    ),
    Step(Control("book( now)?"), is_in_dialog=False),
)

REFUSED = re.compile(
    r"invalid|incorrect|(wrong|bad) (e-?mail|password|credential)|not found|no (such )?(account|user)"
    r"|(not|n.t) match|too many|disabled|not recogni[sz]ed",
    re.IGNORECASE,
)
ABOUT_US = re.compile(r"password|credential|e-?mail|account|log.?in|sign.?in", re.IGNORECASE)
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
    browser: Browser,
    pages: Iterable[str],
    account: Account,
    *,
    clock: Clock,
    is_players: Callable[[str], bool],
    limit: timedelta = LIMIT,
) -> str:
    """Sign in through the dialog on the first of *pages* that shows one, and return the bearer token.

    The password is sent once at most, since a second refusal may lock the account; a `LostAnswer` says that
    it was sent. The token is one that appeared after that, and that *is_players* believes.
    """
    visit = Visit(browser, account, clock, clock.now() + limit)
    return visit.submitted(visit.filled(iter(pages)), is_players)


def bearer(cookie: str | None) -> str | None:
    """The token in the cookie `access_token` (rec.us facts 1.3), without what may be wrapped around it."""
    return re.sub(r'^[\s"]*(bearer\b)?\s*|[\s"]+$', "", unquote(cookie or ""), flags=re.IGNORECASE) or None


@dataclass
class Visit:
    """One visit to the pages, which ends at a fixed moment."""

    browser: Browser
    account: Account
    clock: Clock
    ends_at: datetime
    _done: Counter[Step] = field(default_factory=Counter)  # on this page
    _last: Step | None = None
    _nudge_at: datetime = field(init=False)  # the last step may have gone unnoticed
    _gives_up_at: datetime = field(init=False)  # this page
    _email_given: bool = False
    _filled_at: datetime | None = None  # the password, while the form had no field for the address

    def filled(self, pages: Iterator[str]) -> Control:
        """Come to a log-in form with e-mail and password in it, and return what sends it."""
        self._open(next(pages))
        while self.clock.now() < self.ends_at:
            if submit := self._filled_form():
                return submit
            self._stop_at_a_captcha()
            self._do_next_step()
            if self.clock.now() >= self._gives_up_at:
                page = next(pages, None)
                if page is None:
                    break
                self._open(page)
            self.clock.sleep(NAP)
        raise PageChanged(f"rec.us shows nothing to log in with that we know: {self._page()}")

    def submitted(self, submit: Control, is_players: Callable[[str], bool]) -> str:
        """Send the form, once, and wait for the token."""
        strangers = {None, self._token()}  # a guest may have one
        known, known_elsewhere = self._lines(PASSWORD), self._lines()
        try:
            while not self.browser.click(submit, beside=PASSWORD):
                if self.clock.now() >= self.ends_at:
                    raise PageChanged(f"rec.us lets nobody send its log-in form: {self._page()}")
                self.clock.sleep(NAP)
        except BrowserError as failure:
            raise LostAnswer(f"the log-in may have been sent, and is not sent again: {failure}") from failure
        try:
            self.clock.sleep(NAP)  # the page reads the form as it is sent
            self.browser.clear(PASSWORD)
            while self.clock.now() < self.ends_at:
                token = self._token()
                if token is not None and token not in strangers:
                    if is_players(token):
                        return token
                    strangers.add(token)
                about_us = {line for line in self._lines() - known_elsewhere if ABOUT_US.search(line)}
                for line in (self._lines(PASSWORD) - known) | about_us:
                    if REFUSED.search(line):
                        said = self._masked(line)
                        raise SignInError(f"rec.us refused the e-mail address or the password: {said}")
                self._stop_at_a_captcha()
                self.clock.sleep(NAP)
            page = self._page()
        except BrowserError as failure:
            raise LostAnswer(f"the log-in was sent, and is not sent again: {failure}") from failure
        raise LostAnswer(f"rec.us gave no token after the log-in, which is not sent again: {page}")

    def _open(self, page: str) -> None:
        """Load the page, again when it fails, and stop where automated clients are not wanted."""
        while True:
            try:
                status = self.browser.open(page, within=self._left())
                if status == 403 or FIREWALL.search(self.browser.title):
                    raise Blocked(
                        f"rec.us does not serve its page to this browser, so we stop: {self._page()}"
                    )
                if status < 400:
                    break
                raise ServiceError(f"rec.us answered {status} instead of its page: {self._page()}")
            except (Blocked, Unreachable, BrowserError):
                raise
            except ServiceError:
                if self.clock.now() + RELOAD >= self.ends_at:
                    raise
            self.clock.sleep(RELOAD)
        self._done.clear()
        self._last = None
        self._nudge_at = self.clock.now()
        self._gives_up_at = self._nudge_at + PATIENCE

    def _filled_form(self) -> Control | None:
        """What sends the log-in form, once e-mail and password are in it; a form to sign up is none."""
        for submit in SUBMITS:
            has_email = self.browser.fill(EMAIL, self.account.email, beside=submit)
            if not self.browser.fill(PASSWORD, self.account.password, beside=submit):
                continue
            # The field for the address may come late, and never comes when a dialog before this one had it.
            now = self.clock.now()
            self._filled_at = self._filled_at or now
            if has_email or (self._email_given and now - self._filled_at > LATE):
                return submit
        return None

    def _do_next_step(self) -> None:
        """Take the best step that the page allows: one of a dialog at once, another one after a while."""
        waits = self.clock.now() < self._nudge_at
        steps = [step for step in STEPS if not waits or (step.is_in_dialog and step != self._last)]
        in_dialog = [step for step in steps if step.is_in_dialog]
        elsewhere = sorted((step for step in steps if not step.is_in_dialog), key=self._done.__getitem__)
        for step in [*in_dialog, *elsewhere]:
            if not self._was_taken(step):
                continue
            now = self.clock.now()
            if not self._done[step]:
                self._gives_up_at = now + PATIENCE
            self._done[step] += 1
            if step.opens_something:
                self._last, self._nudge_at = step, now + NUDGE
            return

    def _was_taken(self, step: Step) -> bool:
        given = step.gives_email and self.browser.fill(EMAIL, self.account.email, beside=step.control)
        if step.needs_email and not given:
            return False
        if not self.browser.click(step.control, beside=EMAIL if step.needs_email else None):
            return False
        self._email_given = self._email_given or given
        return True

    def _token(self) -> str | None:
        return bearer(self.browser.cookie("access_token"))

    def _stop_at_a_captcha(self) -> None:
        if self.browser.shows(CAPTCHA) or HUMAN_TEST.search(self.browser.text()):
            raise Blocked(f"rec.us wants to see a person (captcha), so we stop: {self._page()}")

    def _left(self) -> timedelta:
        return max(self.ends_at - self.clock.now(), timedelta(seconds=1))

    def _lines(self, beside: str | None = None) -> set[str]:
        return set(self.browser.text(beside=beside).splitlines())

    def _page(self) -> str:
        return self._masked(self.browser.describe([self.account.email, self.account.password]))

    def _masked(self, text: str) -> str:
        return Secrets([self.account.email, self.account.email.lower(), self.account.password]).mask(text)

"""The sign-in through a real Chrome; it is started as seldom as the questions allow."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from datetime import timedelta
from pathlib import Path
from typing import Any
from urllib.parse import quote

import psutil
import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from reserve.browser import Browser, BrowserError, find_chrome
from reserve.clock import Clock
from reserve.errors import Blocked, ServiceError, SignInError, Unreachable
from reserve.model import Account
from reserve.simulator import RecUsScenario, SimulatedRecUs, serve
from reserve.simulator.recus.scenario import DIALOGS
from reserve.systems.recus.sign_in import bearer, sign_in

CLOCK = Clock()  # a real browser lives in real time
PLAYER = Account("canary.player@example.com", "c4nary $HOME % \" ' \\ ü € 中 🎾 <b>&amp;")
SOON = timedelta(seconds=4)  # for sign-ins that fail by waiting
MARK, MINE = "FIRST_SERVE_BROWSER_TESTS", str(os.getpid())  # in the environment of all that they start
PAGE = Path(__file__).parent / "pages" / "log_in.html"


class Site:
    """Pages that are not as expected, and what was sent to them."""

    def __init__(self) -> None:
        self.signed_in: list[dict[str, str]] = []
        app = Flask("pages")
        app.add_url_rule("/", view_func=PAGE.read_text, endpoint="page")
        app.add_url_rule("/sign-in", view_func=self.sign_in, methods=["POST"])
        app.add_url_rule("/answer/<int:status>", view_func=lambda status: ("<title>Oops</title>", status))
        self.server = make_server("127.0.0.1", 0, app, threaded=True)
        self.url = f"http://127.0.0.1:{self.server.port}"

    def sign_in(self) -> tuple[str, int, dict[str, str]]:
        """Set the cookie as a proxy might: quoted, with the scheme word, hidden from scripts."""
        self.signed_in.append(json.loads(request.data))
        return "", 200, {"Set-Cookie": f"access_token={quote('Bearer a.b-c_d ')}; HttpOnly; Path=/"}


@pytest.fixture(scope="module")
def site() -> Iterator[Site]:
    site = Site()
    thread = threading.Thread(target=site.server.serve_forever)
    thread.start()
    yield site
    site.server.shutdown()
    thread.join()
    site.server.server_close()


@pytest.fixture(scope="module", autouse=True)
def marked() -> Iterator[None]:
    os.environ[MARK] = MINE
    yield
    del os.environ[MARK]


@pytest.fixture(scope="module")
def evidence(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("data") / "evidence"


@pytest.fixture(scope="module")
def browser(evidence: Path) -> Iterator[Browser]:
    """One Chrome for all tests that do not ask how it starts or ends."""
    with a_browser(evidence) as browser:
        yield browser


def a_browser(evidence: Path, binary: str | None = None, driver: str | None = None) -> Browser:
    return Browser(CLOCK, binary=binary, driver=driver, evidence=evidence)


def family() -> list[psutil.Process]:
    """What runs because of these tests, also if it slipped away: recognized by its environment."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has just ended
            if process.environ().get(MARK) == MINE:
                found.append(process)
    return found


@contextmanager
def rec_us(dialog: str, **scenario: Any) -> Iterator[tuple[SimulatedRecUs, str]]:
    """A simulated rec.us with this log-in dialog, and the address of its web pages."""
    opens_at = CLOCK.now() + timedelta(hours=1)
    simulated = SimulatedRecUs(
        RecUsScenario(opens_at=opens_at, day=opens_at.date(), dialog=dialog, **scenario), CLOCK
    )
    with serve(simulated.app) as server:
        yield simulated, server.url


@pytest.mark.parametrize("dialog", DIALOGS)
def test_every_known_dialog_gives_a_token_that_the_booking_system_believes(
    browser: Browser, dialog: str
) -> None:
    with rec_us(dialog, cookie_http_only=dialog == "B") as (simulated, url):
        token = sign_in(browser, url, simulated.scenario.account, clock=CLOCK)

        simulated.admit(token)


@pytest.mark.parametrize("dialog", ["C", "D"])
def test_a_refused_password_is_reported_at_once_and_not_sent_again(browser: Browser, dialog: str) -> None:
    with rec_us(dialog) as (simulated, url):
        with pytest.raises(SignInError, match=r"refused .* password: Invalid email or password") as failure:
            sign_in(browser, url, PLAYER, clock=CLOCK)

        assert "nary" not in str(failure.value)
        assert len(simulated.ledger.all("sign-in-refused")) == 1


def test_any_password_arrives_unchanged_and_is_never_logged(
    browser: Browser, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    token = sign_in(browser, f"{site.url}/?after=cookie", PLAYER, clock=CLOCK)

    assert token == "a.b-c_d"
    assert site.signed_in[-1] == {"email": PLAYER.email, "password": PLAYER.password}
    assert "c4nary" not in caplog.text
    assert "canary" not in caplog.text


def test_a_click_that_the_page_was_too_young_to_notice_is_repeated(browser: Browser, site: Site) -> None:
    assert sign_in(browser, f"{site.url}/?after=cookie&late=1", PLAYER, clock=CLOCK)


def test_a_page_that_is_not_as_expected_leaves_evidence_without_secrets(
    browser: Browser, site: Site, evidence: Path
) -> None:
    with pytest.raises(ServiceError) as failure:
        sign_in(browser, f"{site.url}/?after=echo", PLAYER, clock=CLOCK, limit=SOON)

    message = str(failure.value)
    picture = max(evidence.iterdir())
    assert type(failure.value) is ServiceError
    assert str(picture) in message
    assert "Courts for ***" in message
    assert "Something broke for *** with ***" in message
    assert picture.read_bytes().startswith(b"\x89PNG")
    assert stat.S_IMODE(picture.stat().st_mode) == 0o600
    assert stat.S_IMODE(evidence.stat().st_mode) == 0o700
    for text in [
        message,
        browser.text(),
        *(file.read_bytes().decode("latin-1") for file in evidence.iterdir()),
    ]:
        assert "canary" not in text.lower()
        assert "c4nary" not in text
    assert not browser.shows("input")


def test_a_captcha_stops_the_sign_in_at_once(browser: Browser, site: Site) -> None:
    with pytest.raises(Blocked, match="captcha"):
        sign_in(browser, f"{site.url}/?after=captcha", PLAYER, clock=CLOCK)


def test_a_firewall_page_is_a_block(browser: Browser, site: Site) -> None:
    with pytest.raises(Blocked, match="we stop"):
        sign_in(browser, f"{site.url}/answer/403", PLAYER, clock=CLOCK)


def test_a_broken_page_is_reported_with_its_status(browser: Browser, site: Site) -> None:
    with pytest.raises(ServiceError, match="answered 503"):
        sign_in(browser, f"{site.url}/answer/503", PLAYER, clock=CLOCK)


def test_a_page_that_cannot_be_reached_is_not_the_fault_of_the_browser(browser: Browser, site: Site) -> None:
    closed = make_server("127.0.0.1", 0, Flask("closed"))
    closed.server_close()

    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{closed.port}/: ERR_CONNECTION_REFUSED"):
        sign_in(browser, f"http://127.0.0.1:{closed.port}/?secret=1", PLAYER, clock=CLOCK)


@pytest.mark.parametrize(
    ("cookie", "token"),
    [
        (None, None),
        ("", None),
        ("Bearer ", None),
        ("a.b-c_d", "a.b-c_d"),
        (" a.b-c_d\t", "a.b-c_d"),
        ('"Bearer a.b-c_d"', "a.b-c_d"),
        ("bearer%20a.b-c_d%20", "a.b-c_d"),
        ("%22a.b-c_d%22", "a.b-c_d"),
    ],
)
def test_the_token_is_taken_out_of_its_wrapping(cookie: str | None, token: str | None) -> None:
    assert bearer(cookie) == token


@pytest.mark.parametrize("end", [ServiceError, SystemExit, KeyboardInterrupt])
def test_nothing_is_left_of_a_browser_whatever_ends_it(tmp_path: Path, end: type[BaseException]) -> None:
    before = family()
    folders = []

    def use_it() -> None:
        with a_browser(tmp_path) as browser:
            folders.append(Path(browser._folder))
            assert stat.S_IMODE(folders[0].stat().st_mode) == 0o700
            assert len(family()) > len(before)
            raise end

    with pytest.raises(end):
        use_it()
    assert family() == before
    assert not folders[0].exists()


def test_a_browser_that_died_is_no_page_that_failed_and_leaves_nothing(tmp_path: Path) -> None:
    before = family()

    with a_browser(tmp_path) as browser:
        for process in set(family()) - set(before):
            process.kill()
        with pytest.raises(BrowserError, match="does not answer"):
            browser.open("about:blank")

    assert family() == before


def test_a_chrome_that_does_not_start_leaves_nothing(tmp_path: Path) -> None:
    before = family()
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nsleep 0.1\nexit 1\n")
    broken.chmod(0o700)

    with (
        pytest.raises(BrowserError, match=f"{broken} does not start"),
        a_browser(tmp_path, binary=str(broken)),
    ):
        pass

    assert family() == before


def test_a_driver_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match="set CHROMEDRIVER"), a_browser(tmp_path, driver="/bin/false"):
        pass


def test_a_missing_browser_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BrowserError, match=r"no Chrome at /nowhere/chrome: .* CHROME_BINARY"):
        find_chrome("/nowhere/chrome")
    with pytest.raises(BrowserError, match=r"no chromedriver at /nowhere/driver: .* CHROMEDRIVER"):
        a_browser(tmp_path, driver="/nowhere/driver").__enter__()


def test_without_any_chrome_on_the_path_the_way_out_is_named() -> None:
    script = "from reserve.browser import find_chrome; find_chrome(None)"

    process = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )

    assert "BrowserError: no Chrome found: install chromium or set CHROME_BINARY" in process.stderr


def test_selenium_is_loaded_only_when_a_browser_starts() -> None:
    script = (
        "import sys, reserve.systems.recus.sign_in;"
        "sys.exit(any(name in sys.modules for name in ('selenium', 'webdriver_manager', 'psutil')))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

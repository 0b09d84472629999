"""The sign-in through a real Chrome; it is started as seldom as the questions allow."""

from __future__ import annotations

import json
import logging
import os
import stat
import subprocess
import sys
import tempfile
import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any
from urllib.parse import quote, urlsplit

import psutil
import pytest
from flask import Flask, request
from werkzeug.serving import make_server

from reserve.browser import Browser, BrowserError, BrowserMissing, BrowserNotStarted, find_chrome, find_driver
from reserve.clock import Clock
from reserve.errors import Blocked, LostAnswer, ServiceError, SignInError, Unreachable
from reserve.http import Http
from reserve.model import Account
from reserve.simulator import RecUsScenario, SimulatedRecUs, serve
from reserve.systems.recus.sign_in import LIMIT, bearer, sign_in

CLOCK = Clock()  # a real browser lives in real time
PLAYER = Account("canary.player@example.com", "c4nary $HOME % \" ' \\ ü € 中 🎾 <b>&amp;")
SOON = timedelta(seconds=2)  # for what fails by waiting
MILLISECOND = timedelta(milliseconds=1)
PAGE = Path(__file__).parent / "pages" / "log_in.html"


class Impatient(Clock):
    """A clock that runs fifty times as fast while others wait for more than what *has_happened*."""

    def __init__(self, has_happened: Callable[[], bool]) -> None:
        super().__init__()
        self._has_happened, self._ahead = has_happened, timedelta(0)

    def wall(self) -> datetime:
        return super().wall() + self._ahead

    def sleep(self, length: timedelta) -> None:
        super().sleep(length)
        self._ahead += 50 * length if self._has_happened() else timedelta(0)


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
def home(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """Browsers of these tests have their folders here."""
    tmp_path_factory.getbasetemp()  # made before, as it outlives this
    with TemporaryDirectory() as folder:  # with a short name, as Chrome has sockets in it
        tempfile.tempdir = folder
        yield
        tempfile.tempdir = None


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
    """What runs because of these tests, also if it slipped away: recognized by its home."""
    found = []
    for process in psutil.process_iter():
        with suppress(psutil.Error):  # it has just ended
            if process.environ().get("HOME", "").startswith(tempfile.gettempdir()):
                found.append(process)
    return found


@contextmanager
def rec_us(dialog: str, **scenario: Any) -> Iterator[tuple[SimulatedRecUs, str]]:
    """A simulated rec.us with this log-in dialog, and the address of its web pages."""
    opens_at = CLOCK.now() + timedelta(hours=1)
    quick: Any = {"page_pause": 30 * MILLISECOND, "cookie_delay": 60 * MILLISECOND}
    simulated = SimulatedRecUs(
        RecUsScenario(opens_at=opens_at, day=opens_at.date(), dialog=dialog, **quick, **scenario), CLOCK
    )
    with serve(simulated.app) as server:
        yield simulated, server.url


def log_in(
    browser: Browser, page: str, account: Account, limit: timedelta = LIMIT, clock: Clock = CLOCK
) -> str:
    """The token of a log-in at a lone page, whatever it is."""
    return sign_in(browser, [page], account, clock=clock, is_players=lambda token: True, limit=limit)


def sent(browser: Browser) -> Clock:
    """A clock for who waits in vain for what comes of a log-in form that was sent."""
    return Impatient(lambda: browser.title.startswith("Courts for "))


def signed_in(browser: Browser, page: str, simulated: SimulatedRecUs, clock: Clock = CLOCK) -> str:
    """The token that a simulated rec.us gives its player and believes."""
    account = simulated.scenario.account
    return sign_in(browser, [page], account, clock=clock, is_players=simulated.knows)


ALL_AT_ONCE = {
    "consent_banner": True,
    "guest_token": True,
    "late_field": timedelta(milliseconds=300),
    "faults": ("page-fails-once",),
}


@pytest.mark.parametrize(
    ("dialog", "scenario"),
    [
        ("A", {}),
        ("B", {"cookie_http_only": True}),
        ("C", {"guest_token": True}),
        ("D", {"late_field": timedelta(milliseconds=700)}),
        ("mixed", {}),
        ("mixed", ALL_AT_ONCE),
    ],
)
def test_every_known_dialog_gives_a_token_that_the_booking_system_believes(
    browser: Browser, dialog: str, scenario: Mapping[str, Any]
) -> None:
    with rec_us(dialog, **scenario) as (simulated, url):
        page = f"{url}/alicemarble" if dialog == "A" else f"{url}/"

        token = signed_in(browser, page, simulated)

        simulated.admit(token)
        assert len(simulated.ledger.all("signed-in")) == 1
        assert not simulated.ledger.all("sign-in-refused")


def test_a_dialog_in_other_words_is_described_and_nothing_is_sent(browser: Browser) -> None:
    clock = Impatient(lambda: "Member access" in browser.text())
    with rec_us("changed") as (simulated, url):
        with pytest.raises(
            ServiceError, match=r"nothing to log in with that we know.*Member access"
        ) as failure:
            signed_in(browser, f"{url}/", simulated, clock)

        assert not isinstance(failure.value, LostAnswer)
        assert not simulated.ledger.all("signed-in")


def test_the_password_is_not_left_in_the_page(browser: Browser, site: Site) -> None:
    with pytest.raises(LostAnswer, match="is not sent again"):
        log_in(browser, f"{site.url}/?after=stay", PLAYER, clock=sent(browser))

    assert not browser.shows("input[type=password]:not(:placeholder-shown)")


@pytest.mark.parametrize("dialog", ["C", "D"])
def test_a_refused_password_is_reported_at_once_and_not_sent_again(browser: Browser, dialog: str) -> None:
    with rec_us(dialog) as (simulated, url):
        with pytest.raises(SignInError, match=r"refused .* password: Invalid email or password") as failure:
            log_in(browser, url, PLAYER)

        assert "nary" not in str(failure.value)
        assert len(simulated.ledger.all("sign-in-refused")) == 1


def test_any_password_arrives_unchanged_and_is_never_logged(
    browser: Browser, site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.DEBUG)

    token = log_in(browser, f"{site.url}/?after=cookie", PLAYER)

    assert token == "a.b-c_d"
    assert site.signed_in[-1] == {"email": PLAYER.email, "password": PLAYER.password}
    assert "c4nary" not in caplog.text
    assert "canary" not in caplog.text


def test_a_click_that_the_page_was_too_young_to_notice_is_repeated(browser: Browser, site: Site) -> None:
    assert log_in(browser, f"{site.url}/?after=cookie&late=1", PLAYER)


def test_a_page_that_is_not_as_expected_leaves_evidence_without_secrets(
    browser: Browser, site: Site, evidence: Path
) -> None:
    with pytest.raises(ServiceError) as failure:
        log_in(browser, f"{site.url}/?after=echo", PLAYER, clock=sent(browser))

    message = str(failure.value)
    picture = max(evidence.iterdir())
    assert type(failure.value) is LostAnswer
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
        log_in(browser, f"{site.url}/?after=captcha", PLAYER)


def test_a_firewall_page_is_a_block(browser: Browser, site: Site) -> None:
    with pytest.raises(Blocked, match="we stop"):
        log_in(browser, f"{site.url}/answer/403", PLAYER)


def test_a_broken_page_is_reported_with_its_status(browser: Browser, site: Site) -> None:
    with pytest.raises(ServiceError, match="answered 503"):
        log_in(browser, f"{site.url}/answer/503", PLAYER, limit=SOON)


def test_a_page_that_cannot_be_reached_is_not_the_fault_of_the_browser(browser: Browser, site: Site) -> None:
    closed = make_server("127.0.0.1", 0, Flask("closed"))
    closed.server_close()

    with pytest.raises(Unreachable, match=f"http://127.0.0.1:{closed.port}/: ERR_CONNECTION_REFUSED"):
        log_in(browser, f"http://127.0.0.1:{closed.port}/?secret=1", PLAYER)


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


def test_other_users_learn_nothing_from_a_browser_and_its_environment_has_no_secret(tmp_path: Path) -> None:
    os.environ["RESERVE_PASSWORD"] = PLAYER.password
    before = set(family())
    try:
        with a_browser(tmp_path) as browser:
            everything = [
                (process, Path(f"/proc/{process.pid}/environ").read_bytes(), process.cmdline())
                for process in set(family()) - before
            ]
            executor: Any = browser._web.command_executor
            address = urlsplit(executor._client_config.remote_server_addr)
            listening = [
                connection.laddr.port
                for process, _, _ in everything
                for connection in process.net_connections(kind="tcp")
                if connection.status == psutil.CONN_LISTEN
            ]
            stranger = Http(f"http://localhost:{address.port}", headers={})
            sessions = [stranger.ask("GET", f"{path}/sessions").status for path in ("", address.path)]
    finally:
        del os.environ["RESERVE_PASSWORD"]

    assert len(everything) > 2
    assert not [environ for _, environ, _ in everything if PLAYER.password.encode() in environ]
    assert not [line for _, _, line in everything if address.path in " ".join(line)]
    assert set(listening) == {address.port}  # the driver's; Chrome itself has none
    assert sessions == [400, 200]


def test_a_chrome_that_does_not_start_leaves_nothing(tmp_path: Path) -> None:
    before = family()
    broken = tmp_path / "chrome"
    broken.write_text("#!/bin/sh\nsleep 0.1\nexit 1\n")
    broken.chmod(0o700)
    browser = Browser(CLOCK, binary=str(broken), driver=None, evidence=tmp_path, start_limit=SOON / 2)

    with pytest.raises(BrowserNotStarted, match=f"{broken} does not start"), browser:
        pass

    assert family() == before


def test_a_driver_that_ends_at_once_is_started_again(tmp_path: Path) -> None:
    driver = tmp_path / "driver"
    chromedriver = find_driver(None, find_chrome(None))
    driver.write_text(f'#!/bin/sh\nmkdir {tmp_path}/tried || exec {chromedriver} "$@"\nexit 1\n')
    driver.chmod(0o700)
    before = family()

    with a_browser(tmp_path, driver=str(driver)) as browser:
        assert browser.address

    assert family() == before


def test_a_driver_that_does_not_start_is_named(tmp_path: Path) -> None:
    with pytest.raises(BrowserNotStarted, match="set CHROMEDRIVER"), a_browser(tmp_path, driver="/bin/false"):
        pass


def test_a_missing_browser_is_one_sentence(tmp_path: Path) -> None:
    with pytest.raises(BrowserMissing, match=r"no Chrome at /nowhere/chrome: .* CHROME_BINARY"):
        find_chrome("/nowhere/chrome")
    with pytest.raises(BrowserMissing, match=r"no chromedriver at /nowhere/driver: .* CHROMEDRIVER"):
        a_browser(tmp_path, driver="/nowhere/driver").__enter__()


def test_without_any_chrome_on_the_path_the_way_out_is_named() -> None:
    script = "from reserve.browser import find_chrome; find_chrome(None)"

    process = subprocess.run(
        [sys.executable, "-c", script], env={"PATH": "/nowhere"}, capture_output=True, text=True, check=False
    )

    assert "BrowserMissing: no Chrome found: install chromium or set CHROME_BINARY" in process.stderr


def test_selenium_is_loaded_only_when_a_browser_starts() -> None:
    script = (
        "import sys, reserve.systems.recus.sign_in;"
        "sys.exit(any(name in sys.modules for name in ('selenium', 'webdriver_manager', 'psutil')))"
    )

    assert subprocess.run([sys.executable, "-c", script], check=False).returncode == 0

"""A real Chrome, for the sign-ins that need one.

The only home of selenium and webdriver_manager. They are imported inside functions, so that nothing else
waits for them to load, or needs them installed.
"""

from __future__ import annotations

import logging
import os
import re
import secrets
import shutil
import subprocess
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any
from urllib.parse import urlsplit

from reserve.clock import Clock
from reserve.errors import CauseWord, ServiceError, Unreachable
from reserve.redaction import printable

if TYPE_CHECKING:
    from selenium.webdriver.remote.webdriver import WebDriver

CHROMES = (
    "google-chrome",
    "google-chrome-stable",
    "chromium",
    "chromium-browser",
    "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
)
START_LIMIT = timedelta(seconds=20)  # for the driver, and then for Chrome, which nobody says has failed
COMMAND_LIMIT = timedelta(seconds=30)  # for each command to the driver
VERSION_LIMIT = timedelta(seconds=5)  # for a program to say which version it is
QUIT_LIMIT = timedelta(seconds=5)  # for the browser to close itself; then it is killed
PAGE_LIMIT = timedelta(seconds=20)  # below COMMAND_LIMIT, so that a slow page is not taken for a dead browser
NAP = timedelta(milliseconds=50)
STARTS = 3  # of the driver, which may draw a port that is taken
EXCERPT = 300  # characters of a page that an error message quotes
WINDOW = "--window-size=1280,1000"  # wide enough for the desktop layout; narrow ones hide the log-in control

# What is asked of a page. A script gets `arguments` and sees what a person sees: neither hidden nor disabled.
# The box of an element is the dialog or the form around it: what lies in one box belongs together.
SEEN = """
    const seen = e => e.checkVisibility({visibilityProperty: true, opacityProperty: true})
        && e.getClientRects().length > 0;
    const usable = e => seen(e) && !e.readOnly && !e.closest(':disabled, [aria-disabled=true]');
    const all = selector => [...document.querySelectorAll(selector)];
    const dialog = 'dialog, [role=dialog], [aria-modal=true]';
    const box = e => e.closest(dialog) ?? e.closest('form') ?? document.body;
    const words = e => (e.matches('input') ? e.value : e.textContent).replace(/\\s+/g, ' ').trim();
    const saying = (said, kind) => {
        const wanted = new RegExp('^(?:' + said + ')$', 'i');
        return all('body *').filter(e => e.matches(kind) && wanted.test(words(e)));
    };
"""
# A real control that says the words; else the innermost element that does: its click reaches the outer ones.
CONTROL = (
    SEEN
    + """
    const [said, kind, beside] = arguments;
    const boxes = beside && all(beside).filter(seen).map(box);
    const found = saying(said, kind).filter(e => usable(e) && (!boxes || boxes.includes(box(e))));
    return found.find(e => e.matches('a, button, input, [role=button]'))
        ?? found.find(e => !found.some(other => other !== e && e.contains(other))) ?? null;
"""
)
FIELD = (
    SEEN
    + """
    const [selector, said, kind] = arguments;
    const boxes = said && saying(said, kind).filter(seen).map(box);
    return all(selector).find(e => usable(e) && (!boxes || boxes.includes(box(e)))) ?? null;
"""
)
SHOWS = SEEN + "return all(arguments[0]).some(seen);"
TEXT = (
    SEEN
    + """
    const [beside] = arguments, field = beside && all(beside).find(seen);
    return (beside ? field && box(field).innerText : document.body?.innerText) ?? '';
"""
)
DIALOG = (
    SEEN
    + """
    return (all(dialog).filter(seen).map(e => e.innerText).join(' ') || document.body?.innerText) ?? '';
"""
)
# The setter of the class, not of the element: page frameworks replace the latter to read what is typed.
SET_VALUE = """
    const [field, text] = arguments;
    Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set.call(field, text);
    field.dispatchEvent(new Event('input', {bubbles: true}));
    field.dispatchEvent(new Event('change', {bubbles: true}));
"""
# Without events, so that no page takes it for typing.
CLEAR = """
    const set = Object.getOwnPropertyDescriptor(HTMLInputElement.prototype, 'value').set;
    for (const field of document.querySelectorAll(arguments[0])) set.call(field, '');
"""
HIDE_SECRETS = """
    for (const field of document.querySelectorAll('input, textarea')) {
        field.value = '';
        field.style.visibility = 'hidden';  // also when the page's own script writes the value back
    }
    const texts = document.createTreeWalker(document.documentElement, NodeFilter.SHOW_TEXT);
    while (texts.nextNode()) {
        if (texts.currentNode.parentElement.closest('style, script')) continue;
        let text = texts.currentNode.data;
        for (const secret of arguments[0]) text = text.replaceAll(secret, '***');
        texts.currentNode.data = text.replace(/[^\\s@]+@[^\\s@]+/g, '***');
    }
"""
ADDRESS = "return performance.getEntriesByType('navigation')[0]?.name ?? location.href;"
STATUS = "return performance.getEntriesByType('navigation')[0]?.responseStatus ?? 0;"


class BrowserError(ServiceError):
    """The browser itself crashed, or stopped answering."""

    cause = CauseWord.BROWSER


class BrowserMissing(BrowserError):
    """There is no Chrome, or no driver for it, and somebody has to install it."""


class BrowserNotStarted(BrowserError, Unreachable):
    """The browser could not start, so nothing was sent."""


@dataclass(frozen=True)
class Control:
    """What can be clicked: it says exactly these words (a regular expression, any case), and is of a kind."""

    words: str
    kind: str = "*"  # a CSS selector


class Browser:
    """One Chrome with an empty private profile; a context manager that leaves no process and no file behind.

    `binary` and `driver` are paths of Chrome and chromedriver; without them they are looked for. Pictures of
    pages that were not as expected go into the folder `evidence`. All that they get of an environment is
    `environ`, and a private home.
    """

    def __init__(
        self,
        clock: Clock,
        *,
        binary: str | None,
        driver: str | None,
        evidence: Path,
        environ: Mapping[str, str] | None = None,
        start_limit: timedelta = START_LIMIT,
    ) -> None:
        """Remember how to start; nothing runs before the context is entered."""
        self._environ = environ or {}
        self._start_limit = start_limit
        self._clock = clock
        self._binary = binary
        self._driver = driver
        self._evidence = evidence

    def __enter__(self) -> Browser:
        """Start Chrome, or leave nothing behind and raise `BrowserMissing` or `BrowserNotStarted`."""
        chrome, driver = self.locate()
        # At level DEBUG selenium would log every command, and with it what is typed into the password field.
        logging.getLogger("selenium.webdriver.remote.remote_connection").setLevel(logging.INFO)
        with ExitStack() as undo:
            self._folder = undo.enter_context(
                TemporaryDirectory(prefix="first-serve-", ignore_cleanup_errors=True)
            )
            # Whoever knows this name may command the driver, which listens to every user of the machine.
            name = secrets.token_urlsafe(16)
            port = undo.enter_context(self._listening(driver, name))
            self._web = undo.enter_context(self._session(chrome, f"http://localhost:{port}/{name}"))
            self._undo = undo.pop_all()
        return self

    def locate(self) -> tuple[str, str]:
        """Where Chrome and its driver are; raises `BrowserMissing` when one is not to be had."""
        chrome = find_chrome(self._binary)
        return chrome, find_driver(self._driver, chrome)

    def __exit__(self, *_: object) -> None:
        """Close Chrome and its driver, and return when both are gone."""
        self._undo.close()

    def open(self, url: str, *, within: timedelta = PAGE_LIMIT) -> int:
        """Visit a page without any cookies, and return its HTTP status as soon as the page can be used."""
        from selenium.common.exceptions import TimeoutException, WebDriverException

        place = urlsplit(url)._replace(query="", fragment="").geturl()
        with browser_trouble():
            self._web.delete_all_cookies()  # an earlier token must not be taken for a new one
            self._web.set_page_load_timeout(min(within, PAGE_LIMIT).total_seconds())
            try:
                self._web.get(url)
            except TimeoutException:
                raise ServiceError(f"{place}: the page did not load in time") from None
            except WebDriverException as failure:
                if cause := re.search(r"net::(ERR_\w+)", failure.msg or ""):
                    raise Unreachable(f"{place}: {cause[1]}") from None
                raise
            return int(self._web.execute_script(STATUS))

    def click(self, control: Control, *, beside: str | None = None) -> bool:
        """Click *control*, if it is there to be clicked; only in one box with what *beside* selects."""
        return self._press(CONTROL, control.words, control.kind, beside)

    def press(self, selector: str) -> bool:
        """Click the first usable element of this CSS selector, if there is one."""
        return self._press(FIELD, selector)

    def _press(self, script: str, *what: str | None) -> bool:
        from selenium.common.exceptions import (
            ElementClickInterceptedException,
            ElementNotInteractableException,
            StaleElementReferenceException,
        )

        with browser_trouble():
            control = self._web.execute_script(script, *what)
            if control is None:
                return False
            try:
                control.click()
            except ElementClickInterceptedException:  # a banner lies over it
                self._web.execute_script("arguments[0].click()", control)
            except (ElementNotInteractableException, StaleElementReferenceException):
                return False
            return True

    def fill(self, field: str, text: str, *, beside: Control | None = None) -> bool:
        """Type *text* into the first usable field of this CSS selector, if there is one and it lacks that.

        Only in one box with the control *beside*, which may be disabled yet.
        """
        from selenium.common.exceptions import ElementNotInteractableException, StaleElementReferenceException

        with browser_trouble():
            near = (beside.words, beside.kind) if beside else ()
            element = self._web.execute_script(FIELD, field, *near)
            if element is None:
                return False
            try:
                if element.get_property("value") == text:
                    return True
                element.clear()
                # Drivers take some characters for keys such as Return; old ones refuse those beyond U+FFFF.
                if text.isprintable() and max(text, default="") <= "\uffff":
                    element.send_keys(text)
                if element.get_property("value") != text:
                    self._web.execute_script(SET_VALUE, element, text)
            except (ElementNotInteractableException, StaleElementReferenceException):
                return False
            return True

    def shows(self, selector: str) -> bool:
        """Whether anything of this CSS selector can be seen."""
        with browser_trouble():
            return bool(self._web.execute_script(SHOWS, selector))

    @property
    def address(self) -> str:
        """Where the page was loaded from, as it was before its own script could change that."""
        with browser_trouble():
            return str(self._web.execute_script(ADDRESS))

    @property
    def title(self) -> str:
        """The title of the page."""
        with browser_trouble():
            return printable(self._web.title)

    def text(self, *, beside: str | None = None) -> str:
        """What can be read on the page, or in the box of what *beside* selects, but not in its fields."""
        with browser_trouble():
            return printable(str(self._web.execute_script(TEXT, beside)), keep="\t\r\n")

    def clear(self, field: str) -> None:
        """Empty every field of this CSS selector without the page's notice."""
        with browser_trouble():
            self._web.execute_script(CLEAR, field)

    def cookie(self, name: str) -> str | None:
        """The value of a cookie of this page, also of one that its scripts cannot read."""
        with browser_trouble():
            cookie = self._web.get_cookie(name)
        return None if cookie is None else str(cookie["value"])

    def describe(self, secrets: Sequence[str]) -> str:
        """What the page shows, in one line, and where the picture of it lies.

        Fields, e-mail addresses and *secrets* are hidden first; nothing else can be done with the page after.
        """
        with browser_trouble():
            self._web.execute_script(HIDE_SECRETS, [secret for secret in secrets if secret])
            title, shown = self._web.title, str(self._web.execute_script(DIALOG))
            picture = self._web.get_screenshot_as_png()
        path = self._evidence / f"page-{self._clock.now():%Y%m%d-%H%M%S-%f}.png"
        try:
            self._evidence.mkdir(mode=0o700, parents=True, exist_ok=True)
            path.touch(mode=0o600)
            path.write_bytes(picture)
            kept = f"picture in {path}"
        except OSError as failure:  # what the page says matters more
            kept = f"no picture ({failure.strerror})"
        title, text = (" ".join(printable(each).split()) for each in (title, shown))
        return f'page "{title}" shows "{text[:EXCERPT]}", {kept}'

    @contextmanager
    def _listening(self, driver: str, name: str) -> Iterator[int]:
        """The port of a driver, started anew when it ends at once: the port it drew may be taken on IPv6."""
        ends_at = self._clock.now() + START_LIMIT
        for _ in range(STARTS):
            with ExitStack() as undo:
                process = self._start_driver(driver, name)
                undo.callback(self._end, process)
                undo.enter_context(self._watched(process))
                if port := self._port(process, ends_at):
                    forget_arguments(process.pid)
                    yield port
                    return
        raise BrowserNotStarted("chromedriver does not start: set CHROMEDRIVER to one that fits this Chrome")

    def _start_driver(self, driver: str, name: str) -> subprocess.Popen[bytes]:
        """Run chromedriver; started by us, as selenium may be configured to log what is typed."""
        command = [driver, "--port=0", f"--url-base=/{name}"]
        with (Path(self._folder) / "driver.log").open("wb") as log:
            # In a session of its own, so that Ctrl-C reaches only us, and we close it in good order.
            try:
                return subprocess.Popen(
                    command,
                    env=self._environment(),
                    stdin=subprocess.DEVNULL,
                    stdout=log,
                    stderr=log,
                    start_new_session=True,
                )
            except OSError as failure:
                raise BrowserNotStarted(f"{driver} does not start: {failure.strerror}") from failure

    def _environment(self) -> dict[str, str]:
        """What driver and browser get instead of our environment.

        Chrome leaves crash reports and caches in the home folder, and both may hold what was typed.
        """
        return {**self._environ, "HOME": self._folder, "TMPDIR": self._folder}

    @contextmanager
    def _watched(self, process: subprocess.Popen[bytes]) -> Iterator[None]:
        """Should we be killed, the driver's group is killed too, Chrome with it, and the folder removed.

        That is done by a shell, which waits for the end of its input: nobody but us can write there.
        """
        command = ["sh", "-c", 'read _; kill -9 "-$1"; rm -rf "$2"', "sh", str(process.pid), self._folder]
        with subprocess.Popen(
            command,
            env=self._environment(),
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,
        ) as watcher:
            try:
                yield
            finally:
                watcher.kill()

    def _port(self, process: subprocess.Popen[bytes], ends_at: datetime) -> int | None:
        """Where the driver listens; None when it ended, or said nothing until then."""
        while self._clock.now() < ends_at and process.poll() is None:
            log = (Path(self._folder) / "driver.log").read_text(errors="replace")
            if said := re.search(r"successfully on port (\d+)", log):
                return int(said[1])
            self._clock.sleep(NAP)
        return None

    @contextmanager
    def _session(self, chrome: str, address: str) -> Iterator[WebDriver]:
        """Chrome, started by the driver; asked to close itself at the end."""
        from selenium import webdriver
        from selenium.common.exceptions import WebDriverException
        from selenium.webdriver.common.proxy import Proxy
        from selenium.webdriver.remote.client_config import ClientConfig
        from selenium.webdriver.remote.remote_connection import RemoteConnection
        from urllib3.exceptions import HTTPError

        config = ClientConfig(
            address,
            timeout=int(self._start_limit.total_seconds()),
            proxy=Proxy(
                {"proxyType": "direct"}
            ),  # the driver is on this machine, whatever the environment says
            init_args_for_pool_manager={"init_args_for_pool_manager": {"retries": False}},
        )
        try:
            web = webdriver.Remote(RemoteConnection(client_config=config), options=self._options(chrome))
        except (WebDriverException, HTTPError) as failure:
            reason = str(getattr(failure, "msg", None) or type(failure).__name__).splitlines()[0]
            raise BrowserNotStarted(f"{chrome} does not start: {reason}") from failure
        config.timeout = int(COMMAND_LIMIT.total_seconds())
        try:
            yield web
        finally:
            config.timeout = int(QUIT_LIMIT.total_seconds())
            with suppress(WebDriverException, HTTPError):
                web.quit()

    def _options(self, chrome: str) -> Any:
        from selenium import webdriver

        options = webdriver.ChromeOptions()
        options.binary_location = chrome
        options.page_load_strategy = "eager"  # we look for what we need ourselves, and sooner
        options.add_argument(f"--user-data-dir={self._folder}/profile")
        options.add_argument(WINDOW)
        options.add_argument("--disable-dev-shm-usage")  # small machines have too little of it for a page
        options.add_argument("--headless=new")
        options.add_argument("--remote-debugging-pipe")  # not a port, to which every user could connect
        if os.geteuid() == 0:
            options.add_argument("--no-sandbox")  # as root Chrome does not start with one
        options.add_experimental_option(
            "prefs",
            {
                "profile.managed_default_content_settings.images": 2,  # blocked: not needed to sign in
                "credentials_enable_service": False,  # no offer to keep the password,
                "profile.password_manager_leak_detection": False,  # and no question elsewhere about it
            },
        )
        return options

    def _end(self, process: subprocess.Popen[bytes]) -> None:
        """Kill what did not go by itself, and return when it is gone."""
        import psutil

        for _ in range(3):  # a dying browser may still start something
            family = [member for member in psutil.process_iter(["cmdline"]) if self._is_ours(member, process)]
            if not family:
                break
            for member in family:
                with suppress(psutil.Error):
                    member.kill()
            psutil.wait_procs(family, timeout=QUIT_LIMIT.total_seconds())
            process.poll()  # buries our own child

    def _is_ours(self, member: Any, process: subprocess.Popen[bytes]) -> bool:
        """Told by the private folder on the command line, not by parents: crash handlers disown theirs."""
        if member.pid == process.pid:
            return process.poll() is None
        return any(self._folder in argument for argument in member.info["cmdline"] or [])


def forget_arguments(pid: int) -> None:
    """Let nobody read any more with which arguments our child *pid* was started, where the system allows it.

    Linux shows them to every user, out of the memory of the process; a program has read them when it runs.
    """
    process = Path(f"/proc/{pid}")
    with suppress(OSError, ValueError, IndexError):
        fields = (process / "stat").read_text().rpartition(")")[2].split()
        start, end = int(fields[45]), int(fields[46])  # arg_start and arg_end, see proc(5)
        with (process / "mem").open("r+b", buffering=0) as memory:
            memory.seek(start)
            memory.write(bytes(end - start))


def find_chrome(given: str | None) -> str:
    """The given Chrome, or the first one on the path."""
    if given and not shutil.which(given):
        raise BrowserMissing(f"no Chrome at {given}: install chromium or correct CHROME_BINARY")
    found = next(filter(None, map(shutil.which, [given] if given else CHROMES)), None)
    if found is None:
        raise BrowserMissing("no Chrome found: install chromium or set CHROME_BINARY")
    return found


def find_driver(given: str | None, chrome: str) -> str:
    """The given chromedriver, or the one on the path, or one that webdriver-manager downloads."""
    if given and not shutil.which(given):
        raise BrowserMissing(f"no chromedriver at {given}: install chromium-driver or correct CHROMEDRIVER")
    return shutil.which(given or "chromedriver") or download_driver(chrome)


def not_on(path: str | None, chrome: str | None, driver: str | None) -> list[str]:
    """Which of Chrome and its driver, given or to be looked for, a run with this *path* would not find."""
    missing = []
    if not any(shutil.which(each, path=path) for each in ([chrome] if chrome else CHROMES)):
        missing.append("Chrome")
    if not shutil.which(driver or "chromedriver", path=path):
        missing.append("chromedriver")
    return missing


def version_of(given: str | None, environ: Mapping[str, str]) -> str | None:
    """The version of the program *given*, or else of the first Chrome on the path; None if it tells none."""
    try:
        path = shutil.which(given) if given else find_chrome(None)
        said = path and subprocess.run(
            [path, "--version"],
            env=dict(environ),
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            errors="replace",
            timeout=VERSION_LIMIT.total_seconds(),
            check=False,
        )
    except (BrowserMissing, OSError, subprocess.TimeoutExpired):
        return None
    found = re.search(r"\d+(\.\d+){1,3}", said.stdout) if said else None
    return found[0] if found else None


def download_driver(chrome: str) -> str:
    """Let webdriver-manager download the chromedriver for this kind of Chrome."""
    from webdriver_manager.chrome import ChromeDriverManager
    from webdriver_manager.core.download_manager import WDMDownloadManager
    from webdriver_manager.core.http import WDMHttpClient
    from webdriver_manager.core.os_manager import ChromeType

    class Bounded(WDMHttpClient):
        def get(self, url: Any, params: Any = None, **options: Any) -> Any:
            return super().get(url, params=params, timeout=COMMAND_LIMIT.total_seconds(), **options)

    kind = ChromeType.CHROMIUM if "chromium" in Path(chrome).name else ChromeType.GOOGLE
    try:
        download = WDMDownloadManager(Bounded())  # type: ignore[no-untyped-call]  # the library has few types
        return ChromeDriverManager(chrome_type=kind, download_manager=download).install()
    except Exception as failure:  # whatever it raises: network, archive, unknown version, full disk
        raise BrowserMissing(
            f"no chromedriver found, and the download failed ({type(failure).__name__}): "
            "install chromium-driver or set CHROMEDRIVER"
        ) from failure


@contextmanager
def browser_trouble() -> Iterator[None]:
    """Turn what selenium raises into `BrowserError`, by its name only: its text may quote what was typed."""
    from selenium.common.exceptions import WebDriverException
    from urllib3.exceptions import HTTPError

    try:
        yield
    except (WebDriverException, HTTPError) as failure:
        raise BrowserError(f"the browser does not answer: {type(failure).__name__}") from None

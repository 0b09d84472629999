"""The pages in a real browser, on a phone and at a desk: the main flow, by hand, with pictures to look at."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import axe_core_python
import pytest
from selenium.webdriver import Chrome, ChromeOptions, ChromeService
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from reserve.browser import find_chrome, find_driver
from reserve.causes.facts import written
from reserve.commands.wiring import host_of
from reserve.errors import CauseWord
from reserve.storage.runs import Record, player_key
from reserve.systems import PROFILES, USUAL
from tests.waterfall.runs import TWO_HELD, facts
from tests.webhook.pages.conftest import PASSWORD, Household
from tests.webhook.pages.test_asking import BOOKINGS, CHECK, TEXT, plan_a_game, player
from webhook_server import serve
from webhook_server.pages.background import EVERY, Kind

SCREENS = Path(__file__).parents[3] / "build" / "screens"
AXE = Path(axe_core_python.__file__).with_name("axe.min.js")
SIZES = {"phone": (390, 844), "desk": (1280, 900)}
NOT_THERE = 30  # seconds, then a page will not come any more
# A page that is wider than the window, and elements that hang over its edge.
OVERFLOWING = """
return [...document.querySelectorAll('body *')].filter(e => !e.closest('nav, svg') && e.offsetParent
  && e.getBoundingClientRect().right > innerWidth + 1).map(e => e.outerHTML.slice(0, 120))
"""
SMALL = """
return [...document.querySelectorAll('button, .button, input:not([type=checkbox]), select')]
  .filter(e => e.offsetParent   && e.getBoundingClientRect().height < 32).map(e => e.outerHTML.slice(0, 120))
"""
UNLABELLED = """
return [...document.querySelectorAll('input, select')].filter(e => e.type !== 'hidden' && !e.labels.length)
  .map(e => e.outerHTML.slice(0, 120))
"""
ASK_AXE = """
axe.run().then(found => arguments[0](found.violations.map(each =>
  each.help + ': ' + each.nodes.map(node => node.html))))
"""
SHIFTED = "return performance.getEntriesByType('layout-shift').reduce((all, each) => all + each.value, 0)"


@contextmanager
def browser(now: datetime, folder: Path) -> Iterator[Chrome]:
    """A Chrome whose pages think that it is *now*."""
    options, binary = ChromeOptions(), find_chrome(None)
    options.binary_location = binary or ""
    for each in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", f"--user-data-dir={folder}"):
        options.add_argument(each)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    driver = Chrome(options, ChromeService(find_driver(None, binary)))
    try:
        script = f"{{const real = Date.now, ahead = {now.timestamp() * 1000} - real();"
        script += "Date.now = () => real() + ahead}"
        driver.execute_cdp_cmd("Page.addScriptToEvaluateOnNewDocument", {"source": script})
        yield driver
    finally:
        driver.quit()


class Person:
    """Somebody who clicks and types, and takes pictures of what is there."""

    def __init__(self, driver: Chrome, url: str, size: str) -> None:
        self.driver, self.url, self.size = driver, url, size
        width, height = SIZES[size]
        metrics: dict[str, Any] = {
            "width": width,
            "height": height,
            "deviceScaleFactor": 1,
            "mobile": size == "phone",
        }
        driver.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", metrics)

    def in_the_dark(self, is_dark: bool) -> None:
        features = [{"name": "prefers-color-scheme", "value": "dark" if is_dark else "light"}]
        self.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": features})

    def goes(self, path: str) -> None:
        self.driver.get(self.url + path)

    def types(self, name: str, text: str) -> None:
        found = self.driver.find_element(By.NAME, name)
        found.clear()
        found.send_keys(text)

    def clicks(self, words: str) -> None:
        found = self.driver.find_element(
            By.XPATH, f"//main//*[self::a or self::button][normalize-space()='{words}']"
        )
        before = self.driver.find_element(By.TAG_NAME, "html")
        self.driver.execute_script("arguments[0].click()", found)
        WebDriverWait(self.driver, NOT_THERE).until(lambda driver: _is_gone(before))

    def sees(self, words: str) -> None:
        WebDriverWait(self.driver, NOT_THERE).until(
            lambda driver: words in driver.find_element(By.TAG_NAME, "main").text
        )

    def looks(self, name: str) -> None:
        """Keep a picture of the page, and see that nobody is kept from using it."""
        SCREENS.mkdir(parents=True, exist_ok=True)
        whole = self.driver.execute_cdp_cmd("Page.captureScreenshot", {"captureBeyondViewport": True})
        (SCREENS / f"{name}-{self.size}.png").write_bytes(base64.b64decode(whole["data"]))
        for trouble in (OVERFLOWING, SMALL, UNLABELLED):
            assert self.driver.execute_script(trouble) == [], name
        self.driver.execute_script(AXE.read_text())
        assert self.driver.execute_async_script(ASK_AXE) == [], name
        assert self.driver.execute_script(SHIFTED) < 0.05, name


def _is_gone(element: Any) -> bool:
    try:
        element.is_enabled()
    except Exception:
        return True
    return False


@pytest.fixture
def url(household: Household) -> Iterator[str]:
    """Where the household's service answers; Anna's account has a run that is worth a look."""
    with household.store() as store:
        player = player_key(USUAL, host_of(PROFILES[USUAL], household.settings), "anna-rec@example.com")
        record = Record(store, "20260302T155800-abcd", player, household.clock.now)
        record.begin(USUAL, "Alice Marble, tennis, 2026-03-09 18:00-19:30")
        text = written(facts(TWO_HELD))
        record.end(
            0,
            "Reserved Court 1 at Alice Marble, Mon 2026-03-09 18:00-19:30, for $0.00.",
            facts=text,
            court="Court 1",
            facility="Alice Marble",
            margin=timedelta(milliseconds=9),
        )
        lost = Record(store, "20260223T155800-dcba", player, household.clock.now)
        lost.begin(USUAL, "Moscone, tennis, 2026-03-02 18:00-19:30")
        lost.end(
            1,
            "Not reserved: all courts were taken.",
            cause=CauseWord.RIVALS,
            margin=timedelta(milliseconds=31),
        )
    with serve(household.service, "127.0.0.1", 0, pages=household.pages) as server:
        yield f"http://127.0.0.1:{server.port}"


def asks_the_booking_system(household: Household, person: Person) -> None:
    """See what is booked, cancel it, check a plan, and wait for a text; on the phone in the dark."""
    person.in_the_dark(person.size == "phone")
    if person.size == "phone":
        plan_a_game(household, player(household))
    person.goes(BOOKINGS)
    person.clicks("Look now" if person.size == "phone" else "Look again")
    person.sees("Waiting for its turn")
    person.looks("bookings-waiting")
    household.works()
    person.sees("Court 1, Alice Marble")
    person.looks("bookings")
    person.clicks("Cancel Mon 2026-03-09 18:00-19:30 Court 1, Alice Marble")
    person.looks("cancel")
    if person.size == "phone":
        person.clicks("Keep it")
    else:
        person.clicks("Cancel it")
        household.works()
        person.sees("Cancelled Mon 2026-03-09")
        person.sees("No court is held or reserved")
    person.goes(TEXT)
    person.sees("Waiting for a text")
    person.looks("text")
    person.goes(CHECK)
    person.clicks("Check now" if person.size == "phone" else "Check again")
    household.works()
    person.sees("Ready until")
    person.looks("check")
    household.clock.sleep_until(household.clock.now() + EVERY[Kind.CHECK])
    person.in_the_dark(False)


def test_somebody_signs_in_plans_a_game_and_looks_at_what_happened(
    household: Household, url: str, tmp_path: Path
) -> None:
    with browser(household.clock.now(), tmp_path / "chrome") as driver:
        for size in SIZES:
            person = Person(driver, url, size)
            driver.delete_all_cookies()
            person.goes("/plans/new")
            person.looks("sign-in")
            person.types("name", "anna")
            person.types("password", PASSWORD)
            person.clicks("Sign in")
            person.sees("Plan a game")
            person.types("date", "+8")
            person.types("time", "6pm-7:30pm")
            person.types(
                "court", "Alice Marble: Court 2, Court 1" if size == "phone" else "Alice Marble: Court 1"
            )
            person.clicks("See when it opens")
            person.sees("opens")
            person.looks("plan")
            person.clicks("Save this plan")
            person.sees("Saved as plan")
            person.looks("plans")
            person.clicks("Alice Marble: tennis, 2026-03-10 18:00, 90 minutes")
            person.clicks("Edit")
            person.types("max_price", "5")
            person.clicks("See what changes")
            person.sees("none -> 5")
            person.looks("edit")
            person.goes("/")
            person.sees("Alice Marble")
            person.in_the_dark(size == "phone")
            person.looks("coming-up")
            person.goes("/runs")
            person.looks("history")
            person.clicks("Alice Marble, tennis, 2026-03-09 18:00-19:30")
            person.sees("Reserved Court 1")
            person.looks("run")
            person.in_the_dark(False)
            asks_the_booking_system(household, person)
            if size == "desk":
                continue
            person.goes("/plans/1")
            person.looks("one-plan")
            person.goes("/accounts")
            person.looks("accounts")
            person.goes("/code")
            person.looks("code")
        log: Any = driver.get_log("browser")  # type: ignore[no-untyped-call]
        wrong = [each for each in log if each["level"] == "SEVERE"]

    assert wrong == []

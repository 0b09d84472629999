"""NTNUI: links, pages, and whole runs against the simulated site in virtual time."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.booking.context import Leads
from reserve.booking.result import Outcome, RunResult, failed
from reserve.booking.stop import Stop
from reserve.commands.options import booking_parser, read_booking
from reserve.commands.outcome import result_as_json
from reserve.commands.plan import Plans
from reserve.commands.plan_options import plan_parser
from reserve.commands.store import open_store
from reserve.commands.wiring import build_run
from reserve.errors import (
    LostAnswer,
    NotOpenYet,
    SlotTaken,
    TokenRefused,
    UnknownPage,
    UnknownRefusal,
    UsageError,
)
from reserve.http import Http
from reserve.model import BookingRequest
from reserve.settings import read_settings
from reserve.simulator import Fault
from reserve.simulator.ntnui.club import FAULTS, SIGN_UPS, NtnuiLedger, NtnuiScenario, SimulatedNtnui
from reserve.storage.plans import PlanStore
from reserve.systems.ntnui.adapter import Ntnui
from reserve.systems.ntnui.link import ZONE, SessionLink, read_link
from reserve.systems.ntnui.pages import meaning, read_page, redacted
from tests.documents import named, rows
from tests.fakes import FakeClock, InProcess

OPENS_AT = datetime.fromisoformat("2026-06-06T15:00:00+02:00")  # for Tuesday 9 June, 15:00
SAMPLES = Path(__file__).parent / "samples/ntnui"
LINK = "https://www.ntnuitennis.no/timeinfo.php?timeid=65&spilletid=20260609T15:00:00&lang=no"


def sample(name: str) -> str:
    return (SAMPLES / f"{name}.html").read_text()


class Stage:
    """A simulated site, and one member's run at it."""

    def __init__(self, folder: Path, *, ahead: timedelta = timedelta(minutes=5), **scenario: Any) -> None:
        self.folder = folder
        opens_at = scenario.pop("opens_at", OPENS_AT)
        self.clock = FakeClock(opens_at - ahead, seed=scenario.get("seed", 0))
        day = (opens_at + timedelta(hours=72)).astimezone(ZONE).date()
        self.simulated = SimulatedNtnui(NtnuiScenario(opens_at=opens_at, day=day, **scenario), self.clock)
        self.stop = Stop()
        self.environ: dict[str, str] = {}

    def connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        adapter = InProcess(
            {"site.example": self.simulated.app}, self.clock, latency=timedelta(milliseconds=20)
        )
        return Http(base_url, headers=headers, adapter=adapter, clock=self.clock)

    def book(self, *words: str) -> Outcome:
        """The outcome of `main.py --system ntnui` with the link of this scenario, and *words*."""
        settings = read_settings(
            {
                **self.simulated.environ_of_player("http://site.example", None, None),
                "RESERVE_DATA": str(self.folder),
                **self.environ,
            }
        )
        booking = read_booking(booking_parser("book").parse_args([*self.simulated.words(), *words]), settings)
        self.wired = build_run(
            booking.request,
            booking.account,
            booking.settings,
            self.stop,
            Leads(),
            clock=self.clock,
            connect=self.connect,
        )
        self.result: RunResult = self.wired.run.book()
        return self.result.outcome

    @property
    def ledger(self) -> NtnuiLedger:
        ledger = self.simulated.ledger
        assert isinstance(ledger, NtnuiLedger)
        return ledger

    @property
    def after(self) -> timedelta:
        """How long after the published opening it is now."""
        return self.clock.now() - self.simulated.scenario.opens_at

    @property
    def steps(self) -> str:
        return "\n".join(text for _, text in self.wired.run.timeline.steps)

    @property
    def kept(self) -> list[str]:
        """What was kept of answers that nobody understood."""
        return [path.read_text() for path in self.folder.glob("runs/*/unknown-*.txt")]


# The link.


@pytest.mark.parametrize(
    "text",
    [
        LINK,
        LINK.replace("https", "http"),
        LINK.removeprefix("https://"),
        f"  {LINK}\n",
        LINK.replace(":00:00", "%3A00%3A00"),
        LINK.replace("&lang=no", ""),
        LINK.replace("lang=no", "lang=en"),
        LINK + "#top",
        LINK.replace("www.ntnuitennis.no", "WWW.ntnuitennis.no:443"),
        "https://www.ntnuitennis.no/timeinfo.php?spilletid=20260609T15:00:00&lang=no&timeid=65",
    ],
)
def test_a_link_is_understood_however_it_was_copied(text: str) -> None:
    assert read_link(text) == SessionLink(65, date(2026, 6, 9), "15:00:00")


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("", "does not lead to"),
        ("https://[", "is not a link"),
        (LINK.replace("www.ntnuitennis.no", "www.ntnuitennis.no.example.com"), "does not lead to"),
        (LINK.replace("https://", "https://me@"), "does not lead to"),
        (LINK.replace("https", "ftp"), "does not lead to"),
        (LINK.replace("timeinfo", "index"), "is not the page of a session"),
        (LINK.replace("timeid=65&", ""), "no 'timeid'"),
        (LINK.replace("spilletid", "spilltid"), "no 'spilletid'"),
        (LINK + "&timeid=66", "several 'timeid'"),
        (LINK.replace("65", "6x5"), "is not a number"),
        (LINK.replace("65", "0"), "is not a number"),
        (LINK.replace("65", "٦٥"), "is not a number"),
        (LINK.replace("0609", "0631"), "is not a start"),
        (LINK.replace("T15", "T25"), "is not a start"),
        (LINK.replace("T15", "15"), "is not a start"),
        (LINK.replace("15:00:00", "15:00"), "is not a start"),
        (LINK.replace("lang=no", "lang=de"), "is neither"),
        (LINK + "&fjernvikarid=9001", "'fjernvikarid', which does something"),
        (LINK + "&leggtilvikarid=9001", "'leggtilvikarid', which does something"),
        (LINK.replace("20260609T15", "20260329T2"), "does not exist"),
    ],
)
def test_what_is_no_link_of_a_session_is_refused_in_a_sentence(text: str, why: str) -> None:
    with pytest.raises(UsageError, match=f"^--link: .*{why}"):
        read_link(text)


@pytest.mark.parametrize(
    ("spilletid", "next_week"),
    [
        ("20260609T15:00:00", "20260616T15:00:00"),
        ("20260609T9:00:00", "20260616T9:00:00"),
        ("20260609T09:00:00", "20260616T09:00:00"),
        ("20260325T18:00:00", "20260401T18:00:00"),  # over the change to summer time
        ("20261021T18:00:00", "20261028T18:00:00"),  # and back
        ("20261228T8:30:00", "20270104T8:30:00"),
    ],
)
def test_next_week_is_the_same_time_on_the_wall_written_the_same_way(spilletid: str, next_week: str) -> None:
    this_week = read_link(LINK.replace("20260609T15:00:00", spilletid))

    link = this_week.on(this_week.day + timedelta(days=7))

    assert link.spilletid == next_week
    assert link.timeid == 65
    assert read_link(str(link)) == link
    assert f"{link.start:%H:%M}" == f"{time.fromisoformat(link.wall.zfill(8)):%H:%M}"


@pytest.mark.parametrize(
    ("spilletid", "opens_at"),
    [
        ("20260609T15:00:00", "2026-06-06T15:00:00+02:00"),
        ("20260330T15:00:00", "2026-03-27T14:00:00+01:00"),
        ("20261026T15:00:00", "2026-10-23T16:00:00+02:00"),
    ],
)
def test_a_session_opens_72_real_hours_before_its_start(
    spilletid: str, opens_at: str, tmp_path: Path
) -> None:
    stage = Stage(tmp_path, opens_at=datetime.fromisoformat(opens_at))
    assert stage.simulated.scenario.wanted.spilletid == spilletid

    assert stage.book().exit_code == 0

    assert stage.wired.run.timeline.opens_at == datetime.fromisoformat(opens_at)


# The pages.

SAMPLED_AT = "http://127.0.0.1:8190/"  # whom the absolute links of the samples name
WHY = {
    "session_full": SlotTaken,
    "session_logged_out": TokenRefused,
    "session_not_open_yet": NotOpenYet,
    "session_one_left": UnknownRefusal,  # after a sign-up: the place is still offered
    "session_open": UnknownRefusal,
    "session_unknown": UnknownRefusal,
    "login": TokenRefused,
    "login_failed": TokenRefused,
    "login_ok": UnknownPage,  # no session at all
    "week_plan": UnknownPage,
}


@pytest.mark.parametrize("name", sorted(path.stem for path in SAMPLES.glob("*.html")))
def test_every_sample_differs_from_the_others(name: str) -> None:
    page = read_page(sample(name), SAMPLED_AT)

    signed_up = name.startswith("session_signed_up")
    assert page.tells_door_code == (signed_up and not name.endswith("absolute_link"))
    assert page.gives_up(read_link(LINK), "9001") == signed_up
    assert page.offers_place == (name in ("session_open", "session_one_left"))
    assert page.is_session == (name.startswith("session") and name != "session_unknown")
    assert page.is_error == (name == "session_unknown")
    assert page.is_signed_out == (name in ("login", "login_failed", "session_logged_out"))
    if not signed_up:
        assert type(meaning(page)) is WHY[name]
    if page.is_session:
        assert page.end == time(16)
        assert page.says("Sted:") == "Hallen"
        assert page.says("Bane:") == ("Padel 1" if name.endswith("padel") else "A")


@pytest.mark.parametrize(
    ("name", "free"), [("session_full", 0), ("session_one_left", 1), ("session_open", 2)]
)
def test_the_number_of_free_places_is_read_in_the_singular_too(name: str, free: int) -> None:
    assert read_page(sample(name)).free == free


@pytest.mark.parametrize(
    ("name", "member"),
    [
        ("session_open", "9001"),
        ("session_signed_up_tennis", "9001"),
        ("session_signed_up_padel", "9001"),
        ("session_signed_up_absolute_link", "9001"),
        ("session_full", None),
    ],
)
def test_the_players_number_is_in_the_links(name: str, member: str | None) -> None:
    assert read_page(sample(name), SAMPLED_AT).member == member


def test_of_two_numbers_on_a_page_nobody_knows_which_is_the_players() -> None:
    other = '<a href="./timeinfo.php?fjernvikarid=9002">her</a></body>'

    assert read_page(sample("session_open").replace("</body>", other)).member is None


@pytest.mark.parametrize(
    ("ours", "other"),
    [
        ("fjernvikarid=9001", "fjernvikarid=9002"),
        ("fjernvikarid=9001", "kommerikkeid=9001"),
        ("timeid=65", "timeid=66"),
        ("20260609T15:00:00", "20260616T15:00:00"),
        ("http://127.0.0.1:8190", "http://elsewhere.example"),
        ("logout.php", "login.php"),
        ("</body>", '<a href="./timeinfo.php?timeid=65&amp;leggtilvikarid=9001">her</a></body>'),
    ],
)
def test_only_a_link_to_give_up_our_own_place_in_this_session_is_a_sign_of_it(ours: str, other: str) -> None:
    html = sample("session_signed_up_absolute_link")
    assert ours in html

    page = read_page(html.replace(ours, other), SAMPLED_AT)

    assert not page.gives_up(read_link(LINK), "9001")


def test_nobody_whose_number_is_not_known_has_a_place_to_give_up() -> None:
    html = sample("session_signed_up_tennis").replace("&amp;fjernvikarid=9001", "")

    assert not read_page(html).gives_up(read_link(LINK), None)


def test_a_link_to_give_up_a_place_may_pad_the_hour() -> None:
    morning = LINK.replace("T15", "T9")
    html = sample("session_signed_up_tennis").replace("T15", "T09")

    assert read_page(html).gives_up(read_link(morning), "9001")


def test_absolute_links_are_read_like_relative_ones() -> None:
    for name in ("session_open", "week_plan"):
        html = sample(name)
        in_full = read_page(html.replace('href="./', 'href="https://www.ntnuitennis.no/'))

        assert read_page(html) == in_full
        assert in_full.sessions or in_full.offers_place


def test_a_link_that_leads_to_another_host_or_nowhere_is_none() -> None:
    for elsewhere in ("https://elsewhere.example/", "http://[", "javascript:"):
        page = read_page(sample("session_open").replace("./timeinfo", f"{elsewhere}timeinfo"))

        assert not page.offers_place
        assert page.sessions == ()


@pytest.mark.parametrize("letter", ["&aring;", "&#229;", "å"])
def test_the_greeting_is_known_in_entities_and_in_plain_letters(letter: str) -> None:
    page = read_page(sample("login_failed").replace("(tekst ukjent)", f"Du er n{letter}\n innlogget som T."))

    assert page.is_signed_in


def test_words_in_comments_scripts_and_tooltips_are_no_words_of_the_page() -> None:
    hidden = "Kode for tilgang til bygget:"
    html = f'<!-- {hidden} --><script>"{hidden}"</script><p title="{hidden}">ERRORS</p>'

    page = read_page(html)

    assert not page.tells_door_code
    assert not page.is_error


@pytest.mark.parametrize("html", ["", "<", "<p", "<a href>", "<td>", "&#xffffffff;", "</td></table><td>\0"])
def test_a_broken_page_hurts_nobody(html: str) -> None:
    page = read_page(html)

    assert isinstance(meaning(page), LostAnswer)


def test_free_places_without_a_link_are_not_for_us_yet() -> None:
    page = read_page(sample("session_open").replace("leggtilvikarid", "somethingelse"))

    assert isinstance(meaning(page), NotOpenYet)


def test_a_session_that_is_not_open_yet_is_not_full_though_no_place_is_free() -> None:
    page = read_page(sample("session_not_open_yet").replace("<strong>2</strong>", "<strong>ingen</strong>"))

    assert page.free == 0
    assert isinstance(meaning(page), NotOpenYet)


def test_a_page_that_is_kept_names_nobody_and_tells_no_code() -> None:
    for path in SAMPLES.glob("session_*.html"):
        kept = redacted(path.read_text())
        for secret in ("Spiller A", "Vikar D", "Testmedlem T", "9001", "0000"):
            assert secret not in kept, path.name
        assert "Timeinformasjon" in kept or "ERROR" in kept


# Whole runs.

# How a run ends with each fault, without and with --wait-list.
ENDS = {
    "full": (1, 0),
    "all-taken": (1, 1),
    "opens-late": (0, 0),
    "not-open": (1, 0),
    "wrong-password": (3, 3),
    "logged-out": (0, 0),
    "already-reserved": (5, 5),
    "lost-answer": (0, 0),
    "slow-server": (0, 0),
    "server-errors": (0, 0),
    "throttled": (0, 0),
    "firewall": (6, 6),
    "no-door-code": (0, 0),
    "absolute-links": (0, 0),
    "unknown-page": (6, 6),
    "clock-ahead": (0, 0),
    "clock-behind": (0, 0),
}


def test_the_documents_tell_how_each_fault_ends() -> None:
    documented: dict[str, tuple[int, int]] = {}
    for cell, _, code in rows("fault of NTNUI", "what happens", "exit code"):
        without, _, with_list = code.partition(", with `--wait-list` ")
        documented |= dict.fromkeys(named(cell), (int(without), int(with_list or without)))

    assert documented == ENDS
    assert sorted(documented) == sorted(FAULTS)


@pytest.mark.parametrize("fault", FAULTS)
def test_a_run_with_a_waiting_list_ends_as_the_fault_demands(fault: str, tmp_path: Path) -> None:
    late = fault == "all-taken"  # three days of waiting are much like their last half hour
    ahead = timedelta(minutes=5) if not late else -timedelta(hours=71.5)
    stage = Stage(tmp_path, rivals=2, seed=1, faults=(fault,), ahead=ahead)

    ended = stage.book("--wait-list")

    assert ended.exit_code == ENDS[fault][True], stage.steps
    assert len(stage.ledger.paid) == (ended.exit_code == 0)
    assert stage.ledger.violations == []


@pytest.mark.parametrize("seed", range(20))
@pytest.mark.parametrize("others", [True, False])
def test_an_ordinary_morning_ends_with_one_sign_up_within_milliseconds(
    seed: int, others: bool, tmp_path: Path
) -> None:
    stage = Stage(tmp_path, rivals=4, places=1, seed=seed, others=others)

    ended = stage.book()

    assert ended.exit_code == 0, stage.steps
    assert ended.sentence == "Reserved Bane A at Hallen, Tuesday 2026-06-09 15:00-16:00."
    assert len(stage.ledger.paid) == 1
    assert stage.ledger.violations == []
    taken = stage.ledger.all("paid")[0].moment - OPENS_AT
    assert timedelta(0) <= taken < timedelta(milliseconds=120)


@pytest.mark.parametrize("ahead", [timedelta(seconds=30), timedelta(seconds=2), timedelta(hours=-5)])
def test_a_run_that_starts_late_books_at_once(ahead: timedelta, tmp_path: Path) -> None:
    stage = Stage(tmp_path, ahead=ahead)

    assert stage.book().exit_code == 0
    assert stage.ledger.violations == []


def test_padel_has_another_sentence_about_the_door(tmp_path: Path) -> None:
    assert "Reserved Padel 1" in Stage(tmp_path, padel=True).book().sentence


def test_a_morning_session_is_asked_for_with_the_hour_as_the_site_writes_it(tmp_path: Path) -> None:
    stage = Stage(tmp_path, opens_at=OPENS_AT.replace(hour=9))

    assert stage.book().exit_code == 0


def test_the_players_number_can_be_given(tmp_path: Path) -> None:
    stage = Stage(tmp_path, others=False)
    stage.environ["NTNUI_MEMBER_ID"] = str(stage.simulated.scenario.member)

    assert stage.book().exit_code == 0
    assert len(stage.ledger.attempts) == 1


def test_a_session_that_the_site_does_not_know_is_refused_before_anything_is_sent(tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    ended = stage.book("--link", LINK.replace("65", "66"))

    assert ended.exit_code == 2
    assert "--link: the site knows no session 66" in ended.sentence
    assert stage.ledger.all("signed-in", "sign-in-refused") == []


def test_a_plan_leads_the_link_of_one_session_to_that_of_each_week(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stage = Stage(tmp_path)
    _, link = stage.simulated.words()
    settings = read_settings({"NTNUI_URL": "https://site.example", "RESERVE_DATA": str(tmp_path)})
    words = ["add", "--system", "ntnui", "--link", link, "--every", "tue 15:00-16:00", "--json"]
    store = open_store(settings)
    options = plan_parser().parse_args(words)

    Plans(PlanStore(store), settings, stage.clock, stage.connect).add(options)
    store.close()

    wanted = stage.simulated.scenario.wanted.start
    (first, *others) = json.loads(capsys.readouterr().out)["next"]
    assert datetime.fromisoformat(first["start"]) == wanted
    assert datetime.fromisoformat(first["opens_at"]) == stage.simulated.scenario.opens_at
    # The simulated site knows one week only; the others are asked for all the same.
    assert all("the site knows no session" in each["troubles"][0] for each in others)


def test_another_day_leads_to_the_link_of_another_week() -> None:
    this_week = BookingRequest("", "tennis", date(2026, 6, 9), (time(15),), timedelta(hours=1), link=LINK)

    next_week = Ntnui.fitted(replace(this_week, day=date(2026, 6, 16)))

    assert read_link(str(next_week.link)) == read_link(LINK).on(date(2026, 6, 16))
    assert Ntnui.fitted(this_week).link == LINK


@pytest.mark.parametrize(
    ("words", "says"),
    [
        (
            ["--link", LINK.replace("www.ntnuitennis.no", "elsewhere.example")],
            "does not lead to www.ntnuitennis.no",
        ),
        (["-d", "2026-06-10"], "the session of --link is on a Tuesday, and 2026-06-10 is none"),
        (["-t", "16:00"], "--start-time is not the time of --link"),
    ],
)
def test_what_contradicts_the_link_makes_no_sense(words: list[str], says: str, tmp_path: Path) -> None:
    stage = Stage(tmp_path)

    try:
        ended = stage.book(*words)
    except UsageError as refusal:  # the command says it, before there is a run
        ended = failed(refusal)

    assert ended.exit_code == 2
    assert says in ended.sentence
    assert stage.ledger.asked == []


def test_a_link_is_all_that_has_to_be_given(tmp_path: Path) -> None:
    environ = {"RESERVE_SYSTEM": "ntnui", "RESERVE_EMAIL": "a@example.com", "RESERVE_PASSWORD": "1234"}
    settings = read_settings(environ)
    with pytest.raises(UsageError, match=r"^--link is missing"):
        read_booking(booking_parser("book").parse_args([]), settings)

    request = read_booking(booking_parser("book").parse_args(["--link", LINK]), settings).request

    assert request.day == date(2026, 6, 9)
    assert request.starts == (time(15),)
    assert request.link == LINK


def test_the_site_may_forget_us_long_before_the_opening_too(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.clock.call_at(OPENS_AT - timedelta(seconds=60), stage.simulated.tokens.clear)

    assert stage.book().exit_code == 0
    assert len(stage.ledger.all("signed-in")) == 2
    assert stage.ledger.violations == []


def test_a_site_that_forgets_us_again_and_again_is_given_up(tmp_path: Path) -> None:
    stage = Stage(tmp_path)
    stage.simulated.knows = lambda token: stage.after < timedelta(0)  # type: ignore[method-assign]

    assert stage.book().exit_code == 3
    assert stage.ledger.paid == []


def test_an_unknown_page_is_kept_without_names_and_never_read_as_yes(tmp_path: Path) -> None:
    body = "<p>Velkommen, Testmedlem T.! Din kode er 0000.</p>"
    stage = Stage(tmp_path, faults=(Fault(SIGN_UPS, 0, "status", status=200, body=body),))

    ended = stage.book()

    assert ended.exit_code == 6
    assert "a page that we do not know" in ended.sentence
    assert any("Velkommen" in page for page in stage.kept)
    assert not any("Testmedlem" in page or "0000" in page for page in stage.kept)


def test_nothing_secret_is_left_behind(tmp_path: Path) -> None:
    stage = Stage(tmp_path, faults=("logged-out",))
    password = stage.simulated.scenario.account.password

    stage.book()

    left = [
        json.dumps(result_as_json(stage.result)),
        stage.steps,
    ]
    left += [path.read_bytes().decode("utf-8", "replace") for path in tmp_path.rglob("*") if path.is_file()]
    for secret in (password, "4711", str(stage.simulated.scenario.member)):
        assert not any(secret in text for text in left), secret


def test_without_a_code_of_the_door_the_link_to_give_the_place_up_says_that_it_is_ours(
    tmp_path: Path,
) -> None:
    stage = Stage(tmp_path, faults=("no-door-code",))

    assert stage.book().exit_code == 0
    assert "has a link to give the place up, but does not tell the code of the door" in stage.steps
    assert len(stage.ledger.attempts) == 1

    assert stage.book().exit_code == 5
    assert len(stage.ledger.paid) == 1


def test_a_place_of_somebody_else_is_never_taken_for_ours(tmp_path: Path) -> None:
    theirs = sample("session_signed_up_absolute_link").replace("http://127.0.0.1:8190", "http://site.example")
    after_sign_up = Fault(SIGN_UPS, 0, "status", status=200, body=theirs)
    while_waiting = Fault("GET /timeinfo.php", 30, "status", times=60, status=200, body=theirs)

    assert Stage(tmp_path / "1", faults=(after_sign_up,)).book().exit_code != 0

    stage = Stage(tmp_path / "2", all_taken=True, frees_after=timedelta(hours=1), faults=(while_waiting,))
    assert stage.book("--wait-list").exit_code == 0
    assert len(stage.ledger.paid) == 1
    assert stage.ledger.violations == []


def test_the_players_number_is_also_found_in_absolute_links(tmp_path: Path) -> None:
    stage = Stage(tmp_path, faults=("absolute-links",))
    before = OPENS_AT - timedelta(seconds=1)
    found: list[str | None] = []
    stage.clock.call_at(before, lambda: found.append(stage.wired.run.system.member))  # type: ignore[attr-defined]

    assert stage.book().exit_code == 0
    assert found == [str(stage.simulated.scenario.member)]


# The waiting list.


def test_a_place_that_frees_up_is_ours_within_half_a_minute(tmp_path: Path) -> None:
    stage = Stage(tmp_path, all_taken=True, frees_after=timedelta(hours=1, seconds=1))

    ended = stage.book("--wait-list")

    assert ended.exit_code == 0
    (freed,) = stage.ledger.all("given-up-by-rival")
    (taken,) = stage.ledger.all("paid")
    assert taken.moment - freed.moment < timedelta(seconds=31)
    assert stage.ledger.violations == []
    assert len(stage.ledger.attempts) == 2  # at the opening, and when there was a place


def test_when_no_place_frees_up_the_waiting_ends_before_the_session_starts(tmp_path: Path) -> None:
    stage = Stage(tmp_path, ahead=-timedelta(hours=71.5), all_taken=True)

    ended = stage.book("--wait-list")

    assert ended.exit_code == 1
    assert ended.sentence.startswith("Not reserved: every court we could ask was taken")
    assert timedelta(hours=72) - timedelta(seconds=32) < stage.after < timedelta(hours=72)
    assert stage.ledger.violations == []


def test_a_request_to_stop_ends_the_waiting_within_a_second_or_so(tmp_path: Path) -> None:
    stage = Stage(tmp_path, all_taken=True)
    stage.clock.call_at(OPENS_AT + timedelta(seconds=100.2), lambda: stage.stop.ask(15))

    ended = stage.book("--wait-list")

    assert ended.exit_code == 143
    assert stage.after < timedelta(seconds=102)


def test_whoever_waits_is_logged_in_again_when_the_site_forgets(tmp_path: Path) -> None:
    stage = Stage(tmp_path, all_taken=True, frees_after=timedelta(minutes=10))
    stage.clock.call_at(OPENS_AT + timedelta(minutes=5), stage.simulated.tokens.clear)

    assert stage.book("--wait-list").exit_code == 0
    assert stage.ledger.violations == []


def test_a_strange_page_that_stays_for_hours_is_kept_a_few_times_only(tmp_path: Path) -> None:
    strange = Fault("GET /timeinfo.php", 30, "status", times=60, status=200, body="<p>Vedlikehold</p>")
    stage = Stage(tmp_path, all_taken=True, frees_after=timedelta(hours=1), faults=(strange,))

    assert stage.book("--wait-list").exit_code == 0
    assert 0 < len(stage.kept) <= 5

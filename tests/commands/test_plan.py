"""`plan` from the command line, against the simulator: what it shows, keeps and refuses."""

from __future__ import annotations

import json
import re
import shlex
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import redirect_stdout, suppress
from datetime import UTC, datetime, timedelta
from io import StringIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from reserve.commands.plan import DO, Plans
from reserve.commands.plan_options import plan_parser
from reserve.commands.store import open_store, secret_store
from reserve.errors import UsageError
from reserve.plans import due
from reserve.settings import read_settings
from reserve.storage.database import Store
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan
from reserve.storage.secrets import Accounts
from tests.plans.test_plan import EARLIER_TOOL
from tests.stage import OPENS_AT, Stage

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIApplication, WSGIEnvironment


class Player:
    """Somebody who types `plan …` where the simulator answers, and what it was asked for."""

    def __init__(self, stage: Stage, store: Store, environ: dict[str, str]) -> None:
        self.plan_store = PlanStore(store)
        self.environ = environ
        self.asked: list[str] = []
        self.meanwhile: Callable[[], object] | None = None  # somebody does this while a facility is asked
        self._stage, self.clock = stage, stage.clock
        stage.apps = {host: self._noting(app) for host, app in stage.apps.items()}

    def _noting(self, app: WSGIApplication) -> WSGIApplication:
        def noting(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
            self.asked.append(environ["PATH_INFO"])
            do, self.meanwhile = self.meanwhile, None
            if do is not None:
                do()
            return app(environ, start_response)

        return noting

    @property
    def read_once(self) -> list[str]:
        """What was asked for, but schedules: each is one day's, and read for a slot of the evening."""
        return [path for path in self.asked if not path.endswith("/schedule")]

    def types(self, line: str, *more: str) -> int:
        """The exit code of `plan` with the words of *line*, and *more* words, which may be long."""
        options = plan_parser().parse_args([*shlex.split(line), *more])
        return DO[options.do](self.plans, options)

    @property
    def plans(self) -> Plans:
        """What the commands do with the plans that are kept."""
        return Plans(self.plan_store, read_settings(self.environ), self.clock, self._stage.connect)


@pytest.fixture
def player(tmp_path: Path) -> Iterator[Player]:
    """A player on the Monday at 07:55, five minutes before the window for the next Monday opens."""
    environ = {"RESERVE_DATA": str(tmp_path / "data"), "ATRIUM_OCCUPANT_ID": "123456"}
    store = open_store(read_settings(environ))
    with Stage(tmp_path) as stage:
        yield Player(stage, store, environ)
    store.close()


TO_TUESDAY = "when: every Mon 18:00 -> every Tue 18:00"
ONCE_ONLY = "when: every Mon 18:00 -> 2026-03-10 18:00"
SKIPS_NO_MORE = "skips: Mon 2026-03-02 -> none"
MONDAYS = 'add --every "mon 18:00-19:30" -c "alice marble: Court 2, Court 1" -m --except 2026-03-02'


def test_five_openings_are_shown_in_local_time_and_utc_and_the_last_line_is_a_sentence(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    assert player.types(MONDAYS) == 0

    what, *slots, last = capsys.readouterr().out.splitlines()
    assert what == "Alice Marble: tennis, every Mon 18:00, 90 minutes (America/Los_Angeles)"
    assert len(slots) == 5
    assert slots[0].endswith("opens Mon 2026-03-02 08:00:00 PST = 16:00:00 UTC")
    assert slots[1].endswith("opens Mon 2026-03-09 08:00:00 PDT = 15:00:00 UTC")
    assert last == "Saved as plan 1; run `python3 main.py cron --install` once to have it booked in time."


@pytest.mark.parametrize(
    ("line", "requests"),
    [
        (MONDAYS, 2),  # the list of facilities, and the facility
        ('add --every "mon 17:00" -c "Alice Marble"', 2),  # tries several lengths
        (f'{MONDAYS} -c "Moscone"', 3),
    ],
)
def test_what_a_facility_publishes_is_read_once_to_add_a_plan(
    player: Player, line: str, requests: int
) -> None:
    player.types(line)

    assert len(player.read_once) == requests


def test_what_a_facility_publishes_is_read_once_to_refresh_fifty_plans(player: Player) -> None:
    player.types(MONDAYS)
    (stored,) = player.plan_store.all()
    for number in player.plan_store.add([stored.body] * 49):
        player.plan_store.change(number, looked=None)
    player.plan_store.change(stored.plan_id, looked=None)
    player.asked.clear()

    player.types("refresh")

    assert len(player.read_once) == 2
    assert len(player.plan_store.occurrences(ended=False)) == 50


def test_what_is_seen_of_a_plan_is_not_kept_for_one_that_it_has_become_meanwhile(player: Player) -> None:
    player.types(MONDAYS)
    (stored,) = player.plan_store.all()
    player.plan_store.change(1, looked=None)
    elsewhere = {**stored.body, "facility": "Moscone"}
    player.meanwhile = lambda: player.plan_store.change(
        1, body=elsewhere, rule="2 days 12:00:00", looked=OPENS_AT
    )

    player.types("refresh")

    (kept,) = player.plan_store.all()
    assert player.meanwhile is None
    assert (kept.body["facility"], kept.rule) == ("Moscone", "2 days 12:00:00")


CHANGES: dict[str, Callable[[Plans, StoredPlan], object]] = {
    "edit": lambda plans, stored: plans.put(
        plans.changed(stored, plan_parser().parse_args(["edit", "1", "--every", "tue 18:00"]))
    ),
    "skip": lambda plans, stored: plans.skipping(stored, "2026-03-16"),
    "unskip": lambda plans, stored: plans.unskipping(stored, "2026-03-02"),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("what", ["changed", "removed"])
def test_no_change_undoes_what_somebody_does_meanwhile(player: Player, change: str, what: str) -> None:
    player.types(MONDAYS)
    (stored,) = player.plan_store.all()
    if what == "removed":
        player.plan_store.remove(1)
    else:
        player.plan_store.change(1, body={**stored.body, "max_price": "7.00"})

    with pytest.raises(UsageError, match="plan 1 was changed or removed meanwhile"):
        CHANGES[change](player.plans, stored)

    assert [each.body.get("max_price") for each in player.plan_store.all()] == ["7.00"] * (what == "changed")


@pytest.fixture
def in_november(tmp_path: Path) -> Iterator[Player]:
    """A player on a Wednesday of November, where the slot at 18:00 is there in daylight-saving time only."""
    environ = {"RESERVE_DATA": str(tmp_path / "data"), "RESERVE_EMAIL": "p@example.com"}
    environ |= {"RESERVE_PASSWORD": "secret", "RESERVE_PHONE": "+14155550100"}
    store = open_store(read_settings(environ))
    opens_at = datetime.fromisoformat("2026-11-18T08:00:00-08:00")
    with Stage(tmp_path, opens_at=opens_at) as stage:
        yield Player(stage, store, environ)
    store.close()


def test_a_plan_whose_slot_does_not_exist_in_winter_is_kept_and_begins_when_that_returns(
    in_november: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_november.types('add --every "wed 18:00-19:30" -c "alice"') == 0
    what, missing, first, *more, _ = capsys.readouterr().out.splitlines()
    assert what == "Alice Marble: tennis, every Wed 18:00, 90 minutes (America/Los_Angeles)"
    assert len([first, *more]) == 5  # openings, besides the line about what is not there
    assert missing.startswith("  Wed 2026-11-18 18:00        cannot be reserved: ")
    assert missing.endswith("by the season it should return with daylight-saving time, on Sun 2027-03-14")
    assert first.startswith("  Wed 2027-03-17 18:00-19:30  opens Wed 2027-03-10 08:00:00 PST")

    in_november.types("list")
    listed = capsys.readouterr().out
    assert "next:    Wed 2027-03-17 18:00, opens Wed 2027-03-10 08:00:00 PST" in listed
    assert "should return with daylight-saving time, on Sun 2027-03-14" in listed
    in_november.plan_store.change(1, looked=None)
    in_november.types("refresh")
    (occurrence,) = in_november.plan_store.occurrences(1)
    assert occurrence.starts_at == datetime.fromisoformat("2027-03-17T18:00:00-07:00")


def test_a_plan_that_does_not_say_how_long_has_a_length_that_can_be_had_now(
    in_november: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    assert in_november.types('add --every "wednesday 6pm" -c alice') == 0

    what, *openings, _ = capsys.readouterr().out.splitlines()
    assert what == "Alice Marble: tennis, every Wed 18:00, 60 minutes (America/Los_Angeles)"
    assert len(openings) == 5
    assert openings[1].startswith("  Wed 2026-11-25 18:00-19:00  opens Mon 2026-11-23 12:00:00 PST")


def test_a_single_slot_that_does_not_exist_in_winter_is_refused_with_the_nearest_and_its_return(
    in_november: Player,
) -> None:
    with pytest.raises(
        UsageError,
        match=r"nearest that day: .*17:00-18:00, .*; by the season .* on Sun 2027-03-14",
    ):
        in_november.types('add -d 2026-11-25 -t 18:00 -y 19:30 -c "Alice Marble"')
    assert in_november.plan_store.all() == []


def test_today_is_the_facilitys_when_it_is_tomorrow_in_utc(player: Player) -> None:
    """Wednesday 17:00 in San Francisco."""
    wednesday = OPENS_AT + timedelta(days=2, hours=9)
    player.clock._now = wednesday.astimezone(UTC)

    assert player.types('add --every "wed 18:00-19:30" -c "alice marble: Court 2"') == 0

    (stored,) = player.plan_store.all()
    assert f"{due.plan_of(stored).first}" == "2026-03-04 18:00:00"
    assert player.types('add --every "wed 18:00-19:00" -c "alice marble" --except 2026-03-04') == 0


def test_a_saved_plan_waits_for_its_next_opening_and_is_listed(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    capsys.readouterr()

    player.types("list --json")

    (listed,) = json.loads(capsys.readouterr().out)
    assert listed["opens_at"] == "2026-03-02T16:00:00+00:00"
    assert listed["next"] == "Mon 2026-03-09 18:00, opens Mon 2026-03-02 08:00:00 PST"
    assert (listed["last"], listed["trouble"], listed["paused"]) == (None, None, False)


def test_another_plan_of_the_same_player_shows_what_it_stops_and_that_of_another_player_does_not(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    earlier_on_mondays = 'add --every "mon 16:30-18:00" -c "Alice Marble" --json'
    capsys.readouterr()

    def troubles() -> list[list[str]]:
        return [each["troubles"] for each in json.loads(capsys.readouterr().out)["next"]]

    player.types(earlier_on_mondays)
    assert troubles()[1:] == [["over the daily limit: plan 1 uses the only one"]] * 4
    player.types("remove 2")
    capsys.readouterr()
    with secret_store(read_settings(player.environ)) as secrets:
        bob = {"RESERVE_SYSTEM": "recus", "RESERVE_EMAIL": "bob@example.com", "RESERVE_PASSWORD": "secret"}
        Accounts(secrets).add("bob", bob)
    player.types(f"{earlier_on_mondays} --account bob")
    assert troubles() == [[]] * 5


@pytest.mark.parametrize("said", ["pause 1", "skip 1 2026-03-09"])
def test_a_run_of_what_the_player_does_not_want_any_more_is_stopped_and_not_started_again(
    player: Player, capsys: pytest.CaptureFixture[str], said: str
) -> None:
    player.types(MONDAYS)
    (occurrence,) = player.plan_store.occurrences()
    (claimed,) = player.plan_store.claim(occurrence.wake_at, "here", occurrence.opens_at)
    assert player.plan_store.keep(claimed, occurrence.opens_at)

    player.types(said)

    assert "Its run for Mon 2026-03-09 18:00 stops" in capsys.readouterr().out
    assert not player.plan_store.keep(claimed, occurrence.opens_at)
    started: list[Occurrence] = []
    due.tick(player.plan_store, occurrence.opens_at + due.LEASE, "here", started.append)
    assert [each for each in started if each.starts_at == occurrence.starts_at] == []
    (ended,) = player.plan_store.occurrences(ended=True)
    assert str(ended.sentence).startswith("Not reserved: its ")


def test_a_run_for_another_day_than_the_skipped_one_goes_on(player: Player) -> None:
    player.types(MONDAYS)
    (occurrence,) = player.plan_store.occurrences()
    (claimed,) = player.plan_store.claim(occurrence.wake_at, "here", occurrence.opens_at)

    player.types("skip 1 2026-03-16")

    assert player.plan_store.keep(claimed, occurrence.opens_at)


def test_a_court_that_was_reserved_while_its_plan_was_paused_is_noted(player: Player) -> None:
    player.types(MONDAYS)
    (occurrence,) = player.plan_store.occurrences()
    (claimed,) = player.plan_store.claim(occurrence.wake_at, "here", occurrence.opens_at)

    player.types("pause 1")
    player.plan_store.end(
        claimed, ended=occurrence.opens_at, exit_code=0, sentence="Reserved.", run_id="run-1"
    )

    assert [each.exit_code for each in player.plan_store.occurrences()] == [0]


@pytest.mark.parametrize(("exit_code", "is_free"), [(0, False), (1, True), (7, False), (8, False)])
def test_a_slot_that_was_given_up_leaves_room_for_another_on_that_day(
    player: Player, capsys: pytest.CaptureFixture[str], exit_code: int, is_free: bool
) -> None:
    player.types(MONDAYS)
    (occurrence,) = player.plan_store.occurrences()
    (claimed,) = player.plan_store.claim(occurrence.wake_at, "here", occurrence.opens_at)
    player.plan_store.end(claimed, ended=occurrence.opens_at, exit_code=exit_code, sentence="…", run_id=None)
    capsys.readouterr()

    player.types("add -d 2026-03-09 -t 16:30 -y 18:00 -c 'Alice Marble' --json")

    (slot,) = json.loads(capsys.readouterr().out)["next"]
    assert (slot["troubles"] == []) == is_free


def test_a_stored_account_without_a_phone_is_named_and_no_option_is(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    with secret_store(read_settings(player.environ)) as secrets:
        home = {"RESERVE_SYSTEM": "recus", "RESERVE_EMAIL": "you@example.com", "RESERVE_PASSWORD": "secret"}
        Accounts(secrets).add("home", home)

    player.types(f"{MONDAYS} --account home")

    assert "warning: account 'home' has no phone number" in capsys.readouterr().err


def test_a_plan_without_a_phone_is_kept_with_a_warning(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.environ |= {"RESERVE_EMAIL": "you@example.com", "RESERVE_PASSWORD": "secret"}

    player.types(MONDAYS)
    assert "warning: --phone is missing" in capsys.readouterr().err
    player.environ["RESERVE_PHONE"] = "+14155550100"
    player.types("add -d 2026-03-11 -t 18:00 -y 19:30 -c 'Alice Marble'")
    assert capsys.readouterr().err == ""


def test_what_stops_a_slot_is_listed_with_the_first_day_that_it_stops(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    player.types('add --every "mon 18:00-19:30" -c "Alice Marble" --except 2026-03-02 --except 2026-03-09')
    capsys.readouterr()

    player.types("list --json")

    _, second = json.loads(capsys.readouterr().out)
    assert second["trouble"] == "Mon 2026-03-16: overlaps plan 1, 18:00-19:30"


def test_a_plan_that_cannot_be_read_any_more_is_listed_and_hinders_no_other(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    (stored,) = player.plan_store.all()
    player.plan_store.change(1, body={**stored.body, "rrule": "FREQ=HOURLY"}, looked=None)
    player.types(MONDAYS)
    player.plan_store.change(2, looked=None)
    capsys.readouterr()

    player.types("refresh")

    assert capsys.readouterr().out == "Refreshed 2 plans; 1 with a problem, see `plan list`.\n"
    assert [occurrence.plan_id for occurrence in player.plan_store.occurrences(ended=False)] == [2]
    player.types("list")
    assert "plan 1.rrule: 'FREQ=HOURLY' needs FREQ=DAILY" in capsys.readouterr().out


def test_a_skipped_day_a_pause_and_a_removal_change_what_lies_ahead(player: Player) -> None:
    player.types(MONDAYS)

    def ahead() -> list[str]:
        return [f"{occurrence.starts_at:%m-%d}" for occurrence in player.plan_store.occurrences(ended=False)]

    assert ahead() == ["03-10"]
    player.types("skip 1 2026-03-09")
    assert ahead() == ["03-17"]
    player.types("pause 1")
    assert ahead() == []
    player.types("resume 1")
    assert ahead() == ["03-17"]
    player.types("remove 1")
    assert (ahead(), player.plan_store.all()) == ([], [])


def test_a_plan_that_does_not_say_how_long_has_the_length_of_the_facilitys_slots(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    assert player.types('add --every "mon 18:00" -c "Alice Marble"') == 0

    assert "18:00-19:30  opens" in capsys.readouterr().out


def test_a_file_without_a_plan_is_refused(player: Player, tmp_path: Path) -> None:
    (tmp_path / "none.json").write_text("[]")

    with pytest.raises(UsageError, match="has no plan in it"):
        player.types(f"import {tmp_path / 'none.json'}")


MARBLE = 'add -c "Alice Marble"'
EVERY = '--every "mon 18:00-19:30"'
ONCE = "-d 2026-03-09 -t 18:00"


@pytest.mark.parametrize(
    ("line", "message"),
    [
        (MARBLE, "give one of --every"),
        (f"{MARBLE} {EVERY} {ONCE}", "give one of --every"),
        (f"add {EVERY}", "--court is missing"),
        (f'add -c "" {EVERY}', "--court is empty"),
        (f"add --system ntnui {EVERY}", "--link is missing"),
        (f"add --system ntnui --link nonsense {EVERY}", "is not the page of a session"),
        (f"add --system golf {EVERY}", "--system: 'golf' is not known"),
        (f'add -c "Alice Marbel" {EVERY}', "the nearest is Alice Marble"),
        (f'add -c "Alice\nMarble" {EVERY}', "has a line break"),
        (f'add -c "Alice Marble: Court 99" {EVERY}', "it has Court 1, Court 2"),
        (f"{MARBLE} -c Moscone {EVERY} --only 'Court 1'", "with several facilities"),
        (f'{MARBLE} --every "mon 18:10"', "no court of Alice Marble offers tennis"),
        (f"{MARBLE} {EVERY} -y 19:00", "--every has the end already"),
        (f"{MARBLE} {EVERY} --minutes 60", "the end is given already"),
        (f'{MARBLE} --every "mon 18:00-17:00"', "is not after the start"),
        (
            f'{MARBLE} --every "mon 18:17-19:30"',
            "the nearest that day: 18:00-19:00, 18:00-19:30, 17:00-18:00",
        ),
        (f'{MARBLE} --every "blursday 18:00-19:30"', "'blursday' is not a day"),
        (f'{MARBLE} --every "mon 25:00-26:00"', "'mon 25:00-26:00' is not a rule"),
        (f"{MARBLE} {EVERY} -t 18:00", "--every has the time already"),
        (f'{MARBLE} --rrule "FREQ=HOURLY" --minutes 60', "needs FREQ=DAILY"),
        (f'{MARBLE} --rrule "FREQ=WEEKLY;BYDAY=MO" --minutes 90', "give the time once"),
        (f'{MARBLE} --rrule "FREQ=WEEKLY;BYHOUR=18" -t 18:00 --minutes 90', "give the time once"),
        (f'{MARBLE} --rrule "FREQ=DAILY;BYHOUR={"9" * 20}" --minutes 90', "is not a rule"),
        (f"{MARBLE} -d 2026-02-01 -t 18:00 -y 19:30", "no slot in the future"),
        (f"{MARBLE} -d 2026-02-30 -t 18:00 -y 19:30", "is not a date"),
        (f"{MARBLE} -d 2026-03-08 -t 02:30 -y 03:30", "does not exist on 2026-03-08"),
        (f"{MARBLE} -d 2026-03-09", "--start-time is missing"),
        (f"{MARBLE} {ONCE} --minutes 0", "a slot has at least one minute"),
        (f"{MARBLE} {ONCE} --minutes {'9' * 20}", "a slot has at least one minute"),
        (f"{MARBLE} {ONCE} --minutes soon", "--minutes: not a number: 'soon'"),
        (f"{MARBLE} {EVERY} --until 2020-01-01", "no slot in the future"),
        (f"{MARBLE} {EVERY} --until soon", "--until: 'soon' is not a date"),
        (f"{MARBLE} {EVERY} --except 2026-03-10", "--except: the plan has no slot on 2026-03-10"),
        (f"{MARBLE} {EVERY} --notice {'9' * 20}", "--notice: write it as minutes"),
        (f"{MARBLE} {EVERY} --or 25:00", "--or: '25:00' is not a time"),
        (f"{MARBLE} {EVERY} --sport golf", "--sport: 'golf' is not known"),
        (f"{MARBLE} {EVERY} --pay coins", "--pay: 'coins' is not known"),
        (f"{MARBLE} {EVERY} --pay credit", "--pay credit needs --max-price"),
        (f"{MARBLE} {EVERY} --max-price much", "not an amount of money"),
        (f"{MARBLE} {EVERY} --account nobody", "there is no account 'nobody'"),
        (f"{MARBLE} {EVERY} --colour red", "unknown argument: '--colour'"),
        ("skip 1 2026-03-09", "there is no plan 1"),
        (f"remove {'9' * 20}", "is not the number of a plan"),
        ("pause one", "'one' is not the number of a plan"),
        ("import nowhere.json", "'nowhere.json' cannot be read: No such file"),
        ("import .", "cannot be read: Is a directory"),
        ("import /dev/zero", "is larger than 10 MB"),
        (f"import {sys.executable}", "is larger than 10 MB|is not text in UTF-8"),
        (f"import {'x' * 100_000}", "cannot be read: File name too long"),
    ],
)
def test_what_makes_no_sense_is_refused_and_nothing_is_kept(player: Player, line: str, message: str) -> None:
    with pytest.raises(UsageError, match=message):
        player.types(line)

    assert player.plan_store.all() == []


def options_with_a_word() -> list[str]:
    """Every option of `plan add` that takes a word, as its help tells."""
    printed = StringIO()
    with redirect_stdout(printed), suppress(SystemExit):
        plan_parser().parse_args(["add", "--help"])
    return sorted(set(re.findall(r"(--[a-z-]+) [A-Z]+", printed.getvalue())))


@pytest.mark.parametrize("option", options_with_a_word())
def test_a_word_without_end_is_refused_by_the_name_of_its_option_and_not_repeated(
    player: Player, option: str
) -> None:
    with pytest.raises(UsageError, match=f"{option}(:| has 100000 letters)") as refused:
        player.types(f"{MARBLE} {ONCE} -y 19:30", option, "x" * 100_000)

    assert len(str(refused.value)) < 200


def test_only_a_day_of_the_plan_can_be_skipped(player: Player) -> None:
    player.types(MONDAYS)

    with pytest.raises(UsageError, match="has no slot on 2026-03-10"):
        player.types("skip 1 2026-03-10")


def test_imported_plans_wait_for_their_openings_as_soon_as_they_were_looked_at(
    player: Player, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    file = tmp_path / "schedules.json"
    file.write_text(EARLIER_TOOL)

    player.types(f"import {file}")
    player.types("refresh")

    printed = capsys.readouterr().out.splitlines()
    assert printed[0].startswith("Imported 2 plans, 1 of them with no day in the future")
    (occurrence,) = player.plan_store.occurrences(ended=False)
    assert (
        f"{occurrence.starts_at - occurrence.opens_at}" == "7 days, 0:00:00"
    )  # 168 real hours, as Atrium counts


def test_a_thousand_plans_are_imported(player: Player, tmp_path: Path) -> None:
    file = tmp_path / "many.json"
    file.write_text(json.dumps(json.loads(EARLIER_TOOL) * 500))

    player.types(f"import {file}")

    assert len(player.plan_store.all()) == 1000


def test_the_same_plan_twice_is_saved_only_when_that_is_said(player: Player) -> None:
    player.types(MONDAYS)
    for line in (MONDAYS, MONDAYS.replace(" --except 2026-03-02", "")):
        with pytest.raises(UsageError, match="plan 1 is the same already; add --again"):
            player.types(line)

    player.types(f"{MONDAYS} --again")
    player.types(MONDAYS.replace("18:00-19:30", "16:30-18:00"))

    assert [stored.plan_id for stored in player.plan_store.all()] == [1, 2, 3]


@pytest.mark.parametrize(
    ("words", "changed", "what"),
    [
        ("-t 16:30", {"when: every Mon 18:00 -> every Mon 16:30"}, "every Mon 16:30, 90 minutes"),
        ('--every "tue 18:00-19:30"', {TO_TUESDAY, SKIPS_NO_MORE}, "every Tue 18:00, 90 minutes"),
        (
            "--only 'Court 3' --max-price 7.50",
            {"courts: Court 2, then Court 1 -> Court 3", "maximum price: none -> 7.50"},
            "every Mon 18:00, 90 minutes",
        ),
        (
            "--without multithreaded --without only",
            {"courts: Court 2, then Court 1 -> any", "all courts at once: yes -> no"},
            "every Mon 18:00, 90 minutes",
        ),
        (
            "--except 2026-03-16 --until 2026-12-31",
            {"skips: Mon 2026-03-02 -> Mon 2026-03-02, Mon 2026-03-16", "until: none -> 2026-12-31"},
            "every Mon 18:00, 90 minutes",
        ),
        ("--every tue", {TO_TUESDAY, SKIPS_NO_MORE}, "every Tue 18:00, 90 minutes"),
        ("-t '4:30-6 pm'", {"when: every Mon 18:00 -> every Mon 16:30"}, "every Mon 16:30, 90 minutes"),
        ("-d 2026-03-10", {ONCE_ONLY, SKIPS_NO_MORE}, "2026-03-10"),
        ("-d 2026-03-10 -t 18:00", {ONCE_ONLY, SKIPS_NO_MORE}, "2026-03-10"),
    ],
)
def test_a_plan_is_changed_says_what_changed_and_is_scheduled_anew(
    player: Player, capsys: pytest.CaptureFixture[str], words: str, changed: set[str], what: str
) -> None:
    player.types(MONDAYS)
    capsys.readouterr()

    assert player.types(f"edit 1 {words}") == 0

    said = capsys.readouterr().out
    (after,) = player.plan_store.all()
    assert {line for line in said.splitlines() if " -> " in line} == changed
    assert what in said.splitlines()[0]
    assert said.splitlines()[-1].startswith("Changed plan 1;")
    (ahead,) = player.plan_store.occurrences(1, ended=False)
    start = due.wall(after, ahead)
    assert due.plan_of(after).has_slot_on(start.date())
    assert f"{start:%a %Y-%m-%d %H:%M}" in said


@pytest.mark.parametrize(
    "words",
    [
        "",
        "-c 'Alice Marble: Court 2, Court 1' -c ''",
        "-t 25:00",
        "--every someday",
        "--without everything",
        "-t 18:00 --minutes 90",  # as it is
        "-s chess",
        "--max-price \U0001f3be",
        f"-c {'x' * 10_000}",
        "-c '\x1b[2J'",
    ],
)
def test_a_change_that_makes_no_sense_changes_nothing(player: Player, words: str) -> None:
    player.types(MONDAYS.replace("alice marble", "Alice Marble"))
    before = player.plan_store.all(), player.plan_store.occurrences()

    with pytest.raises(UsageError) as refusal:
        player.types(f"edit 1 {words}")

    assert len(str(refusal.value)) < 400
    assert str(refusal.value).isprintable()
    assert (player.plan_store.all(), player.plan_store.occurrences()) == before


def test_a_day_that_is_skipped_by_mistake_is_booked_again(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    player.types("skip 1 2026-03-09")

    player.types("unskip 1 2026-03-09")

    (ahead,) = player.plan_store.occurrences(1, ended=False)
    assert f"{due.wall(player.plan_store.all()[0], ahead):%Y-%m-%d}" == "2026-03-09"
    with pytest.raises(UsageError, match="plan 1 does not skip 2026-03-09"):
        player.types("unskip 1 2026-03-09")


def test_what_is_exported_is_what_import_reads(
    player: Player, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(MONDAYS)
    player.types('add -d 2026-03-10 -t 18:00 -c "Alice Marble: Court 1" -c Moscone --wait-list --or 17:00')
    file = tmp_path / "plans.json"

    player.types(f"export {file}")
    bodies = [stored.body for stored in player.plan_store.all()]
    with pytest.raises(UsageError, match="nothing was written"):
        player.types(f"export {file}")
    with pytest.raises(UsageError, match="plan 1 is the same already"):
        player.types(f"import {file}")
    for number in (1, 2):
        player.types(f"remove {number}")
    player.types(f"import {file}")

    assert [stored.body for stored in player.plan_store.all()] == bodies
    capsys.readouterr()
    player.types("export")
    assert json.loads(capsys.readouterr().out) == bodies


def test_the_list_shows_courts_in_their_order_skipped_days_and_show_tells_it_all(
    player: Player, capsys: pytest.CaptureFixture[str]
) -> None:
    player.types(f'{MONDAYS} -c "Moscone"')
    player.types("skip 1 2026-03-16")
    capsys.readouterr()

    player.types("list")
    said = capsys.readouterr().out
    player.types("show 1")
    shown = capsys.readouterr().out

    assert "courts:  Alice Marble: Court 2, then Court 1; else Moscone: any" in said
    assert "skips:   Mon 2026-03-02, Mon 2026-03-16" in said
    assert said.rpartition("1 plan.")[0] in shown
    assert shown.count(" opens Mon ") == 6
    (line,) = [line.partition("options: plan ")[2] for line in shown.splitlines() if "options:" in line]
    (stored,) = player.plan_store.all()
    player.types("remove 1")
    player.types(line)
    assert {**player.plan_store.all()[0].body, "counts_from": ""} == {**stored.body, "counts_from": ""}


def test_no_plan_goes_on_naming_one_that_is_gone(player: Player, capsys: pytest.CaptureFixture[str]) -> None:
    player.types('add --every "mon 18:00-19:30" -c "Alice Marble: Court 1"')
    player.types('add --every "mon 18:00-19:30" -c "Alice Marble: Court 2"')
    player.plan_store.change(2, looked=None)
    player.types("refresh")
    assert "plan 1" in (player.plan_store.all()[1].trouble or "")

    player.types("remove 1")

    (left,) = player.plan_store.all()
    assert left.trouble is None
    assert len(player.plan_store.occurrences(2, ended=False)) == 1
    player.types("refresh")
    assert player.plan_store.all()[0].trouble is None

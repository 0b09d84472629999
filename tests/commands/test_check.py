"""`check`: every step of a booking up to, but not including, the first hold, each with a verdict."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from datetime import UTC, timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.browser import BrowserNotStarted
from reserve.checks import machine as machines
from reserve.checks.drift import Drift
from reserve.checks.machine import MB, CronLine, Machine
from reserve.checks.steps import Check, of_machine
from reserve.checks.verdict import Unfit, Verdict, Word, remedy_for, verdict_of
from reserve.commands.check import nobody_runs, outcome_of
from reserve.commands.this_machine import path_of_cron, this_machine, writable_store
from reserve.errors import CauseWord, ExitCode, Unreachable
from reserve.http import Http, NotProved, Reached
from reserve.model import Offers
from reserve.settings import Settings
from reserve.simulator.faults import JSON, Fault
from reserve.systems import PROFILES
from reserve.systems.base import BookingSystem
from reserve.systems.recus.adapter import RecUs
from reserve.systems.registry import adapter_of
from tests import shapes
from tests.fakes import offer
from tests.stage import RecUsWithoutBrowser, Stage

FINE = Machine()


def facility(method: str, path: str) -> bool:
    """Is this a request for the facility alone?"""
    return method == "GET" and re.fullmatch(r"/v1/locations/[0-9a-f-]{36}", path) is not None


def checked(stage: Stage, *options: str, machine: Machine = FINE, notify: str | None = None) -> list[Verdict]:
    """The verdict of each step."""
    drift, connect = Drift(adapter_of(stage.system).shapes), stage.connect

    def heard(base_url: str, headers: Mapping[str, str]) -> Http:
        http = connect(base_url, headers)
        http.hear = drift.hear
        return http

    stage.connect = heard  # type: ignore[method-assign]
    stage.get_ready(*options)
    verdicts = list(Check(stage.run, machine, drift=drift, notify=notify).verdicts())
    stage.run.system.close()
    return verdicts


def words(verdicts: list[Verdict]) -> dict[str, str]:
    """How each step went."""
    return {each.step: each.word for each in verdicts}


@pytest.mark.parametrize("system", PROFILES)
def test_every_step_passes_quickly_no_court_is_asked_for_and_nothing_is_new(
    tmp_path: Path, system: str
) -> None:
    with Stage(tmp_path, {}, system) as stage:
        verdicts = checked(stage)

        assert set(words(verdicts).values()) <= {"passed", "skipped"}
        assert stage.ledger.attempts == []
        assert len(stage.ledger.all("signed-in")) <= 1
        assert sum((each.took for each in verdicts), timedelta()) < timedelta(seconds=20)
        outcome = outcome_of(verdicts, stage.run.found, stage.run.timeline.opens_at)
        assert outcome.exit_code == ExitCode.SUCCESS
        assert outcome.sentence.startswith("Ready until Monday 2026-03-02 ")
        if stage.run.system.shapes:
            assert "nothing new" in next(each.said for each in verdicts if each.step == "answers")


def facility_answered(**changes: object) -> Fault:
    """The facility as it was recorded, with *changes*; None takes a field away."""
    body = json.loads((Path(__file__).parents[1] / "systems/samples/recus/location.json").read_text())
    body["location"] |= changes
    body["location"] = {name: value for name, value in body["location"].items() if value is not None}
    return Fault(facility, 0, "answer", status=200, body=json.dumps(body), content_type=JSON)


@dataclass(frozen=True)
class Defect:
    """What is wrong, and what `check` has to say of it: the step, the words, and what to do."""

    step: str
    said: str
    remedy: str
    word: Word = Word.FAILED
    scenario: Mapping[str, Any] = field(default_factory=dict)
    options: tuple[str, ...] = ()
    environ: Mapping[str, str] = field(default_factory=dict)
    machine: Machine = FINE
    notify: str | None = None
    system: str = "recus"
    system_type: type[BookingSystem] | None = None  # if not the usual one of the stage
    prepare: Callable[[Stage], None] = lambda stage: None
    ahead: timedelta = timedelta(minutes=5)


def raising(failure: Exception) -> Callable[[], Any]:
    """What raises *failure*."""

    def do() -> Any:
        raise failure

    return do


def _text_of_three_days_ago(stage: Stage) -> None:
    stage.clock.step(timedelta(days=-3))
    stage._deliver({"orderid": "old", "sms": "123456", "full_sms": "Your code is 123456"})
    stage.clock.step(timedelta(days=3))


class BehindBrokenTls(RecUsWithoutBrowser):
    """Its host shows a certificate of somebody else."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._usual = self.context.connect
        self.context = replace(self.context, connect=self._connect)

    def _connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        http = Http(base_url, headers=headers)
        why = NotProved("the certificate of api.rec.us is not accepted: self-signed certificate")
        http.reach = raising(why)  # type: ignore[method-assign]
        return http


class BehindSilentIpv6(RecUsWithoutBrowser):
    """Its host has an address at which nobody answers."""

    def __init__(self, *given: Any) -> None:
        super().__init__(*given)
        self._usual = self.context.connect
        self.context = replace(self.context, connect=self._connect)

    def _connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        http = self._usual(base_url, headers)
        found = Reached("api.rec.us", ("192.0.2.1",), ("2001:db8::1",), timedelta(milliseconds=20))
        http.reach = lambda: found  # type: ignore[method-assign]
        return http


class WithoutStripe(BehindBrokenTls):
    """Only the host for payments does not let us in."""

    def _connect(self, base_url: str, headers: Mapping[str, str]) -> Http:
        http = Http(base_url, headers=headers)
        found = Reached("api.rec.us", ("192.0.2.1",), (), timedelta(milliseconds=20))
        down = raising(Unreachable("no connection to api.stripe.com"))
        http.reach = down if "stripe" in base_url else lambda: found  # type: ignore[method-assign]
        return self._usual(base_url, headers) if headers else http


class WithUnfitDriver(RecUsWithoutBrowser):
    """Its Chrome and its driver are of different years."""

    def sign_in_with_browser(self) -> None:
        raise BrowserNotStarted(
            "/usr/bin/chromium does not start: session not created: "
            "This version of ChromeDriver only supports Chrome version 114"
        )


def _cron(**lacks: Any) -> Machine:
    return Machine(cron_line=lambda: CronLine("/usr/bin:/bin", **lacks))


DEFECTS: dict[str, Defect] = {
    "no Chrome": Defect(
        "browser",
        "no Chrome at /nowhere/chrome",
        "Install chromium and its driver, of one version",
        environ={"CHROME_BINARY": "/nowhere/chrome"},
        system_type=RecUs,
    ),
    "no driver": Defect(
        "browser",
        "no chromedriver at /nowhere/driver",
        "Install chromium and its driver, of one version",
        environ={"CHROME_BINARY": "/bin/true", "CHROMEDRIVER": "/nowhere/driver"},
        system_type=RecUs,
    ),
    "driver that does not fit": Defect(
        "sign-in",
        "session not created: This version of ChromeDriver only supports Chrome version 114",
        "Install chromium and its driver, of one version",
        system_type=WithUnfitDriver,
    ),
    "PATH of cron lacks Chrome": Defect(
        "cron",
        "cron does not find Chrome on its PATH, /usr/bin:/bin",
        "cron --install",
        machine=_cron(missing=("Chrome",)),
    ),
    "cron sees no password": Defect(
        "cron",
        "cron will not see RESERVE_PASSWORD",
        "Write them into that file",
        Word.WARNING,
        machine=_cron(unseen=("cron will not see RESERVE_PASSWORD; add it to .env",)),
    ),
    "no cron daemon": Defect(
        "cron",
        "no cron daemon runs on this machine",
        "Start it with: sudo ",
        machine=replace(_cron(), programs=lambda: ("sh", "python")),
    ),
    "clock wrong by 5 s": Defect(
        "this machine's clock",
        "5.0 s behind public time servers",
        "timedatectl set-ntp true",
        Word.WARNING,
        machine=Machine(clock_error=lambda: timedelta(seconds=5)),
    ),
    "clock wrong by an hour": Defect(
        "this machine's clock",
        "this machine's clock is 60 minutes ahead of public time servers",
        "timedatectl set-ntp true",
        machine=Machine(clock_error=lambda: timedelta(hours=-1)),
    ),
    "disk full": Defect(
        "disk",
        "the disk is full: 3 MB free in /data",
        "Make room",
        machine=Machine(disk=lambda: (Path("/data"), 3 * MB)),
    ),
    "disk nearly full": Defect(
        "disk",
        "80 MB free in /data",
        "Make room",
        Word.WARNING,
        machine=Machine(disk=lambda: (Path("/data"), 80 * MB)),
    ),
    "little memory": Defect(
        "memory", "too little memory: 90 MB free", "add swap", machine=Machine(memory=lambda: 90 * MB)
    ),
    "database unreachable": Defect(
        "database",
        "RESERVE_DATABASE_URL: cannot keep state there: connection refused",
        "See that RESERVE_DATABASE_URL answers",
        machine=Machine(
            store=raising(
                Unfit("RESERVE_DATABASE_URL: cannot keep state there: connection refused", CauseWord.DATABASE)
            )
        ),
    ),
    "key can be read by others": Defect(
        "files",
        "other users",
        "Run what it says",
        Word.WARNING,
        machine=Machine(loose_files=lambda: ["other users …"]),
    ),
    "webhook service down": Defect(
        "webhook service",
        "no webhook service answers at http://127.0.0.1:5000",
        "",
        prepare=lambda stage: stage.apps.pop("127.0.0.1"),
    ),
    "wrong token": Defect(
        "webhook service",
        "the webhook service refuses it",
        "",
        options=("--webhook-token", "another-token-canary"),
    ),
    "forwarder silent for 3 days": Defect(
        "forwarder of texts",
        "the last text came 3 days ago: the forwarder sleeps",
        "Send a text to the phone",
        Word.WARNING,
        scenario={"faults": ("send-refused",)},
        prepare=_text_of_three_days_ago,
    ),
    "no code comes": Defect(
        "one-time code",
        "no valid one-time code arrived in time",
        "",
        scenario={"faults": ("no-sms",)},
    ),
    "wrong password": Defect(
        "sign-in", "refused", "Sign in on the site by hand", scenario={"faults": ("wrong-password",)}
    ),
    "slot of another season": Defect(
        "facility, courts and slot",
        "no court of Alice Marble offers tennis at",
        "`courts` shows which slots there are",
        scenario={"faults": ("winter-slot",)},
    ),
    "no such facility": Defect("facility, courts and slot", "--court", "", options=("-c", "Alice Marbel")),
    "day in the past": Defect("opening", "is in the past", "", options=("-d", "2020-03-09")),
    "price over the ceiling": Defect(
        "price and payment",
        "more than --max-price allows",
        "Raise --max-price",
        scenario={"faults": ("priced",)},
        options=("--max-price", "1"),
    ),
    "costs something and nobody pays": Defect(
        "price and payment",
        "it is held until you pay",
        "Be there",
        Word.WARNING,
        scenario={"faults": ("priced",)},
    ),
    "limit reached": Defect(
        "limits and reservations",
        "the limit is 1 a day",
        "Give up a court",
        scenario={"faults": ("daily-limit",)},
    ),
    "bookings unreadable": Defect(
        "limits and reservations",
        "your list of bookings cannot be read",
        remedy_for(CauseWord.UNKNOWN_ANSWER),
        Word.WARNING,
        scenario={"faults": ("bookings-unreadable",)},
    ),
    "token dies before the opening": Defect(
        "sign-in until the opening",
        "the refresh token dies at ",
        "Store the password as well",
        system="atrium",
        scenario={"has_password": False},
        ahead=timedelta(hours=12),
    ),
    "field missing in an answer": Defect(
        "facility, courts and slot",
        "the answer (200) has no 'location.timezone'",
        remedy_for(CauseWord.UNKNOWN_ANSWER),
        scenario={"faults": (facility_answered(timezone=None),)},
    ),
    "notification address broken": Defect(
        "notification channels",
        "RESERVE_NOTIFY: telegam://…: the address cannot be read",
        "notify-test",
        Word.WARNING,
        notify="ntfy://canary telegam://canary",
    ),
    "address that does not answer": Defect(
        "network",
        "no answer from api.rec.us at 2001:db8::1",
        "Mend IPv6",
        Word.WARNING,
        system_type=BehindSilentIpv6,
    ),
    "host for payments does not answer": Defect(
        "network",
        "no connection to api.stripe.com",
        "See whether the site answers",
        Word.WARNING,
        environ={"STRIPE_API_URL": "https://api.stripe.com"},
        system_type=WithoutStripe,
    ),
    "certificate of somebody else": Defect(
        "network",
        "the certificate of api.rec.us is not accepted",
        "Set the clock",
        system_type=BehindBrokenTls,
    ),
}


FOUND = Offers("Alice Marble", UTC, (offer("Court 1"),))


def on(machine: Machine) -> dict[str, Verdict]:
    """What is said of *machine*, before anything is asked for."""
    steps = {name: step for name, step, _ in of_machine(machine)}
    steps["this machine's clock"] = lambda: machines.clock(machine)
    return {name: verdict_of(name, step) for name, step in steps.items()}


def is_named(defect: Defect, verdict: Verdict) -> bool:
    """Whether *verdict* says what it should of *defect*."""
    has_said = defect.said in verdict.said and defect.remedy in verdict.remedy
    return verdict.word is defect.word and has_said


class StageOf(Stage):
    """A stage with a booking system of a defect."""

    kind: type[BookingSystem] | None = None

    @property
    def system_type(self) -> type[BookingSystem] | None:
        return self.kind or super().system_type


@pytest.mark.parametrize("name", DEFECTS)
def test_a_defect_is_named_with_what_to_do_about_it(tmp_path: Path, name: str) -> None:
    defect = DEFECTS[name]
    if defect.machine is not FINE:
        verdict = on(defect.machine)[defect.step]
        assert is_named(defect, verdict), verdict
        assert (outcome_of([verdict], FOUND, None).exit_code == 0) is (defect.word is not Word.FAILED)
        return
    stage = StageOf(tmp_path, defect.scenario, defect.system, ahead=defect.ahead, environ=defect.environ)
    with stage:
        stage.kind = defect.system_type
        defect.prepare(stage)
        verdicts = checked(stage, *defect.options, machine=defect.machine, notify=defect.notify)

        verdict = next(each for each in verdicts if each.step == defect.step)
        assert is_named(defect, verdict), verdict
        assert "canary" not in str(verdicts)
        is_failed = defect.word is Word.FAILED
        outcome = outcome_of(verdicts, stage.run.found, stage.run.timeline.opens_at)
        assert (outcome.exit_code == ExitCode.SUCCESS) is not is_failed
        assert stage.ledger.attempts == []


def test_no_court_is_skipped_and_the_exit_code_is_that_of_the_first_step_that_failed(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("wrong-password",)}) as stage:
        verdicts = checked(stage, machine=Machine(memory=lambda: 90 * MB))
        outcome = outcome_of(verdicts, stage.run.found, stage.run.timeline.opens_at)

    assert words(verdicts)["limits and reservations"] == words(verdicts)["one-time code"] == "skipped"
    assert outcome.exit_code == ExitCode.SERVICE
    assert outcome.sentence.endswith("So did 1 more of the steps above.")


def test_a_day_that_is_past_fails_and_what_needs_its_opening_is_skipped(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        found = words(checked(stage, "-d", "2020-03-09"))

        assert (found["opening"], found["sign-in"], found["price and payment"]) == (
            "FAILED",
            "skipped",
            "skipped",
        )
        assert stage.ledger.all("signed-in") == []


def test_a_code_is_really_asked_for_and_entered_which_shows_that_texts_arrive(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        said = {each.step: each.said for each in checked(stage)}

        assert said["one-time code"] == "asked for, received and entered"
        assert said["forwarder of texts"] == "a text came just now"
        assert len(stage.ledger.all("code-asked")) == 1


def test_a_code_that_the_booking_system_does_not_send_is_not_said_to_have_come(tmp_path: Path) -> None:
    with Stage(tmp_path, {"faults": ("send-refused",)}) as stage:
        said = {each.step: each.said for each in checked(stage)}

        assert stage.ledger.all("code-verified") == []
        assert said["one-time code"] == "the booking system sends none now, as it may before the opening"


def test_a_server_that_does_not_tell_its_time_makes_our_clock_decide(tmp_path: Path) -> None:
    wrong = Machine(clock_error=lambda: timedelta(seconds=5))
    with Stage(tmp_path) as stage:
        stage.get_ready()
        check = Check(stage.run, wrong)
        with pytest.raises(Unfit, match=r"5.0 s behind"):
            check.clock()  # before the server was measured
        stage.run.system.close()


def test_a_service_that_is_down_for_a_moment_is_asked_again_but_not_for_long(tmp_path: Path) -> None:
    down = Fault("GET /v1/locations/*", 1, "status", status=503)
    with Stage(tmp_path, {"faults": (down,)}) as stage:
        assert words(checked(stage))["facility, courts and slot"] == "passed"

    with Stage(tmp_path, {"faults": (replace(down, nth=0),)}) as stage:
        began = stage.clock.now()
        assert words(checked(stage))["facility, courts and slot"] == "FAILED"
        assert stage.clock.now() - began < timedelta(seconds=10)


def test_a_field_that_is_new_is_noted_and_fails_nothing(tmp_path: Path) -> None:
    answer = facility_answered(lights=True, surface={"kind": "clay"})
    with Stage(tmp_path, {"faults": (answer,)}) as stage:
        verdict = next(each for each in checked(stage) if each.step == "answers")

    assert verdict.word is Word.PASSED
    assert verdict.said.endswith("new, and not needed: location.lights, location.surface")


@pytest.mark.parametrize("system", shapes.SAMPLES)
def test_the_known_fields_are_those_of_the_samples(system: str) -> None:
    assert shapes.path_of(system).read_text() == shapes.module(system)  # else: python -m tests.shapes


@pytest.mark.parametrize(
    ("content", "path"),
    [
        (
            "* * * * * cd '/srv/first serve' && PATH=/opt/x:/bin RESERVE_DATA=/d exec python due",
            "/opt/x:/bin",
        ),
        ("PATH=/usr/local/bin:/bin\n58 7 * * 2 cd /srv/first serve && python main.py", "/usr/local/bin:/bin"),
        ("58 7 * * 2 cd /srv/first serve && python main.py", "/usr/bin:/bin"),
        ("# 58 7 * * 2 cd /srv/first serve && python main.py", None),
        ("0 3 * * * backup", None),
    ],
)
def test_the_path_that_cron_gives_our_line_is_read_from_the_crontab(content: str, path: str | None) -> None:
    assert path_of_cron(content.encode(), Path("/srv/first serve")) == path


def test_no_code_is_asked_for_while_another_run_may_wait_for_one(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        said = {each.step: each.said for each in Check(stage.run, FINE, may_ask=lambda: False).verdicts()}
        stage.run.system.close()

        assert said["one-time code"].startswith("not asked for")
        assert stage.ledger.all("code-asked") == []


def test_a_run_that_is_under_way_is_noticed(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        wired = stage.wired
        assert nobody_runs(wired)

        with stage.run.alone(in_turn=False):
            assert not nobody_runs(wired)


def test_the_store_is_written_to_and_one_that_takes_nothing_says_why(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    assert writable_store(Settings(tmp_path / "data")) == "sqlite, readable and writable"
    with pytest.raises(Unfit, match="RESERVE_DATA: cannot keep state in") as seen:
        writable_store(Settings(tmp_path / "file"))
    assert seen.value.cause is CauseWord.DISK
    with pytest.raises(Unfit, match="RESERVE_DATABASE_URL") as seen:
        writable_store(Settings(tmp_path, database_url="postgresql+psycopg://x:canary@127.0.0.1:1/x"))
    assert "canary" not in str(seen.value)
    assert seen.value.remedy.startswith("See that RESERVE_DATABASE_URL answers")


def test_this_machine_can_be_looked_at(tmp_path: Path) -> None:
    machine = this_machine(Settings(tmp_path), None)

    assert verdict_of("disk", lambda: machines.disk(machine)).said
    assert (machine.memory() or 0) > 0
    assert machine.zone()
    assert machines.clock(machine) is None


def test_with_an_open_window_everything_is_ready_now() -> None:
    outcome = outcome_of([verdict_of("sign-in", lambda: "well")], FOUND, None)

    assert outcome.sentence.startswith("Ready now: Alice Marble, ")

"""Every fault of every rehearsal, and every exit code, has its cause, also when read back from the store."""

from __future__ import annotations

from collections.abc import Mapping
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.booking.result import RunResult
from reserve.causes.words import remedy, why
from reserve.commands.why import explained, outcome_of, word_of
from reserve.errors import CauseWord, ExitCode
from reserve.simulator import SIMULATED_SYSTEMS
from reserve.simulator.faults import JSON, Fault
from reserve.simulator.recus.faults import HOLD, PAY
from reserve.storage.database import Store
from reserve.storage.runs import RunStore
from tests.booking import test_faults
from tests.booking.test_faults import fair
from tests.stage import TOKEN, Stage
from tests.systems import test_atrium, test_ntnui

REHEARSED = {"recus": {"rivals": 2, "seed": 1}}  # as in the documents, which say how each of its faults ends
# What each fault means for a run whose rivals leave it a court; one that is not here costs no court.
ALONE: Mapping[str, Mapping[str, CauseWord]] = {
    "recus": {
        "no-sms": CauseWord.NO_CODE,
        "send-refused": CauseWord.CODE_NOT_SENT,
        "firewall": CauseWord.BLOCKED,
        "unknown-body": CauseWord.UNKNOWN_ANSWER,
        "unknown-refusal": CauseWord.UNKNOWN_ANSWER,
        "wrong-password": CauseWord.SIGN_IN,
        "token-refused": CauseWord.SIGNED_OUT,
        "changed-dialog": CauseWord.PAGE_CHANGED,
        "daily-limit": CauseWord.LIMIT,
        "weekly-limit": CauseWord.LIMIT,
        "already-reserved": CauseWord.ALREADY_RESERVED,
        "pages-of-25": CauseWord.ALREADY_RESERVED,
        "all-taken": CauseWord.RIVALS,
        "full": CauseWord.RIVALS,
        "priced": CauseWord.UNPAID,
        "price-rises": CauseWord.UNPAID,
        "rental-confirmed-unpaid": CauseWord.UNPAID,
        "winter-slot": CauseWord.NO_SUCH_SLOT,
    },
    "atrium": {
        "firewall": CauseWord.BLOCKED,
        "unknown-body": CauseWord.UNKNOWN_ANSWER,
        "wrong-password": CauseWord.SIGN_IN,
        "wrong-password-no-form": CauseWord.SIGN_IN,
        "token-dead": CauseWord.SIGNED_OUT,
        "token-refused": CauseWord.SIGNED_OUT,
        "log-in-lost": CauseWord.PAGE_CHANGED,
        "already-reserved": CauseWord.ALREADY_RESERVED,
        "all-taken": CauseWord.RIVALS,
        "full": CauseWord.RIVALS,
        "lost-answer-and-list": CauseWord.UNCONFIRMED,
    },
    "ntnui": {
        "firewall": CauseWord.BLOCKED,
        "unknown-page": CauseWord.UNKNOWN_ANSWER,
        "wrong-password": CauseWord.SIGN_IN,
        "already-reserved": CauseWord.ALREADY_RESERVED,
        "all-taken": CauseWord.RIVALS,
        "full": CauseWord.RIVALS,
        "not-open": CauseWord.OPENED_LATE,
    },
}
# What faults mean for a run when rivals take every court at the opening besides.
AMONG_RIVALS: Mapping[str, Mapping[str, CauseWord]] = {
    "recus": {
        "late-sms": CauseWord.CODE_LATE,
        "opens-late": CauseWord.OPENED_LATE,
        "server-errors": CauseWord.UNREACHABLE,
        "throttled": CauseWord.THROTTLED,
        "clock-ahead": CauseWord.RIVALS,
    },
    "atrium": {
        "opens-late": CauseWord.OPENED_LATE,
        "throttled": CauseWord.THROTTLED,
        "unknown-refusal": CauseWord.UNKNOWN_ANSWER,
    },
    "ntnui": {"server-errors": CauseWord.UNREACHABLE},
}
EXIT_CODES = {
    "recus": test_faults.EXIT_CODES,
    "atrium": test_atrium.EXIT_CODES,
    "ntnui": {fault: without for fault, (without, _) in test_ntnui.ENDS.items()},
}
TAKEN = {"all_taken": True}
WRONG_CODE = Fault("POST /v1/users/mobile-totp/verify", 0, "status", status=400, body="{}", content_type=JSON)
NOTHING = Fault(HOLD, 0, "cut-before")
LOST_FOR_GOOD = Fault(PAY, 1, "cut-before")


@dataclass(frozen=True)
class Case:
    """A run of rec.us that no fault has a name for, and what is right for it."""

    exit_code: int
    cause: CauseWord
    scenario: Mapping[str, Any] = field(default_factory=dict)
    words: tuple[str, ...] = ()
    setting: Mapping[str, Any] = field(default_factory=dict)
    signal: int | None = None


OTHERS = {
    "started after the opening": Case(1, CauseWord.LATE, TAKEN, setting={"ahead": -timedelta(seconds=30)}),
    "a slow network": Case(1, CauseWord.LATE, TAKEN, setting={"latency": timedelta(seconds=0.9)}),
    "it never opens": Case(
        1,
        CauseWord.NOT_AS_PUBLISHED,
        {"opens_late": timedelta(days=1)},
        setting={"ahead": -timedelta(minutes=5)},
    ),
    "all codes are refused": Case(4, CauseWord.CODE_REFUSED, {"faults": (WRONG_CODE,)}),
    "too dear": Case(5, CauseWord.PRICE, {"price_cents": 500}, ("--max-price", "1")),
    "it lapses": Case(6, CauseWord.LAPSED, {"faults": ("hold-lapses", "slow-server")}),
    "nothing answers": Case(6, CauseWord.UNREACHABLE, {"faults": (NOTHING,)}),
    "an answer is lost for good": Case(7, CauseWord.UNCONFIRMED, {"faults": (LOST_FOR_GOOD,)}),
    "the day is past": Case(2, CauseWord.REQUEST, words=("-d", "2020-03-09")),
    "too far ahead": Case(2, CauseWord.TOO_FAR, setting={"ahead": timedelta(days=3)}),
    "the terminal ends": Case(129, CauseWord.STOPPED, signal=1),
    "Ctrl-C": Case(130, CauseWord.STOPPED, signal=2),
    "the machine wants it to stop": Case(143, CauseWord.STOPPED, signal=15),
}
CASES: list[tuple[str, Mapping[str, Any], CauseWord | None]] = [
    (system, {**REHEARSED.get(system, {}), "faults": (fault,)}, ALONE[system].get(fault))
    for system in ALONE
    for fault in SIMULATED_SYSTEMS[system].faults
]
CASES += [
    (system, {"faults": (fault,), "all_taken": True}, word)
    for system, faults in AMONG_RIVALS.items()
    for fault, word in faults.items()
]


def is_known(result: RunResult, data: Path) -> None:
    """The cause that a run found is the one that is found later, and there are words for it."""
    with closing(Store(data)) as store:
        (past,) = RunStore(store).history()
        (row,) = RunStore(store).rows()
    assert explained(past) == result.cause
    assert word_of(row) == (result.cause.word if result.cause else None)
    assert outcome_of(row) == result.outcome.word
    if result.cause:
        for said in (why(result.cause), remedy(result.cause)):
            assert said.endswith(".")
            assert said.count(". ") <= 1, "two sentences at most"


@pytest.mark.parametrize(("system", "scenario", "word"), CASES, ids=str)
def test_explain_names_the_right_cause_for_every_fault(
    tmp_path: Path, system: str, scenario: Mapping[str, Any], word: CauseWord | None
) -> None:
    with Stage(tmp_path, scenario, system) as stage:
        outcome = fair(stage, stage.book())

    cause = stage.result.cause
    assert (cause.word if cause else None) is word, stage.result.facts
    if "all_taken" not in scenario:
        assert outcome.exit_code == EXIT_CODES[system][scenario["faults"][0]]
    is_known(stage.result, tmp_path / "data")


@pytest.mark.parametrize("name", OTHERS)
def test_what_no_fault_does_has_its_cause_too(tmp_path: Path, name: str) -> None:
    case = OTHERS[name]
    with Stage(tmp_path, case.scenario, **case.setting) as stage:
        stage.stop.signal_number = case.signal
        outcome = stage.book(*case.words)

    assert outcome.exit_code == case.exit_code, stage.steps
    assert stage.result.cause is not None
    assert stage.result.cause.word is case.cause, stage.result.facts
    is_known(stage.result, tmp_path / "data")


def test_without_a_code_it_is_told_when_any_text_came_last(tmp_path: Path) -> None:
    with Stage(tmp_path, {"texts": "none"}) as stage:
        text = {"phonenumber": "14155550199", "full_sms": "Hello", "rental_code": "R1", "timestamp": "1"}
        stage.webhook.test_client().post(f"/webhook/{TOKEN}", json=text)
        stage.clock.sleep(timedelta(minutes=2))
        stage.book()

    assert stage.result.cause is not None
    assert stage.result.cause.word is CauseWord.NO_CODE
    assert stage.result.cause.text_age is not None
    assert abs(stage.result.cause.text_age - timedelta(minutes=4)) < timedelta(seconds=1)
    assert why(stage.result.cause) == "The one-time code never came. The last text came 4 minutes before."
    is_known(stage.result, tmp_path / "data")


def test_a_bug_is_called_one(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.get_ready()
        stage.run.system.offers = lambda: 1 // 0  # type: ignore[method-assign,assignment,return-value]
        stage.result = stage.run.book()

    assert stage.result.cause is not None
    assert stage.result.cause.word is CauseWord.BUG
    is_known(stage.result, tmp_path / "data")


def test_every_exit_code_has_a_case_here() -> None:
    cases = {case.exit_code for case in OTHERS.values()}
    cases |= {code for codes in EXIT_CODES.values() for code in codes.values()}

    assert cases | {ExitCode.BUG} == {*ExitCode, 129, 130, 143}

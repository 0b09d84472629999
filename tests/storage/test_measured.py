"""What a run measured is read back as it was, and damage costs no more than what it is about."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from reserve.errors import Meaning
from reserve.model import Attempt, HoldStamp, Span, SpanKind
from reserve.redaction import Secrets
from reserve.storage.measured import MOST, Measured, RivalHold, measured_in, measured_of
from reserve.storage.run_folder import RunFolder
from tests.fakes import START
from tests.stage import Stage

SECOND = timedelta(seconds=1)
ATTEMPT = Attempt(
    "Court 1",
    planned=START,
    sent=START,
    answered=START + SECOND,
    meaning=Meaning.HELD,
    stamp=START,
    held=HoldStamp(START, None, is_assumed=True),
    way="cart",
)
MEASURED = Measured(
    opens_at=START,
    ahead=0.25 * SECOND,
    within=0.003 * SECOND,
    leads={"sign_in": 120 * SECOND},
    spans=(Span(SpanKind.SIGN_IN, START - 60 * SECOND, START, is_done=False),),
    attempts=(ATTEMPT, replace(ATTEMPT, meaning=Meaning.TAKEN, held=None, stamp=None, way=None)),
    rivals=(RivalHold(START, "Court 2"),),
)


def test_what_a_run_measured_is_read_back_as_it_was(tmp_path: Path) -> None:
    RunFolder(tmp_path, "run-1", Secrets()).keep_measured(MEASURED.as_json())

    assert measured_of(tmp_path, "run-1") == MEASURED
    assert measured_of(tmp_path, "another") == Measured()


@pytest.mark.parametrize(
    ("name", "value", "expected"),
    [
        ("opens_at", "2026-03-02T08:00:00", None),  # of which zone?
        ("within", "a lot", None),
        ("ahead", [], timedelta(0)),
        ("leads", [1], {}),
        ("spans", [{"kind": "nap"}, 7, None], ()),
        ("attempts", [{"court": "Court 1", "meaning": "bliss"}], ()),
        ("rivals", "many", ()),
    ],
)
def test_what_cannot_be_read_is_left_out_and_nothing_else(name: str, value: Any, expected: Any) -> None:
    found = json.loads(json.dumps(MEASURED.as_json())) | {name: value}

    assert measured_in(found) == replace(MEASURED, **{name: expected})


@pytest.mark.parametrize("damaged", [None, [], "", 7])
def test_a_file_that_is_something_else_tells_nothing(damaged: object) -> None:
    assert measured_in(damaged) == Measured()


def test_a_waiting_list_without_end_fills_no_disk() -> None:
    many = replace(MEASURED, attempts=[replace(ATTEMPT, court=str(number)) for number in range(3 * MOST)])

    kept = measured_in(many.as_json()).attempts

    assert len(kept) == MOST
    assert (kept[0].court, kept[-1].court) == ("0", str(3 * MOST - 1))


def test_a_run_keeps_how_long_each_step_took(tmp_path: Path) -> None:
    with Stage(tmp_path) as stage:
        stage.book()
        stage.wired.write_down(stage.result)
        found = measured_of(tmp_path / "data", stage.wired.run_id)

    assert found.opens_at == stage.opens_at
    assert [each.kind for each in found.spans] == list(dict.fromkeys(each.kind for each in found.spans))
    assert {each.kind for each in found.spans} == set(SpanKind) - {SpanKind.WAIT}
    assert all(each.is_done and each.began <= each.ended for each in found.spans)
    assert [each.meaning for each in found.attempts] == [each.meaning for each in stage.result.attempts]

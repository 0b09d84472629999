"""`history` lists runs with their causes, filters them, counts them, and is quick with ten thousand."""

from __future__ import annotations

import csv
import io
import json
from collections.abc import Callable
from contextlib import closing
from datetime import date, timedelta
from pathlib import Path
from time import perf_counter
from types import ModuleType

import pytest
from sqlalchemy import event, insert

from reserve.commands import account, explain, history, report
from reserve.commands.history import beginning_of
from reserve.errors import UsageError
from reserve.settings import Settings, read_settings
from reserve.storage.database import Store
from reserve.storage.runs import RunStore
from reserve.storage.schema import OCCURRENCES, RUN_TOTALS, RUNS
from tests.fakes import START

Told = Callable[..., str]
DAY = timedelta(days=1)
ENDS = [(0, None), (1, "rivals"), (1, "late"), (8, "unpaid"), (4, "no-code")]


@pytest.fixture
def settings(tmp_path: Path) -> Settings:
    """A machine with five runs, one a day, the last of them of plan 7, and one of an older version."""
    with closing(Store(tmp_path)) as store:
        keep(store, ENDS)
        with store.engine.begin() as connection:
            older = {
                "run_id": "older",
                "system": "recus",
                "player": "p",
                "request": "a court",
                "exit_code": 1,
            }
            older |= {
                "started": START - 90 * DAY,
                "ended": START - 90 * DAY,
                "sentence": "Not reserved: taken.",
            }
            connection.execute(insert(RUNS).values(older))
            occurrence = {"plan_id": 7, "starts_at": START, "opens_at": START, "wake_at": START, "claims": 1}
            connection.execute(insert(OCCURRENCES).values(occurrence | {"run_id": "run-4"}))
            connection.execute(insert(RUN_TOTALS).values(facility="Moscone", cause="rivals", runs=40))
    return read_settings({"RESERVE_DATA": str(tmp_path)})


def keep(store: Store, ends: list[tuple[int, str | None]]) -> None:
    """Have a run for each of these *ends*, one a day."""
    rows = [
        {
            "run_id": f"run-{number}",
            "system": "recus",
            "player": "p",
            "request": "Moscone, tennis, 2026-03-09 18:00",
            "started": START + number * DAY,
            "opens_at": START + number * DAY,
            "ended": START + number * DAY,
            "exit_code": exit_code,
            "sentence": "It ended.",
            "facility": "Moscone",
            "court": "Court 2" if exit_code in (0, 8) else None,
            "cause": cause,
            "margin_ms": 8 + number,
        }
        for number, (exit_code, cause) in enumerate(ends)
    ]
    with store.engine.begin() as connection:
        connection.execute(insert(RUNS), rows)


@pytest.fixture
def told(settings: Settings, capsys: pytest.CaptureFixture[str]) -> Told:
    """What `history` with some words prints."""

    def told(*words: str) -> str:
        assert history.main(words, settings) == 0
        return capsys.readouterr().out

    return told


def ids(text: str) -> list[str]:
    """The ids in a list of runs."""
    return [line.split()[0] for line in text.splitlines()]


def test_a_line_has_outcome_court_margin_and_cause(told: Told) -> None:
    lines = told().splitlines()

    assert lines[0].endswith(": not-reserved, +12 ms, no-code")
    assert lines[1].endswith(": held, Court 2, +11 ms, unpaid")
    assert lines[-2].endswith(": reserved, Court 2, +8 ms")
    assert lines[-1] == "older  a court: not-reserved, unknown"


def test_runs_are_filtered_by_plan_day_and_loss(told: Told) -> None:
    since = (START + 3 * DAY).astimezone().date()

    assert ids(told("--plan", "7")) == ["run-4"]
    assert ids(told("--since", str(since))) == ["run-4", "run-3"]
    assert ids(told("--lost")) == ["run-4", "run-2", "run-1", "older"]
    assert told("--lost", "--plan", "8") == "No such run is recorded.\n"


def test_programs_read_json_or_a_table(told: Told) -> None:
    as_json = json.loads(told("--json"))
    as_csv = list(csv.DictReader(io.StringIO(told("--csv"))))

    assert [run["cause"] for run in as_json] == ["no-code", "unpaid", "late", "rivals", None, "unknown"]
    assert [run["run_id"] for run in as_csv] == [run["run_id"] for run in as_json]
    assert as_csv[4]["margin_ms"] == "8"


def test_totals_are_by_cause_and_by_facility_with_those_that_are_forgotten(told: Told) -> None:
    found = json.loads(told("--totals", "--json"))
    causes = {total["name"]: total["runs"] for total in found["causes"]}

    assert causes == {"rivals": 41, "late": 1, "no-code": 1, "reserved": 1, "unknown": 1, "unpaid": 1}
    assert found["facilities"][0] == {
        "name": "Moscone",
        "runs": 45,
        "reserved": 1,
        "lost": 43,
        "typical_margin_ms": 8,
    }
    assert max(len(line) for line in told("--totals").splitlines()) <= 80
    assert "Moscone" in told("--totals")


@pytest.mark.parametrize("run", ["run-1", "run-2", "run-3", "run-4", "older"])
def test_explain_says_the_same_cause_when_the_evidence_cannot_be_read(
    settings: Settings, told: Told, capsys: pytest.CaptureFixture[str], run: str
) -> None:
    causes = {each["run_id"]: each["cause"] for each in json.loads(told("--json"))}

    assert explain.main([run], settings) == 0
    assert f"\n{causes[run]}: " in capsys.readouterr().out


def test_ten_thousand_runs_are_one_query(tmp_path: Path) -> None:
    asked: list[str] = []
    with closing(Store(tmp_path)) as store:
        keep(store, ENDS * 2000)
        event.listen(store.engine, "before_cursor_execute", lambda *arguments: asked.append(arguments[2]))
        began = perf_counter()
        rows = RunStore(store).rows()
        found = history.totals(rows, (), ())
        took = perf_counter() - began

    assert len(asked) == 1
    assert len(rows) == sum(total.runs for total in found["causes"]) == 10_000
    assert took < 5  # 0.15 s where nothing else is going on


@pytest.mark.parametrize(
    ("text", "day"), [("fri", "2026-11-20"), ("sat", "2026-11-21"), ("today", "2026-11-21"), ("1 nov", None)]
)
def test_since_means_a_day_in_the_past(text: str, day: str | None) -> None:
    today = date(2026, 11, 21)
    if day is None:
        with pytest.raises(UsageError, match=r"--since: 2027-11-01 is in the future; write the year"):
            beginning_of(text, today)
    else:
        assert str(beginning_of(text, today).date()) == day


def test_explain_takes_the_latest_run_and_suggests_the_nearest_ids(
    settings: Settings, capsys: pytest.CaptureFixture[str]
) -> None:
    assert explain.main([], settings) == 0
    assert "no-code: No valid one-time code came" in capsys.readouterr().out
    assert explain.main(["older", "--json"], settings) == 0
    assert json.loads(capsys.readouterr().out)["cause"] == "unknown"
    with pytest.raises(UsageError, match="several runs begin with 'run': run-4, run-3, run-2"):
        explain.main(["run"], settings)
    with pytest.raises(UsageError, match="no run begins with 'run-9'; the nearest are run-"):
        explain.main(["run-9"], settings)


@pytest.mark.parametrize("command", [account, explain, report])
@pytest.mark.parametrize(("typed", "why"), [("\udcff", "is not written in UTF-8"), ("", "is empty")])
def test_a_name_that_nobody_means_is_refused(
    settings: Settings, command: ModuleType, typed: str, why: str
) -> None:
    words = ["remove", typed] if command is account else [typed]

    with pytest.raises(UsageError, match=f"^(RUN|NAME) {why}"):
        command.main(words, settings)


def test_no_file_is_not_a_file(settings: Settings) -> None:
    with pytest.raises(UsageError, match=r"--html: \. cannot be written"):
        explain.main(["run-0", "--html", ""], settings)

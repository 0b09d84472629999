"""The benchmark measures what it says, on a small scale."""

from __future__ import annotations

import random
import xml.etree.ElementTree as ET
from pathlib import Path
from typing import Any

import pytest

from reserve.clock import UNKNOWN
from tests.benchmarks import clock, figures, goals, opening, plots, race, results
from tests.benchmarks.figures import machine, spread
from tests.benchmarks.opening import METHODS, Task, extent, work
from tests.benchmarks.server import NETWORKS

MODEL = {"field_ms": [[380.0, 390.0, 400.0, 410.0]], "ours_ms": [[1.0, 1.2, 1.4, 1.6]]}


@pytest.mark.parametrize("at_once", [True, False])
def test_every_court_of_every_opening_is_stamped_for_both_sides(at_once: bool) -> None:
    network = NETWORKS[0]
    with opening.served() as hosts:
        task = Task(
            hosts, network, courts=3, at_once=at_once, runs=2, measured=[UNKNOWN], name=f"test-{at_once}"
        )
        found = work(task)

    assert set(found) == set(METHODS[at_once])
    for openings in found.values():
        assert [sorted(court for court, _, _ in one) for one in openings] == [[0, 1, 2]] * 2


def test_a_request_needs_at_least_its_way_and_a_fresh_connection_two_round_trips_more() -> None:
    network = NETWORKS[2]
    with opening.served() as hosts:
        found = work(
            Task(hosts, network, courts=1, at_once=True, runs=1, measured=[UNKNOWN], name="test-trips")
        )

    fields, ours, limit = ([moment for _, moment, _ in found[method][0]] for method in METHODS[True])
    assert min(ours) >= network.rtt / 2
    assert min(limit) >= 0
    assert min(fields) >= (3 + 2.5) * network.rtt  # a verification there and back, then the court


def test_an_early_request_counts_as_first_and_only_its_repeat_as_last() -> None:
    assert extent([(0, -2.0, 0.0), (1, 3.0, 0.0), (0, 51.0, 0.0)], 2) == (-2.0, 51.0)


def test_a_court_that_was_never_asked_for_in_time_spoils_the_opening() -> None:
    with pytest.raises(RuntimeError, match="1 of 2 courts"):
        extent([(0, 2.0, 0.0), (1, -3.0, 0.0)], 2)


def test_one_number_is_its_own_spread() -> None:
    assert spread([3.0]) == {"p50": 3.0, "p95": 3.0, "max": 3.0}


def test_people_never_beat_us_and_our_copy_sometimes_does() -> None:
    chance = random.Random(1)
    mine, copies = ([race.ours(chance, 1, MODEL) for _ in range(20)] for _ in range(2))
    people = [race.person(chance, 1, MODEL) for _ in range(20)]

    assert all(race.wins(one, people) for one in mine)
    assert 0 < sum(race.wins(one, [copy]) for one, copy in zip(mine, copies, strict=True)) < 20


def test_the_truth_lies_within_what_the_probes_say() -> None:
    assert clock.row("ours", 10, 60, 10, runs=10)["inside"] == 1
    assert clock.opening_row(60, 10, runs=10)["first_ms"]["p50"] < 9


def test_what_is_measured_has_its_place_in_the_documents_and_nothing_else_changes() -> None:
    for document, heading in ((results.README, "## How fast"), (results.RESULTS, "# Results")):
        before = document.read_text()
        after = results.between(before, heading, "as measured\n")
        assert f"{heading}\n\nas measured\n\n## " in after
        assert set(after.splitlines()) - {"as measured"} < set(before.splitlines())


def test_a_goal_is_met_only_by_what_was_measured(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(figures, "FOLDER", tmp_path)
    goal = goals.Goal("pigs that fly", "pigs", lambda found: float(found["flown"]), least=1)
    assert (goal.judged()["figure"], goal.judged()["met"]) == (None, False)

    figures.keep("pigs", {"flown": 2})
    assert (goal.judged()["figure"], goal.judged()["met"]) == (2, True)
    figures.keep("pigs", {"flown": 0})
    assert goal.judged()["met"] is False


def test_the_drawings_can_be_drawn() -> None:
    times = {"p50": 3.0, "p95": 9.0, "max": 10.0}
    network = {"rtt_ms": 60, "jitter_ms": 0, "loss": 0}
    arrivals: list[dict[str, Any]] = [
        {"method": method, "courts": courts, **network, "last_ms": times}
        for methods in METHODS.values()
        for method in methods
        for courts in (1, 4)
    ]
    wins = [
        {"method": "ours with -m", "rivals": name, "number": number, "courts": 1, "wins": 0.5}
        for name, _, number in race.RIVALS
    ]

    for picture, rows in ((plots.opening, arrivals), (plots.race, wins)):
        drawn = ET.fromstring(picture({"rows": rows, "machine": machine()}))
        assert "3" in "".join(drawn.itertext())

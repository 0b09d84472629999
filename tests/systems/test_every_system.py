"""What must hold for every booking system, one that is added tomorrow included."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from reserve.simulator import SIMULATED_SYSTEMS
from reserve.systems import PROFILES
from reserve.systems.registry import ADAPTERS, adapter_of
from tests.stage import Stage

SAMPLES = Path(__file__).parent / "samples"

pytestmark = pytest.mark.parametrize("system", ADAPTERS)


def stage(folder: Path, system: str, *faults: str) -> Stage:
    """A stage on which nothing goes wrong but *faults*."""
    return Stage(folder, {"faults": faults}, system)


@pytest.fixture
def plain(tmp_path: Path, system: str) -> Iterator[Stage]:
    """A stage on which nothing goes wrong."""
    with stage(tmp_path, system) as made:
        yield made


def test_it_is_simulated_and_every_recorded_answer_is_read_by_a_test(system: str) -> None:
    assert system in SIMULATED_SYSTEMS
    samples = {path.stem for path in (SAMPLES / system).iterdir()}
    tests = "".join(path.read_text() for path in Path(__file__).parent.glob(f"test_{system}*.py"))
    assert samples
    assert {name for name in samples if f'"{name}' not in tests} == set()  # what nobody reads says nothing


def test_a_court_is_reserved_once_and_said_to_be(plain: Stage) -> None:
    outcome = plain.book()

    assert (outcome.exit_code, outcome.word) == (0, "reserved")
    assert plain.ledger.paid == [outcome.order_id]
    assert plain.open_holds == []
    assert plain.ledger.violations == []


def test_a_lost_answer_is_looked_up(tmp_path: Path, system: str) -> None:
    with stage(tmp_path, system, "lost-answer") as made:
        outcome = made.book()

        assert outcome.exit_code == 0  # where nobody can list holds, with another court

        assert len(made.ledger.paid) == 1
        assert made.ledger.violations == []


def test_two_runs_for_one_slot_make_one_reservation(plain: Stage) -> None:
    assert plain.book().exit_code == 0

    assert plain.book().exit_code == 5
    assert len(plain.ledger.paid) == 1


def test_a_refused_sign_in_is_not_tried_again(tmp_path: Path, system: str) -> None:
    with stage(tmp_path, system, "wrong-password") as made:
        assert made.book().exit_code == 3

        assert len(made.ledger.all("sign-in-refused")) == 1
        assert made.ledger.attempts == []


def test_nothing_is_asked_for_before_the_opening(plain: Stage) -> None:
    plain.book()

    assert min(each.moment for each in plain.ledger.attempts) >= plain.opens_at - timedelta(milliseconds=5)


def test_what_is_given_up_is_reserved_from_the_waiting_list(tmp_path: Path, system: str) -> None:
    with stage(tmp_path, system, "full") as made:
        assert made.book("--wait-list").exit_code == 0

        assert len(made.ledger.paid) == 1
        assert made.ledger.violations == []


def test_what_is_known_before_it_is_loaded_is_said_of_the_same_system(system: str) -> None:
    profile = PROFILES[system]

    assert issubclass(adapter_of(system), profile)
    assert list(ADAPTERS) == list(PROFILES)
    assert {profile.token_variable} - {None} <= {each.name for each in profile.account_variables}
    assert "by-hand" in profile.ways_to_pay

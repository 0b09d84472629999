"""Some of the points at which `python -m tests.proofs.kills` kills a real process."""

from __future__ import annotations

import signal

import pytest

from tests.proofs.kills import BY_HAND, STOPPED, TAKEOVER, Case, Templates, distinct, verdict, workers
from tests.proofs.referee import Verdict

PAY, HOLD = "POST /v1/orders/*/pay", "POST /v1/reservations"
POINTS = (
    ("recus", BY_HAND, f"after {HOLD} #2", signal.SIGKILL),  # held, and not yet written down
    ("recus", BY_HAND, f"before {PAY} #1", signal.SIGKILL),
    ("recus", TAKEOVER, "before a commit #4", signal.SIGKILL),  # the plan is kept, and not yet scheduled
    ("recus", TAKEOVER, f"after {PAY} #1", signal.SIGKILL),  # paid, and not yet known
    ("recus", STOPPED, f"after {HOLD} #1", signal.SIGTERM),
    ("ntnui", STOPPED, "before a commit #9", signal.SIGHUP),
)


@pytest.fixture(scope="module")
def found(tmp_path_factory: pytest.TempPathFactory, server: str) -> list[Verdict]:
    """What came of each point."""
    templates = Templates.made(tmp_path_factory.mktemp("templates"), server)
    cases = [Case(system, way, templates, at, number) for system, way, at, number in POINTS]
    with workers(2) as pool:
        return list(pool.map(verdict, cases))


@pytest.mark.parametrize("place", range(len(POINTS)), ids=[" ".join(point[:3]) for point in POINTS])
def test_what_a_killed_process_left_is_put_in_order_by_the_next(found: list[Verdict], place: int) -> None:
    assert found[place].problems == ()


def test_one_step_is_enough_between_two_changes() -> None:
    steps = ["before GET /a #1", "after GET /a #1", "before POST /b #1", "after POST /b #1"]

    assert distinct([*steps, "before a commit #1", "before GET /a #2", "after GET /a #2"]) == [
        "before GET /a #1",
        "before POST /b #1",
        "after POST /b #1",
        "before a commit #1",
        "before GET /a #2",
    ]

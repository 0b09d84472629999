"""Some of the points at which `python -m tests.proofs.kills` kills a real process."""

from concurrent.futures import ThreadPoolExecutor

import pytest

from tests.proofs.kills import problems

POINTS = (
    "after POST /v1/reservations #2",  # held, and not yet written down
    "after writing held #1",
    "before DELETE /v1/orders/* #1",
    "before POST /v1/orders/*/pay #1",
    "after POST /v1/orders/*/pay #1",  # paid, and not yet known
    "after writing confirmed #1",
)


@pytest.fixture(scope="module")
def found() -> dict[str, list[str]]:
    """What is wrong after each point; two at a time, because a process mostly starts up."""
    with ThreadPoolExecutor(2) as pool:
        return dict(zip(POINTS, pool.map(lambda point: problems(point, verify="never"), POINTS), strict=True))


@pytest.mark.parametrize("point", POINTS)
def test_a_killed_run_is_put_in_order_by_the_next(found: dict[str, list[str]], point: str) -> None:
    assert found[point] == []

"""Some of the mornings that `python -m tests.proofs.mornings` lives through."""

from tests.proofs.matrix import verdicts
from tests.proofs.mornings import morning, numbers


def test_on_forty_mornings_nothing_is_reserved_twice_and_nothing_is_lost_in_silence():
    found = numbers(verdicts(range(5000, 5040), morning))

    assert found["failures"] == []
    assert (found["mornings"], found["doubles"], found["silent"]) == (40, 0, 0)
    assert found["wins"] + sum(found["losses"].values()) == 40
    assert found["wins"] >= 8


def test_the_same_seed_is_the_same_morning():
    first, second = morning(5000), morning(5000)

    assert (first.exit_code, first.sentence) == (second.exit_code, second.sentence)

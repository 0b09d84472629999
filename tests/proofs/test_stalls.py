"""A sample of `make stalls`."""

from __future__ import annotations

import pytest

from reserve.simulator import SIMULATED_SYSTEMS
from tests.proofs.stalls import Case, SetClock, Stall, StalledServer, cases, numbers
from tests.proofs.stalls_store import HELD, StalledStore

SAMPLE: list[Case] = [
    *(SetClock(system, 8.0, -60.0) for system in SIMULATED_SYSTEMS),
    StalledStore("recus", "is locked", HELD),
    StalledStore("ntnui", "is full", "3 s ahead"),
]


@pytest.mark.parametrize("case", SAMPLE, ids=str)
def test_nothing_waits_without_an_end(case: Case) -> None:
    assert case.verdict().problems == ()


@pytest.mark.parametrize(("system", "sample"), [("recus", slice(0, None, 37)), ("ntnui", slice(5, None, 29))])
def test_no_server_makes_us_wait_without_an_end(system: str, sample: slice) -> None:
    of_servers = [case for case in cases([system]) if not isinstance(case, StalledStore)]

    found = [case.verdict() for case in of_servers[sample]]

    assert len(found) >= 3
    assert [(each.name, each.problems) for each in found if each.problems] == []


def test_one_machine_alone_asks_while_its_link_to_the_database_is_frozen(server: str) -> None:
    assert StalledStore("recus", "is frozen", "3 s ahead", server).verdict().problems == ()


def test_what_is_late_is_counted() -> None:
    """A clock that was wrong by a minute before anybody measured it: the proof can fail."""
    found = SetClock("recus", 70.0, -60.0).verdict()

    assert numbers([found])["late"] == 1


def test_a_stall_says_what_it_is() -> None:
    stall = StalledServer("recus", Stall("GET /a", 2, "drips", length="for ever")).stall

    assert str(stall) == "GET /a #2 drips for ever"

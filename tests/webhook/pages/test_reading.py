"""What the pages show, and of whom."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import chain
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from reserve.storage.plans import PlanStore
from reserve.storage.schema import RUNS
from tests.webhook.pages.conftest import Household
from webhook_server.pages.house import AT_ONCE
from webhook_server.pages.planning import A_PAGE


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/new", "/runs", "/code", "/accounts", "/plans/1"])
def test_every_page_is_there_for_whoever_signed_in(household: Household, path: str) -> None:
    answer = household.client("anna").get(path)

    assert answer.status_code == 200
    assert "<h1>" in answer.text


def test_plans_come_page_by_page_each_persons_own(household: Household) -> None:
    with household.store() as store:
        anna, ben = (PlanStore(store).get(number) for number in household.plans.values())
        assert anna is not None
        assert ben is not None
        numbers = PlanStore(store).add([anna.body, ben.body] * AT_ONCE)
    client, mine = household.client("anna"), [1, *numbers[::2]]

    pages = [client.get(f"/plans?from={first}").text for first in range(0, len(mine) + A_PAGE, A_PAGE)]
    beyond = client.get(f"/plans?from={10**30}")

    shown = [[int(number) for number in re.findall(r'<a href="/plans/(\d+)"', page)] for page in pages]
    assert [*chain.from_iterable(shown)] == mine
    assert max(map(len, shown)) == A_PAGE
    assert [">More<" in page for page in pages] == [True, True, False, False]
    assert beyond.status_code == 200


@pytest.mark.parametrize("name", ["anna", "ben"])
def test_what_comes_up_is_found_without_reading_all_the_runs_of_years(
    household: Household, name: str
) -> None:
    engine, client = household.pages.extensions["house"].store.engine, household.client(name)
    steps = [0]

    def count() -> None:
        steps[0] += 1

    def counted(connection: Any, _: object) -> None:
        connection.set_progress_handler(count, 10)  # of SQLite's own instructions

    event.listen(engine, "connect", counted)
    engine.dispose()

    def effort() -> int:
        client.get("/")
        steps[0] = 0
        assert client.get("/").status_code == 200
        return steps[0]

    before = effort()
    with engine.begin() as connection:
        old = dict(connection.execute(select(RUNS).where(RUNS.c.run_id.endswith(name))).mappings().one())
        years = [
            old | {"run_id": f"{number}", "started": old["started"] - timedelta(hours=number)}
            for number in range(1000)
        ]
        connection.execute(insert(RUNS), years)

    assert effort() < before + 100

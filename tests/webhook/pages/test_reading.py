"""What the pages show, and of whom."""

from __future__ import annotations

import re
from itertools import chain

import pytest

from reserve.storage.plans import PlanStore
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

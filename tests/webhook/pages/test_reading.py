"""What the pages show, and of whom."""

from __future__ import annotations

import pytest

from tests.webhook.pages.conftest import Household


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/new", "/runs", "/code", "/accounts", "/plans/1"])
def test_every_page_is_there_for_whoever_signed_in(household: Household, path: str) -> None:
    answer = household.client("anna").get(path)

    assert answer.status_code == 200
    assert "<h1>" in answer.text

"""What the pages show, and of whom."""

from __future__ import annotations

import re
from datetime import timedelta
from itertools import chain
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import event, insert, select

from reserve.errors import CauseWord
from reserve.storage.people import People
from reserve.storage.plans import PlanStore
from reserve.storage.runs import Record
from reserve.storage.schema import RUNS
from reserve.waterfall.page import OF_PICTURE
from tests.webhook.pages.conftest import Household
from webhook_server import pages
from webhook_server.pages.house import A_PAGE, AT_ONCE


@pytest.mark.parametrize("path", ["/", "/plans", "/plans/new", "/runs", "/code", "/accounts", "/plans/1"])
def test_every_page_is_there_for_whoever_signed_in(household: Household, path: str) -> None:
    answer = household.client("anna").get(path)

    assert answer.status_code == 200
    assert "<h1" in answer.text


def test_plans_come_page_by_page_each_persons_own(household: Household) -> None:
    with household.store() as store:
        anna, ben = (PlanStore(store).get(number) for number in household.plans.values())
        assert anna is not None
        assert ben is not None
        numbers = PlanStore(store).add([anna.body, ben.body] * 2 * AT_ONCE)
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


def test_totals_are_a_chart_that_can_be_read_as_text(household: Household) -> None:
    with household.store() as store:
        for number, (code, cause, margin) in enumerate(
            [(0, None, 9), (0, None, 12), (1, CauseWord.RIVALS, 31), (1, CauseWord.LATE, -4), (1, None, None)]
        ):
            record = Record(store, f"20260302T00000{number}-x", "", household.clock.now)
            record.begin("recus", "Moscone")
            late = None if margin is None else timedelta(milliseconds=margin)
            record.end(code, "It ended.", cause=cause, margin=late)

    page = household.client("anna").get("/runs").text

    assert "2 of 6 reserved (33 %)." in page  # with the one that was there
    columns = [re.sub(r"<[^>]*>|\s+", " ", each) for each in re.findall(r"(?s)<li><span.*?</li>", page)]
    assert [" ".join(each.split()) for each in columns] == [
        "0 reserved, 1 lost, early",
        "1 reserved, 0 lost, 10",
        "1 reserved, 0 lost, 30",
        "0 reserved, 2 lost, 100",
        "none, 300",
        "none, 1000",
        "none, more",
    ]
    assert '<rect class="lost" y="0.0" width="40" height="100.0"/>' in page
    assert "style=" not in page


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("/", "Plan a game"),
        ("/plans", "No plans yet."),
        ("/runs", "Nothing has run yet"),
        ("/runs?ended=won", "Show all"),
        ("/accounts", "No account is stored yet."),
        ("/plans/new", "add one"),
    ],
)
def test_where_there_is_nothing_yet_a_page_says_what_to_do_next(
    household: Household, path: str, said: str
) -> None:
    with household.store() as store:
        People(store).keep("cleo", "correct horse battery", [])

    assert said in household.client("cleo").get(path).text


def test_the_picture_of_a_run_and_the_page_around_it_share_no_class() -> None:
    sheet = Path(pages.__file__).with_name("static") / "style.css"

    of_page, of_picture = (
        set(re.findall(r"\.([a-z][a-z-]*)(?=[^{};]*\{)", text)) for text in (sheet.read_text(), OF_PICTURE)
    )

    assert {"card", "columns"} <= of_page
    assert "rival" in of_picture
    assert of_page & of_picture == set()


def test_a_browser_that_keeps_a_style_sheet_for_a_day_asks_for_the_new_one_after_an_upgrade(
    household: Household, tmp_path: Path
) -> None:
    page, folder = household.client("anna").get("/").text, tmp_path / "static"
    folder.mkdir()
    (folder / "style.css").write_text("a {}")
    before = pages.stamp_of(folder)
    (folder / "style.css").write_text("b {}")

    assert pages.stamp_of(folder) != before
    assert f"/static/style.css?of={pages.stamp_of(Path(pages.__file__).with_name('static'))}" in page

"""What the version before wrote, at revision 0003, is all there and readable; the samples were made by it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from sqlalchemy import Engine, create_engine, text

from reserve.model import ActionKind, SeenOpening
from reserve.plans import due
from reserve.plans.plan import Choice
from reserve.storage.database import NAME, Store
from reserve.storage.plans import PlanStore
from reserve.storage.runs import Record, RunStore, player_key
from reserve.storage.secrets import Accounts, SecretStore, StoredTokens
from tests.storage.test_migrations import SAMPLES, differences, do, statements

KEY = "dGhlIGtleSBvZiB0aGlzIHNhbXBsZSBhbmQgbm8gb3Q="
PLAYER = player_key("recus", "api.rec.us", "player@example.com")
OTHER = player_key("atrium", "gateway.example", "other@example.com")
# Table then -> table now, and the columns that have another name now, or none.
TABLES: dict[str, tuple[str, dict[str, str | None]]] = {
    "runs": ("runs", {"wish": "request", "host": None}),
    "deeds": ("actions", {"what": "kind"}),
    "lags": ("openings", {"learnt": "learned"}),
    "secrets": ("secrets", {"sealed": "encrypted"}),
    "plans": ("plans", {}),
    "turns": ("occurrences", {}),
    "beats": ("last_done", {}),
}
Rows = list[dict[str, Any]]


def rows(engine: Engine, table: str) -> Rows:
    """What stands in a table."""
    with engine.connect() as connection:
        found = [dict(row) for row in connection.execute(text(f"SELECT * FROM {table}")).mappings()]
    return sorted(found, key=lambda row: str(list(row.values())[:2]))


@pytest.fixture
def engine(tmp_path: Path, database: str | None) -> Iterator[Engine]:
    """The database as the version before left it."""
    made = create_engine(database or f"sqlite:///{tmp_path / NAME}")
    do(made, *statements(SAMPLES / f"store-0003.{made.dialect.name}.sql"))
    yield made
    made.dispose()


@pytest.fixture
def store(engine: Engine, tmp_path: Path, database: str | None) -> Iterator[Store]:
    """The same, opened by this version."""
    with closing(Store(tmp_path, database)) as store:
        yield store


def test_no_value_is_lost_and_the_tables_are_those_of_today(
    engine: Engine, tmp_path: Path, database: str | None
) -> None:
    before = {table: rows(engine, table) for table in TABLES}

    Store(tmp_path, database).close()

    assert differences(engine) == []
    for old, (new, renamed) in TABLES.items():
        names = {name: renamed.get(name, name) for name in before[old][0]}
        expected = [{new: row[old] for old, new in names.items() if new is not None} for row in before[old]]
        today = rows(engine, new)
        assert [{name: row[name] for name in expected[0]} for row in today] == expected
        assert {value for row in today for name, value in row.items() if name not in expected[0]} <= {None, 0}
        assert expected


def test_every_run_can_be_read(store: Store) -> None:
    unknown, cut_off, reserved = RunStore(store).history()

    assert (reserved.exit_code, reserved.request) == (0, "Alice Marble, tennis, 2026-03-09 18:00")
    assert reserved.ended == datetime(2026, 3, 2, 16, 0, 1, tzinfo=UTC)
    assert [action.kind for action in reserved.actions] == [
        *[ActionKind.ASKING] * 2,
        *[ActionKind.HELD] * 2,
        ActionKind.CONFIRMING,
        ActionKind.CONFIRMED,
        ActionKind.RELEASED,
    ]
    assert reserved.orders(ActionKind.CONFIRMED) == {"order-1"}
    assert (cut_off.ended, cut_off.orders(ActionKind.HELD)) == (None, {"order-3"})
    assert cut_off.actions[1].moment == datetime(2026, 3, 9, 15, 0, 0, 250_000, tzinfo=UTC)
    assert (unknown.exit_code, unknown.orders(ActionKind.KEPT)) == (7, {"order-4"})


def test_a_run_that_was_cut_off_is_put_in_order_by_this_version(store: Store) -> None:
    mine = Record(
        store, "mine", PLAYER, lambda: datetime(2026, 3, 9, 16, tzinfo=UTC), where="recus api.rec.us"
    )

    (past,) = mine.cut_off()
    mine.end(None, "Not reserved: cut off.", of=past.run_id)

    assert past.run_id == "20260309T145500-0002"
    assert mine.cut_off() == []
    known = SeenOpening(delay=(timedelta(seconds=1.2), timedelta(seconds=1.45)))
    assert mine.openings("Alice Marble") == [known]


def test_accounts_and_tokens_are_decrypted(store: Store, tmp_path: Path) -> None:
    secrets = SecretStore(store, tmp_path, KEY)

    assert Accounts(secrets).read("home") == {
        "RESERVE_SYSTEM": "atrium",
        "RESERVE_EMAIL": "player@example.com",
        "RESERVE_PASSWORD": "c4nary",
        "RESERVE_PHONE": "+14155550123",
    }
    assert StoredTokens(secrets, OTHER, given="by hand").kept() == ("rotated",)


def test_plans_of_every_kind_can_be_read(store: Store) -> None:
    stored = PlanStore(store).all()

    weekly, waiting, link, pickleball = map(due.plan_of, stored)

    assert weekly.choices == (
        Choice("Alice Marble", ("Court 2", "Court 1"), (time(19, 30),)),
        Choice("Moscone"),
    )
    assert (weekly.rule, weekly.skipped) == (
        "FREQ=WEEKLY;BYDAY=MO;BYHOUR=18;BYMINUTE=0",
        frozenset({date(2026, 4, 6)}),
    )
    assert (weekly.until, weekly.at_once) == (date(2026, 12, 31), True)
    assert (waiting.account, waiting.wait_list, waiting.notice) == ("home", True, timedelta(hours=3))
    assert (link.system, link.link) == ("ntnui", "https://ntnui.example/session/17")
    assert (pickleball.sport, pickleball.pay) == ("pickleball", "credit")
    prices = [each.max_price for each in (weekly, waiting, link, pickleball)]
    assert prices == [Decimal("12.50"), None, None, Decimal(5)]
    assert [each.rule for each in stored] == ["7 days 08:00:00", "168 hours", None, None]
    assert [each.trouble for each in stored] == [None, None, "the facility cannot be reached", None]
    assert [each.is_paused for each in stored] == [False, False, False, True]


def test_what_is_ahead_goes_on_where_it_stood(store: Store) -> None:
    plan_store = PlanStore(store)
    soon = datetime(2026, 3, 9, 15, 1, tzinfo=UTC)

    cancelled, reserved = plan_store.occurrences(ended=True)
    (taken_over,) = plan_store.claim(soon, "here", soon + due.LEASE)

    assert (cancelled.exit_code, reserved.run_id) == (1, "20260302T155500-0001")
    assert (taken_over.claims, taken_over.false_starts) == (2, 2)
    assert [each.claims for each in plan_store.occurrences(1, ended=False)] == [0, 2]
    assert not plan_store.first("refresh", soon, since=datetime(2026, 3, 9, 14, tzinfo=UTC))
    assert plan_store.add([{"a": "new plan"}]) == [5]

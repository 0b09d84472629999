"""Reading other people's JSON: what is needed, what may be strange, and what an error may say."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
from msgspec import Struct

from reserve.errors import UnknownAnswer
from reserve.http import Answer
from reserve.systems.reading import NOTHING, Amount, Maybe, Readable, moment, read


class Court(Struct):
    id: str
    cents: Maybe[Amount] = NOTHING


class Facility(Struct):
    name: str
    courts: Readable[Court]


def answered(body: object) -> Answer:
    return Answer("GET /x", 200, {}, json.dumps(body))


def test_what_is_needed_is_read_and_the_rest_is_not_looked_at() -> None:
    body = {"name": "Park", "courts": [{"id": "1", "cents": 500, "size": {}}], "images": 7}

    found = read(answered(body), Facility)

    assert (found.name, found.courts[0].id, found.courts[0].cents.value) == ("Park", "1", 500)


def test_the_first_place_that_has_it_counts() -> None:
    assert read(answered({"data": {"id": 7}, "order": {"id": "x"}}), Court, "data", "order", "").id == "x"


@pytest.mark.parametrize(
    ("body", "path"),
    [
        ({}, "name"),
        ({"name": "Park"}, "courts"),
        ({"name": ["secret"], "courts": []}, "name"),
        ({"name": "Park", "courts": "secret"}, "courts"),
        ({"name": "Park", "courts": [{"id": 7}]}, "courts.id"),
        ({"name": "Park", "courts": [{}]}, "courts.id"),
    ],
)
def test_what_is_missing_or_something_else_is_named_without_its_value(body: object, path: str) -> None:
    with pytest.raises(UnknownAnswer, match=rf"^GET /x: the answer \(200\) has no '{path}'$"):
        read(answered(body), Facility)


def test_a_place_is_part_of_the_path() -> None:
    with pytest.raises(UnknownAnswer, match=r"has no 'included\.payments\.0\.id'"):
        read(answered({"included": {"payments": [{"id": None}]}}), Court, "included.payments.0")


@pytest.mark.parametrize("entries", [[{"id": "1"}, None, {"id": 7}], {"a": {"id": "1"}, "b": "noise"}])
def test_of_a_list_or_of_an_object_keyed_by_id_the_readable_entries_are_read(entries: Any) -> None:
    found = read(answered({"name": "Park", "courts": entries}), Facility)

    assert [court.id for court in found.courts] == ["1"]


@pytest.mark.parametrize("cents", [None, True, 5.0, "500", -1, [], {}])
def test_an_amount_that_is_no_whole_number_is_not_believed(cents: object) -> None:
    assert read(answered({"id": "1", "cents": cents}), Court).cents.value is None


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("2026-03-02T16:10:00.412Z", datetime(2026, 3, 2, 16, 10, 0, 412_000, tzinfo=UTC)),
        ("2026-03-02T08:10:00-08:00", datetime(2026, 3, 2, 16, 10, tzinfo=UTC)),
        ("2026-03-02T16:10:00", datetime(2026, 3, 2, 16, 10, tzinfo=UTC)),
        ("9999-12-31T23:59:59Z", None),
        ("soon", None),
        ("", None),
        (None, None),
        (7, None),
    ],
)
def test_a_moment_is_read_in_utc(text: object, found: datetime | None) -> None:
    assert moment(text) == found

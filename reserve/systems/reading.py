"""The one reader of other people's JSON: what we need of an answer is a `msgspec.Struct`, and is typed there.

A model names the fields that are read and no others, so that a field we do not need cannot break anything.
One that we can do without is a `Maybe`; a list of which single entries may be strange is a `Readable`.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import suppress
from datetime import UTC, datetime, tzinfo
from typing import Annotated, Any, Generic, TypeVar, get_args, get_origin

from dateutil.parser import isoparse
from msgspec import Meta, ValidationError, convert

from reserve.errors import UnknownAnswer, UsageError
from reserve.http import Answer
from reserve.window import at

T = TypeVar("T")

Amount = Annotated[int, Meta(ge=0)]  # of money, in a currency's smallest unit
YEARS = range(2000, 3000)  # others cannot be expressed in every zone


class Maybe(Generic[T]):
    """What may be missing, or be something else: then its `value` is None."""

    def __init__(self, value: T | None = None) -> None:
        """Hold what was found."""
        self.value = value


NOTHING: Maybe[Any] = Maybe()  # the default of a field that is a `Maybe`


class Readable(list[T]):
    """The entries of a list, or of an object keyed by id, without those that cannot be read.

    Where none of several can be, the answer is not what we take it for.
    """


def read(answer: Answer, model: type[T], *places: str) -> T:
    """The *model* in *answer*, at the first of *places* ("data.order"; "" is all of it) where there is one.

    Raises `UnknownAnswer` naming the field that is missing or is something else, never its value.
    """
    body, wrongs = answer.json(), []
    for place in places or ("",):
        try:
            return convert(_at(body, place), model, dec_hook=_decoded)
        except ValidationError as failure:
            wrongs.append(_sentence(place, str(failure)))
    deepest = max(wrongs, key=lambda wrong: wrong.count("."))  # what came closest to being the model
    raise UnknownAnswer(f"{answer.asked}: the answer ({answer.status}) {deepest}")


def fitting(value: object, model: type[T], *places: str) -> T | None:
    """The *model* in *value*, at the first of *places* where there is one; None if there is none."""
    for place in places or ("",):
        with suppress(ValidationError):
            return convert(_at(value, place), model, dec_hook=_decoded)
    return None


def moment(value: object, zone: tzinfo = UTC) -> datetime | None:
    """The moment in *value*, read in *zone* when it has no offset; None if there is none."""
    if not isinstance(value, str):
        return None
    try:
        found = isoparse(value)
        found = found.astimezone(zone) if found.tzinfo else at(found.date(), found.time(), zone)
    except (ValueError, OverflowError, UsageError):
        return None
    return found if found.year in YEARS else None


def texts(value: object) -> Iterator[str]:
    """Every text in *value*, however deep: APIs say what is wrong by field, in lists."""
    if isinstance(value, str):
        yield value
    elif isinstance(value, dict | list):
        for each in value.values() if isinstance(value, dict) else value:
            yield from texts(each)


def _at(value: object, place: str) -> object:
    """What is in *value* at *place*, a dotted path; None if nothing does."""
    for key in filter(None, place.split(".")):
        if isinstance(value, list):
            value = dict(enumerate(value)).get(int(key)) if key.isdigit() else None
        else:
            value = value.get(key) if isinstance(value, dict) else None
    return value


def _decoded(kind: Any, value: object) -> object:
    """What `msgspec` leaves to us: a `Maybe`, a `Readable`, or an `object`, which may be anything."""
    if kind is object:
        return value
    (inner,) = get_args(kind)
    if get_origin(kind) is Maybe:
        return Maybe(fitting(value, inner))
    entries = list(value.values()) if isinstance(value, dict) else value
    if not isinstance(entries, list):
        raise ValueError("no list")  # in which msgspec puts the path
    found = [each for each in (fitting(entry, inner) for entry in entries) if each is not None]
    if entries and not found:
        try:
            convert(entries[0], inner, dec_hook=_decoded)
        except ValidationError as wrong:
            raise ValueError(str(wrong)) from None
    return Readable(found)


def _sentence(place: str, wrong: str) -> str:
    """What msgspec says is *wrong* at *place*: the path of the field, and not its value."""
    path = "".join(reversed(re.findall(r"at `\$(.*?)`", wrong)))
    field = re.search(r"field `(.*?)`", wrong)
    path = f"{place}{path}.{field[1]}" if field else f"{place}{path}"
    return f"has no '{path.lstrip('.')}'" if path else "is not what we know"

"""Whether answers still look as they were recorded: which of their fields are new.

A field that is needed and missing is no matter of this module: who reads the answer says so.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from reserve.errors import ServiceError
from reserve.http import Answer

# A key that is no name but an id, a date, a time, or what people call a court.
NO_NAME = re.compile(r"\d.*|.*[ ,:/].*|[0-9a-fA-F]{8}-.*", re.DOTALL)
SHOWN = 5  # fields


class Drift:
    """The answers of one check, compared with the fields that are known of each kind of them.

    *shapes* has those by what was asked, "GET /v1/locations/*", where a star stands for any one part.
    """

    def __init__(self, shapes: Mapping[str, str]) -> None:
        """Nothing is heard yet."""
        self._shapes = {asked: frozenset(fields.split()) for asked, fields in shapes.items()}
        self.compared = 0
        self.new: list[str] = []

    def hear(self, answer: Answer) -> None:
        """Note what is new in *answer*."""
        known = self._known(answer.asked)
        if known is None or not answer.is_good:
            return
        try:
            found = fields_of(answer.json())
        except ServiceError:  # no JSON; who reads it will say so
            return
        self.compared += 1
        for field in sorted(found - known):
            if not any(field.startswith(f"{each}.") for each in self.new) and field not in self.new:
                self.new.append(field)

    def _known(self, asked: str) -> frozenset[str] | None:
        """What is known of answers to who *asked* that; the pattern with the fewest stars counts."""
        fitting = [each for each in self._shapes if _is_like(asked, each)]
        return self._shapes[min(fitting, key=lambda each: each.count("*"))] if fitting else None

    def __str__(self) -> str:
        """Say it to a person."""
        alike = f"{self.compared} compared with what is known"
        if not self.new:
            return f"{alike}, nothing new"
        more = f" and {len(self.new) - SHOWN} more" if len(self.new) > SHOWN else ""
        return f"{alike}; new, and not needed: {', '.join(self.new[:SHOWN])}{more}"


def fields_of(value: object, path: str = "") -> set[str]:
    """The dotted path of every field in *value*; entries of a list share theirs."""
    return set(_fields(value, path))


def _fields(value: object, path: str) -> Iterator[str]:
    if isinstance(value, list):
        for each in value:
            yield from _fields(each, path)
    elif isinstance(value, dict):
        for key, each in value.items():
            name = "*" if NO_NAME.fullmatch(key) else key
            inner = f"{path}.{name}" if path else name
            yield inner
            yield from _fields(each, inner)


def _is_like(asked: str, pattern: str) -> bool:
    parts, wanted = asked.split("/"), pattern.split("/")
    return len(parts) == len(wanted) and all(
        want in ("*", part) for part, want in zip(parts, wanted, strict=True)
    )

"""Reading a file of plans: what is wrong in it is told with its line and its path."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import TYPE_CHECKING

from reserve.errors import UsageError
from reserve.plans import plan as plans
from reserve.plans.plan import Plan

if TYPE_CHECKING:
    from jsonschema.exceptions import ValidationError

SCHEMA = Path(__file__).with_name("plans.schema.json")
MOST = 5  # mistakes that are told at once
LONGEST = 160  # letters of one mistake
LARGEST = 10_000_000  # bytes of a file; a thousand plans take a fiftieth of it

Steps = Sequence[str | int]


def content_of(path: Path) -> str:
    """What stands in the file *path*; raises `UsageError` when it cannot be a file of plans."""
    name = repr(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"{name} is larger than {LARGEST // 1_000_000} MB; that is no file of plans")
        return content.decode("utf-8-sig")
    except OSError as failure:
        raise UsageError(f"{name} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} cannot be read: it is no text in UTF-8") from None


def read_plans(text: str, name: str, today: date) -> list[Plan]:
    """The plans in *text*, the content of the file *name*; raises `UsageError` that tells what is wrong."""
    from jsonschema import Draft202012Validator

    try:
        bodies = json.loads(text, parse_constant=_no_number)
    except json.JSONDecodeError as failure:
        raise UsageError(f"{name}, line {failure.lineno}: this is not JSON: {failure.msg}") from None
    except ValueError as failure:
        raise UsageError(f"{name}: {str(failure).partition(';')[0]}") from None
    except RecursionError:
        raise UsageError(f"{name}: nested too deeply") from None
    mistakes: list[tuple[Steps, str]] = []
    validator = Draft202012Validator(json.loads(SCHEMA.read_text()))
    for error in validator.iter_errors(bodies):
        mistakes.append((list(error.absolute_path), _said(error)))
    if bodies == []:
        raise UsageError(f"{name} has no plan in it")
    found = []
    for place, body in enumerate(bodies if not mistakes else ()):
        try:
            found.append(plans.from_json(body, today))
        except UsageError as failure:
            field, _, why = str(failure).partition(": ")
            mistakes.append(([place, field], why))
    if mistakes:
        lines = sorted((line_of(text, steps), path_of(steps), why) for steps, why in mistakes)
        told = [f"line {line}, {path}: {why}" for line, path, why in lines[:MOST]]
        more = f"; and {len(lines) - MOST} more" if len(lines) > MOST else ""
        raise UsageError(f"{name}: nothing was imported: {'; '.join(told)}{more}")
    return found


def _no_number(text: str) -> None:
    raise ValueError(f"{text} is no number")


def _said(error: ValidationError) -> str:
    if error.validator == "pattern":
        return (
            f"{error.instance!r} is not written as it has to be, such as 2026-12-02, 18:00 or both with a T"
        )
    if error.validator == "anyOf":
        return "'choices' is missing: the facilities"
    return shortened(error.message)


def shortened(text: str) -> str:
    """*text* without its middle when it is long: it may show all that is in the file."""
    return text if len(text) <= LONGEST else f"{text[: LONGEST // 2]} … {text[-LONGEST // 2 :]}"


def path_of(steps: Steps) -> str:
    """*steps* into a JSON text as a person writes them: `[3].choices[0].or`."""
    return "".join(f"[{step}]" if isinstance(step, int) else f".{step}" for step in steps) or "the whole"


def line_of(text: str, steps: Steps) -> int:
    """The line on which the value begins to which *steps* lead in the JSON *text*."""
    place = _skip_blanks(text, 0)
    for step in steps:
        inner = _member(text, place, step)
        if inner is None:
            break
        place = inner
    return text.count("\n", 0, place) + 1


def _member(text: str, place: int, step: str | int) -> int | None:
    """Where the member *step* begins of the list or object that begins at *place*."""
    decoder = json.JSONDecoder()
    is_object = text[place] == "{"
    place = _skip_blanks(text, place + 1)
    number = 0
    while text[place] not in "]}":
        key: str | int = number
        if is_object:
            key, place = decoder.raw_decode(text, place)
            place = _skip_blanks(text, _skip_blanks(text, place) + 1)
        if key == step:
            return place
        _, place = decoder.raw_decode(text, place)
        place = _skip_blanks(text, place)
        if text[place] == ",":
            place = _skip_blanks(text, place + 1)
        number += 1
    return None


def _skip_blanks(text: str, place: int) -> int:
    found = re.compile(r"\s*").match(text, place)
    return found.end() if found else place

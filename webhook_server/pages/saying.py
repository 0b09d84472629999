"""What pages say of what was asked for: it is done, or what is wrong."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from hashlib import sha256
from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from reserve.errors import Overdue, ReserveError, Unreachable

# The fields of the form for a plan -> the options that they are; there may be several of `court`.
FIELDS = {
    "date": "--date",
    "every": "--every",
    "rrule": "--rrule",
    "court": "--court",
    "time": "--start-time",
    "end": "--end-time",
    "until": "--until",
    "skip": "--except",
    "sport": "--sport",
    "system": "--system",
    "link": "--link",
    "account": "--account",
    "max_price": "--max-price",
}
# What else the form says: a box to tick, and what the plan was by the time the form was filled in for it.
TYPED = (*FIELDS, "wait_list", "seen")

# What the form calls them.
LABELS = {
    "date": "Once, on",
    "every": "Every",
    "rrule": "A rule (RFC 5545)",
    "court": "Facility, and its courts",
    "time": "From",
    "end": "To",
    "until": "Last day",
    "skip": "Not on",
    "sport": "Sport",
    "system": "Booking system",
    "link": "Or the link of a session",
    "account": "Account",
    "max_price": "Price, at most",
}
FIELD_OF = {option: name for name, option in FIELDS.items()} | {"--only": "court"}
OPTION = re.compile(r"--[a-z][a-z-]*(?=[ :,;.]|$)")


def done(sentences: Sequence[str], where: str, **named: Any) -> Response:
    """Say that it is done, on the page *where*."""
    for each in sentences:
        flash(each, "good")
    return redirect(url_for(where, **named))


def said(failure: ReserveError) -> str:
    """What is wrong, for somebody who sees a form and no options."""
    text = OPTION.sub(_as_labelled, str(failure))
    if isinstance(failure, Unreachable | Overdue):
        text = f"no answer came ({text}); try again in a minute"
    for command in ("plan add ", "plan edit ", ""):
        text = text.replace(f"; see {command}--help", "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def mark_of(*told: object) -> str:
    """By what it is seen later whether a form, or a cookie, is about what is there now."""
    return sha256(json.dumps(told).encode()).hexdigest()[:16]


def field_of(failure: ReserveError) -> str | None:
    """The field of the form for a plan that is wrong, as far as the sentence names one."""
    return next((FIELD_OF[each] for each in OPTION.findall(str(failure)) if each in FIELD_OF), None)


def _as_labelled(option: re.Match[str]) -> str:
    name = FIELD_OF.get(option[0])
    return f"“{LABELS[name]}”" if name else option[0]

"""What pages say of what was asked for: it is done, or what is wrong."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from flask import flash, redirect, url_for
from werkzeug.wrappers import Response

from reserve.errors import ReserveError

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


def done(sentences: Sequence[str], where: str, **named: Any) -> Response:
    """Say that it is done, on the page *where*."""
    for each in sentences:
        flash(each, "good")
    return redirect(url_for(where, **named))


def said(failure: ReserveError) -> str:
    """What is wrong, for somebody who sees a form and no options."""
    text = str(failure)
    names = {option: name.replace("_", " ") for name, option in FIELDS.items()} | {"--rrule": "rule"}
    text = re.sub(r"--[a-z][a-z-]*(?=[ :,;]|$)", lambda option: names.get(option[0], option[0]), text)
    for command in ("plan add ", "plan edit ", ""):
        text = text.replace(f"; see {command}--help", "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"

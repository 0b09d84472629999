"""The form for a plan, and the options of `plan add` and `plan edit` that it stands for."""

from __future__ import annotations

from datetime import datetime, timedelta
from itertools import pairwise

from werkzeug.datastructures import MultiDict

from reserve.commands.plan_options import CLEARED, words_of
from reserve.errors import UsageError
from reserve.plans.plan import Plan
from webhook_server.pages.saying import FIELDS

WHEN = ("date", "every", "rrule")  # one of these
MAY_BE_EMPTIED = {*WHEN, "time", "end"}  # as another field may say it
MINUTE = timedelta(minutes=1)


def words_in(form: MultiDict[str, str]) -> list[str]:
    """What `plan add` would be told with this form; a value is never taken for an option."""
    said = [f"{option}={text}" for name, option in FIELDS.items() for text in _texts(form, name)]
    return [*said, *(["--wait-list"] if form.get("wait_list") else []), "-m"]


def form_of(plan: Plan) -> MultiDict[str, str]:
    """The form as it was filled in for *plan*."""
    words = words_of(plan)
    start = next(plan.starts(plan.first - MINUTE), plan.first)
    form = MultiDict[str, str]([("time", span(start, plan.length))])
    if plan.rule is None:
        form["date"] = f"{plan.first:%Y-%m-%d}"
    elif plan.when.startswith("every "):  # which says the time, too
        form["every"] = f"{plan.when.removeprefix('every ')}-{start + plan.length:%H:%M}"
        form["time"] = ""
    else:
        form["rrule"] = plan.rule
    form.setlist("court", [text for option, text in pairwise(words) if option == "-c"])
    wanted = {
        "until": plan.until,
        "sport": plan.sport,
        "system": plan.system,
        "link": plan.link,
        "account": plan.account,
        "max_price": plan.max_price,
        "wait_list": "1" if plan.wait_list else None,
    }
    for name, value in wanted.items():
        form[name] = "" if value is None else str(value)
    return form


def edits_in(form: MultiDict[str, str], plan: Plan) -> list[str]:
    """What `plan edit` would be told: what *form* says otherwise than *plan*; raises `UsageError`."""
    before, words = form_of(plan), list[str]()
    if sum(bool(_texts(form, name)) for name in WHEN) > 1:
        raise UsageError("give one of --every, --rrule and --date")
    for name, option in FIELDS.items():
        texts = _texts(form, name)
        if name not in form or texts == _texts(before, name):
            continue
        if not texts and (cleared := option.removeprefix("--")) in CLEARED:
            words.append(f"--without={cleared}")
        elif not texts and name not in MAY_BE_EMPTIED and not (name == "court" and plan.link):
            raise UsageError(f"{option} is missing")
        words += [f"{option}={text}" for text in texts]
    if bool(form.get("wait_list")) != plan.wait_list:
        words.append("--without=wait-list" if plan.wait_list else "--wait-list")
    return words


def span(start: datetime, length: timedelta) -> str:
    """When a slot begins and ends, as the form has it: 18:00-19:30."""
    return f"{start:%H:%M}-{start + length:%H:%M}"


def _texts(form: MultiDict[str, str], name: str) -> list[str]:
    """What is written in the fields of this name."""
    return [text.strip() for text in form.getlist(name) if text.strip()]

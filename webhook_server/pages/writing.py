"""Pages that change something: plans, codes, accounts and the address of the calendar."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from contextlib import suppress
from datetime import date
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, session, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from reserve.commands.account import fitting, keep, name_in, refuse_no_secret
from reserve.commands.mailbox import digits_in
from reserve.commands.options import one_of
from reserve.commands.plan import described
from reserve.commands.plan_options import plan_parser
from reserve.errors import ReserveError, UsageError
from reserve.plans.due import plan_of
from reserve.plans.file import body_of, plan_in
from reserve.storage.plans import StoredPlan
from reserve.storage.typed_codes import hand_over, waiting
from reserve.systems import PROFILES, SPORTS
from reserve.systems.profile import EMAIL
from webhook_server.inbox import Inbox
from webhook_server.pages.guard import mine
from webhook_server.pages.house import House, Mine

A_PAGE = 20  # plans
LONGEST_UNDO = 2_000  # letters; a cookie has no room for more
# The fields of the form for a plan -> the options of `plan add` that they are.
FIELDS = {
    "court": "--court",
    "second": "--court",
    "date": "--date",
    "every": "--every",
    "rrule": "--rrule",
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


def words_in(form: MultiDict[str, str]) -> list[str]:
    """What `plan add` would be told with this form; a value is never taken for an option."""
    said = [f"{option}={form[name].strip()}" for name, option in FIELDS.items() if form.get(name, "").strip()]
    return [*said, *(["--wait-list"] if form.get("wait_list") else []), "-m"]


def asked_for(form: MultiDict[str, str], own: Mine) -> argparse.Namespace:
    """The options in *form*; raises `UsageError`, also for an account of somebody else."""
    options = plan_parser().parse_args(["add", *words_in(form)])
    if not own.has_account(options.account) or (options.account and options.account not in own.accounts):
        raise UsageError("choose one of your accounts")
    return options


def said(failure: ReserveError) -> str:
    """What is wrong, for somebody who sees a form and no options."""
    text = str(failure)
    names = {option: name.replace("_", " ") for name, option in FIELDS.items()}
    names |= {"--start-time": "time", "--court": "court", "--except": "skip"}
    for option, name in names.items():
        text = text.replace(f"{option} ", f"{name} ").replace(f"{option}:", f"{name}:")
    text = text.replace("; see plan add --help", "").replace("; see --help", "")
    return f"{text[:1].upper()}{text[1:]}{'' if text.endswith(('.', '?')) else '.'}"


def add_writing(pages: Flask, house: House, inbox: Inbox) -> None:
    """Add the pages that change something."""

    def the_plan(number: int) -> StoredPlan:
        return mine(house).plan(number) or abort(404)

    def done(sentences: Sequence[str], where: str = "all_plans", **named: Any) -> Response:
        for each in sentences:
            flash(each, "good")
        return redirect(url_for(where, **named))

    @pages.get("/plans")
    def all_plans() -> str:
        own = mine(house)
        first = max(0, request.args.get("from", 0, type=int))
        shown = house.plans.summaries(own.plans[first : first + A_PAGE])
        return render_template(
            "plans.html",
            plans=shown,
            first=first,
            step=A_PAGE,
            many=len(own.plans),
            removed=session.get("removed"),
        )

    def form_page(form: MultiDict[str, str], code: int = 200, **shown: Any) -> tuple[str, int]:
        own = mine(house)
        return (
            render_template(
                "plan_form.html",
                form=form,
                accounts=own.accounts,
                sports=SPORTS,
                systems=[*PROFILES],
                **shown,
            ),
            code,
        )

    @pages.get("/plans/new")
    def new_plan() -> tuple[str, int]:
        own = mine(house)
        usual = {
            "system": house.settings.system,
            "account": own.accounts[0] if len(own.accounts) == 1 else "",
        }
        return form_page(MultiDict(usual))

    @pages.post("/plans/new")
    def new_plan_form() -> tuple[str, int] | Response:
        form, own, plans = request.form, mine(house), house.plans
        try:
            plan, preview = plans.planned(asked_for(form, own))
        except ReserveError as failure:
            flash(said(failure), "bad")
            return form_page(form, 400)
        twins = [number for number in plans.twins([plan]) if own.plan(number)]
        trouble = plans.account_trouble(plan, preview)
        if form.get("do") != "save":
            lines = described(plan, preview, house.clock.now())
            return form_page(form, lines=lines, twins=twins, trouble=trouble and said(UsageError(trouble)))
        return done([f"Saved as plan {plans.save(plan, preview)}."])

    @pages.get("/plans/<int:number>")
    def one_plan(number: int) -> str:
        stored = the_plan(number)
        (summary,) = house.plans.summaries([stored])
        past = house.plan_store.occurrences(number, ended=True, most=10)
        skipped: list[date] = []
        with suppress(UsageError):  # the summary says that it cannot be read
            skipped = sorted(plan_of(stored).skipped)
        return render_template("plan.html", plan=summary, past=past, skipped=skipped)

    @pages.post("/plans/<int:number>/<do>")
    def change_plan(number: int, do: str) -> Response:
        stored, plans = the_plan(number), house.plans
        day = request.form.get("date", "")[:100]
        try:
            if do == "pause":
                return done(plans.paused(stored)[:1], "one_plan", number=number)
            if do == "resume":
                return done(plans.resumed(stored), "one_plan", number=number)
            if do == "skip":
                return done(plans.skipping(stored, day), "one_plan", number=number)
            if do == "unskip":
                return done(plans.unskipping(stored, day), "one_plan", number=number)
        except UsageError as failure:
            flash(said(failure).replace("DATE", "Date"), "bad")
            return redirect(url_for("one_plan", number=number))
        if do != "remove":
            abort(404)
        sentences = plans.removed(stored)
        body = stored.body
        session["removed"] = body if len(str(body)) <= LONGEST_UNDO else None
        return done(sentences)

    @pages.post("/plans/undo")
    def undo() -> Response:
        body, own, plans = session.pop("removed", None), mine(house), house.plans
        if not isinstance(body, dict) or not own.has_account(body.get("account")):
            abort(404)
        plan = plan_in(body, house.clock.now().date(), "plan")
        (number,) = house.plan_store.add([body_of(plan)])
        plans.schedule(number)  # when its facility was read; else `due` does so
        return done([f"It is back, as plan {number}; the next `due` looks up when it opens."])

    @pages.get("/code")
    def code() -> str:
        return render_template("code.html", many=len(_waiting(house)))

    @pages.post("/code")
    def code_form() -> Response:
        digits = digits_in(request.form.get("code", "")[:100])
        if digits is None:
            flash("A one-time code has 4 to 8 digits; write it as 123456.", "bad")
        elif hand_over(house.settings.data, digits, house.clock.now(), to=_waiting(house)):
            flash("Handed to the run that waits for it.", "good")
        else:
            flash("No run here waits for a code; it is taken once a run has asked for one.", "bad")
        return redirect(url_for("code"))

    @pages.get("/accounts")
    def accounts(secret: str | None = None) -> str:
        own = mine(house)
        shown: list[dict[str, Any]] = []
        for name in own.accounts:
            try:
                stored = house.accounts.read(name)
                system, email = stored["RESERVE_SYSTEM"], _hidden(stored)
                shown.append(
                    {"name": name, "system": system, "email": email, "has_token": own.has_token(name)}
                )
            except UsageError:
                shown.append({"name": name, "system": "cannot be read"})
        variables = {name: profile.account_variables for name, profile in PROFILES.items()}
        age = inbox.age_of_newest()
        newest = "No text came in the last ten minutes."
        if age is not None:
            newest = f"The last text came {int(age.total_seconds())} seconds ago."
        return render_template(
            "accounts.html", accounts=shown, systems=variables, secret=secret, newest_text=newest
        )

    @pages.post("/accounts")
    def add_account() -> Response:
        own, form = mine(house), request.form
        try:
            name = name_in(form.get("name", "").strip(), "name")
            system = one_of(form.get("system", ""), PROFILES, "system")
            if name in house.accounts.names:
                raise UsageError(f"there is an account {name!r} already; choose another name")
            planned = {each.body.get("account") for each in house.plan_store.all() if not own.has_plan(each)}
            if name in planned:
                raise UsageError(f"plans of somebody else are for {name!r}; choose another name")
            given = _given(form, system)
            if not own.may_keep(system, given[EMAIL.name]):
                raise UsageError(f"this account at {system} belongs to somebody else here")
        except UsageError as failure:
            flash(said(failure), "bad")
            return redirect(url_for("accounts"))
        keep(name, system, given, house.settings)
        if not own.person.is_owner:
            house.people.gives(own.person.name, name)
        return done([f"Stored {name!r} for {system}."], "accounts")

    @pages.post("/accounts/<name>/remove")
    def remove_account(name: str) -> Response:
        if name not in mine(house).accounts:
            abort(404)
        house.people.forget_account(name)
        house.accounts.remove(name)
        return done([f"Removed {name!r}."], "accounts")

    @pages.post("/calendar")
    def calendar() -> str | Response:
        name = current_user.person.name
        if request.form.get("do") == "revoke":
            house.people.without_calendar(name)
            return done(["The address of your calendar leads nowhere any more."], "accounts")
        return accounts(house.people.new_calendar(name))  # said once: only its hash is kept


def _given(form: MultiDict[str, str], system: str) -> dict[str, str]:
    """The variables of an account in *form*; raises `UsageError` that repeats no secret."""
    profile = PROFILES[system]
    given = {each.name: form.get(each.name, "").strip() for each in profile.account_variables}
    given = {name: text for name, text in given.items() if text}
    if EMAIL.name not in given:
        raise UsageError("there is no e-mail address")
    fitted = {
        each.name: fitting(each, given[each.name], each.what)
        for each in profile.account_variables
        if each.name in given
    }
    refuse_no_secret(fitted, profile)
    return fitted


def _waiting(house: House) -> list[str]:
    """The runs of the person that wait for a code on this machine."""
    own = mine(house)
    return [run_id for run_id in waiting(house.settings.data) if own.run(run_id)]


def _hidden(stored: dict[str, str]) -> str:
    """Whose account it is, enough to know it again."""
    name, _, host = stored.get(EMAIL.name, "").partition("@")
    return f"{name[:2]}…@{host}" if host else ""

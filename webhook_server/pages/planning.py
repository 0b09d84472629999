"""Pages for plans: add one, look at it, change it, remove it and have it back."""

from __future__ import annotations

import argparse
from contextlib import suppress
from datetime import date
from itertools import islice
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, session, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from reserve.commands.plan import described
from reserve.commands.plan_options import plan_parser
from reserve.errors import ReserveError, UsageError
from reserve.plans.due import plan_of
from reserve.plans.file import body_of, plan_in
from reserve.storage.plans import StoredPlan
from reserve.systems import PROFILES, SPORTS
from webhook_server.pages.guard import mine
from webhook_server.pages.house import LARGEST, House, Mine
from webhook_server.pages.saying import FIELDS, done, said

A_PAGE = 20  # plans
LONGEST_UNDO = 2_000  # letters; a cookie has no room for more


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


def add_planning(pages: Flask, house: House) -> None:
    """Add the pages for plans."""

    def the_plan(number: int) -> StoredPlan:
        return mine(house).plan(number) or abort(404)

    @pages.get("/plans")
    def all_plans() -> str:
        own = mine(house)
        first = min(max(0, request.args.get("from", 0, type=int)), LARGEST)
        found = list(islice(own.plans(), first, first + A_PAGE + 1))
        return render_template(
            "plans.html",
            plans=house.plans.summaries(found[:A_PAGE]),
            first=first,
            step=A_PAGE,
            has_more=len(found) > A_PAGE,
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
        return done([f"Saved as plan {plans.save(plan, preview)}."], "all_plans")

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
        return done(sentences, "all_plans")

    @pages.post("/plans/undo")
    def undo() -> Response:
        body, own, plans = session.pop("removed", None), mine(house), house.plans
        if not isinstance(body, dict) or not own.has_account(body.get("account")):
            abort(404)
        plan = plan_in(body, house.clock.now().date(), "plan")
        (number,) = house.plan_store.add([body_of(plan)])
        plans.schedule(number)  # when its facility was read; else `due` does so
        return done([f"It is back, as plan {number}; the next `due` looks up when it opens."], "all_plans")

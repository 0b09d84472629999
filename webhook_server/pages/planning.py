"""Pages for plans: add one, look at it, change it, remove it and have it back."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import asdict, replace
from datetime import date
from itertools import islice
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, session, url_for
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from reserve.commands.courts import in_a_row
from reserve.commands.plan import MEANWHILE, Plans, described, in_words
from reserve.commands.plan_options import plan_parser
from reserve.errors import ReserveError, UsageError
from reserve.model import Published
from reserve.plans.due import plan_of
from reserve.plans.file import body_of
from reserve.plans.plan import Plan
from reserve.plans.preview import Preview
from reserve.storage.plans import Occurrence, StoredPlan
from reserve.systems import PROFILES, SPORTS
from webhook_server.pages.guard import mine
from webhook_server.pages.house import A_PAGE, LARGEST, House, Mine
from webhook_server.pages.plan_form import edits_in, form_of, words_in
from webhook_server.pages.saying import LABELS, TYPED, done, field_of, mark_of, said

MOST = 100  # plans that one person adds here
LONGEST, MOST_COURTS = 300, 20  # letters of a field, and lines of courts, that the form shows again
SERVED = 14  # occurrences of a plan that are not booked again when it comes back
LONGEST_UNDO = 2_500  # bytes; a cookie has no room for more


def refuse_of_others(account: str | None, own: Mine) -> None:
    """Raise `UsageError` for an account of somebody else, or one that is not there."""
    if not own.has_account(account) or (account and account not in own.accounts):
        raise UsageError("choose one of your accounts")


def refuse_too_many(own: Mine) -> None:
    """Raise `UsageError` when the person has as many plans as one may: every `due` of all looks at them."""
    if sum(1 for _ in islice(own.plans(), MOST)) == MOST:
        raise UsageError(f"{MOST} plans are the most; remove one first")


def places(plans: Plans, plan: Plan, preview: Preview) -> dict[str, list[Published]]:
    """The courts of each facility of *plan*, for which sports and how long they can be had."""
    found = dict[str, list[Published]]()
    for choice in plan.choices:
        with suppress(ReserveError):  # what the plan means is known all the same
            found[choice.facility] = plans.lookup.published(plan, preview.slots[0].start, choice)
    return found


def add_planning(pages: Flask, house: House) -> None:
    """Add the pages for plans."""
    pages.add_template_filter(in_a_row, "row")
    signing: Any = pages.session_interface
    cookies = signing.get_signing_serializer(pages)

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
            undo=undo_of(None),
        )

    def form_page(form: MultiDict[str, str], code: int = 200, **shown: Any) -> tuple[str, int]:
        own, system = mine(house), form.get("system") or house.settings.system
        known = house.facilities.known([system, house.settings.system, *own.systems])
        lists = {
            "accounts": own.accounts,
            "all_accounts": own.all_accounts,
            "sports": SPORTS,
            "systems": [*PROFILES],
            "known": known,
        }
        shown |= {"labels": LABELS, "now": house.clock.now()}
        return render_template("plan_form.html", form=form, **lists, **shown), code

    def meaning(plans: Plans, plan: Plan, preview: Preview, but: int | None = None) -> dict[str, Any]:
        own = mine(house)
        trouble = plans.account_trouble(plan, preview)
        return {
            "lines": described(plan, preview, house.clock.now()),
            "twins": [number for number in plans.twins([plan]) if number != but and own.plan(number)],
            "trouble": trouble and said(UsageError(trouble)),
            "places": places(plans, plan, preview),
        }

    def typed_over(form: MultiDict[str, str]) -> MultiDict[str, str]:
        """The form with what was typed before a session ended, which the address says."""
        if typed := request.args:
            form = MultiDict((name, typed.get(name, "")[:LONGEST]) for name in TYPED)
            form.setlist("court", [text[:LONGEST] for text in typed.getlist("court")[:MOST_COURTS]])
        return form

    @pages.get("/plans/new")
    def new_plan() -> tuple[str, int]:
        own = mine(house)
        account = own.accounts[0] if len(own.accounts) == 1 else ""
        return form_page(typed_over(MultiDict({"system": house.settings.system, "account": account})))

    @pages.post("/plans/new")
    def new_plan_form() -> tuple[str, int] | Response:
        form = request.form
        try:
            options = plan_parser().parse_args(["add", *words_in(form)])
            refuse_of_others(options.account, mine(house))
            refuse_too_many(mine(house))
            with house.looking_up() as plans:
                plan, preview = plans.planned(options)
                if form.get("do") != "save":
                    return form_page(form, **meaning(plans, plan, preview))
        except ReserveError as failure:
            flash(said(failure), "bad")
            return form_page(form, 400, wrong=field_of(failure))
        return done([f"Saved as plan {plans.save(plan, preview)}."], "all_plans")

    @pages.get("/plans/<int:number>")
    def one_plan(number: int) -> str:
        stored = the_plan(number)
        (summary,) = house.plans.summaries([stored])
        past = house.plan_store.occurrences(number, ended=True, most=10)
        skipped, facts = list[date](), dict[str, str]()
        with suppress(UsageError):  # the summary says that it cannot be read
            plan = plan_of(stored)
            skipped, facts = sorted(plan.skipped), in_words(plan)
        own = mine(house)
        name = own.account_of(stored)
        return render_template(
            "plan.html",
            plan=summary,
            past=past,
            skipped=skipped,
            facts=facts,
            account=name if name in own.all_accounts else None,
            undo=undo_of(number),
        )

    @pages.get("/plans/<int:number>/edit")
    def edit_plan(number: int) -> tuple[str, int] | Response:
        try:
            stored = the_plan(number)
            form = form_of(plan_of(stored))
            form["seen"] = _mark(stored)
            return form_page(typed_over(form), number=number)
        except UsageError as failure:
            flash(said(failure), "bad")
            return redirect(url_for("one_plan", number=number))

    @pages.post("/plans/<int:number>/edit")
    def edit_plan_form(number: int) -> tuple[str, int] | Response:
        form, stored = request.form, the_plan(number)
        try:
            if form.get("seen") != _mark(stored):  # or what the form still says would undo it
                raise UsageError(MEANWHILE.format(number))
            words = edits_in(form, plan_of(stored))
            options = plan_parser().parse_args(["edit", str(number), *words])
            kept = None if "account" in (options.without or ()) else stored.body.get("account")
            refuse_of_others(options.account or kept, mine(house))  # before it is used
            with house.looking_up() as plans:
                change = plans.changed(stored, options)
                if form.get("do") != "save":
                    meant = meaning(plans, change.plan, change.preview, number)
                    return form_page(form, number=number, changes=change.in_words, **meant)
            plans.put(change)
        except ReserveError as failure:
            flash(said(failure), "bad")
            return form_page(form, 400, wrong=field_of(failure), number=number)
        remember(stored, replace(stored, body=body_of(change.plan)))
        sentence = f"Changed plan {number}; a run that is under way goes on as it began."
        return done([sentence, *change.in_words], "one_plan", number=number)

    @pages.post("/plans/<int:number>/<do>")
    def change_plan(number: int, do: str) -> Response:
        stored, plans = the_plan(number), house.plans
        day = request.form.get("date", "")[:100]
        changes: dict[str, Callable[[], Sequence[str]]] = {
            "pause": lambda: plans.paused(stored),
            "resume": lambda: plans.resumed(stored),
            "skip": lambda: plans.skipping(stored, day),
            "unskip": lambda: plans.unskipping(stored, day),
            "remove": lambda: plans.removed(stored),
        }
        if do not in changes:
            abort(404)
        served = house.plan_store.occurrences(number, ended=True, most=SERVED)
        try:
            sentences = changes[do]()
        except UsageError as failure:
            flash(said(failure).replace("DATE", "Date"), "bad")
            return redirect(url_for("one_plan", number=number))
        session.pop("undo", None)
        if do != "remove":
            return done(sentences, "one_plan", number=number)
        remember(stored, served=[asdict(each) for each in served if each.starts_at > house.clock.now()])
        return done(sentences, "all_plans")

    def remember(
        stored: StoredPlan, to: StoredPlan | None = None, served: Sequence[dict[str, Any]] = ()
    ) -> None:
        """Keep what *stored* was, until the next change: to have it back in the place of *to*, or anew.

        What was *served* of a new one is not booked again.
        """
        seen = {"zone": stored.zone, "rule": stored.rule, "is_paused": stored.is_paused}
        is_now = {"plan": to and to.plan_id, "to": to and _mark(to)}
        before = {**is_now, "body": stored.body, "seen": seen, "served": served}
        session["undo"] = before if len(cookies.dumps(before)) <= LONGEST_UNDO else None

    def undo_of(number: int | None) -> bool:
        """Whether what happened last can be undone, and was done to this plan."""
        before = session.get("undo")
        return isinstance(before, dict) and before["plan"] == number

    @pages.post("/plans/undo")
    def undo() -> Response:
        before, own, plans = session.pop("undo", None), mine(house), house.plans
        if not isinstance(before, dict) or not own.has_account(before["body"].get("account")):
            abort(404)
        body, number = before["body"], before["plan"]
        if number is None:
            try:
                refuse_too_many(own)
            except UsageError as failure:
                flash(said(failure), "bad")
                return redirect(url_for("all_plans"))
            (number,) = house.plan_store.add([body])
            for each in before.get("served", ()):
                house.plan_store.schedule(Occurrence(**{**each, "plan_id": number}))
            is_ours, was = True, None
        else:
            kept = own.plan(number) or abort(404)
            is_ours, was = _mark(kept) == before["to"], kept.body  # or somebody else's, or of a terminal
        if not (
            is_ours and house.plan_store.change(number, was=was, body=body, looked=None, **before["seen"])
        ):
            flash(said(UsageError(MEANWHILE.format(number))), "bad")
            return redirect(url_for("one_plan", number=number))
        with suppress(UsageError):  # of one that cannot be read
            plans.schedule(number)  # by what was known; `due` looks again
        if before["plan"] is None:
            return done([f"It is back, as plan {number}."], "all_plans")
        return done([f"Plan {number} is as it was before."], "one_plan", number=number)


def _mark(stored: StoredPlan) -> str:
    """By what it is seen whether a plan was changed."""
    return mark_of(stored.body, stored.is_paused)

"""Pages that change something else than plans: codes, accounts and the address of the calendar."""

from __future__ import annotations

from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from flask_login import current_user
from werkzeug.datastructures import MultiDict
from werkzeug.wrappers import Response

from reserve.commands.account import fitting, name_in, refuse_no_secret
from reserve.commands.mailbox import digits_in
from reserve.commands.options import one_of
from reserve.errors import UsageError
from reserve.storage.typed_codes import hand_over, waiting
from reserve.systems import PROFILES
from reserve.systems.profile import EMAIL
from webhook_server.pages.guard import mine
from webhook_server.pages.house import OF_SETTINGS, House
from webhook_server.pages.saying import done, said
from webhook_server.pages.texts import Texts


def add_writing(pages: Flask, house: House, texts: Texts) -> None:
    """Add the pages that change something."""

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
    def accounts(secret: str | None = None, typed: MultiDict[str, str] | None = None) -> str:
        own = mine(house)
        shown: list[dict[str, Any]] = []
        for name in own.all_accounts:
            try:
                stored = own.variables(name)
                system, email = stored["RESERVE_SYSTEM"], _hidden(stored)
                title = "Of the settings" if name == OF_SETTINGS else None
                about = {"name": name, "title": title, "system": system, "email": email}
                shown.append({**about, "has_token": own.has_token(name)})
            except UsageError:
                shown.append({"name": name, "system": "cannot be read"})
        variables = {name: profile.account_variables for name, profile in PROFILES.items()}
        age = texts.age_of_newest()
        newest = "No text came in the last ten minutes."
        if age is not None:
            newest = f"The last text came {int(age.total_seconds())} seconds ago."
        return render_template(
            "accounts.html",
            accounts=shown,
            systems=variables,
            secret=secret,
            typed=typed or {},
            newest_text=newest,
        )

    @pages.post("/accounts")
    def add_account() -> Response | tuple[str, int]:
        own, form = mine(house), request.form
        try:
            name = name_in(form.get("name", "").strip(), "name")
            system = one_of(form.get("system", ""), PROFILES, "system")
            planned = {each.body.get("account") for each in house.plan_store.all() if not own.has_plan(each)}
            if name in planned:
                raise UsageError(f"plans of somebody else are for {name!r}; choose another name")
            given = _given(form, system)
            variables = {"RESERVE_SYSTEM": system, **given}
            house.belongings.add(name, variables, own.person.name, is_new=True)
        except UsageError as failure:
            flash(said(failure), "bad")
            return accounts(typed=form), 400
        return done([f"Stored {name!r} for {system}."], "accounts")

    @pages.post("/accounts/<name>/remove")
    def remove_account(name: str) -> Response:
        if name not in mine(house).accounts:
            abort(404)
        belongings = house.belongings
        belongings.remove(name)
        sentences = [f"Removed {name!r}."]
        if plans := belongings.plans_for(name):
            which = f"Plan{'s' if plans[1:] else ''} {', '.join(map(str, plans))}"
            sentences.append(f"{which} cannot be booked until you add it again, under the same name.")
        return done(sentences, "accounts")

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

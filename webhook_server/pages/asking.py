"""Pages that ask a booking system on behalf of an account: what it has, cancelling that, and a check."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

from flask import Flask, abort, flash, redirect, render_template, request, url_for
from werkzeug.wrappers import Response

from reserve.causes.words import length
from reserve.commands.booked import Bookings, request_for
from reserve.commands.check import TONES, Watching, check
from reserve.commands.options import Booking, account_of
from reserve.commands.planned import booking_for
from reserve.commands.wiring import texts_to
from reserve.errors import ReserveError, ServiceError, UsageError
from reserve.model import Account
from reserve.plans.due import plan_of, wall
from reserve.settings import Settings
from reserve.storage.plans import Occurrence, StoredPlan
from reserve.systems import PROFILES, USUAL
from webhook_server.pages.background import Found, Job, Kind, State
from webhook_server.pages.guard import mine
from webhook_server.pages.house import OF_SETTINGS, House, Mine
from webhook_server.pages.reading import CLASSES
from webhook_server.pages.saying import mark_of, said

CHECKED = 10  # plans of an account to choose from
TEXT_WAITED_FOR = timedelta(minutes=5)
BUSY = (
    "a run of this account is under way, or about to begin, and nothing may disturb it;"
    " ask again when it has ended"
)
CHANGED = "nothing was cancelled: it is not what you were asked about any more; look again"


@dataclass(frozen=True)
class OneAccount:
    """A stored account of a person, and the settings with which it is used."""

    own: Mine
    name: str
    account: Account
    settings: Settings

    @property
    def who(self) -> tuple[str, str]:
        """The person, and the player that the account is."""
        return self.own.person.name, self.own.player(self.name)

    @property
    def system(self) -> str:
        """The booking system."""
        return self.settings.system

    @property
    def title(self) -> str:
        """What a person calls it."""
        return "the settings" if self.name == OF_SETTINGS else self.name

    @property
    def needs_link(self) -> bool:
        """Whether the system is asked about one session only."""
        return "link" in PROFILES[self.system].needs

    def refuse_while_it_runs(self) -> None:
        """Raise `UsageError` while a run of this player is under way, or about to begin."""
        if self.own.is_at_work(self.name):
            raise UsageError(BUSY)


def the_account(house: House, name: str) -> OneAccount:
    """The account called *name*, if it is that of the person; raises `UsageError` when it cannot be read."""
    own = mine(house)
    if name not in own.all_accounts:
        abort(404)
    variables = own.variables(name)
    system = variables["RESERVE_SYSTEM"]
    if system not in PROFILES:
        raise UsageError(f"account {name!r} is for {system!r}, which this version does not know")
    settings = replace(house.settings, system=system)
    return OneAccount(own, name, account_of(variables, PROFILES[system]), settings)


def plans_of(one: OneAccount) -> Iterator[tuple[StoredPlan, Occurrence]]:
    """The plans of an account with their next occurrence, the first opening first."""
    known = set[int]()
    for stored, each in one.own.openings():
        if stored.is_paused or each.plan_id in known or one.own.account_of(stored) != one.name:
            continue
        if stored.body.get("system", USUAL) == one.system:
            known.add(each.plan_id)
            yield stored, each


def look(one: OneAccount, job: Job, *, give_up: Sequence[Found] = ()) -> None:
    """Read what the player has, after giving up what is to be given up, all of one id."""
    house = one.own.house
    one.refuse_while_it_runs()
    where = request_for({"link": job.link}, one.settings, house.clock.now())
    with closing(
        Bookings(where, one.account, one.settings, job.stop, clock=house.clock, connect=house.connect_jobs)
    ) as bookings:
        job.mask = bookings.run.timeline.secrets.mask
        job.state = State.SIGNING_IN
        bookings.sign_in()
        job.state = State.READING
        if give_up:
            cancel(bookings, job, give_up)
        try:
            refunds = dict[str, str | None]()
            for each in (listed := bookings.ahead()):
                if each.id not in refunds:
                    refunds[each.id] = bookings.refund(each)
            job.found = [Found(each, refunds[each.id]) for each in listed]
        except ReserveError as failure:
            if not give_up:  # else what was done has to be said
                raise
            job.said += job.mask(f" What is left cannot be read now: {failure}.")


def cancel(bookings: Bookings, job: Job, agreed: Sequence[Found]) -> None:
    """Give up what the person agreed to give up, for what that person was told it gives back."""
    # By the whole id: with its beginning, as at a terminal, it could be another once this one is gone.
    found = [each for each in bookings.all() if each.id == agreed[0].listed.id]
    if not found or [str(each) for each in found] != [str(each.listed) for each in agreed]:
        raise UsageError(CHANGED)
    bookings.refuse_begun(found[0])
    refund = bookings.refund(found[0])
    if refund != agreed[0].refund:
        raise UsageError(f"nothing was cancelled: what it gives back has changed: {refund}; look again")
    job.state = State.CANCELLING
    job.said = bookings.cancel(found, refund)
    job.state = State.READING


def try_all(one: OneAccount, booking: Booking, job: Job) -> None:
    """Check *booking* as `check` does."""
    house = one.own.house
    one.refuse_while_it_runs()
    job.state = State.CHECKING
    watching = Watching(job.verdicts.append, job.stop, house.clock, house.connect_jobs)
    checked = check(booking, is_quiet=True, watch=watching)
    job.verdicts[:] = checked.verdicts
    job.said, job.exit_code = checked.result.outcome.sentence, checked.result.outcome.exit_code


def add_asking(pages: Flask, house: House) -> None:
    """Add the pages that ask a booking system, or wait for a text."""
    pages.add_template_filter(length, "in_words")

    @pages.template_filter("verdict")
    def verdict(word: Any) -> str:
        return CLASSES[TONES[word]]

    def page(template: str, one: OneAccount, **shown: Any) -> str:
        job: Job | None = shown.get("job")
        now = house.clock.now()
        return render_template(
            template,
            one=one,
            is_at_work=one.own.is_at_work(one.name),
            **{"waits": job is not None and job.ended is None, **shown},
            waited=(now - job.began) if job else None,
            now=now,
        )

    def back(where: str, one: OneAccount, failure: UsageError | None = None) -> Response:
        if failure is not None:
            flash(said(failure), "bad")
        return redirect(url_for(where, name=one.name))

    def link_of(one: OneAccount) -> str | None:
        """The session that the next plan of the account is about."""
        return next((stored.body.get("link") for stored, _ in plans_of(one)), None)

    @pages.get("/accounts/<name>/bookings")
    def bookings(name: str) -> str:
        one = the_account(house, name)
        job = house.background.latest(one.who, Kind.BOOKINGS)
        link = (job.link if job else link_of(one)) if one.needs_link else None
        return page("bookings.html", one, job=job, link=link)

    @pages.post("/accounts/<name>/bookings")
    def bookings_form(name: str) -> Response:
        one = the_account(house, name)
        link = request.form.get("link", "").strip()[:300] or None
        try:
            one.refuse_while_it_runs()
            request_for({"link": link}, one.settings, house.clock.now())  # or its refusal came too late
            job = Job(Kind.BOOKINGS, house.clock.now(), link)
            house.background.begin(one.who, job, partial(look, one))
        except UsageError as failure:
            return back("bookings", one, failure)
        return back("bookings", one)

    def listed(one: OneAccount, id_: str) -> tuple[Job, list[Found]]:
        job = house.background.latest(one.who, Kind.BOOKINGS)
        if job and job.ended is None:  # a second click, or the way back
            abort(back("bookings", one))
        found = [each for each in (job.found if job else None) or () if each.listed.id == id_]
        return (job, found) if job and found and id_ else abort(404)

    def shown(found: Sequence[Found]) -> str:
        """What a person sees who is asked whether to give it up."""
        return mark_of(*((str(each.listed), each.listed.state, each.refund) for each in found))

    @pages.get("/accounts/<name>/bookings/cancel")
    def cancel_page(name: str) -> str:
        one = the_account(house, name)
        _, found = listed(one, request.args.get("id", ""))
        return page("cancel.html", one, found=found, shown=shown(found))

    @pages.post("/accounts/<name>/bookings/cancel")
    def cancel_form(name: str) -> Response:
        one = the_account(house, name)
        before, found = listed(one, request.form.get("id", ""))
        job = Job(Kind.BOOKINGS, house.clock.now(), before.link)
        try:
            if request.form.get("shown") != shown(found):  # it was read again meanwhile
                raise UsageError(CHANGED)
            one.refuse_while_it_runs()
            house.background.begin(one.who, job, partial(look, one, give_up=found), at_once=True)
        except UsageError as failure:
            return back("bookings", one, failure)
        return back("bookings", one)

    @pages.get("/accounts/<name>/check")
    def check_page(name: str) -> str:
        one = the_account(house, name)
        plans: list[dict[str, Any]] = []
        for stored, occurrence in plans_of(one):
            with suppress(UsageError):  # one that cannot be read cannot be booked, either
                plan = plan_of(stored)
                where, start = plan.choices[0].facility or "the session", wall(stored, occurrence)
                plans.append({"number": stored.plan_id, "what": f"{where}, {start:%a %-d %b %H:%M}"})
            if len(plans) == CHECKED:
                break
        wanted = request.args.get("plan", type=int)
        job = house.background.latest(one.who, Kind.CHECK)
        return page("check.html", one, job=job, plans=plans, wanted=wanted)

    @pages.post("/accounts/<name>/check")
    def check_form(name: str) -> Response:
        one = the_account(house, name)
        wanted = request.form.get("plan", type=int)
        found = next((each for each in plans_of(one) if each[0].plan_id == wanted), None)
        if found is None:
            abort(404)
        stored, occurrence = found
        try:
            one.refuse_while_it_runs()
            plan = plan_of(stored)
            booking = booking_for(plan, wall(stored, occurrence), plan.choices[0], one.settings)
            job = Job(Kind.CHECK, house.clock.now())
            house.background.begin(one.who, job, partial(try_all, one, booking))
        except UsageError as failure:
            return back("check_page", one, failure)
        return back("check_page", one)

    @pages.get("/accounts/<name>/text")
    def test_text(name: str) -> str:
        one, now = the_account(house, name), house.clock.now()
        if not one.account.phone:
            return page("text.html", one, phone=None)
        texts = texts_to(one.account.phone, one.settings, house.clock, house.connect)
        trouble, came = "", None
        try:
            newest = texts.newest()
        except (UsageError, ServiceError) as failure:
            trouble, newest = said(failure), 0
        after, began = (
            request.args.get("after", newest, type=int),
            moment(request.args.get("since", type=int)),
        )
        began = began or now
        if newest > max(after, 0):
            came = texts.came_at or now
        waits = not trouble and came is None and now - began < TEXT_WAITED_FOR
        since = int(began.timestamp())
        return page(
            "text.html",
            one,
            phone=one.account.phone[-2:],
            trouble=trouble,
            came=came,
            age=now - came if came else None,
            waits=waits,
            next=url_for("test_text", name=name, after=after, since=since) if waits else None,
            waited_for=now - began,
        )


def moment(seconds: int | None) -> datetime | None:
    """The moment that an address of ours tells; None for anything else."""
    if seconds is None or not 0 <= seconds < 2**32:
        return None
    return datetime.fromtimestamp(seconds, UTC)

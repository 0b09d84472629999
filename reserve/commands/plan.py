"""`plan`: recurring bookings and those ahead of time, kept until they are removed; `due` starts them."""

from __future__ import annotations

import argparse
import json
import re
import shlex
import sys
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing, suppress
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

from reserve import itself, when, window
from reserve.clock import Clock
from reserve.commands.options import account_named
from reserve.commands.plan_options import edited, plan_parser, plans_from, words_of
from reserve.commands.planned import Lookup, filled
from reserve.commands.screen import Tone, say, say_indented, tone_of, warn
from reserve.commands.store import open_store
from reserve.commands.wiring import Connect, connect
from reserve.errors import ExitCode, ReserveError, UsageError
from reserve.plans.due import HEARTBEAT, STALE, plan_of, schedule_next, wall
from reserve.plans.file import body_of, content_of, read_plans
from reserve.plans.plan import Plan
from reserve.plans.preview import NamedPlan, PlayerPlans, Preview, look
from reserve.settings import Settings
from reserve.storage.plans import Occurrence, PlanStore, StoredPlan

MINUTE = timedelta(minutes=1)
MEANWHILE = "plan {} was changed or removed meanwhile, and is left as it is now; look at it, and try again"
WITH_A_COURT = (ExitCode.SUCCESS, ExitCode.UNCONFIRMED, ExitCode.HELD)


def main(arguments: Sequence[str], settings: Settings) -> int:
    """Do what *arguments* say to the plans of this machine."""
    options = plan_parser().parse_args(arguments)
    with closing(open_store(settings)) as store:
        return DO[options.do](Plans(PlanStore(store), settings, Clock(), connect), options)


@dataclass(frozen=True)
class Change:
    """What is kept of a plan, and what it is to be instead."""

    stored: StoredPlan
    old: Plan
    plan: Plan
    preview: Preview

    @property
    def in_words(self) -> list[str]:
        """What is different, a line for each: `when: every Wed 18:00 -> every Thu 18:00`."""
        now = in_words(self.plan)
        return [
            f"{name}: {was} -> {now[name]}" for name, was in in_words(self.old).items() if was != now[name]
        ]


class Plans:
    """The plans of this machine, or of all that share its database."""

    def __init__(self, plan_store: PlanStore, settings: Settings, clock: Clock, connect: Connect) -> None:
        """Keep them in *plan_store*; facilities are looked at over *connect*."""
        self.plan_store = plan_store
        self.settings = settings
        self.clock = clock
        self.lookup = Lookup(settings, clock, connect)

    def add(self, options: argparse.Namespace) -> int:
        """Show what the plan that *options* describe means, and keep it."""
        plan, preview = self.planned(options)
        self.refuse_twins([plan], again=options.again)
        number = self.save(plan, preview)
        shown = [] if options.json else described(plan, preview, self.clock.now())
        for each in shown:
            say_indented(each)
        trouble = self.account_trouble(plan, preview)
        sentence = (
            f"Saved as plan {number}; run `{itself.TYPED} cron --install` once to have it booked in time."
        )
        if options.json:
            print(json.dumps(plan_as_json(number, plan, preview), ensure_ascii=False))
        if trouble:
            warn(trouble)
        say(sentence, on_stderr=options.json)
        return 0

    def planned(self, options: argparse.Namespace) -> tuple[Plan, Preview]:
        """The plan that *options* describe and its next slots; raises `UsageError` when it has none."""
        now = self.clock.now()
        plan, preview = self.fitting(plans_from(options, self.settings, now.date()))
        if preview is not None and (today := now.astimezone(preview.zone).date()) != now.date():
            plan, preview = self.fitting(plans_from(options, self.settings, today))  # it is another day there
        if preview is None:
            raise UsageError("the plan has no slot in the future; check its day, --until and --except")
        return plan, preview

    def save(self, plan: Plan, preview: Preview) -> int:
        """Keep a plan and what was seen of it, and return its number."""
        (number,) = self.plan_store.add([body_of(plan)])
        self.note(number, preview)
        return number

    def refuse_twins(self, plans: Sequence[Plan], *, again: bool) -> None:
        """Ask whether a plan like one that is kept is meant; without a terminal raise `UsageError`."""
        if again:
            return
        for number in self.twins(plans):
            if not sys.stdin.isatty():
                raise UsageError(f"plan {number} is the same already; add --again to have it twice")
            print(
                f"Plan {number} is the same already. Save it again? [y/N] ",
                end="",
                file=sys.stderr,
                flush=True,
            )
            if sys.stdin.readline().strip().casefold() not in ("y", "yes"):
                raise UsageError(f"plan {number} is the same already, and nothing was saved")

    def twins(self, plans: Sequence[Plan]) -> list[int]:
        """The numbers of the plans that are kept and like one of *plans*."""
        kept = {_essence(plan): stored.plan_id for stored, plan in self._readable()}
        return [kept[essence] for plan in plans if (essence := _essence(plan)) in kept]

    def _readable(self) -> list[tuple[StoredPlan, Plan]]:
        """The plans that are kept and can be read."""
        found = []
        for stored in self.plan_store.all():
            with suppress(UsageError):  # one that cannot be read any more is named by `plan list`
                found.append((stored, plan_of(stored)))
        return found

    def edit(self, options: argparse.Namespace) -> int:
        """Change a plan, and say what changed."""
        change = self.changed(self._stored(options.plan), options)
        self.put(change)
        plan, preview, number = change.plan, change.preview, change.stored.plan_id
        if options.json:
            print(json.dumps(plan_as_json(number, plan, preview), ensure_ascii=False))
        else:
            for each in described(plan, preview, self.clock.now()):
                say_indented(each)
        said = sys.stderr if options.json else sys.stdout
        for each in change.in_words:
            print(each, file=said)
        if trouble := self.account_trouble(plan, preview):
            warn(trouble)
        print(f"Changed plan {number}; a run that is under way goes on as it began.", file=said)
        return 0

    def changed(self, stored: StoredPlan, options: argparse.Namespace) -> Change:
        """What *options* make of a plan, and its next slots; nothing is kept yet."""
        now = self.clock.now()
        old, zone = plan_of(stored), window.zone(stored.zone) if stored.zone else UTC
        plan, preview = self.fitting(
            edited(options, old, self.settings, now.astimezone(zone).date()), but=stored.plan_id
        )
        if preview is None:
            raise UsageError("the plan would have no slot in the future; check its day, --until and --except")
        if body_of(plan) == body_of(old):
            raise UsageError(f"plan {stored.plan_id} is like that already")
        return Change(stored, old, plan, preview)

    def put(self, change: Change) -> None:
        """Keep what a plan was changed to; raises `UsageError` when it is another one meanwhile."""
        number = change.stored.plan_id
        if not self.note(number, change.preview, was=change.stored.body, body=body_of(change.plan)):
            raise UsageError(MEANWHILE.format(number))
        self._forget_troubles(number, change.old)

    def _forget_troubles(self, number: int, gone: Plan) -> None:
        """Have the player's other plans looked at again: what they say of this one is over."""
        for stored, plan in self._readable():
            if stored.plan_id != number and stored.trouble and self.player(plan) == self.player(gone):
                self.plan_store.change(stored.plan_id, trouble=None, looked=None)
                self.schedule(stored.plan_id)

    def fitting(self, plans: Sequence[Plan], *, but: int | None = None) -> tuple[Plan, Preview | None]:
        """The first of *plans*, which differ in their length, whose next slot a facility has, or a later one.

        The plan with the number *but* takes nothing from them: they are to take its place.
        """
        why: UsageError | None = None
        later: tuple[Plan, Preview] | None = None
        for plan in plans:
            try:
                name = "this plan"
                plans_too = self.plans_of(self.player(plan), NamedPlan(name, plan), but=but)
                preview = self.look(plan, name, plans_too)
            except UsageError as failure:
                why = why or failure
                continue
            named = replace(plan, choices=tuple(map(self.lookup.as_published, plan.choices)))
            if preview is None or preview.slots[0].slot is not None:
                return named, preview
            later = later or (named, preview)  # for want of a season
        if later is not None:
            return later
        raise why or UsageError("--end-time is missing; or say --minutes")

    def look(self, plan: Plan, name: str, player_plans: PlayerPlans) -> Preview | None:
        """What the facilities say about *plan*, which is called *name* in *player_plans*."""
        plan = filled(plan, self.settings)
        return look(plan, self.lookup.offers, self.clock.now(), name=name, player_plans=player_plans)

    def player(self, plan: Plan) -> tuple[str, str]:
        """Whose limits count for *plan*: the booking system and the account."""
        return plan.system, filled(plan, self.settings).account or ""

    def plans_of(self, player: tuple[str, str], *more: NamedPlan, but: int | None = None) -> PlayerPlans:
        """The plans of *player* that are not paused, without number *but*, and what *more* there is."""
        named_plans = [
            NamedPlan(_name(stored.plan_id), plan, self._lost(stored))
            for stored, plan in self._readable()
            if not stored.is_paused and stored.plan_id != but and self.player(plan) == player
        ]
        return PlayerPlans([*named_plans, *more])

    def _lost(self, stored: StoredPlan) -> frozenset[datetime]:
        """The starts of a plan's slots that came to nothing."""
        ended = self.plan_store.occurrences(stored.plan_id, ended=True)
        return frozenset(
            wall(stored, occurrence) for occurrence in ended if occurrence.exit_code not in WITH_A_COURT
        )

    def account_trouble(self, plan: Plan, preview: Preview) -> str | None:
        """What an account that is missing or incomplete would stop."""
        try:
            account = account_named(plan.account, plan.system, self.settings)
        except UsageError as failure:
            return str(failure)
        if preview.wants_code and account.phone is None and (name := plan.account or self.settings.account):
            return f"account {name!r} has no phone number for the one-time code; store it again, with one"
        if preview.wants_code and account.phone is None:
            return "--phone is missing; set RESERVE_PHONE to receive the one-time code"
        return None

    def note(
        self,
        number: int,
        preview: Preview | None,
        *,
        was: Mapping[str, Any] | None = None,
        **values: object,
    ) -> bool:
        """Keep what was seen of a plan, and schedule its next slot, unless its body is not what it *was*."""
        seen: dict[str, object] = {"trouble": "no slot in the future"}
        if preview is not None:
            zone, rule = str(preview.zone), str(preview.rule)
            seen = {"zone": zone, "rule": rule, "trouble": preview.trouble}
        if not self.plan_store.change(number, was=was, looked=self.clock.now(), **seen, **values):
            return False
        self.schedule(number, preview.begins if preview else None)
        return True

    def schedule(self, number: int, begins: datetime | None = None) -> None:
        """Schedule the next slot of a plan, which is known not to exist before *begins*."""
        stored, now = self.plan_store.get(number), self.clock.now()
        if stored is not None:
            schedule_next(self.plan_store, stored, max(now, begins - MINUTE) if begins else now)

    def show_one(self, options: argparse.Namespace) -> int:
        """Everything about one plan; also when its facility cannot be asked."""
        stored = self._stored(options.plan)
        (summary,) = self.summaries([stored])
        if options.json:
            print(json.dumps(summary, ensure_ascii=False))
            return 0
        self._print(summary)
        with suppress(UsageError):
            plan = plan_of(stored)
            print(f"        options: plan add {shlex.join(words_of(plan))}")
            try:
                preview = self.look(plan, _name(stored.plan_id), self.plans_of(self.player(plan)))
            except ReserveError as failure:
                warn(f"the next slots cannot be looked up: {failure}")
            else:
                for each in described(plan, preview, self.clock.now())[1:] if preview else ():
                    say_indented(each)
        for past in self.plan_store.occurrences(stored.plan_id, ended=True, most=5):
            beginning = f"  {wall(stored, past):%a %Y-%m-%d %H:%M}  "
            say(past.sentence or "", tone_of(past.exit_code), beginning=beginning)
        return 0

    def _print(self, summary: Mapping[str, Any]) -> None:
        say(
            f"{summary['what']}{' (paused)' if summary['paused'] else ''}",
            beginning=f"plan {summary['plan']}  ",
        )
        tones = {"last": tone_of(summary["exit_code"]), "trouble": Tone.NEEDS_YOU}
        for name in ("courts", "skips", "next", "last", "trouble"):
            if summary[name]:
                say(f"{summary[name]}", tones.get(name, Tone.PLAIN), beginning=f"        {name + ':':<9}")

    def show(self, options: argparse.Namespace) -> int:
        """One paragraph for each plan."""
        listed = self.summaries(self.plan_store.all())
        if options.json:
            print(json.dumps(listed, ensure_ascii=False))
            return 0
        for each in listed:
            self._print(each)
        print(f"{_plans(len(listed))}." if listed else "No plans yet; `plan add` makes one.")
        return 0

    def summaries(self, plans: Sequence[StoredPlan]) -> list[dict[str, Any]]:
        """What there is to say of each plan, without asking its facility."""
        ahead: dict[int, Occurrence] = {}
        unended, ended = self.plan_store.around([stored.plan_id for stored in plans])
        for each in sorted(unended, key=lambda occurrence: occurrence.starts_at, reverse=True):
            ahead[each.plan_id] = each
        past = {each.plan_id: each for each in ended}
        return [
            self._summary(stored, ahead.get(stored.plan_id), past.get(stored.plan_id)) for stored in plans
        ]

    def _summary(
        self, stored: StoredPlan, following: Occurrence | None, past: Occurrence | None
    ) -> dict[str, Any]:
        zone = window.zone(stored.zone) if stored.zone else None
        next_text = None
        if following is not None and zone is not None:
            start, opening = following.starts_at.astimezone(zone), following.opens_at.astimezone(zone)
            state = "running, opened" if following.claims and opening <= self.clock.now() else "opens"
            next_text = f"{start:%a %Y-%m-%d %H:%M}, {state} {opening:%a %Y-%m-%d %H:%M:%S %Z}"
        elif stored.looked is None:
            next_text = "not known yet; `due` asks the facility"
        courts = skips = None
        try:
            plan = plan_of(stored)
        except UsageError as failure:
            what = str(failure)
        else:
            what, courts = str(plan), _courts(plan)
            today = self.clock.now().astimezone(zone or UTC).date()
            skips = ", ".join(f"{day:%a %Y-%m-%d}" for day in sorted(plan.skipped) if day >= today) or None
        return {
            "plan": stored.plan_id,
            "what": what,
            "courts": courts,
            "skips": skips,
            "paused": stored.is_paused,
            "next": next_text,
            "opens_at": following.opens_at.isoformat() if following else None,
            "last": past.sentence if past else None,
            "exit_code": past.exit_code if past else None,
            "run_id": past.run_id if past else None,
            "trouble": stored.trouble,
            "body": stored.body,
        }

    def remove(self, options: argparse.Namespace) -> int:
        """Delete a plan."""
        return _printed(self.removed(self._stored(options.plan)))

    def removed(self, stored: StoredPlan) -> list[str]:
        """Delete a plan; returns what to say."""
        self.plan_store.remove(stored.plan_id)
        with suppress(UsageError):
            self._forget_troubles(stored.plan_id, plan_of(stored))
        return [f"Removed plan {stored.plan_id}; what it reserved stays reserved."]

    def pause(self, options: argparse.Namespace) -> int:
        """Start nothing more for a plan, and stop the run that is under way."""
        return _printed(self.paused(self._stored(options.plan)))

    def paused(self, stored: StoredPlan) -> list[str]:
        """Start nothing more for a plan; returns what to say."""
        self.plan_store.change(stored.plan_id, is_paused=True)
        with suppress(UsageError):
            self._forget_troubles(stored.plan_id, plan_of(stored))
        said = f"Plan {stored.plan_id} is paused until it is resumed."
        return [said, *self._cancel(stored, "its plan was paused", lambda start: True)]

    def resume(self, options: argparse.Namespace) -> int:
        """End the pause of a plan."""
        return _printed(self.resumed(self._stored(options.plan)))

    def resumed(self, stored: StoredPlan) -> list[str]:
        """End the pause of a plan; returns what to say."""
        self.plan_store.change(stored.plan_id, is_paused=False)
        self.schedule(stored.plan_id)
        return [f"Plan {stored.plan_id} resumed."]

    def skip(self, options: argparse.Namespace) -> int:
        """Skip one day."""
        return _printed(self.skipping(self._stored(options.plan), " ".join(options.date)))

    def skipping(self, stored: StoredPlan, text: str) -> list[str]:
        """Skip the day in *text*; returns what to say."""
        plan, day = plan_of(stored), self._day(text, stored)
        if not plan.has_slot_on(day):
            raise UsageError(f"DATE: plan {stored.plan_id} has no slot on {day}")
        self._have_skipped(stored, plan, plan.skipped | {day})
        said = f"Plan {stored.plan_id} will skip {day:%A} {day}."
        return [said, *self._cancel(stored, "its day was skipped", lambda start: start.date() == day)]

    def _day(self, text: str, stored: StoredPlan) -> date:
        """The day in *text*, by the calendar of the plan's facility."""
        now = self.clock.now()
        today = (now.astimezone(window.zone(stored.zone)) if stored.zone else now).date()
        return when.read_day(text, "DATE", today)

    def unskip(self, options: argparse.Namespace) -> int:
        """Skip a day no more."""
        return _printed(self.unskipping(self._stored(options.plan), " ".join(options.date)))

    def unskipping(self, stored: StoredPlan, text: str) -> list[str]:
        """Skip the day in *text* no more; returns what to say."""
        plan, day = plan_of(stored), self._day(text, stored)
        if day not in plan.skipped:
            raise UsageError(f"DATE: plan {stored.plan_id} does not skip {day}")
        self._have_skipped(stored, plan, plan.skipped - {day})
        return [f"Plan {stored.plan_id} will book {day:%A} {day} again."]

    def _have_skipped(self, stored: StoredPlan, plan: Plan, days: frozenset[date]) -> None:
        body = body_of(replace(plan, skipped=days))
        if not self.plan_store.change(stored.plan_id, was=stored.body, body=body):
            raise UsageError(MEANWHILE.format(stored.plan_id))
        self.schedule(stored.plan_id)

    def export(self, options: argparse.Namespace) -> int:
        """Write every plan in the form that `import` reads."""
        text = json.dumps([stored.body for stored in self.plan_store.all()], ensure_ascii=False, indent=2)
        if options.file is None:
            print(text)
            return 0
        path = Path(options.file)
        try:
            with path.open("x") as file:
                file.write(f"{text}\n")
        except (OSError, ValueError) as failure:
            why = failure.strerror if isinstance(failure, OSError) else "no such name"
            raise UsageError(f"FILE: nothing was written: {str(path)[:80]!r}: {why}") from None
        print(f"Exported {_plans(len(self.plan_store.all()))}.")
        return 0

    def _cancel(self, stored: StoredPlan, why: str, is_meant: Callable[[datetime], bool]) -> list[str]:
        """Stop the runs under way for the slots of a plan whose start on the wall clock is meant."""
        said = []
        for occurrence in self.plan_store.occurrences(stored.plan_id, ended=False):
            start = wall(stored, occurrence)
            if occurrence.claims and is_meant(start):
                sentence = f"Not reserved: {why}."
                self.plan_store.cancel(
                    occurrence, ended=self.clock.now(), exit_code=ExitCode.NOT_RESERVED, sentence=sentence
                )
                said.append(
                    f"Its run for {start:%a %Y-%m-%d %H:%M} stops within {HEARTBEAT.seconds} seconds."
                )
        return said

    def read(self, options: argparse.Namespace) -> int:
        """Keep every plan of a file, or none when anything in it is wrong."""
        path = Path(options.file)
        found = read_plans(content_of(path), str(path), self.clock.now().date())
        self.refuse_twins(found, again=options.again)
        self.plan_store.add([body_of(plan) for plan in found])
        yesterday = self.clock.now().replace(tzinfo=None) - timedelta(days=1)
        past = sum(next(plan.starts(yesterday), None) is None for plan in found)
        over = f", {past} of them with no day in the future" if past else ""
        print(f"Imported {_plans(len(found))}{over}; the next `due` looks up when they open.")
        return 0

    def refresh(self, options: argparse.Namespace) -> int:
        """Read what facilities publish for every plan that was not looked at today."""
        failed = 0
        by_player: dict[tuple[str, str], PlayerPlans] = {}
        stale = self.plan_store.not_looked_at_since(self.clock.now() - STALE / 2)
        for number in stale:
            stored = self.plan_store.get(number)
            if stored is None:
                continue
            try:
                plan = plan_of(stored)
                player = self.player(plan)
                if player not in by_player:
                    by_player[player] = self.plans_of(player)
                self.note(number, self.look(plan, _name(number), by_player[player]), was=stored.body)
            except ReserveError as failure:
                failed += 1
                self.plan_store.change(number, was=stored.body, trouble=str(failure))
                with suppress(UsageError):  # the same, when it cannot be read
                    self.schedule(number)
        problems = f"; {failed} with a problem, see `plan list`" if failed else ""
        print(f"Refreshed {_plans(len(stale))}{problems}.")
        return 0

    def _stored(self, number: int) -> StoredPlan:
        stored = self.plan_store.get(number)
        if stored is None:
            raise UsageError(f"there is no plan {number}; see `plan list`")
        return stored


DO: Mapping[str, Callable[[Plans, argparse.Namespace], int]] = {
    "add": Plans.add,
    "list": Plans.show,
    "show": Plans.show_one,
    "edit": Plans.edit,
    "unskip": Plans.unskip,
    "export": Plans.export,
    "remove": Plans.remove,
    "pause": Plans.pause,
    "resume": Plans.resume,
    "skip": Plans.skip,
    "import": Plans.read,
    "refresh": Plans.refresh,
}


def _printed(sentences: Sequence[str]) -> int:
    """Say *sentences*."""
    for each in sentences:
        print(each)
    return 0


def _name(number: int) -> str:
    """How a plan is named among others."""
    return f"plan {number}"


def _essence(plan: Plan) -> str:
    """What makes two plans the same, whatever days they skip and since when they are there."""
    first = plan.first if plan.rule is None or "BYHOUR=" not in plan.rule else datetime.min  # noqa: DTZ901
    return json.dumps(body_of(replace(plan, skipped=frozenset(), first=first)), sort_keys=True)


def _courts(plan: Plan) -> str | None:
    """The courts of *plan* in the order they are wanted, None when any will do."""
    if not any(each.courts or each.or_starts for each in plan.choices):
        return None
    said = []
    for each in plan.choices:
        where = f"{each.facility}: " if len(plan.choices) > 1 else ""
        starts = "".join(f", or at {start:%H:%M}" for start in each.or_starts)
        said.append(f"{where}{', then '.join(each.courts) or 'any'}{starts}")
    return "; else ".join(said)


def in_words(plan: Plan) -> dict[str, str]:
    """Everything about *plan*, for a person, in the order in which it is asked."""
    counts = plan.rule is not None and re.search("INTERVAL=|COUNT=", plan.rule)
    wanted: dict[str, object] = {
        "when": plan.when,
        "counts from": plan.first.date() if counts else None,
        "length": f"{plan.length // MINUTE} minutes",
        "until": plan.until,
        "skips": ", ".join(f"{day:%a %Y-%m-%d}" for day in sorted(plan.skipped)),
        "where": ", else ".join(each.facility for each in plan.choices),
        "courts": _courts(plan) or "any",
        "sport": plan.sport,
        "booking system": plan.system,
        "session": plan.link,
        "account": plan.account,
        "sign-in": plan.sign_in,
        "pay": plan.pay,
        "maximum price": plan.max_price,
        "all courts at once": "yes" if plan.at_once else "no",
        "waiting list": "yes" if plan.wait_list else "no",
        "notice": f"{plan.notice // MINUTE} minutes",
    }
    return {name: "none" if value in (None, "") else str(value) for name, value in wanted.items()}


def _plans(number: int) -> str:
    """So many plans."""
    return "1 plan" if number == 1 else f"{number} plans"


def described(plan: Plan, preview: Preview, now: datetime) -> list[str]:
    """*plan* and its next slots, for a person."""
    lines = [f"{plan} ({preview.zone})"]
    for seen in preview.slots:
        if seen.slot is None or seen.opens_at is None:
            lines.append(
                f"  {seen.start:%a %Y-%m-%d %H:%M}        cannot be reserved: {'; '.join(seen.troubles)}"
            )
            continue
        opening = seen.opens_at.astimezone(preview.zone)
        utc = seen.opens_at.astimezone(UTC)
        is_open = "; open already, so it is booked within a minute" if opening <= now else ""
        lines.append(
            f"  {seen.slot.start:%a} {seen.slot}  opens {opening:%a %Y-%m-%d %H:%M:%S %Z}"
            f" = {utc:%H:%M:%S} UTC{is_open}"
        )
        lines += [f"      but {trouble}" for trouble in seen.troubles]
    return lines


def plan_as_json(number: int, plan: Plan, preview: Preview) -> dict[str, object]:
    """*plan* and its next slots, for a program."""
    return {
        "plan": number,
        "body": body_of(plan),
        "zone": str(preview.zone),
        "rule": str(preview.rule),
        "next": [
            {
                "start": (seen.slot.start if seen.slot else seen.start).isoformat(),
                "end": seen.slot.end.isoformat() if seen.slot else None,
                "opens_at": seen.opens_at.isoformat() if seen.opens_at else None,
                "troubles": list(seen.troubles),
            }
            for seen in preview.slots
        ],
    }

"""Pages that only read: what comes up, what happened, and one run."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import islice
from typing import Any

from flask import Flask, Response, abort, render_template, request
from markupsafe import Markup

from reserve import window
from reserve.causes.facts import read
from reserve.commands.explain import reasons
from reserve.commands.history import end_of
from reserve.commands.screen import Tone, tone_of
from reserve.commands.why import explained
from reserve.errors import CauseWord, ExitCode, UsageError
from reserve.model import ActionKind, Phase
from reserve.plans.due import plan_of
from reserve.storage.plans import Occurrence, StoredPlan
from reserve.storage.run_folder import rivals_of, steps_of
from reserve.storage.runs import PastRun, RunRow
from reserve.storage.schema import RUNS
from reserve.storage.typed_codes import waiting
from reserve.waterfall.page import COLOURS, OF_PICTURE, drawing
from reserve.waterfall.picture import waterfall
from webhook_server.pages.guard import mine
from webhook_server.pages.house import A_PAGE, House, Mine

WON, LOST = "won", "lost"
UNITS = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))
# What a run under way is about -> in words, and where that is on its way.
PHASES = {
    Phase.WAITING: ("waiting for the opening", 0),
    Phase.SIGNING_IN: ("signing in", 1),
    Phase.SIGNED_IN: ("signed in", 1),
    Phase.CODE_ASKED: ("waiting for the code", 2),
    Phase.CODE_ACCEPTED: ("code received", 2),
    Phase.RACING: ("ready, asks when it opens", 3),  # the race itself takes milliseconds
    Phase.WAIT_LIST: ("on the waiting list", 3),
}
WAY = ("wait", "sign in", "code", "race", "court")
LATEST = 500  # runs whose margins are drawn
MARGINS = (-1, 10, 30, 100, 300, 1_000)  # milliseconds, at most
OF_MARGINS = ("early", *map(str, MARGINS[1:]), "more")
JUST_NOW, A_DAY, FEW = timedelta(minutes=10), timedelta(days=1), 3
ENDS = {Tone.GOOD: "reserved", Tone.BAD: "not reserved", Tone.NEEDS_YOU: "needs you", Tone.PLAIN: "over"}
# What a run under way did last -> what that means for the player.
STATES = {
    ActionKind.ASKING: "asking for a court",
    ActionKind.HELD: "holding a court",
    ActionKind.CONFIRMING: "confirming",
    ActionKind.CONFIRMED: "reserved",
    ActionKind.UNCONFIRMED: "perhaps reserved",
    ActionKind.KEPT: "held for you to pay",
    ActionKind.RELEASED: "tidying up",
}
CLASSES = {Tone.GOOD: "good", Tone.BAD: "bad", Tone.NEEDS_YOU: "needs-you", Tone.PLAIN: "plain"}


@dataclass(frozen=True)
class Opening:
    """What comes up for one slot of a plan; moments are in the facility's time."""

    number: int
    what: str
    courts: str
    account: str | None
    starts: datetime
    opens: datetime
    state: str


@dataclass(frozen=True)
class UnderWay:
    """A run that goes on right now, or has just ended."""

    run: RunRow
    state: str
    way: int  # how far it has come, by WAY
    tone: str
    wants_code: bool


@dataclass(frozen=True)
class Total:
    """How often runs ended so."""

    label: str
    runs: int
    share: int  # percent of the longest bar
    is_won: bool


@dataclass(frozen=True)
class Column:
    """How many of the latest runs had their court, or asked for one, so soon after the opening."""

    label: str
    won: int
    lost: int
    won_share: float  # percent of the highest column
    lost_share: float


def openings(own: Mine) -> list[Opening]:
    """The next openings, the first one first."""
    now = own.house.clock.now()
    return [_opening(stored, each, now) for stored, each in islice(own.openings(), A_PAGE)]


def _opening(stored: StoredPlan, each: Occurrence, now: datetime) -> Opening:
    zone = window.zone(stored.zone or "UTC")
    try:
        plan = plan_of(stored)
        where = ", else ".join(choice.facility for choice in plan.choices) or "the session"
        courts = ", ".join(court for choice in plan.choices for court in choice.courts) or "any court"
        what, account = f"{where}: {plan.sport}", plan.account
    except UsageError as failure:
        what, courts, account = str(failure), "", None
    state = "waiting"
    if stored.is_paused:
        state = "paused"
    elif each.claims:
        state = "getting ready" if each.opens_at > now else "at work"
    return Opening(
        stored.plan_id,
        what,
        courts,
        account,
        each.starts_at.astimezone(zone),
        each.opens_at.astimezone(zone),
        state,
    )


def under_way(own: Mine) -> list[UnderWay]:
    """The runs that go on right now, on whichever machine, and those that ended a moment ago."""
    now, runs = own.house.clock.now(), own.house.runs
    has_ended = (RUNS.c.started > now - A_DAY) & (RUNS.c.ended > now - JUST_NOW)
    # Each by its index; both in one query would read all runs there are.
    begun = runs.rows(wanted=own.runs & RUNS.c.ended.is_(None), most=A_PAGE)
    alive = runs.alive(run.run_id for run in begun) if begun else set()
    over = [_over(run) for run in runs.rows(wanted=own.runs & has_ended, most=FEW)]
    if not alive:
        return over
    listening = set(waiting(own.house.settings.data))
    going_on = runs.read(RUNS.c.run_id.in_(alive))
    return [_going_on(run, wants_code=run.run_id in listening) for run in going_on] + over


def _over(run: RunRow) -> UnderWay:
    tone = tone_of(run.exit_code)
    return UnderWay(run, ENDS[tone], len(WAY), CLASSES[tone], wants_code=False)


def _going_on(run: PastRun, wants_code: bool) -> UnderWay:
    state, way = PHASES[run.phase] if run.phase else ("getting ready", 0)
    last = run.actions[-1] if run.actions else None
    if last and last.kind is not ActionKind.ASKING and not (run.phase_at and run.phase_at > last.moment):
        state, way = STATES[last.kind], 3
    return UnderWay(run, state, way, "", wants_code)


def totals(own: Mine) -> list[Total]:
    """How runs ended, the most frequent first; reservations before all."""
    counted: dict[tuple[bool, str], int] = {}
    for code, cause, many in own.house.runs.ends(own.runs):
        won = code == ExitCode.SUCCESS
        key = (won, "reserved" if won else words(cause))
        counted[key] = counted.get(key, 0) + many
    most = max(counted.values(), default=1)
    ordered = sorted(counted.items(), key=lambda each: (not each[0][0], -each[1]))
    return [Total(label, many, max(1, round(100 * many / most)), won) for (won, label), many in ordered]


def margins(own: Mine) -> list[Column]:
    """How soon after their openings the latest runs had a court, or asked for one in vain."""
    counted = {label: [0, 0] for label in OF_MARGINS}
    for code, margin, many in own.house.runs.margins(own.runs, limits=MARGINS, most=LATEST):
        counted[OF_MARGINS[margin]][code != ExitCode.SUCCESS] += many
    most = max(map(sum, counted.values()))
    shares = 100 / most if most else 0
    found = [Column(label, won, lost, won * shares, lost * shares) for label, (won, lost) in counted.items()]
    return found if most else []


def words(cause: str | None) -> str:
    """A cause, for people."""
    return cause.replace("-", " ") if cause else "no cause on record"


def until(moment: datetime, now: datetime) -> str:
    """How long it is until *moment*, in the two largest units; static/live.js counts on in the same words."""
    seconds = int((moment - now).total_seconds())
    if seconds <= 0:
        return "open"
    parts: list[str] = []
    for size, unit in UNITS:
        many, seconds = divmod(seconds, size)
        if many or parts:
            parts.append(f"{many} {unit}")
    return f"in {' '.join(parts[:2])}"


def since(moment: datetime, now: datetime) -> str:
    """How long ago *moment* was, in its largest unit."""
    seconds = max(0, int((now - moment).total_seconds()))
    size, unit = next((each for each in UNITS if seconds >= each[0]), UNITS[-1])
    return f"{seconds // size} {unit} ago"


def runs_shown(own: Mine, *, ended: str, cause: str, before: str) -> list[RunRow]:
    """A page of past runs and one more, latest first, only those that are asked for."""
    wanted = own.runs
    if ended == WON:
        wanted = wanted & (RUNS.c.exit_code == ExitCode.SUCCESS)
    elif ended == LOST:
        wanted = wanted & (RUNS.c.exit_code != ExitCode.SUCCESS)
    if cause in list(CauseWord):
        wanted = wanted & (RUNS.c.cause == cause)
    if before and (last := own.run(before)) is not None:
        wanted = wanted & (RUNS.c.started < last.started)
    return own.house.runs.rows(wanted=wanted, most=A_PAGE + 1)


def add_reading(pages: Flask, house: House) -> None:
    """Add the pages that only read."""

    @pages.template_filter("tone")
    def tone(exit_code: int | None) -> str:
        return CLASSES.get(tone_of(exit_code), "plain")

    pages.jinja_env.globals["WAY"] = WAY
    pages.add_template_filter(words, "words")
    pages.add_template_filter(until, "until")
    pages.add_template_filter(since, "since")

    @pages.get("/")
    def coming_up() -> str:
        own = mine(house)
        return render_template(
            "coming_up.html",
            openings=openings(own),
            under_way=under_way(own),
            accounts=own.all_accounts,
            now=house.clock.now(),
        )

    @pages.get("/runs")
    def what_happened() -> str:
        own = mine(house)
        asked = {name: request.args.get(name, "")[:60] for name in ("ended", "cause", "before")}
        found = runs_shown(own, **asked)
        alive = own.house.runs.alive(run.run_id for run in found if not run.sentence)
        is_all = not any(asked.values())  # whoever asks for some of them wants to see those first
        counted = totals(own) if is_all else []
        shown: list[dict[str, Any]] = [{"run": run, "end": end_of(run, alive)} for run in found[:A_PAGE]]
        return render_template(
            "runs.html",
            shown=shown,
            has_more=len(found) > A_PAGE,
            totals=counted,
            many=sum(each.runs for each in counted),
            won=sum(each.runs for each in counted if each.is_won),
            margins=margins(own) if is_all else [],
            causes=list(CauseWord),
            asked=asked,
        )

    @pages.get("/runs/<run_id>")
    def one_run(run_id: str) -> str:
        own = mine(house)
        run = own.run(run_id)
        if run is None:
            abort(404)
        alive = own.house.runs.alive([run.run_id])
        data, end = house.settings.data, end_of(run, alive)
        why = [text for _, text in reasons(run, explained(run, is_alive=bool(alive)))]
        picture = waterfall(
            run, read(run.facts), steps_of(data, run.run_id), end, rivals=rivals_of(data, run.run_id)
        )
        return render_template("run.html", run=run, end=end, why=why, drawing=Markup(drawing(picture)))

    @pages.get("/picture.css")
    def picture_style() -> Response:
        return Response(COLOURS + OF_PICTURE, mimetype="text/css")

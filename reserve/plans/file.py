"""A plan as JSON: in a file that `plan import` reads, and in the store.

`OneOff` and `Recurring` are the only description of that JSON: reader, writer and schema follow from them.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import msgspec
from msgspec import Meta, Struct

from reserve import when
from reserve.errors import UsageError
from reserve.plans.plan import LONGEST_NOTICE, NOTICE, Choice, Plan
from reserve.plans.rule import parse_rule
from reserve.systems import PROFILES, SPORTS, USUAL, WAYS_TO_PAY, WAYS_TO_SIGN_IN
from reserve.systems.atrium import AtriumProfile

if TYPE_CHECKING:
    SystemName = str
    Sport = str
    WayToPay = str
    WayToSignIn = str
else:  # what no type checker can know
    SystemName, Sport, WayToPay = Literal[tuple(PROFILES)], Literal[SPORTS], Literal[WAYS_TO_PAY]
    WayToSignIn = Literal[WAYS_TO_SIGN_IN]

MINUTE = timedelta(minutes=1)
MOST = 5  # plans whose mistakes are listed; then nobody reads on
MOST_PLANS = 1000  # in a file
LARGEST = 10_000_000  # bytes of a file; so many plans take a fiftieth of it

Name = Annotated[str, Meta(min_length=1, max_length=200)]
Day = Annotated[str, Meta(description="a day at the facility, such as 2026-12-02")]
Time = Annotated[str, Meta(description="a time at the facility, such as 18:00")]
Moment = Annotated[str, Meta(description="a moment at the facility, such as 2026-12-02T18:00:00")]


class ChoiceBody(Struct, forbid_unknown_fields=True, rename={"or_starts": "or"}):
    """A facility; `courts` in order of preference, any when omitted; `or`: further starts, same length."""

    facility: Annotated[str, Meta(max_length=200)]
    courts: list[Name] = []
    or_starts: list[Time] = []

    def __post_init__(self) -> None:
        """Refuse what would garble a message."""
        refuse_unprintable(self.facility, *self.courts)


class PlanBody(
    Struct,
    kw_only=True,
    forbid_unknown_fields=True,
    tag_field="type",
    rename={"minutes": "duration", "at_once": "together", "skipped": "except"},
):
    """What all plans have; `choices` in order of preference.

    The earlier Atrium tool had `court_id` instead: this court, else the other one of the building.
    """

    minutes: Annotated[int, Meta(ge=1, le=24 * 60 - 1)] = 30  # as the earlier Atrium tool (Atrium facts 4)
    system: SystemName | None = None
    sport: Annotated[Sport, Meta(description="the first that the system has when omitted")] | None = None
    choices: Annotated[list[ChoiceBody], Meta(min_length=1)] | None = None
    court_id: Name | int | None = None
    account: Name | None = None
    max_price: Annotated[float, Meta(ge=0, le=100_000, description="in the system's currency")] | None = None
    pay: WayToPay = "by-hand"
    sign_in: Annotated[WayToSignIn, Meta(description="where the system has several ways")] | None = None
    at_once: Annotated[bool, Meta(description="ask for every sub-court at once (-m)")] = False
    until: Annotated[Day, Meta(description="the last day")] | None = None
    skipped: Annotated[list[Day], Meta(description="days to skip")] = []
    wait_list: Annotated[bool, Meta(description="when all is taken, go on looking")] = False
    notice: Annotated[
        int,
        Meta(ge=0, le=LONGEST_NOTICE // MINUTE, description="minutes before play; then the waiting ends"),
    ] = NOTICE // MINUTE
    link: Annotated[str, Meta(max_length=500, description="ntnui: the session's page")] | None = None

    def __post_init__(self) -> None:
        """Refuse a plan without a place, and what would garble a message."""
        if self.choices is None and self.court_id is None:
            raise ValueError("`choices` is missing: the facilities")
        refuse_unprintable(str(self.court_id), self.account or "", self.link or "")


class OneOff(PlanBody, tag="one-off"):
    """A plan for one slot."""

    desired_time: Moment


class Recurring(PlanBody, tag="recurring"):
    """A plan for the slots of a rule, which counts from today when `counts_from` is omitted."""

    rrule: Annotated[str, Meta(description="RFC 5545, e.g. FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;COUNT=52")]
    counts_from: Moment | None = None


AnyPlan = OneOff | Recurring


def refuse_unprintable(*texts: str) -> None:
    """Raise ValueError for a text with a line break, or anything else that cannot be printed."""
    for text in texts:
        if not text.isprintable():
            raise ValueError(f"{text!r} has a line break, or another character that cannot be printed")


def schema() -> dict[str, Any]:
    """The JSON schema of a file of plans."""
    about = {"title": "Plans of First Serve", "description": "What `main.py plan import FILE` reads."}
    draft = {"$schema": "https://json-schema.org/draft/2020-12/schema"}
    return {**draft, **about, **msgspec.json.schema(list[AnyPlan])}


def content_of(path: Path) -> str:
    """What is in the file *path*; raises `UsageError` when it cannot be a file of plans."""
    name = repr(str(path))
    try:
        with path.open("rb") as file:
            content = file.read(LARGEST + 1)
        if len(content) > LARGEST:
            raise UsageError(f"{name} is larger than {LARGEST // 1_000_000} MB; that is not a file of plans")
        return content.decode("utf-8-sig")
    except OSError as failure:
        raise UsageError(f"{name} cannot be read: {failure.strerror}") from None
    except UnicodeDecodeError:
        raise UsageError(f"{name} cannot be read: it is not text in UTF-8") from None


def read_plans(text: str, name: str, today: date) -> list[Plan]:
    """The plans in *text*, the content of the file *name*; raises `UsageError` that says what is wrong."""
    try:
        bodies = msgspec.json.decode(text, type=list[msgspec.Raw])
    except msgspec.ValidationError as failure:
        raise UsageError(f"{name}: {_lowered(str(failure))}") from None
    except msgspec.DecodeError as failure:
        place = re.search(r"\(byte (\d+)\)", str(failure))
        before = text.encode()[: int(place[1])] if place else text.strip().encode()
        line = before.count(b"\n") + 1
        why = str(failure).removeprefix("JSON is malformed: ").partition(" (byte")[0]
        raise UsageError(f"{name}, line {line}: this is not JSON: {_lowered(why)}") from None
    except RecursionError:
        raise UsageError(f"{name}: nested too deeply") from None
    if not bodies:
        raise UsageError(f"{name} has no plan in it")
    if len(bodies) > MOST_PLANS:
        raise UsageError(f"{name} has {len(bodies)} plans; {MOST_PLANS} are the most")
    found, mistakes = [], []
    for number, body in enumerate(bodies):
        try:
            found.append(plan_in(body, today, f"[{number}]"))
        except UsageError as failure:
            mistakes.append(str(failure))
            if len(mistakes) == MOST and number + 1 < len(bodies):
                mistakes.append("there may be more")
                break
    if mistakes:
        raise UsageError(f"{name}: nothing was imported: {'; '.join(mistakes)}")
    return found


def plan_in(body: Mapping[str, Any] | msgspec.Raw, today: date, name: str) -> Plan:
    """The plan in *body*; a rule counts from *today* unless it says otherwise.

    Raises `UsageError` that begins with *name* and the path of what is wrong: [3].choices[0].or.
    """
    try:
        if isinstance(body, msgspec.Raw):
            return _plan(msgspec.json.decode(body, type=AnyPlan), today, name)
        return _plan(msgspec.convert(body, AnyPlan), today, name)
    except (msgspec.DecodeError, RecursionError) as failure:
        why, _, path = str(failure).partition(" - at `$")
        raise UsageError(f"{name}{path.removesuffix('`')}: {_lowered(why)}") from None


def _lowered(message: str) -> str:
    return message[:1].lower() + message[1:]


def _plan(body: AnyPlan, today: date, name: str) -> Plan:
    if isinstance(body, OneOff):
        first, rule = _moment(body.desired_time, f"{name}.desired_time"), None
    else:
        first = datetime.combine(today, time())
        if body.counts_from is not None:
            first = _moment(body.counts_from, f"{name}.counts_from")
        rule = parse_rule(body.rrule, first, f"{name}.rrule")
    if body.choices is None:
        court = str(body.court_id).strip()
        choices = [Choice(f"Court {court}" if court.isdigit() else court)]
    else:
        choices = [_choice(each, f"{name}.choices[{place}]") for place, each in enumerate(body.choices)]
    system = body.system or (USUAL if body.court_id is None else AtriumProfile.name)
    return Plan(
        choices=tuple(choices),
        length=body.minutes * MINUTE,
        first=first,
        rule=rule,
        sport=body.sport or PROFILES[system].sports[0],
        system=system,
        account=body.account,
        max_price=None if body.max_price is None else Decimal(f"{body.max_price:.2f}"),
        pay=body.pay,
        sign_in=body.sign_in,
        at_once=body.at_once,
        until=None if body.until is None else when.read_day(body.until, f"{name}.until", None),
        skipped=frozenset(when.read_day(day, f"{name}.except", None) for day in body.skipped),
        wait_list=body.wait_list,
        notice=body.notice * MINUTE,
        link=body.link,
    )


def _choice(body: ChoiceBody, name: str) -> Choice:
    starts = tuple(when.read_time(text, f"{name}.or") for text in body.or_starts)
    return Choice(body.facility, tuple(body.courts), starts)


def _moment(text: str, name: str) -> datetime:
    moment = when.read_moment(text, name, None)
    return datetime.combine(moment.day, moment.time)


def body_of(plan: Plan) -> dict[str, Any]:
    """*plan* as `plan_in` reads it."""
    common: dict[str, Any] = {
        "minutes": plan.length // MINUTE,
        "system": plan.system,
        "sport": plan.sport,
        "choices": [
            ChoiceBody(each.facility, list(each.courts), [f"{start}" for start in each.or_starts])
            for each in plan.choices
        ],
        "account": plan.account,
        "max_price": None if plan.max_price is None else float(plan.max_price),
        "pay": plan.pay,
        "sign_in": plan.sign_in,
        "at_once": plan.at_once,
        "until": None if plan.until is None else f"{plan.until}",
        "skipped": sorted(f"{day}" for day in plan.skipped),
        "wait_list": plan.wait_list,
        "notice": plan.notice // MINUTE,
        "link": plan.link,
    }
    moment = plan.first.isoformat()
    if plan.rule is None:
        body: AnyPlan = OneOff(desired_time=moment, **common)
    else:
        body = Recurring(rrule=plan.rule, counts_from=moment, **common)
    return {name: value for name, value in msgspec.to_builtins(body).items() if value is not None}

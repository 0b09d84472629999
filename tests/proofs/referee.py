"""Judges a run by the simulator's ledger, by what the run said, and by what it left on the disk."""

from __future__ import annotations

import base64
import json
import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from datetime import timedelta
from fnmatch import fnmatchcase
from itertools import pairwise

from reserve.booking.result import Outcome
from reserve.commands.outcome import result_as_json
from reserve.errors import ExitCode
from reserve.model import short
from tests.proofs.trouble import TroubledStage
from tests.stage import TOKEN

DOCUMENTED = {0, 1, 2, 3, 4, 5, 6, 7, 8}
LONG = 9  # digits; fewer may stand in a longer number by chance
ASKED_AGAIN = "a court was asked for that the player held already"
KINDS = ("double_paid", "double_booked", "silent", "leaked", "tracebacks", "left", "unfair", "undocumented")


@dataclass(frozen=True)
class Verdict:
    """How a run ended, and what is wrong with that: pairs of a kind and the details."""

    name: str
    exit_code: int
    sentence: str
    problems: tuple[tuple[str, str], ...]

    def count(self, kind: str) -> int:
        """How many problems of this kind there are."""
        return sum(each == kind for each, _ in self.problems)


def judged(stage: TroubledStage, name: str, *words: str) -> Verdict:
    """The verdict about a whole run on *stage*."""
    outcome = stage.book(*words)
    stage.wired.write_down(stage.result)
    ended = stage.clock.now()
    held = stage.ledger.open_holds(ended)
    stage.clock.sleep(timedelta(seconds=60))  # what is still under way arrives, and is done
    problems = [
        *_money(stage),
        *_blind(stage),
        *_sentence(stage, outcome, held),
        *_leaks(stage, outcome),
        *_left(stage, outcome, held),
        *(
            ("unfair", each)
            for each in stage.ledger.violations
            if each != ASKED_AGAIN or not _could_not_look(stage)
        ),
    ]
    if outcome.exit_code == ExitCode.BUG:
        problems.append(("tracebacks", (stage.wired.folder.path / "bug.txt").read_text()))
    return Verdict(name, outcome.exit_code, outcome.sentence, tuple(problems))


def _money(stage: TroubledStage) -> Iterator[tuple[str, str]]:
    paid = stage.ledger.paid
    canceled = {event.details["order"] for event in stage.ledger.all("canceled")}
    if len(paid) > 1:
        yield "double_paid", f"paid {paid}"
    look = stage.simulated.look
    could_look = any(each.is_granted and fnmatchcase(each.request, look) for each in stage.ledger.sent)
    before = [event.details["order"] for event in stage.ledger.all("reserved-before") if could_look]
    reserved = [order for order in paid if order not in canceled]
    if reserved and len(before + reserved) > 1:
        yield "double_booked", f"reserved {reserved}, and {before} before"


def _blind(stage: TroubledStage) -> Iterator[tuple[str, str]]:
    """Where asking for a court reserves it, whoever lost an answer has to look before asking again."""
    simulated = stage.simulated
    if not simulated.hold_is_final:
        return
    looks = [moment for moment, request in stage.ledger.asked if fnmatchcase(request, simulated.look)]
    holds = [each for each in stage.ledger.sent if fnmatchcase(each.request, simulated.asks)]
    for before, after in pairwise(holds):
        if before.is_lost and not any(before.moment < moment <= after.moment for moment in looks):
            yield "unfair", f"{after.request} came after a lost answer, without a look"


def _could_not_look(stage: TroubledStage) -> bool:
    """Whether an answer was lost, and no look between that and the next asking was answered.

    Where a hold can be given back, asking again is fair then: else a server in trouble would give nobody any.
    """
    simulated = stage.simulated
    sent = [each for each in stage.ledger.sent if fnmatchcase(each.request, simulated.asks)]
    looks = [
        each for each in stage.ledger.sent if fnmatchcase(each.request, simulated.look) and each.is_granted
    ]
    return not simulated.hold_is_final and any(
        before.is_lost and not any(before.moment < look.moment <= after.moment for look in looks)
        for before, after in pairwise(sent)
    )


def _sentence(stage: TroubledStage, outcome: Outcome, held: list[str]) -> Iterator[tuple[str, str]]:
    """The sentence and the exit code against the truth; *Not sure* is always honest."""
    paid, code = stage.ledger.paid, outcome.exit_code
    if code not in DOCUMENTED | {ExitCode.BUG} and not (stage.stop.is_asked and code > 128):
        yield "undocumented", f"exit code {code}"
    if not outcome.sentence.startswith(outcome.word.beginning):
        yield "undocumented", f"{outcome.word} is said as {outcome.sentence!r}"
    if (code == 0) != (outcome.word == "reserved") or (code == 7) != (outcome.sentence[:8] == "Not sure"):
        yield "undocumented", f"exit code {code} is said as {outcome.sentence!r}"
    if code == 0:
        if paid != [outcome.order_id]:
            yield "silent", f"said {outcome.sentence!r} of {outcome.order_id}, but {paid} was paid"
        elif _is_another(str(outcome.court), truth := _courts(stage)[paid[0]], stage):
            yield "silent", f"said {outcome.sentence!r}, but it is {truth}"
    elif code not in (7, ExitCode.BUG) and paid:
        yield "silent", f"said {outcome.sentence!r}, but {paid} was paid"
    if code == 8 and outcome.order_id not in held:
        yield "silent", f"said {outcome.sentence!r}, but {held} is held"


def _left(stage: TroubledStage, outcome: Outcome, held: list[str]) -> Iterator[tuple[str, str]]:
    """What stays held must be named, with when it lapses if the system says so."""
    said = "\n".join([*stage.steps, outcome.sentence]).splitlines()
    for whole in held:
        court, order = _courts(stage)[whole], short(whole)
        lapses = (
            rf"{order}.*until (\d\d:\d\d|it lapses)|(by \d\d:\d\d:\d\d \S+|soon) at .*{order}"
            rf"|{court} may be held until it lapses"
        )
        if not stage.simulated.says_when_holds_lapse:
            lapses = rf"{order}|{court} may be held|^Held {court} at .* on its site$"
        if not any(re.search(lapses, line) for line in said):
            yield "left", f"{court} stays held by {order}, and nobody says so; {outcome.sentence!r}"


def _leaks(stage: TroubledStage, outcome: Outcome) -> Iterator[tuple[str, str]]:
    said = json.dumps(result_as_json(replace(stage.result, outcome=outcome)), ensure_ascii=False)
    places = {"what was said": "\n".join([*stage.steps, outcome.sentence, said]).encode()}
    places |= {
        str(path.relative_to(stage.folder)): path.read_bytes()
        for path in (stage.folder / "data").rglob("*")
        if path.is_file()
    }
    for place, content in places.items():
        for name, pattern in _canaries(stage):
            if re.search(pattern, content):
                yield "leaked", f"{name} in {place}"


def _canaries(stage: TroubledStage) -> Iterator[tuple[str, bytes]]:
    """Patterns of every secret of the scenario."""
    for name, values in {**stage.simulated.secrets, "webhook token": [TOKEN]}.items():
        for value in values:
            if value.isdigit() and len(value) < LONG:
                yield name, rb"(?<![\w.-])" + value.encode() + rb"(?![\w-])"
                continue
            inside_json = json.dumps(value)[1:-1]
            in_base64 = base64.b64encode(value.encode()).decode().rstrip("=")[:-1]
            yield name, b"|".join(re.escape(each).encode() for each in (value, inside_json, in_base64))


def _courts(stage: TroubledStage) -> dict[str, str]:
    """The court of each order, as the booking system calls it."""
    return {event.details["order"]: event.details["court"] for event in stage.ledger.all("held", "paid")}


def _is_another(said: str, truth: str, stage: TroubledStage) -> bool:
    """Whether *said* is the name of another court; *Court 1* may be short for *Tennis Court 1*."""
    known = {str(event.details["court"]) for event in stage.ledger.events if "court" in event.details}
    named = {court for court in known if court == said or court.endswith(f" {said}")}
    return bool(named) and truth not in named

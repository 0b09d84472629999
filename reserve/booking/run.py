"""One run, from booking request to reservation: start reading here."""

from __future__ import annotations

from collections.abc import Sequence
from contextlib import AbstractContextManager, ExitStack
from dataclasses import replace
from datetime import timedelta

from reserve import window
from reserve.booking.aim import aim, connected, remember_opening
from reserve.booking.codes import WebhookService
from reserve.booking.context import SETTLING, RunContext
from reserve.booking.limits import BookingLimits, affordable
from reserve.booking.race import Race
from reserve.booking.recover import recover, won_before
from reserve.booking.release import released_on_failure
from reserve.booking.result import Outcome, RunResult, describe, said_by
from reserve.booking.settle import settle
from reserve.booking.sign_in import SignIn
from reserve.booking.verification import Verification
from reserve.booking.waiting import WaitingList
from reserve.causes.cause import cause_of
from reserve.causes.facts import Facts, bounded, written
from reserve.clock import UNKNOWN, Watch
from reserve.errors import NotOpenYet, ReserveError, SlotTaken
from reserve.model import ActionKind, Hold, Offers, Opening, Phase, Reservation, SpanKind
from reserve.storage.exclusive import Lock
from reserve.storage.typed_codes import Mailbox
from reserve.systems.base import CourtConnection
from reserve.systems.place import span
from reserve.when import in_full

ANOTHER_LOOK = timedelta(seconds=1)  # so soon is it noticed that another run has ended
LONG_WAIT = timedelta(minutes=10)
LATE_START = timedelta(seconds=5)  # so late is worth a line in the log


class Run:
    """One booking request on its way to one reservation."""

    def __init__(
        self,
        context: RunContext,
        source: WebhookService | None = None,
        typed: Mailbox | None = None,
        turn: Lock | None = None,
    ) -> None:
        """Nothing is sent yet; one-time codes come from *source* or are *typed*, asked for in *turn*."""
        self.context, self.request = context, context.system.request
        self.system, self.clock, self.timeline = context.system, context.clock, context.timeline
        self.stop, self.record = context.stop, context.record
        self.sign_in = SignIn(context)
        self.verification = Verification(context, source, typed, turn)
        self.found: Offers | None = None
        self._has_waited = False
        self._was_open = timedelta()  # when this run took it up
        self._started, self._watch = self.clock.now(), Watch(self.clock)

    def book(self, *, in_turn: bool = False) -> RunResult:
        """Sign in early, wait for the window to open, reserve the first court we can; returns how it ended.

        With *in_turn*, another run of the player for the same day is waited for instead of refused.
        """
        end: Reservation | Hold | Exception
        with ExitStack() as under_way:  # until the end is written, so that nobody takes this run for cut off
            under_way.callback(self.record.store.close)
            under_way.callback(self.system.close)
            under_way.callback(self.verification.close)
            try:
                under_way.enter_context(self.alone(in_turn=in_turn))
                found = self.find()
                opening = self.opening(found)

                self.wait_for_sign_in(opening, in_turn=in_turn)
                self.sign_in.make()
                recover(self.context)
                end = (in_turn and self.won_before(opening)) or self.compete(found, opening)
            except Exception as failure:
                end = failure
            self.stop.shield()  # how it ended is written and said
            return self.ended(end)

    def won_before(self, opening: Opening) -> Reservation | Hold | None:
        """What an earlier run of the same plan won and did not live to tell; None if nobody can say."""
        try:
            return won_before(self.context, {offer.slot for offer in opening.offers})
        except ReserveError as failure:
            self.timeline.say(f"could not look for what an earlier run won: {failure}")
            return None

    def compete(self, found: Offers, opening: Opening) -> Reservation | Hold:
        """Ask at the opening, and keep the best of what was held."""
        context, leads = self.context, self.context.leads
        limits = BookingLimits(context, found, opening)
        context.patiently(limits.respect)

        context.wait_until(opening.opens_at - leads.code)
        context.write(
            ActionKind.ASKING, opening.offers
        )  # whoever takes over knows of it, however slow a store is
        self.record.hurry(opening.opens_at - self.clock.now() + self.request.patience + SETTLING)
        self.verification.verify(found, opening)

        context.reach(Phase.RACING)
        with connected(self.system, opening) as connections:
            together = min(self.system.fan_out if self.request.at_once else 1, len(opening.offers))
            moments = aim(context, connections, opening, self.verification, found.facility, together)
            self.stop.shield()
            deadline = max(moments[0], self.clock.now()) + self.request.patience
            race = Race(context, self.verification, moments, deadline)
            holds = race.win(connections, at_once=self.request.at_once)  # sleeps until the opening
            with released_on_failure(context, holds):
                remember_opening(context, found.facility, opening.opens_at, race.opening_delay)
            holds = holds or self.wait_for_a_court(race, connections, opening)
            try:
                with self.timeline.span(SpanKind.SETTLE):
                    return settle(context, holds, self.verification, limits)
            finally:
                race.tidy(holds)

    def alone(self, *, in_turn: bool) -> AbstractContextManager[None]:
        """Inside, this run is on record as under way, and no other of the player for the same day is."""
        request, wait = self.request, self.wait_for_another if in_turn else None
        return self.record.kept(
            system=self.system.name, request=str(request), day=str(request.day), wait=wait
        )

    def wait_for_another(self) -> None:
        """Wait a little for another run of the player to end."""
        if not self._has_waited:
            self._has_waited = True
            self.timeline.say(
                f"another run of this player for {self.request.day} is under way; waiting for it"
            )
        self.context.wait_until(self.clock.now() + ANOTHER_LOOK)

    def wait_for_sign_in(self, opening: Opening, *, in_turn: bool) -> None:
        """Wait until it is time to sign in; when that is long, other runs of the player may ask meanwhile."""
        moment = opening.opens_at - self.context.leads.sign_in
        if moment > self.clock.now():
            self.context.reach(Phase.WAITING)
        if moment - self.clock.now() < LONG_WAIT:
            self.sign_in.wait_until(moment)
            self.record.stay_alone()
            return
        self.record.step_aside()
        self.sign_in.wait_until(moment)
        self.record.be_alone(self.wait_for_another if in_turn else None)

    def find(self) -> Offers:
        """What the facility has for the booking request, and whether what we need later is there."""
        with self.timeline.span(SpanKind.FIND):
            self.found = found = self.context.patiently(self.system.offers)
        self.sign_in.check()
        for doubt in found.doubts:
            self.timeline.say(doubt)
        if found.wants_code:
            self.verification.prepare()
        return found

    def opening(self, found: Offers, *, reach: timedelta | None = window.REACH) -> Opening:
        """Which opening to wait for, no further ahead than *reach*; logs which courts are skipped."""
        now = self.clock.now()
        opening = affordable(window.choose(found, self.request, now, reach=reach), self.request.max_price)
        self.timeline.opens_at = opening.opens_at
        if opening.opens_at <= now:  # what is open is asked for now
            self._was_open = opening.opens_at - min(offer.opens_at for offer in opening.offers)
        for court, why in opening.skipped:
            self.timeline.say(f"{court.name} skipped: {why}")
        if opening.warning:
            self.timeline.say(f"warning: {opening.warning}", needs_you=True)
        self.timeline.say(f"to play on {in_full(found.offers[0].slot)}")
        is_one_slot = {offer.slot for offer in opening.offers} == {found.offers[0].slot}
        names = ", ".join(
            offer.court.name if is_one_slot else f"{offer.court.name} {span(offer.slot)}"
            for offer in opening.offers
        )
        moment = f"{opening.opens_at:%Y-%m-%d %H:%M:%S %Z}"
        when = f"opens at {moment}" if opening.opens_at > now else "is open"
        self.timeline.say(f"{found.facility}: {names}; the window {when}")
        lead = self.context.leads.sign_in
        late = now - (opening.opens_at - lead)
        if LATE_START < late < lead:
            self.timeline.say(f"started {late.total_seconds():.0f} s later than planned; going on")
        return opening

    def wait_for_a_court(
        self, race: Race, connections: Sequence[CourtConnection], opening: Opening
    ) -> list[Hold]:
        """The court that the waiting list brings, also one that opens only later.

        Raises why none is held when the player does not wait.
        """
        self.stop.obey()
        verdict = race.verdict()
        if not self.request.wait_list or not isinstance(verdict, SlotTaken | NotOpenYet):
            raise verdict
        self.context.write(ActionKind.ASKING, opening.later)
        with connected(self.system, replace(opening, offers=opening.later)) as later:
            waiting_list = WaitingList(self.context, self.sign_in, self.verification)
            with self.timeline.span(SpanKind.WAIT):
                return waiting_list.wait([*connections, *later])

    def ended(self, end: Reservation | Hold | Exception) -> RunResult:
        """The result of the run, its end written into the record."""
        outcome = describe(self.context, end, self.found)
        facts = self.facts(end)
        cause = cause_of(facts, outcome.exit_code)
        self.record.end(
            outcome.exit_code,
            outcome.sentence,
            opens_at=facts.opens_at,
            facility=self.found.facility if self.found else None,
            court=outcome.court,
            cause=cause.word if cause else None,
            margin=facts.margin,
            facts=written(facts),
        )
        result = self.result(outcome, end if isinstance(end, Exception) else None)
        return replace(result, facts=facts, cause=cause)

    def facts(self, end: Reservation | Hold | Exception) -> Facts:
        """What is to be known of this run later."""
        context, server = self.context, self.context.server
        return Facts(
            started=self._started,
            ended=self.clock.now(),
            said=said_by(end),
            opens_at=self.timeline.opens_at,
            was_open=self._was_open,
            ahead=server.offset,
            bound=None if server is UNKNOWN else server.bound,
            trip=context.trip,
            suspended=max(self._watch.jumped(), timedelta(0)),
            disk_is_full=self.record.disk_is_full,
            leads=vars(context.leads),
            spans=tuple(self.timeline.spans),
            attempts=bounded(context.attempts),
            code=self.verification.facts,
            stamp=None if isinstance(end, Exception) else end.stamp,
        )

    def result(self, outcome: Outcome, failure: Exception | None = None) -> RunResult:
        """What the run did, and this *outcome* of it."""
        return RunResult(
            outcome,
            run_id=self.record.run_id,
            system=self.system.name,
            facility=self.found.facility if self.found else self.request.facility,
            opens_at=self.timeline.opens_at,
            server=self.context.server,
            attempts=tuple(self.context.attempts),
            released=tuple(self.context.released),
            bug=None if isinstance(failure, ReserveError) else failure,
        )

"""Whatever a booking system answers, and whenever: at most one reservation, nothing forgotten, no lie."""

from collections.abc import Mapping, Sequence
from datetime import timedelta

from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from hypothesis.strategies import SearchStrategy

from reserve.booking.context import RunContext
from reserve.booking.race import ATTEMPTS, Race
from reserve.booking.settle import settle
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.booking.verification import Verification
from reserve.errors import Interrupted, ReserveError, Unconfirmed
from reserve.model import Reservation
from tests.fakes import START, FakeClock, NoLimits, NoRecord, offer
from tests.proofs.wild import MUCH_LATER, OF_CONFIRM, OF_HOLD, OF_READ, OF_RELEASE, OVERDUE, WildSystem

COURTS = [f"Court {number}" for number in (1, 2, 3)]
OPENING = START + timedelta(seconds=2)


Plan = Mapping[str, Sequence[str]]


def plans(of_hold: Sequence[str]) -> SearchStrategy[Plan]:
    """What may come of every call, where these words may come of asking for a court."""
    return st.fixed_dictionaries(
        {
            **{f"hold {name}": st.lists(st.sampled_from(of_hold), max_size=6) for name in COURTS},
            "confirm": st.lists(st.sampled_from(OF_CONFIRM), max_size=4),
            "release": st.lists(st.sampled_from(OF_RELEASE), max_size=12),
            "holds": st.lists(st.sampled_from(OF_READ), max_size=6),
            "reservations": st.lists(st.sampled_from(OF_READ), max_size=8),
            "look": st.lists(st.sampled_from(OF_READ), max_size=3),
        }
    )


PLANS = plans(OF_HOLD)
SEEDS = st.integers(0, 2**32)
careful = settings(max_examples=200, suppress_health_check=list(HealthCheck))


class Scenario:
    """One race and its settlement, and what the truth is afterwards."""

    def __init__(
        self,
        plan: Plan,
        seed: int,
        *,
        at_once: bool = True,
        stop_after: float | None = None,
        says_price: bool = True,
        is_final: bool = False,
    ) -> None:
        clock = FakeClock(seed=seed)
        timeline = Timeline(clock.now, opens_at=OPENING)
        self.system = WildSystem(clock, plan, seed, is_final, says_price)
        stop = Stop()
        context = RunContext(self.system, clock, timeline, stop, NoRecord())
        verification = Verification(context)
        deadline = OPENING + self.system.request.patience
        race = Race(context, verification, [OPENING], deadline)
        offers = [offer(name) for name in COURTS]
        if stop_after is not None:
            moment = OPENING + timedelta(seconds=stop_after)
            clock.call_at(moment, lambda: setattr(stop, "signal_number", 15))
        stop.shield()
        self.reservation = self.failure = None
        try:
            holds = race.win([self.system.connection_for(each) for each in offers], at_once=at_once)
            if not holds:
                stop.obey()
                raise race.verdict()
            end = settle(context, holds, verification, NoLimits(context))
            assert isinstance(end, Reservation)
            self.reservation = end
        except ReserveError as failure:
            self.failure = failure
        clock.sleep(2 * MUCH_LATER)  # what is still under way is done
        self.said = "\n".join([*(text for _, text in timeline.steps), str(self.failure)])

    def judge(self) -> None:
        """The promise, clause by clause."""
        system = self.system
        reserved = [each.court.name for each in system.mine.values()]
        assert len(reserved) <= 1, "one run, at most one reservation"
        assert not system.repeated, "a payment without an answer is never repeated"
        assert max(system.asked.values(), default=0) <= ATTEMPTS, "few attempts for one court"
        if self.reservation:
            assert reserved == [self.reservation.court.name], "what is called reserved is"
        elif reserved:
            assert isinstance(self.failure, Unconfirmed), "what is reserved is not called anything else"
        for order, each in system.held_now.items():
            may_be = f"{each.court.name} may be held until it lapses"
            named = any(
                (order in line and " until " in line) or may_be in line for line in self.said.splitlines()
            )
            assert named, f"{order} stays held and nobody says so:\n{self.said}"


@careful
@given(PLANS, SEEDS, st.booleans(), st.booleans())
def test_one_run_at_most_one_reservation(plan: Plan, seed: int, at_once: bool, says_price: bool) -> None:
    Scenario(plan, seed, at_once=at_once, says_price=says_price).judge()


@careful
@given(PLANS, SEEDS, st.floats(-1, 3))
def test_so_it_is_when_the_run_is_asked_to_stop(plan: Plan, seed: int, stop_after: float) -> None:
    scenario = Scenario(plan, seed, stop_after=stop_after)

    scenario.judge()
    if not scenario.system.asked:
        assert isinstance(scenario.failure, Interrupted)


@careful
@given(plans((*OF_HOLD, OVERDUE)), SEEDS, st.booleans())
def test_so_it_is_where_a_hold_is_final(plan: Plan, seed: int, at_once: bool) -> None:
    Scenario(plan, seed, at_once=at_once, is_final=True).judge()


@careful
@given(PLANS, SEEDS, st.booleans())
def test_nothing_stays_held_when_the_bookings_can_be_looked_at(plan: Plan, seed: int, at_once: bool) -> None:
    scenario = Scenario({**plan, "holds": [], "release": []}, seed, at_once=at_once)

    scenario.judge()
    assert not scenario.system.held_now or isinstance(scenario.failure, Unconfirmed)


@careful
@given(SEEDS)
@example(0)
def test_when_nothing_goes_wrong_the_first_court_is_reserved(seed: int) -> None:
    scenario = Scenario({}, seed)

    scenario.judge()
    assert scenario.reservation
    assert scenario.reservation.court.name == "Court 1"
    assert not scenario.system.held_now

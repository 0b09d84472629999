"""One hold confirmed, once; the rest released; the outcome read from the bookings."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from datetime import UTC, timedelta
from typing import Any

import pytest

from reserve.booking.context import RunContext
from reserve.booking.limits import BookingLimits
from reserve.booking.result import held
from reserve.booking.settle import settle
from reserve.booking.stop import Stop
from reserve.booking.verification import Verification
from reserve.clock import UNKNOWN, ServerTime
from reserve.errors import (
    AlreadyReserved,
    CodeError,
    Interrupted,
    LimitReached,
    LostAnswer,
    NotVerified,
    ReserveError,
    ServiceError,
    Throttled,
    TooDear,
    Unconfirmed,
    UnknownRefusal,
    Unreachable,
)
from reserve.model import Court, Hold, Limits, Offer, Offers, Opening, Order, Reservation
from reserve.money import Money
from tests.fakes import EVENING, HOLD_LENGTH, START, FakeClock, FakeSystem, NoLimits, context_of, offer, usd

ONE, TWO, THREE = offer("Court 1"), offer("Court 2"), offer("Court 3")
BOOKED = [Reservation(ONE.court, EVENING)]


def stands(offer: Offer, cents: int | None, **said: Any) -> Order:
    """An order for *offer* alone, at this price."""
    return Order((Hold(offer, "order"),), usd(cents), **said)


def paid(offer: Offer, cents: int) -> Order:
    """An order for *offer* alone, for which so much was paid."""
    return stands(offer, None, is_open=False, is_settled=True, charged=usd(cents))


class FakeVerification(Verification):
    """Proves the phone for a hold as the test says; a test that says nothing wants no code."""

    def __init__(self, context: RunContext, verify: Callable[[Hold], None] | None) -> None:
        super().__init__(context)
        self._verify = verify

    def prove_for(self, hold: Hold) -> None:
        assert self._verify, "nobody wanted a code"
        self._verify(hold)


class Settling:
    """A settlement among holds that the player has, and what it left behind."""

    def __init__(
        self,
        clock: FakeClock,
        answers: Mapping[str, Sequence[Any]] | None = None,
        *,
        prices: Sequence[int | None] = (0,),
        verify: Callable[[Hold], None] | None = None,
        stop: Stop | None = None,
        **system: Any,
    ) -> None:
        self.clock = clock
        self.system = FakeSystem(clock, {"reservations": [BOOKED], **(answers or {})}, **system)
        offers = (ONE, TWO, THREE)[: len(prices)]
        self.holds = [
            self.system.held(each, f"order-{number}", price)
            for number, (each, price) in enumerate(zip(offers, prices, strict=True), 1)
        ]
        self.context = context_of(self.system, stop=stop)
        self.verification = FakeVerification(self.context, verify)

    def end(self, server: ServerTime = UNKNOWN, limits: BookingLimits | None = None) -> Reservation | Hold:
        self.context.server = server
        return settle(self.context, self.holds, self.verification, limits or NoLimits(self.context))

    @property
    def released(self) -> list[str]:
        return self.context.released

    @property
    def log(self) -> str:
        return " | ".join(text for _, text in self.context.timeline.steps)


def test_the_first_hold_is_confirmed_and_the_others_are_released(clock: FakeClock) -> None:
    settling = Settling(clock, prices=(0, 0, 0))

    assert settling.end() == Reservation(ONE.court, EVENING, "order-1", usd(0))
    assert sorted(settling.released) == ["order-2", "order-3"]
    assert [line for line in settling.system.said if line.startswith("confirm")] == ["confirm order-1"]
    assert "release order-1" not in settling.system.said


def test_spare_courts_are_released_at_the_same_time_and_first(clock: FakeClock) -> None:
    settling = Settling(clock, prices=(0, 0, 0))

    settling.end()

    assert settling.system.times("release order-2") == settling.system.times("release order-3") == [0.0]


def test_a_release_that_fails_is_tried_again_after_the_confirmation(clock: FakeClock) -> None:
    settling = Settling(
        clock, {"release order-2": [Unreachable("down"), LostAnswer("500"), None]}, prices=(0, 0)
    )

    settling.end()

    assert settling.released == ["order-2"]
    said = settling.system.said
    assert said.index("release order-2") < said.index("confirm order-1") < len(said) - 2


def test_a_hold_that_cannot_be_released_is_named_and_does_not_spoil_the_reservation(
    clock: FakeClock,
) -> None:
    settling = Settling(clock, {"release order-2": [Unreachable("down")] * 5}, prices=(0, 0))

    assert isinstance(settling.end(), Reservation)
    assert "could not release order order-2 for Court 2; it stays held until 15:10:00 UTC" in settling.log


def test_a_bug_while_releasing_keeps_no_other_court_held_and_does_not_spoil_the_reservation(
    clock: FakeClock,
) -> None:
    bug = {"release order-2": [ValueError("bug")] * 5}
    settling = Settling(clock, bug, prices=(0, 0, 0))

    assert isinstance(settling.end(), Reservation)
    assert settling.released == ["order-3"]
    assert "could not release order order-2 for Court 2; it stays held until" in settling.log
    assert "ValueError('bug')" in settling.log


def test_the_best_court_within_the_maximum_price_is_confirmed(clock: FakeClock) -> None:
    two = [Reservation(TWO.court, EVENING)]
    answers: dict[str, list[Any]] = {
        "reservations": [two],
        "order order-2": [stands(TWO, 750), paid(TWO, 740)],
    }
    settling = Settling(clock, answers, prices=(900, 750, 600), max_price_cents=800)

    assert settling.end() == Reservation(TWO.court, EVENING, "order-2", usd(740))  # what was charged
    assert sorted(settling.released) == ["order-1", "order-3"]


def test_a_price_at_the_maximum_is_not_above_it(clock: FakeClock) -> None:
    assert isinstance(Settling(clock, prices=(750,), max_price_cents=750).end(), Reservation)


def test_when_all_cost_too_much_everything_is_released(clock: FakeClock) -> None:
    settling = Settling(clock, prices=(900, 850), max_price_cents=800)

    with pytest.raises(TooDear, match=r"the cheapest costs 8\.50"):
        settling.end()

    assert sorted(settling.released) == ["order-1", "order-2"]
    assert not any(line.startswith("confirm") for line in settling.system.said)


def test_a_price_that_the_hold_does_not_say_is_looked_up(clock: FakeClock) -> None:
    settling = Settling(clock, {"order order-1": [stands(ONE, 750)] * 2 + [paid(ONE, 750)]}, prices=(None,))

    assert settling.end().price == usd(750)


@pytest.mark.parametrize("answer", [Order(), Unreachable("down")], ids=["silent", "down"])
def test_a_court_whose_price_nobody_says_is_never_paid(
    clock: FakeClock, answer: Order | ReserveError
) -> None:
    settling = Settling(clock, {"order order-1": [answer]}, prices=(None,))

    with pytest.raises(ServiceError, match="nothing says what it costs"):
        settling.end()

    assert settling.system.said == ["order order-1", "release order-1"]


def test_what_only_the_player_can_pay_stays_held(clock: FakeClock) -> None:
    settling = Settling(clock, {"by hand order-1": [True]}, prices=(750, 750))

    assert settling.end() == settling.holds[0]
    assert settling.released == ["order-2"]
    assert "confirm order-1" not in settling.system.said


def test_what_is_free_and_waits_for_the_player_is_not_said_to_be_paid(clock: FakeClock) -> None:
    hold = FakeSystem(clock).held(ONE, "order-1", 0)

    said = held(hold, Offers("Alice Marble", UTC, (ONE,))).sentence

    assert ": it is free, but has to be finished by " in said
    assert "pay" not in said.partition(" at https")[0]


def test_what_has_lapsed_by_the_servers_clock_is_not_left_for_the_player_to_pay(clock: FakeClock) -> None:
    settling = Settling(clock, {"by hand order-1": [True]}, prices=(750,))
    ahead = HOLD_LENGTH + timedelta(seconds=1)

    with pytest.raises(ServiceError, match="lapsed before it could be paid"):
        settling.end(replace(UNKNOWN, low=ahead, high=ahead))

    assert settling.context.released == ["order-1"]


def test_a_confirmation_whose_answer_was_lost_is_looked_up_and_never_repeated(clock: FakeClock) -> None:
    settling = Settling(clock, {"confirm order-1": [LostAnswer("cut")], "reservations": [[], BOOKED]})

    assert isinstance(settling.end(), Reservation)
    assert settling.system.said.count("confirm order-1") == 1


def test_a_reservation_that_shows_late_or_not_at_once_is_waited_for(clock: FakeClock) -> None:
    settling = Settling(clock, {"reservations": [[], Unreachable("down"), [], [], BOOKED]})

    assert isinstance(settling.end(), Reservation)


@pytest.mark.parametrize("confirmed", [None, LostAnswer("cut")], ids=["accepted", "lost"])
@pytest.mark.parametrize("read", [[], Unreachable("down")], ids=["not there", "down"])
def test_what_cannot_be_found_out_is_unconfirmed_and_not_released(
    clock: FakeClock, confirmed: ReserveError | None, read: Any
) -> None:
    settling = Settling(clock, {"confirm order-1": [confirmed], "reservations": [read] * 5}, prices=(0, 0))

    with pytest.raises(Unconfirmed, match=r"order-1 for Court 1 may be booked.*https://pay/order-1"):
        settling.end()

    assert settling.released == ["order-2"]
    assert settling.system.said.count("confirm order-1") == 1
    assert timedelta(seconds=8) <= clock.now() - START <= timedelta(seconds=12)


@pytest.mark.parametrize(
    "refusal",
    [UnknownRefusal("no"), LimitReached("1 a day"), ServiceError("no")],
    ids=lambda e: type(e).__name__,
)
def test_a_certain_refusal_releases_the_hold(clock: FakeClock, refusal: ReserveError) -> None:
    settling = Settling(clock, {"confirm order-1": [refusal]})

    with pytest.raises(type(refusal)):
        settling.end()

    assert settling.context.released == ["order-1"]


class Doubted(NoLimits):
    """Limits that nobody can know, because an earlier run may have reserved a court."""

    def respect(self, held: Sequence[Hold] = ()) -> list[Reservation]:
        raise Unconfirmed("the run 1 may have reserved a court")


def test_what_an_earlier_run_may_have_reserved_leaves_no_court_of_this_run_held(clock: FakeClock) -> None:
    settling = Settling(clock)

    with pytest.raises(Unconfirmed, match="the run 1"):
        settling.end(limits=Doubted(settling.context))

    assert settling.context.released == ["order-1"]


def test_a_bug_while_confirming_releases_the_hold(clock: FakeClock) -> None:
    settling = Settling(clock, {"confirm order-1": [ValueError("bug")]})

    with pytest.raises(ValueError, match="bug"):
        settling.end()

    assert settling.context.released == ["order-1"]


@pytest.mark.parametrize(
    "refusal", [Unreachable("down"), Throttled("slow", timedelta(seconds=2))], ids=lambda e: type(e).__name__
)
def test_what_surely_did_not_arrive_may_be_sent_again_but_not_for_ever(
    clock: FakeClock, refusal: ReserveError
) -> None:
    once = Settling(clock, {"confirm order-1": [refusal, None]})
    for_ever = Settling(clock, {"confirm order-1": [refusal] * 3})

    assert isinstance(once.end(), Reservation)
    with pytest.raises(type(refusal)):
        for_ever.end()

    assert for_ever.released == ["order-1"]


def test_nobody_keeps_a_court_while_asked_to_wait_for_an_hour(clock: FakeClock) -> None:
    settling = Settling(clock, {"confirm order-1": [Throttled("slow", timedelta(hours=1))]})

    with pytest.raises(Throttled):
        settling.end()

    assert clock.now() < START + timedelta(seconds=1)
    assert settling.context.released == ["order-1"]


def test_a_hold_that_wants_a_code_is_proved_and_confirmed_once_more(clock: FakeClock) -> None:
    proved: list[Hold] = []
    settling = Settling(clock, {"confirm order-1": [NotVerified("code"), None]}, verify=proved.append)

    assert isinstance(settling.end(), Reservation)
    assert proved == settling.holds


def test_a_hold_that_cannot_be_proved_is_released(clock: FakeClock) -> None:
    def no_code(hold: Hold) -> None:
        raise CodeError("no code came")

    settling = Settling(clock, {"confirm order-1": [NotVerified("code")]}, verify=no_code)

    with pytest.raises(CodeError):
        settling.end()

    assert settling.context.released == ["order-1"]


def test_who_was_asked_to_stop_releases_everything_and_pays_nothing(clock: FakeClock) -> None:
    stop = Stop()
    stop.shield()
    stop.ask(15)
    settling = Settling(clock, prices=(0, 0), stop=stop)

    with pytest.raises(Interrupted):
        settling.end()

    assert sorted(settling.system.said) == ["release order-1", "release order-2"]


def test_a_reservation_of_another_court_or_time_is_not_taken_for_ours(clock: FakeClock) -> None:
    here, there = (replace(ONE.court, facility=where) for where in ("here", "there"))
    later = replace(EVENING, start=EVENING.end, end=EVENING.end + timedelta(hours=1))
    others = [Reservation(TWO.court, EVENING), Reservation(here, later), Reservation(there, EVENING)]
    settling = Settling(clock, {"reservations": [others] * 5})
    settling.holds[0] = replace(settling.holds[0], offer=replace(ONE, court=here))

    with pytest.raises(Unconfirmed):
        settling.end()


def test_a_court_priced_in_another_currency_than_the_maximum_is_not_paid(clock: FakeClock) -> None:
    settling = Settling(clock, prices=(100,), max_price_cents=800)
    settling.holds = [replace(hold, price=Money(100, "EUR")) for hold in settling.holds]

    with pytest.raises(TooDear):
        settling.end()

    assert settling.context.released == ["order-1"]


def test_what_this_run_holds_is_not_already_reserved_whatever_it_is_called(clock: FakeClock) -> None:
    settling = Settling(clock, {"reservations": [BOOKED, BOOKED]})
    context = settling.context
    limits = BookingLimits(context, Offers("Here", UTC, (), limits=Limits(1, 1)), Opening(START, (ONE, TWO)))

    assert isinstance(settling.end(limits=limits), Reservation)


def test_what_the_player_reserved_elsewhere_meanwhile_still_forbids_it(clock: FakeClock) -> None:
    settling = Settling(clock, {"reservations": [[*BOOKED, Reservation(THREE.court, EVENING)]]})
    limits = BookingLimits(settling.context, Offers("Here", UTC, ()), Opening(START, (ONE, TWO)))

    with pytest.raises(AlreadyReserved, match="Court 3"):
        settling.end(limits=limits)


def test_a_hold_is_known_again_by_its_order(clock: FakeClock) -> None:
    listed = [Reservation(Court("", "Tennis One"), EVENING, "order-1")]

    assert Settling(clock, {"reservations": [listed]}).end() == Reservation(
        ONE.court, EVENING, "order-1", usd(0)
    )


@pytest.mark.parametrize("listed", [[], [Reservation(TWO.court, EVENING)], ServiceError("down")])
def test_an_order_that_says_it_is_paid_is_proof_when_the_list_is_not(clock: FakeClock, listed: Any) -> None:
    settling = Settling(
        clock, {"reservations": [listed] * 5, "order order-1": [stands(ONE, 0)] * 2 + [paid(ONE, 0)]}
    )

    assert isinstance(settling.end(), Reservation)
    assert settling.system.said.count("confirm order-1") == 1

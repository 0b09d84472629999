"""Each plan is checked the evening before its opening: once, by one machine, and only trouble is told."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from datetime import UTC, date, datetime, timedelta
from pathlib import Path

import pytest

from reserve.booking.result import RunResult
from reserve.checks.verdict import Unfit, verdict_of
from reserve.commands.check import Checked, outcome_of
from reserve.commands.evening import notice_of, tried
from reserve.commands.options import Booking
from reserve.commands.ticking import Ticking
from reserve.errors import CauseWord, ExitCode, NoSuchSlot, ReserveError, SignInError, UsageError
from reserve.model import Offers
from reserve.notify.notice import Kind, Level
from reserve.plans import due
from reserve.plans.plan import Choice
from reserve.settings import Settings
from reserve.storage.database import Store
from reserve.storage.plans import PlanStore
from tests.fakes import FakeClock, offer
from tests.plans.test_due import MINUTE, OPENING, WEEKLY, WithoutClock, keep

EVENING = datetime.fromisoformat("2026-03-03T20:00-08:00")  # before the opening, which is at 08:00
WHO = Settings(email="player@example.com", password="secret")


@pytest.fixture
def plan_store(tmp_path: Path) -> Iterator[PlanStore]:
    """A plan store with one plan, whose next opening is `OPENING`."""
    store = Store(tmp_path)
    made = PlanStore(store)
    keep(made)
    yield made
    store.close()


def ticking(plan_store: PlanStore, now: datetime, started: list[Sequence[str]], at: str = "20:00") -> Ticking:
    """A call by cron at *now*."""
    return Ticking(plan_store, FakeClock(now), started.append, Settings(), check_at=at)


def checks(plan_store: PlanStore, now: datetime, at: str = "20:00") -> list[str]:
    """The occurrences that a call by cron at *now* has checked."""
    started: list[Sequence[str]] = []
    ticking(plan_store, now, started, at).minute()
    return [words[2] for words in started if words[:2] == ["due", "--check"]]


def test_a_plan_is_checked_once_on_the_evening_before_its_opening(plan_store: PlanStore) -> None:
    (occurrence,) = plan_store.occurrences()

    minutes = [EVENING + number * MINUTE for number in range(-60, 12 * 60, 60)]
    checked = [(now, name) for now in minutes for name in checks(plan_store, now)]

    assert checked == [(EVENING, due.name_of(occurrence))]


def test_the_next_opening_of_the_plan_has_an_evening_of_its_own(plan_store: PlanStore) -> None:
    assert len(checks(plan_store, EVENING)) == 1
    (first,) = plan_store.claim(OPENING, "one", OPENING + MINUTE)
    plan_store.end(first, ended=OPENING, exit_code=0, sentence="Reserved.", run_id=None)
    stored = plan_store.get(first.plan_id)
    assert stored
    due.schedule_next(plan_store, stored, first.starts_at)

    assert checks(plan_store, EVENING + timedelta(days=5)) == []
    assert len(checks(plan_store, EVENING + timedelta(days=7))) == 1


def test_two_machines_check_a_plan_once(tmp_path: Path, database: str | None) -> None:
    stores = [Store(tmp_path, database), Store(tmp_path, database)]
    one, other = map(WithoutClock, stores)
    keep(one)

    assert [len(checks(each, EVENING)) for each in (one, other)] == [1, 0]
    (occurrence,) = one.occurrences()
    at = EVENING.time()
    assert due.unchecked(other, EVENING, at) is None
    assert not due.claim_check(other, occurrence, EVENING, at)  # who has looked before the other claimed it
    for store in stores:
        store.close()


def test_a_machine_that_was_off_in_the_evening_checks_later_but_not_shortly_before(
    plan_store: PlanStore,
) -> None:
    assert checks(plan_store, OPENING - timedelta(minutes=59)) == []
    assert len(checks(plan_store, OPENING - timedelta(hours=3))) == 1


@pytest.mark.parametrize(("at", "moment", "many"), [("off", EVENING, 0), ("18:30", EVENING - 90 * MINUTE, 1)])
def test_the_player_says_when_or_that_nothing_is_checked(
    plan_store: PlanStore, at: str, moment: datetime, many: int
) -> None:
    assert len(checks(plan_store, moment, at)) == many


def test_a_paused_plan_is_not_checked(plan_store: PlanStore) -> None:
    (occurrence,) = plan_store.occurrences()
    plan_store.change(occurrence.plan_id, is_paused=True)

    assert checks(plan_store, EVENING) == []


def test_near_the_opening_of_any_plan_nothing_is_checked(plan_store: PlanStore) -> None:
    (occurrence,) = plan_store.occurrences()
    other = replace(
        occurrence,
        plan_id=occurrence.plan_id + 1,
        opens_at=EVENING + 5 * MINUTE,
        wake_at=EVENING + 5 * MINUTE,
    )
    plan_store.schedule(other)

    assert checks(plan_store, EVENING) == []


def test_a_time_that_makes_no_sense_is_said_after_bookings_were_started(plan_store: PlanStore) -> None:
    started: list[Sequence[str]] = []

    with pytest.raises(UsageError, match="RESERVE_CHECK_AT"):
        ticking(plan_store, OPENING - due.LEAD, started, at="evening").minute()

    assert [words[:2] for words in started if "--occurrence" in words] == [["due", "--occurrence"]]


def test_a_machine_without_the_key_leaves_the_check_to_another(plan_store: PlanStore) -> None:
    def no_key() -> None:
        raise UsageError("this machine cannot read what is stored")

    started: list[Sequence[str]] = []
    clock = FakeClock(EVENING)
    Ticking(plan_store, clock, started.append, Settings(account="me"), no_key, "20:00").check_ahead(EVENING)

    assert started == []
    assert len(checks(plan_store, EVENING)) == 1


def answering(*ends: ReserveError | None) -> Callable[[Booking], Checked]:
    """A check whose sign-in ends so, time after time."""
    left = list(ends)

    def attempt(booking: Booking) -> Checked:
        failure = left.pop(0)

        def step() -> str:
            if failure:
                raise failure
            return "well"

        verdicts = [verdict_of("sign-in", step)]
        one = offer("Court 1")
        found = Offers("Alice Marble", UTC, (one,))
        return Checked(verdicts, RunResult(outcome_of(verdicts, found, None)))

    return attempt


TWO = replace(WEEKLY, choices=(Choice("Alice Marble"), Choice("Moscone")))
WHEN = WEEKLY.first


@pytest.mark.parametrize(
    ("ends", "code", "told"),
    [
        ((None,), 0, None),
        ((SignInError("refused"),), 3, "sign-in: refused. Sign in on the site by hand"),
        (
            (Unfit("the disk is full: 3 MB free", CauseWord.DISK),),
            6,
            "the disk is full: 3 MB free. Make room",
        ),
        ((UsageError("no slot"), None), 0, None),  # at the other facility
        ((UsageError("no slot"), UsageError("none there either")), 2, "sign-in: no slot."),
        ((NoSuchSlot("no slot", date(2027, 3, 14)), NoSuchSlot("nor", date(2027, 3, 14))), 2, None),
    ],
)
def test_only_what_would_keep_every_facility_from_being_booked_is_told(
    ends: tuple[ReserveError | None, ...], code: int, told: str | None
) -> None:
    found, trouble = tried(TWO, WHEN, WHO, answering(*ends))

    assert found == code
    assert (trouble is None) is (told is None)
    assert (told or "") in (trouble or "")


def test_a_plan_whose_account_is_gone_is_trouble_too() -> None:
    found, trouble = tried(replace(WEEKLY, account="gone"), WHEN, Settings(), answering())

    assert found == ExitCode.USAGE
    assert trouble


def test_trouble_is_told_to_channels_that_hear_only_of_trouble_and_not_after_the_opening(
    plan_store: PlanStore,
) -> None:
    (occurrence,) = plan_store.occurrences()
    notice = notice_of("sign-in: refused.", occurrence, WHEN, EVENING)

    assert notice.kind is Kind.BROKEN
    assert Level.TROUBLE.hears(notice.kind)
    assert notice.not_after == OPENING
    assert notice.text.startswith("Checked the evening before, and the booking would fail: sign-in: refused.")
    assert notice.id == notice_of("else", occurrence, WHEN, EVENING + MINUTE).id  # told once

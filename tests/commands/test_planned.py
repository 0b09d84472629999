"""What a plan leaves open is filled in from the settings when one of its slots is booked."""

from __future__ import annotations

from dataclasses import replace
from datetime import datetime, timedelta
from decimal import Decimal
from pathlib import Path

import pytest

from reserve.commands.options import Booking
from reserve.commands.planned import booking_for, filled
from reserve.commands.store import secret_store
from reserve.errors import UsageError
from reserve.model import Account
from reserve.money import Money
from reserve.plans.plan import Choice, Plan
from reserve.settings import read_settings
from reserve.storage.secrets import Accounts
from reserve.systems.ntnui.link import read_link

ENVIRON = {"RESERVE_EMAIL": "you@example.com", "RESERVE_PASSWORD": "canary", "RESERVE_SYSTEM": "recus"}
WEDNESDAY = datetime.fromisoformat("2026-03-11T18:00")
PLAN = Plan((Choice("Alice Marble"),), timedelta(minutes=90), WEDNESDAY)
LINK = "https://www.ntnuitennis.no/timeinfo.php?timeid=65&spilletid=20260609T15:00:00&lang=no"
SESSION = replace(PLAN, choices=(Choice(""),), system="ntnui", link=LINK)
NEXT_WEEK = datetime.fromisoformat("2026-06-16T15:00")


def booking(plan: Plan, start: datetime = WEDNESDAY, **environ: str) -> Booking:
    """The booking of the slot of *plan* that starts at *start*."""
    return booking_for(plan, start, plan.choices[0], read_settings({**ENVIRON, **environ}))


@pytest.mark.parametrize(("own", "cents"), [(None, 500), ("7.50", 750), ("0.00", 0)])
def test_the_maximum_price_of_the_settings_counts_when_the_plan_has_none(own: str | None, cents: int) -> None:
    plan = replace(PLAN, max_price=None if own is None else Decimal(own))

    assert booking(plan, RESERVE_MAX_PRICE="5").request.max_price == Money(cents, "USD")


def test_the_account_of_the_settings_counts_when_the_plan_names_none() -> None:
    settings = read_settings({**ENVIRON, "RESERVE_ACCOUNT": "alice"})

    assert filled(PLAN, settings).account == "alice"
    assert filled(replace(PLAN, account="bob"), settings).account == "bob"
    assert booking(PLAN).account.email == "you@example.com"


@pytest.mark.parametrize("waits", [False, True])
def test_a_plan_with_a_stored_account_takes_nothing_of_the_environment(tmp_path: Path, waits: bool) -> None:
    mine = {"RESERVE_SYSTEM": "atrium", "RESERVE_EMAIL": "me@example.com", "ATRIUM_REFRESH_TOKEN": "t"}
    hers = {**ENVIRON, "RESERVE_PHONE": "+14155550100", "ATRIUM_OCCUPANT_ID": "2"}
    settings = read_settings({**hers, "RESERVE_DATA": str(tmp_path)})
    with secret_store(settings) as secrets:
        Accounts(secrets).add("mine", mine)
    plan = replace(PLAN, system="atrium", choices=(Choice("Court 1"),), account="mine", wait_list=waits)

    booking = booking_for(plan, WEDNESDAY, plan.choices[0], settings, waits=waits)

    assert booking.account == Account("me@example.com", "", None, {"ATRIUM_REFRESH_TOKEN": "t"}, "mine")


def test_a_plan_is_booked_at_its_own_system_whatever_the_settings_name() -> None:
    assert booking(replace(PLAN, system="atrium")).settings.system == "atrium"


def test_a_plan_may_not_pay_without_a_maximum_price() -> None:
    with pytest.raises(UsageError, match="--pay credit needs --max-price"):
        booking(replace(PLAN, pay="credit"))

    assert booking(replace(PLAN, pay="credit"), RESERVE_MAX_PRICE="5").request.pay == "credit"


def test_a_plan_may_pay_only_as_its_booking_system_can() -> None:
    with pytest.raises(UsageError, match="--pay: 'card' is not known; choose by-hand"):
        booking(replace(PLAN, system="atrium", pay="card"), RESERVE_MAX_PRICE="5", RECUS_STRIPE_KEY="pk")


def test_the_link_of_a_plan_leads_to_the_week_of_each_slot() -> None:
    request = booking(SESSION, NEXT_WEEK).request

    assert (request.facility, request.day) == ("NTNUI", NEXT_WEEK.date())
    assert read_link(str(request.link)).day == NEXT_WEEK.date()


def test_a_plan_at_another_time_than_its_link_is_refused() -> None:
    with pytest.raises(UsageError, match="--start-time is not the time of --link"):
        booking(SESSION, NEXT_WEEK + timedelta(hours=1))
    with pytest.raises(UsageError, match="the session of --link is on a Tuesday"):
        booking(SESSION, NEXT_WEEK + timedelta(days=1))

"""What a plan means: its slots, its words, its file, and when it opens."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from datetime import UTC, date, datetime, time, timedelta
from decimal import Decimal
from itertools import islice
from pathlib import Path
from time import process_time

import pytest

from reserve.errors import UsageError
from reserve.model import BookingRequest, Court, Limits, Offer, Offers, Slot
from reserve.plans import file
from reserve.plans.file import body_of, plan_in, read_plans, schema
from reserve.plans.plan import Choice, Plan
from reserve.plans.preview import Ask, NamedPlan, PlayerPlans, look
from reserve.plans.rule import parse_rule, weekly
from reserve.systems import PROFILES
from reserve.systems.profile import Profile
from reserve.when import read_every
from reserve.window import (
    DaysAhead,
    HoursAhead,
    OpeningRule,
    clock_changes,
    parse_opening_rule,
    rule_behind,
    zone,
)
from tests.fakes import usd

CITY = zone("America/Los_Angeles")
SATURDAY = datetime.fromisoformat("2026-11-21")
NOW = datetime(2026, 11, 21, 20, tzinfo=UTC)
WEDNESDAYS = "FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;BYMINUTE=0"
WEEK_AHEAD = DaysAhead(7, time(8))
WEEKLY = Plan((Choice("Alice Marble"),), timedelta(minutes=90), SATURDAY, WEDNESDAYS)
SAMPLES = Path(__file__).parents[1] / "samples"
EARLIER_TOOL = (SAMPLES / "schedules.json").read_text()
SCHEMA = Path(file.__file__).with_name("plans.schema.json")


def days(plan: Plan, most: int = 4) -> list[str]:
    """The next days of *plan*, as month and day."""
    return [f"{start:%m-%d}" for start in islice(plan.starts(SATURDAY), most)]


@pytest.mark.parametrize(
    ("said", "rule"),
    [
        ("wed 18:00", WEDNESDAYS),
        ("tue and thu 7:00", "FREQ=WEEKLY;BYDAY=TU,TH;BYHOUR=7;BYMINUTE=0"),
        ("weekdays 07:30", "FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=7;BYMINUTE=30"),
        ("other fri 10:00", "FREQ=WEEKLY;INTERVAL=2;BYDAY=FR;BYHOUR=10;BYMINUTE=0"),
    ],
)
def test_every_is_a_rule_in_the_words_of_a_person(said: str, rule: str) -> None:
    every = read_every(said, "--every")

    assert every.start is not None
    assert weekly(every, every.start) == rule


@pytest.mark.parametrize(
    ("rule", "why"),
    [
        ("", "'' is not a part"),
        ("every wednesday", "'EVERY WEDNESDAY' is not a part"),
        ("FREQ=WEEKLY;FREQ=DAILY", "is there twice"),
        ("FREQ=WEEKLY;COLOUR=RED", "unknown parameter 'COLOUR'"),
        ("FREQ=HOURLY", "needs FREQ=DAILY"),
        ("BYDAY=WE", "needs FREQ=DAILY, WEEKLY"),
        ("FREQ=WEEKLY;INTERVAL=0", "INTERVAL='0'; it has to be a whole number"),
        ("FREQ=WEEKLY;COUNT=0", "COUNT='0'; it has to be a whole number"),
        ("FREQ=WEEKLY;COUNT=2;UNTIL=20270101", "COUNT and UNTIL"),
        ("FREQ=WEEKLY;UNTIL=tomorrow", "UNTIL='TOMORROW': write it as 20261231"),
        ("FREQ=WEEKLY;UNTIL=20200101T000000", "means no day at all"),
        ("FREQ=MONTHLY;BYMONTH=2;BYMONTHDAY=31;COUNT=3", "means no day at all"),
        ("FREQ=WEEKLY;BYDAY=XX", "invalid 'BYDAY': XX"),
        ("FREQ=DAILY;BYHOUR=25", "hour must be in 0..23"),
        ("DTSTART:20260101T000000\nRRULE:FREQ=DAILY", "has a DTSTART; leave it out"),
    ],
)
def test_a_rule_that_is_none_or_means_no_day_is_refused_with_the_reason(rule: str, why: str) -> None:
    with pytest.raises(UsageError, match=re.escape(why)) as refused:
        parse_rule(rule, SATURDAY)

    assert str(refused.value).startswith("--rrule: ")


def test_a_rule_that_never_comes_is_refused_soon() -> None:
    began = process_time()

    with pytest.raises(UsageError, match="means no day at all"):
        parse_rule("FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", SATURDAY)

    assert process_time() - began < 2.5  # 0.2 on an idle machine; 3 when it is searched to the year 9999


EVERY_SECOND = "FREQ=DAILY" + "".join(
    f";{part}={','.join(map(str, range(most)))}"
    for part, most in (("BYHOUR", 24), ("BYMINUTE", 60), ("BYSECOND", 60))
)


def test_a_rule_for_every_second_since_2000_is_refused_in_a_file_and_in_the_store() -> None:
    since = {"court_id": "1", "counts_from": "2000-01-01T00:00:00"}
    body = {"type": "recurring", "rrule": EVERY_SECOND, **since}
    why = "means 86400 slots a day; 24 are the most"

    with pytest.raises(UsageError, match=why):
        read_plans(json.dumps([body]), "plans.json", SATURDAY.date())
    with pytest.raises(UsageError, match=why):
        plan_in(body, date.min, "plan 1")


def test_a_rule_that_comes_on_the_leap_day_only_is_none_until_it_is_near() -> None:
    rule = "FREQ=DAILY;BYMONTH=2;BYMONTHDAY=29"

    assert parse_rule(rule, datetime.fromisoformat("2026-11-21T18:00")) == rule
    with pytest.raises(UsageError, match="means no day at all"):
        parse_rule(rule, datetime.fromisoformat("2025-11-21T18:00"))


def test_a_rule_may_have_a_count_an_end_an_interval_and_several_hours() -> None:
    def ruled(rule: str) -> Plan:
        return replace(WEEKLY, rule=parse_rule(rule, SATURDAY))

    assert days(ruled("RRULE:FREQ=WEEKLY;BYDAY=WE;BYHOUR=18;COUNT=2")) == ["11-25", "12-02"]
    assert days(ruled("FREQ=WEEKLY;BYDAY=WE;UNTIL=20261205T000000Z")) == ["11-25", "12-02"]
    assert days(ruled("freq=weekly;byday=we;byhour=18;until=20261202;")) == ["11-25", "12-02"]
    assert days(ruled("FREQ=WEEKLY;INTERVAL=2;BYDAY=FR"), 2) == ["12-04", "12-18"]
    assert days(ruled("FREQ=DAILY;BYHOUR=7,19;COUNT=4")) == ["11-21", "11-21", "11-22", "11-22"]


def test_skipped_days_and_days_after_the_end_are_skipped() -> None:
    plan = replace(WEEKLY, skipped=frozenset({date(2026, 12, 2)}), until=date(2026, 12, 16))

    assert days(plan) == ["11-25", "12-09", "12-16"]


def test_a_slot_keeps_its_time_on_the_wall_when_the_clocks_change() -> None:
    slots = list(islice(WEEKLY.slots(CITY, datetime(2027, 3, 8, tzinfo=UTC)), 2))

    assert [slot.start.astimezone(UTC).hour for slot in slots] == [2, 1]
    assert {f"{slot.start:%H:%M}" for slot in slots} == {"18:00"}


def test_a_slot_at_a_time_that_the_clocks_skip_is_skipped() -> None:
    nightly = replace(WEEKLY, rule="FREQ=DAILY;BYHOUR=2;BYMINUTE=30", length=timedelta(minutes=30))

    slots = islice(nightly.slots(CITY, datetime(2027, 3, 13, 8, tzinfo=UTC)), 2)

    assert [f"{slot.start:%m-%d}" for slot in slots] == ["03-13", "03-15"]


def test_a_slot_beyond_the_clock_change_shows_whether_days_or_hours_are_meant() -> None:
    def seen(rule: OpeningRule) -> list[tuple[datetime, datetime]]:
        slots = islice(WEEKLY.slots(CITY, datetime(2027, 3, 1, tzinfo=UTC)), 3)
        return [(slot.start, rule.opens_at(slot.start)) for slot in slots]

    for rule in (DaysAhead(7, time(8)), DaysAhead(7, time(18)), HoursAhead(168)):
        assert rule_behind(seen(rule)) == rule
        assert parse_opening_rule(str(rule)) == rule


def test_the_next_two_clock_changes_are_found_to_the_minute() -> None:
    changes = clock_changes(CITY, NOW)

    assert [f"{change:%Y-%m-%d %H:%M %Z}" for change in changes] == [
        "2027-03-14 03:00 PDT",
        "2027-11-07 01:00 PST",
    ]
    assert clock_changes(zone("Asia/Tokyo"), NOW) == []


def test_a_plan_makes_its_booking_request_itself() -> None:
    choice = Choice("Alice Marble", ("Court 2", "Court 1"), (time(19),))
    plan = replace(WEEKLY, choices=(choice,), max_price=Decimal("7.50"), at_once=True, wait_list=True)

    request = plan.request(datetime.fromisoformat("2026-11-25T18:00"), choice, currency="USD", waits=True)

    assert request == BookingRequest(
        facility="Alice Marble",
        sport="tennis",
        day=date(2026, 11, 25),
        starts=(time(18), time(19)),
        length=timedelta(minutes=90),
        only=("Court 2", "Court 1"),
        at_once=True,
        max_price=usd(750),
        wait_list=True,
    )


def test_a_slot_that_does_not_end_on_its_day_is_refused() -> None:
    late = replace(WEEKLY, length=timedelta(hours=6))

    with pytest.raises(UsageError, match="18:00 does not end on its day"):
        late.request(datetime.fromisoformat("2026-11-25T18:00"), late.choices[0], currency="USD")


def test_a_plan_survives_being_written_as_json() -> None:
    plan = Plan(
        choices=(Choice("Alice Marble", ("Court 1",), (time(19),)), Choice("Moscone")),
        length=timedelta(minutes=90),
        first=SATURDAY,
        rule=WEDNESDAYS,
        account="alice",
        max_price=Decimal("7.50"),
        until=date(2027, 6, 30),
        skipped=frozenset({date(2026, 12, 23)}),
        wait_list=True,
        notice=timedelta(hours=2),
    )
    body = json.loads(json.dumps(body_of(plan)))

    assert plan_in(body, date(2030, 1, 1), "plan 1") == plan


def test_a_plan_that_the_version_before_kept_is_read_and_kept_as_it_was() -> None:
    stored = (SAMPLES / "stored-plans.json").read_text()

    for plan, body in zip(read_plans(stored, "stored", date(2030, 1, 1)), json.loads(stored), strict=True):
        assert plan_in(body, date(2030, 1, 1), "plan 1") == plan
        assert body_of(plan) == body


@pytest.mark.parametrize("profile", PROFILES.values(), ids=list(PROFILES))
def test_a_plan_for_whatever_a_booking_system_has_is_kept_and_read_again(profile: type[Profile]) -> None:
    for sport in profile.sports:
        for pay in profile.ways_to_pay:
            plan = replace(WEEKLY, system=profile.name, sport=sport, pay=pay)
            assert plan_in(body_of(plan), SATURDAY.date(), "plan 1") == plan

    sports_skipped = {name: value for name, value in body_of(plan).items() if name != "sport"}
    assert plan_in(sports_skipped, SATURDAY.date(), "plan 1").sport == profile.sports[0]


def test_the_published_schema_is_that_of_the_reader() -> None:
    assert json.loads(SCHEMA.read_text()) == schema(), f"write json.dumps(schema(), indent=1) to {SCHEMA}"
    systems = schema()["$defs"]["OneOff"]["properties"]["system"]["anyOf"][0]["enum"]
    assert set(systems) == set(PROFILES)


def test_the_file_of_the_earlier_tool_is_read_as_it_is() -> None:
    once, weekly = read_plans(EARLIER_TOOL, "schedules.json", SATURDAY.date())

    assert (once.system, once.first, once.rule) == (
        "atrium",
        datetime.fromisoformat("2025-08-04T07:00"),
        None,
    )
    assert (weekly.choices, weekly.length) == ((Choice("Court 2"),), timedelta(minutes=30))
    assert days(weekly, 2) == ["11-25", "12-02"]


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"duration": 30\n  },', '"duration": 0\n  },', "[0].duration: expected `int` >= 1"),
        ("BYHOUR=17", "BYHOUR=99", "[1].rrule: 'FREQ="),
        ('"court_id": "2",', '"colour": "2",', "[1]: object contains unknown field `colour`"),
        ('"court_id": "2",', "", "[1]: `choices` is missing"),
        ("2025-08-04T07", "tomorrow", "[0].desired_time: 'tomorrow:00:00' is not a moment"),
        ('"recurring"', '"weekly"', "[1].type: invalid value 'weekly'"),
        ('  "type": "one-off",\n', "", "[0]: object missing required field `type`"),
        ('"one-off",', '"one-off", "rrule": "FREQ=DAILY",', "[0]: object contains unknown field `rrule`"),
        ('"court_id": "1"', '"court_id": "1\\n"', "[0]: '1\\n' has a line break"),
        ('"court_id": "1"', '"choices": [{"facility": "\\u2028"}]', "[0].choices[0]: '\\u2028' has a line"),
        ('"court_id": "1"', '"choices": [{"facility": "A", "or": ["25:00"]}]', "[0].choices[0].or: '25:00'"),
        ('"duration": 30', f'"link": "{"x" * 100_000}"', "[0].link: expected `str` of length <= 500"),
        ('"duration": 30', f'"pay": "{"x" * 100_000}"', "[0].pay: invalid enum value 'xxxxxxxxxx"),
        ('"duration": 30', f'"until": {[0] * 100_000}', "[0].until: expected `str"),
        ('"duration": 30', '"until": "2026-02-30"', "[0].until: '2026-02-30' is not a date"),
        ('"duration": 30', f'"duration": {"9" * 5000}', "[0].duration: integer value out of range"),
        ('"duration": 30', '"max_price": 1e400', "[0].max_price: number out of range"),
    ],
)
def test_a_mistake_in_a_file_is_named_with_its_path(old: str, new: str, message: str) -> None:
    assert old in EARLIER_TOOL

    with pytest.raises(UsageError, match=r"^plans\.json: nothing was imported: ") as raised:
        read_plans(EARLIER_TOOL.replace(old, new, 1), "plans.json", SATURDAY.date())

    assert message in str(raised.value)
    assert len(str(raised.value)) < 500


@pytest.mark.parametrize(
    ("old", "new", "message"),
    [
        ('"court_id": "1",', '"court_id": "1"', ", line 6: this is not JSON: expected ',' or '}'"),
        ('"duration": 30', '"max_price": NaN', ", line 6: this is not JSON: invalid character"),
        ('"court_id": "1"', '"court_id": "\\ud800"', ", line 5: this is not JSON: unexpected end of hex"),
        ("]", "", ", line 13: this is not JSON: input data was truncated"),
        ('"duration": 30', f'"duration": {"[" * 100_000}', ": nested too deeply"),
        (EARLIER_TOOL, "{}", ": expected `array`, got `object`"),
        (EARLIER_TOOL, "", ", line 1: this is not JSON: input data was truncated"),
    ],
)
def test_a_file_that_is_not_a_list_in_json_is_refused_with_the_line(old: str, new: str, message: str) -> None:
    with pytest.raises(UsageError, match=re.escape(f"plans.json{message}")):
        read_plans(EARLIER_TOOL.replace(old, new, 1), "plans.json", SATURDAY.date())


def test_of_many_mistakes_those_of_the_first_five_plans_are_listed() -> None:
    with pytest.raises(UsageError, match=r"\[4\]\.type: .*; there may be more$"):
        read_plans(json.dumps([{"type": "never"}] * 8), "plans.json", SATURDAY.date())


def test_four_thousand_mistakes_are_not_looked_for() -> None:
    slow = {"type": "recurring", "rrule": "FREQ=DAILY;BYMONTHDAY=30;BYMONTH=2", "court_id": "1"}
    began = process_time()

    with pytest.raises(UsageError, match="4000 plans; 1000 are the most"):
        read_plans(json.dumps([slow] * 4000), "plans.json", SATURDAY.date())
    with pytest.raises(UsageError, match="there may be more"):
        read_plans(json.dumps([{**slow, "rrule": "FREQ=NEVER"}] * 1000), "plans.json", SATURDAY.date())

    assert process_time() - began < 2


def test_a_court_with_a_comma_in_its_name_stays_one_court_from_the_file_to_the_request() -> None:
    choices = [{"facility": "Park, East", "courts": ["Court 1, North", "Court 2"]}]
    listed = {"type": "one-off", "desired_time": "2026-12-02T18:00:00", "choices": choices}
    earlier = {"type": "one-off", "desired_time": "2026-12-02T18:00:00", "court_id": "Court 1, North"}

    first, second = read_plans(json.dumps([listed, earlier]), "plans.json", SATURDAY.date())

    again = plan_in(body_of(first), date.min, "plan 1")
    request = again.request(again.first, again.choices[0], currency="USD")
    assert (request.facility, request.only) == ("Park, East", ("Court 1, North", "Court 2"))
    assert second.choices == (Choice("Court 1, North"),)


def test_a_thousand_plans_are_read() -> None:
    many = json.dumps(json.loads(EARLIER_TOOL) * 500, indent=1)

    assert len(read_plans(many, "plans.json", SATURDAY.date())) == 1000


def publishing(*names: str, rule: OpeningRule = WEEK_AHEAD, price: int | None = 0) -> Ask:
    """A booking system that has these facilities, one court each."""

    def ask(plan: Plan, start: datetime, choice: Choice) -> Offers:
        if choice.facility not in names:
            raise UsageError(f"--court: no facility is called {choice.facility!r}")
        slot = Slot(CITY.localize(start), CITY.localize(start + plan.length))  # type: ignore[attr-defined]
        offer = Offer(Court("1", "Court 1"), slot, rule.opens_at(slot.start), usd(price))
        return Offers(choice.facility, CITY, (offer,), limits=Limits(1, 3))

    return ask


def test_the_preview_has_five_slots_with_their_openings_and_the_rule_behind_them() -> None:
    preview = look(WEEKLY, publishing("Alice Marble"), NOW)

    assert preview is not None
    assert [f"{seen.start:%m-%d}" for seen in preview.slots] == [
        "11-25",
        "12-02",
        "12-09",
        "12-16",
        "12-23",
    ]
    assert [seen.opens_at and f"{seen.opens_at:%m-%d %H:%M}" for seen in preview.slots][1] == "11-25 08:00"
    assert (preview.rule, preview.zone) == (DaysAhead(7, time(8)), CITY)
    assert not any(seen.troubles for seen in preview.slots)


def test_the_preview_knows_real_hours_from_days_although_no_change_is_near() -> None:
    preview = look(WEEKLY, publishing("Alice Marble", rule=HoursAhead(168)), NOW)

    assert preview is not None
    assert preview.rule == HoursAhead(168)


def test_the_preview_tells_what_would_stop_a_slot() -> None:
    plan = replace(WEEKLY, choices=(*WEEKLY.choices, Choice("Nowhere")), max_price=Decimal("5.00"))

    preview = look(plan, publishing("Alice Marble", price=750), NOW)

    assert preview is not None
    text = " ".join(preview.slots[0].troubles)
    assert "no facility is called 'Nowhere'" in text
    assert "costs 7.50 USD, over the maximum price" in text


def test_the_preview_says_when_a_maximum_price_cannot_be_kept_before_the_court_is_held() -> None:
    def text(plan: Plan) -> str:
        preview = look(plan, publishing("Alice Marble", price=None), NOW)
        assert preview is not None
        return " ".join(preview.slots[0].troubles)

    assert "publishes no price" in text(replace(WEEKLY, max_price=Decimal("5.00")))
    assert text(WEEKLY) == ""


def test_the_preview_tells_which_of_the_courts_that_were_named_is_skipped_or_opens_later() -> None:
    def ask(plan: Plan, start: datetime, choice: Choice) -> Offers:
        found = publishing("Alice Marble")(plan, start, choice)
        (offer,) = found.offers
        later = replace(offer, court=Court("2", "Court 2"), opens_at=offer.opens_at + timedelta(days=5))
        return replace(
            found, offers=(offer, later), skipped=((Court("3", "Court 3"), "it has no such slot"),)
        )

    def troubles(*courts: str) -> tuple[str, ...]:
        preview = look(replace(WEEKLY, choices=(Choice("Alice Marble", courts),)), ask, NOW)
        assert preview is not None
        return preview.slots[0].troubles

    assert troubles("Court 1", "Court 2", "Court 3") == (
        "Court 3 skipped: it has no such slot",
        "Court 2 opens later, at 2026-11-23 08:00:00",
    )
    assert troubles() == ()


def conflicts(plan: Plan, *named_plans: NamedPlan) -> list[str]:
    """What stops each of the next slots of *plan* beside what else the player wants; a dash for nothing."""
    player_plans = PlayerPlans([*named_plans, NamedPlan("this plan", plan)])
    preview = look(plan, publishing("Alice Marble"), NOW, player_plans=player_plans)
    assert preview is not None
    return ["; ".join(seen.troubles) or "-" for seen in preview.slots]


def test_the_preview_keeps_to_the_citys_limit_a_week_within_one_plan() -> None:
    weekdays = replace(WEEKLY, rule="FREQ=WEEKLY;BYDAY=MO,TU,WE,TH,FR;BYHOUR=18")

    *three, fourth, fifth = conflicts(weekdays)

    assert three == ["-", "-", "-"]
    assert fourth == "over the weekly limit: this plan uses all 3"
    assert fifth == "over the weekly limit: this plan uses all 3"


def test_the_preview_keeps_to_the_citys_limits_together_with_other_plans() -> None:
    evening = replace(WEEKLY, rule="FREQ=WEEKLY;BYDAY=WE;BYHOUR=20", until=date(2026, 11, 30))
    before = replace(WEEKLY, rule="FREQ=WEEKLY;BYDAY=SU,MO,TU,WE;BYHOUR=7", until=date(2026, 12, 1))

    troubles = conflicts(WEEKLY, NamedPlan("plan 1", evening), NamedPlan("plan 2", before))

    assert troubles[0] == "over the daily limit: plan 1 and plan 2 use the only one"
    assert troubles[1:] == ["-", "-", "-", "-"]
    daily = replace(before, rule="FREQ=DAILY;BYHOUR=7", until=date(2026, 12, 1))
    friday = replace(WEEKLY, rule="FREQ=WEEKLY;BYDAY=FR;BYHOUR=18")
    without = frozenset({datetime.fromisoformat("2026-11-27T07:00")})
    assert conflicts(friday, NamedPlan("plan 3", daily, without))[0].startswith(
        "over the weekly limit: plan 3 uses all 3"
    )


def test_of_two_slots_on_a_day_one_counts_for_the_weekly_limit_as_only_one_can_be_had() -> None:
    twice_a_day = replace(WEEKLY, rule="FREQ=WEEKLY;BYDAY=MO,TU;BYHOUR=7,20;BYMINUTE=0")

    assert conflicts(WEEKLY, NamedPlan("plan 1", twice_a_day)) == ["-"] * 5


def test_the_preview_names_the_plan_that_wants_another_court_at_the_same_time() -> None:
    other = replace(WEEKLY, rule="FREQ=WEEKLY;INTERVAL=2;BYDAY=WE;BYHOUR=19", length=timedelta(hours=1))

    troubles = conflicts(WEEKLY, NamedPlan("plan 1", other))

    assert troubles[0] == "-"
    assert troubles[1] == "overlaps plan 1, 19:00-20:00"
    assert conflicts(replace(WEEKLY, length=timedelta(hours=1)), NamedPlan("plan 1", other))[1].startswith(
        "over the daily limit"
    )


def test_a_slot_that_came_to_nothing_stops_no_other() -> None:
    lost = frozenset({datetime.fromisoformat("2026-11-25T18:00")})

    troubles = conflicts(WEEKLY, NamedPlan("plan 1", WEEKLY, lost))

    assert troubles[0] == "-"
    assert troubles[1] == "overlaps plan 1, 18:00-19:30"


def test_a_plan_whose_facility_does_not_exist_is_refused_and_one_in_the_past_has_no_preview() -> None:
    with pytest.raises(UsageError, match="no facility is called"):
        look(WEEKLY, publishing(), NOW)

    assert look(replace(WEEKLY, rule=None), publishing("Alice Marble"), NOW + timedelta(days=3)) is None

"""What happened, stamped relative to the opening; secrets masked in every spelling."""

import base64
import json
from collections.abc import Callable
from datetime import timedelta
from urllib.parse import quote, quote_plus, urlencode

import pytest
from hypothesis import given
from hypothesis import strategies as st

from reserve.booking.timeline import Timeline
from reserve.redaction import MASK, SHORTEST, Secrets
from tests.fakes import START, FakeClock

PASSWORD = "correct horse $% \"battery' ü\\n/+?&"  # has what quoting, JSON and shells care about


@pytest.mark.parametrize(
    "spelled",
    [
        PASSWORD,
        quote(PASSWORD),
        quote(PASSWORD, safe=""),
        quote_plus(PASSWORD),
        urlencode({"password": PASSWORD}),
        json.dumps(PASSWORD),
        json.dumps({"password": PASSWORD}, ensure_ascii=False),
        repr(PASSWORD),
        repr({"password": PASSWORD}),
    ],
)
def test_a_secret_is_masked_however_it_is_spelled(spelled: str) -> None:
    masked = Secrets([PASSWORD]).mask(f"before {spelled} after")

    assert "horse" not in masked
    assert MASK in masked
    assert masked.startswith("before ")
    assert masked.endswith(" after")


@pytest.mark.parametrize("before", ["", "x", "xx", "xxx", "player@example.com:"])
@pytest.mark.parametrize("encode", [base64.b64encode, base64.urlsafe_b64encode])
def test_a_secret_is_masked_within_base64(before: str, encode: Callable[[bytes], bytes]) -> None:
    encoded = encode(f"{before}hunter2-hunter2:and more".encode()).decode()

    masked = Secrets(["hunter2-hunter2"]).mask(f"Basic {encoded}")

    assert MASK in masked
    kept = masked.removeprefix("Basic ").split(MASK)
    assert "hunter" not in "".join(
        base64.b64decode(part[: len(part) // 4 * 4]).decode("latin-1") for part in kept
    )


def test_the_longer_of_two_secrets_is_masked_whole() -> None:
    assert Secrets(["4155550100", "+14155550100"]).mask("to +14155550100") == f"to {MASK}"


@pytest.mark.parametrize("value", [None, "", "abc"])
def test_what_is_as_short_as_a_word_is_no_secret(value: str | None) -> None:
    assert Secrets([value]).mask("abc abcd") == "abc abcd"


def test_a_secret_that_comes_up_on_the_way_is_masked_from_then_on() -> None:
    secrets = Secrets()
    secrets.add("482913")

    assert secrets.mask("code 482913") == f"code {MASK}"


@given(st.text(min_size=SHORTEST), st.text(), st.text())
def test_no_secret_survives(secret: str, before: str, after: str) -> None:
    assert secret not in Secrets([secret]).mask(before + secret + after).replace(MASK, "")


@given(st.text())
def test_without_secrets_every_text_stays_as_it_is(text: str) -> None:
    assert Secrets().mask(text) == text


@pytest.mark.parametrize(
    ("seconds", "stamp"),
    [
        (-300, "T-300.0"),
        (-60.04, "T-60.0"),
        (-1.5, "T-1.5"),
        (-1, "T-1.000"),
        (-0.008, "T-0.008"),
        (0, "T+0.000"),
        (0.0142, "T+0.014"),
        (75, "T+75.000"),
    ],
)
def test_a_moment_is_stamped_relative_to_the_opening(clock: FakeClock, seconds: float, stamp: str) -> None:
    timeline = Timeline(clock.now, opens_at=START)

    assert timeline.stamp(START + timedelta(seconds=seconds)) == stamp


def test_while_the_opening_is_not_known_a_moment_is_stamped_by_the_clock(clock: FakeClock) -> None:
    timeline = Timeline(clock.now)

    assert timeline.stamp(START) == "15:00:00"


def test_moments_count_by_the_clock_of_the_server(clock: FakeClock) -> None:
    timeline = Timeline(clock.now, opens_at=START, ahead=timedelta(milliseconds=250))

    assert timeline.stamp(START) == "T+0.250"


def test_what_is_said_is_kept_and_shown_at_once_without_secrets(clock: FakeClock) -> None:
    lines: list[str] = []
    timeline = Timeline(clock.now, Secrets(["hunter2!"]), lines.append, START)

    timeline.say("signed in with hunter2!")

    assert lines == [f"T+0.000 signed in with {MASK}"]
    assert timeline.steps == [(START, f"signed in with {MASK}")]


def test_a_listener_that_went_away_costs_nothing(clock: FakeClock) -> None:
    def gone(line: str) -> None:
        raise BrokenPipeError

    timeline = Timeline(clock.now, show=gone)

    timeline.say("held a court")

    assert [text for _, text in timeline.steps] == ["held a court"]

"""Waiting for the one-time code, with the real webhook service in virtual time."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from datetime import UTC, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, cast

import pytest

import webhook_server
from reserve.booking.codes import ReceivedCode, WebhookService
from reserve.booking.context import RunContext
from reserve.booking.stop import Stop
from reserve.booking.timeline import Timeline
from reserve.booking.verification import Verification
from reserve.errors import (
    CodeError,
    LimitReached,
    LostAnswer,
    ReserveError,
    ServiceError,
    Throttled,
    TokenRefused,
    UnknownRefusal,
    Unreachable,
    UsageError,
    WrongCode,
)
from reserve.http import Http
from reserve.model import Offers, Opening
from reserve.storage.exclusive import FileLock
from reserve.storage.typed_codes import FRESH, Mailbox, hand_over
from reserve.systems.base import BookingSystem
from tests.fakes import START, FakeClock, InProcess, NoRecord

if TYPE_CHECKING:
    from _typeshed.wsgi import StartResponse, WSGIEnvironment

TOKEN = "webhook-token"
PHONE = "+14155550100"


class Phone:
    """A player's phone, its webhook service, and a booking system that knows which codes are right."""

    def __init__(
        self, folder: Path, clock: FakeClock, *, right: Iterable[str] = ("482913",), token: str = TOKEN
    ) -> None:
        self.clock, self.right = clock, set(right)
        self.asked: list[float] = []
        self.entered: list[str] = []
        self.typed_for: list[int] = []  # runs, of each code that was typed
        self.refusals: list[ReserveError | None] = []
        self.is_up, self.loses_answers = True, False
        self.app = webhook_server.create_app(data=folder, token=TOKEN, loopback=True, now=clock.now)
        http = Http(
            "http://127.0.0.1:5000",
            headers={"Authorization": f"Bearer {token}"},
            adapter=InProcess(self.answer, clock),
            clock=clock,
        )
        self.service = WebhookService(http, PHONE, clock, hold_back=timedelta(0))
        self.timeline, self.stop = Timeline(clock.now), Stop()
        system = cast(BookingSystem, self)  # the part of one that codes are about
        context = RunContext(system, clock, self.timeline, self.stop, NoRecord())
        self.data, self.context = folder / "data", context
        self.typed = Mailbox(self.data, "run-1", clock.now)
        self.turn = FileLock(folder / "turn")
        self.code = Verification(context, self.service, self.typed, self.turn)

    def answer(self, environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        if not self.is_up:
            start_response("503 Service Unavailable", [("Content-Type", "text/html")])
            return [b"<html>starting</html>"]
        return self.app(environ, start_response)

    def text(self, seconds: float, digits: str, phone: str = PHONE) -> None:
        """Have a text with *digits* arrive at START + *seconds*."""
        payload = {
            "rental_code": f"R{seconds}",
            "phonenumber": phone,
            "full_sms": f"Your rec.us verification code is: {digits}",
            "timestamp": "now",
        }

        def arrive() -> None:
            assert self.app.test_client().post(f"/webhook/{TOKEN}", json=payload).status_code == 200

        self.clock.call_at(START + timedelta(seconds=seconds), arrive)

    def type(self, seconds: float, digits: str) -> None:
        """Have the player type *digits* at START + *seconds*, somewhere on this machine."""
        moment = START + timedelta(seconds=seconds)
        self.clock.call_at(moment, lambda: self.typed_for.append(hand_over(self.data, digits, moment)))

    def down(self, start: float, end: float) -> None:
        """The service answers nothing useful between these seconds."""
        self.clock.call_at(START + timedelta(seconds=start), lambda: setattr(self, "is_up", False))
        self.clock.call_at(START + timedelta(seconds=end), lambda: setattr(self, "is_up", True))

    def send_code(self) -> None:
        self.asked.append((self.clock.now() - START).total_seconds())
        if self.refusals and (refusal := self.refusals.pop(0)):
            raise refusal

    def enter_code(self, digits: str) -> None:
        self.entered.append(digits)
        if self.loses_answers:
            raise LostAnswer("cut")
        if digits not in self.right:
            raise WrongCode("wrong")

    def enter(self, seconds: float = 60, again_at: float | None = None) -> bool:
        again = START + timedelta(seconds=again_at) if again_at else None
        return self.code.enter(until=START + timedelta(seconds=seconds), again_at=again)

    @property
    def log(self) -> str:
        return " | ".join(text for _, text in self.timeline.steps)


@pytest.fixture
def phone(tmp_path: Path, clock: FakeClock) -> Iterator[Phone]:
    phone = Phone(tmp_path, clock)
    yield phone
    phone.app.extensions["inbox"].close()


def test_a_code_is_entered_soon_after_it_came(phone: Phone, clock: FakeClock) -> None:
    phone.text(5, "482913")

    assert phone.code.ask()
    assert phone.enter()

    assert phone.entered == ["482913"]
    assert clock.now() <= START + timedelta(seconds=6)
    assert not phone.code.is_awaited


def test_a_code_whose_sending_is_refused_at_first_is_asked_for_again_while_there_is_time(
    phone: Phone,
) -> None:
    phone.refusals = [UnknownRefusal("500")]
    phone.text(12, "482913")
    opening = Opening(START + timedelta(seconds=60), ())

    assert phone.code.verify(Offers("Alice Marble", UTC, (), wants_code=True), opening)

    assert phone.asked == [0, 5]


def test_a_code_is_not_waited_for_beyond_its_time_when_the_service_is_late(
    phone: Phone, clock: FakeClock
) -> None:
    answer = phone.answer

    def late(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        clock.sleep(timedelta(seconds=12))
        return answer(environ, start_response)

    http = Http("http://127.0.0.1", headers={}, adapter=InProcess(late, clock), clock=clock)
    service = WebhookService(http, PHONE, clock, hold_back=timedelta(0))

    assert service.next_code(after=0, until=START + timedelta(seconds=3), stop=Stop()) is None
    assert clock.now() <= START + timedelta(seconds=4.1)


def test_a_text_from_before_the_asking_is_never_used(phone: Phone, clock: FakeClock) -> None:
    phone.text(1, "111111")
    phone.text(12, "482913")
    clock.sleep(timedelta(seconds=10))

    phone.code.ask()

    assert phone.enter()
    assert phone.entered == ["482913"]


def test_a_text_for_another_phone_is_never_used(phone: Phone) -> None:
    phone.text(2, "111111", phone="+14155550199")

    phone.code.ask()

    assert not phone.enter(20)
    assert phone.entered == []


def test_a_text_that_was_overtaken_by_an_older_one_is_tried_too(phone: Phone, clock: FakeClock) -> None:
    phone.down(1, 12)  # for readers
    phone.text(8, "482913")
    phone.text(9, "111111")  # an old code, delivered last
    phone.text(10, "111111")  # and twice

    phone.code.ask()

    assert phone.enter()
    assert phone.entered == ["111111", "482913"]


def test_what_came_before_the_asking_is_not_tried_when_a_code_is_refused(
    phone: Phone, clock: FakeClock
) -> None:
    phone.text(1, "482913")
    phone.text(12, "111111")
    clock.sleep(timedelta(seconds=10))

    phone.code.ask()

    assert not phone.enter(20)
    assert phone.entered == ["111111"]


def test_after_a_wrong_code_the_next_is_waited_for_and_none_is_used_twice(phone: Phone) -> None:
    phone.text(2, "111111")
    phone.text(9, "482913")

    phone.code.ask()

    assert phone.enter()
    assert phone.entered == ["111111", "482913"]
    assert phone.asked == [0.0]


def test_no_more_than_five_codes_are_entered_in_a_run_however_many_come(phone: Phone) -> None:
    for number in range(30):
        phone.text(2 + number, f"{100_000 + number}")

    phone.code.ask()

    with pytest.raises(CodeError, match="none of 5 one-time codes was accepted") as refused:
        phone.enter()
    assert len(phone.entered) == 5
    assert refused.value.exit_code == 4
    phone.text(40, "482913")
    with pytest.raises(CodeError):
        phone.code.prove(until=phone.clock.now() + timedelta(seconds=60))
    assert len(phone.entered) == 5


def test_when_nothing_comes_nothing_is_entered(phone: Phone, clock: FakeClock) -> None:
    phone.code.ask()

    assert not phone.enter(60)

    assert phone.entered == []
    assert clock.now() == START + timedelta(seconds=60)
    assert phone.code.is_awaited


def test_a_text_without_a_code_is_not_entered(phone: Phone) -> None:
    phone.text(2, "none")

    phone.code.ask()

    assert not phone.enter(20)
    assert phone.entered == []


def test_another_text_is_asked_for_once_when_none_comes(phone: Phone) -> None:
    phone.text(33, "482913")

    phone.code.ask()

    assert phone.enter(60, again_at=30)
    assert phone.asked == [0.0, 30.0]
    with pytest.raises(CodeError, match="two were asked for already"):
        phone.code.prove(until=phone.clock.now() + timedelta(seconds=60))


def test_no_third_text_is_asked_for(phone: Phone) -> None:
    phone.code.ask()

    assert not phone.enter(60, again_at=30)
    assert phone.asked == [0.0, 30.0]


@pytest.mark.parametrize(
    "refusal", [UnknownRefusal("no"), Throttled("slow"), Unreachable("down"), LimitReached("enough")]
)
def test_when_another_text_is_refused_the_first_is_still_waited_for(
    phone: Phone, refusal: ReserveError
) -> None:
    phone.refusals = [None, refusal]
    phone.text(40, "482913")

    phone.code.ask()

    assert phone.enter(60, again_at=30)
    assert phone.entered == ["482913"]


@pytest.mark.parametrize("refusal", [UnknownRefusal("no"), Throttled("slow"), Unreachable("down")])
def test_when_no_text_is_to_be_had_nothing_is_awaited(phone: Phone, refusal: ReserveError) -> None:
    phone.refusals = [refusal]

    assert not phone.code.ask()
    assert not phone.code.is_awaited
    assert "no one-time code can be had now" in phone.log


def test_a_lost_answer_to_the_asking_may_still_bring_a_text(phone: Phone) -> None:
    phone.refusals = [LostAnswer("cut")]
    phone.text(3, "482913")

    assert phone.code.ask()
    assert phone.enter()


def test_who_is_no_longer_signed_in_hears_of_it(phone: Phone) -> None:
    phone.refusals = [TokenRefused("401")]

    with pytest.raises(TokenRefused):
        phone.code.ask()


def test_a_lost_answer_to_the_code_counts_as_accepted_and_is_not_repeated(phone: Phone) -> None:
    phone.text(2, "482913")
    phone.loses_answers = True

    phone.code.ask()

    assert phone.enter()
    assert phone.entered == ["482913"]
    assert "going on as if it had been accepted" in phone.log


def test_a_webhook_service_that_starts_again_meanwhile_costs_nothing(phone: Phone) -> None:
    phone.down(1, 20)
    phone.text(10, "482913")

    phone.code.ask()

    assert phone.enter()
    assert phone.entered == ["482913"]


def test_a_webhook_service_that_is_down_at_the_asking_does_not_end_the_run(
    phone: Phone, clock: FakeClock
) -> None:
    phone.text(1, "111111")
    clock.sleep(timedelta(seconds=2))
    phone.service.check()
    phone.down(3, 8)
    phone.text(9, "482913")
    clock.sleep(timedelta(seconds=2))

    assert phone.code.ask()
    assert phone.enter()

    assert phone.entered == ["482913"]
    assert "could not look up the newest code" in phone.log


def test_a_request_to_stop_ends_the_waiting(phone: Phone, clock: FakeClock) -> None:
    phone.stop.shield()
    clock.call_at(START + timedelta(seconds=5), lambda: phone.stop.ask(15))

    phone.code.ask()

    assert not phone.enter(600)
    assert clock.now() < START + timedelta(seconds=10)


def test_a_service_that_is_not_there_is_found_at_the_start(phone: Phone) -> None:
    phone.is_up = False

    with pytest.raises(UsageError, match=r"^--webhook-url: .*python3 -m webhook_server"):
        phone.service.check()


def test_a_token_that_the_service_refuses_is_found_at_the_start_and_not_shown(
    tmp_path: Path, clock: FakeClock
) -> None:
    phone = Phone(tmp_path, clock, token="wrong-token")

    with pytest.raises(UsageError, match=r"^--webhook-token: ") as refused:
        phone.service.check()

    assert "wrong-token" not in str(refused.value)
    phone.app.extensions["inbox"].close()


@pytest.mark.parametrize("body", [b"{}", b"[]", b'{"id": "x"}', b"null", b"<html>"])
def test_another_service_at_that_address_is_found_at_the_start(clock: FakeClock, body: bytes) -> None:
    def stranger(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    service = WebhookService(
        Http("http://127.0.0.1", headers={}, adapter=InProcess(stranger, clock), clock=clock), PHONE, clock
    )

    with pytest.raises(UsageError, match="--webhook-url"):
        service.check()


@pytest.mark.parametrize(
    "body",
    [
        b'{"id": 0, "verification_code": "482913"}',
        b'{"id": 7, "verification_code": null}',
        b'{"id": 7, "verification_code": "None"}',
        b'{"id": 7, "verification_code": 482913}',
        b'{"id": "7", "verification_code": "482913"}',
        b'{"error": "none"}',
        b"oops",
    ],
)
def test_what_is_no_fresh_code_is_never_entered(clock: FakeClock, body: bytes) -> None:
    def strange(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        start_response("200 OK", [("Content-Type", "application/json")])
        return [body]

    service = WebhookService(
        Http("http://127.0.0.1", headers={}, adapter=InProcess(strange, clock), clock=clock), PHONE, clock
    )

    assert service.next_code(after=0, until=START + timedelta(seconds=3), stop=Stop()) is None


def test_the_service_is_asked_no_more_than_once_a_second(phone: Phone) -> None:
    asked = []
    real = phone.answer

    def note(environ: WSGIEnvironment, start_response: StartResponse) -> Iterable[bytes]:
        asked.append(phone.clock.now())
        return real(environ, start_response)

    phone.service = WebhookService(
        Http(
            "http://127.0.0.1",
            headers={"Authorization": f"Bearer {TOKEN}"},
            adapter=InProcess(note, phone.clock),
            clock=phone.clock,
        ),
        PHONE,
        phone.clock,
        hold_back=timedelta(0),
    )

    phone.service.next_code(after=0, until=START + timedelta(seconds=10), stop=Stop())

    assert len(asked) == 11


def test_a_code_never_shows_itself(phone: Phone) -> None:
    phone.text(1, "482913")
    phone.code.ask()
    phone.enter()

    assert "482913" not in repr(ReceivedCode(7, "482913"))
    assert phone.timeline.secrets.mask("code 482913") == "code •••"


def test_an_answer_of_the_service_that_is_no_answer_is_a_service_error(phone: Phone) -> None:
    phone.is_up = False

    with pytest.raises(ServiceError, match="503"):
        phone.service.newest()


def test_a_code_that_is_typed_counts_like_one_that_came_and_is_gone_then(
    phone: Phone, clock: FakeClock
) -> None:
    phone.type(0, "111111")  # nobody has asked yet
    clock.sleep(timedelta(seconds=1))
    phone.code.ask()
    phone.type(5, "482913")

    assert phone.enter()

    assert (phone.typed_for, phone.entered) == ([0, 1], ["482913"])
    assert clock.now() <= START + timedelta(seconds=8)
    assert list(phone.data.glob("*/*")) == []


def test_a_typed_code_is_entered_once_and_counts_among_the_five(phone: Phone) -> None:
    for second, digits in enumerate(("100000", "100000", "100001", "100002", "100003"), 2):
        phone.type(second, digits)
    phone.text(20, "100001")
    phone.text(25, "100004")
    phone.text(30, "482913")
    phone.code.ask()

    with pytest.raises(CodeError, match="none of 5"):
        phone.enter()

    assert phone.entered == ["100000", "100001", "100002", "100003", "100004"]


def test_a_typed_code_that_nobody_took_in_two_minutes_is_thrown_away(phone: Phone, clock: FakeClock) -> None:
    phone.code.ask()
    assert hand_over(phone.data, "482913", clock.now()) == 1
    (letter,) = phone.data.glob("*/*.code")
    assert letter.stat().st_mode & 0o777 == 0o600

    clock.sleep(FRESH + timedelta(seconds=1))

    assert not phone.enter(125)
    assert phone.entered == []
    assert not letter.exists()


def test_what_a_killed_run_left_is_removed(phone: Phone, clock: FakeClock) -> None:
    phone.code.ask()
    hand_over(phone.data, "482913", clock.now())
    (lock,) = phone.data.glob("*/*.open")
    lock.with_name("killed.open").touch()
    lock.with_name("killed 20260101T000000.000000.code").write_text("482913")

    assert hand_over(phone.data, "482913", clock.now()) == 1

    assert list(phone.data.glob("*/killed*")) == []


def test_whoever_watches_is_told_once_that_a_late_code_may_be_typed(phone: Phone) -> None:
    phone.code.ask()

    assert not phone.enter(60)

    assert phone.log.count("main.py code DIGITS") == 1


def test_two_runs_of_one_phone_take_turns_and_none_is_given_the_code_of_the_other(
    phone: Phone, clock: FakeClock, tmp_path: Path
) -> None:
    other = FileLock(tmp_path / "turn")
    assert other.take()
    phone.text(8, "111111")  # for the other one
    clock.call_at(START + timedelta(seconds=9), other.release)
    phone.text(14, "482913")
    opening = Opening(START + timedelta(seconds=60), ())

    assert phone.code.verify(Offers("Alice Marble", UTC, (), wants_code=True), opening)

    assert (phone.asked, phone.entered) == ([10], ["482913"])
    assert "another run waits for a code to this phone" in phone.log
    assert other.take()  # our turn is over, too


def test_a_turn_that_does_not_come_is_not_waited_for_beyond_its_time(phone: Phone, tmp_path: Path) -> None:
    other = FileLock(tmp_path / "turn")
    other.take()
    phone.text(35, "482913")
    opening = Opening(START + timedelta(seconds=60), ())

    assert phone.code.verify(Offers("Alice Marble", UTC, (), wants_code=True), opening)

    assert phone.asked == [30]
    other.release()

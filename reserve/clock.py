"""Reading the time, waiting for a moment, and how far the server's clock is from ours.

Every answer of a server carries the server's own time, in whole seconds. At face value such a stamp is half a
second off, but it proves something: the server stamped after we sent and before we received, when its clock
showed the stamp or less than a second more. So, with offset = server's clock - ours,

    stamp - received  <  offset  <  stamp + 1 s - sent

and all such intervals hold at once. Each probe is sent so that the server's second changes in the middle of
what is still possible when it arrives, and halves that, until only the round trip is left, whose two ways
nobody can tell apart. To meet an opening we need not: what the server's clock shows when a request arrives,
minus what ours showed when we sent it (the *lead*: offset plus the way there), is found to some milliseconds,
and how it is chosen over an uneven network is told in `reserve.lead`.
"""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterable, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from math import inf
from queue import SimpleQueue
from typing import ClassVar, Generic, TypeVar

from reserve.lead import Case, Seen, lead_for, possible, usual

T = TypeVar("T")

SECOND = timedelta(seconds=1)
MS = timedelta(milliseconds=1)
NAP = 1.0  # seconds; long waits are cut up, so that a clock put forward makes us late by no more than this
# Before a moment that is to be met: when to sleep lightly, and when no more.
NEAR, AWAKE = timedelta(milliseconds=20), timedelta(milliseconds=1)
LOOK = 0.1  # seconds; so soon is noticed that a wait is to be cut short
HURRY = timedelta(seconds=1)  # for what is under way then: a usual answer, and half of what a stop may take

# Between probes: a person who clicks about asks no oftener.
POLITE = timedelta(milliseconds=250)
# For each shot before the last: a server that says "not yet" needs a moment to say anything else.
PAUSE = timedelta(milliseconds=50)
# Two clocks drift apart while we measure, and some servers renew the text of their stamp a bit late.
SLACK = timedelta(milliseconds=2)
APART = timedelta(seconds=2)  # are the clocks of two servers at most; a stamp from a cache is older
# Less may be a busy processor; time services correct less than 100 ms gently, without a jump.
JUMP = timedelta(milliseconds=20)

PROBES = 20  # of one server, whose network is uneven; eleven tell all over an even one

NTP_HOSTS = ("time.cloudflare.com", "time.google.com", "time.nist.gov", "pool.ntp.org")


def never() -> bool:
    """Whether something is so that never is."""
    return False


class _Worker:
    """A thread that does one call after the other, and keeps no process from ending."""

    idle: ClassVar[list[_Worker]] = []  # starting one would cost a millisecond at the opening

    def __init__(self) -> None:
        self.calls: SimpleQueue[Callable[[], None]] = SimpleQueue()
        threading.Thread(target=self._work, daemon=True).start()

    def _work(self) -> None:
        while True:
            self.calls.get()()
            self.idle.append(self)

    @classmethod
    def do(cls, call: Callable[[], None]) -> None:
        """Have some worker do *call*, which raises nothing."""
        try:
            worker = cls.idle.pop()
        except IndexError:
            worker = cls()
        worker.calls.put(call)


class _Call(Generic[T]):
    """A call that a worker does."""

    def __init__(self, call: Callable[[], T]) -> None:
        """Begin."""
        self.ended = threading.Event()
        self._call = call
        self._results: list[T] = []
        self._failure: BaseException | None = None
        _Worker.do(self._do)

    def _do(self) -> None:
        try:
            self._results.append(self._call())
        except BaseException as failure:
            self._failure = failure
        finally:
            self.ended.set()

    def result(self) -> T:
        """What the call returned, or raise what it raised; it has ended."""
        if self._failure is not None:
            raise self._failure
        return self._results[0]


class Clock:
    """The time of this machine, and the only place that waits."""

    _anchor: datetime | None = None  # when `uptime` was 0

    def now(self) -> datetime:
        """The present moment, in UTC; once anchored, nobody can set it."""
        if self._anchor is None:
            return self.wall()
        return self._anchor + timedelta(seconds=self.uptime())

    def anchor(self) -> None:
        """Go by our own count of seconds from now on: what sets this machine's clock no longer matters."""
        if self._anchor is None:
            self._anchor = self.wall() - timedelta(seconds=self.uptime())

    def wall(self) -> datetime:
        """What this machine's clock shows, which somebody may set."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Seconds since some moment in the past; nobody can set it, and it stands still while suspended."""
        return time.monotonic()

    def uptime(self) -> float:
        """The same, but it goes on while suspended, where the system can tell."""
        return time.clock_gettime(getattr(time, "CLOCK_BOOTTIME", time.CLOCK_MONOTONIC))

    def sleep_until(self, moment: datetime) -> None:
        """Return at *moment*, never before it."""
        while (left := (moment - self.now()).total_seconds()) > 0:
            time.sleep(min(left, NAP))

    def meet(self, moment: datetime) -> None:
        """Return at *moment*, never before it, and awake: to be woken up then would take a moment more.

        The last naps are ever shorter: while others compute, who wakes up may wait for some milliseconds, but
        not again soon after.
        """
        self.sleep_until(moment - NEAR)
        while (left := moment - self.now()) > AWAKE:
            time.sleep(left.total_seconds() / 2)
        while self.now() < moment:
            pass

    def sleep(self, length: timedelta) -> None:
        """Return after *length*."""
        self.sleep_until(self.now() + length)

    def call_at(self, moment: datetime, call: Callable[[], None]) -> None:
        """Call *call* at *moment* from another thread, while this one goes on."""

        def wait() -> None:
            self.sleep_until(moment)
            call()

        threading.Thread(target=wait, daemon=True).start()

    def together(self, calls: Sequence[Callable[[], T]], is_hurried: Callable[[], bool] = never) -> list[T]:
        """Do all *calls* at the same time and return their results in order, when the last has ended.

        From when *is_hurried* says so, they have no longer than `HURRY`; what has not ended then goes on, and
        has no result. Raises what the first failing one raised, but only after that.
        """
        begun = [_Call(call) for call in calls]
        ends = inf
        for each in begun:
            ends = self._wait(each, ends, is_hurried)
        return [each.result() for each in begun if each.ended.is_set()]

    def within(self, length: timedelta, call: Callable[[], T], is_hurried: Callable[[], bool] = never) -> T:
        """The result of *call*, which has *length* for it, or raise TimeoutError while it goes on.

        From when *is_hurried* says so, it has no longer than `HURRY`.
        """
        begun = _Call(call)
        self._wait(begun, self.monotonic() + length.total_seconds(), is_hurried)
        if not begun.ended.is_set():
            raise TimeoutError
        return begun.result()

    def _wait(self, call: _Call[T], ends: float, is_hurried: Callable[[], bool]) -> float:
        """Wait for *call* until *ends*, or, once we are hurried, for a moment; returns when that ends."""
        while not call.ended.wait(min(LOOK, max(0.0, ends - self.monotonic()))):
            if self.monotonic() >= ends:
                break
            if is_hurried():
                ends, is_hurried = min(ends, self.monotonic() + HURRY.total_seconds()), never
        return ends


class Watch:
    """Notices when our clock was set, or the machine slept, since the watch was made.

    Of an anchored clock, only the latter.
    """

    def __init__(self, clock: Clock) -> None:
        """Note what both kinds of time show now."""
        self._clock = clock
        self._wall = clock.now()
        self._ticks = clock.monotonic()

    def jumped(self) -> timedelta:
        """How much more time went by on the wall than in truth; zero when it is too little to be a jump."""
        passed = timedelta(seconds=self._clock.monotonic() - self._ticks)
        difference = self._clock.now() - self._wall - passed
        return difference if abs(difference) > JUMP else timedelta(0)


@dataclass(frozen=True)
class Probe:
    """One request: when we sent it, when we had its answer, and the whole second it is stamped with."""

    sent: datetime
    received: datetime
    stamp: datetime

    @property
    def trip(self) -> timedelta:
        """How long it took, there and back."""
        return self.received - self.sent

    @property
    def low(self) -> timedelta:
        """At least so far the server's clock is ahead of ours: it stamped before we received."""
        return self.stamp - self.received - SLACK

    @property
    def high(self) -> timedelta:
        """At most so far the server's clock is ahead of ours: it stamped after we sent."""
        return self.stamp + SECOND - self.sent + SLACK


@dataclass(frozen=True)
class ServerTime:
    """How far the server's clock is ahead of ours: surely between `low` and `high`.

    `lead` is how much sooner to send, for the stated chance of being early (`reserve.lead.CHANCE`); `trip` is
    the quickest way there and back that we saw. Probes that contradict each other (several servers, a stamp
    from a cache) are not `consistent`: then `lead` is that of the server furthest behind, as it would be
    asked too early by any other, and the bounds hold if any one of them is right. `seen` is what all this is
    known from.
    """

    low: timedelta
    high: timedelta
    lead: timedelta
    trip: timedelta
    probes: int
    consistent: bool
    seen: tuple[Probe, ...] = field(default=(), compare=False, repr=False)

    @property
    def offset(self) -> timedelta:
        """How far the server's clock is ahead of ours, as well as we know."""
        return (self.low + self.high) / 2

    @property
    def bound(self) -> timedelta:
        """How far `offset` may be off."""
        return (self.high - self.low) / 2

    def theirs(self, ours: datetime) -> datetime:
        """What the server's clock shows when ours shows *ours*."""
        return ours + self.offset

    def likely(self, opening: datetime) -> datetime:
        """When to send, to arrive at *opening* or a moment later, but for the stated chance of being early.

        It can be earlier still if the server does less before it looks at its clock than it did for our
        probes, and later if it does more.
        """
        return opening - self.lead

    def telling(self, earliest: datetime, number: int) -> list[datetime]:
        """When to send so many more probes, from *earliest* on, for them to tell most about the lead.

        The server's second changes at the arrival of each where it is most doubtful whether it does.
        """
        cases = _cases(self.seen)
        if not cases:
            return [earliest] * number
        shares = [(place + 1) / (number + 1) for place in range(number)]
        return [_before_a_second(earliest, usual(cases, share) * MS) for share in shares]

    def with_more(self, probes: Iterable[Probe], requests: int) -> ServerTime:
        """The same, with those of *probes* that do not contradict it, for so many *requests* together."""
        agreeing = [one for one in probes if one.low <= self.high and self.low <= one.high]
        return weigh([*self.seen, *agreeing], requests) if self.seen else self

    def certain(self, opening: datetime) -> datetime:
        """When to send at the earliest, so that the request cannot arrive before *opening*, however quick."""
        return opening - self.low

    def __str__(self) -> str:
        """Say it for the timeline: server is 0.213 s ahead ± 0.006 s (9 probes)."""
        if not self.probes:
            return "server's clock is unknown and taken for ours"
        seconds = self.offset.total_seconds()
        where = "ahead" if seconds >= 0 else "behind"
        doubt = "" if self.consistent else ", which contradict each other"
        bound = self.bound.total_seconds()
        return f"server is {abs(seconds):.3f} s {where} ± {bound:.3f} s ({self.probes} probes{doubt})"


# What is left to believe about a server that does not stamp its answers.
UNKNOWN = ServerTime(-SECOND, SECOND, timedelta(0), timedelta(0), probes=0, consistent=False)


def measure(
    probe: Callable[[], Probe],
    clock: Clock,
    *,
    budget: int = PROBES,
    good_enough: timedelta = timedelta(milliseconds=2),
    until: datetime | None = None,
) -> ServerTime:
    """Find out the server's time by at most *budget* calls of *probe*, about one a second.

    It ends sooner when the lead is known to *good_enough*, or when the next answer might not come by *until*.
    *probe* raises TimeoutError when it took too long, and ValueError when it got no stamp; if even the first
    did that, the server is not asked again and its time is `UNKNOWN`. When our clock jumps meanwhile, what
    was measured before is forgotten.
    """
    probes: list[Probe] = []
    watch, slowest = Watch(clock), timedelta(0)
    for left in reversed(range(budget)):
        last = bool(probes) and (left == 0 or timedelta(0) <= _blur(probes) <= good_enough)
        moment = clock.now()
        if probes:
            moment = _before_a_second(moment + POLITE, _behind(probes) if last else _middle(probes))
        if until and moment + slowest > until:
            break
        clock.sleep_until(moment)
        try:
            probes.append(probe())
        except TimeoutError:
            continue
        except ValueError:
            if not probes:
                break
        finally:
            slowest = max(slowest, clock.now() - moment)
        if watch.jumped():
            probes.clear()
            watch = Watch(clock)
        elif last:
            break
    return weigh(probes)


def weigh(probes: Sequence[Probe], requests: int = 1) -> ServerTime:
    """What *probes* say together, for so many *requests* at the opening."""
    if not probes:
        return UNKNOWN
    agreeing = _agreeing(probes)
    consistent = agreeing == list(probes)
    # If all agree, the truth is in every interval; if not, it is in one of them at least.
    inner, outer = (max, min) if consistent else (min, max)
    credible, cases = _credible(probes), _cases(agreeing)
    low = inner(one.low for one in credible)
    lead = lead_for(cases, requests) * MS if cases else min(_lead(probes))
    return ServerTime(
        low=low,
        high=outer(one.high for one in credible),
        lead=max(low, lead),  # with less, a request could not even in no time be early
        trip=min(one.trip for one in agreeing),
        probes=len(probes),
        consistent=consistent,
        seen=tuple(probes),
    )


def _cases(probes: Sequence[Probe]) -> list[Case]:
    """What may be so about the lead, by *probes*."""
    return possible([Seen((one.stamp - one.sent) / MS, one.trip / MS) for one in probes]) if probes else []


def plan(opening: datetime, server: ServerTime, shots: int) -> list[datetime]:
    """When to send up to *shots* requests for one court, each only if the one before came too early.

    The first arrives at the opening if all is as measured; the last cannot arrive before it, and gives a
    server that is a bit late the time to open. Those between are evenly spread: as a rule the answer to the
    first takes longer than that, so that the second leaves when it comes.
    """
    first, last = server.likely(opening), server.certain(opening)
    steps = max(1, shots - 1)
    between = [first + number * (last - first) / steps for number in range(shots - 1)]
    return [*between, max(last, first + steps * PAUSE)] if between else [first]


def _agreeing(probes: Sequence[Probe]) -> list[Probe]:
    """The probes that can all be right at once; of several such groups, that of the clock furthest behind."""
    groups = _groups(_credible(probes))
    return min(groups, key=lambda group: (min(one.high for one in group), -len(group)))


def _credible(probes: Sequence[Probe]) -> list[Probe]:
    """Those of *probes* that are no further from what most of them say than the clocks of two servers are."""
    most = max(_groups(probes), key=len)
    low, high = max(one.low for one in most) - APART, min(one.high for one in most) + APART
    return [one for one in probes if one.high >= low and one.low <= high]


def _groups(probes: Sequence[Probe]) -> list[list[Probe]]:
    """Probes that can all be right at once."""
    return [[one for one in probes if one.low <= edge.low <= one.high] for edge in probes]


def _lead(probes: Sequence[Probe]) -> tuple[timedelta, timedelta]:
    """Between what and what the lead lies, for a request as quick as the quickest of *probes*.

    A probe that took longer may have lost all that time on its way there, so it proves that much less.
    """
    agreeing = _agreeing(probes)
    quickest = min(one.trip for one in agreeing)
    return max(one.low for one in agreeing) + SLACK + quickest, min(one.high for one in agreeing) - SLACK


def _blur(probes: Sequence[Probe]) -> timedelta:
    """How exactly the lead is known; less than nothing if the network is too uneven to tell."""
    soonest, latest = _lead(probes)
    return latest - soonest


def _middle(probes: Sequence[Probe]) -> timedelta:
    """The lead that halves what it may be."""
    soonest, latest = _lead(probes)
    return soonest + (latest - soonest) / 2


def _behind(probes: Sequence[Probe]) -> timedelta:
    """A lead so small that only a clock further behind than *probes* say would not have reached its second.

    Halving what is left cannot find a contradiction, as either half is possible. So the last probe looks for
    one, and on this side, because a server whose clock is further behind would be asked too early.
    """
    soonest, _ = _lead(probes)
    return soonest - max(one.trip for one in probes) - 3 * SLACK


def before_a_second_began(earliest: datetime, server: ServerTime) -> datetime:
    """When to send, from *earliest* on, for *server* to stamp the answer just after its second has changed.

    A stamp of the second before shows another clock, further behind.
    """
    return _before_a_second(earliest, server.low - 3 * SLACK)


def _before_a_second(earliest: datetime, lead: timedelta) -> datetime:
    """When to send, from *earliest* on, for the server's second to change at the arrival with this *lead*."""
    arrival = earliest + lead
    arrival += -timedelta(microseconds=arrival.microsecond) % SECOND
    return arrival - lead


def ntp_offset(host: str, port: int = 123) -> timedelta:
    """How far one time server's clock is ahead of ours; raises OSError when it does not tell."""
    import ntplib  # type: ignore[import-untyped]  # here, because few runs ask for it

    try:
        answer = ntplib.NTPClient().request(host, version=4, port=port, timeout=1)
    except ntplib.NTPException as failure:
        raise OSError(str(failure)) from failure
    if not 0 < answer.stratum < 16:
        raise OSError(f"{host} does not know the time itself")
    return timedelta(seconds=answer.offset)


def our_error(
    hosts: Sequence[str] = NTP_HOSTS, ask: Callable[[str], timedelta] = ntp_offset
) -> timedelta | None:
    """How far the true time is ahead of our clock: the middle of what three time servers or more say.

    A second opinion about our own clock, not to be added to a `ServerTime`, which is relative to it already.
    None when fewer than three answer.
    """

    def said(host: str) -> timedelta | None:
        with suppress(OSError):
            return ask(host)
        return None

    found = Clock().together([partial(said, host) for host in hosts])
    answers = sorted(each for each in found if each is not None)
    return answers[len(answers) // 2] if len(answers) >= 3 else None

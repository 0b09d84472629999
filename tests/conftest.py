"""What every test has: virtual time, and no way out of this machine."""

from __future__ import annotations

import gc
import ipaddress
import signal
import sys
from collections.abc import Iterator, Sequence
from datetime import tzinfo
from functools import cache, partial
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from sqlalchemy import Connection, create_engine, event, inspect, text

from reserve.clock import Clock
from reserve.notify.channels import channels, send
from reserve.notify.outbox import Outbox, entry_in
from reserve.notify.sender import Sender
from reserve.settings import Settings
from reserve.simulator.recus import facilities as simulated_facilities
from reserve.simulator.recus.facilities import SimulatedFacility
from reserve.storage import migrations
from reserve.storage.migrations import upgrade
from tests.fakes import FakeClock
from tests.postgres import postgres

# The same examples each time, however slow the machine is.
settings.register_profile(
    "steady",
    derandomize=True,
    deadline=None,
    database=None,
    suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large],
)
settings.load_profile("steady")

# Which argument of an audited call names the host (Python's audit events table).
LEAVING = {
    "socket.connect": 1,
    "socket.sendto": 1,
    "socket.sendmsg": 1,
    "socket.getaddrinfo": 0,
    "socket.gethostbyname": 0,
}


def is_here(host: object) -> bool:
    """Whether *host* is this machine; a path is a Unix socket, and nothing means any address of ours."""
    if isinstance(host, bytes):
        host = host.decode()
    if host in (None, "", "localhost"):
        return True
    try:
        address = ipaddress.ip_address(str(host))
    except ValueError:
        return False
    return address.is_loopback or address.is_unspecified


def stay_here(event: str, arguments: tuple[Any, ...]) -> None:
    """Refuse every connection that is not to this machine, whichever library asks for it."""
    if event not in LEAVING:
        return
    target = arguments[LEAVING[event]]
    if event.startswith("socket.get"):
        host = target
    elif isinstance(target, tuple):
        host = target[0]
    else:
        return  # the path of a Unix socket, or a socket that is connected already
    if not is_here(host):
        raise ConnectionRefusedError(f"no test leaves this machine: {host}")


def pytest_configure() -> None:
    """Hear signals that whoever started the tests, as `nohup` does, had ignored: some tests send them."""
    for number, handler in ((signal.SIGINT, signal.default_int_handler), (signal.SIGHUP, signal.SIG_DFL)):
        if signal.getsignal(number) is signal.SIG_IGN:
            signal.signal(number, handler)


def pytest_collection_finish() -> None:
    """Spare the garbage collector what is loaded by now: it would look at all of it again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)  # a list of facilities is twice as much, and no garbage


@pytest.fixture(autouse=True, scope="session")
def no_way_out() -> None:
    """Nothing connects to another machine, from the first test to the last."""
    sys.addaudithook(stay_here)


@pytest.fixture(autouse=True)
def senders(monkeypatch: pytest.MonkeyPatch) -> list[Sequence[str]]:
    """What senders were started for; each tells at once and here, as no process is to outlive a test."""
    started: list[Sequence[str]] = []

    def start_sender(settings: Settings, unwritten: Sequence[str] = ()) -> None:
        started.append(unwritten)
        log = partial(print, file=sys.stderr)
        sender = Sender(Outbox(settings.data), channels(settings.notify), send, Clock(), log)
        sender.in_memory |= {text: entry for text in unwritten if (entry := entry_in(text))}
        sender.tell_due()

    monkeypatch.setattr("reserve.commands.telling.start_sender", start_sender)
    return started


MAKING: dict[str, list[tuple[str, Any]]] = {}  # by kind of database, what Alembic had it do for a new store


def quick_upgrade(connection: Connection) -> None:
    """As `migrations.upgrade`, but for a new store what it did the first time is only repeated."""
    kind = connection.dialect.name
    made = MAKING.get(kind)
    if inspect(connection).get_table_names():
        upgrade(connection)
    elif made is None:
        done: list[tuple[str, Any]] = []

        def note(*said: Any) -> None:
            done.append((said[2], said[3]))  # the statement, and its parameters

        event.listen(connection, "before_cursor_execute", note)
        upgrade(connection)
        event.remove(connection, "before_cursor_execute", note)
        MAKING[kind] = [each for each in done if not each[0].lstrip().startswith(("SELECT", "PRAGMA"))]
    else:
        for statement, parameters in made:
            connection.exec_driver_sql(statement, parameters)


@pytest.fixture(autouse=True)
def quick_tables(monkeypatch: pytest.MonkeyPatch) -> None:
    """Tables of new stores are made quickly; `tests/storage/test_migrations.py` tells how they really are."""
    monkeypatch.setattr(migrations, "upgrade", quick_upgrade)


FEW = ("Lafayette", "McLaren", "Moscone", "Rossi")
other_parks = simulated_facilities._other_parks


@cache
def few_parks(here: tzinfo, windows: str) -> dict[str, SimulatedFacility]:
    """Some parks of the city beside the wanted one."""
    return {id_: park for id_, park in other_parks(here, windows).items() if park.name in FEW}


@pytest.fixture(autouse=True)
def small_city(monkeypatch: pytest.MonkeyPatch) -> None:
    """The simulated city has few parks, as it publishes all of them, whole, to every run.

    Where the whole city matters, a fixture of this name does nothing.
    """
    monkeypatch.setattr(simulated_facilities, "_other_parks", few_parks)


@pytest.fixture
def clock() -> FakeClock:
    """Virtual time that begins at 07:00 on a Monday in San Francisco."""
    return FakeClock()


@pytest.fixture(scope="session")
def server() -> Iterator[str]:
    """The address of a PostgreSQL for all tests, which need not outlive a power cut."""
    with postgres("fsync=off") as url:
        yield url


@pytest.fixture
def empty_postgres(server: str) -> str:
    """The address of a PostgreSQL database with nothing in it."""
    engine = create_engine(server)
    with engine.begin() as connection:
        connection.execute(text("DROP SCHEMA public CASCADE"))
        connection.execute(text("CREATE SCHEMA public"))
    engine.dispose()
    return server


@pytest.fixture(params=["sqlite", "postgresql"])
def database(request: pytest.FixtureRequest) -> str | None:
    """The address of an empty database of each kind that a store may have; None for a file in its folder."""
    return request.getfixturevalue("empty_postgres") if request.param == "postgresql" else None

"""A host with several addresses, of which some are dead."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator

import pytest

from reserve.reach import PATIENCE, Address, Host, reach

DEAD = "127.255.255.255"  # the broadcast address of the loopback: nobody can be there


@pytest.fixture
def port() -> Iterator[int]:
    """A port of this machine at which somebody listens, on one address only."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


@pytest.fixture
def silent() -> Iterator[Address]:
    """An address that takes a connection up and never answers: its queue is full."""
    with socket.socket() as server, socket.socket() as first, socket.socket() as second:
        server.bind(("127.0.0.1", 0))
        server.listen(0)
        for each in (first, second):
            each.setblocking(False)
            each.connect_ex(server.getsockname())
        yield address(*server.getsockname())


def address(host: str, port: int) -> Address:
    return (socket.AF_INET, socket.SOCK_STREAM, 0, "", (host, port))


def test_an_address_that_is_silent_costs_a_moment_and_the_next_time_nothing(
    silent: Address, port: int
) -> None:
    asked: list[Host] = []

    def look_up(host: Host) -> list[Address]:
        asked.append(host)
        return [silent, address("127.0.0.1", port)]

    began = time.monotonic()
    for _ in range(2):
        with reach(("silent.example", port), look_up=look_up) as connection:
            assert connection.getpeername() == ("127.0.0.1", port)

    assert time.monotonic() - began < PATIENCE
    assert len(asked) == 1  # whoever comes back goes where somebody answered, and asks for no name


def test_an_address_that_refuses_costs_nothing(port: int) -> None:
    found = [address(DEAD, port), address("127.0.0.1", 1), address("127.0.0.1", port)]

    with reach(("refused.example", port), look_up=lambda host: found) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_a_host_that_moved_is_looked_up_again(port: int) -> None:
    with socket.create_server(("127.0.0.1", 0)) as before:
        old = before.getsockname()[1]
        reach(("moved.example", port), look_up=lambda host: [address("127.0.0.1", old)]).close()

    with reach(("moved.example", port), look_up=lambda host: [address("127.0.0.1", port)]) as connection:
        assert connection.getpeername() == ("127.0.0.1", port)


def test_a_host_that_refuses_at_every_address_raises_why() -> None:
    with pytest.raises(ConnectionRefusedError):
        reach(("nobody.example", 1), look_up=lambda host: [address("127.0.0.1", 1)])

"""A connection to the first address of a host that answers, so that a dead one costs a moment (RFC 8305)."""

from __future__ import annotations

import selectors
import socket
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import chain, zip_longest
from typing import Any

HEAD_START = 0.25  # seconds before the next address is tried beside it
PATIENCE = 5.0  # seconds for the last of them (rec.us facts 6)

Host = tuple[str, int]
Address = tuple[int, int, int, str, Any]  # as `socket.getaddrinfo` gives it

_answered: dict[Host, Address] = {}  # the address of each host that was the first to answer


def addresses_of(host: Host) -> Sequence[Address]:
    """Every address of *host*, the one first that this machine prefers; raises `socket.gaierror`."""
    return socket.getaddrinfo(*host, type=socket.SOCK_STREAM)


def reach(
    host: Host,
    options: Iterable[tuple[int, int, int | bytes]] = (),
    look_up: Callable[[Host], Sequence[Address]] = addresses_of,
) -> socket.socket:
    """A connection to *host*: to the address that answered before, or else to the one that does so first.

    Raises OSError when none does: TimeoutError when it takes too long, `socket.gaierror` when there is none.
    """
    failure: OSError = TimeoutError(f"{host[0]} does not answer")
    begun: list[socket.socket] = []
    with selectors.DefaultSelector() as pending:
        try:
            for address, patience in _tried(host, look_up):
                family, kind, protocol, _, where = address
                begun.append(connection := socket.socket(family, kind, protocol))
                try:
                    for option in options:
                        connection.setsockopt(*option)
                    connection.setblocking(False)
                    connection.connect(where)
                except BlockingIOError:
                    pass  # it is under way
                except OSError as refused:
                    failure = refused
                    continue
                pending.register(connection, selectors.EVENT_WRITE, (connection, address))
                while pending.get_map() and (ready := pending.select(patience)):
                    for key, _ in ready:
                        pending.unregister(key.fileobj)
                        reached: socket.socket
                        reached, its_address = key.data
                        if error := reached.getsockopt(socket.SOL_SOCKET, socket.SO_ERROR):
                            failure = OSError(error, f"{host[0]} does not answer")
                            continue
                        _answered[host] = its_address
                        begun.remove(reached)
                        return reached
            _answered.pop(host, None)
            raise failure
        finally:
            for connection in begun:
                connection.close()


def _tried(host: Host, look_up: Callable[[Host], Sequence[Address]]) -> Iterator[tuple[Address, float]]:
    """The addresses of *host*, both families in turn, each with how long it is waited for by itself."""
    known = _answered.get(host)
    if known is not None:
        yield known, HEAD_START
    found = look_up(host)
    family = found[0][0]  # the one that this machine prefers
    preferred, others = (
        [each for each in found if each[0] == family],
        [each for each in found if each[0] != family],
    )
    in_turn = [
        each for each in chain.from_iterable(zip_longest(preferred, others)) if each not in (None, known)
    ]
    addresses = in_turn or found
    for place, address in enumerate(addresses, start=1):
        yield address, HEAD_START if place < len(addresses) else PATIENCE

"""Strangers and a crowd before the webhook service, while texts have to get through; part of the soak."""

from __future__ import annotations

import asyncio
import resource
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any

UNFINISHED = 500  # requests of strangers that never end
HALVES = 400  # bodies that never end, of somebody who has the token
READERS = 1000  # that wait for a text
GUESSERS = 16  # that try one token after the other
OF_UNFINISHED, OF_GUESSERS = "127.0.0.2", "127.0.0.3"
FILES = 4096  # that this process may have open


async def _talk(port: int, words: bytes, source: str = "127.0.0.1") -> bytes:
    """What the service says to this until it closes, or has said a whole head."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port, local_addr=(source, 0))
    try:
        writer.write(words)
        return await reader.readuntil(b"\r\n\r\n")
    finally:
        writer.close()


async def _for_ever(visit: Callable[[], Awaitable[object]], pause: float) -> None:
    while True:
        with suppress(OSError, EOFError):
            await visit()
        await asyncio.sleep(pause)


async def _besiege(port: int, token: str, answers: Any) -> None:
    hook, host = f"POST /webhook/{token} HTTP/1.1\r\n", "Host: x\r\n"
    ask = f"GET /get_verification_code?phonenumber=%2B14155550000&wait=20 HTTP/1.1\r\n{host}"

    async def guess() -> None:
        answer = await _talk(port, f"POST /webhook/guess HTTP/1.1\r\n{host}\r\n".encode(), OF_GUESSERS)
        with answers.get_lock():
            answers.value += answer.startswith(b"HTTP/1.1 404")

    def unfinished(words: str, source: str) -> Callable[[], Awaitable[object]]:
        return lambda: _talk(port, words.encode(), source)

    await asyncio.gather(
        *(_for_ever(guess, 0) for _ in range(GUESSERS)),
        *(
            _for_ever(unfinished(f"POST /webhook/guess HTTP/1.1\r\nHo{n}", OF_UNFINISHED), 0.2)
            for n in range(UNFINISHED)
        ),
        *(
            _for_ever(unfinished(f"{hook}{host}Content-Length: 60000\r\n\r\n" + "x" * 50_000, "127.0.0.1"), 1)
            for _ in range(HALVES)
        ),
        *(
            _for_ever(unfinished(f"{ask}Authorization: Bearer {token}\r\n\r\n", "127.0.0.1"), 1)
            for _ in range(READERS)
        ),
    )


def besiege(port: int, token: str, answers: Any) -> None:
    """Do all this until the process is ended; *answers* counts those to guesses of the token."""
    _, most = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (min(FILES, most), most))
    asyncio.run(_besiege(port, token, answers))

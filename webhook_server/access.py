"""Who is let in: whoever knows the token, or without a token whoever is on this machine."""

from __future__ import annotations

import hmac
import ipaddress
import re
from collections.abc import Callable
from urllib.parse import urlsplit

SHORTEST_TOKEN = 16  # characters, where others can try to guess it
OF_TEXTS = (
    "webhook",
    "get_verification_code",
    "newest",
    "health",
)  # how the paths begin that are about texts
# Pages that only show what is in the store.
ANYWHERE = re.compile(r"/|/plans(/\d+)?|/runs(/[^/]+)?|/events|/static/.+|/picture\.css")


class Access:
    """The token, and who has it."""

    def __init__(self, token: str | None, *, exposed: bool) -> None:
        """Raise ValueError for a token that cannot be in a path, or is no protection where others are."""
        if exposed and token is None:
            raise ValueError("without a token the service may only listen on this machine; set WEBHOOK_TOKEN")
        if token is not None and not re.fullmatch(r"[A-Za-z0-9._~-]+", token):
            raise ValueError("WEBHOOK_TOKEN may only contain letters, digits and . _ ~ -")
        if exposed and len(token or "") < SHORTEST_TOKEN:
            raise ValueError(
                f"others can reach the service: make WEBHOOK_TOKEN at least {SHORTEST_TOKEN} characters long"
            )
        self._token = token
        # Of the pages:
        self.has_pages = False
        self.knows: Callable[[str], bool] = lambda cookies: False  # whether somebody is signed in with them

    @property
    def needs_token(self) -> bool:
        """Whether there is one."""
        return self._token is not None

    def is_token(self, given: str) -> bool:
        """Whether *given* is the token."""
        return self._token is not None and hmac.compare_digest(given.encode(), self._token.encode())

    def has_header(self, authorization: str) -> bool:
        """Whether a reader with this header Authorization may read."""
        scheme, _, given = authorization.partition(" ")
        return self._token is None or (scheme.lower() == "bearer" and self.is_token(given.strip()))

    def admits(self, path: str, authorization: str) -> bool:
        """Whether a request shows the token, in its path or in this header; else no route reads its body."""
        return self.has_header(authorization) or any(map(self.is_token, path.strip("/").split("/")[1:2]))

    def takes_form(self, method: str, path: str) -> bool:
        """Whether a stranger may send a form there: to sign in, or to plan, as a session may have ended."""
        return self.has_pages and method == "POST" and (path == "/sign-in" or path.startswith("/plans/"))


def is_of_texts(path: str) -> bool:
    """Whether *path* is about texts and codes, and no page."""
    return path.strip("/").split("/")[0] in OF_TEXTS


def is_read_anywhere(method: str, path: str) -> bool:
    """Whether each process of the pages answers this alike: nothing of it is in the memory of one of them."""
    return method == "GET" and ANYWHERE.fullmatch(path) is not None


def address_of(peer: str, forwarded: str, proxy: str | None) -> str:
    """Whom a request comes from: the other side, or whom *proxy* says in its header X-Forwarded-For."""
    said = forwarded.rpartition(",")[2].strip() if peer == proxy else ""
    return neighbourhood(said or peer)


def is_loopback(host: str) -> bool:
    """Whether only this machine can reach *host*; a name we would have to look up counts as no."""
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def is_local(host_header: str) -> bool:
    """Whether this header Host is one of this machine, which no other name that leads here is."""
    try:
        return is_loopback(urlsplit(f"//{host_header}").hostname or "")
    except ValueError:
        return False


def neighbourhood(address: str) -> str:
    """Whom an address stands for: itself, or in IPv6 the network whose addresses one machine may all use."""
    try:
        ip = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:45]  # a proxy said something else
    if isinstance(ip, ipaddress.IPv6Address) and not ip.ipv4_mapped:
        return str(ipaddress.ip_network((ip, 64), strict=False))
    return str(getattr(ip, "ipv4_mapped", None) or ip)

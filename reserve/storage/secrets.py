"""Accounts and refresh tokens at rest: encrypted, in the store; the only home of `cryptography`.

The key is FERNET_KEY, or a file of that name in the data folder, which is made when the first secret is kept.
A key that does not fit, or is gone, is told; then nothing is written, so that the right one still helps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken

from reserve.errors import ServiceError, UsageError
from reserve.storage.runs import Store
from reserve.tokens import Tokens

KEY_FILE = "fernet.key"
ACCOUNT, TOKEN = "account/", "token/"


class SecretStore:
    """Texts under names, which only the holder of the key can read."""

    def __init__(self, store: Store, folder: Path, key: str | None = None) -> None:
        """Look for no key yet: whoever keeps no secrets needs none."""
        self.store = store
        self._path = folder / KEY_FILE
        self._given = key
        self._fernet: Fernet | None = None

    def read(self, name: str) -> str | None:
        """What is kept under *name*; raises `UsageError` when the key is gone or another one."""
        encrypted = self.store.encrypted(name).get(name)
        return None if encrypted is None else self._open(self._key(), encrypted)

    def write(self, name: str, text: str) -> None:
        """Keep *text* under *name*; raises `UsageError` when the key does not fit what is kept already."""
        self.store.write_secret(name, self._key().encrypt(text.encode()).decode())

    def _key(self) -> Fernet:
        """The key, tried on something that is kept; made when nothing is kept yet."""
        if self._fernet is None:
            kept = next(iter(self.store.encrypted().values()), None)
            fernet = self._fernet_of(self._given or self._in_file() or (None if kept else self._made()))
            if kept is not None:
                self._open(fernet, kept)
            self._fernet = fernet
        return self._fernet

    def _fernet_of(self, key: str | None) -> Fernet:
        if key is None:
            raise UsageError(
                f"the key of the stored accounts is gone: put {self._path} back or set FERNET_KEY; "
                "nothing was changed. Without the key, `account remove` and `account add` them again"
            )
        try:
            return Fernet(key)
        except ValueError:
            where = "FERNET_KEY" if self._given else str(self._path)
            raise UsageError(
                f"{where} holds no Fernet key (32 bytes, in URL-safe base64); nothing was changed"
            ) from None

    def _open(self, fernet: Fernet, encrypted: str) -> str:
        try:
            return fernet.decrypt(encrypted).decode()
        except InvalidToken:
            where = "FERNET_KEY" if self._given else str(self._path)
            raise UsageError(
                f"{where} is not the key of the stored accounts; nothing was changed. Give the right one, or "
                "`account remove` and `account add` them again"
            ) from None

    def _in_file(self) -> str | None:
        try:
            return self._path.read_text().strip()
        except FileNotFoundError:
            return None

    def _made(self) -> str:
        """A new key, on the disk before anything is encrypted with it."""
        key = Fernet.generate_key()
        try:
            file = os.open(self._path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        except FileExistsError:  # another process was quicker
            return self._in_file() or ""
        with os.fdopen(file, "wb") as written:
            written.write(key + b"\n")
            written.flush()
            os.fsync(written.fileno())
        return key.decode()


class Accounts:
    """The player's accounts: under each name, what the environment would say."""

    def __init__(self, safe: SecretStore) -> None:
        """Nothing is read yet."""
        self._safe = safe

    @property
    def names(self) -> list[str]:
        """Under which names there are accounts; needs no key."""
        return [name.removeprefix(ACCOUNT) for name in self._safe.store.encrypted(ACCOUNT)]

    def read(self, name: str) -> dict[str, str]:
        """The variables of this account; raises `UsageError` when there is none."""
        text = self._safe.read(ACCOUNT + name)
        if text is None:
            known = ", ".join(self.names) or "none yet; `account add` makes one"
            raise UsageError(f"--account: there is no account {name!r}; there are {known}")
        return dict(json.loads(text))

    def add(self, name: str, variables: Mapping[str, str]) -> None:
        """Keep *variables* under *name*, in the place of what was there."""
        self._safe.write(ACCOUNT + name, json.dumps(dict(variables)))

    def remove(self, name: str) -> bool:
        """Forget an account, and tell whether there was one; needs no key.

        With the last one go the tokens, so that a key that was lost is no longer missed.
        """
        was_there = self._safe.store.delete_secret(ACCOUNT + name)
        if was_there and not self.names:
            for token in self._safe.store.encrypted(TOKEN):
                self._safe.store.delete_secret(token)
        return was_there


class KeptTokens(Tokens):
    """The refresh tokens of one player in the store, which outlive the process whenever it is killed.

    A booking system that rotates them makes the old one worthless when it gives a new one out. So the new one
    is written beside the old one first, read back, and only then the old one is forgotten.
    """

    def __init__(self, safe: SecretStore, player: str, given: str | None = None) -> None:
        """Those of *player*; the one that was *given* by hand comes first until another has replaced it."""
        self._safe = safe
        self._name = TOKEN + player
        self._given = given

    def alone(self) -> AbstractContextManager[None]:
        """Inside, no other process on this machine renews them."""
        return self._safe.store.in_turn(self._name.replace("/", "-")[:40])

    def kept(self) -> tuple[str, ...]:
        """What may still be good, best first."""
        page = self._page()
        given = (self._given,) if self._given and page.given != _fingerprint(self._given) else ()
        return (*given, *page.tokens)

    def replace(self, token: str) -> None:
        """Keep *token* instead; the others are forgotten only when it is surely on the disk."""
        old = [each for each in self.kept() if each != token]
        self._write([token, *old])
        if self._page().tokens[:1] != (token,):
            raise ServiceError("the new refresh token cannot be read back from the disk")
        self._write([token])

    def _page(self) -> _Page:
        text = self._safe.read(self._name)
        return _Page(**json.loads(text)) if text else _Page()

    def _write(self, tokens: Sequence[str]) -> None:
        given = _fingerprint(self._given) if self._given else self._page().given
        self._safe.write(self._name, json.dumps({"tokens": tokens, "given": given}))


@dataclass(frozen=True)
class _Page:
    """What is kept: tokens, best first, and which one given by hand they replace."""

    tokens: Sequence[str] = ()
    given: str | None = None

    def __post_init__(self) -> None:
        object.__setattr__(self, "tokens", tuple(self.tokens))


def _fingerprint(token: str) -> str:
    """Enough to know a token again, and not to use it."""
    return sha256(token.encode()).hexdigest()

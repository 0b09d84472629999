"""Accounts and refresh tokens at rest, encrypted; the only home of `cryptography`.

The key is FERNET_KEY, or a file in the data folder, which is made when the first secret is kept. When the key
is gone or does not fit, we say so and write nothing, so that the right one still helps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from hashlib import sha256
from pathlib import Path

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select
from sqlalchemy.exc import SQLAlchemyError

from reserve.errors import ServiceError, UsageError
from reserve.storage.database import Store
from reserve.storage.schema import SECRETS
from reserve.tokens import Tokens

KEY_FILE = "fernet.key"
ACCOUNT, TOKEN = "account/", "token/"


class SecretStore:
    """Texts under names, which only the holder of the key can read."""

    def __init__(self, store: Store, folder: Path, key: str | None = None) -> None:
        """Look for no key yet: whoever keeps no secrets needs none."""
        self._engine = store.engine
        self._exclusive = store.exclusive
        self._path = folder / KEY_FILE
        self._given = key
        self._where = "FERNET_KEY" if key else str(self._path)
        self._fernet: Fernet | None = None

    def names(self, beginning: str) -> list[str]:
        """The names that begin like this; needs no key."""
        names = select(SECRETS.c.name).where(SECRETS.c.name.startswith(beginning, autoescape=True))
        with self._engine.connect() as connection:
            return list(connection.scalars(names.order_by(SECRETS.c.name)))

    def read(self, name: str) -> str | None:
        """What is kept under *name*.

        Raises `UsageError` when the key is gone or another one, and `ServiceError` when the database cannot
        be read.
        """
        try:
            with self._engine.connect() as connection:
                encrypted = connection.scalar(select(SECRETS.c.encrypted).where(SECRETS.c.name == name))
        except SQLAlchemyError as failure:
            raise ServiceError(f"cannot read a secret in the store: {type(failure).__name__}") from None
        return None if encrypted is None else self._decrypted(self._key(), encrypted)

    def write(self, name: str, text: str) -> None:
        """Keep *text* under *name* in the place of what was there; on the disk when this returns.

        Raises `UsageError` when the key does not fit what is kept already, and `ServiceError` when the
        database cannot be written.
        """
        encrypted = self._key().encrypt(text.encode()).decode()
        try:
            with self._engine.begin() as connection:
                connection.execute(delete(SECRETS).where(SECRETS.c.name == name))
                connection.execute(insert(SECRETS).values(name=name, encrypted=encrypted))
        except SQLAlchemyError as failure:
            raise ServiceError(f"cannot keep a secret in the store: {type(failure).__name__}") from None

    def delete(self, name: str) -> bool:
        """Forget what is kept under *name*, and tell whether there was anything; needs no key."""
        with self._engine.begin() as connection:
            return bool(connection.execute(delete(SECRETS).where(SECRETS.c.name == name)).rowcount)

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Inside, nobody else is alone with *name*; those before us are waited for."""
        return self._exclusive.held(f"secret {name}")

    def _key(self) -> Fernet:
        """The key, tried on something that is kept; made when nothing is kept yet."""
        if self._fernet is None:
            with self._engine.connect() as connection:
                kept = connection.scalar(select(SECRETS.c.encrypted).limit(1))
            fernet = self._fernet_of(self._given or self._in_file() or (None if kept else self._made()))
            if kept is not None:
                self._decrypted(fernet, kept)
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
            raise UsageError(
                f"{self._where} holds no Fernet key (32 bytes, in URL-safe base64); nothing was changed"
            ) from None

    def _decrypted(self, fernet: Fernet, encrypted: str) -> str:
        try:
            return fernet.decrypt(encrypted).decode()
        except InvalidToken:
            raise UsageError(
                f"{self._where} is not the key of the stored accounts; nothing was changed. Give the right "
                "one, or `account remove` and `account add` them again"
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

    def __init__(self, secrets: SecretStore) -> None:
        """Nothing is read yet."""
        self._secrets = secrets

    @property
    def names(self) -> list[str]:
        """Under which names there are accounts; needs no key."""
        return [name.removeprefix(ACCOUNT) for name in self._secrets.names(ACCOUNT)]

    def read(self, name: str) -> dict[str, str]:
        """The variables of this account; raises `UsageError` when there is none."""
        text = self._secrets.read(ACCOUNT + name)
        if text is None:
            known = ", ".join(self.names) or "none yet; `account add` makes one"
            raise UsageError(f"--account: there is no account {name!r}; there are {known}")
        return dict(json.loads(text))

    def add(self, name: str, variables: Mapping[str, str]) -> None:
        """Keep *variables* under *name*, in the place of what was there."""
        self._secrets.write(ACCOUNT + name, json.dumps(dict(variables)))

    def remove(self, name: str) -> bool:
        """Forget an account, and tell whether there was one; needs no key.

        With the last one go the tokens, so that a key that was lost is no longer missed.
        """
        was_there = self._secrets.delete(ACCOUNT + name)
        if was_there and not self.names:
            for token in self._secrets.names(TOKEN):
                self._secrets.delete(token)
        return was_there


class StoredTokens(Tokens):
    """The refresh tokens of one player in the store, which outlive the process whenever it is killed.

    A booking system that rotates them makes the old one worthless when it gives a new one out. So the new one
    is written beside the old one first, read back, and only then the old one is forgotten.
    """

    def __init__(self, secrets: SecretStore, player: str, given: str | None = None) -> None:
        """Those of *player*; the one that was *given* by hand comes first until another has replaced it."""
        self._secrets = secrets
        self._name = TOKEN + player
        self._given = given

    def alone(self) -> AbstractContextManager[None]:
        """Inside, nobody else renews them."""
        return self._secrets.alone(self._name)

    def kept(self) -> tuple[str, ...]:
        """What may still be good, best first."""
        tokens, replaced = self._read()
        given = (self._given,) if self._given and replaced != _fingerprint(self._given) else ()
        return (*given, *tokens)

    def replace(self, token: str) -> None:
        """Keep *token* instead; the others are forgotten only when it is surely on the disk."""
        old = [each for each in self.kept() if each != token]
        self._write([token, *old])
        if self._read()[0][:1] != [token]:
            raise ServiceError("the new refresh token cannot be read back from the disk")
        self._write([token])

    def _read(self) -> tuple[list[str], str | None]:
        """Tokens, best first, and the fingerprint of the one given by hand that they replace."""
        stored = json.loads(self._secrets.read(self._name) or '{"tokens": [], "given": null}')
        return stored["tokens"], stored["given"]

    def _write(self, tokens: Sequence[str]) -> None:
        given = _fingerprint(self._given) if self._given else self._read()[1]
        self._secrets.write(self._name, json.dumps({"tokens": tokens, "given": given}))


def _fingerprint(token: str) -> str:
    """Enough to know a token again, and not to use it."""
    return sha256(token.encode()).hexdigest()

"""Accounts and refresh tokens at rest, encrypted; the only home of `cryptography`.

The key is FERNET_KEY, or a file in the data folder, which is made when the first secret is kept. When the key
is gone or does not fit, we say so and write nothing, so that the right one still helps.
"""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import AbstractContextManager, ExitStack, contextmanager, suppress
from hashlib import sha256
from pathlib import Path
from urllib.parse import quote

from cryptography.fernet import Fernet, InvalidToken
from sqlalchemy import delete, insert, select, update
from sqlalchemy.exc import SQLAlchemyError

from reserve.errors import ReserveError, ServiceError, TokensOutOfReach, UsageError
from reserve.storage.database import Store
from reserve.storage.schema import SECRETS
from reserve.tokens import Tokens

KEY_FILE = "fernet.key"
NEXT_KEY_FILE = "fernet.next"  # while the key is changed
ASIDE = "aside"  # a folder of secrets that the database did not take
ACCOUNT, TOKEN = "account/", "token/"
KEYS = "key of the secrets"  # who is alone with it may write, or change the key


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

    def check(self) -> None:
        """Raise `UsageError` when the key of what is kept is not here; nothing that is kept needs none."""
        if self._kept() is not None:
            self._key()

    def read(self, name: str) -> str | None:
        """What is kept under *name*, or was set aside under it since.

        Raises `UsageError` when the key is gone or another one, and `ServiceError` when the database cannot
        be read.
        """
        aside = self._aside(name)
        if aside.exists() and (text := self._tried(self._key(), aside.read_text())) is not None:
            return text
        try:
            with self._engine.connect() as connection:
                encrypted = connection.scalar(select(SECRETS.c.encrypted).where(SECRETS.c.name == name))
        except SQLAlchemyError as failure:
            raise ServiceError(f"cannot read a secret in the store: {type(failure).__name__}") from None
        return None if encrypted is None else self._decrypted(encrypted)

    def write(self, name: str, text: str) -> None:
        """Keep *text* under *name* in the place of what was there; on the disk when this returns.

        Raises `UsageError` when the key does not fit what is kept already, and `ServiceError` when the
        database cannot be written.
        """
        known, self._fernet = self._fernet, None
        try:
            with self._exclusive.held(KEYS):  # nobody changes the key meanwhile
                encrypted = self._key().encrypt(text.encode()).decode()
                with self._engine.begin() as connection:
                    connection.execute(delete(SECRETS).where(SECRETS.c.name == name))
                    connection.execute(insert(SECRETS).values(name=name, encrypted=encrypted))
                self._aside(name).unlink(missing_ok=True)
        except (SQLAlchemyError, OSError) as failure:
            raise ServiceError(f"cannot keep a secret in the store: {type(failure).__name__}") from None
        finally:
            self._fernet = self._fernet or known

    def set_aside(self, name: str, text: str) -> None:
        """Keep *text* in a file beside the store, until *name* can be written; raises `OSError`."""
        fernet = self._fernet or self._fernet_of(self._given or _in_file(self._path) or self._made())
        encrypted = fernet.encrypt(text.encode())
        self._aside(name).parent.mkdir(mode=0o700, exist_ok=True)
        self._aside(name).unlink(missing_ok=True)
        write_new(self._aside(name), encrypted)

    def delete(self, name: str) -> bool:
        """Forget what is kept under *name*, and tell whether there was anything; needs no key."""
        self._aside(name).unlink(missing_ok=True)
        with self._engine.begin() as connection:
            was_there = bool(connection.execute(delete(SECRETS).where(SECRETS.c.name == name)).rowcount)
        if self._engine.dialect.name == "sqlite":
            with self._engine.connect() as connection:  # what was written is in its log as well
                connection.exec_driver_sql("PRAGMA wal_checkpoint(TRUNCATE)")
        return was_there

    def change_key(self) -> int:
        """Encrypt everything with a new key; returns how many secrets. Whenever we are killed, one key fits.

        The new key lies beside the old one before anything is encrypted with it, and takes its place after.
        """
        if self._given:
            raise UsageError(
                f"the key is FERNET_KEY: write it into {self._path} (mode 0600) and unset FERNET_KEY first"
            )
        with self._exclusive.held(KEYS):
            self._fernet = None
            old = self._key()
            key = Fernet.generate_key()
            new = Fernet(key)
            self._next.unlink(missing_ok=True)  # of an attempt that came to nothing
            write_new(self._next, key + b"\n")
            with self._engine.begin() as connection:
                rows = connection.execute(select(SECRETS)).all()
                for row in rows:
                    aside = self._aside(row.name)
                    text = (self._tried(old, aside.read_text()) if aside.exists() else None) or self._fit(
                        old, row.encrypted
                    )
                    values = {"encrypted": new.encrypt(text.encode()).decode()}
                    connection.execute(update(SECRETS).where(SECRETS.c.name == row.name).values(values))
            with suppress(FileNotFoundError):  # whoever came between has put it there already
                self._next.replace(self._path)
            self._fernet = new
            for row in rows:
                self._aside(row.name).unlink(missing_ok=True)
        return len(rows)

    def alone(self, name: str) -> AbstractContextManager[None]:
        """Inside, nobody else is alone with *name*; those before us are waited for."""
        return self._exclusive.held(f"secret {name}")

    def _kept(self) -> str | None:
        """Something that is kept, to try a key on; raises `ServiceError`."""
        try:
            with self._engine.connect() as connection:
                kept: str | None = connection.scalar(select(SECRETS.c.encrypted).limit(1))
                return kept
        except SQLAlchemyError as failure:
            raise ServiceError(f"cannot read a secret in the store: {type(failure).__name__}") from None

    def _key(self) -> Fernet:
        """The key, tried on something that is kept; made when nothing is kept yet."""
        if self._fernet is None:
            kept = self._kept()
            found = self._given or _in_file(self._path)
            fernet = self._fernet_of(found or (None if kept else self._made()))
            if kept is not None and self._tried(fernet, kept) is None:
                # A change of the key that was cut off after the last word: what it wrote is the key now.
                following = None if self._given else _in_file(self._next)
                if following is None or self._tried(self._fernet_of(following), kept) is None:
                    raise self._misfit()
                fernet = self._fernet_of(following)
                with suppress(FileNotFoundError):
                    self._next.replace(self._path)
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

    def _decrypted(self, encrypted: str) -> str:
        """The text in *encrypted*; the key may have been changed since we read it."""
        text = self._tried(self._key(), encrypted)
        if text is None:
            self._fernet = None
            text = self._fit(self._key(), encrypted)
        return text

    def _fit(self, fernet: Fernet, encrypted: str) -> str:
        text = self._tried(fernet, encrypted)
        if text is None:
            raise self._misfit()
        return text

    def _misfit(self) -> UsageError:
        return UsageError(
            f"{self._where} is not the key of the stored accounts; nothing was changed. Give the right "
            "one, or `account remove` and `account add` them again"
        )

    @staticmethod
    def _tried(fernet: Fernet, encrypted: str) -> str | None:
        try:
            return fernet.decrypt(encrypted).decode()
        except InvalidToken:
            return None

    @property
    def _next(self) -> Path:
        """Where the key that is to come lies, while the key is changed."""
        return self._path.with_name(NEXT_KEY_FILE)

    def _aside(self, name: str) -> Path:
        return self._path.parent / ASIDE / quote(name, safe="")

    def _made(self) -> str:
        """A new key, on the disk before anything is encrypted with it."""
        key = Fernet.generate_key()
        try:
            write_new(self._path, key + b"\n")
        except FileExistsError:  # another process was quicker
            return _in_file(self._path) or ""
        return key.decode()


def _in_file(path: Path) -> str | None:
    """The key in the file *path*, which only its owner should read."""
    try:
        return path.read_text().strip()
    except FileNotFoundError:
        return None


def write_new(path: Path, content: bytes) -> None:
    """Make the file *path* with *content*, for its owner alone; on the disk when this returns.

    It is there as a whole or not at all; raises FileExistsError when somebody else made it.
    """
    new = path.with_name(f"{path.name}.{os.urandom(4).hex()}")
    file = os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        with os.fdopen(file, "wb") as written:
            written.write(content)
            written.flush()
            os.fsync(written.fileno())
        try:
            os.link(new, path)
        except FileExistsError:
            raise
        except OSError:  # FAT and many shares have no links
            if path.exists():
                raise FileExistsError(path) from None
            new.replace(path)
    finally:
        new.unlink(missing_ok=True)


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

    def remove(self, name: str, player: str | None = None) -> bool:
        """Forget an account with the tokens of *player*, and tell whether there was one; needs no key.

        With the last one go all tokens, so that a key that was lost is no longer missed.
        """
        was_there = self._secrets.delete(ACCOUNT + name)
        if was_there and not self.names:
            for token in self._secrets.names(TOKEN):
                self._secrets.delete(token)
        elif was_there and player is not None:
            self._secrets.delete(TOKEN + player)
        return was_there


class StoredTokens(Tokens):
    """The refresh tokens of one player in the store, which outlive the process whenever it is killed.

    A booking system that rotates them makes the old one worthless when it gives a new one out. So the new one
    is written beside the old one first, read back, and only then the old one is forgotten.
    """

    def __init__(
        self, secrets: SecretStore, player: str, given: str | None = None, *, account: str | None = None
    ) -> None:
        """Those of *player*; the one that was *given* by hand comes first until another has replaced it.

        When the stored *account* that they are for is removed meanwhile, nothing is kept any more.
        """
        self._secrets = secrets
        self._account = account
        self._name = TOKEN + player
        self._given = given

    @contextmanager
    def alone(self) -> Iterator[None]:
        """Inside, nobody else renews them, and a request to stop waits: a new one must be kept before.

        Raises `TokensOutOfReach` when the store does not answer.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(self._secrets.alone(self._name))
            except ServiceError as failure:
                raise TokensOutOfReach(str(failure)) from None
            stack.enter_context(super().alone())
            yield

    def kept(self) -> tuple[str, ...]:
        """What may still be good, best first."""
        tokens, replaced = self._read()
        given = (self._given,) if self._given and replaced != _fingerprint(self._given) else ()
        return (*given, *tokens)

    def replace(self, token: str) -> None:
        """Keep *token* instead; the others are forgotten only when it is surely on the disk.

        When the store fails it is set aside in a file, where the next run finds it.
        """
        try:
            old = [each for each in self.kept() if each != token]
            self._write([token, *old])
            if self._read()[0][:1] != [token]:
                raise ServiceError("the new refresh token cannot be read back from the disk")
            self._write([token])
            if self._account is not None and self._account not in Accounts(self._secrets).names:
                self._secrets.delete(self._name)  # looked at after it was written: whoever is last, it goes
        except ReserveError as failure:
            given = _fingerprint(self._given) if self._given else None
            try:
                self._secrets.set_aside(self._name, json.dumps({"tokens": [token], "given": given}))
            except OSError:
                raise ServiceError(f"neither the store nor a file beside it takes it: {failure}") from None

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

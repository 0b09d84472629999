"""Who may sign in to the web page, and whose accounts are whose; a password is kept as its hash only."""

from __future__ import annotations

import json
import secrets
from collections.abc import Iterable
from dataclasses import dataclass, field
from hashlib import sha256

from sqlalchemy import Connection, RowMapping, delete, insert, select, update
from werkzeug.security import check_password_hash, generate_password_hash

from reserve.errors import UsageError
from reserve.storage.database import Store
from reserve.storage.schema import PEOPLE, SESSIONS, SIGN_INS

SHORTEST, LONGEST = 10, 200  # letters of a password
NOBODYS = generate_password_hash("nobody's")  # so that a name that is not known takes as long to refuse


@dataclass(frozen=True)
class Person:
    """Somebody of the household; all that is nobody else's is the owner's."""

    name: str
    password: str = field(repr=False)  # the hash of it
    is_owner: bool
    accounts: frozenset[str]
    calendar: str | None = field(default=None, repr=False)  # the hash of the secret in its address


_BY_NAME = select(PEOPLE).order_by(PEOPLE.c.name)


class People:
    """Everybody who may sign in."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._engine = store.engine

    def all(self) -> list[Person]:
        """Everybody, by name."""
        with self._engine.connect() as connection:
            return [person_in(row) for row in connection.execute(_BY_NAME).mappings()]

    def get(self, name: str) -> Person | None:
        """The person of this name, if there is one."""
        with self._engine.connect() as connection:
            row = connection.execute(select(PEOPLE).where(PEOPLE.c.name == name)).mappings().first()
            return person_in(row) if row else None

    def keep(self, name: str, password: str, accounts: Iterable[str] | None = None) -> Person:
        """Keep *password* for *name*; the first person there is owns what is nobody else's.

        *accounts* become that person's alone; without them nothing changes about whose is what. Whoever was
        signed in with the password before is no more. Raises `UsageError` for one that is easily guessed.
        """
        if not SHORTEST <= len(password) <= LONGEST:
            raise UsageError(f"the password of the web page needs {SHORTEST} to {LONGEST} letters")
        with self._engine.begin() as connection:
            known = connection.scalars(select(PEOPLE.c.name)).all()
            values = {"password": generate_password_hash(password)}
            if accounts is not None or name not in known:
                values["accounts"] = "[]"
            _sign_out(connection, name)
            if name in known:
                connection.execute(update(PEOPLE).where(PEOPLE.c.name == name).values(values))
            else:
                connection.execute(insert(PEOPLE).values(name=name, is_owner=not known, **values))
            _give(connection, name, accounts or ())
        kept = self.get(name)
        assert kept is not None
        return kept

    def signing_in(self, name: str, password: str) -> Person | None:
        """The person of this name, if this is the password."""
        person = self.get(name)
        fits = check_password_hash(person.password if person else NOBODYS, password[: LONGEST + 1])
        return person if fits else None

    def give(self, name: str, accounts: Iterable[str]) -> None:
        """Have *accounts* belong to the person *name* alone; the owner's are what is nobody else's."""
        with self._engine.begin() as connection:
            _give(connection, name, accounts)

    def forget_account(self, account: str) -> None:
        """Have *account*, which goes, belong to nobody: another one may get its name."""
        self.give("", [account])

    def remove(self, name: str) -> bool:
        """Forget a person, and tell whether there was one; removing the owner is for the caller to refuse."""
        with self._engine.begin() as connection:
            _sign_out(connection, name)
            connection.execute(delete(SIGN_INS).where(SIGN_INS.c.person == name))
            return bool(connection.execute(delete(PEOPLE).where(PEOPLE.c.name == name)).rowcount)

    def new_calendar(self, name: str) -> str:
        """A new secret for the address of this person's calendar; the one before leads nowhere now."""
        secret = secrets.token_urlsafe(24)
        self._set(name, calendar=_fingerprint(secret))
        return secret

    def without_calendar(self, name: str) -> None:
        """Have no address lead to this person's calendar."""
        self._set(name, calendar=None)

    def of_calendar(self, secret: str) -> Person | None:
        """Whose calendar is at the address with this *secret*, if anybody's.

        It is looked up by its hash, so how long that takes says nothing about the secret.
        """
        with self._engine.connect() as connection:
            query = select(PEOPLE).where(PEOPLE.c.calendar == _fingerprint(secret))
            row = connection.execute(query).mappings().first()
            return person_in(row) if row else None

    def _set(self, name: str, **values: object) -> None:
        with self._engine.begin() as connection:
            connection.execute(update(PEOPLE).where(PEOPLE.c.name == name).values(**values))


def _sign_out(connection: Connection, name: str) -> None:
    connection.execute(delete(SESSIONS).where(SESSIONS.c.person == name))


def _give(connection: Connection, name: str, accounts: Iterable[str]) -> None:
    given = frozenset(accounts)
    for person in [person_in(row) for row in connection.execute(select(PEOPLE)).mappings()]:
        left = person.accounts - given
        if person.name == name and not person.is_owner:
            left |= given
        if left != person.accounts:
            values = {"accounts": json.dumps(sorted(left))}
            connection.execute(update(PEOPLE).where(PEOPLE.c.name == person.name).values(values))


def person_in(row: RowMapping) -> Person:
    """Whom a row of PEOPLE is about."""
    return Person(**{**row, "accounts": frozenset(json.loads(row["accounts"]))})


def _fingerprint(secret: str) -> str:
    return sha256(secret.encode("utf-8", "replace")).hexdigest()

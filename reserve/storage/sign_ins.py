"""Who is signed in to the web page, and who tried to: the same for all services that share a store."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import delete, func, insert, select, update

from reserve.storage.database import Store
from reserve.storage.people import Person, person_in
from reserve.storage.schema import PEOPLE, SESSIONS, SIGN_INS

SIGNED_IN_FOR = timedelta(days=14)  # from the password on, however often somebody comes
EACH, ALL, WHILE = (
    5,
    50,
    timedelta(minutes=5),
)  # wrong passwords: from one address, by everybody, in this time
AT_HOME_FOR = timedelta(days=90)  # an address from which somebody signed in
TRYING = "signing in to the web page"  # of those who try, one is counted at a time


class SignIns:
    """The sessions of people, and how often wrong passwords were tried."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._store = store
        self._engine = store.engine

    def are_too_many(self, address: str, now: datetime) -> bool:
        """Whether whoever asks from *address* has to wait; else it counts as a wrong one until `begin`."""
        here, right = SIGN_INS.c.address == _hash(address), SIGN_INS.c.person.is_not(None)
        with self._store.exclusive.held(TRYING), self._engine.begin() as connection:
            for old in (~right & (SIGN_INS.c.moment <= now - WHILE), SIGN_INS.c.moment <= now - AT_HOME_FOR):
                connection.execute(delete(SIGN_INS).where(old))
            wrong = select(func.count()).select_from(SIGN_INS).where(~right)
            if (connection.scalar(wrong.where(here)) or 0) >= EACH:
                return True
            # Strangers at many addresses may not lock out who signs in from where they always do.
            is_home = connection.execute(select(SIGN_INS.c.id).where(here, right)).first() is not None
            if not is_home and (connection.scalar(wrong) or 0) >= ALL:
                return True
            connection.execute(insert(SIGN_INS).values(moment=now, address=_hash(address)))
            return False

    def begin(self, person: str, address: str, now: datetime) -> str:
        """Begin a session of *person*, who knew the password; returns the secret by which it is known."""
        secret, here = secrets.token_urlsafe(24), SIGN_INS.c.address == _hash(address)
        wrong = here & SIGN_INS.c.person.is_(None)
        last = select(func.max(SIGN_INS.c.id)).where(wrong).scalar_subquery()
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.began <= now - SIGNED_IN_FOR))
            connection.execute(delete(SIGN_INS).where(here, SIGN_INS.c.person == person))
            connection.execute(update(SIGN_INS).where(SIGN_INS.c.id == last).values(person=person))
            connection.execute(insert(SESSIONS).values(secret=_hash(secret), person=person, began=now))
        return secret

    def person(self, secret: str, now: datetime) -> Person | None:
        """Who is signed in by this *secret*, if anybody still is."""
        is_it = (SESSIONS.c.secret == _hash(secret)) & (SESSIONS.c.began > now - SIGNED_IN_FOR)
        query = select(PEOPLE).join(SESSIONS, SESSIONS.c.person == PEOPLE.c.name).where(is_it)
        with self._engine.connect() as connection:
            row = connection.execute(query).mappings().first()
            return person_in(row) if row else None

    def end(self, secret: str) -> None:
        """Sign out whoever is signed in by this *secret*, wherever the cookie was copied to."""
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.secret == _hash(secret)))

    def end_all(self, person: str) -> None:
        """Sign out *person* everywhere."""
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.person == person))


def _hash(text: str) -> str:
    return sha256(text.encode("utf-8", "replace")).hexdigest()

"""Who is signed in to the web page, and who tried to: the same for all services that share a store."""

from __future__ import annotations

import secrets
from datetime import datetime, timedelta
from hashlib import sha256

from sqlalchemy import bindparam, delete, func, insert, select

from reserve.storage.database import Store
from reserve.storage.people import Person, person_in
from reserve.storage.schema import PEOPLE, SESSIONS, SIGN_INS

SIGNED_IN_FOR = timedelta(days=14)  # from the password on, however often somebody comes
# Wrong passwords: from one address, by everybody, in this time.
EACH, ALL, WHILE = 5, 50, timedelta(minutes=5)
KNOWN_FOR = timedelta(days=90)  # a browser in which somebody signed in
TRYING = "signing in to the web page"  # of those who try, one is counted at a time

_SIGNED_IN = (  # once for all: each page asks for it
    select(PEOPLE)
    .join(SESSIONS, SESSIONS.c.person == PEOPLE.c.name)
    .where(SESSIONS.c.secret == bindparam("secret"), SESSIONS.c.began > bindparam("after"))
)


class SignIns:
    """The sessions of people, and how often wrong passwords were tried."""

    def __init__(self, store: Store) -> None:
        """Nothing is read yet."""
        self._store = store
        self._engine = store.engine

    def trying(self, name: str, address: str, browser: str, now: datetime) -> int | None:
        """The number of an attempt to sign in, which counts as a wrong one until `begin`; None: too many.

        A *browser* in which the person *name* signed in before is counted by itself, so that nobody else, at
        the same address or at many, can lock that person out.
        """
        right = SIGN_INS.c.person.is_not(None)
        with self._store.exclusive.held(TRYING), self._engine.begin() as connection:
            for old in (~right & (SIGN_INS.c.moment <= now - WHILE), SIGN_INS.c.moment <= now - KNOWN_FOR):
                connection.execute(delete(SIGN_INS).where(old))
            known = (SIGN_INS.c.origin == _hash(browser)) & (SIGN_INS.c.person == name)
            is_known = connection.execute(select(SIGN_INS.c.id).where(known)).first() is not None
            origin = _hash(browser if is_known else address)
            wrong = select(func.count()).select_from(SIGN_INS).where(~right)
            if (connection.scalar(wrong.where(SIGN_INS.c.origin == origin)) or 0) >= EACH:
                return None
            if not is_known and (connection.scalar(wrong) or 0) >= ALL:
                return None
            number = insert(SIGN_INS).values(moment=now, origin=origin).returning(SIGN_INS.c.id)
            return int(connection.execute(number).scalar_one())

    def begin(self, person: str, now: datetime, *, attempt: int = 0, browser: str = "") -> tuple[str, str]:
        """Begin a session of *person*, whose *attempt* it was; returns its secret, and that of the browser.

        The browser is known by another secret than before: nobody can have planted it.
        """
        secret, known = secrets.token_urlsafe(24), secrets.token_urlsafe(24)
        with self._engine.begin() as connection:
            connection.execute(delete(SESSIONS).where(SESSIONS.c.began <= now - SIGNED_IN_FOR))
            connection.execute(insert(SESSIONS).values(secret=_hash(secret), person=person, began=now))
            was_known = (SIGN_INS.c.origin == _hash(browser)) & (SIGN_INS.c.person == person)
            connection.execute(delete(SIGN_INS).where((SIGN_INS.c.id == attempt) | was_known))
            connection.execute(insert(SIGN_INS).values(moment=now, origin=_hash(known), person=person))
        return secret, known

    def person(self, secret: str, now: datetime) -> Person | None:
        """Who is signed in by this *secret*, if anybody still is."""
        values = {"secret": _hash(secret), "after": now - SIGNED_IN_FOR}
        with self._engine.connect() as connection:
            row = connection.execute(_SIGNED_IN, values).mappings().first()
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

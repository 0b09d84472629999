"""The store of this machine: how every command opens it, and the secrets in it."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TYPE_CHECKING

from reserve.settings import Settings
from reserve.storage.database import Store

if TYPE_CHECKING:
    from reserve.storage.secrets import SecretStore


def open_store(settings: Settings) -> Store:
    """The store, made if need be."""
    return Store(settings.data, settings.database_url)


@contextmanager
def secret_store(settings: Settings) -> Iterator[SecretStore]:
    """The stored accounts and tokens."""
    from reserve.storage.secrets import SecretStore  # `due` has no secrets to read

    with closing(open_store(settings)) as store:
        yield SecretStore(store, settings.data, settings.fernet_key)

"""A backup: one file with the state and the key of a data folder, restored only where there is none."""

from __future__ import annotations

import json
import os
import sqlite3
import zlib
from collections.abc import Mapping
from contextlib import closing
from hashlib import sha256
from pathlib import Path
from tempfile import TemporaryDirectory
from zipfile import ZIP_DEFLATED, BadZipFile, ZipFile

from reserve.errors import UsageError
from reserve.storage.database import NAME, Store
from reserve.storage.schema import HEAD, SESSIONS
from reserve.storage.secrets import ASIDE, KEY_FILE, KEYS, NEXT_KEY_FILE, write_new

CONTENTS = "contents.json"
FORM = 1  # of the file; a later First Serve may have another


def back_up(store: Store, file: Path) -> list[str]:
    """Write the state and the key of *store* into *file*, as they are at one moment; returns what is in it.

    Raises `UsageError` when *file* is there already or cannot be written; half a backup is not left behind.
    """
    if store.engine.dialect.name != "sqlite":
        raise UsageError(
            "the state is in PostgreSQL (RESERVE_DATABASE_URL): save that with pg_dump, and copy "
            f"{store.folder / KEY_FILE} if it is there"
        )
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    except OSError as failure:
        raise UsageError(f"{file} cannot be made: {failure.strerror}; name a new file") from None
    try:
        with os.fdopen(handle, "wb") as written:
            # Nobody changes the key meanwhile; runs go on, as SQLite itself takes the copy.
            with store.exclusive.held(KEYS), ZipFile(written, "w", ZIP_DEFLATED) as archive:
                parts = {NAME: _copy(store), **_keys(store.folder)}
                sums = {name: sha256(content).hexdigest() for name, content in parts.items()}
                contents = {"form": FORM, "revision": HEAD, "sums": sums}
                for name, content in [(CONTENTS, json.dumps(contents).encode()), *parts.items()]:
                    archive.writestr(name, content)
            written.flush()
            os.fsync(written.fileno())
    except BaseException as failure:
        file.unlink(missing_ok=True)
        if isinstance(failure, OSError):
            raise UsageError(f"{file} cannot be written: {failure.strerror}") from None
        raise
    return list(parts)


def restore(file: Path, folder: Path) -> None:
    """Put what is in *file* into *folder*.

    Raises `UsageError`, and has written nothing, when there is state in *folder* already, or *file* is
    damaged, no backup, or one of a later First Serve.
    """
    for name in (NAME, KEY_FILE, NEXT_KEY_FILE, ASIDE):
        if (folder / name).exists():
            raise UsageError(
                f"there is {folder / name} already, and nothing is overwritten; name another folder as "
                "RESERVE_DATA, or move this one away"
            )
    parts = _parts_in(file)
    made: list[Path] = []
    try:
        folder.mkdir(mode=0o700, parents=True, exist_ok=True)
        # The state comes last: without it, nothing uses the rest.
        for name in sorted(parts, key=lambda name: name == NAME):
            path = folder / name
            path.parent.mkdir(mode=0o700, exist_ok=True)
            made.append(path)
            write_new(path, parts[name])
    except OSError as failure:
        if made and isinstance(failure, FileExistsError):
            made.pop()  # is somebody else's
        for path in made:
            path.unlink(missing_ok=True)
        raise UsageError(f"{folder}: cannot be written: {failure.strerror}; nothing was restored") from None


def _copy(store: Store) -> bytes:
    """The database as it is at one moment, whoever writes meanwhile."""
    with TemporaryDirectory(dir=store.folder, prefix="backup-") as place:
        path = Path(place, NAME)
        with closing(sqlite3.connect(path)) as copy, store.engine.connect() as connection:
            driver = connection.connection.driver_connection
            assert isinstance(driver, sqlite3.Connection)
            driver.backup(copy)
            copy.execute(f"DELETE FROM {SESSIONS.name}")  # who has signed out since is not signed in again
            copy.commit()
            copy.execute("PRAGMA journal_mode=DELETE")  # one file is all of it
        return path.read_bytes()


def _keys(folder: Path) -> dict[str, bytes]:
    """The key, the one that is to come, and secrets that are not in the database yet."""
    paths = [folder / KEY_FILE, folder / NEXT_KEY_FILE, *(folder / ASIDE).glob("*")]
    return {str(path.relative_to(folder)): path.read_bytes() for path in paths if path.is_file()}


def _parts_in(file: Path) -> Mapping[str, bytes]:
    """What is in the backup *file*, whole; raises `UsageError`."""
    try:
        with ZipFile(file) as archive:
            contents = json.loads(archive.read(CONTENTS))
            form, revision, sums = contents["form"], str(contents["revision"]), dict(contents["sums"])
            if form != FORM or revision > HEAD:
                raise UsageError(f"{file} is a backup of a later First Serve; update this one first")
            parts = {name: archive.read(name) for name in sums}
    except FileNotFoundError:
        raise UsageError(f"there is no file {file}") from None
    except OSError as failure:
        raise UsageError(f"{file} cannot be read: {failure.strerror}") from None
    except (
        BadZipFile,
        EOFError,
        KeyError,
        NotImplementedError,
        RuntimeError,
        TypeError,
        ValueError,
        zlib.error,
    ):
        raise _damaged(file) from None
    is_ours = {NAME} <= parts.keys() and all(map(_is_ours, parts))
    if not is_ours or any(sha256(content).hexdigest() != sums[name] for name, content in parts.items()):
        raise _damaged(file)
    return parts


def _is_ours(name: str) -> bool:
    """Whether a part called *name* may be in a backup; it must not lead out of the folder."""
    place, _, inner = name.rpartition("/")
    return name in (NAME, KEY_FILE, NEXT_KEY_FILE) or (place == ASIDE and inner not in ("", ".", ".."))


def _damaged(file: Path) -> UsageError:
    return UsageError(f"{file} is no backup of First Serve, or it is damaged; nothing was restored")

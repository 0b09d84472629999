"""A PostgreSQL of our own, in a folder that goes away with it."""

from __future__ import annotations

import os
import shutil
import socket
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path


class Missing(Exception):
    """PostgreSQL is not installed here."""


def programs() -> Path:
    """Where initdb and pg_ctl are; Debian keeps them off the path."""
    found = shutil.which("initdb")
    places = [Path(found).resolve().parent] if found else sorted(Path("/usr/lib/postgresql").glob("*/bin"))
    if not places:
        raise Missing("PostgreSQL is not installed: apt-get install postgresql")
    return places[-1]


@contextmanager
def postgres(*settings: str) -> Iterator[str]:
    """Inside, a new database with these *settings* answers at the address that is given."""
    here = programs()
    owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    with tempfile.TemporaryDirectory(prefix="first-serve-postgres-") as folder:
        if owner:
            shutil.chown(folder, owner)

        def call(*words: str) -> None:
            done = subprocess.run(
                [here / words[0], *words[1:]],
                user=owner,
                cwd=folder,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.DEVNULL,
                check=False,
            )
            if done.returncode:
                raise Missing(f"PostgreSQL does not start here: {words[0]} ended with {done.returncode}")

        port = _free_port()
        call("initdb", "-D", f"{folder}/data", "-U", "reserve", "-A", "trust", "--no-sync")
        options = " ".join((f"-k {folder} -p {port} -h 127.0.0.1", *(f"-c {each}" for each in settings)))
        call("pg_ctl", "-w", "-D", f"{folder}/data", "-l", f"{folder}/log", "-o", options, "start")
        try:
            yield f"postgresql+psycopg://reserve@127.0.0.1:{port}/postgres"
        finally:
            call("pg_ctl", "-w", "-D", f"{folder}/data", "-m", "fast", "stop")


def _free_port() -> int:
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])

"""A PostgreSQL of our own, which goes away with the process that wanted it."""

from __future__ import annotations

import os
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.machine import free_port

# A shell, because it sees the end of its input also when we are killed.
SERVER = """
cd "$0"
if initdb -D data -U reserve -A trust --no-sync >log 2>&1 &&
    pg_ctl -w -D data -l log -o "$1" start >pg_ctl.log 2>&1
then
    echo started
    read _
    pg_ctl -D data -m immediate stop >pg_ctl.log
else
    tail -n 1 log
fi
cd /
rm -rf "$0"
"""


class Missing(Exception):
    """PostgreSQL is not installed here, or does not start."""


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
    path = f"{programs()}:{os.environ['PATH']}"
    folder = tempfile.mkdtemp(prefix="first-serve-postgres-")
    owner = "postgres" if os.geteuid() == 0 else None  # it refuses to run as root
    if owner:
        shutil.chown(folder, owner)
    port = free_port()
    options = " ".join([f"-k {folder} -p {port} -h 127.0.0.1", *(f"-c {each}" for each in settings)])
    with subprocess.Popen(
        ["sh", "-c", SERVER, folder, options],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        user=owner,
        env={**os.environ, "PATH": path},
        start_new_session=True,  # so that Ctrl-C leaves it the time to clean up
    ) as shell:
        assert shell.stdout
        if (answer := shell.stdout.readline().strip()) != "started":
            raise Missing(f"PostgreSQL does not start here: {answer}")
        yield f"postgresql+psycopg://reserve@127.0.0.1:{port}/postgres"

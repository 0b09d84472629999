"""A file that an option of a command names."""

from __future__ import annotations

import os
import secrets
from pathlib import Path

from reserve.errors import UsageError


def write_new_file(file: Path, content: bytes, option: str) -> None:
    """Have *content* in a new *file*, for its owner alone, or leave nothing; raises `UsageError` why not."""
    try:
        handle = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
        try:
            with os.fdopen(handle, "wb") as written:
                written.write(content)
        except BaseException:
            file.unlink(missing_ok=True)
            raise
    except (OSError, ValueError) as failure:
        raise _refused(option, file, failure) from None


def write_file(file: Path, text: str, option: str) -> None:
    """Have *text* in *file*, for its owner alone, or what was there before; raises `UsageError` why not."""
    try:
        part = file.with_name(f".{file.name}.{secrets.token_hex(4)}")
        try:
            handle = os.open(part, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
            with os.fdopen(handle, "w", encoding="utf-8", newline="") as written:
                written.write(text)
            part.replace(file)
        finally:
            part.unlink(missing_ok=True)
    except (OSError, ValueError) as failure:
        raise _refused(option, file, failure) from None


def _refused(option: str, file: Path, failure: Exception) -> UsageError:
    why = getattr(failure, "strerror", None) or failure
    return UsageError(f"{option}: {file} cannot be written ({why}); name a file in a folder of yours")

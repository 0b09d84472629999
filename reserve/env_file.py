"""Changing the file of settings: what is answered anew, and not a sign of what else stands there."""

from __future__ import annotations

import os
import re
import tempfile
from collections.abc import Mapping
from contextlib import suppress
from io import StringIO
from pathlib import Path

from reserve.errors import UsageError

# Up to the value, the value, and a comment behind it with the end of the line; as dotenv reads a line.
LINE = re.compile(
    r"(\s*(?:export[^\S\r\n]+)?'?[^=\s#]+?'?[^\S\r\n]*=(?>[^\S\r\n]*))"
    r"(?:'(?:\\.|[^'\\])*'|\"(?:\\.|[^\"\\])*\"|[^\r\n]*?)"
    r"((?:(?:(?<=[^\S\r\n])|[^\S\r\n]+)\#[^\r\n]*)?[^\S\r\n]*(?:\r\n|\n|\r)?)",
    re.DOTALL,
)
BOM = "\ufeff"  # with which some editors begin a file


def changed(text: str, values: Mapping[str, str]) -> str:
    """*text* with these *values*: in the lines that set others, or else in lines of their own at its end.

    Raises `UsageError` rather than return a file that would say anything else.
    """
    from dotenv import dotenv_values
    from dotenv.parser import parse_stream

    def said(written: str) -> dict[str, str | None]:
        return dict(dotenv_values(stream=StringIO(written), interpolate=False))

    before = said(text)
    new = {name: value for name, value in values.items() if before.get(name) != value}
    lines = [BOM] if text.startswith(BOM) else []
    for binding in parse_stream(StringIO(text, newline="")):
        line = binding.original.string
        if binding.key in new:
            parts = LINE.fullmatch(line)
            head, tail = parts.groups() if parts else (f"{binding.key}=", "\n")
            apart = " " if tail.startswith("#") else ""
            line = f"{head}{_quoted(new[binding.key])}{apart}{tail}"
        lines.append(line)
    after = "".join(lines)
    missing = [f"{name}={_quoted(value)}\n" for name, value in new.items() if name not in before]
    after += "\n" if missing and after.strip(BOM) and not after.endswith(("\n", "\r")) else ""
    after += "".join(missing)
    if said(after) != {**before, **new}:
        raise UsageError(f"{', '.join(new)} cannot be written into a file that is not understood")
    return after


def change(path: Path, values: Mapping[str, str]) -> bool:
    """Write *values* into the file *path*, whole or not at all and for nobody else; returns if any was new.

    Raises `UsageError` when that cannot be done.
    """
    path = path.resolve()  # of a link, what it leads to
    try:
        path.parent.mkdir(parents=True, exist_ok=True, mode=0o700)
        text = path.read_bytes().decode() if path.exists() else ""
        after = changed(text, values)
        if after != text:
            _replace(path, after)
    except UsageError as failure:
        raise UsageError(f"{path}: {failure}") from None
    except (OSError, UnicodeDecodeError) as failure:
        why = getattr(failure, "strerror", None) or "it is not written in UTF-8"
        raise UsageError(f"{path} cannot be written: {why}") from None
    return after != text


def _replace(path: Path, text: str) -> None:
    descriptor, name = tempfile.mkstemp(dir=path.parent, prefix=f"{path.name}.")  # mode 0600
    try:
        with os.fdopen(descriptor, "wb") as file:
            file.write(text.encode())
            file.flush()
            os.fsync(descriptor)
        Path(name).replace(path)
    except BaseException:
        with suppress(OSError):
            Path(name).unlink()
        raise


def _quoted(value: str) -> str:
    """*value* as dotenv, and a shell, read it back."""
    if re.fullmatch(r"[\w@%+=:,./~-]*", value, re.ASCII):
        return value
    escaped = value.replace("\\", "\\\\").replace("'", "\\'")
    return f"'{escaped}'"

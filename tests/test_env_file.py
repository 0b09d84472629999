"""The file of settings is changed where an answer is new, and nowhere else."""

from __future__ import annotations

from pathlib import Path

import pytest

from reserve.env_file import change, changed
from reserve.errors import UsageError
from reserve.settings import read_file


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("", "A=new\n"),
        ("# mine\n\nB=1 # one\n", "# mine\n\nB=1 # one\nA=new\n"),
        ("B=1", "B=1\nA=new\n"),
        ("A=old\nB=1\n", "A=new\nB=1\n"),
        ("export A='old' # mine\r\nB=1\r\n", "export A=new # mine\r\nB=1\r\n"),
        ('\n  A = "o\nl#d"   # mine\nB=1', "\n  A = new   # mine\nB=1"),
        ("A= # none yet\n", "A= new # none yet\n"),
        ("A\nB=1\n", "A=new\nB=1\n"),
        ("A=one\nA=two\n", "A=new\nA=new\n"),
        ("A=new # mine\n", "A=new # mine\n"),
        ("A='new'", "A='new'"),
        ("\ufeffA=old\n", "\ufeffA=new\n"),
        ("what is this\nB='half\nA=old\n", "what is this\nB='half\nA=new\n"),
    ],
)
def test_what_is_new_stands_in_its_line_and_all_else_stays_as_it_was(before: str, after: str) -> None:
    assert changed(before, {"A": "new"}) == after


@pytest.mark.parametrize("value", ["", "a b", "'", "\\'", '"#$`\\', " x ", "😀", "${HOME}", "a\\", "=", "#"])
def test_a_value_is_read_back_as_it_is(tmp_path: Path, value: str) -> None:
    file = tmp_path / "new" / ".env"

    assert change(file, {"A": value, "B": "1"})
    assert not change(file, {"A": value})

    assert read_file(file) == {"A": value, "B": "1"}
    assert file.stat().st_mode & 0o777 == 0o600
    assert list(file.parent.iterdir()) == [file]


def test_the_file_to_which_a_link_leads_is_changed_and_the_link_stays(tmp_path: Path) -> None:
    (tmp_path / "real").write_text("A=1\n")
    (tmp_path / ".env").symlink_to("real")

    change(tmp_path / ".env", {"A": "2"})

    assert (tmp_path / ".env").is_symlink()
    assert (tmp_path / "real").read_text() == "A=2\n"


@pytest.mark.parametrize("content", [b"A=\xff\n", None])
def test_a_file_that_cannot_be_changed_is_named_and_stays(tmp_path: Path, content: bytes | None) -> None:
    file = tmp_path / ".env"
    file.mkdir() if content is None else file.write_bytes(content)

    with pytest.raises(UsageError, match=r"\.env cannot be written: "):
        change(file, {"A": "2"})

    assert content is None or file.read_bytes() == content

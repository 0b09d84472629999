"""What is installed is pinned, to the last package and file, and is what we chose."""

from __future__ import annotations

import re
import tomllib
from pathlib import Path

import pytest

HERE = Path(__file__).parents[1]
CHOSEN = {
    "requirements.lock": (HERE / "requirements.txt").read_text().split(),
    "tools.lock": tomllib.loads((HERE / "pyproject.toml").read_text())["dependency-groups"]["dev"],
}


@pytest.mark.parametrize("name", CHOSEN)
def test_the_lock_has_every_package_that_we_chose_in_its_version(name: str) -> None:
    locked = set(re.findall(r"^[\w.-]+==[^\s;]+", (HERE / name).read_text(), re.MULTILINE))

    assert {re.sub(r"\[.*?\]", "", each).lower() for each in CHOSEN[name]} <= locked


@pytest.mark.parametrize("name", CHOSEN)
def test_every_locked_package_has_the_hashes_of_its_files_and_no_address(name: str) -> None:
    text = (HERE / name).read_text()
    packages = re.split(r"^(?=[\w.-]+==)", text, flags=re.MULTILINE)[1:]

    assert packages
    assert all(re.search(r"--hash=sha256:[0-9a-f]{64}$", each.rstrip()) for each in packages)
    assert "://" not in text


def test_both_locks_agree() -> None:
    versions = [
        dict(re.findall(r"^([\w.-]+)==([^\s;]+)", (HERE / name).read_text(), re.MULTILINE)) for name in CHOSEN
    ]

    both = versions[0].keys() & versions[1].keys()
    assert {each: versions[0][each] for each in both} == {each: versions[1][each] for each in both}

"""`make deploy-check` says yes to what is there, and names what is wrong; without what has to be fetched."""

from __future__ import annotations

from pathlib import Path
from shutil import copytree

import pytest

from tests.proofs import deploy


@pytest.mark.parametrize(
    ("file", "old", "new", "why"),
    [
        ("Dockerfile", "COPY main.py", "COPY mian.py", "mian.py"),
        ("Dockerfile", "USER player", "USER root", "root"),
        ("Dockerfile", "&& rm -rf", "&& (rm -rf", "yntax"),
        ("README.md", "`deploy/compose.yaml`", "`deploy/compsoe.yaml`", "compsoe"),
    ],
)
def test_a_file_that_is_wrong_is_named(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, file: str, old: str, new: str, why: str
) -> None:
    assert deploy.CHECKS[file]()
    copytree(deploy.DEPLOY, tmp_path / "deploy")
    (tmp_path / "README.md").touch()
    text = (deploy.DEPLOY / file).read_text()
    assert old in text
    (tmp_path / "deploy" / file).write_text(text.replace(old, new))
    monkeypatch.setattr(deploy, "DEPLOY", tmp_path / "deploy")

    with pytest.raises(ValueError, match=why):
        deploy.CHECKS[file]()


def test_every_file_of_the_folder_has_a_check() -> None:
    assert {path.name for path in deploy.DEPLOY.iterdir()} == set(deploy.CHECKS)

"""What the environment says: typed, or refused by the name of the variable."""

from __future__ import annotations

from pathlib import Path

import pytest

from reserve import itself
from reserve.settings import Settings, UnreadableSettings, loose_files, read_settings


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RESERVE_EMAIL", "player\udcff@example.com"),
        ("FERNET_KEY", "\udcff"),
        ("RESERVE_WEBHOOK_URL", "127.0.0.1:5000"),
        ("RESERVE_WEBHOOK_URL", "http://[::1"),
        ("RESERVE_WEBHOOK_TOKEN", "two\nlines"),
        ("RESERVE_WEBHOOK_TOKEN", "grün"),
        ("RECUS_API_URL", "api.rec.us"),
        ("NTNUI_URL", "ftp://site.example"),
        ("RECUS_HOLD_BY", "telephone"),
    ],
)
def test_what_makes_no_sense_is_refused_by_its_name_and_a_token_is_not_shown(name: str, text: str) -> None:
    with pytest.raises(UnreadableSettings, match=f"^{name}") as refused:
        read_settings({name: text})

    assert name.endswith(("_URL", "_BY")) or text not in str(refused.value)


@pytest.mark.parametrize(
    ("name", "mode", "can"),
    [
        (".env", 0o646, "change"),
        (".env", 0o644, None),
        ("fernet.key", 0o640, "read"),
        ("fernet.key", 0o600, None),
    ],
)
def test_a_file_that_others_could_use_is_named_with_the_way_out(
    tmp_path: Path, name: str, mode: int, can: str
) -> None:
    path = tmp_path / name
    path.touch()
    path.chmod(mode)

    said = loose_files(Settings(data=tmp_path), tmp_path / ".env")

    expected = [f"other users of this machine can {can} {path}; run: chmod 600 {path}"]
    assert said == (expected if can else [])


def test_what_is_empty_or_blank_is_not_set() -> None:
    blank = {"RESERVE_EMAIL": " ", "RESERVE_WEBHOOK_URL": "", "ATRIUM_API_URL": "", "RESERVE_DATA": ""}

    settings = read_settings(blank)

    assert (settings.email, settings.data, settings.webhook_url, dict(settings.of_systems)) == (
        None,
        itself.data(),
        "http://127.0.0.1:5000",
        {},
    )


def test_nothing_secret_is_shown_in_a_traceback() -> None:
    secrets = {
        "RESERVE_PASSWORD": "canary-1",
        "RESERVE_PHONE": "canary-2",
        "FERNET_KEY": "canary-3",
        "RESERVE_WEBHOOK_TOKEN": "canary-4",
        "RESERVE_DATABASE_URL": "postgresql+psycopg://me:canary-5@db/state",
        "ATRIUM_REFRESH_TOKEN": "canary-6",
        "RESERVE_NOTIFY": "https://ntfy.sh/canary-7",
        "RESERVE_PING_URL": "https://hc.example/canary-8",
    }

    assert "canary" not in repr(read_settings(secrets))


def test_what_other_programs_keep_in_the_environment_is_left_alone() -> None:
    assert read_settings({"HOME": "/root", "STRIPE_SECRET_KEY": "theirs", "EDITOR": "\udcff"}) == Settings()


def test_a_broken_variable_leaves_it_known_how_to_tell_the_player(tmp_path: Path) -> None:
    file = tmp_path / ".env"
    file.write_text("RESERVE_NOTIFY=https://ntfy.sh/mine\nRESERVE_WEBHOOK_URL=nonsense\n")

    with pytest.raises(UnreadableSettings) as refused:
        read_settings({"RESERVE_DATA": "/srv"}, file)

    assert refused.value.known == Settings(Path("/srv"), notify="https://ntfy.sh/mine")


def test_of_two_files_the_first_that_says_something_counts_and_the_environment_wins(tmp_path: Path) -> None:
    here, ours = tmp_path / "here.env", tmp_path / "ours.env"
    here.write_text("RESERVE_EMAIL=here@example.com\nRESERVE_PHONE=1\n")
    ours.write_text("RESERVE_EMAIL=ours@example.com\nRESERVE_ACCOUNT=ours\nRESERVE_PHONE=2\n")

    settings = read_settings({"RESERVE_PHONE": "3"}, here, ours, tmp_path / "not there")

    assert (settings.email, settings.account, settings.phone) == ("here@example.com", "ours", "3")

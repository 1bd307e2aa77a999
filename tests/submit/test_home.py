"""The probe's folder is where the environment says, for its owner only."""

from pathlib import Path

import pytest

from callprobe.submit.home import HOME_VARIABLE, HomeError, resolve_home


def test_variable_names_the_folder_and_it_is_private(tmp_path: Path) -> None:
    home = resolve_home({HOME_VARIABLE: str(tmp_path / "deep" / "home")})

    assert home == tmp_path / "deep" / "home"
    assert home.stat().st_mode & 0o077 == 0


def test_file_in_its_place_is_one_sentence(tmp_path: Path) -> None:
    (tmp_path / "file").touch()

    with pytest.raises(HomeError, match="CALLPROBE_HOME"):
        resolve_home({HOME_VARIABLE: str(tmp_path / "file")})


def test_users_data_folder_is_the_default(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("XDG_DATA_HOME", str(tmp_path))

    assert resolve_home({}) == tmp_path / "callprobe"

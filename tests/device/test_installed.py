"""Driver libraries are found by the names that the vendors' profiles know."""

from __future__ import annotations

from pathlib import Path

import pytest

from device import installed
from device.profiles import all_profiles


@pytest.fixture
def folders(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Two system folders that are searched, and one that does not exist."""
    places = [tmp_path / "pkcs11", tmp_path / "x86_64-linux-gnu", tmp_path / "missing"]
    for place in places[:2]:
        place.mkdir()
    monkeypatch.setattr(installed, "driver_folders", lambda: iter(places))
    return places


def known_name(*, virtual: bool = False) -> str:
    """A file name that some profile of real (or virtual) keys knows."""
    patterns = [
        pattern for profile in all_profiles() if profile.virtual == virtual
        for pattern in profile.modules
    ]  # fmt: skip
    return patterns[0].replace("*", "x")


def test_a_known_library_is_found_and_another_is_not(folders: list[Path]) -> None:
    for name in (known_name(), "libopensc-of-nobody.so", "readme.txt"):
        (folders[0] / name).touch()
    assert installed.installed_modules() == [folders[0] / known_name()]


@pytest.mark.wants("posix")
def test_a_library_under_two_names_is_found_once(folders: list[Path]) -> None:
    (folders[0] / known_name()).touch()
    (folders[1] / known_name()).symlink_to(folders[0] / known_name())
    assert installed.installed_modules() == [folders[0] / known_name()]


def test_names_count_whatever_their_case(folders: list[Path]) -> None:
    (folders[1] / known_name().upper()).touch()
    assert installed.installed_modules() == [folders[1] / known_name().upper()]


def test_the_virtual_key_is_not_found_by_chance(folders: list[Path]) -> None:
    (folders[0] / known_name(virtual=True)).touch()
    assert installed.installed_modules() == []


def test_nothing_installed_is_nothing_found(folders: list[Path]) -> None:
    assert installed.installed_modules() == []


def test_the_systems_folders_are_absolute() -> None:
    found = list(installed.driver_folders())
    assert found
    assert all(each.is_absolute() for each in found)

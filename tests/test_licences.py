"""The licences in the About box: those of the locked packages, as their own metadata has it."""

import tomllib
from email.message import Message
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from installer import licences as generator
from ui.pages.settings_page import licences


def test_the_file_holds_the_locked_packages_and_what_they_say() -> None:
    assert generator.WRITTEN.read_text(encoding="utf-8") == generator.written(), (
        "python3 dev.py licences"
    )


def test_every_dependency_of_the_product_is_named_and_no_tool_of_ours() -> None:
    named = tomllib.loads(generator.WRITTEN.read_text(encoding="utf-8"))
    assert generator.asked_for() <= set(named)
    assert {"shiboken6", "httpcore", "pywin32-ctypes"} <= set(named), "what they need in turn"
    assert set(named) & {"pytest", "ruff", "mypy", "fastapi", "pyhanko-cli"} == set()


def test_a_package_that_names_no_licence_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(generator, "metadata", lambda name: Message())
    with pytest.raises(LookupError, match="secretive"):
        generator.licence_of("secretive")


def test_the_about_box_shows_them(qtbot: QtBot) -> None:
    shown = licences()
    for name, said in tomllib.loads(Path(generator.WRITTEN).read_text(encoding="utf-8")).items():
        assert f"{name} {said['version']} — {said['licence']}" in shown
    assert "OpenSSL (libcrypto) — Apache-2.0" in shown
    assert "Permission to use, copy, modify" in shown

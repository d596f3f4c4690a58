"""Light and dark: readable, and every colour named."""

from dataclasses import fields
from importlib import resources

import pytest
from PySide6.QtGui import QColor
from PySide6.QtWidgets import QApplication, QPushButton

from ui import theme


def luminance(name: str) -> float:
    def part(value: float) -> float:
        return value / 12.92 if value <= 0.04045 else ((value + 0.055) / 1.055) ** 2.4

    colour = QColor(name)
    return (
        0.2126 * part(colour.redF())
        + 0.7152 * part(colour.greenF())
        + 0.0722 * part(colour.blueF())
    )


def contrast(one: str, other: str) -> float:
    light, dark = sorted((luminance(one), luminance(other)), reverse=True)
    return (light + 0.05) / (dark + 0.05)


@pytest.mark.parametrize("use", [theme.LIGHT, theme.DARK], ids=["light", "dark"])
def test_every_text_stands_out_from_its_ground(use: theme.Colours) -> None:
    pairs = [
        *((text, ground) for text in (use.text, use.muted) for ground in (use.window, use.surface)),
        *((role, use.surface) for role in (use.good, use.changed, use.unknown, use.bad, use.focus)),
        (use.good, use.good_ground),
        (use.changed, use.changed_ground),
        (use.unknown, use.unknown_ground),
        (use.bad, use.bad_ground),
        (use.muted, use.good_ground),
        (use.muted, use.bad_ground),
        (use.text, use.selected),
        (use.on_accent, use.accent),
    ]
    assert {pair: contrast(*pair) for pair in pairs if contrast(*pair) < 4.5} == {}


def test_the_style_sheet_names_known_colours_only() -> None:
    sheet = theme._stylesheet(theme.LIGHT)
    assert "@" not in sheet.replace("/* Filled in by ui/theme.py: @name", "")


def test_an_icon_follows_the_theme(qapp: QApplication) -> None:
    button = QPushButton()
    theme.apply(qapp, "light")
    theme.set_icon(button, "stamp", "text", 32)
    light = button.icon().pixmap(32, 32).toImage()
    theme.apply(qapp, "dark")
    dark = button.icon().pixmap(32, 32).toImage()
    assert light != dark
    theme.apply(qapp, "light")


def test_every_icon_that_is_drawn_is_there() -> None:
    folder = resources.files("resources") / "icons"
    names = {each.name.removesuffix(".svg") for each in folder.iterdir()}
    assert {"stamp", "shield-check", "usb", "LICENSE.txt"} <= names
    assert len(fields(theme.Colours)) > 15

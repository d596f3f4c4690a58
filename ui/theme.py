"""How the window looks: two palettes, one red accent, one scale of spaces and type.

Colour says what a thing is, never what it means alone: every verdict has an icon and a word too.
Paper stays white in the dark theme. Lengths are device-independent pixels.
"""

from __future__ import annotations

import sys
from dataclasses import fields
from functools import cache
from importlib import resources

from PySide6.QtCore import QByteArray, QDir, QEvent, QRectF, QSize, Qt
from PySide6.QtGui import (
    QAction,
    QColor,
    QFont,
    QGuiApplication,
    QIcon,
    QPainter,
    QPalette,
    QPixmap,
)
from PySide6.QtWidgets import QAbstractButton, QApplication, QLabel, QWidget

from crypto.frozen import frozen
from ui import language

FAMILIES = (
    "Microsoft YaHei UI",
    "PingFang SC",
    "Noto Sans CJK SC",
    "Source Han Sans SC",
    "WenQuanYi Micro Hei",
)
LATIN_FAMILIES = ("Segoe UI",)
"""In front of the others where the language is not Chinese."""
STYLE = "Fusion"
_STYLED = "isStyled"
"""Property of an application that has it."""


@frozen
class Colours:
    """One palette; text on its ground has a contrast of at least 4.5:1 (a test computes it)."""

    window: str
    surface: str
    line: str
    text: str
    muted: str
    hover: str
    selected: str
    canvas: str
    accent: str
    """The seal's red: for 盖章 and nothing else."""
    accent_hover: str
    on_accent: str
    focus: str
    good: str
    good_ground: str
    changed: str
    changed_ground: str
    unknown: str
    unknown_ground: str
    bad: str
    bad_ground: str


LIGHT = Colours(
    window="#f4f5f7", surface="#ffffff", line="#dfe2e7", text="#1d2129", muted="#5b6470",
    hover="#eceef1", selected="#e3e7ed", canvas="#e6e8ec",
    accent="#c2261c", accent_hover="#a51e15", on_accent="#ffffff", focus="#2563c9",
    good="#17703a", good_ground="#e6f4ea", changed="#0b5cbb", changed_ground="#e6f0fb",
    unknown="#855600", unknown_ground="#fdf3dc", bad="#b3261e", bad_ground="#fdeae8",
)  # fmt: skip
DARK = Colours(
    window="#16181c", surface="#1f2227", line="#383d45", text="#e8eaed", muted="#a7aeb8",
    hover="#2a2e34", selected="#343a43", canvas="#101215",
    accent="#d43d31", accent_hover="#e04b3f", on_accent="#ffffff", focus="#76a9f9",
    good="#63c985", good_ground="#17301f", changed="#7ab2f7", changed_ground="#16283d",
    unknown="#e6b655", unknown_ground="#352b14", bad="#f58a80", bad_ground="#3c1d1a",
)  # fmt: skip

_colours = LIGHT


def colours() -> Colours:
    """The palette in use."""
    return _colours


def colour(role: str) -> QColor:
    """The colour of a role, by the field's name."""
    return QColor(getattr(_colours, role))


def is_dark(appearance: str) -> bool:
    """What *appearance* comes to now; "system" follows the desktop."""
    if appearance == "system":
        return QGuiApplication.styleHints().colorScheme() == Qt.ColorScheme.Dark
    return appearance == "dark"


def new_application() -> QApplication:
    """The program's application, with its style from the start. Named here the style is not handed
    to Python, which takes 10 ms to get to know it."""
    made = QApplication([*sys.argv[:1], "-style", STYLE])
    made.setProperty(_STYLED, True)
    return made


def apply(application: QApplication, appearance: str = "system", *, bare: bool = False) -> None:
    """Give the whole application the light or dark look; may be called again at any time.

    *bare*: without its style sheet, until :func:`dress`. Under a style sheet Qt goes through all
    that is in a widget each time it is put into another: to build a page takes four times as
    long."""
    global _colours
    _colours = DARK if is_dark(appearance) else LIGHT
    if not application.property(_STYLED):
        application.setStyle(STYLE)
        application.setProperty(_STYLED, True)
    font = use_font(application)
    application.setPalette(_palette(_colours))
    if not bare:
        dress(application)
    _pixmap.cache_clear()
    _icon.cache_clear()
    for widget in application.allWidgets():
        if widget.font().families() != font.families():  # it was made before there was a look
            own = widget.font()
            own.setFamilies(font.families())
            widget.setFont(own)
        _refresh(widget)
        for action in widget.actions():
            _refresh(action)


def use_font(application: QApplication) -> QFont:
    """Give the application the font for the language in use: a Chinese font makes quotation marks
    and apostrophes as wide as a character, with gaps in an English text."""
    font = QFont()
    latin = language.language() != language.SOURCE
    font.setFamilies([*LATIN_FAMILIES, *FAMILIES] if latin else list(FAMILIES))
    font.setFeature(QFont.Tag("pwid"), int(latin))  # not set, it would stay as it was
    font.setPointSizeF(10)
    application.setFont(font)
    return font


def dress(application: QApplication) -> None:
    """Put the style sheet on."""
    application.setStyleSheet(_stylesheet(_colours))


# --- icons ---------------------------------------------------------------------------------------


def set_icon(
    target: QAbstractButton | QAction | QLabel, name: str, role: str = "text", size: int = 18
) -> None:
    """Show the icon *name* of ``resources/icons`` in the colour of *role*, whatever the theme."""
    target.setProperty("themeIcon", f"{name} {role} {size}")
    _refresh(target)


def _refresh(target: object) -> None:
    if not isinstance(target, QAbstractButton | QAction | QLabel):
        return
    wanted = target.property("themeIcon")
    if not wanted:
        return
    name, role, size = str(wanted).split()
    if isinstance(target, QLabel):
        target.setPixmap(pixmap(name, role, int(size)))
        return
    target.setIcon(icon(name, role, int(size)))
    if isinstance(target, QAbstractButton):
        target.setIconSize(QSize(int(size), int(size)))


def icon(name: str, role: str = "text", size: int = 18) -> QIcon:
    """An icon of *size* pixels in the colour of *role*, greyed while disabled."""
    return _icon(name, getattr(_colours, role), size, _ratio())


def pixmap(name: str, role: str = "text", size: int = 18) -> QPixmap:
    """The icon as pixels, sharp on every screen."""
    return _pixmap(name, getattr(_colours, role), size, _ratio())


def _ratio() -> float:
    application = QGuiApplication.instance()
    return application.devicePixelRatio() if isinstance(application, QGuiApplication) else 1.0


@cache
def _icon(name: str, tint: str, size: int, ratio: float) -> QIcon:
    """Whoever takes it changes nothing in it."""
    plain = _pixmap(name, tint, size, ratio)
    made = QIcon(plain)
    made.addPixmap(plain, QIcon.Mode.Selected)
    made.addPixmap(_faded(plain), QIcon.Mode.Disabled)
    return made


@cache
def _pixmap(name: str, tint: str, size: int, ratio: float) -> QPixmap:
    from PySide6.QtSvg import QSvgRenderer

    source = (resources.files("resources") / "icons" / f"{name}.svg").read_text(encoding="utf-8")
    renderer = QSvgRenderer(QByteArray(source.replace("currentColor", tint).encode()))
    made = QPixmap(round(size * ratio), round(size * ratio))
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    renderer.render(painter, QRectF(0, 0, made.width(), made.height()))
    painter.end()
    made.setDevicePixelRatio(ratio)
    return made


def _faded(original: QPixmap) -> QPixmap:
    made = QPixmap(original.size())
    made.setDevicePixelRatio(original.devicePixelRatio())
    made.fill(Qt.GlobalColor.transparent)
    painter = QPainter(made)
    painter.setOpacity(0.4)
    painter.drawPixmap(0, 0, original)
    painter.end()
    return made


# --- what Qt is told -----------------------------------------------------------------------------


def set_role(widget: QWidget, role: str) -> None:
    """Give *widget* a look of the style sheet below ("primary", "quiet", "card", "title", …)."""
    before = widget.property("role")
    if (before or "") == role:
        return
    widget.setProperty("role", role)
    if widget.testAttribute(Qt.WidgetAttribute.WA_WState_Polished):  # else it is when it is shown
        widget.style().unpolish(widget)
        widget.style().polish(widget)
    if before is not None:  # it may remember the size that it wanted in the other look
        QApplication.sendEvent(widget, QEvent(QEvent.Type.StyleChange))


def _palette(use: Colours) -> QPalette:
    made = QPalette()
    role = QPalette.ColorRole
    table = {
        role.Window: use.window,
        role.WindowText: use.text,
        role.Base: use.surface,
        role.AlternateBase: use.window,
        role.Text: use.text,
        role.Button: use.surface,
        role.ButtonText: use.text,
        role.BrightText: use.on_accent,
        role.ToolTipBase: use.surface,
        role.ToolTipText: use.text,
        role.PlaceholderText: use.muted,
        role.Highlight: use.focus,
        role.HighlightedText: use.surface,
        role.Link: use.focus,
        role.Mid: use.line,
        role.Dark: use.line,
    }
    for colour_role, value in table.items():
        made.setColor(colour_role, QColor(value))
    for colour_role in (role.WindowText, role.Text, role.ButtonText):
        faded = QColor(use.muted)
        faded.setAlphaF(0.6)
        made.setColor(QPalette.ColorGroup.Disabled, colour_role, faded)
    return made


def _stylesheet(use: Colours) -> str:
    source = (resources.files("resources") / "theme.qss").read_text(encoding="utf-8")
    # the only pictures of the style sheet: it cannot tint them, so there is one for each look
    QDir.setSearchPaths("icons", [str(resources.files("resources") / "icons")])
    source = source.replace("@look", "dark" if use is DARK else "light")
    for name in sorted((f.name for f in fields(Colours)), key=len, reverse=True):
        source = source.replace(f"@{name}", getattr(use, name))
    return source

"""Light and dark: readable, and every colour named."""

from dataclasses import fields
from importlib import resources

import pytest
from PySide6.QtGui import QColor, QFont, QFontInfo, QFontMetrics, QImage
from PySide6.QtWidgets import (
    QApplication,
    QCheckBox,
    QFrame,
    QLabel,
    QListWidget,
    QMenu,
    QPushButton,
    QRadioButton,
    QToolButton,
    QVBoxLayout,
    QWidget,
)

from ui import language, theme
from ui.shell.navigation import PAGES
from ui.shell.window import MainWindow


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


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_choice_that_is_not_taken_is_seen_as_well_as_the_one_that_is(
    qapp: QApplication, look: str
) -> None:
    theme.apply(qapp, look)
    try:
        shown = {}
        for chosen in (True, False):
            button = QRadioButton()
            button.setChecked(chosen)
            button.ensurePolished()
            shown[chosen] = button.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
        ground = theme.colours().window
        row = shown[False].height() // 2
        for image in shown.values():
            most = max(
                contrast(image.pixelColor(x, row).name(), ground) for x in range(image.width())
            )
            assert most > 3, "the circle is to be seen (WCAG 1.4.11)"
        assert shown[True] != shown[False]
    finally:
        theme.apply(qapp, "light")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_a_box_that_cannot_be_ticked_is_seen_and_told_from_one_that_can(
    qapp: QApplication, look: str
) -> None:
    theme.apply(qapp, look)
    try:
        for kind in (QCheckBox, QRadioButton):
            shown = {}
            for enabled in (True, False):
                box = kind("离线使用")
                box.setEnabled(enabled)
                box.ensurePolished()
                shown[enabled] = box.grab().toImage().convertToFormat(QImage.Format.Format_RGB32)
                colour = box.palette().color(box.foregroundRole())
                assert colour == theme.colour("text" if enabled else "muted")
            ground = theme.colours().window
            image = shown[False]
            mark = [image.pixelColor(x, image.height() // 2).name() for x in range(16)]
            assert max(contrast(each, ground) for each in mark) > 3
            assert shown[True] != image
    finally:
        theme.apply(qapp, "light")


@pytest.mark.parametrize("look", ["light", "dark"])
def test_the_lines_of_a_menu_are_seen(qapp: QApplication, look: str) -> None:
    theme.apply(qapp, look)
    try:
        menu = QMenu()
        menu.addAction("查找…")
        line = menu.addSeparator()
        menu.addAction("打印…")
        image = menu.grab().toImage()
        area = menu.actionGeometry(line)
        column = [image.pixelColor(area.center().x(), y) for y in range(area.top(), area.bottom())]
        assert theme.colour("line") in column
    finally:
        theme.apply(qapp, "light")


def test_the_frame_of_a_list_with_the_focus_is_beside_its_rows(qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    for role in ("results", "files", "boxed", ""):
        shown = QListWidget()
        theme.set_role(shown, role)
        shown.resize(200, 100)
        shown.ensurePolished()
        rows = shown.viewport().geometry()
        assert rows.left() >= 1, role
        assert rows.top() >= 1, role


@pytest.mark.wants("posix")  # on a Windows without a screen Qt draws with the first font it finds
def test_quotation_marks_in_english_are_no_wider_than_letters(qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    chinese = QFontMetrics(qapp.font()).horizontalAdvance("“")
    language.use("en")
    try:
        theme.use_font(qapp)
        metrics = QFontMetrics(qapp.font())
        assert metrics.horizontalAdvance("“") < metrics.horizontalAdvance("M")
        assert metrics.horizontalAdvance("’") < metrics.horizontalAdvance("M")
    finally:
        language.use("zh_CN")
        theme.apply(qapp, "light")
    assert QFontMetrics(qapp.font()).horizontalAdvance("“") == chinese


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


def card() -> QWidget:
    made, inner = QWidget(), QFrame()
    theme.set_role(inner, "card")
    title, button = QLabel("合同专用章"), QPushButton("盖章")
    theme.set_role(title, "title")
    theme.set_role(button, "primary")
    theme.set_icon(button, "stamp", "on_accent")
    column, around = QVBoxLayout(inner), QVBoxLayout(made)
    column.addWidget(title)
    column.addWidget(button)
    around.addWidget(inner)
    return made


def test_what_is_built_before_the_style_sheet_looks_as_if_built_under_it(
    qapp: QApplication,
) -> None:
    pictures: list[QImage] = []
    try:
        for bare in (False, True):
            qapp.setStyleSheet("")
            theme.apply(qapp, "dark", bare=bare)
            assert bool(qapp.styleSheet()) is not bare
            built = card()
            if bare:
                theme.dress(qapp)
            built.resize(240, 160)
            pictures.append(built.grab().toImage())
        assert pictures[0] == pictures[1]
    finally:
        theme.apply(qapp, "light")


def test_every_widget_has_the_same_fonts_before_and_after_the_theme_is_changed(
    window: MainWindow, qapp: QApplication
) -> None:
    for entry in PAGES:
        window.go(entry.name)
    for look in ("light", "dark", "light"):
        theme.apply(qapp, look)
        QApplication.processEvents()
        used = {tuple(widget.font().families()) for widget in qapp.allWidgets()}
        assert used == {theme.FAMILIES}
        drawn = {QFontInfo(widget.font()).family() for widget in qapp.allWidgets()}
        assert len(drawn) == 1


def test_a_widget_made_before_there_was_a_look_gets_its_fonts(qapp: QApplication) -> None:
    label = QLabel("early")
    font = QFont("Sans Serif")
    label.setFont(font)
    theme.apply(qapp, "light")
    assert tuple(label.font().families()) == theme.FAMILIES


def test_a_button_that_gets_another_look_wants_another_size(qapp: QApplication) -> None:
    theme.apply(qapp, "light")
    button = QToolButton()
    theme.set_icon(button, "stamp", "text", 18)
    wide = button.sizeHint().width()
    theme.set_role(button, "narrow")
    narrow = button.sizeHint().width()
    assert narrow < wide
    theme.set_role(button, "")
    assert button.sizeHint().width() == wide

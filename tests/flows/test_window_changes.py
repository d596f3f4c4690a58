"""看看改了什么 in the window: the pages as they were sealed, as they are now, and both."""

import os
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from PySide6.QtCore import Qt
from PySide6.QtGui import QColor, QImage
from PySide6.QtWidgets import QPushButton
from pytestqt.qtbot import QtBot

from crypto.bounded import Message
from crypto.pdf.looking import pictures
from crypto.verdict import Verdict
from tests.ui.checking import checked, press, words
from tests.ui.conftest import *  # noqa: F403 - the window's fixtures
from tests.world.desk import StandIn, stamped
from tests.world.documents import add_widget, append_revision, classic_pdf, form_stream, update
from ui.shell.window import MainWindow
from ui.verify.compare import BOTH, NOW, THEN, CompareBar
from ui.verify.verify_page import VerifyPage

# The offscreen platform cannot raise windows or hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")

CONTRACT = "32130200010002"
BOX = (60, 600, 360, 640)


def shown(writer: Any, text: bytes) -> generic.IndirectObject:
    """A look of the field with this text."""
    font = generic.DictionaryObject(
        {
            name("/Type"): name("/Font"),
            name("/Subtype"): name("/Type1"),
            name("/BaseFont"): name("/Helvetica"),
        }
    )
    fonts = generic.DictionaryObject({name("/F"): font})
    content = b"BT 0 g /F 18 Tf 4 12 Td (%s) Tj ET" % text
    resources = generic.DictionaryObject({name("/Font"): fonts})
    return form_stream(writer, content, (0, 0, 300, 40), resources)


def form(folder: Path, value: str) -> Path:
    """A document of two pages with a field on the first, named for people."""

    def add(writer: Any) -> None:
        add_widget(
            writer,
            "form.amount",
            rect=BOX,
            kind="/Tx",
            value=generic.pdf_string(value),
            appearance=shown(writer, value.encode()),
            TU=generic.pdf_string("合同金额"),
            DA=generic.pdf_string("/Helv 18 Tf 0 g"),
        )

    path = folder / "form.pdf"
    path.write_bytes(update(classic_pdf(pages=2), add))
    return path


def refilled(path: Path, value: str) -> Path:
    """The same with another value in its field, in a later revision."""

    def fill(writer: Any) -> None:
        fields = writer.root["/AcroForm"]["/Fields"]
        field = next(each.get_object() for each in fields if each.get_object()["/FT"] == "/Tx")
        field[name("/V")] = generic.pdf_string(value)
        field[name("/AP")] = generic.DictionaryObject({name("/N"): shown(writer, value.encode())})
        writer.update_container(field)

    later = path.with_name("refilled.pdf")
    later.write_bytes(update(path.read_bytes(), fill))
    return later


def priced(amount: bytes) -> bytes:
    """A page's content."""
    content = b"BT /F 24 Tf 72 700 Td (Price %s) Tj ET" % amount
    return b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)


def turned_on(qtbot: QtBot, page: VerifyPage) -> CompareBar:
    bar = page.compare
    bar.toggle.click()
    qtbot.waitUntil(lambda: bar._pages is not None, timeout=30_000)
    return bar


def cover(page: VerifyPage, number: int = 0) -> QImage:
    item = page.pane.view.item(f"cover/{number}")
    assert item is not None
    assert item.picture is not None
    return item.picture


def has(picture: QImage, area: tuple[float, float, float, float], colour: str) -> bool:
    """Is there ink of that colour in the area (millimetres)?"""
    scale = picture.width() / 210
    left, top, width, height = (round(each * scale) for each in area)
    for x in range(left, left + width):
        for y in range(top, top + height):
            seen: QColor = picture.pixelColor(x, y)
            red, green, blue = seen.red(), seen.green(), seen.blue()
            if colour == "black" and max(red, green, blue) < 60:
                return True
            if colour == "red" and red - max(green, blue) > 100:
                return True
            if colour == "green" and green - max(red, blue) > 60:
                return True
    return False


FIELD_MM = (22.0, 72.0, 100.0, 12.0)


def test_a_value_that_was_replaced_is_listed_and_shown_then_now_and_both(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path
) -> None:
    page = checked(
        qtbot, window, refilled(stamped(context, form(tmp_path, "100 CNY"), top=200), "9,900,000")
    )
    assert page.report is not None
    assert page.report.verdict is Verdict.INVALID
    assert "合同金额：100 CNY → 9,900,000" in words(page)
    assert "form.amount" not in words(page)
    bar = turned_on(qtbot, page)
    assert bar.mode == BOTH
    boxes = [item for item in page.pane.view.items if item.look == "outline"]
    assert boxes
    assert {(item.tint, item.page) for item in boxes} == {("bad", 0)}
    assert all(72 < item.top_mm < 84 for item in boxes), "in the field"
    assert has(cover(page), FIELD_MM, "red")
    assert has(cover(page), FIELD_MM, "green")
    bar.modes[THEN].click()
    then = cover(page)
    bar.modes[NOW].click()
    now = cover(page)
    assert then.size() == now.size()
    assert then != now
    for picture in (then, now):
        assert has(picture, FIELD_MM, "black")
        assert not has(picture, FIELD_MM, "green")
    bar.toggle.click()
    assert page.pane.view.item("cover/0") is None
    assert {item.key for item in page.pane.view.items} == {"0/0"}, "the seal again"


def test_pages_are_reached_from_the_list_and_from_change_to_change(
    qtbot: QtBot, window: MainWindow, context: StandIn, tmp_path: Path
) -> None:
    plain = tmp_path / "plain.pdf"
    last = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 8 0 R"
    last += b"/Resources<</Font<</F 3 0 R>>>>>>"
    plain.write_bytes(append_revision(classic_pdf(pages=3), {7: last, 8: priced(b"200")}))
    path = stamped(context, plain, top=200)
    changed = tmp_path / "changed.pdf"
    later = {4: priced(b"9000"), 8: priced(b"7000")}
    changed.write_bytes(append_revision(path.read_bytes(), later))
    page = checked(qtbot, window, changed)
    view = page.pane.view
    links = [each for each in page.panel.findChildren(QPushButton) if each.text() == "第 3 页"]
    links[0].setFocus(Qt.FocusReason.TabFocusReason)
    qtbot.keyClick(links[0], Qt.Key.Key_Space)
    bar = page.compare
    assert bar.toggle.isChecked()
    assert view.page == 2
    qtbot.waitUntil(lambda: bar.active, timeout=30_000)
    assert view.page == 2, "where the person went"
    assert view.item("cover/2") is not None
    assert view.item("cover/0") is None, "far from what is in view"
    seen = []
    for _ in range(sum(len(each.boxes) for each in bar._pages or ())):
        bar._on.click()
        seen.append(view.page)
    assert set(seen) == {0, 1, 2}, "and round again"
    view.go_to(0)
    assert view.item("cover/0") is not None


def test_a_seal_that_was_added_is_shown_in_green_and_versions_turn_it_off(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    page = checked(qtbot, window, stamped(context, stamped(context, demo_pdf), CONTRACT, 170))
    bar = turned_on(qtbot, page)
    assert {item.tint for item in page.pane.view.items if item.look == "outline"} == {"good"}
    press(page, "查看签章时的版本")
    assert not bar.toggle.isChecked()
    qtbot.waitUntil(lambda: len(page.pane.view.items) == 1, timeout=20_000)
    bar.toggle.click()
    qtbot.waitUntil(lambda: page.pane.view.item("cover/0") is not None, timeout=20_000)
    assert page._back.isHidden()


def test_where_nothing_came_later_there_is_nothing_to_see(
    qtbot: QtBot, window: MainWindow, context: StandIn, demo_pdf: Path
) -> None:
    page = checked(qtbot, window, stamped(context, stamped(context, demo_pdf), CONTRACT, 170))
    assert page.compare.isVisible()
    page = checked(qtbot, window, stamped(context, demo_pdf))
    assert not page.compare.isVisible()
    assert "盖章之后" not in words(page)


def abort(*task: Any) -> Message:
    os.abort()


def test_pictures_that_cannot_be_drawn_cost_nothing_else(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(pictures, "_drawn", abort)
    page = checked(qtbot, window, stamped(context, stamped(context, demo_pdf), CONTRACT, 170))
    bar = turned_on(qtbot, page)
    assert not bar.active
    assert "画不出来" in words(page)
    assert {item.key for item in page.pane.view.items} == {"0/0", "1/0"}


def test_a_picture_that_is_none_is_not_shown(
    qtbot: QtBot,
    window: MainWindow,
    context: StandIn,
    demo_pdf: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    page = checked(qtbot, window, stamped(context, stamped(context, demo_pdf), CONTRACT, 170))
    real = context.changes

    def lying(*arguments: Any) -> Any:
        return tuple(replace(each, both=b"GIF89a") for each in real(*arguments))

    monkeypatch.setattr(context, "changes", lying)
    turned_on(qtbot, page)
    assert page.pane.view.item("cover/0") is None
    page.compare.modes[THEN].click()
    assert page.pane.view.item("cover/0") is not None

"""Text on the canvas: what the mouse goes over is copied; nothing of a process is trusted."""

from array import array
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QEvent, QPoint, QPointF, QRectF, Qt
from PySide6.QtGui import QColor, QImage, QMouseEvent, QTransform
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from crypto.bounded import Message
from crypto.lengths import MM
from tests.world.documents import crashing_pdf
from ui.canvas import page_text
from ui.canvas.page_text import PageText
from ui.canvas.page_view import PageView
from ui.canvas.renderer import Renderer, TextRequest
from ui.canvas.text_layer import KEPT, MOST_PAGES

# The offscreen platform cannot hint at sizes, and says so.
pytestmark = pytest.mark.qt_log_ignore("This plugin does not support")
LINES = ("Party A: Yunfan Trading", "Amount: 100,000 CNY", "Date: 2026-11-29")


def contract(folder: Path, *, rotation: int = 0) -> Path:
    path = folder / f"contract-{rotation}.pdf"
    with pymupdf.open() as document:
        page = document.new_page(width=595, height=842)
        for number, line in enumerate(LINES):
            page.insert_text((72, 100 + 40 * number), line, fontsize=14)
        page.set_rotation(rotation)
        document.new_page(width=595, height=842)
        document.save(path)
    return path


def opened(qtbot: QtBot, renderer: Renderer, path: Path) -> PageView:
    view = PageView(renderer)
    qtbot.addWidget(view)
    view.resize(900, 1000)
    view.show()
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as told:
        renderer.open(path)
    view.show_document(*told.args)
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    return view


def letters(qtbot: QtBot, renderer: Renderer, view: PageView, page: int = 0) -> PageText:
    assert view.document is not None
    with qtbot.waitSignal(renderer.read, timeout=10_000) as told:
        renderer.want("a test", [TextRequest(view.document, page)])
    text: PageText = told.args[1]
    return text


def middle(view: PageView, text: PageText, number: int) -> QPoint:
    """Of a letter, in pixels of the viewport."""
    left, top, right, bottom = (value / MM for value in text.boxes[number])
    box = view._pages.placed(0, QRectF(left, top, right - left, bottom - top))
    return box.translated(-view._scroll).center().toPoint()


def drag(qtbot: QtBot, view: PageView, start: QPoint, end: QPoint) -> None:
    left = Qt.MouseButton.LeftButton
    qtbot.mousePress(view.viewport(), left, pos=start)
    qtbot.waitUntil(lambda: 0 in view.text._texts, timeout=10_000)
    qtbot.mouseMove(view.viewport(), (start + end) / 2)
    qtbot.mouseMove(view.viewport(), end)
    qtbot.mouseRelease(view.viewport(), left, pos=end)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("turn", [0, 1])
def test_what_the_mouse_goes_over_is_selected(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path, rotation: int, turn: int
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path, rotation=rotation))
    view.fit("page")
    view.rotate(turn)
    text = letters(qtbot, renderer, view)
    whole = text.letters
    first, last = whole.index("Amount"), whole.index("CNY") + 2
    clicks: list[object] = []
    view.page_clicked.connect(lambda *place: clicks.append(place))
    view.text.press(0, *(v / MM for v in centre(text, first)))
    qtbot.waitUntil(lambda: 0 in view.text._texts, timeout=10_000)
    where = view.viewport().rect()
    start, end = middle(view, text, first), middle(view, text, last)
    assert where.contains(start)
    assert where.contains(end)
    view.text.drag(0, *(v / MM for v in centre(text, last)))
    assert view.text.release()
    assert view.text.selected == "Amount: 100,000 CNY"
    assert clicks == []


def centre(text: PageText, number: int) -> tuple[float, float]:
    left, top, right, bottom = text.boxes[number]
    return (left + right) / 2, (top + bottom) / 2


def test_a_drag_selects_and_a_click_still_clicks(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    text = letters(qtbot, renderer, view)
    whole = text.letters
    first, last = whole.index("Party"), whole.index("Trading") + 6
    clicks: list[object] = []
    view.page_clicked.connect(lambda *place: clicks.append(place))
    drag(qtbot, view, middle(view, text, first), middle(view, text, last))
    assert view.text.selected == "Party A: Yunfan Trading"
    assert clicks == []
    qtbot.mouseClick(view.viewport(), Qt.MouseButton.LeftButton, pos=middle(view, text, first))
    assert len(clicks) == 1
    assert view.text.selected == ""


def pages(folder: Path, count: int) -> Path:
    path = folder / "pages.pdf"
    with pymupdf.open() as document:
        for number in range(count):
            page = document.new_page(width=595, height=842)
            if number != 2:
                page.insert_text((72, 100), f"Begin {number}", fontsize=14)
                page.insert_text((72, 700), f"End {number}", fontsize=14)
        document.save(path)
    return path


@pytest.mark.parametrize("upwards", [False, True])
@pytest.mark.parametrize("early", [False, True], ids=["all read", "let go before it was read"])
def test_a_selection_runs_over_pages(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path, upwards: bool, early: bool
) -> None:
    view = opened(qtbot, renderer, pages(tmp_path, 5))
    layer = view.text
    ends = [(0, 1.0, 240.0), (4, 150.0, 40.0)]  # nearest: "End 0" from its beginning, "Begin 4"
    start, end = reversed(ends) if upwards else ends
    layer.press(*start)
    if not early:
        qtbot.waitUntil(lambda: start[0] in layer._texts, timeout=10_000)
    layer.drag(*end)
    if not early:
        qtbot.waitUntil(lambda: layer.complete and layer.selected != "", timeout=10_000)
    assert layer.release(), "no click"
    qtbot.waitUntil(lambda: layer.complete and layer.selected != "", timeout=10_000)
    told = layer.selected.split("\n")
    assert told == ["End 0", "Begin 1", "End 1", "Begin 3", "End 3", "Begin 4"]
    layer.press(0, 1.0, 1.0)
    assert layer.selected == ""


def test_a_selection_is_seen_on_each_of_its_pages_and_follows_the_mouse_out_of_the_view(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, pages(tmp_path, 2))
    text = letters(qtbot, renderer, view)
    view.go_to(0)
    before = view.verticalScrollBar().value()
    start, left = middle(view, text, 0), Qt.MouseButton.LeftButton
    qtbot.mousePress(view.viewport(), left, pos=start)
    qtbot.mouseMove(view.viewport(), start + QPoint(0, 60))
    below = QPoint(start.x() + 200, view.viewport().height() + 120)
    event = QMouseEvent(
        QEvent.Type.MouseMove, QPointF(below), QPointF(below), left, left, Qt.KeyboardModifier(0)
    )
    QApplication.sendEvent(view.viewport(), event)
    qtbot.waitUntil(lambda: "Begin 1" in view.text.selected, timeout=10_000)
    assert view.verticalScrollBar().value() > before
    qtbot.mouseRelease(view.viewport(), left, pos=below)
    assert not view._selecting.isActive()
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    view.go_to(1)
    page_two = letters(qtbot, renderer, view, 1)
    box = QRectF(*(value / MM for value in page_two.boxes[0][:2]), 1, 1)
    spot = view._pages.placed(1, box).translated(-view._scroll).center().toPoint()
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    assert view.viewport().grab().toImage().pixelColor(spot) != QColor("white")


def test_a_selection_has_an_end(qtbot: QtBot, renderer: Renderer, tmp_path: Path) -> None:
    view = opened(qtbot, renderer, pages(tmp_path, MOST_PAGES + 5))
    view.text.press(0, 1.0, 1.0)
    view.text.drag(MOST_PAGES - 1, 150.0, 40.0)
    qtbot.waitUntil(lambda: view.text.complete and view.text.selected != "", timeout=20_000)
    view.text.drag(MOST_PAGES + 2, 150.0, 40.0)
    view.text.release()
    assert view.text.selected.endswith(f"Begin {MOST_PAGES - 1}")
    view.text.press(0, 1.0, 1.0)
    view.text.release()
    assert view.document is not None
    letters(qtbot, renderer, view, MOST_PAGES + 4)
    assert len(view.text._texts) <= KEPT, "the memory is given back"


def test_a_page_that_crashes_who_reads_its_structure_is_read_past_it(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    path = tmp_path / "crash.pdf"
    path.write_bytes(crashing_pdf())
    view = opened(qtbot, renderer, path)
    process = renderer.process_id
    assert "Price 1000" in letters(qtbot, renderer, view, 1).letters
    assert renderer.process_id == process


def test_a_page_without_text_is_clicked_as_before(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.go_to(1)
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    clicks: list[object] = []
    view.page_clicked.connect(lambda *place: clicks.append(place))
    left, spot = Qt.MouseButton.LeftButton, QPoint(400, 300)
    qtbot.mousePress(view.viewport(), left, pos=spot)
    qtbot.waitUntil(lambda: 1 in view.text._texts, timeout=10_000)
    qtbot.mouseMove(view.viewport(), spot + QPoint(60, 0))
    qtbot.mouseRelease(view.viewport(), left, pos=spot + QPoint(60, 0))
    assert len(clicks) == 1


def test_a_whole_page_is_selected_as_soon_as_it_was_read(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.text.select_page(0)
    qtbot.waitUntil(lambda: view.text.selected != "", timeout=10_000)
    assert view.text.selected.split("\n") == list(LINES)


def test_what_is_selected_and_found_is_seen_where_it_is(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    for turn in range(4):
        box = QRectF(100, 200, 40, 10)
        view.text.show_hits([(0, box)], 0)
        view.fit("page")
        qtbot.waitUntil(lambda: view.complete, timeout=10_000)
        spot = view._pages.placed(0, box).translated(-view._scroll).center().toPoint()
        picture = view.viewport().grab().toImage()
        assert picture.pixelColor(spot) != QColor("white"), turn
        view.text.show_hits((), -1)
        picture = view.viewport().grab().toImage()
        assert picture.pixelColor(spot) == QColor("white"), turn
        view.rotate(1)


def test_a_turned_page_shows_the_same_picture_turned(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.set_zoom(0.5)
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)

    def page() -> QImage:
        area = view._paper(0).toAlignedRect()
        return view.viewport().grab(area).toImage()

    upright = page()
    view.rotate(1)
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    turned = page()
    expected = upright.transformed(QTransform().rotate(90))
    assert abs(expected.width() - turned.width()) <= 1
    dark = [
        (x, y)
        for x in range(2, min(expected.width(), turned.width()) - 2)
        for y in range(2, min(expected.height(), turned.height()) - 2)
        if expected.pixelColor(x, y).lightness() < 90
    ]
    assert len(dark) > 50
    near = [
        any(
            turned.pixelColor(x + right, y + down).lightness() < 160
            for right in (-1, 0, 1)
            for down in (-1, 0, 1)
        )
        for x, y in dark
    ]
    assert all(near)


def test_turning_is_undone_by_another_document_and_kept_by_another_state(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.rotate(-1)
    assert view.turn == 3
    place = view.place
    assert place is not None
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as told:
        renderer.open(contract(tmp_path, rotation=90))
    view.show_document(*told.args)
    assert view.turn == 0
    view.return_to(place)
    assert view.turn == 3


@pytest.mark.parametrize("width", [781, 900])
def test_returning_to_a_place_moves_nothing_by_a_pixel(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path, width: int
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.resize(width, 667)
    for zoom in (1.0, 1.25, 1.6, 2.5):
        view.set_zoom(zoom)
        for across, down in ((0, 100), (63, 251), (101, 500)):
            bars = view.horizontalScrollBar(), view.verticalScrollBar()
            bars[0].setValue(across)
            bars[1].setValue(down)
            before = [bar.value() for bar in bars]
            place = view.place
            assert place is not None
            bars[0].setValue(0)
            bars[1].setValue(0)
            view.return_to(place)
            assert [bar.value() for bar in bars] == before, zoom


def message(letters: object, *parts: bytes) -> Message:
    return Message({"letters": letters}, parts)


@pytest.mark.parametrize(
    "answer",
    [
        Message({}, ()),
        message("ab"),
        message("ab", b"\0" * 31),
        message("ab", b"\0" * 33),
        message(["a", "b"], b"\0" * 32),
        message("a", array("f", [0, 0, float("nan"), 1]).tobytes()),
        message("a", array("f", [0, 0, float("inf"), 1]).tobytes()),
        message("a" * 200_000, b"\0" * 3_200_000),
        message("a", b"\0" * 16, b"\0" * 16),
    ],
)
def test_a_malformed_answer_is_no_text(answer: Message) -> None:
    assert page_text.parse(answer) is None


@given(letters=st.text(max_size=30), numbers=st.lists(st.floats(width=32), max_size=120))
def test_whatever_comes_is_text_or_nothing(letters: str, numbers: list[float]) -> None:
    found = page_text.parse(message(letters, array("f", numbers).tobytes()))
    if found is not None:
        assert len(found.letters) == len(found.boxes)
        assert all(each == "\n" or each.isprintable() for each in found.letters)
        found.nearest(0, 0)
        if found.letters:
            found.lines(0, len(found.letters) - 1)


def test_lines_are_marked_each_for_itself() -> None:
    text = PageText(
        "ab\ncd", ((0, 0, 1, 1), (1, 0, 2, 1), (0, 0, 0, 0), (0, 2, 1, 3), (1, 2, 2, 3))
    )
    assert text.lines(0, 4) == [(0, 0, 2, 1), (0, 2, 2, 3)]
    assert text.lines(1, 3) == [(1, 0, 2, 1), (0, 2, 1, 3)]
    assert text.nearest(0.5, 2.4) == 3
    assert PageText("\n", ((0, 0, 0, 0),)).nearest(0, 0) is None


def test_a_selection_of_one_document_is_not_one_of_the_next(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path, make_pdf: Callable[..., Path]
) -> None:
    view = opened(qtbot, renderer, contract(tmp_path))
    view.text.select_page(0)
    qtbot.waitUntil(lambda: view.text.selected != "", timeout=10_000)
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as told:
        renderer.open(make_pdf())
    view.show_document(*told.args)
    assert view.text.selected == ""
    assert view.page_size(0) == pytest.approx((210, 297), abs=0.5)
    assert QPointF(view._scroll) == QPointF(0, 0)

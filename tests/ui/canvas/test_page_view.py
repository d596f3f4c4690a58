"""The canvas: pages on demand, bounded memory, things on the page in millimetres."""

import os
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from PySide6.QtGui import QColor, QImage, QPixmap
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from tests.world.documents import crashing_pdf
from ui import theme
from ui.canvas.bitmap_cache import BitmapCache
from ui.canvas.page_items import Handle, Item
from ui.canvas.page_view import PageView
from ui.canvas.renderer import BitmapRequest, Renderer


def shown(qtbot: QtBot, renderer: Renderer, path: Path, **options: object) -> PageView:
    view = PageView(renderer)
    qtbot.addWidget(view)
    view.resize(800, 600)
    view.show()
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as opened:
        renderer.open(path, **options)  # type: ignore[arg-type]
    view.show_document(*opened.args)
    qtbot.waitUntil(lambda: view.complete, timeout=10_000)
    return view


def red_square(pixels: int = 100) -> QImage:
    picture = QImage(pixels, pixels, QImage.Format.Format_ARGB32_Premultiplied)
    picture.fill(QColor(255, 0, 0))
    return picture


def test_the_first_of_500_pages_is_drawn_and_the_others_are_not(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=500, text=""))
    qtbot.waitUntil(lambda: not renderer._flying and not any(renderer._wanted.values()))
    assert view.page_count == 500
    assert 1 <= len(view.cache) <= 3


def test_scrolling_to_the_end_draws_what_is_seen_there(
    qapp: QApplication, qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=300, text=""))
    bar = view.verticalScrollBar()
    drawn: list[object] = []
    renderer.drawn.connect(lambda request, _: drawn.append(request))
    for step in range(60):
        bar.setValue(bar.maximum() * step // 60)
        qapp.processEvents()
    view.go_to(299)
    qtbot.waitUntil(lambda: view.complete, timeout=20_000)
    assert view.page == 299
    assert len(drawn) < 150
    assert len(view.cache) < 150  # what was scrolled past in a hurry was never drawn


def test_the_cache_stays_within_its_bytes(qapp: object) -> None:
    cache = BitmapCache(limit=1_000_000)
    for page in range(50):
        cache.put(BitmapRequest(1, page, 1.0), QPixmap(250, 250))
        assert cache.bytes <= 1_000_000
    assert len(cache) == 4
    assert cache.get(BitmapRequest(1, 49, 1.0)) is not None
    assert cache.get(BitmapRequest(1, 0, 1.0)) is None


def test_the_cache_holds_all_tiles_that_a_large_screen_shows(qapp: object) -> None:
    cache = BitmapCache()
    small = cache.limit
    cache.fit(1366 * 768)
    assert cache.limit == small
    cache.fit(3840 * 2160)
    for number in range(5 * 4):  # 1,024 pixels each, wherever they begin
        cache.put(BitmapRequest(1, number, 4.0, (0, 0, 1, 1)), QPixmap(1024, 1024))
    assert len(cache) == 20


def test_at_four_hundred_per_cent_pages_come_in_tiles_of_what_is_seen(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=3))
    view.set_zoom(9)
    assert view.zoom == 4.0
    qtbot.waitUntil(lambda: view.complete, timeout=5_000)
    tiles = [request for request in view.cache._kept if request.clip]
    assert 1 <= len(tiles) <= 6
    assert view.cache.bytes < view.cache.limit


def test_ctrl_and_wheel_zoom_around_the_pointer_and_page_keys_turn(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=5))
    view.set_zoom(1.0)
    before = view._locate(QPointF(300, 300))
    view.set_zoom(2.0, QPoint(300, 300))
    after = view._locate(QPointF(300, 300))
    assert before
    assert after
    assert after[1:] == pytest.approx(before[1:], abs=0.6)
    qtbot.keyClick(view, Qt.Key.Key_PageDown)
    assert view.page == 1
    qtbot.keyClick(view, Qt.Key.Key_PageUp)
    assert view.page == 0


def test_a_rotated_and_cropped_page_has_its_displayed_size(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(rotation=90, crop_mm=(10, 20, 190, 250))
    view = shown(qtbot, renderer, path)
    assert view.page_size(0) == pytest.approx((230, 180), abs=0.2)


def test_an_imprint_lies_at_its_millimetres_and_lets_text_through(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf())
    view.set_zoom(1.0)
    view.set_items([Item("a", 0, 20, 24, 40, 40, "合同专用章", picture=red_square())])
    qtbot.waitUntil(lambda: view.complete)
    picture = view.viewport().grab().toImage()
    paper = view._paper(0)
    scale = 96 / 25.4
    corner = paper.topLeft() + QPointF(20, 24) * scale
    inside = picture.pixelColor((corner + QPointF(6, 60)).toPoint())
    outside = picture.pixelColor((corner - QPointF(4, 4)).toPoint())
    assert inside == QColor(255, 0, 0)
    assert outside == QColor(255, 255, 255)
    line = [
        picture.pixelColor(int(corner.x()) + x, int(corner.y()) + y)
        for x in range(4, 140)
        for y in range(8, 30)
    ]
    assert min(colour.red() for colour in line) < 60  # the black text at 30 mm, under the red


def test_a_movable_seal_is_dragged_within_the_page_and_nudged_by_keys(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf())
    view.set_zoom(0.5)
    view.set_items([Item("a", 0, 20, 24, 40, 40, "章", picture=red_square(), movable=True)])
    handle = view._handles["a"]
    with qtbot.waitSignal(view.item_moved) as moved:
        qtbot.mousePress(handle, Qt.MouseButton.LeftButton, pos=QPoint(10, 10))
        qtbot.mouseMove(handle, QPoint(-900, 60))
        qtbot.mouseRelease(handle, Qt.MouseButton.LeftButton, pos=QPoint(-900, 60))
    assert moved.args[:3] == ["a", 0, 0.0]
    with qtbot.waitSignal(view.item_nudged) as nudged:
        qtbot.keyClick(handle, Qt.Key.Key_Right, Qt.KeyboardModifier.ShiftModifier)
    assert nudged.args == ["a", 5.0, 0.0]
    with qtbot.waitSignal(view.item_removed):
        qtbot.keyClick(handle, Qt.Key.Key_Delete)


def test_each_thing_on_a_page_says_what_and_where_it_is(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf())
    view.set_items([Item("a", 0, 120, 240, 40, 40, "合同专用章", picture=red_square())])
    names = [handle.accessibleName() for handle in view.findChildren(Handle)]
    assert names == ["合同专用章，第 1 页，距左 120 毫米，距上 240 毫米"]


def test_an_earlier_revision_is_the_file_cut_to_its_length(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(pages=1)
    first = path.stat().st_size
    with path.open("ab") as file:
        file.write(make_pdf(pages=4).read_bytes())
    view = shown(qtbot, renderer, path, end=first)
    assert view.page_count == 1


def test_a_file_that_is_no_pdf_is_reported_and_the_renderer_lives_on(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path], tmp_path: Path
) -> None:
    bad = tmp_path / "bad.pdf"
    bad.write_bytes(b"\x00" * 100)
    with qtbot.waitSignal(renderer.failed, timeout=10_000):
        renderer.open(bad)
    assert shown(qtbot, renderer, make_pdf()).page_count == 1


def test_an_encrypted_file_asks_for_its_password(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    path = make_pdf(encryption=4, user_pw="leaf", owner_pw="tree")
    with qtbot.waitSignal(renderer.failed, timeout=10_000) as failed:
        renderer.open(path)
    assert failed.args[1] == "password"
    assert shown(qtbot, renderer, path, password="leaf").page_count == 1


def test_the_window_outlives_the_process_that_draws(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=20))
    before = renderer.process_id
    assert before
    os.kill(before, getattr(signal, "SIGKILL", signal.SIGTERM))
    qtbot.waitUntil(lambda: renderer.process_id not in (before, None), timeout=5_000)
    view.go_to(15)
    qtbot.waitUntil(lambda: view.complete, timeout=5_000)


def test_a_page_that_makes_mupdf_abort_is_drawn_past_the_fault(
    qtbot: QtBot, renderer: Renderer, tmp_path: Path
) -> None:
    path = tmp_path / "crashing.pdf"
    path.write_bytes(crashing_pdf(pages=3))
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as opened:
        renderer.open(path)
    number, sizes = opened.args
    assert len(sizes) == 3
    process = renderer.process_id
    drawn: list[int] = []
    renderer.drawn.connect(lambda request, image: drawn.append(request.page))
    renderer.want("a view", [BitmapRequest(number, page, 1.0) for page in (2, 0, 1)])
    qtbot.waitUntil(lambda: sorted(drawn) == [0, 1, 2], timeout=10_000)
    assert renderer.process_id == process


def test_a_page_is_asked_for_as_it_is_shown_in_the_end_not_as_on_the_way(
    qtbot: QtBot, renderer: Renderer, make_pdf: Callable[..., Path]
) -> None:
    """Laying out a document asks again and again; only what is wanted last is drawn."""
    with qtbot.waitSignal(renderer.opened, timeout=10_000) as opened:
        renderer.open(make_pdf())
    document = opened.args[0]
    drawn: list[BitmapRequest] = []
    renderer.drawn.connect(lambda request, _: drawn.append(request))
    for scale in (0.5, 0.75, 1.25):
        renderer.want("canvas", [BitmapRequest(document, 0, scale)])
    qtbot.waitUntil(lambda: bool(drawn), timeout=10_000)
    renderer.want("canvas", [BitmapRequest(document, 0, 2.0)])
    renderer.serve()
    qtbot.waitUntil(lambda: len(drawn) == 2, timeout=10_000)
    assert [each.scale for each in drawn] == [1.25, 2.0]


@pytest.mark.parametrize(
    ("reason", "ringed"),
    [(Qt.FocusReason.TabFocusReason, True), (Qt.FocusReason.MouseFocusReason, False)],
)
def test_who_leads_the_keyboard_to_the_canvas_sees_it_there(
    qtbot: QtBot,
    renderer: Renderer,
    make_pdf: Callable[..., Path],
    reason: Qt.FocusReason,
    ringed: bool,
) -> None:
    view = shown(qtbot, renderer, make_pdf(pages=1, text=""))
    view.activateWindow()
    qtbot.waitUntil(view.hasFocus)
    view.clearFocus()
    view.setFocus(reason)
    qtbot.waitUntil(view.hasFocus)

    def edge() -> QColor:
        seen = view.viewport().grab().toImage()
        return seen.pixelColor(seen.width() // 2, 0)

    assert (edge() == theme.colour("focus")) is ringed
    view.clearFocus()
    qtbot.waitUntil(lambda: not view.hasFocus())
    assert edge() != theme.colour("focus")

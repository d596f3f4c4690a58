"""Places on a turned page: what is put there and where one points are each other's inverse."""

import pytest
from hypothesis import given
from hypothesis import strategies as st
from PySide6.QtCore import QPointF, QRectF

from ui.canvas.page_stack import PageStack

SIZES = ((210.0, 297.0), (420.0, 297.0), (80.0, 200.0))


def stack(turn: int, zoom: float = 1.0) -> PageStack:
    made = PageStack(SIZES)
    made.turn, made.zoom = turn, zoom
    made.lay_out(1000)
    return made


@pytest.mark.parametrize("turn", range(4))
@given(
    page=st.integers(0, 2),
    across=st.floats(0.01, 0.99),
    down=st.floats(0.01, 0.99),
    zoom=st.floats(0.25, 4.0),
)
def test_a_point_put_on_the_screen_is_found_again(
    turn: int, page: int, across: float, down: float, zoom: float
) -> None:
    pages = stack(turn, zoom)
    x, y = SIZES[page][0] * across, SIZES[page][1] * down
    point = pages.placed(page, QRectF(x, y, 0, 0)).topLeft()
    assert pages.paper(page).adjusted(-1, -1, 1, 1).contains(point)
    found = pages.locate(point)
    assert found is not None
    assert found[0] == page
    assert found[1:] == pytest.approx((x, y), abs=0.01)


@pytest.mark.parametrize("turn", range(4))
@given(page=st.integers(0, 2), x=st.floats(0, 60), y=st.floats(0, 150))
def test_what_is_painted_upright_lies_where_it_is_placed(
    turn: int, page: int, x: float, y: float
) -> None:
    pages = stack(turn)
    box = QRectF(x, y, 10, 5)
    corner, scale = pages.paper(page).topLeft(), pages.scale
    drawn = QRectF(corner + box.topLeft() * scale, box.size() * scale)
    shown = pages.upright(page).mapRect(drawn)
    placed = pages.placed(page, box)
    for mine, other in zip(shown.getRect(), placed.getRect(), strict=True):
        assert mine == pytest.approx(other, abs=0.01)


def test_a_turned_page_is_as_wide_as_it_was_high() -> None:
    upright, turned = stack(0), stack(1)
    assert turned.paper(0).width() == pytest.approx(upright.paper(0).height())
    assert turned.height < upright.height
    assert turned.fitting_zoom("width", 0, 1000, 800) < upright.fitting_zoom("width", 0, 1000, 800)


@pytest.mark.parametrize(("turn", "step"), [(0, (1, 0)), (1, (0, -1)), (2, (-1, 0)), (3, (0, 1))])
def test_an_arrow_key_moves_to_where_it_points_on_the_screen(
    turn: int, step: tuple[int, int]
) -> None:
    pages = stack(turn)
    assert pages.on_page(1, 0) == step
    before = pages.placed(0, QRectF(100, 100, 0, 0)).topLeft()
    after = pages.placed(0, QRectF(100 + step[0], 100 + step[1], 0, 0)).topLeft()
    moved: QPointF = after - before
    assert (moved.x(), moved.y()) == pytest.approx((pages.scale, 0), abs=1e-6)


@pytest.mark.parametrize("turn", range(4))
def test_the_part_in_view_is_the_part_that_is_drawn(turn: int) -> None:
    pages = stack(turn)
    area = QRectF(pages.paper(1).center() - QPointF(50, 20), pages.paper(1).center())
    part = pages.inside(1, area)
    for mine, other in zip(pages.placed(1, part).getRect(), area.getRect(), strict=True):
        assert mine == pytest.approx(other, abs=0.01)

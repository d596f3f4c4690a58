"""看看改了什么: each changed page then, now, and both with what vanished in red and what is new in
green."""

import io

import pytest
from PIL import Image

from crypto.pdf.looking import pictures
from crypto.pdf.looking.pictures import ChangedPage, changed_pages
from crypto.rendering.changed import picture_changes
from tests.crypto.pdf.looking import lookers
from tests.world.documents import append_revision, classic_pdf

PRICE = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"


def content(text: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(text), text)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data)).convert("RGB")


def colours(page: ChangedPage) -> set[str]:
    found = set()
    for _, (red, green, blue) in opened(page.both).getcolors(1 << 24) or ():
        if red - max(green, blue) > 100:
            found.add("red")
        if green - max(red, blue) > 60:
            found.add("green")
    return found


def test_a_changed_page_is_shown_then_and_now() -> None:
    first = classic_pdf(pages=3)
    later = append_revision(first, {4: content(PRICE.replace(b"1000", b"9000"))})
    one, two = changed_pages(later, None, len(first), [2, 0])
    assert (one.page, two.page) == (2, 0)
    assert one.width_mm == pytest.approx(210, abs=0.5)
    assert one.height_mm == pytest.approx(297, abs=0.5)
    (box,) = one.boxes
    assert 45 < box.left < 54
    assert 40 < box.top < 52
    assert opened(one.then).size == opened(one.now).size == opened(one.both).size
    assert opened(one.then).tobytes() != opened(one.now).tobytes()
    assert colours(one) == {"red", "green"}


@pytest.mark.parametrize(("text", "seen"), [(b"", "red"), (PRICE + b" 99 99 50 50 re f", "green")])
def test_what_vanished_is_red_and_what_is_new_green(text: bytes, seen: str) -> None:
    first = classic_pdf()
    (page,) = changed_pages(append_revision(first, {4: content(text)}), None, len(first), [0])
    assert colours(page) == {seen}


def test_pages_that_show_the_same_have_no_picture() -> None:
    first = classic_pdf(pages=2)
    later = append_revision(first, {4: content(PRICE + b" ")})
    assert changed_pages(later, None, len(first), [0, 1]) == ()


def test_a_page_that_is_not_there_or_cannot_be_read_has_none() -> None:
    first = classic_pdf()
    later = append_revision(first, {4: content(b"")})
    assert [page.page for page in changed_pages(later, None, len(first), [7, 0])] == [0]
    assert changed_pages(b"%PDF-1.7", None, 5, [0]) == ()


def test_a_process_that_dies_or_lies_costs_the_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    for how in (lookers.die, lookers.tell_too_little):
        monkeypatch.setattr(pictures, "_drawn", how)
        assert changed_pages(classic_pdf(), None, 9, [0]) == ()


def test_what_there_is_no_time_for_is_left_out() -> None:
    first = classic_pdf(pages=2)
    later = append_revision(first, {4: content(b"")})
    said = picture_changes(later, None, len(first), (0, 1), -1.0)
    assert said.head == {"changed": [], "failed": [0, 1]}
    assert len(picture_changes(later, None, len(first), (0, 1), 60.0).head["changed"]) == 2

"""The renderers keep what pages share, and give it back."""

from __future__ import annotations

import itertools
import subprocess
import sys

import pymupdf
import pytest

from crypto.rendering import mupdf_page
from crypto.rendering.drawing import Raster
from crypto.rendering.engines import ENGINES, opened


def book(pages: int) -> bytes:
    document = pymupdf.open()
    for number in range(pages):
        page = document.new_page(width=200, height=100)
        page.insert_text((20, 50), f"page {number + 1}", fontname="china-s")
    data: bytes = document.tobytes()
    return data


def drawn(data: bytes, seconds: float, monkeypatch: pytest.MonkeyPatch) -> list[Raster]:
    monkeypatch.setattr(mupdf_page, "_STORE_SECONDS", seconds)
    document = opened("MuPDF", data, None)
    made = [document.draw(page, 72) for page in range(document.pages())]
    document.close()
    return made


def test_pages_look_alike_however_often_the_store_is_emptied(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = book(4)
    assert drawn(data, 0.0, monkeypatch) == drawn(data, 1e9, monkeypatch)


def test_the_store_is_emptied_after_so_much_drawing(monkeypatch: pytest.MonkeyPatch) -> None:
    emptied = []
    monkeypatch.setattr(mupdf_page.mupdf, "fz_empty_store", lambda: emptied.append(True))
    store = mupdf_page._Store()
    for _ in range(10):
        store.spend(mupdf_page._STORE_SECONDS / 4)
    assert len(emptied) == 2


def test_what_is_shown_and_what_is_printed_come_from_one_opened_document() -> None:
    data = book(1)
    shown = opened("MuPDF", data, None)
    printed = opened("MuPDF print", data, None, {"MuPDF": shown})
    assert printed.pages() == shown.pages() == 1
    assert printed.draw(0, 72) == shown.draw(0, 72)
    assert opened("MuPDF print", data, None).draw(0, 72) == shown.draw(0, 72)
    assert not printed.is_special(0)


def test_every_engine_opens_by_its_name() -> None:
    data = book(2)
    assert [opened(name, data, None).pages() for name in ENGINES] == [2, 2, 2]


def noted(flags: int, layer: bool = False) -> bytes:
    """A page with one square on it."""
    document = pymupdf.open()
    square = document.new_page(width=200, height=100).add_rect_annot((20, 20, 80, 60))
    square.set_colors(stroke=(1, 0, 0), fill=(0, 0, 1))
    square.update()
    document.xref_set_key(square.xref, "F", str(flags))
    if layer:
        document.xref_set_key(square.xref, "OC", "<</Type/OCG/Name(price)>>")
    data: bytes = document.tobytes()
    return data


def test_a_page_that_is_not_drawn_for_print_would_look_as_on_the_screen() -> None:
    for bits in itertools.product((0, 1), (0, 2), (0, 4), (0, 32), (0, 256)):
        flags = sum(bits)
        data = noted(flags)
        shown = opened("MuPDF", data, None)
        printed = opened("MuPDF print", data, None, {"MuPDF": shown})
        assert printed.is_special(0) or printed.draw(0, 30) == shown.draw(0, 30)


def test_pages_whose_print_may_differ_are_drawn_for_print() -> None:
    def special(data: bytes) -> bool:
        return opened("MuPDF print", data, None).is_special(0)

    assert not special(noted(4))
    assert special(noted(0))  # on the screen only
    assert special(noted(4 | 32))  # on paper only
    assert special(noted(4, layer=True))


@pytest.mark.parametrize(
    ("engine", "other"),
    [("MuPDF", "pypdfium2"), ("MuPDF print", "pypdfium2"), ("PDFium", "pymupdf")],
)
def test_an_engine_loads_its_own_renderer_alone(engine: str, other: str) -> None:
    program = (
        "import sys, crypto.rendering.looker\nfrom crypto.rendering.engines import load\n"
        f"load({engine!r})\nprint({other!r} in sys.modules)"
    )
    done = subprocess.run(
        [sys.executable, "-c", program], capture_output=True, encoding="utf-8", check=True
    )
    assert done.stdout.strip() == "False"

"""The bundled document: whole, searchable, and what the regulation says."""

import subprocess
from pathlib import Path

import pymupdf

DEMO = Path(__file__).parents[1] / "resources" / "demo"


def test_the_demo_document_says_what_the_regulation_says() -> None:
    with pymupdf.open(DEMO / "regulation.pdf") as document:
        pages = [page.get_text() for page in document]
    # The last line of a page is its number; blanks and line ends are the layout's affair.
    set_text = "".join(
        "".join(page.replace(f"— {number} —", "").split())
        for number, page in enumerate(pages, start=1)
    )
    source = (DEMO / "regulation.zh-CN.txt").read_text(encoding="utf-8")
    assert set_text == "宿迁市人民政府文件" + "".join(source.split())


def test_an_article_is_found_by_its_number_once() -> None:
    with pymupdf.open(DEMO / "regulation.pdf") as document:
        hits = [(page.number, len(page.search_for("第三十条"))) for page in document]
    assert [hit for hit in hits if hit[1]] == [(8, 1)]


def test_the_demo_document_is_a_sound_pdf() -> None:
    checked = subprocess.run(
        ["qpdf", "--check", DEMO / "regulation.pdf"], capture_output=True, check=False
    )
    assert checked.returncode == 0, checked.stdout

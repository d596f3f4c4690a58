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


def test_two_renderers_see_the_same_ink(tmp_path: Path) -> None:
    """An embedded font can be right for one program and wrong for another; text does not tell."""
    subprocess.run(
        ["pdftoppm", "-r", "50", "-gray", DEMO / "regulation.pdf", tmp_path / "page"], check=True
    )
    with pymupdf.open(DEMO / "regulation.pdf") as document:
        for page, other in zip(document, sorted(tmp_path.iterdir()), strict=True):
            ours = page.get_pixmap(dpi=50, colorspace=pymupdf.csGRAY)
            theirs = pymupdf.Pixmap(str(other))
            ratio = ink(ours) / ink(theirs)
            assert 0.85 < ratio < 1.15, f"page {page.number + 1}"


def ink(page: pymupdf.Pixmap) -> int:
    """How much darkness there is on a grey page, summed over its pixels."""
    return 255 * len(page.samples) - sum(page.samples)

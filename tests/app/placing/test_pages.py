"""Pages as displayed: sizes agree with the signer's, keywords are found where they are seen."""

import io
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pymupdf
import pytest

from app.errors import FileNotReadable, FileProblem, NotAPdf
from app.placing import placement
from app.placing.pages import Pages
from crypto.pdf.reading.document import open_document
from crypto.pdf.reading.failures import PdfEncrypted, PdfPasswordWrong, PdfTooComplex, PdfUnreadable
from tests.world.documents import classic_pdf

MM = 72 / 25.4
MakePdf = Callable[..., Path]


def sizes_by_the_signer(path: Path) -> list[tuple[float, float]]:
    document = open_document(path)
    try:
        return [page.size_mm for page in document.pages()]
    finally:
        document.stream.close()


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("crop", [None, (10, 20, 150, 220)])
def test_page_sizes_are_those_the_signer_uses(
    make_pdf: MakePdf, rotation: int, crop: tuple[float, float, float, float] | None
) -> None:
    path = make_pdf(pages=2, rotation=rotation, crop_mm=crop)
    with Pages(path) as pages:
        boxes = pages.boxes()
        assert len(pages) == 2
    for box, (width, height) in zip(boxes, sizes_by_the_signer(path), strict=True):
        assert box.width_mm == pytest.approx(width, abs=0.01)
        assert box.height_mm == pytest.approx(height, abs=0.01)
    upright = (140, 200) if crop else (210, 297)
    expected = upright if rotation in (0, 180) else upright[::-1]
    assert (boxes[0].width_mm, boxes[0].height_mm) == pytest.approx(expected, abs=0.01)


def test_a_user_unit_counts(make_pdf: MakePdf) -> None:
    path = make_pdf(size_mm=(100, 120))
    document = pymupdf.open(path)
    document.xref_set_key(document.page_xref(0), "UserUnit", "2")
    document.saveIncr()
    document.close()
    with Pages(path) as pages:
        (box,) = pages.boxes()
    assert (box.width_mm, box.height_mm) == pytest.approx((200, 240), abs=0.01)
    assert sizes_by_the_signer(path)[0] == pytest.approx((200, 240), abs=0.01)


def test_a_text_is_found_where_it_stands(make_pdf: MakePdf) -> None:
    path = make_pdf(pages=3, text="合同第{page}页 盖章处")
    with Pages(path) as pages:
        hits = pages.find("盖章处")
        assert [hit.page for hit in hits] == [0, 1, 2]
        assert pages.find("没有这句") == pages.find("   ") == []
        (second,) = pages.find("第2页")
    assert second.page == 1
    # 14 pt characters from 20 mm on: 合 同 第 1 页 (space) 盖…
    assert hits[0].left_mm == pytest.approx(20 + (4.5 * 14 + 7) / MM, abs=6)
    assert hits[0].width_mm == pytest.approx(3 * 14 / MM, abs=0.5)
    assert hits[0].top_mm < 30 < hits[0].top_mm + hits[0].height_mm


@pytest.mark.parametrize("rotation", [90, 180, 270])
def test_on_a_turned_page_it_is_found_where_it_is_seen(make_pdf: MakePdf, rotation: int) -> None:
    with Pages(make_pdf()) as pages:
        x, y = pages.find("盖章处")[0].centre
    with Pages(make_pdf(rotation=rotation)) as pages:
        centre = pages.find("盖章处")[0].centre
    turned = {90: (297 - y, x), 180: (210 - x, 297 - y), 270: (y, 210 - x)}[rotation]
    assert centre == pytest.approx(turned, abs=0.3)


@pytest.mark.parametrize("rotation", [0, 90, 180, 270])
@pytest.mark.parametrize("unit", [0.5, 2.0])
@pytest.mark.parametrize("crop", [None, (30, 40, 560, 820)])
def test_on_a_page_of_another_unit_it_is_found_where_it_is_seen(
    tmp_path: Path, rotation: int, unit: float, crop: tuple[float, ...] | None
) -> None:
    found = []
    for each in (1.0, unit):
        path = tmp_path / "text.pdf"
        path.write_bytes(classic_pdf(rotate=rotation, unit=each, crop=crop))
        with Pages(path) as pages:
            (hit,) = pages.find("1000")
        found.append([side / each for side in (*hit.centre, hit.width_mm, hit.height_mm)])
    assert found[1] == pytest.approx(found[0], abs=0.2)


def test_on_a_cropped_page_it_counts_from_the_visible_corner(make_pdf: MakePdf) -> None:
    with Pages(make_pdf()) as pages:
        x, y = pages.find("盖章处")[0].centre
    with Pages(make_pdf(crop_mm=(10, 5, 200, 290))) as pages:
        assert pages.find("盖章处")[0].centre == pytest.approx((x - 10, y - 5), abs=0.05)
    with Pages(make_pdf(crop_mm=(10, 100, 200, 290))) as pages:
        assert pages.find("盖章处") == [], "what is cropped away is not seen"


def page_with(tmp_path: Path, *pieces: tuple[float, float, str]) -> Path:
    """A page with texts at x, y millimetres."""
    document = pymupdf.open()
    page = document.new_page(width=210 * MM, height=297 * MM)
    for x, y, text in pieces:
        page.insert_text((x * MM, y * MM), text, fontname="china-s", fontsize=12)
    path = tmp_path / "pieces.pdf"
    document.save(path)
    document.close()
    return path


@pytest.mark.parametrize(
    ("written", "sought"),
    [
        ("甲方（盖章）：", "甲方(盖章):"),
        ("甲方(盖章):", "甲方（盖章）："),
        ("Party A (SEAL)", "party a (seal)"),
        ("Ｓｅａｌ １２", "seal 12"),
        ("盖  章  处", "盖章处"),
        ("盖章处", "盖 章 处"),
    ],
)
def test_width_case_and_spaces_do_not_count(tmp_path: Path, written: str, sought: str) -> None:
    with Pages(page_with(tmp_path, (30, 50, written))) as pages:
        assert len(pages.find(sought)) == 1


def test_a_line_in_pieces_is_read_as_one(tmp_path: Path) -> None:
    pieces = [(42.7 + 12.7, 50, "处"), (30, 50, "甲方"), (38.5, 50, "盖"), (42.7, 50, "章专用")]
    with Pages(page_with(tmp_path, *pieces)) as pages:
        (hit,) = pages.find("甲方盖章专用处")
    assert hit.left_mm == pytest.approx(30, abs=0.2)
    assert hit.left_mm + hit.width_mm == pytest.approx(55.4 + 4.2, abs=0.3)


def test_neighbouring_columns_are_not_one_line(tmp_path: Path) -> None:
    with Pages(page_with(tmp_path, (30, 50, "甲方"), (120, 50, "盖章"))) as pages:
        assert pages.find("甲方盖章") == []
        assert len(pages.find("盖章")) == 1


def test_hits_come_in_reading_order_and_do_not_overlap(tmp_path: Path) -> None:
    path = page_with(tmp_path, (30, 200, "章章章"), (30, 50, "盖章"), (120, 50, "盖章"))
    with Pages(path) as pages:
        assert [round(hit.top_mm) < 100 for hit in pages.find("章")] == [True] * 2 + [False] * 3
        assert len(pages.find("章章")) == 1


def test_a_keyword_and_its_seal_share_their_centre(demo_pdf: Path) -> None:
    with Pages(demo_pdf) as pages:
        hits, boxes = pages.find("电子印章"), pages.boxes()
    assert len(hits) > 10
    marks = placement.keyword(boxes, hits, placement.SealSize(10, 10), "电子印章", 5)
    centre = (marks[0].left_mm + 5, marks[0].top_mm + 5)
    assert centre == pytest.approx(hits[4].centre)


def test_a_page_is_drawn_as_displayed(make_pdf: MakePdf) -> None:
    from PIL import Image

    with Pages(make_pdf(pages=2, rotation=90)) as pages:
        picture = Image.open(io.BytesIO(pages.render_png(1, 96)))
        with pytest.raises(IndexError):
            pages.render_png(2, 96)
        with pytest.raises(PdfTooComplex):
            pages.render_png(0, 5000)
    assert picture.mode == "RGB"
    assert picture.size == pytest.approx((297 / 25.4 * 96, 210 / 25.4 * 96), abs=1.5)
    assert picture.convert("L").getextrema()[0] < 50, "there is text on it"


# ---------------------------------------------------------------- files that cannot be used


def test_what_cannot_be_read_is_said(tmp_path: Path) -> None:
    with pytest.raises(FileNotReadable) as missing:
        Pages(tmp_path / "没有.pdf")
    assert missing.value.reason is FileProblem.MISSING
    with pytest.raises(FileNotReadable) as folder:
        Pages(tmp_path)
    assert folder.value.reason in (FileProblem.FOLDER, FileProblem.DENIED)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 a word file", b"\x89PNG\r\n"])
def test_other_files_are_no_pdf(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(content)
    with pytest.raises(NotAPdf):
        Pages(path)


@pytest.mark.parametrize("content", [b"%PDF-1.7\n", b"%PDF-1.7\n" + b"\xa5" * 3000])
def test_a_broken_pdf_is_unreadable(
    tmp_path: Path, content: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / "x.pdf"
    path.write_bytes(content)
    with pytest.raises(PdfUnreadable):
        Pages(path)
    assert capfd.readouterr() == ("", ""), "the library keeps quiet"


def test_an_encrypted_file_wants_its_password(make_pdf: MakePdf) -> None:
    path = make_pdf(encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="密码", owner_pw="owner")
    with pytest.raises(PdfEncrypted):
        Pages(path)
    with pytest.raises(PdfPasswordWrong):
        Pages(path, "wrong")
    with Pages(path, "密码") as pages:
        assert len(pages.find("盖章处")) == 1


def test_the_library_is_loaded_only_when_a_file_is_opened() -> None:
    program = "import sys, app.placing.pages; sys.exit('pymupdf' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", program], check=False).returncode == 0


def test_a_keyword_over_the_end_of_a_line_is_found_on_a_real_page(tmp_path: Path) -> None:
    path = page_with(tmp_path, (155, 105, "甲方（盖"), (25, 113, "章）："))
    with Pages(path) as pages:
        (hit,) = pages.find("甲方（盖章）")
    assert hit.left_mm == pytest.approx(155, abs=0.3)
    assert hit.top_mm < 105 < hit.top_mm + hit.height_mm


def test_upright_text_is_found_letter_by_letter_and_as_a_column(tmp_path: Path) -> None:
    stacked = [(180, 50 + 4.3 * number, each) for number, each in enumerate("甲方盖章处")]
    with Pages(page_with(tmp_path, *stacked)) as pages:
        (hit,) = pages.find("方盖章")
    assert hit.centre == pytest.approx((182.1, 50 + 4.3 * 2 - 1.6), abs=1)
    assert hit.height_mm > 2.5 * hit.width_mm


@pytest.mark.parametrize("rotate", [90, 180, 270])
def test_turned_text_goes_on_in_its_next_line(tmp_path: Path, rotate: int) -> None:
    document = pymupdf.open()
    page = document.new_page(width=210 * MM, height=297 * MM)
    step = {90: (18, 0), 180: (0, -18), 270: (-18, 0)}[rotate]
    for number, text in enumerate(("落款甲方盖", "章处")):
        at = (100 * MM + step[0] * number, 150 * MM + step[1] * number)
        page.insert_text(at, text, fontname="china-s", fontsize=12, rotate=rotate)
    document.save(tmp_path / "turned.pdf")
    document.close()
    with Pages(tmp_path / "turned.pdf") as pages:
        assert len(pages.find("甲方盖章")) == 1

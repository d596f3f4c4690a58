"""An unsigned electronic invoice is told as what it is, and where invoices are checked."""

import io
from collections.abc import Sequence
from pathlib import Path

import pymupdf
import pytest
from hypothesis import given
from hypothesis import strategies as st

from app.verifying import verify
from crypto.pdf.looking import invoice
from crypto.pdf.looking.invoice import first_text, is_invoice, with_kind
from crypto.verdict import Verdict
from crypto.wording import conclusion
from tests.world.documents import classic_pdf
from tests.world.sealing import World

LINES = (
    "电子发票（增值税专用发票）",
    "发票号码：26322000000012345678",
    "开票日期：2026年11月20日",
    "购买方名称：宿迁某某有限公司",
    "合计 ¥943.40 税额 ¥56.60",
    "价税合计（大写）壹仟圆整",
)


def paper(lines: Sequence[str]) -> bytes:
    """A page with these lines, as an office program writes them."""
    document = pymupdf.open()
    page = document.new_page()
    for number, line in enumerate(lines):
        page.insert_text((72, 90 + 24 * number), line, fontname="china-s", fontsize=12)
    return bytes(document.tobytes())


@pytest.fixture
def made_up(tmp_path: Path) -> Path:
    path = tmp_path / "发票.pdf"
    path.write_bytes(paper(LINES))
    return path


def test_an_unsigned_invoice_is_told_with_where_to_check_it(world: World, made_up: Path) -> None:
    report = verify(made_up, trust=world.trust)
    assert report.verdict is Verdict.UNSIGNED, "it proves nothing"
    assert "electronic_invoice" in {finding.code for finding in report.findings}
    first = conclusion(report)
    assert "电子发票" in first.sentence
    assert "国家税务总局全国增值税发票查验平台" in first.action
    english = conclusion(report, "en")
    assert "invoice" in english.sentence
    assert "verification platform" in english.action


def test_an_unsigned_contract_is_none(world: World, tmp_path: Path) -> None:
    path = tmp_path / "合同.pdf"
    path.write_bytes(paper(("购销合同", "乙方开具增值税专用发票", "合计 1000 元")))
    report = verify(path, trust=world.trust)
    assert report.verdict is Verdict.UNSIGNED
    assert "electronic_invoice" not in {finding.code for finding in report.findings}


def test_a_sealed_file_is_not_read_for_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(invoice, "first_text", lambda *_: pytest.fail("it was read"))
    sealed = world.sign(classic_pdf())
    report = world.verify(sealed)
    assert with_kind(report, io.BytesIO(sealed)) is report
    long = world.verify(classic_pdf(pages=invoice.MAX_PAGES + 1))
    assert with_kind(long, io.BytesIO(b"")) is long


def test_words_are_found_whatever_their_width_and_blanks() -> None:
    assert is_invoice("电 子 发 票 （普通发票）\n发票号码 : 123\n税　额")
    assert is_invoice("增值税电子普通发票\n发票号码：\n价税合计")
    assert not is_invoice("电子发票的管理办法：发票应当妥善保管")


@given(st.text(alphabet="电子增值税发票号码价合计额 \n：（）", max_size=60))
def test_an_invoice_always_has_a_title_a_number_and_a_sum(text: str) -> None:
    plain = "".join(text.split())
    if is_invoice(text):
        assert "发票号码" in plain
        assert "税额" in plain or "合计" in plain


def test_a_file_that_cannot_be_drawn_has_no_text() -> None:
    assert first_text(b"%PDF-1.7\nno pages", None) == ""
    assert "发票号码" in first_text(paper(LINES), None)

"""The report on A4, read back by poppler and checked by qpdf: strangers to what wrote it."""

import io
import re
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from crypto.algorithms.gm import sm3
from crypto.pdf.looking.pictures import changes_in
from crypto.pdf.looking.since import changed_since
from crypto.pdf.marks.drawing import Mark
from crypto.report.pdf import render
from crypto.report.pictures import Pictures, pictures_of
from crypto.report.setting import set_report
from crypto.verdict import Change, FileInfo, Finding, Report, Verdict, say
from tests.world.documents import append_revision, classic_pdf
from tests.world.sealing import NOW, World
from tests.world.thoroughness import THOROUGH
from tests.world.weak import weak_seals


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(pages=2))


def run(*arguments: str | Path) -> str:
    done = subprocess.run([*map(str, arguments)], capture_output=True, check=False, timeout=60)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout.decode()


@pytest.fixture
def filed(tmp_path: Path) -> Callable[..., str]:
    """Renders a report, has qpdf check it, and gives the text poppler finds, without spaces."""

    def file(report: Report, language: str = "zh_CN", **options: Any) -> str:
        path = tmp_path / "report.pdf"
        path.write_bytes(render(report, language, **options))
        assert "No syntax or stream encoding errors" in run("qpdf", "--check", path)
        rows = [line.split() for line in run("pdffonts", path).splitlines()[2:]]
        assert rows
        assert all(row[-5] == "yes" for row in rows), "a typeface is not embedded"
        assert "(A4)" in run("pdfinfo", path)
        return "".join(run("pdftotext", "-raw", path, "-").replace("\u200b", "").split())

    return file


def test_a_weak_seal_is_filed_with_whose_algorithm_is_weak(
    world: World, filed: Callable[..., str]
) -> None:
    for seal in weak_seals(world.first.seal):
        report = world.verify(world.sign(classic_pdf(), world.first, seal=seal, reserve=2048))
        [told] = [f for f in report.signatures[0].findings if f.code == "weak_algorithm"]
        for language in ("zh_CN", "en"):
            assert "".join(told.text(language).split()) in filed(report, language)


def test_a_good_seal_is_filed_with_all_that_identifies_it(
    world: World, sealed: bytes, filed: Callable[..., str]
) -> None:
    report = world.verify(sealed)
    text = filed(report)
    signature = report.signatures[0]
    assert signature.seal
    assert signature.signer
    assert report.verdict is Verdict.VALID
    for wanted in (
        "验章报告",
        "验章结论：有效",
        sm3(sealed).hex(),
        "文件.pdf",
        report.program.replace(" ", ""),
        "2026-11-2317:00:00+08:00",  # NOW is 09:00 UTC
        signature.seal.code,
        signature.seal.picture_sm3,
        signature.signer.sm3,
        "40.0×40.0毫米",
        "2026-11-2217:00:00+08:00——签章者自报，本身不是证据",
        "可信时间无",
        "以上各项检查均已得出结论",
        "如何复核",
    ):
        assert wanted in text, wanted
    assert "VALID" not in text, "no English in Chinese"
    # poppler takes a hyphen at the end of a line for a division of the word
    assert signature.fields[0].replace("-", "") not in text.replace("-", ""), "no field's name"
    for finding in signature.findings:
        assert "".join(finding.text().split()) in text, finding.code


def test_a_changed_document_is_filed_as_invalid(
    world: World, sealed: bytes, filed: Callable[..., str]
) -> None:
    text = filed(world.verify(sealed.replace(b"Price 1000", b"Price 9000")))
    assert "验章结论：无效" in text
    assert "被保护的内容在签章后被改动过" in text
    assert "验章结论：有效" not in text


def test_a_document_without_a_seal_says_so(world: World, filed: Callable[..., str]) -> None:
    text = filed(world.verify(classic_pdf()))
    assert "验章结论：未签章" in text
    assert "本文件中没有电子签名" in text


def test_what_was_not_proved_is_listed_with_its_reason(
    world: World, sealed: bytes, filed: Callable[..., str]
) -> None:
    report = world.verify(sealed, trust=replace(world.trust, signers=(), statements=()))
    text = filed(report)
    assert "验章结论：无法确认" in text
    listed = text[text.index("没有得到证实的事项及原因") :]
    unknown = [f for f in report.signatures[0].findings if f.level == "unknown"]
    assert {f.code for f in unknown} >= {"signer_untrusted", "status_unknown"}
    for finding in unknown:
        assert "".join(finding.text().split()) in listed


def test_every_page_is_numbered_and_bears_the_digest(
    world: World, filed: Callable[..., str]
) -> None:
    data = classic_pdf(pages=2)
    for index in range(4):
        holder = world.second if index % 2 else world.first
        across = float(holder.size_mm[0])
        data = world.sign(data, holder, [Mark(index % 2, 10 + 45 * index, 50, across, across)])
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    # "ff" is where a typeface would put a ligature, which nobody could search for
    report = replace(report, file=replace(report.file, sm3="0ff1" * 16))
    text = filed(report)
    count = text.count("第1页共")
    assert count == 1
    pages = int(text.split("第1页共")[1].split("页")[0])
    assert pages >= 4
    assert all(f"第{page}页共{pages}页SM3{report.file.sm3}" in text for page in range(1, pages + 1))
    for number in range(1, 5):
        assert f"签名{number}宿迁市测试单位" in text
    assert "另一方加盖印章" in text


def test_english_is_english(world: World, sealed: bytes, filed: Callable[..., str]) -> None:
    text = filed(world.verify(sealed), "en")
    for wanted in ("Verificationreport", "Verdictvalid", "Page1of", "theSigner'sownword"):
        assert wanted.lower() in text.lower()
    assert "验章" not in text


def test_names_from_strangers_neither_break_the_page_nor_vanish(
    world: World, sealed: bytes, filed: Callable[..., str]
) -> None:
    report = world.verify(sealed)
    name = "<img src='x'/>{title}&amp;\u202egnp.exe 𠮷" + "x" * 300
    file = FileInfo(name, report.file.size, report.file.sm3, None)
    text = filed(replace(report, file=file))
    assert "<imgsrc='x'/>{title}&amp;" in text
    assert "〓U+20BB7" in text
    assert "\u202e" not in text
    assert "未能读出" in text


def test_only_the_picture_inside_the_seal_is_shown(
    world: World, sealed: bytes, tmp_path: Path
) -> None:
    report = world.verify(sealed)
    name = sm3(world.first.picture).hex()
    path = tmp_path / "report.pdf"

    def pictures(imprints: dict[str, bytes]) -> int:
        path.write_bytes(render(report, imprints=imprints))
        return len(run("pdfimages", "-list", path).splitlines()) - 2

    icons = pictures({})
    assert pictures({name: world.first.picture}) == icons + 1
    assert pictures({name: world.second.picture}) == icons
    assert pictures({sm3(b"no picture").hex(): b"no picture"}) == icons


def test_page_one_is_all_that_a_person_needs(world: World, sealed: bytes, tmp_path: Path) -> None:
    report = world.verify(sealed)
    path = tmp_path / "report.pdf"
    path.write_bytes(render(report, shown=pictures_of(sealed, report)))
    first = "".join(run("pdftotext", "-l", "1", path, "-").split())
    for wanted in (
        "有效",
        "已加盖法定名称章",
        "可以采信",
        "什么时候",
        "谁颁发已证实",
        "签章时的第1页",
    ):
        assert wanted in first.replace("✔", ""), wanted
    assert "证书序列号" not in first
    assert "证书序列号" in "".join(run("pdftotext", "-f", "2", path, "-").split())


def test_seals_pages_and_what_changed_are_shown(world: World, sealed: bytes) -> None:
    report = world.verify(sealed)
    shown = pictures_of(sealed, report)
    [seal] = shown.seals
    assert seal.intact
    assert (round(seal.width_mm), round(seal.height_mm)) == (44, 44), "the mark, and 2 mm around"
    assert [page.page for page in shown.pages] == [report.signatures[0].marks[0].page]
    assert not shown.changed
    broken = sealed.replace(b"Price 1000", b"Price 9000")
    assert not pictures_of(broken, world.verify(broken)).pages[0].intact
    assert pictures_of(broken, report) == Pictures(), "about another file"
    assert pictures_of(classic_pdf(), world.verify(classic_pdf())) == Pictures()


def test_marks_without_a_signature_are_named(world: World, filed: Callable[..., str]) -> None:
    unsigned = append_revision(
        classic_pdf(annots=b"/Annots[6 0 R]", extra=[b"null"]),
        {
            6: b"<</Type/Annot/Subtype/Widget/FT/Sig/T(empty)/F 4/P 5 0 R/Rect[50 50 150 150]"
            b"/AP<</N 7 0 R>>>>",
            7: b"<</Type/XObject/Subtype/Form/BBox[0 0 100 100]/Length 18>>stream\n"
            b"1 0 0 rg 0 0 9 9 re f\nendstream".replace(b"/Length 18", b"/Length 21"),
            1: b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]/SigFlags 3>>>>",
        },
    )
    report = world.verify(unsigned)
    assert len(report.unsigned_marks) == 1
    text = filed(report)
    assert "不受任何签名保护的印迹" in text
    assert "第1页，距左" in text
    assert "empty" not in text.partition("技术细节")[0], "no field's name"


def test_the_line_of_text_holds_verdict_digest_and_time(world: World, sealed: bytes) -> None:
    line = world.verify(sealed).summary()
    assert "\n" not in line
    for wanted in (
        "《文件.pdf》",
        "有效",
        "1 个签名",
        sm3(sealed).hex(),
        "2026-11-23 17:00:00 +08:00",
    ):
        assert wanted in line
    assert "not sealed" in world.verify(classic_pdf()).summary("en")
    assert NOW.isoformat() not in line


@pytest.mark.slow
def test_a_report_on_very_many_signatures_comes_to_its_end(
    world: World, sealed: bytes, filed: Callable[..., str]
) -> None:
    """Set in one go, one of some 300 pages never did."""
    report = world.verify(sealed)
    many = Finding("unsigned_mark", {"page": "1", "field": "S"})
    signature = replace(
        report.signatures[0],
        changed_later=tuple(
            Change(number, "seal_added", 1, f"Seal-{number}") for number in range(3, 60)
        ),
    )
    text = filed(replace(report, signatures=(signature,) * 130, findings=(many,) * 500))
    assert "…(+17)" in text
    assert "…(+460)" in text
    for number in (1, 41, 130):
        assert f"签名{number}宿迁市测试单位" in text
    last = int(re.findall(r"第(\d+)页共\1页", text)[-1])
    assert last > 100
    assert "如何复核" in text[-1500:]


def test_a_changed_page_is_shown(world: World) -> None:
    first = world.sign(classic_pdf())
    data = world.sign(first, world.second, world.marks(world.second, left=20))
    report = world.verify(data)
    (change,) = changes_in(io.BytesIO(data), report)
    assert change.page == 0
    shown = pictures_of(data, report)
    [page] = shown.changed
    assert (page.page, page.then, page.now) == (1, change.then, change.now)
    broken = replace(page, page=2, both=b"no picture")
    text = pymupdf.open(stream=render(report, shown=Pictures(changed=(broken,))))[1].get_text()
    assert "第 2 页改了什么" in text, "a picture that cannot be read leaves a gap"
    paper = pymupdf.open(stream=render(report, shown=replace(shown, seals=(), pages=())))
    text = "".join(page.get_text() for page in paper)
    assert "第 1 页改了什么" in text
    assert changes_in(io.BytesIO(first), world.verify(first)) == ()
    large = [info for page in paper for info in page.get_image_info() if info["width"] > 700]
    assert len(large) == 3, "then, now, and both in one"


def test_a_changed_page_begins_a_page_where_it_has_no_room(world: World, sealed: bytes) -> None:
    later = append_revision(sealed, {4: b"<</Length 0>>stream\n\nendstream"})
    report = world.verify(later)
    shown = pictures_of(later, report)
    assert shown.changed
    three = tuple(replace(shown.changed[0], page=page) for page in (1, 2, 3))
    paper = pymupdf.open(stream=render(report, shown=Pictures(changed=three)))
    words = [page.get_text() for page in paper]
    told = [
        [number for number, text in enumerate(words) if f"第 {n} 页改了什么" in text]
        for n in (1, 2, 3)
    ]
    for (number,) in told:
        large = [info for info in paper[number].get_image_info() if info["width"] > 700]
        assert len(large) == 3 * sum(place == [number] for place in told)


@pytest.mark.parametrize(("language", "first"), [("zh_CN", 0), ("en", 1)])
def test_no_heading_of_findings_stands_alone_at_the_foot_of_a_page(
    world: World, sealed: bytes, language: str, first: int
) -> None:
    """However much stands above it: in each run every number of lines in one of the languages, in
    `dev.py check-slow` in both."""
    report = world.verify(append_revision(sealed, {90: b"null"}))
    (signature,) = report.signatures
    headings = {say("report", key, language) for key in ("evidence", "whole", "unsigned_marks")}
    met = set()
    for count in range(30) if THOROUGH else range(first, 30, 2):
        longer = replace(signature, marks=signature.marks[:1] * count)
        more = {"unsigned_marks": signature.marks, "findings": (Finding("electronic_invoice"),)}
        data = set_report(replace(report, signatures=(longer,), **more), language, {}, "")
        with pymupdf.open(stream=data) as paper:
            for page in paper:
                lines = [line.strip() for line in page.get_text().splitlines() if line.strip()]
                met |= headings & set(lines)
                assert lines[-3] not in headings, "above the two lines at the foot"
    assert met == headings


def test_a_document_that_is_another_one_by_now_has_no_pictures(world: World) -> None:
    first = world.sign(classic_pdf())
    data = world.sign(first, world.second, world.marks(world.second, left=20))
    report = world.verify(data)
    other = append_revision(data, {4: b"<</Length 0>>stream\n\nendstream"})
    assert changes_in(io.BytesIO(other), report) == ()


def test_bytes_that_were_altered_are_not_shown_as_what_was_sealed(world: World) -> None:
    first = world.sign(classic_pdf())
    data = world.sign(first, world.second, world.marks(world.second, left=20))
    report = world.verify(data.replace(b"Price 1000", b"Price 9000"))
    assert report.signatures
    assert not any(signature.intact for signature in report.signatures)
    assert changed_since(report) == (None, ())

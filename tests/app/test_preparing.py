"""What is found out before a ticket is fetched and a PIN asked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from app import preparing
from app.errors import (
    LANGUAGES,
    FileProblem,
    FileRepairable,
    OutputExists,
    OutputNotWritable,
    SealWouldHarm,
    explain,
    messages,
)
from app.placing.finder import Finder
from app.preparing import Examined, check_job, check_jobs, clock_notice, examine
from app.stamping import StampJob
from app.store.answers import Answers
from crypto import deadline
from crypto.algorithms.gm import sm3
from crypto.pdf.elsewhere import Kind
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.failures import PdfEncrypted, PdfLocked, PdfUnreadable
from crypto.seal.date_mark import DateMark
from crypto.seal.structure import SealError
from crypto.validation.trust import Trust
from crypto.verdict import Verdict
from tests.world.authorities import CODE, NOW
from tests.world.documents import annotate, append_revision, classic_pdf, form_stream, update
from tests.world.office import Office, encrypted, pages

MARKS = (Mark(0, 60.0, 60.0, 40.0, 40.0),)


@pytest.fixture(scope="session")
def finder() -> Iterator[Finder]:
    with Finder() as made:
        yield made


def look_at(office: Office, finder: Finder, data: bytes, password: str | None = None) -> Examined:
    source = office.document(data=data)
    return examine(source, password, office.authorities.trust, NOW, finder)


def codes(examined: Examined) -> list[str]:
    return [each.code for each in examined.notices]


def stamped(office: Office, data: bytes | None = None, **options: object) -> bytes:
    """A document that the company has stamped."""
    return office.stamp(office.document(data=data), **options).path.read_bytes()


# ---------------------------------------------------------------- the document


def test_of_a_plain_document_there_is_nothing_to_tell(office: Office, finder: Finder) -> None:
    data = pages(3)
    found = look_at(office, finder, data)
    assert (found.pages, found.signatures, found.notices, found.obstacle) == (3, 0, (), None)
    assert found.digest == sm3(data)


def test_a_good_signature_that_is_there_needs_no_word(office: Office, finder: Finder) -> None:
    found = look_at(office, finder, stamped(office))
    assert (found.signatures, codes(found)) == (1, [])


def covered_by_a_box(data: bytes) -> bytes:
    """A later revision hides what was signed."""

    def change(writer: object) -> None:
        box = form_stream(writer, b"1 g 0 0 300 40 re f", (0, 0, 300, 40))
        node = generic.DictionaryObject(
            {
                name("/Type"): name("/Annot"),
                name("/Subtype"): name("/Stamp"),
                name("/F"): generic.NumberObject(4),
                name("/Rect"): generic.ArrayObject(
                    [generic.NumberObject(each) for each in (60, 690, 360, 730)]
                ),
                name("/AP"): generic.DictionaryObject({name("/N"): box}),
            }
        )
        annotate(writer, writer.add_object(node))  # type: ignore[attr-defined]

    return update(data, change)


def test_a_signature_after_which_the_file_was_altered_is_told_with_its_reason(
    office: Office, finder: Finder
) -> None:
    found = look_at(office, finder, covered_by_a_box(stamped(office, classic_pdf())))
    (notice,) = (each for each in found.notices if each.code == "earlier_invalid")
    assert notice.signature is not None
    assert notice.signature.verdict is Verdict.INVALID
    assert "无效" in notice.text("zh_CN")
    assert "invalid already" in notice.text("en")


def test_a_broken_signature_does_not_keep_a_seal_from_being_put(office: Office) -> None:
    """It was broken before, so nobody's seal is to blame and nobody's signature is harmed."""
    source = office.document(data=covered_by_a_box(stamped(office, classic_pdf())))
    job = StampJob(source, CODE, (Mark(0, 20.0, 200.0, 40.0, 40.0),))
    check_job(job, office.cabinet.seal(CODE), office.authorities.trust, NOW)
    done = office.stamp(source, marks=job.marks)
    assert [each.verdict for each in done.report.signatures] == [Verdict.INVALID, Verdict.VALID]


def test_an_altered_file_with_a_damaged_table_is_the_files_fault(office: Office) -> None:
    """Its trailer counts fewer objects than its table names: it is refused before anything is
    signed, where it was stamped before."""
    data = append_revision(covered_by_a_box(stamped(office, classic_pdf())), {}, free=[999])
    with pytest.raises(PdfUnreadable, match="fewer objects"):
        office.stamp(office.document(data=data), marks=(Mark(0, 20.0, 200.0, 40.0, 40.0),))


def test_a_certification_is_an_obstacle(office: Office, finder: Finder) -> None:
    certified = classic_pdf(
        catalog=b"/Perms<</DocMDP 6 0 R>>",
        extra=[b"<</Type/Sig/Name(The Author)/Reference[<</TransformParams<</P 2>>>>]>>"],
    )
    found = look_at(office, finder, certified)
    assert isinstance(found.obstacle, PdfLocked)
    assert "The Author" in explain(found.obstacle).cause


def restricted(data: bytes) -> bytes:
    """Anybody may open it; its author lets nobody change it."""
    import pymupdf

    with pymupdf.open(stream=data, filetype="pdf") as document:
        whole: bytes = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256,
            owner_pw="owner",
            permissions=pymupdf.PDF_PERM_PRINT,
        )
    return whole


def test_an_authors_prohibition_is_asked_about(office: Office, finder: Finder) -> None:
    found = look_at(office, finder, restricted(pages()))
    assert [(each.code, each.asks) for each in found.notices] == [("restricted", True)]
    assert codes(look_at(office, finder, restricted(pages()), "owner")) == []


def test_a_claim_of_an_archive_format_that_a_seal_breaks_is_told(
    office: Office, finder: Finder
) -> None:
    for packet in (b'pdfaid:part="1"', b"<pdfaid:part>1</pdfaid:part>"):
        stream = b"<</Type/Metadata/Subtype/XML/Length %d>>stream\n%s\nendstream"
        data = classic_pdf(catalog=b"/Metadata 6 0 R", extra=[stream % (len(packet), packet)])
        # the second since it is known that red needs an output intent for RGB
        assert codes(look_at(office, finder, data)) == ["pdfa1", "pdfa1_colour"]
        later = data.replace(b"1</pdf", b"2</pdf").replace(b'"1"', b'"2"')
        assert codes(look_at(office, finder, later)) == []


def test_what_may_be_shown_elsewhere_is_one_notice_that_names_each(
    office: Office, finder: Finder
) -> None:
    data = classic_pdf(catalog=b"/OpenAction<</S/JavaScript/JS(1)>>/Collection<<>>")
    (notice,) = look_at(office, finder, data).notices
    assert [each.kind for each in notice.elsewhere] == [Kind.SCRIPT, Kind.PORTFOLIO]
    for language in LANGUAGES:
        ways = messages(language)["phrases"]["before"]["shown"]
        assert ways["script"] in notice.text(language)
        assert ways["portfolio"] in notice.text(language)


def test_a_document_that_takes_too_long_to_search_is_told_and_not_refused(
    office: Office, finder: Finder, monkeypatch: pytest.MonkeyPatch
) -> None:
    def endless(document: object) -> list[object]:
        raise deadline.OutOfTime

    monkeypatch.setattr(preparing, "shown_elsewhere", endless)
    (notice,) = look_at(office, finder, pages()).notices
    assert [each.kind for each in notice.elsewhere] == [Kind.LEFT_OUT]


@pytest.mark.parametrize("language", LANGUAGES)
def test_every_kind_of_showing_something_else_has_words(language: str) -> None:
    assert set(messages(language)["phrases"]["before"]["shown"]) == {str(kind) for kind in Kind}


@pytest.mark.parametrize(
    ("minutes", "told"), [(0, False), (4, False), (-4, False), (6, True), (-6, True), (9999, True)]
)
def test_a_clock_is_off_by_more_than_five_minutes(minutes: int, told: bool) -> None:
    notice = clock_notice(NOW, NOW + timedelta(minutes=minutes))
    assert (notice is not None) is told
    if notice is not None:
        assert "2026-11-23 17:00" in notice.text("zh_CN")
        assert "clock" in notice.text("en")


def test_of_a_clock_that_nobody_tells_nothing_is_said() -> None:
    assert clock_notice(NOW, None) is None


def test_a_time_stamp_that_proves_a_later_time_is_told_first(
    office: Office, finder: Finder
) -> None:
    source = office.document(data=stamped(office))
    trust = office.authorities.trust
    found = examine(source, None, trust, NOW - timedelta(days=2), finder)
    assert codes(found) == ["clock_proved", "earlier_unknown"]


def test_what_changes_nothing_is_no_reason_to_doubt_a_signature(
    office: Office, finder: Finder
) -> None:
    """A title, validation data: what is doubtful is who signed, and that alone is said."""
    titled = append_revision(stamped(office), {90: b"<</Title(b)>>"}, trailer=b"/Info 90 0 R")
    found = examine(office.document(data=titled), None, Trust(), NOW, finder)
    assert codes(found) == ["earlier_unknown"]
    twice = office.document(data=stamped(office, stamped(office)))
    [first, _] = examine(twice, None, Trust(), NOW, finder).notices
    assert first.code == "earlier_changed"
    assert "未能证实" in first.text("zh_CN"), "what was added, not who signed"


def test_a_file_under_a_password_asks_for_it(office: Office, finder: Finder) -> None:
    with pytest.raises(PdfEncrypted):
        look_at(office, finder, encrypted(pages(), "geheim"))
    assert look_at(office, finder, encrypted(pages(), "geheim"), "geheim").pages == 1


def test_a_file_that_can_be_repaired_is_not_examined_as_it_is(
    office: Office, finder: Finder
) -> None:
    with pytest.raises(FileRepairable):
        look_at(office, finder, b"X-Mailer: oa\r\n" + classic_pdf())


# ---------------------------------------------------------------- the job


def check(office: Office, job: StampJob) -> None:
    check_job(job, office.cabinet.seal(CODE), office.authorities.trust, NOW)


def test_a_date_that_another_seal_would_be_mixed_up_with_is_found_before(office: Office) -> None:
    """The first company's seal would go from VALID to UNKNOWN."""
    source = office.document(data=stamped(office, dates=(DateMark(0, 80.0, 102.0),)))
    near = StampJob(source, CODE, (Mark(0, 120.0, 60.0, 40.0, 40.0),), (DateMark(0, 84.0, 103.0),))
    with pytest.raises(SealWouldHarm) as refused:
        check(office, near)
    assert refused.value.reason == "mark_covers"
    assert "放到别处" in explain(refused.value).remedy
    check(office, replace(near, dates=()))
    check(office, replace(near, dates=(DateMark(0, 140.0, 102.0),)))
    assert office.journal.entries()[-1].event == "stamped", "the rehearsal leaves no trace"


def test_a_second_seal_that_would_make_the_first_doubtful_is_found_before_both(
    office: Office,
) -> None:
    """Nothing is signed yet: the two seals of one act are rehearsed on each other."""
    seal, trust = office.cabinet.seal(CODE), office.authorities.trust
    source = office.document()
    first = StampJob(source, CODE, MARKS, (DateMark(0, 80.0, 102.0),))
    near = StampJob(source, CODE, (Mark(0, 120.0, 60.0, 40.0, 40.0),), (DateMark(0, 84.0, 103.0),))
    check(office, first)
    check(office, near)
    with pytest.raises(SealWouldHarm) as refused:
        check_jobs([first, near], [seal, seal], trust, NOW)
    assert refused.value.reason == "mark_covers"
    away = replace(near, dates=(DateMark(0, 140.0, 102.0),))
    check_jobs([first, away], [seal, seal], trust, NOW)
    check_jobs([first, replace(near, dates=())], [seal, seal], trust, NOW)
    assert office.journal.entries() == []


def test_two_seals_on_a_signed_document_are_rehearsed_on_all_that_is_there(office: Office) -> None:
    seal, trust = office.cabinet.seal(CODE), office.authorities.trust
    source = office.document(data=stamped(office, dates=(DateMark(0, 80.0, 102.0),)))
    first = StampJob(source, CODE, (Mark(0, 120.0, 160.0, 40.0, 40.0),))
    near = StampJob(source, CODE, (Mark(0, 120.0, 60.0, 40.0, 40.0),), (DateMark(0, 84.0, 103.0),))
    with pytest.raises(SealWouldHarm):
        check_jobs([first, near], [seal, seal], trust, NOW)
    check_jobs([first, replace(near, dates=())], [seal, seal], trust, NOW)


def test_a_seal_over_what_another_has_sealed_is_no_harm(office: Office) -> None:
    source = office.document(data=stamped(office))
    check(office, StampJob(source, CODE, (Mark(0, 120.0, 200.0, 40.0, 40.0),)))


def test_a_seal_that_cannot_be_read_is_not_rehearsed_as_good(office: Office) -> None:
    source = office.document(data=stamped(office))
    broken = replace(office.cabinet.seal(CODE), data=b"no seal")
    with pytest.raises(SealError):
        check_job(StampJob(source, CODE, MARKS), broken, office.authorities.trust, NOW)


def test_an_output_that_cannot_be_written_is_found_before(office: Office, tmp_path: Path) -> None:
    job = StampJob(office.document(), CODE, MARKS)
    with pytest.raises(OutputExists):
        check(office, replace(job, output=job.source))
    for output, reason in (
        (tmp_path / "no" / "a.pdf", FileProblem.MISSING),
        (tmp_path / f"{'章' * 90}.pdf", FileProblem.TOO_LONG),
        (tmp_path / "合同:1.pdf", FileProblem.NAME),
        (tmp_path / "CON.pdf", FileProblem.NAME),
        (tmp_path / "lpt1", FileProblem.NAME),
    ):
        with pytest.raises(OutputNotWritable) as refused:
            check(office, replace(job, output=output))
        assert refused.value.reason is reason, output
    check(office, replace(job, output=tmp_path / "合同(1)，盖章.pdf"))
    assert not list(tmp_path.glob("*.pdf"))


# ---------------------------------------------------------------- what was said yes to


def test_a_yes_counts_for_this_document_and_this_question(tmp_path: Path) -> None:
    answers = Answers(tmp_path / "data" / "answers.json")
    assert not answers.has(b"1", "restricted")
    answers.keep(b"1", "restricted")
    assert answers.has(b"1", "restricted")
    assert not answers.has(b"2", "restricted")
    assert not answers.has(b"1", "other")
    assert Answers(tmp_path / "data" / "answers.json").has(b"1", "restricted")


@pytest.mark.parametrize("content", ["{", "[1, {}]", '{"a": 1}', ""])
def test_answers_that_cannot_be_read_are_asked_for_again(tmp_path: Path, content: str) -> None:
    path = tmp_path / "answers.json"
    path.write_text(content)
    answers = Answers(path)
    assert not answers.has(b"1", "restricted")
    answers.keep(b"1", "restricted")
    assert answers.has(b"1", "restricted")

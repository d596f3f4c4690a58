"""THE STORY of 盖章: what comes out, what is refused, and what is left when it fails."""

from __future__ import annotations

import errno
import json
import os
import stat
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import pymupdf
import pytest

from app import revisions
from app.durable import try_lock
from app.errors import (
    Cancelled,
    DateWithoutSeal,
    FileNotReadable,
    FileProblem,
    JournalDamaged,
    LeaseExpired,
    NotAPdf,
    OutputExists,
    OutputNotWritable,
    OutputVerificationFailed,
    PlatformAnswerInvalid,
    PlatformRefused,
    SealNotFound,
    SealNotUsable,
    explain,
)
from app.placing.placement import PageBox, SealSize, riding_seam
from app.stamping import page_boxes
from app.steps import StampStep, TellStep
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SoftKey
from crypto.beijing import BEIJING
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.failures import PdfEncrypted, PdfLocked, PdfPasswordWrong, PdfUnsupported
from crypto.pdf.verify import verify_pdf
from crypto.seal.date_mark import DateMark, text_of
from crypto.seal.structure import SealError
from crypto.verdict import Finding, Report, Verdict
from device.token import BadSignature, TokenRemoved
from tests.world.authorities import CODE, NOW, Authorities
from tests.world.documents import classic_pdf
from tests.world.office import Office, cancelling_at, encrypted, pages
from tests.world.weak import side, weak_seals

STEPS = tuple(StampStep)


# ---------------------------------------------------------------- what comes out


def test_a_stamped_file_begins_with_the_original_and_is_valid(office: Office) -> None:
    source = office.document()
    before = source.read_bytes()
    told: list[StampStep] = []
    done = office.stamp(source, step=told.append)
    assert done.path == source.with_name("合同_已盖章.pdf")
    assert done.report.verdict is Verdict.VALID
    assert done.path.read_bytes().startswith(before)
    assert source.read_bytes() == before
    assert tuple(told) == STEPS
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf"}
    (signature,) = done.report.signatures
    assert signature.fields == done.field_names


def test_the_books_say_what_was_done(office: Office) -> None:
    done = office.stamp(office.document(), reason="合同盖章")
    begun, stamped = office.journal.entries()
    assert (begun.event, stamped.event) == ("stamp-begun", "stamped")
    assert stamped.sequence == done.journal_entry
    assert stamped.details["begun"] == begun.sequence
    assert stamped.details["output_sm3"] == sm3(done.path.read_bytes()).hex()
    (usage,) = office.cabinet.pending_usage()
    record = json.loads(usage.record)
    assert usage.id == stamped.details["usage_record"]
    assert record["document_sm3"] == stamped.details["output_sm3"]
    assert [bytes.fromhex(record["digest"])] == office.platform.tickets
    assert "合同" not in usage.record, "the platform is not told the name of the document"


def test_each_mark_can_be_a_signature_of_its_own(office: Office) -> None:
    marks = tuple(Mark(page, 60.0, 60.0, 40.0, 40.0) for page in range(3))
    done = office.stamp(office.document(data=pages(3)), marks=marks, separate=True)
    assert len(done.report.signatures) == len(office.platform.tickets) == 3
    assert len(set(done.field_names)) == 3


def test_a_riding_seam_with_a_signature_for_each_slice_is_good(office: Office) -> None:
    marks = tuple(riding_seam([PageBox(210, 297)] * 3, SealSize(40, 40)))
    done = office.stamp(office.document(data=pages(3)), marks=marks, separate=True)
    assert [each.verdict for each in done.report.signatures] == [
        Verdict.VALID,
        Verdict.VALID,
        Verdict.VALID,
    ]


def under_password(data: bytes, *, as_mupdf_does: bool) -> bytes:
    """*data* encrypted; MuPDF puts the encryption into the trailer itself (ISO 32000-1 §7.5.5)."""
    if not as_mupdf_does:
        return encrypted(data, "geheim")
    with pymupdf.open(stream=data, filetype="pdf") as document:
        whole: bytes = document.tobytes(
            encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="geheim", owner_pw="owner"
        )
    assert b"/Encrypt<<" in whole
    return whole


@pytest.mark.parametrize("as_mupdf_does", [False, True])
def test_a_document_with_a_password_is_stamped_under_it(
    office: Office, as_mupdf_does: bool
) -> None:
    source = office.document(data=under_password(pages(), as_mupdf_does=as_mupdf_does))
    (box,) = page_boxes(source, "geheim")
    assert (box.width_mm, box.height_mm) == pytest.approx((210, 297), abs=0.1)
    done = office.stamp(source, password="geheim")
    assert done.report.verdict is Verdict.VALID
    for password, error in ((None, PdfEncrypted), ("falsch", PdfPasswordWrong)):
        with pytest.raises(error):
            office.stamp(source, password=password)
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf"}


def test_a_date_beside_the_seal_shows_the_day_in_beijing_on_which_stamping_began(
    office: Office,
) -> None:
    late = NOW.replace(hour=16, minute=5)  # five past midnight in Beijing
    times = iter([late] + [late + timedelta(seconds=20)] * 50)
    office.platform.answers = {"issued_at": late, "next_update": late + timedelta(hours=1)}
    dates = (DateMark(0, 80.0, 102.0), DateMark(0, 150.0, 102.0, style="iso"))
    marks = (Mark(0, 60.0, 60.0, 40.0, 40.0), Mark(0, 130.0, 60.0, 40.0, 40.0))
    done = office.stamp(office.document(), marks=marks, dates=dates, clock=lambda: next(times))
    tomorrow = late.astimezone(BEIJING).date()
    assert tomorrow.day == NOW.day + 1
    (signature,) = done.report.signatures
    assert signature.verdict is Verdict.VALID
    shown = [each.date for each in signature.marks]
    assert shown == ["", "", text_of("cn", tomorrow), text_of("iso", tomorrow)]
    assert len(done.field_names) == 4


def test_the_books_count_seals_and_not_dates(office: Office) -> None:
    office.stamp(office.document(), dates=(DateMark(0, 80.0, 102.0),))
    (usage,) = office.cabinet.pending_usage()
    assert json.loads(usage.record)["marks"] == 1
    assert office.journal.entries()[1].details["pages"] == [1]


def test_with_a_signature_for_each_mark_the_date_goes_with_its_seal(office: Office) -> None:
    marks = tuple(Mark(page, 60.0, 60.0, 40.0, 40.0) for page in range(3))
    dates = tuple(DateMark(page, 80.0, 102.0) for page in (2, 0))
    done = office.stamp(office.document(data=pages(3)), marks=marks, dates=dates, separate=True)
    shown = [[bool(each.date) for each in one.marks] for one in done.report.signatures]
    assert shown == [[False, True], [False], [False, True]]
    assert {each.verdict for each in done.report.signatures} == {Verdict.VALID}


def test_a_date_on_a_page_without_a_seal_is_refused_before_anything_is_entered(
    office: Office,
) -> None:
    source = office.document(data=pages(2))
    half = Mark(1, 190.0, 100.0, 20.0, 40.0, (0.0, 0.0, 0.5, 1.0))
    for marks in ((Mark(0, 60.0, 60.0, 40.0, 40.0),), (half,)):
        with pytest.raises(DateWithoutSeal) as caught:
            office.stamp(source, marks=marks, dates=(DateMark(1, 80.0, 102.0),))
        assert caught.value.page == 2
    assert office.events() == []
    assert office.in_documents() == {"合同.pdf"}


# ---------------------------------------------------------------- may it?


@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"state": "suspended"}, "suspended"),
        ({"state": "cancelled"}, "cancelled"),
        ({"state": "expired"}, "expired"),
        ({"state": "made"}, "not_collected"),
        ({"certificate_state": "held"}, "certificate_revoked"),
        ({"certificate_state": "expired"}, "certificate_expired"),
    ],
)
def test_a_seal_out_of_force_is_not_used(
    tmp_path: Path, authorities: Authorities, changes: dict[str, str], reason: str
) -> None:
    office = Office.open(tmp_path, authorities, **changes)
    with pytest.raises(SealNotUsable) as caught:
        office.stamp(office.document())
    assert caught.value.reason == reason
    assert office.events() == []
    assert office.platform.tickets == []


def test_a_seal_that_may_be_forged_is_not_used(tmp_path: Path, authorities: Authorities) -> None:
    """Whoever verifies it could not confirm it: said before anything is signed."""
    seals = [{"data": seal} for seal in weak_seals(authorities.seal(authorities.holder()))]
    certificate = {"certificate": side("signer", leaf="sha1").leaf.der}
    for number, changes in enumerate((*seals, certificate)):
        folder = tmp_path / str(number)
        folder.mkdir()
        office = Office.open(folder, authorities, **changes)
        with pytest.raises(SealNotUsable) as caught:
            office.stamp(office.document())
        assert caught.value.reason == "weak_algorithm"
        for language in ("zh_CN", "en"):
            assert "weak" not in explain(caught.value, language).cause
        assert office.events() == []
        assert office.platform.tickets == []


def test_an_unknown_seal_is_not_found(office: Office) -> None:
    with pytest.raises(SealNotFound):
        office.stamp(office.document(), seal_code="32130000000099")


@pytest.mark.parametrize("hours", [0, 24])
def test_offline_a_seal_is_used_within_the_lease_only(office: Office, hours: int) -> None:
    limit = timedelta(hours=hours)
    said = office.authorities.statement(office.holder, issued_at=NOW - limit)
    office.cabinet.keep_statement(said)
    done = office.stamp(office.document(), platform=None, offline_limit=limit)
    assert not done.ticketed
    late = NOW + timedelta(seconds=1)
    with pytest.raises(LeaseExpired) as caught:
        office.stamp(office.document(), platform=None, offline_limit=limit, clock=lambda: late)
    assert caught.value.since == NOW - limit


def test_a_platform_that_falls_silent_at_the_ticket_is_the_same_as_offline(office: Office) -> None:
    office.platform.reachable = False
    with pytest.raises(LeaseExpired):
        office.stamp(office.document())
    assert office.events() == ["stamp-begun", "stamp-failed"]
    assert office.in_documents() == {"合同.pdf"}
    office.cabinet.keep_statement(office.authorities.statement(office.holder))
    assert not office.stamp(office.document()).ticketed


def test_offline_the_last_word_of_the_platform_counts(office: Office) -> None:
    said = office.authorities.statement(office.holder, state="suspended", recorded_at=NOW)
    office.cabinet.keep_statement(said)
    with pytest.raises(SealNotUsable):
        office.stamp(office.document(), platform=None)


def test_a_ticket_that_is_refused_ends_the_job(office: Office) -> None:
    def refused(*_: object) -> bytes:
        raise PlatformRefused("seal_not_active", "")

    office.platform.ticket = refused  # type: ignore[method-assign]
    with pytest.raises(PlatformRefused):
        office.stamp(office.document())
    assert office.in_documents() == {"合同.pdf"}


@pytest.mark.parametrize("change", [{"reason": "x" * 3000}, {"seal_code": "32130000000099"}])
def test_a_ticket_without_end_or_for_another_seal_is_no_answer(
    office: Office, change: dict[str, str]
) -> None:
    office.platform.answers = change
    with pytest.raises(PlatformAnswerInvalid):
        office.stamp(office.document())
    assert office.in_documents() == {"合同.pdf"}


def test_a_ticket_that_says_suspended_spoils_the_result_and_it_is_not_handed_out(
    office: Office,
) -> None:
    past = NOW - timedelta(hours=1)
    office.platform.answers = {"state": "suspended", "effective_at": past, "recorded_at": past}
    with pytest.raises(OutputVerificationFailed, match="status_not_active"):
        office.stamp(office.document())
    assert office.in_documents() == {"合同.pdf"}


@pytest.mark.parametrize(
    ("found", "blames"),
    [
        ("seal_signature_invalid", "seal"),
        ("signer_not_listed", "seal"),
        ("mark_differs", "seal"),
        ("changed_forbidden", "document"),
        ("byte_range_malformed", "document"),
        ("check_failed", "document"),
    ],
)
def test_a_result_that_fails_its_check_blames_the_seal_only_for_what_is_the_seals(
    office: Office, monkeypatch: pytest.MonkeyPatch, found: str, blames: str
) -> None:
    def judged(*arguments: Any, **named: Any) -> Report:
        report = verify_pdf(*arguments, **named)
        (signature,) = report.signatures
        return replace(report, signatures=(replace(signature, findings=(Finding(found),)),))

    monkeypatch.setattr(revisions, "verify_pdf", judged)
    with pytest.raises(OutputVerificationFailed) as failed:
        office.stamp(office.document())
    assert failed.value.blames == blames
    assert failed.value.stops_batch is (blames == "seal")
    remedy = explain(failed.value).remedy
    assert ("不要继续使用这个印章" in remedy) is (blames == "seal")


# ---------------------------------------------------------------- the key fails


@pytest.mark.parametrize("error", [TokenRemoved("pulled out"), BadSignature("garbage")])
def test_a_key_that_fails_leaves_nothing_but_an_entry(office: Office, error: Exception) -> None:
    class Broken:
        certificate = office.holder.certificate

        def sign(self, message: bytes) -> bytes:
            raise error

    with pytest.raises(type(error)):
        office.stamp(office.document(), key=Broken())
    assert office.in_documents() == {"合同.pdf"}
    failed = office.journal.entries()[-1]
    assert (failed.event, failed.details["reason"]) == ("stamp-failed", type(error).__name__)


def test_a_signature_by_another_key_never_reaches_a_file(office: Office) -> None:
    stranger = SoftKey.generate().with_certificate(office.holder.certificate)
    with pytest.raises(SealError, match="does not fit"):
        office.stamp(office.document(), key=stranger)
    assert office.in_documents() == {"合同.pdf"}


def test_another_holders_certificate_is_not_in_the_seals_list(office: Office) -> None:
    other = office.authorities.holder()
    with pytest.raises(SealError, match="list"):
        office.stamp(office.document(), key=other)
    assert office.in_documents() == {"合同.pdf"}


# ---------------------------------------------------------------- cancelled, full, forbidden


@pytest.mark.parametrize("step", STEPS[:-1])
def test_a_cancel_at_any_step_leaves_no_output_and_no_temporary_file(
    office: Office, step: StampStep
) -> None:
    source = office.document()
    before = source.read_bytes()
    with pytest.raises(Cancelled):
        office.stamp(source, step=cancelling_at(step, Cancelled()))
    assert office.in_documents() == {"合同.pdf"}
    assert source.read_bytes() == before
    assert office.events() == ([] if step is StampStep.CHECK else ["stamp-begun", "stamp-failed"])
    assert office.cabinet.pending_usage() == []
    assert office.stamp(source).report.verdict is Verdict.VALID


def test_when_all_is_done_there_is_nothing_left_to_cancel(office: Office) -> None:
    with pytest.raises(Cancelled):
        office.stamp(office.document(), step=cancelling_at(StampStep.DONE, Cancelled()))
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf"}
    assert office.events() == ["stamp-begun", "stamped"]


def test_an_output_that_exists_is_never_touched(office: Office) -> None:
    source = office.document()
    taken = office.document("taken.pdf", b"precious")
    with pytest.raises(OutputExists):
        office.stamp(source, output=taken)
    with pytest.raises(OutputExists):
        office.stamp(source, output=source)
    assert taken.read_bytes() == b"precious"
    assert office.events() == []


@pytest.mark.wants("posix")
def test_a_link_that_leads_nowhere_takes_the_name_too(office: Office) -> None:
    source = office.document()
    link = source.with_name("link.pdf")
    link.symlink_to("nowhere")
    with pytest.raises(OutputExists):
        office.stamp(source, output=link)
    assert office.events() == []


def put(path: Path) -> None:
    path.write_bytes(b"precious")


def test_a_name_taken_in_the_last_instant_is_left_alone(office: Office) -> None:
    source = office.document()
    wanted = source.with_name("合同_已盖章.pdf")
    exact = source.with_name("exact.pdf")
    done = office.stamp(source, step=at(StampStep.PUBLISH, lambda: put(wanted)))
    assert done.path == source.with_name("合同_已盖章(2).pdf")
    with pytest.raises(OutputExists):
        office.stamp(source, output=exact, step=at(StampStep.PUBLISH, lambda: put(exact)))
    assert wanted.read_bytes() == exact.read_bytes() == b"precious"


def at(step: StampStep, action: Callable[[], object]) -> TellStep:
    return lambda now: action() and None if now is step else None


def without_links(*_: object, **__: object) -> None:
    raise OSError(errno.EPERM, "no hard links here")


def test_a_file_system_without_hard_links_gets_the_file_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "link", without_links)
    source = office.document()
    exact = source.with_name("exact.pdf")
    assert office.stamp(source).path.exists()
    with pytest.raises(OutputExists):
        office.stamp(source, output=exact, step=at(StampStep.PUBLISH, lambda: put(exact)))
    assert exact.read_bytes() == b"precious"
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf", "exact.pdf"}


def test_a_drive_that_cannot_sync_folders_or_lock_files_gets_the_file_all_the_same(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuses(*_: object) -> None:
        raise OSError(errno.ENOTSUP, "not here")

    monkeypatch.setattr("app.publishing.sync_folder", refuses)
    monkeypatch.setattr("app.publishing._claim", refuses)
    assert office.stamp(office.document()).path.exists()


@pytest.mark.parametrize(
    ("code", "problem"),
    [
        (errno.ENOSPC, FileProblem.FULL),
        (errno.EACCES, FileProblem.DENIED),
        (errno.EROFS, FileProblem.DENIED),
        (errno.EIO, FileProblem.OTHER),
    ],
)
def test_a_full_or_failing_disk_is_told_as_such(
    office: Office, monkeypatch: pytest.MonkeyPatch, code: int, problem: FileProblem
) -> None:
    """Also where the journal cannot be written either: the first problem is the one to tell."""

    def fails(*_: object) -> None:
        raise OSError(code, os.strerror(code))

    def full() -> None:
        monkeypatch.setattr(os, "fsync", fails)

    source = office.document()
    with pytest.raises(OutputNotWritable) as caught:
        office.stamp(source, step=at(StampStep.SYNC, full))
    assert caught.value.reason is problem
    monkeypatch.undo()
    assert office.in_documents() == {"合同.pdf"}
    assert office.events()[0] == "stamp-begun"
    assert office.stamp(source).report.verdict is Verdict.VALID


def test_a_folder_that_does_not_exist_is_not_made(office: Office) -> None:
    source = office.document()
    with pytest.raises(OutputNotWritable) as caught:
        office.stamp(source, output=source.parent / "no" / "such" / "folder.pdf")
    assert caught.value.reason is FileProblem.MISSING
    with pytest.raises(OutputNotWritable) as caught:
        office.stamp(source, output=source / "below-a-file.pdf")
    assert caught.value.reason is FileProblem.MISSING


def test_what_cannot_be_entered_in_the_journal_is_not_handed_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def damaged(*_: object, **__: object) -> int:
        raise JournalDamaged(str(office.journal.path), 1)

    def break_journal() -> None:
        monkeypatch.setattr(office.journal, "append", damaged)

    with pytest.raises(JournalDamaged):
        office.stamp(office.document(), step=at(StampStep.JOURNAL, break_journal))
    assert office.in_documents() == {"合同.pdf"}


def test_what_the_platform_cannot_be_told_of_is_not_handed_out(
    office: Office, monkeypatch: pytest.MonkeyPatch
) -> None:
    def locked(*_: object) -> None:
        raise OSError(errno.EIO, "the cabinet's disk is gone")

    monkeypatch.setattr(office.cabinet, "queue_usage", locked)
    with pytest.raises(OSError, match="gone"):
        office.stamp(office.document())
    assert office.in_documents() == {"合同.pdf"}
    assert office.events() == ["stamp-begun", "stamped", "stamp-failed"]


# ---------------------------------------------------------------- temporary files


def test_what_a_killed_stamping_left_is_removed_but_nothing_else(office: Office) -> None:
    source = office.document()
    left = source.with_name(".旧合同_已盖章.pdf.0123456789ab.sealdesk")
    others = [".0123456789ab.sealdesk", "合同.0123456789ab.sealdesk", ".x.sealdesk", ".x.pdf"]
    for name in (left.name, *others):
        source.with_name(name).write_bytes(b"%PDF")
    long_ago(left)
    office.stamp(source)
    assert office.in_documents() == {"合同.pdf", "合同_已盖章.pdf", *others}


def long_ago(path: Path) -> None:
    """Nobody has written to it for an hour: where locks cannot tell, that does."""
    then = path.stat().st_mtime - 3600
    os.utime(path, (then, then))


def test_the_temporary_file_of_a_stamping_that_is_alive_is_left_alone(office: Office) -> None:
    source = office.document()
    alive = source.with_name(".旧合同_已盖章.pdf.0123456789ab.sealdesk")
    with alive.open("x+b") as file:
        assert try_lock(file)
        office.stamp(source)
        assert alive.exists()
    long_ago(alive)
    office.stamp(source)
    assert not alive.exists()


def test_two_stampings_in_one_folder_do_not_disturb_each_other(office: Office) -> None:
    source = office.document()
    inner: list[Path] = []
    done = office.stamp(
        source, step=at(StampStep.VERIFY, lambda: inner.append(office.stamp(source).path))
    )
    assert {done.path, *inner} == {
        source.with_name("合同_已盖章.pdf"), source.with_name("合同_已盖章(2).pdf"),
    }  # fmt: skip


@pytest.mark.parametrize("name", ["合" * 78 + ".pdf", "a" * 240 + ".pdf", "𠮷" * 58 + ".pdf"])
def test_a_name_as_long_as_the_system_allows_is_no_problem(office: Office, name: str) -> None:
    source = office.document(name)
    target = source.with_name("short.pdf")
    assert office.stamp(source, output=target).path == target
    assert office.stamp(source, suffix="_S").path.exists()


@pytest.mark.wants("posix")
def test_a_stamped_file_can_be_read_by_whom_the_folder_says(office: Office) -> None:
    before = os.umask(0o022)
    try:
        done = office.stamp(office.document())
    finally:
        os.umask(before)
    assert stat.S_IMODE(done.path.stat().st_mode) == 0o644


# ---------------------------------------------------------------- documents


@pytest.mark.parametrize(
    ("data", "error"),
    [
        (b"", NotAPdf),
        (b"Dear customer", NotAPdf),
        (b"MZ" + bytes(2000) + b"%PDF-1.7", NotAPdf),
        (classic_pdf(catalog=b"/AcroForm<</Fields[]/XFA(x)>>"), PdfUnsupported),
        (
            classic_pdf(
                catalog=b"/Perms<</DocMDP 6 0 R>>",
                extra=[b"<</Type/Sig/Reference[<</TransformParams<</P 2>>>>]>>"],
            ),
            PdfLocked,
        ),
    ],
)
def test_a_document_that_cannot_be_sealed_is_refused(
    office: Office, data: bytes, error: type[Exception]
) -> None:
    with pytest.raises(error):
        office.stamp(office.document(data=data))
    assert office.in_documents() == {"合同.pdf"}
    assert office.platform.tickets == [], "no ticket was used up"


def test_a_document_that_cannot_be_opened_is_told_as_such(office: Office) -> None:
    cases: list[tuple[Path, Any]] = [
        (office.document().with_name("nowhere.pdf"), FileProblem.MISSING),
        (office.folder, FileProblem.FOLDER),
    ]
    for path, reason in cases:
        with pytest.raises(FileNotReadable) as caught:
            page_boxes(path)
        assert caught.value.reason is reason


def test_the_seal_is_in_the_cabinet_by_code(office: Office) -> None:
    assert office.cabinet.seal(CODE).parsed.es_id == CODE

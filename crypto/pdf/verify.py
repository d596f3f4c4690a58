"""A PDF → what can be said about each signature and each visible mark in it.

    verify_pdf(stream, name, trust, now) → Report

The story, in the order in which things happen:

    1. open the file, and take the evidence that it encloses
    2. find the signatures, by walking the form fields ourselves; what step 7 will probably look at
       may be drawn from here on
    3. hash the bytes, once for all signatures together; the pages are searched for pictures of
       seals meanwhile
    4. check each signature by itself: what it covers, what changed later, its value
    5. compare the visible marks of all signatures with their seals; is what was sealed what was
       approved?
    6. weigh later seals: one that proves nothing may hide what an earlier one sealed
    7. look at the pages: does what came later show anything else than was accepted?
    8. name what shows on the pages and is not signed, and signatures that are hidden
    9. put the report together

Bytes around the document in its file are left out before these steps and reported after them.

Whatever goes wrong with one signature becomes a finding of that one, and the others are still
checked. This is one module, though long: the steps are one story, each short, in the order in which
they are told.
"""

from __future__ import annotations

import io
from collections import Counter
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from functools import cached_property
from typing import TYPE_CHECKING, Any, BinaryIO

from crypto.frozen import frozen
from crypto.pdf.changes.coverage import Coverage
from crypto.pdf.changes.unlisted import read_alike
from crypto.pdf.hidden import hidden_signatures
from crypto.pdf.lookalikes.search import (
    LookalikeSearch,
    look_alikes,
    lookalike_seals,
    stamp_annotations,
)
from crypto.pdf.marks.check import SealMarks, check_date, draws, joined_slices
from crypto.pdf.marks.date import date_of
from crypto.pdf.marks.drawn import MAX_MARKS, DrawMarks, MarkTask
from crypto.pdf.marks.place import dates_meet, marks_of, overlaps
from crypto.pdf.reading.digests import Covered, digest_again, digests, digests_meanwhile
from crypto.pdf.reading.document import Document, Field, lost_the_eighth_bit
from crypto.pdf.reading.enclosed_evidence import with_enclosed_evidence
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError, within_time
from crypto.pdf.reading.signatures import (
    EmbeddedSignature,
    claimed_signer,
    read_signatures,
    stated_certificates,
    stated_time,
)
from crypto.pdf.reading.surroundings import Surroundings, without_surroundings
from crypto.seal.structure import Seal
from crypto.validation.seal_check import SignatureCheck, check_signature, seal_info
from crypto.validation.trust import Trust
from crypto.verdict import (
    CertificateInfo,
    Change,
    FileInfo,
    Finding,
    MarkInfo,
    Report,
    SignatureReport,
    Times,
    Verdict,
)

if TYPE_CHECKING:
    from crypto.pdf.looking.layer import Look
    from crypto.seal.use_approval import UseRequest
    from crypto.validation.cms_check import CmsCheck

PROGRAM = "SealDesk 0.1.0"

Foresee = Callable[[Document, str | None, Sequence[tuple[int, int | None]]], None]
"""Is told of the document, its password, and as for :func:`crypto.pdf.looking.layer.with_looks` of
the earlier revisions that signatures cover. Raises :data:`PARSER_FAILURES`."""


def verify_pdf(
    stream: BinaryIO,
    name: str,
    trust: Trust,
    now: datetime,
    *,
    password: str | None = None,
    look: Look | None = None,
    foresee: Foresee | None = None,
    draw: DrawMarks | None = None,
    rehearsed: Collection[str] = (),
) -> Report:
    """Judge every signature of the PDF in *stream* (seekable, binary) as of *now*.

    *name* is only shown; *look* draws the pages for step 7, after *foresee* was told of them;
    *draw* the marks of step 5 that only engines can compare (None: nobody does). The signature
    whose fields are *rehearsed* is judged as any other, and the others as if it were proved: what
    would become of them? Raises
    :class:`crypto.pdf.reading.failures.PdfError`'s subclasses if the file cannot be read at all,
    OSError if the stream fails; never for what one signature contains."""
    with within_time():
        within, around = without_surroundings(stream)
        report = _verify_document(
            within, name, trust, now, password, look, foresee, draw, rehearsed
        )
        if not around:
            return report
        size = within.seek(0, io.SEEK_END)
        if any(sum(signed.byte_range[2:]) > size for signed in report.signatures):
            # somebody has signed what follows the end as well, so it is no accident
            return _verify_document(
                stream, name, trust, now, password, look, foresee, draw, rehearsed
            )
        return _with_surroundings(report, stream, within, around, password)


def _verify_document(
    stream: BinaryIO,
    name: str,
    trust: Trust,
    now: datetime,
    password: str | None,
    look: Look | None,
    foresee: Foresee | None,
    draw: DrawMarks | None,
    rehearsed: Collection[str],
) -> Report:
    file = _open(stream, password, trust, now)  # 1
    signatures = read_signatures(file.document, file.fields)  # 2
    coverage = Coverage(file.document, file.size, password, signatures)
    if foresee:
        with suppress(*PARSER_FAILURES):
            foresee(file.document, password, coverage.revisions())
    file_sm3, search = _hash_and_search(file, signatures)  # 3
    checks = [_check_alone(file, coverage, signature) for signature in signatures]  # 4
    for check in checks:
        check.rehearsed = not set(rehearsed).isdisjoint(check.report.fields)
    if draw:
        _draw_marks(file.document, password, checks, draw)  # 5
    _check_marks(checks)
    _check_approvals(file.document, password, checks)
    over = overlaps(mark for check in checks for mark in check.report.marks)
    reports = tuple(_weighed(check, checks, over) for check in checks)  # 6
    if any(report.digest_matches is False for report in reports) and lost_the_eighth_bit(stream):
        reports = tuple(map(_damaged, reports))
    if look and any(report.coverage == "revision" for report in reports):
        from crypto.pdf.looking.layer import with_looks

        revisions = [(signed.end, coverage.revision(signed)) for signed in signatures]
        reports = with_looks(file.document, password, revisions, reports, look)  # 7
    unsigned = _unsigned(file, search, reports)  # 8
    hidden = hidden_signatures(file.document, file.size, password, signatures)
    unsigned = replace(unsigned, findings=(*hidden, *unsigned.findings))
    return _report(file, name, file_sm3, reports, unsigned)  # 9


def _damaged(signature: SignatureReport) -> SignatureReport:
    """*signature* in a file that a transfer has damaged: whether anybody changed what it protects
    cannot be told."""
    findings = (
        Finding("damaged_in_transfer") if each.code == "digest_mismatch" else each
        for each in signature.findings
    )
    return replace(signature, findings=tuple(findings))


# --- bytes around the document -----------------------------------------------------------------


_NOT_BESIDE = frozenset(("covers_file", "covers_revision", "range_incomplete"))
"""What is not told of a signature beside bytes that could be part of the document."""


def _with_surroundings(
    report: Report,
    stream: BinaryIO,
    within: BinaryIO,
    around: Surroundings,
    password: str | None,
) -> Report:
    """The *report* on the document *within*, as one on the whole file in *stream*."""
    size = stream.seek(0, io.SEEK_END)
    file_sm3, _ = digests(stream, size, ())
    ends = tuple(around.before + end for end in report.file.revisions)
    file = replace(report.file, size=size, sm3=file_sm3.hex(), revisions=ends)
    findings = [*report.findings]
    if around.before:
        findings.append(Finding("bytes_before_start", {"count": str(around.before)}))
    if around.behind:
        findings.append(Finding("bytes_behind_end", {"count": str(around.behind)}))
    if around.suspect or (around.far and not read_alike(Document(within, password))):
        findings.append(Finding("range_incomplete"))
        report = replace(report, signatures=tuple(map(_covering_less, report.signatures)))
    return replace(report, file=file, findings=tuple(findings))


def _covering_less(signature: SignatureReport) -> SignatureReport:
    """*signature* in a file of which readers may show more than it covers."""
    kept = (each for each in signature.findings if each.code not in _NOT_BESIDE)
    coverage = "unclear" if signature.coverage == "file" else signature.coverage
    return replace(signature, coverage=coverage, findings=(*kept, Finding("range_incomplete")))


# --- 1. open the file --------------------------------------------------------------------------


@frozen
class _File:
    """The file that is verified, and what it is judged by."""

    document: Document
    size: int
    """In bytes."""
    fields: list[Field]
    """All signature fields, signed or not."""
    trust: Trust
    """With the evidence that the file encloses."""
    now: datetime


def _open(stream: BinaryIO, password: str | None, trust: Trust, now: datetime) -> _File:
    document = Document(stream, password)
    trust = with_enclosed_evidence(document, trust)
    size = stream.seek(0, io.SEEK_END)
    return _File(document, size, document.signature_fields(), trust, now)


# --- 3. hash the bytes, and search the pages ---------------------------------------------------


def _hash_and_search(
    file: _File, signatures: Sequence[EmbeddedSignature]
) -> tuple[bytes, LookalikeSearch]:
    """(SM3 of the file, what looks like a seal); each signature gets the digest of what it
    covers."""
    covering = [(signature, signature.covered) for signature in signatures if signature.covered]
    wanted = [covered for _, covered in covering]
    sealed_pages = [page for field in file.fields for page in field.pages]
    with digests_meanwhile(file.document.stream, file.size, wanted) as made:
        search = look_alikes(file.document, sealed_pages)
        file_sm3, found = made()
    for (signature, _), digest in zip(covering, found, strict=True):
        signature.digest = digest
    return file_sm3, search


# --- 4. check each signature by itself ---------------------------------------------------------


@dataclass
class _Check:
    """One signature, and what the steps have found out about it so far."""

    signature: EmbeddedSignature
    report: SignatureReport
    harmless: bool = False
    """Its marks hide nothing of what was there before."""
    marks: SealMarks | None = None
    """What it shows of its seal, for step 5."""
    rehearsed: bool = False
    approved: UseRequest | None = None
    """The request that was approved, of which it is said that it is about this document."""

    def state(self, **facts: Any) -> None:
        """Put *facts*, by the names of SignatureReport, into the report."""
        self.report = replace(self.report, **facts)

    def find(self, findings: Iterable[Finding]) -> None:
        """Add *findings* to the report."""
        self.state(findings=(*self.report.findings, *findings))

    @property
    def shows(self) -> bool:
        """Would a viewer show anything for it?"""
        return any(map(draws, self.signature.fields))

    @cached_property
    def proved(self) -> bool:
        """Does it prove what it shows? Every earlier signature asks this, after step 5."""
        good = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
        return self.rehearsed or self.report.verdict in good


def _check_alone(file: _File, coverage: Coverage, signature: EmbeddedSignature) -> _Check:
    check = _Check(signature, _empty_report(signature))
    if signature.covered is None:
        _name_claimed_signer(check)
        check.harmless = not check.shows
        return check
    try:
        _check_coverage(check, coverage)
        _check_value(check, signature.covered, file)
    except PARSER_FAILURES as error:
        reason = f"{type(error).__name__}: {error}"[:200]
        check.find([Finding("check_failed", {"reason": reason})])
        check.harmless, check.marks = False, None
    return check


def _name_claimed_signer(check: _Check) -> None:
    """Say whose signature it claims to be; nothing of it is proved."""
    seal, signer = claimed_signer(check.signature.dictionary)
    if seal:
        check.state(seal=seal_info(seal, None))
    if signer:
        check.state(signer=CertificateInfo.of(signer))


def _empty_report(signature: EmbeddedSignature) -> SignatureReport:
    return SignatureReport(
        fields=tuple(field.name for field in signature.fields),
        format=signature.kind,
        filter=signature.filter,
        subfilter=signature.subfilter,
        coverage="unclear",
        byte_range=signature.byte_range,
        digest_matches=None,
        signature_valid=None,
        seal_signature_valid=None,
        signer_in_seal_list=None,
        signer=None,
        chain=(),
        seal=None,
        seal_chain=(),
        times=Times(),
        platform=None,
        marks=tuple(mark for field in signature.fields for mark in marks_of(field)),
        changed_later=(),
        findings=tuple(signature.problems),
    )


def _check_coverage(check: _Check, coverage: Coverage) -> None:
    covers, changes, findings = coverage.check(check.signature)
    check.state(coverage=covers, changed_later=tuple(changes))
    check.find(findings)


def _check_value(check: _Check, covered: Covered, file: _File) -> None:
    signature = check.signature
    if signature.seal_signature:
        value = signature.seal_signature
        _take(check, check_signature(value, signature.digest, file.trust, file.now))
        check.state(format=f"ses-{value.generation}")
        check.marks = SealMarks.examine(signature.fields, value.seal)
    elif signature.signed_data or signature.kind == "pkcs1":
        found = _check_cms(signature, covered, file)
        _take(check, found)
        check.state(format=_format(signature, found))
        _look_at_marks_of_cms(check)
    else:
        details = {"filter": signature.filter, "subfilter": signature.subfilter}
        check.find([Finding("kind_unknown", details)])
        check.harmless = not check.shows


def _take(check: _Check, found: SignatureCheck | CmsCheck) -> None:
    """Put what the check of the value has found into the report."""
    check.state(
        digest_matches=found.digest_matches,
        signature_valid=found.signature_valid,
        seal_signature_valid=found.seal.signature_valid if found.seal else None,
        signer_in_seal_list=found.signer_in_seal_list,
        signer=found.signer,
        chain=found.chain,
        seal=found.seal.info if found.seal else None,
        seal_chain=found.seal.chain if found.seal else (),
        times=found.times,
        platform=found.platform,
        origin=found.origin,
    )
    check.find(found.findings)
    check.approved = found.approved


@frozen
class _ContentDigest:
    """Digests over what one signature covers; the one of step 3 is not made again."""

    stream: BinaryIO
    covered: Covered
    known: bytes

    def __call__(self, hash_name: str, prefix: bytes = b"", /) -> bytes:
        if hash_name == self.covered.hash_name and not prefix:
            return self.known
        return digest_again(self.stream, self.covered, hash_name, prefix)


def _check_cms(signature: EmbeddedSignature, covered: Covered, file: _File) -> CmsCheck:
    """A CMS signature, a document time stamp, or a bare RSA value (adbe.x509.rsa_sha1)."""
    from crypto.validation import cms_check

    digest = _ContentDigest(file.document.stream, covered, signature.digest)
    contents, trust, now = signature.contents, file.trust, file.now
    if signature.signed_data is None:
        certificates, stated = stated_certificates(signature), stated_time(signature)
        return cms_check.check_rsa_value(contents, certificates, digest, stated, trust, now)
    if signature.kind == "timestamp":
        return cms_check.check_document_timestamp(contents, digest, trust)
    stated = stated_time(signature)
    return cms_check.check_cms(signature.signed_data, digest, trust, now, claimed=stated)


def _format(signature: EmbeddedSignature, found: CmsCheck) -> str:
    """cms for SM2 and CAdES values, pkcs7 for the older Adobe names, pkcs1 and timestamp."""
    if signature.kind in ("timestamp", "pkcs1"):
        return signature.kind
    return "pkcs7" if "pkcs7" in signature.subfilter and not found.is_sm2 else "cms"


def _look_at_marks_of_cms(check: _Check) -> None:
    """A CMS signature shows a seal if it signs one; without a seal it may show a date."""
    signature, report = check.signature, check.report
    check.harmless = not check.shows
    if not report.seal:
        dates = [(field, date_of(field)) for field in signature.fields]
        check.find(check_date(field, text, report.times) for field, text in dates if text)
        return
    signers = signature.signed_data.signers[:1] if signature.signed_data else ()
    if signers and signers[0].seal:
        seal = Seal.parse(signers[0].seal)
        check.harmless = False
        check.marks = SealMarks.examine(signature.fields, seal)


# --- 5. compare the visible marks --------------------------------------------------------------


def _draw_marks(
    document: Document, password: str | None, checks: Sequence[_Check], draw: DrawMarks
) -> None:
    """Have those marks drawn that the parser alone cannot compare, where the signature is not
    disproved already."""
    wanted = [
        (check, check.marks, [replace(wish, end=check.signature.end) for _, wish, _ in undrawn])
        for check in checks
        if check.marks
        and (undrawn := check.marks.undrawn)
        and check.report.verdict is not Verdict.INVALID
    ]
    wishes = [wish for _, _, mine in wanted for wish in mine]
    if not wishes or len(wishes) > MAX_MARKS:
        return
    document.stream.seek(0)
    drawn = list(draw(MarkTask(document.stream.read(), password, tuple(wishes))))
    for check, marks, mine in wanted:
        check.marks = marks.with_drawn(drawn[: len(mine)])
        del drawn[: len(mine)]


def _check_marks(checks: Sequence[_Check]) -> None:
    """The slices of a riding seam may be shown by as many signatures with one seal; one that is
    disproved completes no other's."""
    shown = [(check, check.marks) for check in checks if check.marks]
    joined = joined_slices(
        (marks, check.report.verdict is not Verdict.INVALID) for check, marks in shown if marks.cut
    )
    for check, marks in shown:
        findings, check.harmless = marks.check(joined, check.report.times, check.report.marks)
        check.find(findings)


def _check_approvals(document: Document, password: str | None, checks: Sequence[_Check]) -> None:
    """Where a seal's use was approved: is the document the approved one, and this use within the
    number that was approved? An earlier signature is weighed before a later one asks whether it
    proves what it shows."""
    uses: Counter[str] = Counter()
    for check in sorted(checks, key=lambda check: check.signature.end):
        if request := check.approved:  # rare: what it needs is loaded then
            from crypto.pdf.approved import check_approved, without_approvals

            def unproved(changes: Sequence[Change], own: _Check = check) -> list[Change]:
                return _unapproved(changes, own, checks)

            uses[request.sha256] += 1
            found = check_approved(document, check.signature.end, password, request, unproved)
            if not found and uses[request.sha256] > int(request.copies):
                shown = {"use": str(uses[request.sha256]), "copies": request.copies}
                found = [Finding("approval_exceeded", shown)]
            if found or not check.report.intact:
                check.state(findings=without_approvals(check.report.findings))
            check.find(found)


def _unapproved(changes: Sequence[Change], own: _Check, everyone: Sequence[_Check]) -> list[Change]:
    """Which of *changes*, fields of signatures that came between the approval and the seal *own*,
    may show what the approvers did not see: all but those of *own*, of signatures without a look,
    and of proved seals that hide nothing."""
    good: set[str] = set()
    bad: set[str] = set()
    for other in everyone:
        mine = [change for change in changes if change.what in other.report.fields]
        if not mine:
            continue
        fine = other is own or _of_later(mine, other, other.harmless).code in _HIDING_NOTHING
        (good if fine else bad).update(change.what for change in mine)
    return [change for change in changes if change.what not in good - bad]


_HIDING_NOTHING = ("later_signature_unseen", "later_seal")


# --- 6. weigh later seals ----------------------------------------------------------------------


def _weighed(
    check: _Check, everyone: Sequence[_Check], over: Mapping[str, Collection[str]]
) -> SignatureReport:
    """The report with what later signatures do to it. A seal must itself prove what it shows, and
    hide nothing: otherwise the earlier seal cannot be called good (the "sneaky signature" attack).
    A signature with a look of its signer's own may stand on blank ground. *over*: field → the
    fields of all marks that lie over its own."""
    report = check.report
    added = {change.what: change for change in report.changed_later if change.kind == "seal_added"}
    extra: list[Finding] = []
    later = frozenset(added)
    for other in everyone:
        changes = [added.pop(name) for name in other.report.fields if name in added]
        if not changes or other is check:
            continue
        harmless = other.harmless and not dates_meet(report.marks, other.report.marks)
        heap = max(len(later.intersection(over.get(each.what, ()))) for each in changes)
        extra.append(_of_later(changes, other, harmless, heap))
    extra += [change.finding for change in added.values()]
    return replace(report, findings=(*report.findings, *extra)) if extra else report


def _of_later(changes: Sequence[Change], later: _Check, harmless: bool, heap: int = 0) -> Finding:
    """What one later signature means; *changes* put its fields into the file. *heap*: so many other
    later marks lie over one of its own."""
    seal = later.report.seal
    shown = [change for change in changes if change.ground]
    details = {"who": later.report.who or "—", "field": changes[0].what}
    if shown and shown[0].page:
        details["page"] = str(shown[0].page)
    if harmless and not shown:
        return Finding("later_signature_unseen", details)
    is_blank = all(change.ground == "blank" for change in shown)
    marks = later.marks
    is_thick = bool(marks and (marks.solid or heap > marks.most_over))
    hides = is_thick and not is_blank
    if harmless and later.proved and seal:
        code = "later_seal_hides" if hides else "later_seal"
        return Finding(code, {**details, "seal": seal.name})
    # anybody gets time stamps: one with a look of its own says nothing of who put it there
    is_signed = later.report.intact and not seal and later.report.format != "timestamp"
    if is_signed and is_blank:
        return Finding("later_signature_seen", details)
    return Finding("mark_covers", details)


# --- 8. name what is not signed ----------------------------------------------------------------


@frozen
class _Unsigned:
    """What shows on the pages and proves nothing."""

    marks: tuple[MarkInfo, ...]
    lookalikes: tuple[MarkInfo, ...]
    findings: tuple[Finding, ...]


def _unsigned(
    file: _File, search: LookalikeSearch, reports: Sequence[SignatureReport]
) -> _Unsigned:
    empty = [field for field in file.fields if field.value is None and draws(field)]
    marks = [mark for field in empty for mark in marks_of(field)]
    findings = [
        Finding("unsigned_mark", {"page": str(mark.page), "field": mark.field}) for mark in marks
    ]
    findings += stamp_annotations(file.document)
    unchanged = [
        report for report in reports if report.intact and report.verdict is not Verdict.INVALID
    ]
    protected = {report.who or "—": report.marks for report in unchanged}
    lookalikes, about_them = lookalike_seals(search, protected)
    return _Unsigned(tuple(marks), tuple(lookalikes), (*findings, *about_them))


# --- 9. put the report together ----------------------------------------------------------------


def _report(
    file: _File,
    name: str,
    file_sm3: bytes,
    signatures: tuple[SignatureReport, ...],
    unsigned: _Unsigned,
) -> Report:
    document = file.document
    leniently = [Finding("opened_leniently")] if document.repaired else []
    try:
        page_count = len(document.pages())
    except PdfError:
        page_count = None
    ends = document.revision_ends(file.size)
    return Report(
        program=PROGRAM,
        verified_at=datetime.now(UTC),
        judged_at=file.now,
        file=FileInfo(name, file.size, file_sm3.hex(), page_count, ends),
        signatures=signatures,
        unsigned_marks=unsigned.marks,
        lookalikes=unsigned.lookalikes,
        findings=(*unsigned.findings, *leniently),
    )

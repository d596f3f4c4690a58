"""A PDF → what can be said about each signature and each visible mark in it.

    verify_pdf(stream, name, trust, now) → Report

Signatures are found by walking the form fields ourselves. Each is checked by itself: whatever goes
wrong with one becomes a finding of that one, and the others are still checked. The bytes are hashed
once for all signatures together.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from functools import cached_property
from typing import TYPE_CHECKING, BinaryIO

from crypto.lengths import MM
from crypto.pdf.changes.coverage import Coverage
from crypto.pdf.lookalikes.search import look_alikes
from crypto.pdf.marks.appearance import box, has_area
from crypto.pdf.marks.check import SealMarks, check_date, complete_seams, date_of, draws
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.digests import digest_again, digests
from crypto.pdf.reading.document import Document, Field
from crypto.pdf.reading.enclosed_evidence import with_enclosed_evidence
from crypto.pdf.reading.failures import PARSER_FAILURES, PdfError, within_time
from crypto.pdf.reading.page import Page
from crypto.pdf.reading.signatures import EmbeddedSignature, read_signatures
from crypto.seal.structure import Seal, SealSignature
from crypto.validation.seal_check import check_signature
from crypto.validation.trust import Trust
from crypto.verdict import (
    FileInfo,
    Finding,
    MarkInfo,
    Report,
    SignatureReport,
    Times,
    Verdict,
)

if TYPE_CHECKING:
    from crypto.validation.cms_check import CmsCheck

PROGRAM = "SealDesk 0.1.0"
_PDF_DATE = re.compile(r"D:(\d{14}|\d{12})(?:([+-])(\d\d)'?(?:(\d\d)'?)?|Z)?")


def verify_pdf(
    stream: BinaryIO,
    name: str,
    trust: Trust,
    now: datetime,
    *,
    password: str | None = None,
) -> Report:
    """Judge every signature of the PDF in *stream* (seekable, binary) as of *now*.

    *name* is only shown. Raises :class:`crypto.pdf.reading.failures.PdfError`'s subclasses if the
    file cannot be read at all, OSError if the stream fails; never for what one signature
    contains."""
    with within_time():
        return _verify(stream, name, trust, now, password)


def _verify(
    stream: BinaryIO, name: str, trust: Trust, now: datetime, password: str | None
) -> Report:
    document = Document(stream, password)
    trust = with_enclosed_evidence(document, trust)
    size = stream.seek(0, io.SEEK_END)
    fields = document.signature_fields()
    embedded = read_signatures(document, fields)
    covered = [(signature, signature.covered) for signature in embedded if signature.covered]
    file_sm3, found = digests(stream, size, [each for _, each in covered])
    for (signature, _), digest in zip(covered, found, strict=True):
        signature.digest = digest
    cover = Coverage(document, size, password, embedded)
    checked = _with_marks(
        [_check(signature, document, cover, trust, now) for signature in embedded]
    )
    reports = tuple(_weigh_later_seals(each, checked) for each in checked)

    unsigned = [
        mark for each in fields if each.value is None and draws(each) for mark in _marks(each)
    ]
    findings = [
        Finding("unsigned_mark", {"page": str(mark.page), "field": mark.field}) for mark in unsigned
    ]
    findings += _stamps(document)
    lookalikes, told = _lookalikes(document, fields)
    findings += told
    if document.repaired:
        findings.append(Finding("opened_leniently"))
    return Report(
        program=PROGRAM,
        verified_at=datetime.now(UTC),
        judged_at=now,
        file=FileInfo(
            name, size, file_sm3.hex(), _page_count(document), document.revision_ends(size)
        ),
        signatures=reports,
        unsigned_marks=tuple(unsigned),
        lookalikes=tuple(lookalikes),
        findings=tuple(findings),
    )


# --- judging -----------------------------------------------------------------------------------


@dataclass(frozen=True)
class _Checked:
    """A report in the making, and whether its marks are harmless to what was there before."""

    report: SignatureReport
    harmless: bool
    marks: SealMarks | None = None
    """To be checked when all signatures have been looked at."""

    @cached_property
    def proved(self) -> bool:
        """Does it prove what it shows? Asked for by every earlier signature."""
        return self.report.verdict in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def _check(
    signature: EmbeddedSignature, document: Document, cover: Coverage, trust: Trust, now: datetime
) -> _Checked:
    report = SignatureReport(
        fields=tuple(each.name for each in signature.fields),
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
        marks=tuple(mark for each in signature.fields for mark in _marks(each)),
        changed_later=(),
        findings=tuple(signature.problems),
    )
    if signature.covered is None:
        return _Checked(report, not any(map(draws, signature.fields)))
    try:
        coverage, changes, findings = cover.check(signature)
        report = replace(
            report,
            coverage=coverage,
            changed_later=tuple(changes),
            findings=(*report.findings, *findings),
        )
        if signature.seal_signature:
            return _check_seal(report, signature, signature.seal_signature, trust, now)
        if signature.signed_data or signature.kind == "pkcs1":
            report = _check_cms(report, signature, document, trust, now)
            harmless = not any(map(draws, signature.fields))
            if not report.seal:
                dates = ((each, date_of(each)) for each in signature.fields)
                found = (check_date(each, text, report.times) for each, text in dates if text)
                report = replace(report, findings=(*report.findings, *found))
            signed_along = signature.signed_data.signers[:1] if signature.signed_data else ()
            if signed_along and signed_along[0].seal and report.seal:
                seal = Seal.parse(signed_along[0].seal)
                return _Checked(report, False, SealMarks.examine(signature.fields, seal))
            return _Checked(report, harmless)
        details = {"filter": signature.filter, "subfilter": signature.subfilter}
        unknown = Finding("kind_unknown", details)
        report = replace(report, findings=(*report.findings, unknown))
        return _Checked(report, not any(map(draws, signature.fields)))
    except PARSER_FAILURES as error:
        failed = Finding("check_failed", {"reason": f"{type(error).__name__}: {error}"[:200]})
        return _Checked(replace(report, findings=(*report.findings, failed)), False)


def _check_seal(
    report: SignatureReport,
    signature: EmbeddedSignature,
    value: SealSignature,
    trust: Trust,
    now: datetime,
) -> _Checked:
    checked = check_signature(value, signature.digest, trust, now)
    report = replace(
        report,
        format=f"ses-{value.generation}",
        digest_matches=checked.digest_matches,
        signature_valid=checked.signature_valid,
        seal_signature_valid=checked.seal.signature_valid,
        signer_in_seal_list=checked.signer_in_seal_list,
        signer=checked.signer,
        chain=checked.chain,
        seal=checked.seal.info,
        seal_chain=checked.seal.chain,
        times=checked.times,
        platform=checked.platform,
        findings=(*report.findings, *checked.findings),
    )
    return _Checked(report, False, SealMarks.examine(signature.fields, value.seal))


def _check_cms(
    report: SignatureReport,
    signature: EmbeddedSignature,
    document: Document,
    trust: Trust,
    now: datetime,
) -> SignatureReport:
    """A CMS signature, a document time stamp, or a bare RSA value (adbe.x509.rsa_sha1)."""
    from crypto.validation import cms_check

    covered = signature.covered

    def content_digest(hash_name: str, prefix: bytes = b"", /) -> bytes:
        if covered is None:
            raise ValueError("nothing is covered")
        if hash_name == covered.hash_name and not prefix:
            return signature.digest
        return digest_again(document.stream, covered, hash_name, prefix)

    if signature.signed_data is None:
        certificates = _stated_certificates(signature)
        checked = cms_check.check_rsa_value(
            signature.contents, certificates, content_digest, _stated_time(signature), trust, now
        )
    elif signature.kind == "timestamp":
        checked = cms_check.check_document_timestamp(signature.contents, content_digest, trust)
    else:
        checked = cms_check.check_cms(
            signature.signed_data, content_digest, trust, now, claimed=_stated_time(signature)
        )
    return replace(
        report,
        format=_format(signature, checked),
        digest_matches=checked.digest_matches,
        signature_valid=checked.signature_valid,
        seal_signature_valid=checked.seal.signature_valid if checked.seal else None,
        signer_in_seal_list=checked.signer_in_seal_list,
        signer=checked.signer,
        chain=checked.chain,
        seal=checked.seal.info if checked.seal else None,
        seal_chain=checked.seal.chain if checked.seal else (),
        times=checked.times,
        platform=checked.platform,
        findings=(*report.findings, *checked.findings),
    )


def _format(signature: EmbeddedSignature, checked: CmsCheck) -> str:
    """cms for SM2 and CAdES values, pkcs7 for the older Adobe names, pkcs1 and timestamp."""
    if signature.kind in ("timestamp", "pkcs1"):
        return signature.kind
    return "pkcs7" if "pkcs7" in signature.subfilter and not checked.is_sm2 else "cms"


def _stated_certificates(signature: EmbeddedSignature) -> list[bytes]:
    """/Cert of the signature dictionary: one certificate or several, DER."""
    stated = entry(signature.dictionary, "/Cert")
    listed = list(stated) if isinstance(stated, list) else [stated]
    return [each.original_bytes for each in map(follow, listed) if hasattr(each, "original_bytes")]


def _stated_time(signature: EmbeddedSignature) -> datetime | None:
    """/M of the signature dictionary: when the signer embedded to have signed."""
    text = str(entry(signature.dictionary, "/M", ""))
    found = _PDF_DATE.match(text)
    if not found:
        return None
    numbers, sign, hours, minutes = found.groups()
    try:
        moment = datetime.strptime(numbers.ljust(14, "0"), "%Y%m%d%H%M%S").replace(tzinfo=UTC)
        shift = timedelta(hours=int(hours or 0), minutes=int(minutes or 0))
        return moment + shift if sign == "-" else moment - shift
    except (ValueError, OverflowError):
        return None


def _with_marks(checked: Sequence[_Checked]) -> list[_Checked]:
    """With the findings about the marks of seals: the slices of a riding seam may be shown by as
    many signatures with one seal. One that is disproved completes no other's."""
    joined: set[int] = set()
    groups: dict[bytes, list[SealMarks]] = {}
    for each in checked:
        if each.marks and each.marks.cut:
            joined |= complete_seams([each.marks])
            if each.report.verdict is not Verdict.INVALID:
                groups.setdefault(each.marks.seal, []).append(each.marks)
    for group in groups.values():
        joined |= complete_seams(group, joined)
    made = []
    for each in checked:
        if each.marks:
            report = each.report
            findings, harmless = each.marks.check(joined, report.times, report.marks)
            report = replace(report, findings=(*report.findings, *findings))
            each = _Checked(report, harmless)
        made.append(each)
    return made


def _weigh_later_seals(checked: _Checked, everyone: Sequence[_Checked]) -> SignatureReport:
    """A seal added later must itself prove what it shows, and hide nothing: otherwise the earlier
    seal cannot be called good (the "sneaky signature" attack)."""
    report = checked.report
    added = {change.what for change in report.changed_later if change.kind == "seal_added"}
    extra = []
    for other in everyone:
        names = added & set(other.report.fields)
        if not names or other is checked:
            continue
        harmless = other.harmless and not _dates_meet(report, other.report)
        if other.report.marks and not (harmless and other.proved):
            field = ", ".join(sorted(names))
            pages = sorted({mark.page for mark in other.report.marks})
            extra += [Finding("mark_covers", {"field": field, "page": str(p)}) for p in pages]
    return replace(report, findings=(*report.findings, *extra)) if extra else report


def _dates_meet(earlier: SignatureReport, later: SignatureReport) -> bool:
    """Is a date put over a date? Two that are printed over each other can be read as a third."""
    return any(
        one.page == other.page
        and one.left_mm < other.left_mm + other.width_mm
        and other.left_mm < one.left_mm + one.width_mm
        and one.top_mm < other.top_mm + other.height_mm
        and other.top_mm < one.top_mm + one.height_mm
        for one in earlier.marks
        for other in later.marks
        if one.date and other.date
    )


# --- marks -------------------------------------------------------------------------------------


def _marks(each: Field) -> list[MarkInfo]:
    """Where a widget shows, as displayed, on each page that lists it."""
    try:
        if not has_area(each.dictionary):
            return []
        rectangle = box(each.dictionary)
    except PARSER_FAILURES:
        return []
    date = date_of(each)
    return [replace(_place(rectangle, page, each.name), date=date) for page in each.pages]


def _place(rectangle: tuple[float, float, float, float], page: Page, field: str) -> MarkInfo:
    left, bottom, right, top = rectangle
    scale = page.unit / MM
    x0, y0, x1, y1 = page.box
    place = {
        0: (left - x0, y1 - top),
        90: (bottom - y0, left - x0),
        180: (x1 - right, bottom - y0),
        270: (y1 - top, x1 - right),
    }[page.rotation]
    across, down = right - left, top - bottom
    if page.rotation in (90, 270):
        across, down = down, across
    numbers = (place[0] * scale, place[1] * scale, across * scale, down * scale)
    return MarkInfo(page.index + 1, *numbers, field)


def _stamps(document: Document) -> list[Finding]:
    """Stamp annotations look like seals and are none: pointed out, once a page."""
    try:
        pages = {
            each.page.index + 1
            for each in document.annotations()
            if entry(each.dictionary, "/Subtype") == "/Stamp"
        }
    except PARSER_FAILURES:
        return []
    return [Finding("stamp_annotation", {"page": str(page)}) for page in sorted(pages)]


def _lookalikes(
    document: Document, fields: Sequence[Field]
) -> tuple[list[MarkInfo], list[Finding]]:
    """What in the page content looks like a seal: a picture of one proves nothing."""
    search = look_alikes(document, [page for each in fields for page in each.pages])
    places = [_place(box, page, "") for page, box in search.found]
    findings = []
    for each in places:
        where = {"page": str(each.page), "left": f"{each.left_mm:.0f}", "top": f"{each.top_mm:.0f}"}
        where |= {"width": f"{each.width_mm:.0f}", "height": f"{each.height_mm:.0f}"}
        findings.append(Finding("lookalike_seal", where))
    if search.left_out:
        findings.append(Finding("lookalikes_not_searched", {"count": str(search.left_out)}))
    return places, findings


def _page_count(document: Document) -> int | None:
    try:
        return len(document.pages())
    except PdfError:
        return None

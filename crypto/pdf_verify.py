"""A PDF → what can be said about each signature and each visible mark in it.

    verify_pdf(stream, name, trust, now) → Report

Signatures are found by walking the form fields ourselves and are told apart by content, never by
name (STANDARDS.md §3.3). Each is judged by itself: whatever goes wrong with one becomes a finding
of that one, and the others are still judged. The bytes are hashed once for all signatures together.
"""

from __future__ import annotations

import io
import re
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic

from crypto import der
from crypto.pdf_digests import Covered, digests
from crypto.pdf_document import MM, PARSER_FAILURES, Document, Field, Page, PdfError, entry, follow
from crypto.pdf_picture import compare_mark, has_drawing
from crypto.seal import Seal, SealError, SealSignature
from crypto.seal_check import judge_signature
from crypto.trust import Trust
from crypto.verdict import (
    Change,
    FileInfo,
    Finding,
    MarkInfo,
    Report,
    SignatureReport,
    Times,
    Verdict,
)

PROGRAM = "SealDesk 0.1.0"
MAX_SIGNATURES = 500
MAX_CONTENTS = 32 * 1024 * 1024
_SPACE = b" \t\r\n\x0c\x00"
_HEX = re.compile(rb"<[0-9A-Fa-f\s]*>\Z")


def verify_pdf(
    stream: BinaryIO,
    name: str,
    trust: Trust,
    now: datetime,
    *,
    password: str | None = None,
) -> Report:
    """Judge every signature of the PDF in *stream* (seekable, binary) as of *now*.

    *name* is only shown. Raises :class:`crypto.pdf_document.PdfError`'s subclasses if the file
    cannot
    be read at all, OSError if the stream fails; never for what one signature contains."""
    document = Document(stream, password)
    size = stream.seek(0, io.SEEK_END)
    fields = document.signature_fields()
    groups = _groups(fields)
    claims = [_read_claim(group, stream, size) for group in groups]
    sound = [claim for claim in claims if claim.covered]
    file_sm3, found = digests(stream, size, [claim.covered for claim in sound if claim.covered])
    for claim, digest in zip(sound, found, strict=True):
        claim.digest = digest
    judged = [_judge(claim, document, size, trust, now, password) for claim in claims]
    judged = [_weigh_later_seals(report, judged) for report in judged]

    unsigned = [
        mark
        for each in fields
        if each.value is None and _draws(each)
        for mark in _mark(each, document)
    ]
    findings = [
        Finding("unsigned_mark", {"page": str(mark.page), "field": mark.field}) for mark in unsigned
    ]
    if document.repaired:
        findings.append(Finding("opened_leniently"))
    return Report(
        program=PROGRAM,
        verified_at=datetime.now(UTC),
        judged_at=now,
        file=FileInfo(name, size, file_sm3.hex(), _page_count(document)),
        signatures=tuple(judged),
        unsigned_marks=tuple(unsigned),
        findings=tuple(findings),
    )


# --- what a signature claims -------------------------------------------------------------------


@dataclass
class _Claim:
    """One signature dictionary with the fields that point to it, as read so far."""

    fields: list[Field]
    dictionary: generic.DictionaryObject
    filter: str = ""
    subfilter: str = ""
    byte_range: tuple[int, ...] = ()
    covered: Covered | None = None
    """None: the byte range or the contents are malformed, `problems` says how."""
    contents: bytes = b""
    kind: str = "unknown"
    """ses, cms or unknown."""
    seal_signature: SealSignature | None = None
    digest: bytes = b""
    problems: list[Finding] = field(default_factory=list)

    @property
    def end(self) -> int:
        return self.covered.end if self.covered else 0


def _groups(fields: Sequence[Field]) -> list[list[Field]]:
    """Signed fields grouped by the signature they share, in order of appearance."""
    groups: dict[Any, list[Field]] = {}
    for each in fields:
        if each.value is None:
            continue
        raw: Any = each.value
        shared = isinstance(raw, generic.IndirectObject)
        key = (raw.idnum, raw.generation) if shared else id(each)
        groups.setdefault(key, []).append(each)
    if len(groups) > MAX_SIGNATURES:
        raise PdfError(f"more than {MAX_SIGNATURES} signatures")
    return list(groups.values())


def _read_claim(fields: list[Field], stream: BinaryIO, size: int) -> _Claim:
    try:
        value = follow(fields[0].value)
    except PARSER_FAILURES as error:
        value, reason = None, str(error)
    else:
        reason = "/V is not a dictionary"
    if not isinstance(value, generic.DictionaryObject):
        claim = _Claim(fields, generic.DictionaryObject())
        claim.problems.append(Finding("contents_malformed", {"reason": reason[:200]}))
        return claim
    claim = _Claim(fields, value)
    try:
        claim.filter = str(entry(value, "/Filter", ""))
        claim.subfilter = str(entry(value, "/SubFilter", ""))
        _read_range(claim, stream, size)
        _read_value(claim)
    except _Malformed as error:
        claim.problems.append(Finding(error.code, {"reason": error.reason}))
        claim.covered = None
    except PARSER_FAILURES as error:
        claim.problems.append(Finding("contents_malformed", {"reason": str(error)[:200]}))
        claim.covered = None
    return claim


class _Malformed(Exception):
    def __init__(self, code: str, reason: str) -> None:
        super().__init__(reason)
        self.code, self.reason = code, reason


def _read_range(claim: _Claim, stream: BinaryIO, size: int) -> None:
    """Exactly two ranges from 0, the gap exactly the /Contents string (PDF.md §3)."""
    raw = entry(claim.dictionary, "/ByteRange")
    if not isinstance(raw, generic.ArrayObject) or len(raw) != 4:
        raise _Malformed("byte_range_malformed", "not four numbers")
    numbers = tuple(follow(each) for each in raw)
    if not all(isinstance(each, int) and each >= 0 for each in numbers):
        raise _Malformed("byte_range_malformed", "not four whole numbers")
    claim.byte_range = numbers
    first, gap_start, gap_end, rest = numbers
    end = gap_end + rest
    if first != 0 or not 0 < gap_start < gap_end or end > size or rest <= 0:
        raise _Malformed("byte_range_malformed", f"{list(numbers)} in {size} bytes")
    if gap_end - gap_start > 2 * MAX_CONTENTS + 2:
        raise _Malformed("contents_malformed", "the gap is too large")
    stream.seek(gap_start)
    gap = stream.read(gap_end - gap_start)
    if not _HEX.match(gap):
        raise _Malformed("byte_range_malformed", "the gap is not the /Contents string alone")
    try:
        contents = bytes.fromhex(gap[1:-1].decode("ascii"))
    except ValueError as error:
        raise _Malformed("contents_malformed", str(error)) from error
    stated = claim.dictionary.raw_get("/Contents", decrypt=generic.EncryptedObjAccess.RAW)
    stated = follow(stated)
    if getattr(stated, "original_bytes", stated) != contents:
        raise _Malformed("byte_range_malformed", "the gap is not this signature's /Contents")
    claim.contents = contents
    claim.covered = Covered("sm3", gap_start, gap_end, end)


def _read_value(claim: _Claim) -> None:
    """What kind of value /Contents holds, by its first elements (STANDARDS.md §3.3)."""
    if not any(claim.contents):
        raise _Malformed("contents_malformed", "empty")
    try:
        outer = der.parse(claim.contents, trailing=True)
        if any(claim.contents[outer.end :]):
            raise _Malformed("contents_malformed", "octets after the value")
        first = outer.children(der.SEQUENCE).peek()
    except der.DerError:
        return
    if first == der.OID:
        claim.kind = "cms"
    elif first == der.SEQUENCE:
        claim.kind = "ses"
        try:
            value = claim.seal_signature = SealSignature.parse(claim.contents, padded=True)
        except SealError as error:
            claim.problems.append(Finding("value_unreadable", {"reason": str(error)}))
            return
        if len(value.digest) != 32 and claim.covered:
            name = {20: "sha1"}.get(len(value.digest), "sm3")
            claim.covered = replace(claim.covered, hash_name=name)
        _, gap_start, gap_end, rest = claim.byte_range
        stated = value.property_info
        if stated.startswith("PDF;ByteRange=") and (
            stated != f"PDF;ByteRange=[0 {gap_start} {gap_end} {rest}]"
        ):
            raise _Malformed("byte_range_malformed", "the signed range is another one")


# --- judging -----------------------------------------------------------------------------------


def _judge(
    claim: _Claim,
    document: Document,
    size: int,
    trust: Trust,
    now: datetime,
    password: str | None,
) -> SignatureReport:
    marks = tuple(mark for each in claim.fields for mark in _mark(each, document))
    report = SignatureReport(
        fields=tuple(each.name for each in claim.fields),
        format="unknown",
        filter=claim.filter,
        subfilter=claim.subfilter,
        coverage="unclear",
        byte_range=claim.byte_range,
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
        marks=marks,
        changed_later=(),
        findings=tuple(claim.problems),
    )
    if claim.covered is None:
        return report
    try:
        coverage, changes, findings = _coverage(claim, document, size, password)
        report = replace(
            report,
            coverage=coverage,
            changed_later=tuple(changes),
            findings=(*report.findings, *findings),
        )
        if claim.seal_signature:
            return _judge_seal_signature(report, claim, claim.seal_signature, trust, now)
        details = {"filter": claim.filter, "subfilter": claim.subfilter}
        unknown = Finding("kind_unknown", details)
        return replace(report, format=claim.kind, findings=(*report.findings, unknown))
    except PARSER_FAILURES as error:
        failed = Finding("check_failed", {"reason": f"{type(error).__name__}: {error}"[:200]})
        return replace(report, findings=(*report.findings, failed))


def _judge_seal_signature(
    report: SignatureReport,
    claim: _Claim,
    value: SealSignature,
    trust: Trust,
    now: datetime,
) -> SignatureReport:
    judgement = judge_signature(value, claim.digest, trust, now)
    pictures = [
        compare_mark(each.dictionary, each.name, value.seal.picture, whole=_whole(each, value.seal))
        for each in claim.fields
        if _draws(each)
    ]
    return replace(
        report,
        format=f"ses-{value.generation}",
        digest_matches=judgement.digest_matches,
        signature_valid=judgement.signature_valid,
        seal_signature_valid=judgement.seal.signature_valid,
        signer_in_seal_list=judgement.signer_in_seal_list,
        signer=judgement.signer,
        chain=judgement.chain,
        seal=judgement.seal.info,
        seal_chain=judgement.seal.chain,
        times=judgement.times,
        platform=judgement.platform,
        findings=(*report.findings, *judgement.findings, *pictures),
    )


def _coverage(
    claim: _Claim, document: Document, size: int, password: str | None
) -> tuple[str, list[Change], list[Finding]]:
    """What the range covers, and what came after it.

    The signed octets must be a whole PDF by themselves in which this very signature stands."""
    stream = document.stream
    end = claim.end
    stream.seek(end)
    rest = stream.read(min(size - end, 4096))
    if not rest.strip(_SPACE) and size - end <= len(rest):
        findings = [Finding("covers_file")]
        if rest.strip():
            findings.append(Finding("bytes_after_end", {"count": str(len(rest))}))
        return "file", [], findings
    try:
        signed = Document(io.BufferedReader(_Window(stream, end)), password)
        present = any(_stands_in(claim, each) for each in signed.signature_fields())
    except PARSER_FAILURES as error:
        return "unclear", [], [Finding("byte_range_malformed", {"reason": str(error)[:200]})]
    if not present:
        reason = "the signature is not part of what it covers"
        return "unclear", [], [Finding("byte_range_malformed", {"reason": reason})]
    from crypto.pdf_changes import review

    changes = review(document, signed, claim.dictionary)
    findings = [Finding("covers_revision")]
    if not changes:
        findings.append(Finding("bytes_after_end", {"count": str(size - end)}))
        findings.append(Finding("range_incomplete"))
    for change in changes:
        findings.append(Finding(change.code, {"what": change.text()}))
    return "revision", changes, findings


def _stands_in(claim: _Claim, candidate: Field) -> bool:
    value = follow(candidate.value)
    if not isinstance(value, generic.DictionaryObject):
        return False
    raw = entry(value, "/ByteRange")
    return isinstance(raw, generic.ArrayObject) and tuple(map(follow, raw)) == claim.byte_range


def _weigh_later_seals(
    report: SignatureReport, everyone: Sequence[SignatureReport]
) -> SignatureReport:
    """A seal added later must itself prove what it shows: otherwise its mark may hide content that
    was sealed (the "sneaky signature" attack), and the earlier seal cannot be called good."""
    added = {change.what for change in report.changed_later if change.kind == "seal_added"}
    extra = []
    for other in everyone:
        names = added & set(other.fields)
        if not names or not other.marks:
            continue
        proved = [f for f in other.findings if f.code == "mark_matches"]
        if len(proved) < len(other.marks) or other.verdict not in (
            Verdict.VALID,
            Verdict.VALID_CHANGED_LATER,
        ):
            what = f"{', '.join(sorted(names))}"
            extra.append(Finding("changed_suspicious", {"what": what}))
    return replace(report, findings=(*report.findings, *extra)) if extra else report


# --- marks -------------------------------------------------------------------------------------


def _draws(each: Field) -> bool:
    try:
        return has_drawing(each.dictionary)
    except PARSER_FAILURES:
        return True  # what cannot be read is not called invisible


def _mark(each: Field, document: Document) -> list[MarkInfo]:
    """Where a widget shows, as displayed; nothing for invisible or unplaceable ones."""
    try:
        rect = [float(follow(number)) for number in entry(each.dictionary, "/Rect", ())]
        page = _page_of(each, document)
    except PARSER_FAILURES:
        return []
    if page is None or len(rect) != 4 or rect[0] == rect[2] or rect[1] == rect[3]:
        return []
    left, right = sorted((rect[0], rect[2]))
    bottom, top = sorted((rect[1], rect[3]))
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
    return [MarkInfo(page.index + 1, *numbers, each.name)]


def _page_of(each: Field, document: Document) -> Page | None:
    raw = each.dictionary.raw_get("/P") if "/P" in each.dictionary else None
    for page in document.pages():
        key = (page.reference.idnum, page.reference.generation)
        if isinstance(raw, generic.IndirectObject):
            if (raw.idnum, raw.generation) == key:
                return page
            continue
        annotations = entry(follow(page.reference), "/Annots", ())
        if each.reference and any(
            isinstance(other, generic.IndirectObject)
            and (other.idnum, other.generation) == (each.reference.idnum, each.reference.generation)
            for other in annotations
        ):
            return page
    return None


def _whole(each: Field, seal: Seal) -> bool:
    """Does the widget have the proportions of the whole seal (either way round)?"""
    rect = [float(follow(number)) for number in entry(each.dictionary, "/Rect", ())]
    width, height = abs(rect[2] - rect[0]), abs(rect[3] - rect[1])
    ratio, wanted = width / height, seal.width_mm / seal.height_mm
    return min(abs(ratio / wanted - 1), abs(1 / ratio / wanted - 1)) < 0.1


def _page_count(document: Document) -> int | None:
    try:
        return len(document.pages())
    except PdfError:
        return None


class _Window(io.RawIOBase):
    """The first *end* octets of a stream, as a stream of its own."""

    def __init__(self, stream: BinaryIO, end: int) -> None:
        super().__init__()
        self._stream, self._end, self._position = stream, end, 0

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def tell(self) -> int:
        return self._position

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        base = {io.SEEK_SET: 0, io.SEEK_CUR: self._position, io.SEEK_END: self._end}[whence]
        if base + offset < 0:
            raise ValueError("before the start")
        self._position = base + offset
        return self._position

    def readinto(self, buffer: Any) -> int:
        left = max(0, min(len(buffer), self._end - self._position))
        self._stream.seek(self._position)
        data = self._stream.read(left)
        buffer[: len(data)] = data
        self._position += len(data)
        return len(data)

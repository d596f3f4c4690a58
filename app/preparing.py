"""盖章前检查: all that can be known of a stamping before a ticket is fetched and a PIN asked.

    examine(source, …)   → Examined: pages, signatures, what must be told, and what forbids a seal
    check_job(job, …)    raises what the job would fail for: its output, the signatures it harms

Command line, window and batch ask the same questions here; what a person says to them is kept in
:class:`app.store.answers.Answers`.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator, Sequence
from dataclasses import replace
from datetime import datetime, timedelta
from functools import cached_property, partial
from pathlib import Path
from typing import BinaryIO, Literal

from app.errors import FileNotReadable, FileProblem, SealWouldHarm, phrase
from app.placing.finder import Finder
from app.publishing import check_output
from app.repairing import require_sound
from app.revisions import Output, harmed, nameless_file, open_pdf
from app.stamping import StampJob
from app.store.cabinet import SealRecord
from crypto.algorithms.gm import sm3_hasher
from crypto.frozen import frozen
from crypto.pdf.claims import has_rgb_intent, pdfa_part
from crypto.pdf.elsewhere import Elsewhere, Kind, shown_elsewhere
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError, PdfTooComplex, within_time
from crypto.pdf.signing.sign import PROFILES, Revision, check_may_sign, property_info, sign_revision
from crypto.pdf.verify import verify_pdf
from crypto.seal.making import draft_signature
from crypto.validation.trust import Trust
from crypto.verdict import CHANGES, Finding, Level, Report, SignatureReport, Verdict, beijing
from crypto.wording import decisive, page_ranges

CLOCK_TOLERANCE = timedelta(minutes=5)
"""By how much a computer's clock may be off without a word."""
_CHUNK = 1 << 20
_ROOM = 1024
"""Bytes of a drafted signature besides the seal and the certificate."""
_ALTERED = {*CHANGES.values(), "mark_covers", "changed_later"}
"""Findings that say that something came or went after signing."""

Code = Literal[
    "clock",
    "clock_proved",
    "clock_stamped",
    "restricted",
    "pdfa1",
    "pdfa1_colour",
    "pdfa1_date",
    "elsewhere",
    "earlier_invalid",
    "earlier_changed",
    "earlier_unknown",
]


@frozen
class Notice:
    """One thing that a person must know of a document before stamping it."""

    code: Code
    signature: SignatureReport | None = None
    """The signature that it is about."""
    elsewhere: tuple[Elsewhere, ...] = ()
    """How it may show something else."""
    times: tuple[datetime, ...] = ()
    """This computer's time, and the other one."""

    @property
    def asks(self) -> bool:
        """Must a person say yes before the seal is used?"""
        return self.code == "restricted"

    def text(self, language: str, *, command_line: bool = False) -> str:
        """For a person, one or several sentences; on the *command line* with the option's name."""
        said = phrase(f"before.{self.code}", language)
        if command_line and self.code == "pdfa1":
            said += phrase("before.pdfa1_option", language)
        if self.times:
            here, there = (beijing(time)[:16] for time in self.times)
            return said.format(here=here, there=there)
        if self.signature is not None:
            told = self.signature.findings
            if self.code == "earlier_changed":
                told = tuple(finding for finding in told if finding.code in _ALTERED)
            worst = decisive(told)
            reason = worst.text(language) if worst else ""
            return said.format(who=self.signature.called(language), reason=reason)
        if self.elsewhere:
            parts = [_of_elsewhere(way, language) for way in self.elsewhere]
            return said.format(ways=phrase("before.and", language).join(parts))
        return said


def clock_notice(now: datetime, there: datetime | None) -> Notice | None:
    """That this computer's time, *now*, is not the platform's, as far as that is known."""
    if there is None or abs(there - now) <= CLOCK_TOLERANCE:
        return None
    return Notice("clock", times=(now, there))


def clock_of_stamp(times: tuple[datetime, datetime] | None) -> Notice | None:
    """The same of a time-stamping authority: this computer's time and the authority's, as a stamp
    was had; None if there was none."""
    notice = clock_notice(*times) if times else None
    return notice and replace(notice, code="clock_stamped")


def without_transparency(notices: Sequence[Notice], *, dated: bool) -> list[Notice]:
    """What is still to be told where the seals have none: dates beside them (*dated*) have it, for
    only what is multiplied onto the page can hide nothing."""
    kept = [notice for notice in notices if notice.code != "pdfa1"]
    return [Notice("pdfa1_date"), *kept] if dated and len(kept) < len(notices) else kept


def _of_elsewhere(each: Elsewhere, language: str) -> str:
    said = phrase(f"before.shown.{each.kind}", language)
    if not each.pages:
        return said
    pages = page_ranges(each.pages, language)
    return phrase("before.on_pages", language).format(way=said, pages=pages)


@frozen
class Examined:
    """A document before stamping."""

    source: Path
    pages: int
    signatures: int
    """Signatures that it has."""
    notices: tuple[Notice, ...]
    """In the order in which a person should read them."""
    obstacle: PdfError | None = None
    """Why no seal may be added, if so."""

    @cached_property
    def digest(self) -> bytes:
        """SM3 of the file, by which a person's answer is kept; made when it is asked for, for few
        documents ask anything. Raises :class:`app.errors.FileNotReadable`."""
        return _digest(self.source)


def examine(
    source: Path, password: str | None, trust: Trust, now: datetime, finder: Finder
) -> Examined:
    """Open what will be stamped and look for all that forbids it or must be told.

    Raises :class:`app.errors.FileError` (:class:`app.errors.FileRepairable` among it) and
    :class:`crypto.pdf.reading.failures.PdfError` for a file that cannot be opened as it is."""
    require_sound(source, finder, password)
    with contextlib.ExitStack() as opened:
        obstacle: PdfError | None = None
        with within_time():
            document = open_pdf(source, password)
            opened.callback(document.stream.close)
            pages = len(document.pages())
            signed = {str(f.value) for f in document.signature_fields() if f.value is not None}
            try:
                check_may_sign(document)
            except PdfError as error:
                obstacle = error
        notices = _of_document(document)
    if signed:
        notices = [*_of_signatures(source, password, trust, now), *notices]
    return Examined(source, pages, len(signed), tuple(notices), obstacle)


def _of_document(document: Document) -> list[Notice]:
    notices = []
    if not document.may_be_changed:
        notices.append(Notice("restricted"))
    if pdfa_part(document) == 1:
        notices.append(Notice("pdfa1"))
        if not has_rgb_intent(document):
            notices.append(Notice("pdfa1_colour"))
    try:
        with within_time():
            ways = shown_elsewhere(document)
    except PdfTooComplex:  # a notice is no reason to refuse a long document
        ways = [Elsewhere(Kind.LEFT_OUT)]
    if ways:
        notices.append(Notice("elsewhere", elsewhere=tuple(ways)))
    return notices


def _of_signatures(source: Path, password: str | None, trust: Trust, now: datetime) -> list[Notice]:
    with _opened(source) as stream:
        report = verify_pdf(stream, source.name, trust, now, password=password)
    found = []
    proved = [signature.times.trusted for signature in report.signatures if signature.times.trusted]
    if proved and max(proved) > now + CLOCK_TOLERANCE:
        found.append(Notice("clock_proved", times=(now, max(proved))))
    for signature in report.signatures:
        altered = any(
            finding.code in _ALTERED and finding.level is Level.UNKNOWN
            for finding in signature.findings
        )
        if signature.verdict is Verdict.INVALID:
            found.append(Notice("earlier_invalid", signature))
        elif signature.verdict is Verdict.VALID_CHANGED_LATER:
            found.append(Notice("earlier_changed", signature))
        elif signature.verdict is Verdict.UNKNOWN:
            found.append(Notice("earlier_changed" if altered else "earlier_unknown", signature))
    return found


def _digest(source: Path) -> bytes:
    hasher = sm3_hasher()
    with _opened(source) as stream:
        for chunk in iter(partial(stream.read, _CHUNK), b""):
            hasher.update(chunk)
    return hasher.digest()


@contextlib.contextmanager
def _opened(source: Path) -> Iterator[BinaryIO]:
    try:
        with source.open("rb") as stream:
            yield stream
    except OSError as error:
        raise FileNotReadable(str(source), FileProblem.of(error)) from error


# --- the job -----------------------------------------------------------------------------------


def check_job(job: StampJob, seal: SealRecord, trust: Trust, now: datetime) -> None:
    """Can the output be written, and does the seal leave every signature what it is?

    Raises :class:`app.errors.OutputExists`, :class:`app.errors.OutputNotWritable`,
    :class:`app.errors.SealWouldHarm`, and what drawing the marks raises."""
    check_jobs([job], [seal], trust, now)


def check_jobs(
    jobs: Sequence[StampJob], seals: Sequence[SealRecord], trust: Trust, now: datetime
) -> None:
    """The same for several seals on one document, one after the other, the last job's output saved:
    none may harm a signature that is there, nor a seal before it. *seals*: that of each job."""
    _check_place(jobs[0].source, jobs[-1].place)
    _rehearse(jobs, seals, trust, now)


def check_unseen(source: Path, password: str | None, output: Path | None, suffix: str) -> None:
    """The same for a signature that shows nothing; *output* None: beside *source*, with *suffix*.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`."""
    with within_time():
        document = open_pdf(source, password)
        with contextlib.closing(document.stream):
            check_may_sign(document, seen=False)
    _check_place(source, Output(output, source, suffix))


def _check_place(source: Path, place: Output) -> None:
    with _opened(source) as stream:
        size = stream.seek(0, 2)
    check_output(place.target(), size)


def _rehearse(
    jobs: Sequence[StampJob], seals: Sequence[SealRecord], trust: Trust, now: datetime
) -> None:
    """Put the seals on a copy with signatures that are none, and see what becomes of the others."""
    source, password = jobs[0].source, jobs[0].password
    judge = partial(verify_pdf, name=source.name, trust=trust, now=now, password=password)
    drafted: set[str] = set()
    with contextlib.ExitStack() as opened:
        with within_time():
            document = open_pdf(source, password)
            opened.callback(document.stream.close)
            signed = any(field.value is not None for field in document.signature_fields())
            if not signed and len(jobs) == 1:
                return
        original = document.stream
        for job, seal in zip(jobs, seals, strict=True):
            output = opened.enter_context(nameless_file())
            with within_time():
                drafted.update(_drawn(document, output, job, seal, now))
                document = Document(output, password)
        before = judge(original) if signed else None
        after = judge(document.stream, rehearsed=drafted)
    if before is not None:
        for worse in harmed(before, after):
            raise SealWouldHarm(str(source), worse.called(), _news(before, worse))
    for signature in after.signatures:
        if not drafted.isdisjoint(signature.fields):
            harm = decisive([f for f in signature.findings if f.code in _ALTERED and _bad(f)])
            if harm is not None:
                raise SealWouldHarm(str(source), signature.called(), harm.code)


def _bad(finding: Finding) -> bool:
    return finding.level in (Level.UNKNOWN, Level.INVALID)


def _drawn(
    document: Document, output: BinaryIO, job: StampJob, seal: SealRecord, now: datetime
) -> tuple[str, ...]:
    """Draw the marks of *job* with a drafted signature; gives the names of its fields."""
    drafted = sign_revision(
        document,
        output,
        profile=PROFILES["ses"],
        value_size=len(seal.data) + len(seal.certificate) + _ROOM,
        make_value=partial(_draft, seal, now),
        marks=job.marks,
        dates=job.dates,
        picture=seal.parsed.picture,
        signed_at=now,
        stencil=job.stencil,
    )
    return drafted.field_names


def _draft(seal: SealRecord, now: datetime, revision: Revision) -> bytes:
    return draft_signature(
        seal=seal.data,
        digest=revision.digest,
        property_info=property_info(revision.byte_range),
        signed_at=now,
        certificate=seal.certificate,
    )


def _news(before: Report, after: SignatureReport) -> str:
    """The code of the worst finding that *after* has and the same signature had not *before*."""
    known = {
        finding.code
        for signature in before.signatures
        if signature.fields == after.fields
        for finding in signature.findings
    }
    worst = decisive([finding for finding in after.findings if finding.code not in known])
    return worst.code if worst else ""

"""THE STORY of 盖章: a job → a stamped file.

    seal usable?        kind, validity, status
    → authorised?       a ticket of the platform for this very document, or a lease while offline
    → place marks       given in the job; the preview painted the same list; dates show today
    → draw, copy, hash  a new revision after the original's bytes, the chain in its DSS
    → the token signs   and what it returns is verified; a time stamp, where one is wanted
    → embed, sync       into a temporary file beside the output
    → verify            our own output, read back from disk
    → publish           under its name, never over another file
    → journal, queue    the usage record for the platform

A crash at any instant leaves the original untouched and either no output or a whole, verified one;
the journal then holds a "begun" entry without its end, which says what was under way, and the next
stamping into that folder removes the temporary file.
"""

from __future__ import annotations

import contextlib
import json
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import (
    JournalDamaged,
    LeaseExpired,
    OutputExists,
    PlatformAnswerInvalid,
    PlatformUnreachable,
    SealNotUsable,
)
from app.placement import PageBox, dates_by_mark
from app.publishing import free_name, publish, unpublished
from app.revisions import Revise, open_pdf, revise, verify_own
from app.store.cabinet import Cabinet, SealRecord
from app.store.journal import Journal
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document, within_time
from crypto.pdf.signing.dss import chain_certificates
from crypto.pdf.signing.sign import Revision, SignedRevision, sign_revision
from crypto.pdf.signing.values import TICKET_ROOM, SignatureMaker, TimestampSource
from crypto.seal.date_mark import DateMark
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report

OFFLINE_LIMIT = timedelta(hours=24)
"""How long after the platform last confirmed a seal it may be used without asking again."""


@dataclass(frozen=True)
class StampJob:
    """One document, one seal, any number of marks."""

    source: Path
    seal_code: str
    marks: tuple[Mark, ...]
    dates: tuple[DateMark, ...] = ()
    """The day on which stamping begins, in Beijing, beside marks on the same page."""
    output: Path | None = None
    """Exactly this file, which must not be there; None: a free name, by *folder* and *suffix*."""
    folder: Path | None = None
    """None: beside the source."""
    suffix: str = "_已盖章"
    profile: str = "ses"
    """One of :data:`crypto.pdf.signing.values.SEALED`."""
    separate: bool = False
    """A signature for each mark, in revisions one after another, instead of one for all marks."""
    reason: str = ""
    password: str | None = field(default=None, repr=False)
    """The PDF's own password, where it is encrypted."""


@dataclass(frozen=True)
class StampedFile:
    """What came of a job."""

    path: Path
    report: Report
    """Our own verification of the file as it lies on disk."""
    field_names: tuple[str, ...]
    ticketed: bool
    """The platform knows this document; False: stamped offline, within the lease."""
    journal_entry: int
    """Sequence number in the journal."""


class TicketService(Protocol):
    """The platform, as far as stamping needs it."""

    def ticket(self, seal_id: str, document_digest: bytes) -> bytes:
        """A statement token for this document. Raises PlatformUnreachable, PlatformRefused."""


def stamp(
    job: StampJob,
    *,
    key: SigningKey,
    cabinet: Cabinet,
    journal: Journal,
    trust: Trust,
    platform: TicketService | None = None,
    timestamp: TimestampSource | None = None,
    afterwards: Sequence[Revise] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    offline_limit: timedelta = OFFLINE_LIMIT,
    step: Callable[[str], None] = lambda _: None,
) -> StampedFile:
    """Stamp *job* with *key*, the key of the seal's holder.

    *platform* None: offline. *timestamp* stamps the seal's signature. *afterwards* are revisions
    that follow it: a signature for foreign readers, validation material (:mod:`app.augmentation`).
    *step* is told each step's name before it begins (check, draw, copy,
    sign, append, sync, verify, publish, journal, done); an exception from it cancels the job, but
    at "done" there is nothing left to cancel.

    Raises :class:`app.errors.SealUseError`, :class:`app.errors.FileError`,
    :class:`app.errors.PlatformError`, :class:`crypto.pdf.reading.document.PdfError`,
    :class:`device.token.TokenError` and whatever *step* raises; then there is no output."""
    step("check")
    now = clock()
    seal = cabinet.seal(job.seal_code)
    check_usable(seal, now)
    if platform is None:
        _check_lease(cabinet, seal, now, offline_limit)
    dates_by_mark(job.marks, job.dates)
    named_after = (job.folder or job.source.parent) / job.source.name
    target = job.output or free_name(named_after, job.suffix)
    if job.output and os.path.lexists(job.output):
        raise OutputExists(str(job.output))
    begun = journal.append(
        "stamp-begun",
        document=job.source.name,
        seal_code=seal.code,
        seal_name=seal.name,
        pages=[mark.page + 1 for mark in job.marks],
        certificate=f"{seal.signer.serial:x}",
    )
    maker = SignatureMaker(job.profile, key, seal.data, timestamp=timestamp)
    tickets: list[bytes] = []

    def make_value(revision: Revision) -> bytes:
        ticket = _ticket(platform, cabinet, seal, revision.digest, now, offline_limit)
        if ticket:
            tickets.append(ticket)
        return maker.make(revision, clock(), ticket)

    chain = chain_certificates((seal.signer, seal.parsed.maker), trust, now)
    sealing = _sealing(job, seal, maker, make_value, chain, now, step)
    published: Path | None = None
    try:
        with unpublished(target) as (temporary, output):
            signed = revise(job.source, job.password, (*sealing, *afterwards), output)
            digest = signed[len(sealing) - 1].digest
            step("sync")
            output.flush()
            os.fsync(output.fileno())
            step("verify")
            report = verify_own(temporary, target, signed, trust, job.password, clock())
            step("publish")
            taken = None if job.output else named_after
            published = publish(temporary, output, target, taken, job.suffix)
        step("journal")
        record = _usage_record(seal, report, digest, job, clock())
        entry = journal.append(
            "stamped",
            begun=begun,
            document=job.source.name,
            output=published.name,
            output_sm3=report.file.sm3,
            digest=digest.hex(),
            seal_code=seal.code,
            seal_name=seal.name,
            pages=[mark.page + 1 for mark in job.marks],
            ticketed=bool(tickets),
            usage_record=sm3(record.encode()).hex(),
        )
        cabinet.queue_usage(sm3(record.encode()).hex(), record)
    except BaseException as error:
        if published:  # what could not be entered in the books is not handed out
            with contextlib.suppress(OSError):
                published.unlink()
        # if even that cannot be written, the begun entry without its end says the same
        with contextlib.suppress(OSError, JournalDamaged):
            journal.append("stamp-failed", begun=begun, reason=type(error).__name__)
        raise
    step("done")
    return StampedFile(
        published,
        report,
        tuple(name for each in signed for name in each.field_names),
        bool(tickets),
        entry,
    )


# --- may it? -----------------------------------------------------------------------------------


def check_usable(seal: SealRecord, now: datetime) -> None:
    """Raise :class:`app.errors.SealNotUsable` if, as far as the cabinet knows, it cannot stamp."""
    reason = seal.usable(now)
    if reason:
        raise SealNotUsable(seal.name, reason)


def _check_lease(cabinet: Cabinet, seal: SealRecord, now: datetime, limit: timedelta) -> None:
    """Offline, a seal may be used for a while after the platform last said that it is in force."""
    statement = cabinet.statement(seal.code)
    issued_at = statement.statement.issued_at if statement else seal.collected_at
    if statement and statement.statement.state != "active":
        raise SealNotUsable(seal.name, statement.statement.state)
    if now - issued_at > limit:
        raise LeaseExpired(seal.name, issued_at)


def _ticket(
    platform: TicketService | None,
    cabinet: Cabinet,
    seal: SealRecord,
    digest: bytes,
    now: datetime,
    limit: timedelta,
) -> bytes:
    """The platform's ticket for this document, to go into the signature; b"" while offline."""
    if platform is None:
        return b""
    try:
        token = platform.ticket(seal.id, digest)
        about = SignedStatement.parse(token).statement.seal_code
        if len(token) > TICKET_ROOM or about != seal.code:
            raise PlatformAnswerInvalid(seal.platform, "ticket")
        return token
    except PlatformUnreachable:
        _check_lease(cabinet, seal, now, limit)
        return b""


# --- writing -----------------------------------------------------------------------------------


def _sealing(
    job: StampJob,
    seal: SealRecord,
    maker: SignatureMaker,
    make_value: Callable[[Revision], bytes],
    chain: Sequence[bytes],
    now: datetime,
    step: Callable[[str], None],
) -> list[Revise]:
    """One revision for all marks, or one for each."""

    def sealed(
        marks: tuple[Mark, ...],
        dates: tuple[DateMark, ...],
        document: Document,
        output: BinaryIO,
    ) -> SignedRevision:
        return sign_revision(
            document,
            output,
            profile=maker.label,
            value_size=maker.size,
            make_value=make_value,
            marks=marks,
            dates=dates,
            picture=seal.parsed.picture,
            signed_at=now,
            signer_name=seal.name,
            reason=job.reason,
            certificates=chain,
            step=step,
        )

    if not job.separate:
        return [partial(sealed, job.marks, job.dates)]
    dated = zip(job.marks, dates_by_mark(job.marks, job.dates), strict=True)
    return [partial(sealed, (mark,), dates) for mark, dates in dated]


def page_boxes(source: Path, password: str | None = None) -> list[PageBox]:
    """The pages of a document as displayed, for placement.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.document.PdfError`."""
    with within_time():
        document = open_pdf(source, password)
        with contextlib.closing(document.stream):
            return [PageBox(*page.size_mm) for page in document.pages()]


def _usage_record(
    seal: SealRecord,
    report: Report,
    digest: bytes,
    job: StampJob,
    now: datetime,
) -> str:
    """The record the platform gets: digests only, never the document or its name."""
    return json.dumps(
        {
            "type": "usage-v1",
            "seal_id": seal.id,
            "seal_code": seal.code,
            "document_sm3": report.file.sm3,
            "digest": digest.hex(),
            "document_name_sm3": sm3(job.source.name.encode()).hex(),
            "marks": len(job.marks),
            "certificate_sn": f"{seal.signer.serial:x}",
            "at": now.astimezone(UTC).isoformat(timespec="microseconds").replace("+00:00", "Z"),
            "result": "stamped",
        },
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )

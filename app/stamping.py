"""THE STORY of 盖章: a job → a stamped file, in the steps of :class:`app.steps.StampStep`.

    1  check             the seal: kind, validity, status; offline, a lease; the marks and dates;
                         where the seal's policy asks for it, an approval of this very document
    2  draw, copy        a new revision after the original's bytes, the chain in its DSS; hashed
    3  sign              a ticket of the platform for this very document; the token signs, and what
                         it returns is verified; a time stamp, where one is wanted
    4  append, sync      into a temporary file beside the output
    5  verify            our own output, read back from disk
    6  publish           under its name, never over another file
    7  journal           and the usage record is queued for the platform
    8  done

Steps 2 to 6 are :func:`app.revisions.write_revisions`, which says what a crash leaves behind; it
comes back here for each signature: :func:`_seal_revision`, then :func:`_signature_value`.

One module, though long: it is one story, told in its order.
"""

from __future__ import annotations

import contextlib
import json
from collections.abc import Callable, Sequence
from dataclasses import field, replace
from datetime import UTC, datetime, timedelta
from functools import partial
from pathlib import Path
from typing import BinaryIO, Protocol

from app.errors import (
    ApprovalNeeded,
    LeaseExpired,
    LeaseRefused,
    NotAuthorised,
    PlatformAnswerInvalid,
    PlatformUnreachable,
    SavedElsewhere,
    SealNotUsable,
)
from app.placing.placement import PageBox, Places, TextHit, dates_by_mark
from app.remote.approval.intended_use import IntendedUse
from app.revisions import Events, Output, Revise, open_pdf, write_revisions
from app.steps import StampStep, TellStep, tell_nobody
from app.store.cabinet import Cabinet, SealRecord
from app.store.journal import Journal
from app.store.lending import ENDED, Leaf, LeaseBook, use_of
from app.store.unfinished import Entry
from crypto.algorithms.gm import sm3
from crypto.algorithms.keys import SigningKey
from crypto.frozen import frozen
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.marks.place import marks_of
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import within_time
from crypto.pdf.signing.dss import chain_certificates
from crypto.pdf.signing.sign import Revision, SignedRevision, SigningStep, sign_revision
from crypto.pdf.signing.values import TICKET_ROOM, SignatureMaker, TimestampSource
from crypto.seal.date_mark import DateMark
from crypto.seal.statement import SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report

OFFLINE_LIMIT = timedelta(hours=24)
"""How long after the platform last confirmed a seal it may be used without asking again."""


@frozen
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
    spare: Path | None = None
    """A folder that takes the stamped file if it cannot be saved where it should be; None: it is
    lost then."""
    profile: str = "ses"
    """One of :data:`crypto.pdf.signing.values.SEALED`."""
    separate: bool = False
    """A signature for each mark, in revisions one after another, instead of one for all marks."""
    reason: str = ""
    stencil: bool = False
    """The seal without transparency: for PDF/A-1."""
    kind: str = ""
    """Of the document, where the seal is used under a grant that asks for it."""
    counterparty: str = ""
    password: str | None = field(default=None, repr=False)
    """The PDF's own password, where it is encrypted."""
    approved: Path | None = None
    """The document that approvals are about, where *source* has other seals already; None:
    *source*."""
    act: str = ""
    """A name of this one act, for the journal: what is asked for again after a crash, and was done,
    is found by it. "": none."""

    @property
    def place(self) -> Output:
        """Where the stamped file goes."""
        named_after = (self.folder or self.source.parent) / self.source.name
        return Output(self.output, named_after, self.suffix, self.spare)


@frozen
class StampedFile:
    """The result of a job."""

    path: Path
    report: Report
    """Our own verification of the file as it lies on disk."""
    field_names: tuple[str, ...]
    ticketed: bool
    """The platform knows this document; False: stamped offline, within the lease."""
    journal_entry: int
    """Sequence number in the journal."""
    misplaced: SavedElsewhere | None = None
    """Why it does not lie where it should, if so."""

    @property
    def sm3(self) -> str:
        """Of the whole file, hex."""
        return self.report.file.sm3

    @property
    def pages(self) -> tuple[int, ...]:
        """Pages that bear our marks, as people count, as read back from the file."""
        own = set(self.field_names)
        signatures = (s for s in self.report.signatures if own & set(s.fields))
        return tuple(sorted({mark.page for signature in signatures for mark in signature.marks}))


class TicketService(Protocol):
    """The platform, as far as stamping needs it."""

    def ticket(self, seal_id: str, document_digest: bytes, request: str = "") -> bytes:
        """A statement token for this document, as a use of an approved *request*. Raises
        PlatformUnreachable, PlatformRefused."""

    def leave(
        self,
        seal_id: str,
        document_digest: bytes,
        kind: str,
        counterparty: str,
        request: str = "",
    ) -> bytes:
        """The same under a grant. Raises NotAuthorised, too."""


class ApprovedUse(Protocol):
    """A request that allows a use now."""

    @property
    def request(self) -> str: ...
    @property
    def room(self) -> int:
        """Bytes to reserve for its approvals in the signature."""


class ApprovalService(Protocol):
    """Approvals, as far as stamping needs them (:class:`app.remote.approval.asking.Approvals`)."""

    def approved(self, use: IntendedUse, waiting: Callable[[], None]) -> ApprovedUse | None:
        """What allows *use*; None: nobody has to approve. *waiting* is called while it is waited
        for; raising from it cancels. Raises ApprovalNeeded."""

    def ask_ahead(self, use: IntendedUse) -> None:
        """Send the request for *use*, if one is needed and none is open. Raises ApprovalNeeded."""


EVENTS = Events("stamp-begun", "stamped", "stamp-failed")


def stamp(
    job: StampJob,
    *,
    key: SigningKey,
    cabinet: Cabinet,
    journal: Journal,
    trust: Trust,
    platform: TicketService | None = None,
    timestamp: TimestampSource | None = None,
    leases: LeaseBook | None = None,
    approvals: ApprovalService | None = None,
    afterwards: Sequence[Revise] = (),
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    offline_limit: timedelta = OFFLINE_LIMIT,
    step: TellStep = tell_nobody,
) -> StampedFile:
    """Stamp *job* with *key*, the key of the seal's holder.

    *platform* None: offline. Then *leases* must hold a use that was reserved; None: none are kept,
    and the platform's last word on the seal is enough. *timestamp* stamps the seal's signature.
    *afterwards* are revisions that follow it: a signature for foreign readers, validation material
    (:mod:`app.augmentation`). *step* is told each step before it begins; an exception from it
    cancels the job, but at :attr:`StampStep.DONE` there is nothing left to cancel.

    Raises :class:`app.errors.SealUseError`, :class:`app.errors.FileError`,
    :class:`app.errors.PlatformError`, :class:`app.errors.LocalDataError`,
    :class:`crypto.pdf.reading.failures.PdfError`, :class:`device.token.TokenError` and whatever
    *step* raises; then there is no output."""
    # 1. May this seal be used, here and now?
    step(StampStep.CHECK)
    leave = _Leave(platform, leases, offline_limit, approvals)
    plan = _plan(job, key, timestamp, cabinet, trust, leave, clock, step)

    # 2–6. Each revision is drawn, hashed, signed and appended; the file is verified and published.
    sealing = _sealing_revisions(plan)
    with write_revisions(
        job.source,
        (*sealing, *afterwards),
        job.place,
        journal=journal,
        events=EVENTS,
        trust=trust,
        clock=clock,
        password=job.password,
        step=step,
        entry=partial(_entry, plan, len(sealing)),
        certificate=f"{plan.seal.signer.serial:x}",
        **plan.facts,
    ) as written:
        # 7. The use is entered in the journal and queued; if that fails, the file is removed.
        entry = written.enter()
        cabinet.queue_usage(sm3(written.usage.encode()).hex(), written.usage)

    # 8. Done.
    step(StampStep.DONE)
    return StampedFile(
        written.path,
        written.report,
        tuple(name for revision in written.signed for name in revision.field_names),
        plan.authorisation.ticketed,
        entry,
        written.misplaced,
    )


# --- 1. the plan -------------------------------------------------------------------------------


@frozen
class _Leave:
    """Who gives leave to use a seal."""

    platform: TicketService | None
    leases: LeaseBook | None
    offline_limit: timedelta
    approvals: ApprovalService | None = None


@frozen
class _Authorisation:
    """The platform's leave to use a seal: a ticket for each document, or, offline, the lease."""

    given: _Leave
    cabinet: Cabinet
    seal: SealRecord
    at: datetime
    kind: str
    counterparty: str
    approved: ApprovedUse | None = None
    """What approvers have allowed; None: nobody has to approve."""
    leaves: list[Leaf] = field(default_factory=list)
    """Those that were taken out of a lease so far."""
    tickets: list[bytes] = field(default_factory=list)
    """Those that were given so far."""

    @property
    def ticketed(self) -> bool:
        """Does the platform know this document?"""
        return bool(self.tickets)

    def ticket(self, digest: bytes) -> bytes:
        """The ticket for the document of that digest, signed as well; offline, the leaf of a lease,
        or b"" where none are kept.

        Raises :class:`app.errors.PlatformError`, :class:`app.errors.SealUseError`."""
        platform = self.given.platform
        if platform is None:
            return self._leaf()
        request = (self.approved.request,) if self.approved else ()
        try:
            if self.seal.grant is None:
                ticket = platform.ticket(self.seal.id, digest, *request)
            else:
                said = (self.kind, self.counterparty)
                ticket = platform.leave(self.seal.id, digest, *said, *request)
        except PlatformUnreachable:
            self.check_lease()
            return self._leaf()
        except ApprovalNeeded as error:
            raise ApprovalNeeded(self.seal.name, error.state, error.who) from error
        except NotAuthorised as error:
            raise NotAuthorised(self.seal.name, error.reason) from error
        about = SignedStatement.parse(ticket).statement.seal_code
        if len(ticket) > TICKET_ROOM + self.room or about != self.seal.code:
            raise PlatformAnswerInvalid(self.seal.platform, "ticket")
        self.tickets.append(ticket)
        return ticket

    @property
    def room(self) -> int:
        """Bytes that a ticket may have on top, for approvals."""
        return self.approved.room if self.approved else 0

    def _leaf(self) -> bytes:
        if self.given.leases is None:
            return b""
        seal, use = self.seal, (self.kind, self.counterparty)
        leaf = self.given.leases.take(seal.id, seal.name, self.at, *use)
        self.leaves.append(leaf)
        return leaf.token

    def check_lease(self) -> None:
        """Offline, a seal may be used for a while after the platform last said it is in force, as
        often as the platform has reserved.

        Raises :class:`app.errors.SealNotUsable`, :class:`app.errors.LeaseExpired`,
        :class:`app.errors.LeaseRefused`, :class:`app.errors.ApprovalNeeded`."""
        rule = self.cabinet.policy(self.seal.id)
        if rule is not None and not rule.allows_offline:
            raise ApprovalNeeded(self.seal.name, "offline", "")
        statement = self.cabinet.statement(self.seal.code, self.seal.platform)
        issued_at = statement.statement.issued_at if statement else self.seal.collected_at
        if statement and statement.statement.state != "active":
            raise SealNotUsable(self.seal.name, statement.statement.state)
        if self.at - issued_at > self.given.offline_limit:
            raise LeaseExpired(self.seal.name, issued_at)
        if self.given.leases is not None:
            self.given.leases.check(self.seal.id, self.seal.name, self.at)
        elif self.seal.grant is not None:
            raise LeaseRefused(self.seal.name, "none")


@frozen
class _Plan:
    """What will be signed, where the marks go, and by whom."""

    job: StampJob
    seal: SealRecord
    maker: SignatureMaker
    chain: tuple[bytes, ...]
    """DER of the authorities between the signers and their root."""
    dates: tuple[tuple[DateMark, ...], ...]
    """The dates that go with each of the job's marks."""
    authorisation: _Authorisation
    began: datetime
    clock: Callable[[], datetime]
    step: TellStep

    @property
    def facts(self) -> dict[str, object]:
        """What the journal says of the use, whether it is begun or done."""
        return {
            "seal_code": self.seal.code,
            "seal_name": self.seal.name,
            "pages": [mark.page + 1 for mark in self.job.marks],
            **({"act": self.job.act} if self.job.act else {}),
        }


def _plan(
    job: StampJob,
    key: SigningKey,
    timestamp: TimestampSource | None,
    cabinet: Cabinet,
    trust: Trust,
    leave: _Leave,
    clock: Callable[[], datetime],
    step: TellStep,
) -> _Plan:
    """Look the seal up and check all that can be known before anything is written."""
    began = clock()
    seal = cabinet.seal(job.seal_code)
    kind, counterparty = check_use(seal, cabinet, began, job.kind, job.counterparty)
    check_usable(seal, began)
    authorisation = _Authorisation(leave, cabinet, seal, began, kind, counterparty)
    if leave.platform is None:
        authorisation.check_lease()
    elif leave.approvals is not None:
        waiting = partial(step, StampStep.CHECK)
        use = _intended_use(job, seal, counterparty, key)
        approved = leave.approvals.approved(use, waiting)
        authorisation = replace(authorisation, approved=approved)
        began = clock()  # it may have taken days
        check_usable(seal, began)
    dates = tuple(dates_by_mark(job.marks, job.dates))
    room = authorisation.room
    maker = SignatureMaker(job.profile, key, seal.data, timestamp=timestamp, room=room)
    chain = tuple(chain_certificates((seal.signer, seal.parsed.maker), trust, began))
    return _Plan(job, seal, maker, chain, dates, authorisation, began, clock, step)


def _intended_use(
    job: StampJob, seal: SealRecord, counterparty: str, key: SigningKey
) -> IntendedUse:
    """What approvers are asked about."""
    document = job.approved or job.source
    pages = len(page_boxes(document, job.password))
    signatures = len(job.marks) if job.separate else 1
    return IntendedUse(seal, document, job.password, pages, signatures, counterparty, key)


def ask_ahead(
    job: StampJob,
    *,
    key: SigningKey,
    cabinet: Cabinet,
    approvals: ApprovalService,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> None:
    """Send the request for approval that *job* needs, if it needs one: of several jobs all are
    asked for before the first is waited for. Raises as :func:`stamp` does before it draws."""
    now, seal = clock(), cabinet.seal(job.seal_code)
    _, counterparty = check_use(seal, cabinet, now, job.kind, job.counterparty)
    check_usable(seal, now)
    approvals.ask_ahead(_intended_use(job, seal, counterparty, key))


def check_usable(seal: SealRecord, now: datetime) -> None:
    """Raise :class:`app.errors.SealNotUsable` if, as far as the cabinet knows, it cannot stamp."""
    reason = seal.usable(now)
    if reason:
        raise SealNotUsable(seal.name, reason)


def check_use(
    seal: SealRecord, cabinet: Cabinet, now: datetime, kind: str = "", counterparty: str = ""
) -> tuple[str, str]:
    """What a grantee's copy is used for: what is given, what the grant allows alone, or what was
    chosen for its next uses; ("", "") for a seal that is no copy.

    Raises :class:`app.errors.NotAuthorised` for a use outside the grant."""
    if seal.grant is None:
        return "", ""
    scope = seal.grant.grant.scope
    record = next((grant for grant in cabinet.grants() if grant.seal_id == seal.id), None)
    usual_kind, usual_party = use_of(seal, record)
    kind, counterparty = kind or usual_kind, counterparty or usual_party
    if record is not None and record.state_at(now) in ENDED:
        raise NotAuthorised(seal.name, ENDED[record.state_at(now)])
    for name, said, allowed in (
        ("kind", kind, scope.kinds),
        ("counterparty", counterparty, scope.counterparties),
    ):
        if allowed and not said:
            raise NotAuthorised(seal.name, name)
    if scope.why_not(kind, counterparty, now):
        raise NotAuthorised(seal.name, "scope")
    return kind, counterparty


# --- 2. draw, copy and append ------------------------------------------------------------------


def _sealing_revisions(plan: _Plan) -> list[Revise]:
    """One revision for all marks, or one for each."""
    job = plan.job
    if not job.separate:
        return [partial(_seal_revision, plan, job.marks, job.dates)]
    return [
        partial(_seal_revision, plan, (mark,), dates)
        for mark, dates in zip(job.marks, plan.dates, strict=True)
    ]


def _seal_revision(
    plan: _Plan,
    marks: tuple[Mark, ...],
    dates: tuple[DateMark, ...],
    document: Document,
    output: BinaryIO,
) -> SignedRevision:
    """One signature with *marks* and *dates* on *document*, written to *output*."""
    return sign_revision(
        document,
        output,
        profile=plan.maker.label,
        value_size=plan.maker.size,
        make_value=partial(_signature_value, plan),
        marks=marks,
        dates=dates,
        picture=plan.seal.parsed.picture,
        signed_at=plan.began,
        signer_name=plan.seal.name,
        reason=plan.job.reason,
        certificates=plan.chain,
        stencil=plan.job.stencil,
        step=partial(_tell, plan.step),
    )


def _tell(step: TellStep, signing: SigningStep) -> None:
    step(StampStep(signing.value))


# --- 3. sign -----------------------------------------------------------------------------------


def _signature_value(plan: _Plan, revision: Revision) -> bytes:
    """The platform's ticket for this document, and the signature over both."""
    ticket = plan.authorisation.ticket(revision.digest)
    return plan.maker.make(revision, plan.clock(), ticket)


# --- 7. journal --------------------------------------------------------------------------------


def _entry(plan: _Plan, sealing: int, report: Report, signed: Sequence[SignedRevision]) -> Entry:
    """What is entered of the use and queued for the platform; the seal's last revision is number
    *sealing* of those that are signed."""
    digest = signed[sealing - 1].digest
    record = _usage_record(plan, report, digest)
    details = {
        "digest": digest.hex(),
        "ticketed": plan.authorisation.ticketed,
        "usage_record": sm3(record.encode()).hex(),
        **plan.facts,
    }
    return Entry(details, record)


def _usage_record(plan: _Plan, report: Report, digest: bytes) -> str:
    """The record the platform gets: digests only, never the document or its name."""
    at = plan.clock().astimezone(UTC).isoformat(timespec="microseconds")
    leaves = plan.authorisation.leaves
    offline = {"lease": leaves[-1].lease, "lease_use": leaves[-1].number} if leaves else {}
    return json.dumps(
        {
            **offline,
            "type": "usage-v1",
            "seal_id": plan.seal.id,
            "seal_code": plan.seal.code,
            "document_sm3": report.file.sm3,
            "digest": digest.hex(),
            "document_name_sm3": sm3(plan.job.source.name.encode()).hex(),
            "marks": len(plan.job.marks),
            "certificate_sn": f"{plan.seal.signer.serial:x}",
            "at": at.replace("+00:00", "Z"),
            "result": "stamped",
        },
        ensure_ascii=False,
        separators=(",", ":"),
        sort_keys=True,
    )


# --- for placement -----------------------------------------------------------------------------


def page_boxes(source: Path, password: str | None = None) -> list[PageBox]:
    """The pages of a document as displayed, for placement.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`."""
    return list(read_places(source, password).boxes)


def read_places(source: Path, password: str | None = None) -> Places:
    """The pages and the empty signature fields of a document as displayed.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`."""
    with within_time():
        document = open_pdf(source, password)
        with contextlib.closing(document.stream):
            boxes = tuple(PageBox(*page.size_mm) for page in document.pages())
            fields = {
                field.name: TextHit(
                    place.page - 1, place.left_mm, place.top_mm, place.width_mm, place.height_mm
                )
                for field in document.signature_fields()
                if field.value is None
                for place in marks_of(field)[:1]
            }
            return Places(boxes, fields)

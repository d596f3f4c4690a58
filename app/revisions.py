"""Revisions put on a document, one after another, and written to an output that is whole or absent.

Stamping and augmentation share :func:`write_revisions`. A crash at any instant leaves the original
untouched and either no output or a whole, verified one; the journal then holds a "begun" entry
without its end, which says what was under way. An output that has no entry yet gets it from
:func:`app.store.unfinished.take_up`; the next writing into that folder removes the temporary file.
"""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, cast

from app.durable import discard
from app.errors import (
    FileNotReadable,
    FileProblem,
    JournalDamaged,
    OutputExists,
    OutputVerificationFailed,
    SavedElsewhere,
)
from app.file_kind import require_pdf
from app.publishing import check_name, free_name, publish, unpublished
from app.steps import StampStep, TellStep, tell_nobody
from app.store.journal import Journal
from app.store.unfinished import Entry, Unfinished, kept
from crypto.frozen import frozen
from crypto.pdf.reading.document import Document, open_document
from crypto.pdf.reading.failures import within_time
from crypto.pdf.signing.sign import SignedRevision
from crypto.pdf.verify import verify_pdf
from crypto.validation.trust import Trust
from crypto.verdict import LEVELS, Level, Report, SignatureReport, Verdict

Revise = Callable[[Document, BinaryIO], SignedRevision | None]
"""Writes the document plus one revision to the file; says what was signed, if anything was."""


@frozen
class Output:
    """Where the result goes."""

    exact: Path | None
    """Exactly this file, which must not be there; None: a free name by the other two."""
    named_after: Path
    """The folder and the name that a free name is made from."""
    suffix: str
    spare: Path | None = None
    """A folder that takes what was signed if it cannot be published; None: it is lost then."""

    def target(self) -> Path:
        """The name it would get now. Raises :class:`app.errors.OutputExists`,
        :class:`app.errors.OutputNotWritable`."""
        if self.exact is None:
            return free_name(self.named_after, self.suffix)
        check_name(self.exact)  # Windows says of every device's name that it is taken
        if os.path.lexists(self.exact):
            raise OutputExists(str(self.exact))
        return self.exact


@frozen
class Events:
    """What the journal calls one kind of work."""

    begun: str
    done: str
    failed: str


@frozen
class WrittenRevisions:
    """An output that is published and not in the journal yet."""

    path: Path
    report: Report
    """Our own verification of the file, read back from disk."""
    signed: tuple[SignedRevision, ...]
    """The revisions that carry a signature, in order."""
    misplaced: SavedElsewhere | None
    """Why it lies in the spare folder, if it does."""
    _journal: Journal
    _unfinished: Unfinished

    @property
    def usage(self) -> str:
        """The usage record to be queued once it is entered."""
        return self._unfinished.entry.usage

    def enter(self) -> int:
        """Enter the output in the journal; returns the entry's sequence number."""
        details = self._unfinished.details(self.path)
        return self._journal.append(self._unfinished.event, **details)


@contextlib.contextmanager
def write_revisions(
    source: Path,
    revisions: Sequence[Revise],
    output: Output,
    *,
    journal: Journal,
    events: Events,
    trust: Trust,
    clock: Callable[[], datetime],
    password: str | None = None,
    step: TellStep = tell_nobody,
    entry: Callable[[Report, Sequence[SignedRevision]], Entry] = lambda *_: Entry(),
    **begun_with: object,
) -> Iterator[WrittenRevisions]:
    """Put *revisions* on *source* and publish the result; the block enters it in the journal.

    An error before or in the block takes the output back and is entered as the end of the work.
    *entry* gives what is entered, from our own verification of the output and the revisions that
    were signed; *begun_with* are details of the "begun" entry. Raises
    :class:`app.errors.FileError`, :class:`app.errors.JournalDamaged`,
    :class:`crypto.pdf.reading.failures.PdfError` and what *revisions*, *step* and the block raise;
    then there is no output."""
    target = output.target()
    begun = journal.append(events.begun, document=source.name, **begun_with)
    published: Path | None = None
    misplaced: SavedElsewhere | None = None

    def finish(temporary: Path, file: BinaryIO, place: Output) -> tuple[Report, Path, Unfinished]:
        step(StampStep.SYNC)
        file.flush()
        os.fsync(file.fileno())
        step(StampStep.VERIFY)
        report = verify_own(file, target, signed, trust, password, clock(), source)
        name = place.target()
        unfinished = Unfinished(
            event=events.done,
            begun=begun,
            document=source.name,
            output_sm3=report.file.sm3,
            size=temporary.stat().st_size,
            folder=str(name.parent.absolute()),
            entry=entry(report, signed),
        )
        promised.enter_context(kept(journal, unfinished))
        step(StampStep.PUBLISH)
        named_after = None if place.exact else place.named_after
        return report, publish(temporary, file, name, named_after, place.suffix), unfinished

    promised = contextlib.ExitStack()  # what a crash would leave to be entered
    try:
        with unpublished(target) as (temporary, file):
            signed = revise(source, password, revisions, file)
            try:
                report, published, unfinished = finish(temporary, file, output)
            except (OSError, OutputExists) as error:
                if output.spare is None:
                    raise
                # the key has signed, which is not done twice for one act
                spare = Output(None, output.spare / target.name, "")
                output.spare.mkdir(parents=True, exist_ok=True)
                with unpublished(spare.target()) as (again, copy):
                    with temporary.open("rb") as whole:
                        shutil.copyfileobj(whole, copy)
                    report, published, unfinished = finish(again, copy, spare)
                reason = "exists" if isinstance(error, OutputExists) else FileProblem.of(error)
                misplaced = SavedElsewhere(str(target), str(published), str(reason))
        step(StampStep.JOURNAL)
        yield WrittenRevisions(
            published,
            report,
            tuple(signed),
            misplaced,
            journal,
            unfinished,
        )
    except BaseException as error:
        if published:  # an output that is not in the journal must not stay
            discard(published)
        # if this entry fails, too, the begun entry without its end still tells
        with contextlib.suppress(OSError, JournalDamaged):
            journal.append(events.failed, begun=begun, reason=type(error).__name__)
        raise
    finally:
        promised.close()


def open_pdf(source: Path, password: str | None) -> Document:
    """Open a file that should be a PDF.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.failures.PdfError`."""
    try:
        with source.open("rb") as stream:
            require_pdf(stream, source)
        return open_document(source, password)
    except OSError as error:
        raise FileNotReadable(str(source), FileProblem.of(error)) from error


def nameless_file() -> BinaryIO:
    """A file for what is not the last revision; gone when it is closed."""
    return cast("BinaryIO", tempfile.TemporaryFile())


def revise(
    source: Path, password: str | None, revisions: Sequence[Revise], output: BinaryIO
) -> list[SignedRevision]:
    """Put *revisions* on *source*, the last one into *output*; returns those signed.

    Raises as :func:`open_pdf` does, and what *revisions* raise."""
    signed = []
    with within_time(), contextlib.ExitStack() as opened:
        document = open_pdf(source, password)
        opened.callback(document.stream.close)
        for number, write in enumerate(revisions, 1):
            last = number == len(revisions)
            target = output if last else opened.enter_context(nameless_file())
            done = write(document, target)
            if done:
                signed.append(done)
            if not last:
                document = Document(target, password)
    return signed


def verify_own(
    output: BinaryIO,
    target: Path,
    signed: Sequence[SignedRevision],
    trust: Trust,
    password: str | None,
    now: datetime,
    source: Path,
) -> Report:
    """Read back what was written to *output*, the file that is going to be *target*: our signatures
    must be whole and good, and nobody else's judged worse than in *source*.

    Raises :class:`app.errors.OutputVerificationFailed`."""
    output.seek(0)  # by the handle it was written with: nobody can put another file in its place
    report = verify_pdf(output, target.name, trust, now, password=password)
    expected = {revision.field_names for revision in signed}
    found = {signature.fields for signature in report.signatures}
    own = [] if expected <= found else ["missing"]
    others = []
    for signature in report.signatures:
        if signature.fields in expected:
            own += _own_failures(signature)
        else:
            others += _failures_of_another(signature)
    if others:
        with source.open("rb") as stream:
            before = verify_pdf(stream, target.name, trust, now, password=password)
        others = others if harmed(before, report) else []
    if own or others:
        blames = "seal" if any(code.startswith(_OF_THE_SEAL) for code in own) else "document"
        raise OutputVerificationFailed(str(target), ", ".join((*own, *others)), blames)
    return report


_OF_THE_SEAL = ("seal_", "signer_", "maker_", "status_", "signature_", "mark_", "attributes_")
"""How the findings begin that are about the seal or its key, and not about the document."""
_WORST_LAST = (Verdict.VALID, Verdict.VALID_CHANGED_LATER, Verdict.UNKNOWN, Verdict.INVALID)


def harmed(before: Report, after: Report) -> list[SignatureReport]:
    """The signatures of *before* that are judged worse in *after*, as they are judged there."""
    verdicts = {
        (signature.fields, signature.byte_range): signature.verdict
        for signature in before.signatures
    }
    return [
        signature
        for signature in after.signatures
        if (was := verdicts.get((signature.fields, signature.byte_range))) is not None
        and _WORST_LAST.index(signature.verdict) > _WORST_LAST.index(was)
    ]


def _own_failures(signature: SignatureReport) -> list[str]:
    bad = [f.code for f in signature.findings if f.level is Level.INVALID]
    return bad if signature.intact or bad else ["not intact"]


def _failures_of_another(signature: SignatureReport) -> list[str]:
    last = max((change.revision for change in signature.changed_later), default=0)
    return [
        change.code
        for change in signature.changed_later
        if change.revision == last and LEVELS[change.code] in (Level.UNKNOWN, Level.INVALID)
    ]

"""A document and the revisions put on it, one after another; and our own look at the outcome."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryFile
from typing import BinaryIO

from app.errors import FileNotReadable, FileProblem, NotAPdf, OutputVerificationFailed
from crypto.pdf.reading.document import Document, open_document, within_time
from crypto.pdf.signing.sign import SignedRevision
from crypto.pdf.verify import verify_pdf
from crypto.validation.trust import Trust
from crypto.verdict import Level, Report, SignatureReport

Revise = Callable[[Document, BinaryIO], SignedRevision | None]
"""Writes the document plus one revision to the file; says what was signed, if anything was."""


def open_pdf(source: Path, password: str | None) -> Document:
    """Open a file that should be a PDF.

    Raises :class:`app.errors.FileError`, :class:`crypto.pdf.reading.document.PdfError`."""
    try:
        with source.open("rb") as stream:
            if b"%PDF-" not in stream.read(1024):
                raise NotAPdf(str(source))
        return open_document(source, password)
    except OSError as error:
        raise FileNotReadable(str(source), FileProblem.of(error)) from error


def revise(
    source: Path, password: str | None, steps: Sequence[Revise], output: BinaryIO
) -> list[SignedRevision]:
    """Put the revisions of *steps* on *source*, the last one into *output*; returns those signed.

    Raises as :func:`open_pdf` does, and what *steps* raise."""
    signed = []
    with within_time(), contextlib.ExitStack() as opened:
        document = open_pdf(source, password)
        opened.callback(document.stream.close)
        for number, step in enumerate(steps, 1):
            last = number == len(steps)
            target = output if last else opened.enter_context(TemporaryFile())
            done = step(document, target)
            if done:
                signed.append(done)
            if not last:
                document = Document(target, password)
    return signed


def verify_own(
    temporary: Path,
    target: Path,
    signed: Sequence[SignedRevision],
    trust: Trust,
    password: str | None,
    now: datetime,
) -> Report:
    """Read back what was written: our signatures must be whole and good, nobody else's be harmed.

    Raises :class:`app.errors.OutputVerificationFailed`."""
    with temporary.open("rb") as stream:
        report = verify_pdf(stream, target.name, trust, now, password=password)
    expected = {each.field_names for each in signed}
    found = {each.fields for each in report.signatures}
    failed = [] if expected <= found else ["missing"]
    for each in report.signatures:
        failed += _failures(each, own=each.fields in expected)
    if failed:
        raise OutputVerificationFailed(str(target), ", ".join(failed))
    return report


def _failures(signature: SignatureReport, *, own: bool) -> list[str]:
    if own:
        bad = [f.code for f in signature.findings if f.level is Level.INVALID]
        return bad if signature.intact or bad else ["not intact"]
    last = max((change.revision for change in signature.changed_later), default=0)
    return [
        change.code
        for change in signature.changed_later
        if change.revision == last and change.kind in ("forbidden", "suspicious")
    ]

"""平台盖章的报告: the platform verifies a document and answers for it with its own seal.

The document is **sent to the platform**: whoever calls this has asked the person. The platform
keeps nothing of it. What comes back is believed only if it proves itself: the PDF bears one seal,
good by the platform's own anchors, with the purpose that only the platform's seal has, over all of
the file; and the report enclosed under that seal is about the very bytes that were sent.
"""

from __future__ import annotations

import io
import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Protocol

from app.errors import (
    FileNotReadable,
    FileProblem,
    OutputExists,
    PlatformRefused,
    PlatformUntrusted,
)
from app.file_kind import require_pdf
from app.publishing import publish, unpublished
from app.remote.platform_connection import Service
from crypto.algorithms.gm import sm3
from crypto.frozen import frozen
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfError
from crypto.pdf.reading.signatures import read_signatures
from crypto.pdf.verify import verify_pdf
from crypto.pki.certificate import REPORT_SEALING
from crypto.pki.names_and_algorithms import CertificateError
from crypto.report.pdf import enclosed
from crypto.verdict import SCHEMA, Report, Verdict

MAX_SIZE = 50 * 1024 * 1024
"""Bytes of the largest document that a platform takes."""


class ReportDesk(Protocol):
    """The platform, as far as a sealed report needs it."""

    origin: str

    def service(self) -> Service:
        """Its certificates, checked against the pinned root."""

    def sealed_report(self, document: bytes, name: str, language: str) -> bytes:
        """The report on *document*, a PDF under its seal."""


@frozen
class SealedReport:
    """A report that the platform has sealed, checked and saved."""

    path: Path
    """Where it lies now."""
    verdict: Verdict
    """What the platform says of the document."""
    said: Mapping[str, Any]
    """The platform's whole report, as enclosed under its seal (docs/report-schema.md)."""
    proof: Report
    """Our own verification of the report: VALID, and whose seal it is."""


def fetch_sealed_report(
    source: Path,
    output: Path,
    *,
    platform: ReportDesk,
    language: str = "zh_CN",
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> SealedReport:
    """Send the PDF at *source* to *platform*, and save its sealed report as *output*, a new file.

    Takes as long as verifying takes there, up to two minutes: not for the thread that paints. An
    encrypted document is refused by the platform ("file_not_verifiable").
    Raises :class:`app.errors.FileError`, :class:`app.errors.PlatformError`; PlatformUntrusted
    "report" or "report_digest" if what came back does not prove itself. Then nothing is saved."""
    if os.path.lexists(output):  # before anything is sent
        raise OutputExists(str(output))
    document = _read(source)
    service = platform.service()
    answer = platform.sealed_report(document, source.name, language)
    proof = _proved(answer, service, platform.origin, output.name, clock())
    try:
        said = enclosed(io.BytesIO(answer))
        verdict, digest = Verdict(said["verdict"]), said["file"]["sm3"]
        if said["schema"] != SCHEMA:
            raise ValueError("a report of another kind")
    except (ValueError, KeyError, TypeError) as error:
        raise PlatformUntrusted(platform.origin, "report") from error
    if digest != sm3(document).hex():
        raise PlatformUntrusted(platform.origin, "report_digest")
    with unpublished(output) as (temporary, stream):
        stream.write(answer)
        stream.flush()
        os.fsync(stream.fileno())
        publish(temporary, stream, output, None, "")
    return SealedReport(output, verdict, said, proof)


def _read(source: Path) -> bytes:
    try:
        with source.open("rb") as stream:
            require_pdf(stream, source)
            stream.seek(0)
            data = stream.read(MAX_SIZE + 1)
    except OSError as error:
        raise FileNotReadable(str(source), FileProblem.of(error)) from error
    if len(data) > MAX_SIZE:
        raise PlatformRefused("body_too_large", "", 413)
    return data


def _proved(answer: bytes, service: Service, origin: str, name: str, now: datetime) -> Report:
    """Our verification of the *answer*: one good seal of the platform over the whole of it."""
    try:
        report = verify_pdf(io.BytesIO(answer), name, service.trust, now)
        document = Document(io.BytesIO(answer))
        embedded = read_signatures(document, document.signature_fields())
        own = [
            claim.seal_signature is not None
            and REPORT_SEALING in claim.seal_signature.signer.extended_key_usage
            for claim in embedded
        ]
    except (PdfError, CertificateError) as error:
        raise PlatformUntrusted(origin, "report") from error
    if report.verdict is not Verdict.VALID or own != [True]:
        raise PlatformUntrusted(origin, "report")
    return report

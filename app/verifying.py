"""THE STORY of 验章: a path → a report.

    parse strictly → for each signature: bytes intact? changed after, and by what?
    → certificate chain at the signing time → seal: maker, validity, list, imprint
    → time, revocation, platform status → visible marks no signature covers → Report

What is true of the bytes is said by :mod:`crypto.pdf.verify`; here it gets what this desk knows:
whom to trust, what the platform last said of a seal, and, online, what it says now.
"""

from __future__ import annotations

import contextlib
import io
from collections.abc import Callable, Iterable
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO, Protocol, runtime_checkable

from app.errors import FileNotReadable, FileProblem, NotAPdf, PlatformError, UsageError
from crypto.pki.x509 import Certificate, CertificateError, load_certificates
from crypto.seal.statement import SealChange, SignedStatement
from crypto.validation.trust import Trust
from crypto.verdict import Report

_MAX_ANCHOR_FILE = 4 * 1024 * 1024
_ORDINARY = 8 * 1024 * 1024


class StatusService(Protocol):
    """The platform, as far as verifying needs it."""

    def status(self, seal_code: str) -> SignedStatement:
        """What it says of a seal now. Raises :class:`app.errors.PlatformError`."""


@runtime_checkable
class SealHistory(Protocol):
    """A platform that also tells what its registry has of seals."""

    def history(self, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
        """What the desk's trust does not hold yet."""


def verify(
    path: Path,
    *,
    trust: Trust,
    platform: StatusService | None = None,
    password: str | None = None,
    at: datetime | None = None,
    clock: Callable[[], datetime] = lambda: datetime.now(UTC),
) -> Report:
    """Judge the PDF at *path* as of *at* (default: now).

    With a *platform*, seals whose status is unknown or stale are asked for; an unreachable platform
    leaves the status line unknown and is no error. Raises :class:`app.errors.FileError` and
    :class:`crypto.pdf.reading.document.PdfError`."""
    from crypto.pdf.verify import verify_pdf  # late: with the PDF library it takes half a start

    now = at or clock()
    try:
        stream = path.open("rb")
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    with stream:
        try:
            if b"%PDF-" not in stream.read(1024):
                raise NotAPdf(str(path))
            document = _held(stream)
            report = verify_pdf(document, path.name, trust, now, password=password)
            fresh = _ask(platform, report)
            changes = history(platform, (each.seal.code for each in report.signatures if each.seal))
            if fresh or changes:
                trust = trust.merged(Trust(statements=tuple(fresh), changes=changes))
                report = verify_pdf(document, path.name, trust, now, password=password)
        except OSError as error:
            raise FileNotReadable(str(path), FileProblem.of(error)) from error
    return report


def _held(stream: BinaryIO) -> BinaryIO:
    """A document of ordinary size in memory: nobody changes it between one look and the next, and
    looking here and there costs nothing. A large one as it is."""
    if stream.seek(0, io.SEEK_END) > _ORDINARY:
        return stream
    stream.seek(0)
    return io.BytesIO(stream.read())


def _ask(platform: StatusService | None, report: Report) -> list[SignedStatement]:
    """What the platform says now of the seals whose status the report could not tell."""
    if platform is None:
        return []
    codes = {
        signature.seal.code
        for signature in report.signatures
        if signature.seal
        and any(f.code in ("status_unknown", "status_stale") for f in signature.findings)
    }
    answers = []
    for code in sorted(codes):
        with contextlib.suppress(PlatformError):
            answers.append(platform.status(code))
    return answers


def history(platform: object, seal_codes: Iterable[str]) -> tuple[SealChange, ...]:
    """What the platform's registry tells of these seals and this desk does not know yet."""
    return platform.history(seal_codes) if isinstance(platform, SealHistory) else ()


def trust_files(paths: Iterable[Path]) -> Trust:
    """The certificates in *paths* (PEM bundles or DER) as anchors for every purpose.

    Raises :class:`app.errors.FileNotReadable`, :class:`app.errors.UsageError`."""
    return Trust.in_all(each for path in paths for each in read_certificates(path))


def read_certificates(path: Path) -> list[Certificate]:
    """The certificates in one file, PEM bundle or DER. Raises as :func:`trust_files`."""
    try:
        with path.open("rb") as stream:
            data = stream.read(_MAX_ANCHOR_FILE)
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    try:
        return load_certificates(data)
    except CertificateError as error:
        raise UsageError(f"{path.name}: {error}") from error

"""修复后盖章: a file that readers open although its table is off, as a copy that can be stamped.

    require_sound(path, finder)   raises FileRepairable or SignedFileDamaged for such a file
    repair(path, finder)          the copy, 名称_已修复.pdf beside the original

The original stays as it is. Nothing that is signed is repaired: a signature covers the file as it
was sent. What cannot be undone byte for byte (:mod:`crypto.pdf.mending`) is written anew by
the program that draws the pages, in its bounded process.
"""

from __future__ import annotations

import contextlib
import io
from pathlib import Path

from app.errors import FileNotReadable, FileProblem, FileRepairable, SignedFileDamaged
from app.file_kind import require_pdf
from app.placing.finder import Finder
from app.publishing import save_new
from crypto.pdf.mending import MAX_SIZE, Mended, is_signed, mend
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import (
    PdfEncrypted,
    PdfError,
    PdfPasswordWrong,
    PdfUnreadable,
    within_time,
)
from crypto.pdf.reading.surroundings import without_surroundings

SUFFIX = "_已修复"
_REWRITTEN = "rewritten"


def require_sound(path: Path, finder: Finder, password: str | None = None) -> None:
    """Raise for a file that opens in readers and should not be stamped as it is.

    :class:`app.errors.FileRepairable` where a copy can be repaired,
    :class:`app.errors.SignedFileDamaged` where it holds signatures,
    :class:`crypto.pdf.reading.failures.PdfUnreadable` where neither helps, and
    :class:`app.errors.FileNotReadable`, :class:`app.errors.NotAPdf`."""
    try:
        with path.open("rb") as stream, within_time():
            require_pdf(stream, path)
            within, around = without_surroundings(stream)
            if not around:
                document = Document(within, password)
                document.pages()
                if not document.counts_too_few():  # as Poppler's pdfunite does
                    return
    except (PdfEncrypted, PdfPasswordWrong):
        return  # whoever asks for the password opens it
    except PdfUnreadable:
        pass
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    mended = _mended(path, finder, password)
    if mended.signed:
        raise SignedFileDamaged(str(path), mended.fault)
    raise FileRepairable(str(path), mended.fault)


def repair(path: Path, finder: Finder, password: str | None = None) -> Path:
    """Write the repaired copy beside *path*, under a free name; returns it. One that is there
    already is not written again.

    Raises :class:`app.errors.SignedFileDamaged`, :class:`app.errors.OutputNotWritable`,
    :class:`crypto.pdf.reading.failures.PdfUnreadable`."""
    mended = _mended(path, finder, password)
    if mended.signed:
        raise SignedFileDamaged(str(path), mended.fault)
    copy = path.with_name(f"{path.stem}{SUFFIX}{path.suffix or '.pdf'}")
    with contextlib.suppress(OSError):
        if copy.stat().st_size == len(mended.data) and copy.read_bytes() == mended.data:
            return copy  # of an attempt before
    return save_new(copy, mended.data)


def _mended(path: Path, finder: Finder, password: str | None) -> Mended:
    """The file in order. Raises :class:`PdfUnreadable` where nothing helps."""
    try:
        if path.stat().st_size > MAX_SIZE:
            raise PdfUnreadable("too large to be repaired")
        data = path.read_bytes()
    except OSError as error:
        raise FileNotReadable(str(path), FileProblem.of(error)) from error
    with within_time():
        found = mend(data, password)
    if found is not None:
        return found
    if b"startxref" not in data[-4096:] or b"%%EOF" not in data[-4096:]:
        raise PdfUnreadable("its end is missing, and with it perhaps some of its pages")
    anew = finder.rewritten(path, password)
    try:
        with within_time():
            Document(io.BytesIO(anew), password).pages()
    except PdfError as error:
        raise PdfUnreadable(str(error)) from error
    return Mended(_REWRITTEN, anew, is_signed(data))

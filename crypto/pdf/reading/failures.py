"""The ways in which a PDF cannot be read, and the bound of time that reading it has.

pyHanko parses; every way it can fail becomes one of these errors.

    PdfError
    ├── PdfUnreadable      not a PDF, truncated, or its cross-reference table is damaged
    │   └── PdfLineEnds    its line ends were converted in transfer
    ├── PdfEncrypted       a password is needed to read it
    ├── PdfPasswordWrong   the password given does not open it
    ├── PdfTooComplex      more objects, pages or nesting than any honest file
    ├── PdfLocked          a signature in it forbids what was asked
    └── PdfUnsupported     a kind of PDF that is not handled here (XFA forms, recipients' keys)
"""

from __future__ import annotations

import struct
import zlib
from collections.abc import Iterator
from contextlib import contextmanager

from pyhanko.pdf_utils import misc

from crypto import deadline


class PdfError(ValueError):
    """A PDF file cannot be used for what was asked."""


class PdfUnreadable(PdfError):
    """Not a PDF, truncated, or damaged beyond reading."""


class PdfLineEnds(PdfUnreadable):
    """Damaged by a transfer in text mode, which has converted its line ends."""


class PdfEncrypted(PdfError):
    """A password is needed to read this file."""


class PdfPasswordWrong(PdfError):
    """The password given does not open this file."""


class PdfTooComplex(PdfError):
    """More objects, pages or nesting than any honest file has."""


class PdfLocked(PdfError):
    """A signature that the document has forbids this change (DocMDP, FieldMDP, /Lock)."""

    def __init__(self, reason: str, locker: str = "") -> None:
        super().__init__(reason)
        self.locker = locker
        """Whose signature it is; "" if nobody can be named."""


class PdfUnsupported(PdfError):
    """A kind of PDF that is not handled here: an XFA form to be stamped, or one encrypted for the
    holders of certificates."""


PARSER_FAILURES = (
    misc.PdfError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    AssertionError,
    NotImplementedError,
    OverflowError,
    ArithmeticError,
    RuntimeError,
    OSError,
    EOFError,
    StopIteration,
    MemoryError,
    struct.error,
    zlib.error,
)
"""What pyHanko is known to raise on damaged or hostile files (docs/design/pdf.md §5)."""


@contextmanager
def within_time() -> Iterator[None]:
    """What reads a document inside may take as much of the processor as :mod:`crypto.deadline`
    says.

    Raises :class:`PdfTooComplex`."""
    try:
        with deadline.bounded():
            yield
    except deadline.OutOfTime as error:
        raise PdfTooComplex("it takes too long to read") from error

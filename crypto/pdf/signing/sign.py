"""One signature over one revision of a PDF: the original's bytes, then one incremental update.

The original is copied and hashed in one pass; the update (marks, fields, signature dictionary) is
kept in memory, its /ByteRange filled in, hashed, signed and appended. Nothing of the original
changes.

    PROFILES            what goes into /Filter, /SubFilter and /Contents, by name
    sign_revision(...)  source file + marks + a function that makes the signature value → output
    file
"""

from __future__ import annotations

import hashlib
import io
from collections.abc import Callable, Sequence
from datetime import UTC, datetime
from enum import StrEnum
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from crypto.algorithms import gm
from crypto.frozen import frozen
from crypto.pdf.marks.drawing import Mark, add_marks, add_unseen_field
from crypto.pdf.reading.access import entry
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import (
    PARSER_FAILURES,
    PdfError,
    PdfLocked,
    PdfUnreadable,
    PdfUnsupported,
)
from crypto.pdf.reading.locks import lock_of
from crypto.pdf.reading.pyhanko_patches import (
    encryption_of,
    leaves_properties_alone,
    set_encryption,
)
from crypto.pdf.signing.store import enclose
from crypto.seal.date_mark import DateMark, signing_day

CHUNK = 1 << 20
_RANGE_WIDTH = 60


@frozen
class Profile:
    """How a signature value is labelled in the PDF."""

    filter: str
    subfilter: str
    hash_name: str
    """hashlib name of the digest over the byte range."""
    type: str = "/Sig"


PROFILES = {
    "ses": Profile("/GM.PKILite", "/GM.sm2seal", "sm3"),
    "ses-adobe": Profile("/Adobe.PPKLite", "/adbe.pkcs7.detached", "sm3"),
    "cms": Profile("/Adobe.PPKLite", "/ETSI.CAdES.detached", "sm3"),
    "pades": Profile("/Adobe.PPKLite", "/ETSI.CAdES.detached", "sha256"),
}
"""``ses``: a raw GB/T 38540 value under its own names; ``ses-adobe``: the same value under the
names that some products expect (docs/design/standards.md §3.3); ``cms``: SM2 SignedData with the
seal as a signed attribute; ``pades``: RSA or P-256, for foreign readers (ETSI EN 319 142-1). What
goes into /Contents, :mod:`crypto.pdf.signing.values` makes."""


class SigningStep(StrEnum):
    """The steps of one signed revision, in order."""

    DRAW = "draw"
    COPY = "copy"
    """The original is copied and hashed."""
    SIGN = "sign"
    APPEND = "append"


def document_timestamp(hash_name: str) -> Profile:
    """A time stamp over the whole document, its imprint by *hash_name* (EN 319 142-1 §5.4.3)."""
    return Profile("/Adobe.PPKLite", "/ETSI.RFC3161", hash_name, "/DocTimeStamp")


@frozen
class Revision:
    """What was just about to be signed, as the maker of the value needs it."""

    digest: bytes
    """Over the byte range, by the profile's hash."""
    byte_range: tuple[int, int, int, int]


@frozen
class SignedRevision:
    """What was written."""

    digest: bytes
    byte_range: tuple[int, int, int, int]
    field_names: tuple[str, ...]


def check_may_sign(document: Document, *, seen: bool = True) -> None:
    """Raise :class:`PdfLocked` if a signature in the document forbids new seals,
    :class:`PdfUnsupported` for XFA forms (ISO 32000-1 §12.8.2, §12.7.4.5, §12.7.8), and
    :class:`PdfUnreadable` where no new objects can be told from old ones. A signature that is not
    *seen* may also be added where the fields are locked."""
    try:
        form = entry(document.root, "/AcroForm")
        if isinstance(form, generic.DictionaryObject) and "/XFA" in form:
            raise PdfUnsupported("an XFA form is not a document that can be sealed")
        if document.counts_too_few():
            raise PdfUnreadable("its trailer counts fewer objects than there are")
        lock = lock_of(document)
    except PARSER_FAILURES as error:
        if isinstance(error, PdfError):
            raise
        raise PdfUnreadable(str(error)) from error
    if lock is not None and lock.how == "certified":
        # P=1 forbids every change, P=2 and 3 forbid fields that were not there
        # (docs/design/pdf.md §1)
        raise PdfLocked(f"the document is certified with DocMDP P={lock.permission}", lock.by)
    if lock is not None and seen:
        raise PdfLocked("a signature locks all fields (FieldMDP)", lock.by)


def sign_revision(
    document: Document,
    output: BinaryIO,
    *,
    profile: Profile,
    value_size: int,
    make_value: Callable[[Revision], bytes],
    marks: Sequence[Mark] = (),
    picture: bytes = b"",
    dates: Sequence[DateMark] = (),
    signed_at: datetime | None = None,
    signer_name: str = "",
    reason: str = "",
    certificates: Sequence[bytes] = (),
    stencil: bool = False,
    step: Callable[[SigningStep], None] = lambda _: None,
) -> SignedRevision:
    """Write *document* plus one signed revision to *output* (empty, seekable).

    *make_value* gets the digest of the byte range and returns the /Contents value, at most
    *value_size* bytes. Each of *marks* shows *picture*; without any, the signature has one field
    that shows nothing. Each of *dates*, which go with marks, shows the day of *signed_at* in
    Beijing. *signed_at* is claimed in /M (None for a document time stamp). *certificates* (DER: the
    authorities between the signers and their root) go into the DSS of the same revision, so that
    the signature covers them. *stencil*: the picture without transparency. *step* is called before
    each step; raising from it (a cancel) leaves *output* unfinished and the original as it was.

    Raises :class:`PdfError`'s subclasses, :class:`crypto.pdf.marks.drawing.ImprintError` and
    whatever *make_value* raises."""
    if dates and not (marks and signed_at):
        raise ValueError("a date mark stands beside a seal and shows when it was used")
    check_may_sign(document, seen=bool(marks))
    step(SigningStep.DRAW)
    contents, byte_range = _Placeholder(value_size), _ByteRange()
    try:
        writer = RevisionWriter.from_reader(document.reader)
        writer.digest_aware_write = True  # no MAC over a revision that is signed
        dictionary = generic.DictionaryObject(
            {
                name("/Type"): name(profile.type),
                name("/Filter"): name(profile.filter),
                name("/SubFilter"): name(profile.subfilter),
                name("/ByteRange"): byte_range,
                name("/Contents"): contents,
            }
        )
        if signed_at is not None:
            dictionary[name("/M")] = generic.pdf_date(signed_at.astimezone(UTC))
        for key, words in (("/Name", signer_name), ("/Reason", reason)):
            if words:
                dictionary[name(key)] = generic.pdf_string(words)
        value = writer.add_object(dictionary)
        if marks:
            day = signing_day(signed_at) if signed_at is not None else None
            names = add_marks(writer, document.pages(), marks, picture, value, dates, day, stencil)
        else:
            names = [add_unseen_field(writer, document.pages(), value)]
        if certificates:
            enclose(writer, {"/Certs": certificates})
        step(SigningStep.COPY)
        hasher = gm.sm3_hasher() if profile.hash_name == "sm3" else _hasher(profile.hash_name)
        copy = _HashingCopy(output, _size(document.stream), hasher.update)
        writer.write(copy)
    except PARSER_FAILURES as error:
        if isinstance(error, OSError | PdfError) or type(error).__module__.startswith("crypto."):
            raise
        raise PdfUnreadable(f"this PDF cannot be extended: {error}") from error

    tail, start = copy.tail.getbuffer(), copy.copied
    gap_start, gap_end = contents.start - start, contents.end - start
    total = start + len(tail)
    numbers = (0, contents.start, contents.end, total - contents.end)
    text = b"[%d %d %d %d]" % numbers
    tail[byte_range.start - start :][: len(text)] = text
    hasher.update(tail[:gap_start])
    hasher.update(tail[gap_end:])
    digest = hasher.digest()
    output.seek(start)
    output.write(bytes(len(tail)))  # a disk that is full says so before the key signs
    output.flush()
    step(SigningStep.SIGN)
    signature = make_value(Revision(digest, numbers))
    if len(signature) > value_size:
        raise ValueError(f"the signature has {len(signature)} bytes, {value_size} were reserved")
    tail[gap_start + 1 : gap_end - 1] = signature.hex().encode().ljust(2 * value_size, b"0")
    step(SigningStep.APPEND)
    output.seek(start)
    output.write(tail)
    return SignedRevision(digest, numbers, tuple(names))


def _hasher(hash_name: str) -> gm.Hasher:
    return hashlib.new(hash_name)


def _size(stream: BinaryIO) -> int:
    return stream.seek(0, io.SEEK_END)


class _InTrailer(generic.DictionaryObject):
    """How a file is encrypted, where that stands in the trailer: no object has this number, so none
    is passed over when the objects are encrypted."""

    idnum = 0


@leaves_properties_alone
class RevisionWriter(IncrementalPdfFileWriter):
    """pyHanko's incremental writer, copying the original in large steps and leaving the document's
    properties alone: a seal changes no title, producer or XMP packet."""

    IO_CHUNK_SIZE = CHUNK

    def __init__(self, *arguments: Any, **options: Any) -> None:
        super().__init__(*arguments, **options)
        encryption = encryption_of(self)
        if isinstance(encryption, generic.DictionaryObject):
            entries = {key: encryption.raw_get(key) for key in encryption}
            set_encryption(self, _InTrailer(entries))  # type: ignore[no-untyped-call]


class _HashingCopy:
    """The stream the writer writes to: the first *original* bytes go to *output* and into the hash
    as they pass, what follows is kept in :attr:`tail`."""

    def __init__(
        self, output: BinaryIO, original: int, update: Callable[[bytes | memoryview], None]
    ) -> None:
        self._output, self._original, self._update = output, original, update
        self.copied = 0
        self.tail = io.BytesIO()

    def write(self, data: bytes | memoryview) -> int:
        if self.copied < self._original:
            self._output.write(data)
            self._update(data)
            self.copied += len(data)
        else:
            self.tail.write(data)
        return len(data)

    def tell(self) -> int:
        return self.copied + self.tail.tell()


class _Placeholder(generic.PdfObject):
    """/Contents: room for the value in hex; notes where it stands, brackets included."""

    def __init__(self, size: int) -> None:
        super().__init__()
        self._size = size
        self.start = self.end = 0

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        self.start = stream.tell()
        stream.write(b"<" + b"0" * (2 * self._size) + b">")
        self.end = stream.tell()


class _ByteRange(generic.PdfObject):
    """/ByteRange: an array of fixed width, filled in when the end of the file is known."""

    def __init__(self) -> None:
        super().__init__()
        self.start = 0

    def write_to_stream(self, stream: Any, handler: Any = None, container_ref: Any = None) -> None:
        self.start = stream.tell()
        stream.write(b"[]".ljust(_RANGE_WIDTH))


def property_info(byte_range: tuple[int, int, int, int]) -> str:
    """How a GB/T 38540 signature names what it protects in a PDF."""
    return "PDF;ByteRange=[" + " ".join(map(str, byte_range)) + "]"

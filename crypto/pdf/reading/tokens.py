"""Reads the smallest parts of a PDF in steps instead of byte by byte.

Names and hexadecimal strings take much of the time that pyHanko needs to open a document. A
function called ``…_reader`` or ``…_decoder`` takes pyHanko's own function and returns the one to
install in its place (:mod:`crypto.pdf.reading.pyhanko_patches`). It reads what is plain and leaves
everything else but odd names to pyHanko, so that both always read the same (tests hold them to each
other).
"""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from typing import Any

from pyhanko.pdf_utils import generic, misc

from crypto import deadline
from crypto.pdf.reading.plain import read_plain, string

_DELIMITER = re.compile(rb"[ \n\r\t\f\0()<>\[\]{}/%]")
_PLAIN_NAME = re.compile(rb"[A-Za-z0-9_.+:*-]*")
_STEP, _LONGEST_STEP = 64, 1 << 16
LONGEST = 254
"""Bytes of a name or a number: of a longer one PDFium and MuPDF read the beginning, each as much as
it has room for, and it would mean something else to them."""


def read_until_delimiter(stream: Any) -> bytes:
    """What stands before the next delimiter, which stays to be read."""
    parts: list[bytes] = []
    while chunk := stream.read(_STEP):
        found = _DELIMITER.search(chunk)
        if found:
            stream.seek(found.start() - len(chunk), io.SEEK_CUR)
            parts.append(chunk[: found.start()])
            break
        parts.append(chunk)
    token = b"".join(parts)
    if len(token) > LONGEST:
        raise misc.PdfReadError("a name or a number is too long")
    return token


def number_reader(library: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads a number by *library*, one of which all readers read all digits."""

    def read_from_stream(stream: Any) -> Any:
        start = stream.tell()
        found = library(stream)
        if stream.tell() - start > LONGEST:
            raise misc.PdfReadError("a name or a number is too long")
        return found

    return read_from_stream


_BLANKS = frozenset(misc.PDF_WHITESPACE[index : index + 1] for index in range(6))


def non_whitespace_reader(library: Callable[..., bytes]) -> Callable[..., bytes]:
    """Finds the next byte that is no blank; comments and the end are left to *library*."""

    def read_non_whitespace(stream: Any, seek_back: bool = False, allow_eof: bool = False) -> bytes:
        byte: bytes = stream.read(1)
        while byte in _BLANKS:
            byte = stream.read(1)
        if not byte or byte == b"%":
            stream.seek(-len(byte), io.SEEK_CUR)
            return library(stream, seek_back, allow_eof)
        if seek_back:
            stream.seek(-1, io.SEEK_CUR)
        return byte

    return read_non_whitespace


_ASCII_NAME = re.compile(rb"[\x21-\x22\x24-\x7e]*")
_ESCAPE = re.compile(rb"#([0-9A-Fa-f]{2})")
_PLAIN_IN_NAME = frozenset(range(0x21, 0x7F)) - {0x23}
_REGULAR = _PLAIN_IN_NAME - frozenset(b"()<>[]{}/%")


def name_decoder(library: Callable[[bytes], Any]) -> Callable[[bytes], Any]:
    """Decodes a name with its escapes (ISO 32000-1 §7.3.5).

    Bytes that should be escaped and are not are taken as they stand, as every reader does. pyHanko
    takes #AE and #C2#AE for one name; here what is no UTF-8, or has a # in it, keeps its escapes,
    so that different bytes stay different."""

    def decode_name(name_bytes: bytes) -> Any:
        if _PLAIN_NAME.fullmatch(name_bytes):
            return generic.NameObject(f"/{name_bytes.decode('ascii')}")
        if _ASCII_NAME.fullmatch(name_bytes):
            return library(name_bytes)
        if name_bytes.count(b"#") != len(_ESCAPE.findall(name_bytes)):
            raise misc.PdfReadError("an escape in a name needs two hexadecimal digits")
        raw = _ESCAPE.sub(lambda found: bytes.fromhex(found[1].decode("ascii")), name_bytes)
        with contextlib.suppress(UnicodeDecodeError):
            if b"#" not in raw:
                return generic.NameObject("/" + raw.decode("utf-8"))
        parts = (chr(byte) if byte in _PLAIN_IN_NAME else f"#{byte:02X}" for byte in raw)
        return generic.NameObject("/" + "".join(parts))

    return decode_name


def write_name(
    self: generic.NameObject, stream: Any, handler: Any = None, container_ref: Any = None
) -> None:
    """Write a name as :func:`name_decoder` reads it; pyHanko writes one digit for bytes below
    16."""
    if "#" in self:
        stream.write(self.encode("ascii"))  # its escapes were kept
    else:
        raw = self[1:].encode("utf-8")
        parts = (b"%c" % byte if byte in _REGULAR else b"#%02X" % byte for byte in raw)
        stream.write(b"/" + b"".join(parts))


def write_number(
    self: generic.FloatObject, stream: Any, handler: Any = None, container_ref: Any = None
) -> None:
    """Write a number without an exponent, which PDF has not."""
    text = format(self, "f")
    if abs(self) < 2**31 and self == self.to_integral_value():
        text = text.partition(".")[0]  # others read a larger one as a real number only
    stream.write(text.encode("ascii"))


def text_writer(library: Callable[..., None]) -> Callable[..., None]:
    """Write a text string that was read from a file in the encoding that it had there."""

    def write_text(
        self: generic.TextStringObject,
        stream: Any,
        handler: Any = None,
        container_ref: Any = None,
    ) -> None:
        text = generic.TextStringObject(self)
        text.force_output_encoding = self.force_output_encoding or self.autodetected_encoding
        library(text, stream, handler, container_ref)

    return write_text


def read_hex_string(stream: Any) -> Any:
    """Read a hexadecimal string: /Contents of a seal signature has hundreds of thousands of
    digits."""
    stream.read(1)
    parts: list[bytes] = []
    step = _STEP
    while True:
        chunk = stream.read(step)
        end = chunk.find(b">")
        if end >= 0:
            parts.append(chunk[:end])
            stream.seek(end + 1 - len(chunk), io.SEEK_CUR)
            break
        if not chunk:
            raise misc.PdfStreamError("a hexadecimal string does not end")
        parts.append(chunk)
        step = min(2 * step, _LONGEST_STEP)
    digits = b"".join(parts).translate(None, misc.PDF_WHITESPACE)
    try:
        return string(bytes.fromhex((digits + b"0" * (len(digits) % 2)).decode("ascii")))
    except ValueError as error:
        raise misc.PdfStreamError("not a hexadecimal string") from error


_NOBODY = re.compile(rb"0[ \t\r\n\f]0[ \t\r\n\f]R(?=[ \t\r\n\f\0()<>\[\]/%])")


def _is_nothing(stream: Any) -> bool:
    """Does "0 0 R" begin here, which some signing platforms write as an appearance? Object 0 is
    always free: every reader takes it for null, even where a table says that it is in use. Leaves
    the stream behind it, or where it was."""
    found = stream.read(6)
    if _NOBODY.match(found):
        stream.seek(5 - len(found), io.SEEK_CUR)
        return True
    stream.seek(-len(found), io.SEEK_CUR)
    return False


def object_reader(
    library: Callable[..., Any], read_payload: Callable[..., bytes | None]
) -> Callable[..., Any]:
    """Reads one object: a plain one by :mod:`crypto.pdf.reading.plain`, any other by *library*.

    *read_payload* is pyHanko's way of reading the bytes of a stream behind its dictionary."""

    def read_object(
        stream: Any,
        container_ref: Any,
        as_metadata_stream: bool = False,
        in_content_stream: generic.ContentOpReading = generic.ContentOpReading.NO,
    ) -> generic.PdfObject:
        deadline.check()
        if in_content_stream is generic.ContentOpReading.NO and not as_metadata_stream:
            found = read_plain(stream, container_ref, read_payload)
            if found is not None:
                return found
            if _is_nothing(stream):
                nothing = generic.NullObject()
                nothing.container_ref = container_ref
                return nothing
        first = stream.read(1)
        stream.seek(-len(first), io.SEEK_CUR)
        if first == b"%":  # where no line follows the comment, pyHanko would read on for ever
            misc.read_non_whitespace(stream, seek_back=True)
            return read_object(stream, container_ref)
        other: generic.PdfObject = library(
            stream, container_ref, as_metadata_stream, in_content_stream
        )
        return other

    return read_object


def trailer_reader(
    library: Callable[..., Any], read_payload: Callable[..., bytes | None]
) -> Callable[..., Any]:
    """Reads the dictionary of a trailer: a plain one by :mod:`crypto.pdf.reading.plain`. Any other,
    and all dictionaries that are no trailers, are left to *library*.

    *read_payload* is as in :func:`object_reader`."""

    def read_from_stream(
        stream: Any, container_ref: Any, *args: Any, **named: Any
    ) -> generic.PdfObject:
        if type(container_ref) is generic.TrailerReference and not args and not named:
            start = stream.tell()
            found = read_plain(stream, container_ref, read_payload)
            if isinstance(found, generic.DictionaryObject):
                found.container_ref = None  # as in the library; what it holds has one
                return found
            stream.seek(start)
        other: generic.PdfObject = library(stream, container_ref, *args, **named)
        return other

    return read_from_stream

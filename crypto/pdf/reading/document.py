"""Opening PDF files within bounds: their pages, annotations and signature fields.

A file is opened strictly first and leniently second (old Word writes hybrid files);
:attr:`Document.repaired` says which. :mod:`crypto.pdf.reading.failures` lists how it can fail.
"""

from __future__ import annotations

import io
import re
import zlib
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.crypt import AuthStatus, StandardSecurityHandler
from pyhanko.pdf_utils.crypt.permissions import StandardPermissions

from crypto.frozen import frozen
from crypto.pdf.reading.access import entry, follow, key_of
from crypto.pdf.reading.decryption import is_known
from crypto.pdf.reading.failures import (
    PARSER_FAILURES,
    PdfEncrypted,
    PdfError,
    PdfLineEnds,
    PdfPasswordWrong,
    PdfTooComplex,
    PdfUnreadable,
    PdfUnsupported,
)
from crypto.pdf.reading.page import Page
from crypto.pdf.reading.raw import raw_page
from crypto.pdf.reading.reader import Reader

MAX_PAGES = 20_000
MAX_FIELDS = 20_000
MAX_ANNOTATIONS = 100_000
MAX_REVISIONS = 1_000
_TAIL = 4096
_MOST_CONVERTED = 64 << 20
"""Bytes after a cross-reference table within which its trailer must have come to its end."""
MAX_TREE_DEPTH = 64
_FEW = 1024
"""Bytes of a page's dictionary that are kept."""
_BEYOND_ASCII = bytes(range(128, 256))
_FULL = 4096
"""So many compressed bytes have no LF without a CR before it once in ten million files."""
_COMPRESSED = re.compile(
    rb"/Filter\s*(?:\[\s*)?/FlateDecode\b[^>]{0,400}>>\s{0,9}stream\r?\n", re.DOTALL
)
_MOST_TRIED, _PIECE = 50, 4096
"""Compressed streams, and bytes of one, that are unpacked to see whether they are whole."""


@frozen
class Field:
    """One terminal signature field with its widget."""

    name: str
    """Fully qualified name."""
    reference: generic.Reference | None
    dictionary: generic.DictionaryObject
    value: generic.PdfObject | None
    """/V as found (a reference or a direct dictionary), None for an empty field."""
    pages: tuple[Page, ...] = ()
    """The pages whose /Annots list it; without one no viewer shows it. What its /P says is not
    believed."""


@frozen
class Annotation:
    """One entry of a page's /Annots."""

    page: Page
    reference: generic.Reference | None
    dictionary: generic.DictionaryObject


class Document:
    """An opened PDF: the reader, its pages and its signature fields."""

    def __init__(self, stream: BinaryIO, password: str | None = None) -> None:
        """Open a seekable binary *stream*. Raises :class:`PdfError`'s subclasses."""
        stream.seek(0)
        if b"%PDF-" not in stream.read(1024):
            raise PdfUnreadable("the file does not begin like a PDF")
        self.stream = stream
        self.repaired = False
        self.may_be_changed = True
        """False: its author lets those who open it add no seal (ISO 32000-1 table 22)."""
        self.reader = self._open(stream)
        if self._is_encrypted():
            self._decrypt(password)
        if self.reader.total_revisions > MAX_REVISIONS:
            raise PdfTooComplex(f"more than {MAX_REVISIONS} revisions")
        self._pages: list[Page] | None = None
        self._annotations: list[Annotation] | None = None

    def revision_ends(self, size: int) -> tuple[int, ...]:
        """Where each revision ends, in bytes of the file of *size*; the oldest first.

        Where a revision's end is not marked as it should be, the next one's stands for it."""
        xrefs, ends = self.reader.xrefs, [size]
        for number in reversed(range(xrefs.total_revisions - 1)):
            begin = xrefs.get_xref_container_info(number).end_location
            self.stream.seek(begin)
            tail = self.stream.read(max(0, min(_TAIL, ends[0] - begin)))
            marker = tail.find(b"%%EOF")
            end = begin + marker + len(b"%%EOF") if marker >= 0 else ends[0]
            rest = tail[marker + len(b"%%EOF") :][:2] if marker >= 0 else b""
            end += 2 if rest == b"\r\n" else int(rest[:1] in (b"\r", b"\n"))
            ends.insert(0, end)
        return tuple(ends)

    def counts_too_few(self) -> bool:
        """Would new objects get numbers that others have? Their numbers follow /Size."""
        xrefs = self.reader.xrefs
        numbers = (
            reference.idnum
            for revision in range(self.reader.total_revisions)
            for reference in xrefs.explicit_refs_in_revision(revision)
        )
        return int(entry(self.reader.trailer_view, "/Size", 0)) < max(numbers, default=0)

    def _open(self, stream: BinaryIO) -> Reader:
        try:
            return Reader(stream)
        except PARSER_FAILURES:
            self.repaired = True
        try:
            return Reader(stream, strict=False)
        except PdfError:
            raise
        except PARSER_FAILURES as error:
            if _has_converted_line_ends(stream):
                raise PdfLineEnds(str(error)) from error
            raise PdfUnreadable(str(error)) from error

    def _is_encrypted(self) -> bool:
        try:
            encrypted = bool(self.reader.encrypted)
            if "/Encrypt" in self.reader.trailer and not encrypted:
                raise misc.PdfReadError("nothing stands in /Encrypt")
            return encrypted
        except PARSER_FAILURES as error:
            raise PdfUnreadable(f"its encryption cannot be handled: {error}") from error

    def _decrypt(self, password: str | None) -> None:
        if not isinstance(self.reader.security_handler, StandardSecurityHandler):
            raise PdfUnsupported("it is encrypted for the certificates of its recipients")
        try:
            handler = self.reader.security_handler
            revision = entry(self.reader.encrypt_dict, "/R")
            if not is_known(handler, revision):
                raise misc.PdfReadError(f"revision {revision}")
            result = self.reader.decrypt(password or "")
            authenticated = handler is not None and handler.is_authenticated()
            wanted = StandardPermissions.ALLOW_MODIFICATION_GENERIC
            wanted |= StandardPermissions.ALLOW_ANNOTS_FORM_FILLING
            allowed = result.permission_flags
            self.may_be_changed = (
                result.status == AuthStatus.OWNER or allowed is None or wanted in allowed
            )
        except PARSER_FAILURES as error:
            raise PdfUnreadable(f"its encryption cannot be handled: {error}") from error
        if not authenticated:
            raise (
                PdfEncrypted("a password is needed")
                if password is None
                else PdfPasswordWrong("the password does not open the file")
            )

    @property
    def root(self) -> generic.DictionaryObject:
        """The document catalog. Raises :class:`PdfUnreadable`."""
        try:
            root = self.reader.root
        except PARSER_FAILURES as error:
            raise PdfUnreadable(str(error)) from error
        if not isinstance(root, generic.DictionaryObject):
            raise PdfUnreadable("the catalog is not a dictionary")
        return root

    def pages(self) -> list[Page]:
        """All pages in order (read once). Raises :class:`PdfUnreadable`, :class:`PdfTooComplex`."""
        if self._pages is None:
            try:
                found = list(self._walk_pages())
            except PdfError:
                raise
            except PARSER_FAILURES as error:
                raise PdfUnreadable(f"the page tree is damaged: {error}") from error
            if not found:
                raise PdfUnreadable("the document has no page")
            self._pages = found
        return self._pages

    def _walk_pages(self) -> Iterator[Page]:
        seen: set[tuple[int, int]] = set()
        inherited = ("/MediaBox", "/CropBox", "/Rotate")
        stack: list[tuple[Any, dict[str, Any], int]] = [(self.root.raw_get("/Pages"), {}, 0)]
        count = 0
        while stack:
            reference, attributes, depth = stack.pop()
            if not isinstance(reference, generic.IndirectObject):
                raise PdfUnreadable("a page is not an indirect object")
            key = key_of(reference)
            if key in seen:
                raise PdfUnreadable("the page tree runs in a circle")
            seen.add(key)
            if depth > MAX_TREE_DEPTH:
                raise PdfTooComplex("the page tree is too deep")
            raw = raw_page(self.reader, *key)
            bare = bool(raw)
            if not bare and not self.is_there(reference):
                continue
            node = None if bare else follow(reference)
            if not bare and not isinstance(node, generic.DictionaryObject):
                continue
            if node is not None and "/Kids" in node:
                own = {name: node[name] for name in inherited if name in node}
                attributes = {**attributes, **own}
                kids = list(node["/Kids"])
                if len(kids) > MAX_PAGES:
                    raise PdfTooComplex("too many pages")
                stack += [(kid, attributes, depth + 1) for kid in reversed(kids)]
                continue
            if count >= MAX_PAGES:
                raise PdfTooComplex("too many pages")
            kept = raw if len(raw) <= _FEW else b""
            yield Page(count, reference.reference, attributes, bare, kept)
            count += 1

    def is_there(self, reference: generic.IndirectObject) -> bool:
        """Is there such an object? A reference to none is a reference to null (ISO 32000-1
        §7.3.10)."""
        try:
            return self.reader.xrefs[reference.reference] is not None
        except KeyError:
            return False

    def annotations(self) -> list[Annotation]:
        """What the pages list in /Annots, in order (read once).

        Raises :class:`PdfUnreadable`, :class:`PdfTooComplex`."""
        if self._annotations is None:
            try:
                self._annotations = list(self._walk_annotations())
            except PdfError:
                raise
            except PARSER_FAILURES as error:
                raise PdfUnreadable(f"the annotations are damaged: {error}") from error
        return self._annotations

    def _walk_annotations(self) -> Iterator[Annotation]:
        count = 0
        for page in self.pages():
            if page.bare:
                continue
            listed = entry(follow(page.reference), "/Annots")
            if not isinstance(listed, generic.ArrayObject):
                continue
            count += len(listed)
            if count > MAX_ANNOTATIONS:
                raise PdfTooComplex("too many annotations")
            for index in range(len(listed)):
                raw = listed.raw_get(index)
                reference = raw.reference if isinstance(raw, generic.IndirectObject) else None
                if reference is not None and not self.is_there(raw):
                    continue
                node = follow(raw)
                if isinstance(node, generic.DictionaryObject):
                    yield Annotation(page, reference, node)

    def signature_fields(self) -> list[Field]:
        """Every terminal field whose type is /Sig, whatever its value or SubFilter.

        Walked by ourselves, because libraries skip what they do not know. Fields are taken from the
        AcroForm tree and from widgets on pages that the tree omits. Raises :class:`PdfTooComplex`,
        :class:`PdfUnreadable`."""
        try:
            return list(self._walk_fields())
        except PdfError:
            raise
        except PARSER_FAILURES as error:
            raise PdfUnreadable(f"the form fields are damaged: {error}") from error

    def _walk_fields(self) -> Iterator[Field]:
        shown: dict[tuple[int, int], tuple[Page, ...]] = {}
        for annotation in self.annotations():
            if annotation.reference:
                key = key_of(annotation.reference)
                shown[key] = tuple(dict.fromkeys((*shown.get(key, ()), annotation.page)))
        seen: set[tuple[int, int]] = set()
        for name, reference, node, kind, value in self._walk_form(seen):
            if kind == "/Sig":
                pages = shown.get(key_of(reference), ()) if reference else ()
                yield Field(name, reference, node, value, pages)
        for annotation in self.annotations():  # widgets that the form does not mention
            node = annotation.dictionary
            if annotation.reference and key_of(annotation.reference) in seen:
                continue
            if entry(node, "/FT") == "/Sig":
                pages = (
                    shown[key_of(annotation.reference)]
                    if annotation.reference
                    else (annotation.page,)
                )
                if annotation.reference:
                    seen.add(key_of(annotation.reference))
                name = str(entry(node, "/T", ""))
                yield Field(name, annotation.reference, node, _value(node, None), pages)

    def _walk_form(
        self, seen: set[tuple[int, int]]
    ) -> Iterator[tuple[str, generic.Reference | None, generic.DictionaryObject, Any, Any]]:
        """Terminal fields of the AcroForm: name, reference, dictionary, /FT and /V with what they
        inherit. References met on the way are added to *seen*."""
        form = entry(self.root, "/AcroForm")
        fields = entry(form, "/Fields") if isinstance(form, generic.DictionaryObject) else None
        stack: list[tuple[Any, str, Any, Any, int]] = []
        if isinstance(fields, generic.ArrayObject):
            stack = [(field, "", None, None, 0) for field in reversed(fields)]
        visited = 0
        while stack:
            raw, prefix, kind, value, depth = stack.pop()
            visited += 1
            if visited > MAX_FIELDS or depth > MAX_TREE_DEPTH:
                raise PdfTooComplex("too many form fields")
            reference = None
            if isinstance(raw, generic.IndirectObject):
                reference = raw.reference
                if key_of(reference) in seen:
                    continue
                seen.add(key_of(reference))
                if not self.is_there(raw):
                    continue
            node = follow(raw)
            if not isinstance(node, generic.DictionaryObject):
                continue
            title = entry(node, "/T")
            name = f"{prefix}.{title}" if prefix and title is not None else str(title or prefix)
            kind = entry(node, "/FT", kind)
            value = _value(node, value)
            kids = entry(node, "/Kids")
            if isinstance(kids, generic.ArrayObject) and len(kids):
                stack += [(kid, name, kind, value, depth + 1) for kid in reversed(kids)]
                continue
            yield name, reference, node, kind, value


def _value(node: generic.DictionaryObject, inherited: Any) -> Any:
    """/V as found or inherited; null counts as none. One that cannot be read is kept for the check
    of that signature: it must not hide the others."""
    value = node.raw_get("/V") if "/V" in node else inherited
    try:
        return None if isinstance(follow(value), generic.NullObject) else value
    except PARSER_FAILURES:
        return value


def open_document(path: Path, password: str | None = None) -> Document:
    """Open the file at *path*; the caller closes ``document.stream``.

    Raises OSError if it cannot be read and :class:`PdfError`'s subclasses."""
    stream = path.open("rb")
    try:
        return Document(stream, password)
    except BaseException:
        stream.close()
        raise


def lost_the_eighth_bit(stream: BinaryIO) -> bool:
    """Has a transfer for text left no byte beyond ASCII, though there is compressed data, which
    cannot be unpacked any more?"""
    stream.seek(0)
    data = stream.read(_MOST_CONVERTED + 1)
    if len(data) > _MOST_CONVERTED or not data.isascii():
        return False
    return any(map(_is_torn, islice(_COMPRESSED.finditer(data), _MOST_TRIED)))


def _is_torn(compressed: re.Match[bytes]) -> bool:
    data = compressed.string[compressed.end() : compressed.end() + _PIECE]
    try:
        zlib.decompressobj().decompress(data, _PIECE)
    except zlib.error:
        return True
    return False


def _has_converted_line_ends(stream: BinaryIO) -> bool:
    """Is every line end CR LF, and the file sound if each is LF, or so full of bytes beyond ASCII
    that an LF alone must have been among them?"""
    stream.seek(0)
    data = stream.read(_MOST_CONVERTED + 1)
    if len(data) > _MOST_CONVERTED or not 0 < data.count(b"\n") == data.count(b"\r\n"):
        return False
    if len(data) - len(data.translate(None, _BEYOND_ASCII)) >= _FULL:
        return True  # what was CR LF before cannot be told from what has become it
    try:
        Reader(io.BytesIO(data.replace(b"\r\n", b"\n")))
    except (PdfError, *PARSER_FAILURES):
        return False
    return True

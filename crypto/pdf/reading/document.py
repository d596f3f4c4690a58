"""Opening PDF files with bounds, and what signing and verifying both ask of them.

pyHanko parses; every way it can fail becomes one of the errors below. A file is opened strictly
first and leniently second (old Word writes hybrid files); :attr:`Document.repaired` says which.

    PdfError
    ├── PdfUnreadable      not a PDF, truncated, or its cross-reference table is damaged
    ├── PdfEncrypted       a password is needed to read it
    ├── PdfPasswordWrong   the password given does not open it
    ├── PdfTooComplex      more objects, pages or nesting than any honest file
    ├── PdfLocked          its author certified it against what was asked
    └── PdfUnsupported     a kind of PDF that is not handled here (XFA forms, recipients' keys)
"""

from __future__ import annotations

import math
import re
import struct
import zlib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.crypt import StandardSecurityHandler

from crypto import deadline
from crypto.pdf.reading.reader import Reader

MM = 72 / 25.4
"""Points per millimetre."""

MAX_PAGES = 20_000
MAX_FIELDS = 20_000
MAX_ANNOTATIONS = 100_000
MAX_REVISIONS = 1_000
_TAIL = 4096
"""Bytes after a cross-reference table within which its trailer must have come to its end."""
MAX_TREE_DEPTH = 64


class PdfError(ValueError):
    """A PDF file cannot be used for what was asked."""


class PdfUnreadable(PdfError):
    """Not a PDF, truncated, or damaged beyond reading."""


class PdfEncrypted(PdfError):
    """A password is needed to read this file."""


class PdfPasswordWrong(PdfError):
    """The password given does not open this file."""


class PdfTooComplex(PdfError):
    """More objects, pages or nesting than any honest file has."""


class PdfLocked(PdfError):
    """The document's author has certified it against this change (DocMDP)."""


class PdfUnsupported(PdfError):
    """A kind of PDF that is not handled here: an XFA form to be stamped, or one encrypted for the
    holders of certificates."""


_GLANCE = 4096
_PLAIN_OBJECT = re.compile(rb"\s*(\d{1,10})\s+(\d{1,5})\s+obj\s*<<([^(%#]*?)>>\s*endobj", re.DOTALL)

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


@dataclass(frozen=True)
class Page:
    """One page as a person sees it. Its own dictionary is read when it is asked for: a document of
    five hundred pages is stamped on one."""

    index: int
    """0-based."""
    reference: generic.Reference
    inherited: Mapping[str, Any] = field(repr=False, compare=False)
    """Attributes of the page tree above it."""
    bare: bool = field(default=False, compare=False)
    """Its bytes show that it lists no annotations."""

    @property
    def box(self) -> tuple[float, float, float, float]:
        """Visible box in default user space: left, bottom, right, top (CropBox in MediaBox)."""
        return self._view[0]

    @property
    def rotation(self) -> int:
        """Clockwise, 0, 90, 180 or 270."""
        return self._view[1]

    @property
    def unit(self) -> float:
        """Points per unit of user space / 1 pt (UserUnit; 1.0 nearly always)."""
        return self._view[2]

    @property
    def size_mm(self) -> tuple[float, float]:
        """Width and height as displayed, in millimetres."""
        width = (self.box[2] - self.box[0]) * self.unit / MM
        height = (self.box[3] - self.box[1]) * self.unit / MM
        return (height, width) if self.rotation in (90, 270) else (width, height)

    @cached_property
    def _view(self) -> tuple[tuple[float, float, float, float], int, float]:
        try:
            return _view(follow(self.reference), self.inherited)
        except PARSER_FAILURES as error:
            raise PdfUnreadable(f"page {self.index + 1} is damaged: {error}") from error


@dataclass(frozen=True)
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


@dataclass(frozen=True)
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
            self.reader.decrypt(password or "")
            handler = self.reader.security_handler
            authenticated = handler is not None and handler.is_authenticated()
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
            key = (reference.idnum, reference.generation)
            if key in seen:
                raise PdfUnreadable("the page tree runs in a circle")
            seen.add(key)
            if depth > MAX_TREE_DEPTH:
                raise PdfTooComplex("the page tree is too deep")
            if not self.is_there(reference):
                continue
            bare = self._is_bare(reference.reference)
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
            yield Page(count, reference.reference, attributes, bare)
            count += 1

    def is_there(self, reference: generic.IndirectObject) -> bool:
        """Is there such an object? A reference to none is a reference to null (ISO 32000-1
        §7.3.10)."""
        try:
            return self.reader.xrefs[reference.reference] is not None
        except KeyError:
            return False

    def _is_bare(self, reference: generic.Reference) -> bool:
        """Do the bytes of this page show that it has neither annotations nor kids?

        Parsing every page of a long document costs more than hashing it. Only bytes that can mean
        nothing else count: no strings, comments or escaped names, one dictionary, no stream."""
        place = self.reader.xrefs[reference]
        if not isinstance(place, int):
            return False
        self.stream.seek(place)
        found = _PLAIN_OBJECT.match(self.stream.read(_GLANCE))
        if not found or (int(found[1]), int(found[2])) != _key(reference):
            return False
        body = found[3]
        words = (b"Annots", b"Kids", b"stream")
        return b"<" not in body.replace(b"<<", b"") and not any(word in body for word in words)

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
        for each in self.annotations():
            if each.reference:
                key = _key(each.reference)
                shown[key] = tuple(dict.fromkeys((*shown.get(key, ()), each.page)))
        seen: set[tuple[int, int]] = set()
        for name, reference, node, kind, value in self._walk_form(seen):
            if kind == "/Sig":
                pages = shown.get(_key(reference), ()) if reference else ()
                yield Field(name, reference, node, value, pages)
        for each in self.annotations():  # widgets that the form does not mention
            node = each.dictionary
            if each.reference and _key(each.reference) in seen:
                continue
            if entry(node, "/FT") == "/Sig":
                pages = shown[_key(each.reference)] if each.reference else (each.page,)
                if each.reference:
                    seen.add(_key(each.reference))
                name = str(entry(node, "/T", ""))
                yield Field(name, each.reference, node, _value(node, None), pages)

    def _walk_form(
        self, seen: set[tuple[int, int]]
    ) -> Iterator[tuple[str, generic.Reference | None, generic.DictionaryObject, Any, Any]]:
        """Terminal fields of the AcroForm: name, reference, dictionary, /FT and /V with what they
        inherit. References met on the way are added to *seen*."""
        form = entry(self.root, "/AcroForm")
        fields = entry(form, "/Fields") if isinstance(form, generic.DictionaryObject) else None
        stack: list[tuple[Any, str, Any, Any, int]] = []
        if isinstance(fields, generic.ArrayObject):
            stack = [(each, "", None, None, 0) for each in reversed(fields)]
        visited = 0
        while stack:
            raw, prefix, kind, value, depth = stack.pop()
            visited += 1
            if visited > MAX_FIELDS or depth > MAX_TREE_DEPTH:
                raise PdfTooComplex("too many form fields")
            reference = None
            if isinstance(raw, generic.IndirectObject):
                reference = raw.reference
                if _key(reference) in seen:
                    continue
                seen.add(_key(reference))
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


def _key(reference: generic.Reference) -> tuple[int, int]:
    return reference.idnum, reference.generation


def _value(node: generic.DictionaryObject, inherited: Any) -> Any:
    """/V as found or inherited; null counts as none. One that cannot be read is for whoever judges
    that signature: it must not hide the others."""
    value = node.raw_get("/V") if "/V" in node else inherited
    try:
        return None if isinstance(follow(value), generic.NullObject) else value
    except PARSER_FAILURES:
        return value


def follow(value: Any) -> Any:
    """The object that *value* refers to; *value* itself if it is no reference."""
    if isinstance(value, generic.IndirectObject | generic.Reference):
        return value.get_object()
    return value


def entry(dictionary: Any, key: str, default: Any = None) -> Any:
    """The value under *key* with a reference followed; *default* if there is none.

    pyHanko's own ``get`` hands out references as they are."""
    return follow(dictionary.raw_get(key)) if key in dictionary else default


def open_document(path: Path, password: str | None = None) -> Document:
    """Open the file at *path*; the caller closes ``document.stream``.

    Raises OSError if it cannot be read and :class:`PdfError`'s subclasses."""
    stream = path.open("rb")
    try:
        return Document(stream, password)
    except BaseException:
        stream.close()
        raise


def _view(
    node: Any, inherited: Mapping[str, Any]
) -> tuple[tuple[float, float, float, float], int, float]:
    """(visible box, rotation, UserUnit) of a page's dictionary."""

    def attribute(key: str) -> Any:
        return entry(node, key) if key in node else follow(inherited.get(key))

    media = _box(attribute("/MediaBox")) or (0.0, 0.0, 595.276, 841.89)
    crop = _box(attribute("/CropBox"))
    box = media
    if crop:
        box = (
            max(media[0], crop[0]),
            max(media[1], crop[1]),
            min(media[2], crop[2]),
            min(media[3], crop[3]),
        )
        if box[0] >= box[2] or box[1] >= box[3]:
            box = media
    unit = _number(entry(node, "/UserUnit"), 1.0)
    rotation = int(_number(attribute("/Rotate"), 0.0)) % 360 // 90 * 90
    return box, rotation, unit if unit > 0 else 1.0


def _number(value: Any, default: float) -> float:
    """A number as float (pyHanko's real numbers are no floats); *default* if it is none."""
    try:
        number = float(follow(value))
    except (TypeError, ValueError, ArithmeticError):
        return default
    return number if math.isfinite(number) else default


def _box(value: Any) -> tuple[float, float, float, float] | None:
    """A rectangle with its corners put in order; None if it is not one."""
    if not isinstance(value, generic.ArrayObject) or len(value) != 4:
        return None
    try:
        x0, y0, x1, y1 = (float(follow(each)) for each in value)
    except (TypeError, ValueError):
        return None
    left, right, bottom, top = min(x0, x1), max(x0, x1), min(y0, y1), max(y0, y1)
    return (left, bottom, right, top) if left < right and bottom < top else None

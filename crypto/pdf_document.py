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

import io
import logging
import math
import re
import struct
import zlib
from bisect import bisect_right
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO

from pyhanko.pdf_utils import generic, misc
from pyhanko.pdf_utils.crypt import StandardSecurityHandler
from pyhanko.pdf_utils.decode_limits import DecodePurpose
from pyhanko.pdf_utils.reader import HistoricalResolver, PdfFileReader
from pyhanko.pdf_utils.xref import ObjStreamRef, XRefCache, XRefSection

from crypto import pdf_tokens as pdf_tokens  # changes how pyHanko reads

MM = 72 / 25.4
"""Points per millimetre."""

MAX_PAGES = 20_000
MAX_FIELDS = 20_000
MAX_ANNOTATIONS = 100_000
MAX_REVISIONS = 1_000
_TAIL = 4096
"""Octets after a cross-reference table within which its trailer must have come to its end."""
MAX_TREE_DEPTH = 64

# pyHanko logs each oddity of a file; what matters of them is in our findings and errors
logging.getLogger("pyhanko").setLevel(logging.CRITICAL)


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
"""What pyHanko is known to raise on damaged or hostile files (PDF-DETAILS.md §5)."""


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
    """Its octets show that it lists no annotations."""

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
        """Where each revision ends, in octets of the file of *size*; the oldest first.

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

    def _open(self, stream: BinaryIO) -> _Reader:
        try:
            return _Reader(stream)
        except PARSER_FAILURES:
            self.repaired = True
        try:
            return _Reader(stream, strict=False)
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
        """Do the octets of this page show that it has neither annotations nor kids?

        Parsing every page of a long document costs more than hashing it. Only octets that can mean
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


class _Reader(PdfFileReader):
    """pyHanko's reader with an index per object stream and one of the tables.

    pyHanko walks through the stream's header again for every object in it, which takes minutes for
    streams of many objects. This and what follows it override internal methods of the pinned
    version; tests notice if they are no longer called."""

    def __init__(self, stream: BinaryIO, strict: bool = True) -> None:
        self._indexes: dict[int, _ObjectStream] = {}
        self._object_ends: dict[int, int] = {}
        super().__init__(stream, strict=strict)
        self.xrefs = _Sections(self, self.xrefs._xref_sections)

    @property
    def strict(self) -> bool:
        """Objects and trailers are always read strictly: of two entries of one name viewers take
        the other one. What is read leniently are the tables."""
        return True

    @strict.setter
    def strict(self, value: bool) -> None:
        """What pyHanko's constructor asks for is for the tables alone."""

    @cached_property
    def encrypt_dict(self) -> generic.DictionaryObject | None:
        """How the file is encrypted. pyHanko insists on a reference (ISO 32000-2 §7.6.2 does not);
        MuPDF, for one, writes the dictionary into the trailer. And it asks once per object, looking
        through the trailers of all revisions."""
        direct = self.trailer.raw_get("/Encrypt") if "/Encrypt" in self.trailer else None
        if isinstance(direct, generic.DictionaryObject):
            return direct
        found: generic.DictionaryObject | None = super().encrypt_dict
        return found

    def get_historical_resolver(self, revision: int) -> HistoricalResolver:
        """A view of the file as of this revision (from 0)."""
        if revision not in self._historical_resolver_cache:
            self._historical_resolver_cache[revision] = _View(self, revision)
        return self._historical_resolver_cache[revision]

    def read_at(self, ref: generic.Reference, revision: int) -> tuple[generic.PdfObject, int]:
        """The object as of this revision, as it stands there, undecrypted; and one past its last
        octet, 0 in an object stream. One that was read before is not read again, none is kept."""
        place = self.xrefs.get_historical_ref(ref, revision)
        found = None
        if not self.encrypted and self.xrefs[ref] == place:
            found = self.resolved_objects.get((ref.generation, ref.idnum))
        if found is None:
            found = self.get_object(ref, revision, never_decrypt=True, transparent_decrypt=False)  # type: ignore[no-untyped-call]
        return found, self._object_ends[place] if isinstance(place, int) else 0

    def _read_object(self, ref: generic.Reference, marker: Any, *args: Any, **named: Any) -> Any:
        found = super()._read_object(ref, marker, *args, **named)
        if isinstance(marker, int):
            self._object_ends[marker] = self.stream.tell()
        return found

    def _get_object_from_stream(self, idnum: int, stmnum: int, idx: int) -> generic.PdfObject:
        index = self._indexes.get(stmnum)
        if index is None:
            stream = generic.Reference(stmnum, 0, self).get_object()
            if not isinstance(stream, generic.StreamObject) or stream["/Type"] != "/ObjStm":
                raise misc.PdfReadError("a compressed object is not in an object stream")
            index = self._indexes[stmnum] = _ObjectStream(stream)
        found = index.read_object(idnum, idx, self)
        if isinstance(found, generic.StreamObject | generic.IndirectObject):
            raise misc.PdfReadError("an object stream holds a stream or a bare reference")
        return found


class _View(HistoricalResolver):
    """pyHanko's view of an earlier revision. It copies every object so that references in it lead
    to that revision, and spends most of the time on what holds none."""

    def _subsume_object(self, obj: Any) -> Any:
        return super()._subsume_object(obj) if isinstance(obj, _HOLDERS) else obj  # type: ignore[no-untyped-call]


_HOLDERS = (
    generic.DictionaryObject,
    generic.ArrayObject,
    generic.IndirectObject,
    generic.DecryptedObjectProxy,
)


class _Sections(XRefCache):
    """pyHanko's cross-reference sections, oldest first, with an index: an object is looked for in
    the sections that name it, not in those of all revisions. A test holds the answers to the
    library's own."""

    def __init__(self, reader: PdfFileReader, sections: list[XRefSection]) -> None:
        super().__init__(reader, sections)
        self._naming: dict[int, list[int]] = {}
        """Object number → the revisions but the first that name it, in order."""
        for number, section in enumerate(sections):
            data = section.xref_data
            parts = (data, data.hybrid.xref_data) if data.hybrid else (data,)
            named = {each for part in parts for each, _ in part.explicit_refs_in_revision}
            for each in named if number else ():
                self._naming.setdefault(each, []).append(number)

    def get_historical_ref(self, ref: Any, revision: int) -> int | ObjStreamRef | None:
        """Where the object stood in this revision; None if there was none."""
        return self._resolve(ref, revision)[1]

    def get_last_change(self, ref: generic.Reference) -> int:
        """The revision that wrote or freed the object last. Raises KeyError if none ever did."""
        number, _ = self._resolve(ref, len(self._xref_sections) - 1)
        if number is None:
            raise KeyError(ref)
        return number

    def _resolve(self, ref: Any, revision: int) -> tuple[int | None, int | ObjStreamRef | None]:
        naming = self._naming.get(ref.idnum, [])
        for at in reversed(range(-1, bisect_right(naming, revision))):
            number = naming[at] if at >= 0 else 0
            try:
                return number, self._xref_sections[number].xref_data.try_resolve(ref)
            except KeyError:
                continue
        return None, None


_COMMENT = re.compile(rb"%[^\r\n]*")


class _ObjectStream:
    """A decoded object stream: where each of its objects begins."""

    def __init__(self, stream: generic.StreamObject) -> None:
        data = stream.read_data(DecodePurpose.OBJECT_STREAM)
        first, count = int(stream["/First"]), int(stream["/N"])
        header = [int(each) for each in _COMMENT.sub(b"", data[:first]).split()]
        if count < 0 or first < 0 or len(header) < 2 * count:
            raise misc.PdfReadError("an object stream's header is too short")
        self._data = io.BytesIO(data)
        self._places = [
            (number, first + offset)
            for number, offset in zip(
                header[: 2 * count : 2], header[1 : 2 * count : 2], strict=True
            )
        ]

    def read_object(self, number: int, position: int, reader: PdfFileReader) -> generic.PdfObject:
        if not 0 <= position < len(self._places) or self._places[position][0] != number:
            # readers disagree on which of the two counts, so neither does
            raise misc.PdfReadError(f"object {number} is not where the table says")
        self._data.seek(self._places[position][1])
        return generic.read_object(self._data, generic.Reference(number, 0, reader))


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

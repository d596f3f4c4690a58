"""Documents written by hand, later revisions of them, and what stands in their raw bytes."""

import io
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Any

import pymupdf
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

DEMO_PDF = Path(__file__).parents[2] / "resources" / "demo" / "regulation.pdf"
MM = 72 / 25.4


def classic_pdf(
    *,
    pages: int = 1,
    media: tuple[float, ...] = (0, 0, 595.276, 841.89),
    crop: tuple[float, ...] | None = None,
    rotate: int = 0,
    unit: float | None = None,
    content: bytes = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET",
    annots: bytes = b"",
    catalog: bytes = b"",
    extra: Iterable[bytes] = (),
) -> bytes:
    """A document with a classic cross-reference table, written by hand.

    Objects: 1 catalog, 2 page tree, 3 font, 4 content, then the pages, then *extra*."""
    kids = b" ".join(b"%d 0 R" % (5 + index) for index in range(pages))
    numbers = b" ".join(b"%.4f" % each for each in media)
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
    page += b"/MediaBox[%s]" % numbers
    if crop:
        page += b"/CropBox[%s]" % b" ".join(b"%.4f" % each for each in crop)
    page += b"/Rotate %d" % rotate if rotate else b""
    page += b"/UserUnit %.4f" % unit if unit else b""
    page += annots + b">>"
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R" + catalog + b">>",
            b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            *[page] * pages,
            *extra,
        ]
    )


def build_pdf(objects: Sequence[bytes], trailer: bytes = b"") -> bytes:
    """A file of these objects, numbered from 1; 1 is the catalog."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    offsets = []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n0 %d\n0000000000 65535 f \n" % (len(objects) + 1)
    out += b"".join(b"%010d 00000 n \n" % each for each in offsets)
    out += b"trailer\n<</Size %d/Root 1 0 R%s>>\n" % (len(objects) + 1, trailer)
    out += b"startxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


def append_revision(
    data: bytes, objects: dict[int, bytes], *, trailer: bytes = b"", free: Sequence[int] = ()
) -> bytes:
    """*data* plus an incremental update that writes these objects (bodies by number)."""
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    size = max(int(reader.trailer["/Size"]), *(number + 1 for number in objects or {0: b""}))
    root = reader.root_ref.idnum
    out = bytearray(data)
    if not out.endswith(b"\n"):
        out += b"\n"
    rows = [(number, b"%010d 00001 f \n" % 0) for number in free]
    for number, body in objects.items():
        rows.append((number, b"%010d 00000 n \n" % len(out)))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start = len(out)
    out += b"xref\n"
    for number, row in sorted(rows):
        out += b"%d 1\n%s" % (number, row)
    out += b"trailer\n<</Size %d/Root %d 0 R/Prev %d%s>>\nstartxref\n%d\n%%%%EOF\n" % (
        size,
        root,
        reader.last_startxref,
        trailer,
        start,
    )
    return bytes(out)


class _Writer(IncrementalPdfFileWriter):
    """Leaves the document's properties alone, so that a test changes just what it says."""

    def _update_meta(self) -> None:
        pass


def rooted_at(data: bytes, number: int, catalog: bytes) -> bytes:
    """A revision with its catalog in a new object."""
    later = append_revision(data, {number: catalog})
    end = later.rindex(b"trailer")
    tail = re.sub(rb"/Root \d+ 0 R", b"/Root %d 0 R" % number, later[end:])
    return later[:end] + tail


def update(data: bytes, change: Callable[[IncrementalPdfFileWriter], None]) -> bytes:
    """*data* plus a revision in which *change* did what it liked."""
    writer = _Writer(io.BytesIO(data), strict=False)
    change(writer)
    output = io.BytesIO()
    writer.write(output)
    return output.getvalue()


def form_stream(
    writer: Any, content: bytes, box: Sequence[float], resources: Any = None
) -> generic.IndirectObject:
    """A form XObject as a new object."""
    stream = generic.StreamObject(
        {
            name("/Type"): name("/XObject"),
            name("/Subtype"): name("/Form"),
            name("/BBox"): generic.ArrayObject([generic.FloatObject(each) for each in box]),
        },
        stream_data=content,
    )
    if resources is not None:
        stream[name("/Resources")] = resources
    return writer.add_object(stream)


def first_page(writer: Any) -> generic.DictionaryObject:
    return writer.root["/Pages"]["/Kids"][0].get_object()


def add_widget(
    writer: Any,
    field_name: str,
    content: bytes | None = b"1 g 0 0 300 40 re f",
    *,
    rect: Sequence[float] = (60, 690, 360, 730),
    kind: str = "/Sig",
    value: Any = None,
    appearance: Any = None,
    **entries: Any,
) -> generic.IndirectObject:
    """A new field with a widget on the first page: by default one that paints its box white."""
    page = first_page(writer)
    widget = generic.DictionaryObject(
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/Widget"),
            name("/FT"): name(kind),
            name("/T"): generic.pdf_string(field_name),
            name("/F"): generic.NumberObject(4),
            name("/P"): page.container_ref
            and generic.IndirectObject(
                page.container_ref.idnum, page.container_ref.generation, writer
            ),
            name("/Rect"): generic.ArrayObject([generic.FloatObject(each) for each in rect]),
        }
    )
    if appearance is None and content is not None:
        width, height = rect[2] - rect[0], rect[3] - rect[1]
        appearance = form_stream(writer, content, (0, 0, width, height))
    if appearance is not None:
        widget[name("/AP")] = generic.DictionaryObject({name("/N"): appearance})
    if value is not None:
        widget[name("/V")] = value
    for key, each in entries.items():
        widget[name(f"/{key}")] = each
    reference = writer.add_object(widget)
    annotate(writer, reference)
    form = writer.root.get("/AcroForm")
    form = form.get_object() if form is not None else None
    if form is None:
        form = generic.DictionaryObject({name("/Fields"): generic.ArrayObject()})
        writer.root[name("/AcroForm")] = writer.add_object(form)
        writer.update_root()
    form["/Fields"].append(reference)
    writer.update_container(form["/Fields"])
    return reference


def annotate(writer: Any, reference: Any) -> None:
    """Put an annotation on the first page."""
    page = first_page(writer)
    if "/Annots" in page:
        page["/Annots"].append(reference)
        writer.update_container(page["/Annots"])
    else:
        page[name("/Annots")] = generic.ArrayObject([reference])
        writer.update_container(page)


def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run another verifier's program; the test says what its exit code means."""
    if sys.platform != "win32":  # there tests/world/systems.py leaves the test out
        assert shutil.which(str(arguments[0])), f"{arguments[0]} is not installed"
    return subprocess.run([*map(str, arguments)], capture_output=True, check=False, timeout=60)


def contents_of(data: bytes) -> list[tuple[tuple[int, ...], bytes]]:
    """(byte range, contents) of each signature, found in the raw bytes without any PDF library."""
    found = []
    for match in re.finditer(rb"/ByteRange\s*\[\s*(\d+) (\d+) (\d+) (\d+)\s*\]", data):
        numbers = tuple(int(each) for each in match.groups())
        gap = data[numbers[1] : numbers[2]]
        found.append((numbers, bytes.fromhex(gap[1:-1].decode())))
    return found


def crashing_pdf(pages: int = 2) -> bytes:
    """An ordinary document whose last page makes MuPDF 1.28.2 abort the whole process when it is
    drawn or read: a structure element whose parent is missing, behind one that has a parent."""
    numbers = range(6, 6 + pages)
    root = 6 + pages
    kids = b" ".join(b"%d 0 R" % number for number in numbers)
    text = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"
    marked = b"/H1<</MCID 0>>BDC %s EMC /Span<</MCID 1>>BDC %s EMC" % (text, text)
    page = b"<</Type/Page/Parent 2 0 R/Contents %d 0 R/MediaBox[0 0 595 842]%s"
    page += b"/Resources<</Font<</F 3 0 R>>>>>>"
    tree = (root, root + 2, root + 3, root + 1)
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/MarkInfo<</Marked true>>/StructTreeRoot %d 0 R>>" % root,
            b"<</Type/Pages/Count %d/Kids[%s]>>" % (pages, kids),
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(text), text),
            b"<</Length %d>>stream\n%s\nendstream" % (len(marked), marked),
            *[page % (4, b"")] * (pages - 1),
            page % (5, b"/StructParents 0"),
            b"<</Type/StructTreeRoot/K %d 0 R/ParentTree<</Nums[0[%d 0 R %d 0 R]]>>>>"
            % (tree[3], tree[1], tree[2]),
            b"<</Type/StructElem/S/Document/P %d 0 R/K[%d 0 R]>>" % (root, tree[1]),
            b"<</Type/StructElem/S/H1/P %d 0 R/Pg %d 0 R/K[0 %d 0 R]>>"
            % (tree[3], numbers[-1], tree[2]),
            b"<</Type/StructElem/S/Span/P 999 0 R/Pg %d 0 R/K[1]>>" % numbers[-1],
        ]
    )


def with_fields(path: Path, **fields: tuple[int, tuple[float, float, float, float]]) -> Path:
    """Two A4 pages with empty signature fields: name → page from 0, left, top, right, bottom."""
    made = pymupdf.open()
    for _ in range(2):
        made.new_page(width=210 * MM, height=297 * MM)
    for title, (number, box) in fields.items():
        widget = pymupdf.Widget()
        widget.field_name, widget.field_type = title, pymupdf.PDF_WIDGET_TYPE_SIGNATURE
        widget.rect = pymupdf.Rect(*(each * MM for each in box))
        page = made[number]
        page.add_widget(widget)
    for page in made:
        for each in page.widgets():
            made.xref_set_key(each.xref, "AP", "null")  # a flag that the library paints on it
    made.save(path)
    made.close()
    return path

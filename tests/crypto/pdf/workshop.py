"""A small world in which documents are sealed: an authority, holders, and tools to attack."""

import io
import re
import shutil
import subprocess
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter
from pyhanko.pdf_utils.reader import PdfFileReader

from crypto.algorithms.keys import SoftKey
from crypto.pdf.marks import drawing
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import PROFILES, Revision, SignedRevision, property_info, sign_revision
from crypto.pdf.verify import verify_pdf
from crypto.pki.x509 import OCSP_SIGNING, Certificate
from crypto.seal.date_mark import DateMark
from crypto.seal.statement import SealStatement, SignedStatement
from crypto.seal.structure import make_seal, make_signature
from crypto.validation.trust import Trust
from crypto.verdict import Report

NOW = datetime(2026, 11, 23, 9, 0, tzinfo=UTC)
SIGNED_AT = NOW - timedelta(days=1)
MADE_AT = NOW - timedelta(days=60)
MM = 72 / 25.4


def imprint(colour: str = "red", size: int = 240, text: str = "") -> bytes:
    """A round seal as PNG with a transparent ground; different colours or texts differ clearly."""
    picture = Image.new("RGBA", (size, size), (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, size - 4, size - 4), outline=colour, width=size // 20)
    draw.polygon(
        [(size * x, size * y) for x, y in ((0.5, 0.25), (0.7, 0.7), (0.3, 0.7))], fill=colour
    )
    if text:
        draw.rectangle((size * 0.1, size * 0.8, size * 0.9, size * 0.9), fill=colour)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


@dataclass
class Holder:
    """A company with a key and a seal."""

    key: SoftKey
    code: str
    picture: bytes
    size_mm: tuple[int, int]
    seal: bytes


@dataclass
class Shop:
    """Everything needed to seal, attack and verify documents in memory."""

    authority: Any
    maker: SoftKey
    status: SoftKey
    trust: Trust
    first: Holder = field(init=False)
    second: Holder = field(init=False)

    def holder(
        self,
        code: str,
        picture: bytes,
        *,
        size_mm: tuple[int, int] = (40, 40),
        authority: Any = None,
        maker: SoftKey | None = None,
    ) -> Holder:
        """A company whose certificate and seal were issued here, or by another *authority*."""
        key = (authority or self.authority).key_for(
            code, extended_key_usage=("1.3.6.1.5.5.7.3.36",)
        )
        seal = make_seal(
            es_id=code,
            vendor="TEST",
            seal_type=1,
            name="宿迁市测试单位",
            signer_certificates=[key.certificate],
            created=MADE_AT,
            valid_from=MADE_AT,
            valid_until=MADE_AT + timedelta(days=700),
            picture=picture,
            width_mm=size_mm[0],
            height_mm=size_mm[1],
            maker=maker or self.maker,
        )
        return Holder(key, code, picture, size_mm, seal)

    def statement(self, holder: Holder, **changes: Any) -> SignedStatement:
        """What the platform says of this holder's seal: active, unless *changes* say otherwise."""
        values: dict[str, Any] = {
            "seal_code": holder.code,
            "state": "active",
            "reason": "",
            "effective_at": None,
            "recorded_at": None,
            "certificate_serial": Certificate.parse(holder.key.certificate).serial,
            "certificate_valid": True,
            "issued_at": NOW - timedelta(minutes=5),
            "next_update": NOW + timedelta(hours=24),
            **changes,
        }
        return SignedStatement.parse(SealStatement(**values).encode(self.status))

    def trusting(self, *holders: Holder) -> Trust:
        """The usual trust plus a fresh statement for each of *holders*."""
        extra = tuple(self.statement(each) for each in holders)
        return replace(self.trust, statements=(*self.trust.statements, *extra))

    def sign(
        self,
        original: bytes,
        holder: Holder | None = None,
        marks: Sequence[Mark] | None = None,
        *,
        profile: str = "ses",
        password: str | None = None,
        seal: bytes | None = None,
        picture: bytes | None = None,
        reserve: int = 512,
        dates: Sequence[DateMark] = (),
        dated: datetime = SIGNED_AT,
    ) -> bytes:
        """The bytes of *original* plus one sealed revision."""
        return self.sign_details(
            original,
            holder,
            marks,
            profile=profile,
            password=password,
            seal=seal,
            picture=picture,
            reserve=reserve,
            dates=dates,
            dated=dated,
        )[0]

    def sign_details(
        self,
        original: bytes,
        holder: Holder | None = None,
        marks: Sequence[Mark] | None = None,
        *,
        profile: str = "ses",
        password: str | None = None,
        seal: bytes | None = None,
        picture: bytes | None = None,
        reserve: int = 512,
        dates: Sequence[DateMark] = (),
        dated: datetime = SIGNED_AT,
    ) -> tuple[bytes, SignedRevision]:
        """The same, with what was written. *dated*: the moment whose day the *dates* show."""
        holder = holder or self.first
        output = io.BytesIO()

        def make_value(revision: Revision) -> bytes:
            return make_signature(
                seal=seal or holder.seal,
                digest=revision.digest,
                property_info=property_info(revision.byte_range),
                signed_at=SIGNED_AT,
                key=holder.key,
            )

        done = sign_revision(
            Document(io.BytesIO(original), password),
            output,
            profile=PROFILES[profile],
            marks=self.marks(holder) if marks is None else marks,
            picture=picture or holder.picture,
            value_size=len(holder.seal) + len(holder.key.certificate) + reserve,
            make_value=make_value,
            dates=dates,
            signed_at=dated,
            signer_name=holder.code,
        )
        return output.getvalue(), done

    @staticmethod
    def marks(holder: Holder, page: int = 0, left: float = 100, top: float = 200) -> list[Mark]:
        """One mark of the holder's seal at its true size."""
        return [Mark(page, left, top, float(holder.size_mm[0]), float(holder.size_mm[1]))]

    def verify(
        self, data: bytes, *, trust: Trust | None = None, password: str | None = None
    ) -> Report:
        """The report of these bytes as of :data:`NOW`."""
        return verify_pdf(io.BytesIO(data), "文件.pdf", trust or self.trust, NOW, password=password)


def make_shop(make_root: Callable[..., Any]) -> Shop:
    """A shop with two holders in good standing; *make_root* is the fixture of that name."""
    authority = make_root("印章测试根")
    anchor = authority.certificate
    made = Shop(
        authority,
        authority.key_for("制章者", usage=("digitalSignature",)),
        authority.key_for("状态", usage=("digitalSignature",), extended_key_usage=(OCSP_SIGNING,)),
        Trust.in_all([anchor]),
    )
    made.first = made.holder("32130000000017", imprint())
    made.second = made.holder("32130000000025", imprint("darkred", text="2"), size_mm=(30, 30))
    made.trust = made.trusting(made.first, made.second)
    return made


def drawn(
    shop: Shop, edit: Callable[[generic.StreamObject], None], data: bytes, **options: Any
) -> bytes:
    """*data* sealed, with an appearance that *edit* changed before it was signed."""
    original = drawing._appearance

    def changed(*arguments: Any) -> generic.StreamObject:
        form = original(*arguments)
        edit(form)
        return form

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_appearance", changed)
        return shop.sign(data, **options)


def content(old: bytes, new: bytes) -> Callable[[generic.StreamObject], None]:
    """For :func:`drawn`: other operators in the appearance."""

    def edit(form: generic.StreamObject) -> None:
        made = generic.StreamObject(stream_data=form.data.replace(old, new))
        form._data, form._encoded_data = made.data, None

    return edit


def codes(found: Any) -> set[str]:
    """The finding codes of a report or of one signature in it."""
    return {each.code for each in found.findings}


# ---------------------------------------------------------------- documents


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


# ---------------------------------------------------------------- judges


def run(*arguments: str | Path) -> subprocess.CompletedProcess[bytes]:
    """Run another verifier's program; the test says what its exit code means."""
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

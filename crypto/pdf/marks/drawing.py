"""Draws the marks (印迹) of a job into the revision that will be signed.

One signature, many marks: every mark is a signature field of its own with its own widget, and all
of them share one /V — the only way that leaves an earlier signer's signature intact, keeps each
mark verifiable and asks the token once (docs/design/pdf.md §1). The imprint is one image object
shared by all marks, in its pixels exactly the seal's picture, drawn at its filed size and
multiplied onto the page, so that black text shows through the red; or, where a document must have
no transparency (PDF/A-1), with a stencil that leaves out what is no ink. A date of stamping
(日期章) is one more such field.
"""

from __future__ import annotations

import secrets
from collections.abc import Sequence
from datetime import date
from typing import Any

from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.incremental_writer import IncrementalPdfFileWriter

from crypto.lengths import MM
from crypto.pdf.marks.appearance import UPRIGHT
from crypto.pdf.marks.date import SHOWN_AND_LOCKED, appearance
from crypto.pdf.marks.picture import as_stencil, mask_bits
from crypto.pdf.reading.access import entry, follow
from crypto.pdf.reading.failures import PdfError, PdfUnreadable
from crypto.pdf.reading.objects import numbers
from crypto.pdf.reading.page import Page
from crypto.seal.date_mark import DateMark, text_of, width_mm
from crypto.seal.imprint import Raster, decode_imprint
from crypto.seal.mark import Mark as Mark  # the checks look for it there, too


def rectangle(mark: Mark, page: Page) -> tuple[float, float, float, float]:
    """The mark's /Rect in default user space: left, bottom, right, top.

    Undoes what a viewer does: UserUnit, CropBox offset and rotation."""
    scale = MM / page.unit
    x0, y0 = mark.left_mm * scale, mark.top_mm * scale
    x1, y1 = x0 + mark.width_mm * scale, y0 + mark.height_mm * scale
    left, bottom, right, top = page.box
    if page.rotation == 0:
        return (left + x0, top - y1, left + x1, top - y0)
    if page.rotation == 90:
        return (left + y0, bottom + x0, left + y1, bottom + x1)
    if page.rotation == 180:
        return (right - x1, bottom + y0, right - x0, bottom + y1)
    return (right - y1, top - x1, right - y0, top - x0)


def add_marks(
    writer: IncrementalPdfFileWriter,
    pages: Sequence[Page],
    marks: Sequence[Mark],
    picture: bytes,
    value: generic.IndirectObject,
    dates: Sequence[DateMark] = (),
    day: date | None = None,
    stencil: bool = False,
) -> list[str]:
    """Add one signature field per mark and per date, all with the signature dictionary *value* as
    /V. *day* is what *dates* show. *stencil*: the picture has an explicit mask and nothing is
    multiplied.

    Returns the field names. Raises :class:`ImprintError` for an unusable picture, ValueError for a
    mark on a page that does not exist and for dates without a day."""
    raster = decode_imprint(picture)
    image = _image(writer, as_stencil(raster) if stencil else raster, stencil)
    fields = _form_fields(writer)
    group = f"Seal-{secrets.token_hex(4)}"
    names = []

    def add(field_name: str, mark: Mark, shown: generic.IndirectObject) -> None:
        page = pages[mark.page]
        widget = _widget(writer, page, field_name, value, rectangle(mark, page))
        widget[name("/AP")] = generic.DictionaryObject({name("/N"): shown})
        reference = writer.add_object(widget)
        _annotate(writer, page, reference)
        fields.append(reference)
        names.append(field_name)

    for place in (*(mark.page for mark in marks), *(date_mark.page for date_mark in dates)):
        if not 0 <= place < len(pages):
            raise ValueError(f"there is no page {place + 1}")
    for number, mark in enumerate(marks, 1):
        drawn = writer.add_object(_appearance(mark, pages[mark.page], image, stencil))
        add(f"{group}-{number}", mark, drawn)
    shapes: dict[tuple[str, float, int], generic.IndirectObject] = {}
    for number, date_mark in enumerate(dates, 1):
        if day is None:
            raise ValueError("a date mark without a day")
        page, text = pages[date_mark.page], text_of(date_mark.style, day)
        drawing = (text, date_mark.height_mm * MM / page.unit, page.rotation)
        if drawing not in shapes:
            shapes[drawing] = writer.add_object(appearance(*drawing))
        width = width_mm(text, date_mark.height_mm)
        left = date_mark.centre_mm - width / 2
        whole = Mark(date_mark.page, left, date_mark.top_mm, width, date_mark.height_mm)
        add(f"{group}-date-{number}", whole, shapes[drawing])
    writer.update_container(fields)
    return names


def add_unseen_field(
    writer: IncrementalPdfFileWriter, pages: Sequence[Page], value: generic.IndirectObject
) -> str:
    """Add a signature field that shows nothing, with *value* as /V; returns its name.

    Its widget has no area and stands on the first page (ISO 32000-1 §12.7.4.5)."""
    if not pages:
        raise PdfUnreadable("the document has no page")
    fields = _form_fields(writer)
    field_name = f"Signature-{secrets.token_hex(4)}"
    reference = writer.add_object(
        _widget(writer, pages[0], field_name, value, (0.0, 0.0, 0.0, 0.0))
    )
    _annotate(writer, pages[0], reference)
    fields.append(reference)
    writer.update_container(fields)
    return field_name


def _widget(
    writer: IncrementalPdfFileWriter,
    page: Page,
    field_name: str,
    value: generic.IndirectObject,
    rect: tuple[float, float, float, float],
) -> generic.DictionaryObject:
    """A signature field that is its own widget."""
    return generic.DictionaryObject(
        {
            name("/Type"): name("/Annot"),
            name("/Subtype"): name("/Widget"),
            name("/FT"): name("/Sig"),
            name("/T"): generic.pdf_string(field_name),
            name("/V"): value,
            name("/F"): generic.NumberObject(SHOWN_AND_LOCKED),
            name("/P"): generic.IndirectObject(
                page.reference.idnum, page.reference.generation, writer
            ),
            name("/Rect"): numbers(*rect),
        }
    )


def _image(
    writer: IncrementalPdfFileWriter, raster: Raster, stencil: bool
) -> generic.IndirectObject:
    def stream(data: bytes, space: str) -> generic.StreamObject:
        made = generic.StreamObject(
            {
                name("/Type"): name("/XObject"),
                name("/Subtype"): name("/Image"),
                name("/Width"): generic.NumberObject(raster.width),
                name("/Height"): generic.NumberObject(raster.height),
                name("/ColorSpace"): name(space),
                name("/BitsPerComponent"): generic.NumberObject(8),
            },
            stream_data=data,
        )
        made.compress()
        return made

    picture = stream(raster.rgb, "/DeviceRGB")
    if raster.alpha is not None and stencil:
        picture[name("/Mask")] = writer.add_object(_mask(raster.width, raster.height, raster.alpha))
    elif raster.alpha is not None:
        picture[name("/SMask")] = writer.add_object(stream(raster.alpha, "/DeviceGray"))
    return writer.add_object(picture)


def _mask(width: int, height: int, alpha: bytes) -> generic.StreamObject:
    """An explicit mask (ISO 32000-1 §8.9.6.3): a bit of 1 leaves the page as it is."""
    made = generic.StreamObject(
        {
            name("/Type"): name("/XObject"),
            name("/Subtype"): name("/Image"),
            name("/Width"): generic.NumberObject(width),
            name("/Height"): generic.NumberObject(height),
            name("/ImageMask"): generic.BooleanObject(True),
            name("/BitsPerComponent"): generic.NumberObject(1),
        },
        stream_data=mask_bits(width, height, alpha),
    )
    made.compress()
    return made


def _appearance(
    mark: Mark, page: Page, image: generic.IndirectObject, stencil: bool
) -> generic.StreamObject:
    """A form XObject that shows the mark's part of the imprint at its true size."""
    width, height = mark.width_mm * MM / page.unit, mark.height_mm * MM / page.unit
    x0, y0, x1, y1 = mark.part
    whole_width, whole_height = width / (x1 - x0), height / (y1 - y0)
    shift = (-x0 * whole_width, -(1 - y1) * whole_height)
    matrix = " ".join(f"{n:.4f}" for n in (whole_width, 0, 0, whole_height, *shift))
    state = "" if stencil else "/Multiply gs "
    drawing = f"q {state}{matrix} cm /Imprint Do Q".encode()
    resources = {name("/XObject"): generic.DictionaryObject({name("/Imprint"): image})}
    if not stencil:
        blend = generic.DictionaryObject(
            {name("/Type"): name("/ExtGState"), name("/BM"): name("/Multiply")}
        )
        resources[name("/ExtGState")] = generic.DictionaryObject({name("/Multiply"): blend})
    form = generic.StreamObject(
        {
            name("/Type"): name("/XObject"),
            name("/Subtype"): name("/Form"),
            name("/BBox"): numbers(0, 0, width, height),
            name("/Matrix"): numbers(*UPRIGHT[page.rotation]),
            name("/Resources"): generic.DictionaryObject(resources),
        },
        stream_data=drawing,
    )
    return form


def _form_fields(writer: IncrementalPdfFileWriter) -> generic.ArrayObject:
    """The AcroForm's /Fields, made if there is none, with /SigFlags set."""
    root: Any = writer.root
    form = entry(root, "/AcroForm")
    if not isinstance(form, generic.DictionaryObject):
        form = generic.DictionaryObject()
        root[name("/AcroForm")] = writer.add_object(form)
        writer.update_root()
    if "/XFA" in form:
        raise PdfError("an XFA form was not refused before")
    form[name("/SigFlags")] = generic.NumberObject(3)
    fields = entry(form, "/Fields")
    if not isinstance(fields, generic.ArrayObject):
        fields = generic.ArrayObject()
        form[name("/Fields")] = fields
    writer.update_container(form)
    return fields


def _annotate(writer: IncrementalPdfFileWriter, page: Page, widget: generic.IndirectObject) -> None:
    reference = generic.Reference(page.reference.idnum, page.reference.generation, writer)
    node = follow(reference)
    annotations = entry(node, "/Annots")
    if isinstance(annotations, generic.ArrayObject):
        annotations.append(widget)
        writer.update_container(annotations)
    else:
        node[name("/Annots")] = generic.ArrayObject([widget])
        writer.mark_update(reference)

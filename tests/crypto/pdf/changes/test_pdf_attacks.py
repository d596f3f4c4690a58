"""Known ways to cheat with signed PDFs: each is built here, caught, and named in the findings.

USF, ISA and SWA are the universal forgery, incremental saving and signature wrapping attacks of
Mladenov and others (2019); shadow attacks and EAA/SSA are those of Mainka, Rohlmann and others
(2021). An attack is never VALID; ``expected`` is the finding that names it.
"""

import io
import re
from collections.abc import Callable
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.failures import PdfError
from crypto.verdict import Verdict
from tests.world.documents import (
    add_widget,
    annotate,
    append_revision,
    build_pdf,
    classic_pdf,
    first_page,
    form_stream,
    update,
)
from tests.world.sealing import Holder, World, codes
from tests.world.seals import imprint


@pytest.fixture(scope="session")
def sealed(world: World) -> bytes:
    """A document with one good seal."""
    return world.sign(classic_pdf())


@pytest.fixture(scope="session")
def twice(world: World, sealed: bytes) -> bytes:
    """The same with a second good seal."""
    return world.sign(sealed, world.second, world.marks(world.second, left=20))


def caught(world: World, data: bytes, expected: str, *, index: int = 0) -> Any:
    """Assert that the document is not VALID and its signature *index* has the finding."""
    report = world.verify(data)
    assert report.verdict not in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)
    signature = report.signatures[index]
    assert expected in codes(signature), (sorted(codes(signature)), codes(report))
    return report


def substituted(data: bytes, pattern: bytes, replacement: bytes) -> bytes:
    """Replace one match by something of the same length, padded with spaces."""
    match = re.search(pattern, data, re.DOTALL)
    assert match, pattern
    assert len(replacement) <= len(match[0])
    return data[: match.start()] + replacement.ljust(len(match[0])) + data[match.end() :]


# ---------------------------------------------------------------- universal signature forgery


@pytest.mark.parametrize(
    "value",
    [
        b"null", b"[]", b"[0 0 0 0]", b"[0 1 2]",
        b"[0 -10 20 30]", b"[-1 10 20 30]", b"[0 10 5 30]",
        b"[0 100 200 99999999999999999]", b"[0 1.5 20 30]", b"[(0) (1) (2) (3)]", b"(bytes)", b"0",
        b"[0 100 200 300]", b"[0 9 8 7 6 5]",
    ],
)  # fmt: skip
def test_a_forged_byte_range_is_named(world: World, sealed: bytes, value: bytes) -> None:
    forged = substituted(sealed, rb"/ByteRange\s*\[[^\]]*\] *", b"/ByteRange " + value)
    caught(world, forged, "byte_range_malformed")


def test_a_missing_byte_range_is_named(world: World, sealed: bytes) -> None:
    caught(world, sealed.replace(b"/ByteRange", b"/ByteRangE"), "byte_range_malformed")


@pytest.mark.parametrize("value", [b"null", b"<>", b"<00>", b"()", b"[]", b"<xyz>", b"<0>"])
def test_forged_contents_are_named(world: World, sealed: bytes, value: bytes) -> None:
    forged = substituted(sealed, rb"/Contents <[0-9a-f]+>", b"/Contents " + value)
    report = world.verify(forged)
    assert report.verdict is Verdict.INVALID
    assert codes(report.signatures[0]) & {"contents_malformed", "byte_range_malformed"}


def test_contents_of_zeros_are_named(world: World, sealed: bytes) -> None:
    start, stop = re.search(rb"/Contents <([0-9a-f]+)>", sealed).span(1)
    forged = sealed[:start] + b"0" * (stop - start) + sealed[stop:]
    caught(world, forged, "contents_malformed")


def test_missing_contents_are_named(world: World, sealed: bytes) -> None:
    caught(world, sealed.replace(b"/Contents <", b"/ContentX <"), "contents_malformed")


def test_a_value_that_is_no_dictionary_is_named(world: World) -> None:
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(S)/V 42/Rect[0 0 0 0]/P 5 0 R>>"
    forged = classic_pdf(
        annots=b"/Annots[6 0 R]", catalog=b"/AcroForm<</Fields[6 0 R]>>", extra=[field]
    )
    caught(world, forged, "contents_malformed")


def test_spaces_or_mixed_case_in_the_contents_are_noticed(world: World, sealed: bytes) -> None:
    start, stop = re.search(rb"/Contents <([0-9a-f]+)>", sealed).span(1)
    digits = sealed[start:stop]
    spaced = digits[:-2] + b"  "
    shouted = re.sub(rb"[a-f]", lambda match: match[0].upper(), digits, count=1)
    for changed in (spaced, shouted):
        forged = sealed[:start] + changed + sealed[stop:]
        assert "contents_unusual" in codes(world.verify(forged).signatures[0])
        assert world.verify(forged).verdict is Verdict.UNKNOWN


# ---------------------------------------------------------------- incremental saving


def test_page_content_added_later_is_forbidden(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        page = first_page(writer)
        stream = generic.StreamObject(stream_data=b"1 g 60 690 300 40 re f")
        page[name("/Contents")] = generic.ArrayObject(
            [page.raw_get("/Contents"), writer.add_object(stream)]
        )
        writer.update_container(page)

    report = caught(world, update(sealed, change), "changed_forbidden")
    change_found = report.signatures[0].changed_later[0]
    assert change_found.kind == "forbidden"
    assert change_found.page == 1
    assert "/Contents" in change_found.what


def test_an_object_written_over_is_forbidden_and_named_by_page(world: World, sealed: bytes) -> None:
    body = b"<</Length 44>>stream\nBT /F 24 Tf 72 700 Td (Price 9999999) Tj ET  \nendstream"
    report = caught(world, append_revision(sealed, {4: body}), "changed_forbidden")
    found = report.signatures[0].changed_later[0]
    assert (found.page, found.what) == (1, "/Contents (4 0 obj)")


def test_an_object_deleted_is_forbidden(world: World, sealed: bytes) -> None:
    forged = append_revision(sealed, {90: b"null"}, free=[4])
    caught(world, forged, "changed_forbidden")


def test_a_second_generation_of_an_object_is_forbidden(world: World, sealed: bytes) -> None:
    start = len(sealed)
    size = int(re.findall(rb"/Size (\d+)", sealed)[-1])
    last = int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
    body = b"4 1 obj\n<</Length 0>>stream\n\nendstream\nendobj\n"
    table = b"xref\n4 1\n%010d 00001 n \ntrailer\n<</Size %d/Root 1 0 R/Prev %d>>\n" % (
        start, size, last,
    )  # fmt: skip
    forged = sealed + body + table + b"startxref\n%d\n%%%%EOF\n" % (start + len(body))
    caught(world, forged, "changed_forbidden")


def test_objects_without_a_table_do_not_pass(world: World, sealed: bytes) -> None:
    forged = sealed + b"4 0 obj\n<</Length 0>>stream\n\nendstream\nendobj\n"
    again = sealed[sealed.rindex(b"startxref") :]
    caught(world, forged, "range_incomplete")
    caught(world, forged + again, "range_incomplete")


def test_trailing_bytes_are_told(world: World, sealed: bytes) -> None:
    """Readers show the document, so it is judged; what could be part of one does not pass."""
    for harmless in (b"\nhttp trailer\n", b"\n%%EOF\n"):
        report = world.verify(sealed + harmless)
        assert report.verdict is Verdict.VALID
        assert codes(report) == {"bytes_behind_end"}
    report = caught(world, sealed + b"\ntrailer <<>>\n", "range_incomplete")
    assert "bytes_after_end" in codes(report.signatures[0])


def test_trailing_blanks_are_harmless(world: World, sealed: bytes) -> None:
    assert world.verify(sealed + b"\r\n\n").verdict is Verdict.VALID


def test_an_entry_that_pointed_past_the_end_cannot_be_filled_in_later(world: World) -> None:
    """The sealed table already lists an object behind the end of the file; nothing is there yet."""
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents[4 0 R 6 0 R]>>"
    empty = b"<</Length 0>>stream\n\nendstream"
    original = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[5 0 R]>>", b"null", empty,
         page, empty]
    )  # fmt: skip
    rows = re.search(rb"xref\n0 7\n(.*)trailer", original, re.DOTALL)
    future = 60_000
    at = rows.start(1) + 6 * 20
    original = original[:at] + b"%010d 00000 n \n" % future + original[at + 20 :]
    sealed = world.sign(original)
    assert world.verify(sealed).verdict is Verdict.VALID
    filled = sealed.ljust(future) + b"6 0 obj\n<</Length 5>>stream\n0 g f\nendstream\nendobj\n"
    forged = append_revision(filled + sealed[sealed.rindex(b"startxref") :], {80: b"null"})
    caught(world, forged, "changed_forbidden")


@pytest.mark.parametrize(
    "reference",
    [b"900 0 R", b"900\0 0\t R", b"900 %x\n 0 R", b"900 0 %(\nR", b"(]endobj) 900 0 R", b"0900 0 R",
     b"<</A(>>stream)>> 900 0 R", b"1 0 R 900 0 R"],
)  # fmt: skip
def test_a_reference_to_nothing_is_found_however_it_is_written(
    world: World, reference: bytes
) -> None:
    original = classic_pdf(catalog=b"/Extra 6 0 R", extra=[b"[" + reference + b"]"])
    sealed = world.sign(original)
    report = world.verify(append_revision(sealed, {900: b"null"}))
    assert report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)
    # what pyHanko cannot read might refer to anything
    assert codes(report.signatures[0]) & {"changed_forbidden", "changed_suspicious"}


@pytest.mark.parametrize("number", [6, 900])
def test_a_reference_to_nothing_cannot_be_filled_in_later(world: World, number: int) -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents[4 0 R %d 0 R]>>" % number
    empty = b"<</Length 0>>stream\n\nendstream"
    original = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[5 0 R]>>", b"null", empty,
         page]
    )  # fmt: skip
    if number == 6:  # the number must stay free: our own revision takes the ones after /Size
        original = original.replace(b"/Size 6", b"/Size 7")
    sealed = world.sign(original)
    assert world.verify(sealed).verdict is Verdict.VALID
    forged = append_revision(sealed, {number: b"<</Length 5>>stream\n0 g f\nendstream"})
    report = caught(world, forged, "changed_forbidden")
    assert "missing when sealed" in report.signatures[0].changed_later[0].what


# ---------------------------------------------------------------- signature wrapping


def test_content_moved_into_a_gap_is_named(world: World, sealed: bytes) -> None:
    numbers = [int(each) for each in re.search(rb"/ByteRange\s*\[(.*?)\]", sealed)[1].split()]
    gap_end = numbers[2]
    inserted = b" /Wrapped true "
    forged = sealed[:gap_end] + inserted + sealed[gap_end:]
    moved = b"[%d %d %d %d]" % (0, numbers[1], gap_end + len(inserted), numbers[3])
    forged = substituted(forged, rb"/ByteRange\s*\[[^\]]*\] *", b"/ByteRange " + moved)
    try:
        report = world.verify(forged)
    except PdfError:
        return
    assert report.verdict is Verdict.INVALID
    assert "byte_range_malformed" in codes(report.signatures[0])


def test_a_gap_smaller_than_the_contents_is_named(world: World, sealed: bytes) -> None:
    numbers = [int(each) for each in re.search(rb"/ByteRange\s*\[(.*?)\]", sealed)[1].split()]
    moved = b"[%d %d %d %d]" % (0, numbers[1], numbers[2] - 100, numbers[3] + 100)
    forged = substituted(sealed, rb"/ByteRange\s*\[[^\]]*\] *", b"/ByteRange " + moved)
    caught(world, forged, "byte_range_malformed")


def test_a_prefix_before_the_header_is_told(world: World, sealed: bytes) -> None:
    """Readers show the document behind it; that it stands there is said."""
    report = world.verify(b"MZ\x90\x00" + sealed)
    assert report.verdict is Verdict.VALID
    assert codes(report) == {"bytes_before_start"}


def test_the_signature_of_another_document_is_named(world: World, sealed: bytes) -> None:
    other = world.sign(classic_pdf(content=b"BT /F 24 Tf 72 700 Td (Price 9999) Tj ET"))
    assert len(other) == len(sealed)
    value = re.search(rb"/Contents <[0-9a-f]+>", sealed)[0]
    forged = substituted(other, rb"/Contents <[0-9a-f]+>", value)
    report = caught(world, forged, "digest_mismatch")
    assert "signature_valid" in codes(report.signatures[0])


def test_a_signature_in_an_object_stream_is_named(world: World, sealed: bytes) -> None:
    """The true value stays where it was; the signature dictionary is read from elsewhere."""
    field = re.search(rb"/V (\d+) 0 R", sealed)
    number = int(field[1])
    body = re.search(rb"\n%d 0 obj\n(<<.*?>>)\nendobj" % number, sealed, re.DOTALL)[1]
    header = b"%d 0 " % number
    stream = b"<</Type/ObjStm/N 1/First %d/Length %d>>stream\n%s\nendstream" % (
        len(header), len(header + body), header + body,
    )  # fmt: skip
    start = len(sealed)
    size = int(re.findall(rb"/Size (\d+)", sealed)[-1])
    last = int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
    objects = b"%d 0 obj\n%s\nendobj\n" % (size, stream)
    table_at = start + len(objects)
    rows = bytes((2,)) + size.to_bytes(4, "big") + bytes((0,))
    rows += bytes((1,)) + start.to_bytes(4, "big") + bytes((0,))
    rows += bytes((1,)) + table_at.to_bytes(4, "big") + bytes((0,))
    table = b"%d 0 obj\n<</Type/XRef/Size %d/W[1 4 1]" % (size + 1, size + 2)
    table += b"/Index[%d 1 %d 2]/Root 1 0 R/Prev %d" % (number, size, last)
    table += b"/Length %d>>" % len(rows)
    forged = sealed + objects + table + b"stream\n" + rows + b"\nendstream\nendobj\n"
    forged += b"startxref\n%d\n%%%%EOF\n" % table_at
    caught(world, forged, "byte_range_malformed")


# ---------------------------------------------------------------- shadow attacks


def test_shadow_hide_a_later_revision_cannot_drop_what_covered(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        first_page(writer)[name("/Contents")] = writer.add_object(
            generic.StreamObject(stream_data=b"BT /F 24 Tf 72 700 Td (Price 1) Tj ET")
        )
        writer.update_container(first_page(writer))

    caught(world, update(sealed, change), "changed_forbidden")


def test_shadow_replace_a_font_cannot_be_exchanged(world: World, sealed: bytes) -> None:
    body = b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"
    report = caught(world, append_revision(sealed, {3: body}), "changed_forbidden")
    assert report.signatures[0].changed_later[0].what


def test_shadow_hide_and_replace_the_catalog_cannot_show_other_pages(
    world: World, sealed: bytes
) -> None:
    def change(writer: Any) -> None:
        page = generic.DictionaryObject(
            {
                name("/Type"): name("/Page"),
                name("/MediaBox"): generic.ArrayObject(
                    [generic.NumberObject(n) for n in (0, 0, 595, 842)]
                ),
            }
        )
        pages = generic.DictionaryObject(
            {
                name("/Type"): name("/Pages"),
                name("/Count"): generic.NumberObject(1),
                name("/Kids"): generic.ArrayObject([writer.add_object(page)]),
            }
        )
        writer.root[name("/Pages")] = writer.add_object(pages)
        writer.update_root()

    report = caught(world, update(sealed, change), "changed_forbidden")
    assert any("/Root /Pages" in each.what for each in report.signatures[0].changed_later), (
        report.signatures[0].changed_later
    )


def test_the_trailer_cannot_name_another_catalog(world: World, sealed: bytes) -> None:
    catalog = re.search(rb"/AcroForm (\d+) 0 R", sealed)[1]
    body = b"<</Type/Catalog/Pages 2 0 R/AcroForm %s 0 R/Lang(x)>>" % catalog
    forged = append_revision(sealed, {70: body}).replace(b"/Root 1 0 R/Prev", b"/Root 70 0 R/Prev")
    start = forged.rindex(b"\nxref\n") + 1
    forged = forged[: forged.rindex(b"startxref")] + b"startxref\n%d\n%%%%EOF\n" % start
    caught(world, forged, "changed_forbidden")


def test_a_page_cannot_be_added(world: World, sealed: bytes) -> None:
    page = b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"
    body = b"<</Type/Pages/Count 2/Kids[5 0 R 90 0 R]>>"
    caught(world, append_revision(sealed, {2: body, 90: page}), "changed_forbidden")


def form_document(
    value: bytes = b"",
    flags: int = 4,
    appearance: bytes = b"",
    rect: bytes = b"60 690 360 730",
) -> bytes:
    """A document with one text field, over the price unless *rect* says otherwise."""
    field = (
        b"<</Type/Annot/Subtype/Widget/FT/Tx/T(price)/F %d/Rect[%s]/P 5 0 R"
        b"/DA(/F 12 Tf)%s%s>>" % (flags, rect, value, appearance)
    )
    content = b"1 g 0 0 300 40 re f"
    drawn = b"<</Type/XObject/Subtype/Form/BBox[0 0 300 40]/Length %d>>stream\n%s\nendstream" % (
        len(content), content,
    )  # fmt: skip
    return classic_pdf(
        annots=b"/Annots[6 0 R]",
        catalog=b"/AcroForm<</Fields[6 0 R]/DA(/F 12 Tf)>>",
        extra=[field, drawn],
    )


BLANK = b"60 590 360 630"
"""A rectangle on the page where nothing is."""


def change_field(data: bytes, content: bytes | None, **entries: Any) -> bytes:
    """A revision that changes entries and the appearance of the text field."""

    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        for key, value in entries.items():
            field[name(f"/{key}")] = value
        if content is not None:
            fonts = generic.DictionaryObject(
                {name("/F"): first_page(writer)["/Resources"]["/Font"].raw_get("/F")}
            )
            resources = generic.DictionaryObject({name("/Font"): fonts})
            field[name("/AP")] = generic.DictionaryObject(
                {name("/N"): form_stream(writer, content, (0, 0, 300, 40), resources)}
            )
        writer.update_container(field)

    return update(data, change)


TEXT = b"/Tx BMC BT 0 g /F 12 Tf 2 2 Td (Price 1) Tj ET EMC"


def test_an_empty_text_field_filled_in_is_listed(world: World) -> None:
    """On blank ground: over the price it could be read together with it."""
    sealed = world.sign(form_document(rect=BLANK))
    filled = change_field(sealed, TEXT, V=generic.pdf_string("Price 1"))
    report = world.verify(filled)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (found,) = report.signatures[0].changed_later
    assert (found.kind, found.page, found.what) == ("field_filled", 1, "price")
    assert (found.before, found.after) == ("", "Price 1")
    over = world.sign(form_document())
    filled = change_field(over, TEXT, V=generic.pdf_string("Price 1"))
    caught(world, filled, "filling_over_content")


def test_a_value_that_is_not_what_the_field_shows_is_not_believed(world: World) -> None:
    sealed = world.sign(form_document(rect=BLANK))
    caught(world, change_field(sealed, TEXT, V=generic.pdf_string("Price 100")), "value_differs")
    caught(world, change_field(sealed, b"", V=generic.pdf_string("Price 1")), "filling_unclear")
    white = TEXT.replace(b"0 g", b"1 g")
    caught(world, change_field(sealed, white, V=generic.pdf_string("Price 1")), "filling_unclear")


def test_a_value_that_replaces_a_value_is_disproved_and_both_are_told(world: World) -> None:
    """UNKNOWN until 2026-11-29: what was sealed is gone, so the seal no longer proves the page."""
    sealed = world.sign(form_document(b"/V(Price 1000)"))
    forged = change_field(sealed, TEXT, V=generic.pdf_string("Price 1"))
    report = caught(world, forged, "value_replaced")
    assert report.verdict is Verdict.INVALID
    (found,) = report.signatures[0].changed_later
    assert (found.before, found.after) == ("Price 1000", "Price 1")
    stray = change_field(sealed, TEXT, V=generic.pdf_string("Price 1"), AS=name("/X"))
    caught(world, stray, "value_replaced")


def test_an_appearance_that_replaces_an_appearance_is_disproved(world: World) -> None:
    sealed = world.sign(form_document(b"/V(Price 1000)"))
    assert caught(world, change_field(sealed, TEXT), "look_replaced").verdict is Verdict.INVALID


def test_a_filled_field_that_paints_over_the_text_is_disproved(world: World) -> None:
    sealed = world.sign(form_document())
    covering = b"1 g 0 0 300 40 re f " + TEXT
    forged = change_field(sealed, covering, V=generic.pdf_string("Price 1"))
    assert caught(world, forged, "content_covered").verdict is Verdict.INVALID


def test_a_hidden_field_made_visible_is_suspicious(world: World) -> None:
    sealed = world.sign(form_document(flags=2, appearance=b"/AP<</N 7 0 R>>"))
    assert world.verify(sealed).verdict is Verdict.VALID
    caught(world, change_field(sealed, None, F=generic.NumberObject(4)), "changed_suspicious")


def test_an_appearance_written_over_in_place_is_disproved(world: World) -> None:
    """Its white ground hid the price, which shows now."""
    sealed = world.sign(form_document(appearance=b"/AP<</N 7 0 R>>"))
    body = b"<</Type/XObject/Subtype/Form/BBox[0 0 300 40]/Length 0>>stream\n\nendstream"
    caught(world, append_revision(sealed, {7: body}), "look_replaced")


def test_default_appearances_of_filled_fields_cannot_change_unnoticed(world: World) -> None:
    sealed = world.sign(form_document(b"/V(Price 1000)"))

    def change(writer: Any) -> None:
        writer.root["/AcroForm"][name("/NeedAppearances")] = generic.BooleanObject(True)
        writer.update_container(writer.root["/AcroForm"])

    caught(world, update(sealed, change), "changed_suspicious")


def test_a_text_field_added_later_is_forbidden(world: World, sealed: bytes) -> None:
    forged = update(sealed, lambda writer: add_widget(writer, "evil", kind="/Tx"))
    caught(world, forged, "changed_forbidden")


# ---------------------------------------------------------------- annotations and other seals


@pytest.mark.parametrize("subtype", ["/Stamp", "/FreeText", "/Square", "/Redact", "/Link"])
def test_an_annotation_added_later_is_forbidden_and_named(
    world: World, sealed: bytes, subtype: str
) -> None:
    def change(writer: Any) -> None:
        drawn = form_stream(writer, b"1 g 0 0 300 40 re f", (0, 0, 300, 40))
        box = [generic.NumberObject(each) for each in (60, 690, 360, 730)]
        annotation = generic.DictionaryObject(
            {
                name("/Type"): name("/Annot"),
                name("/Subtype"): name(subtype),
                name("/Rect"): generic.ArrayObject(box),
                name("/AP"): generic.DictionaryObject({name("/N"): drawn}),
            }
        )
        annotate(writer, writer.add_object(annotation))

    report = caught(world, update(sealed, change), "changed_forbidden")
    found = report.signatures[0].changed_later
    assert any(each.page == 1 and subtype in each.what for each in found)
    assert ("stamp_annotation" in codes(report)) == (subtype == "/Stamp")


def test_an_annotation_taken_away_is_forbidden(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        first_page(writer)[name("/Annots")] = generic.ArrayObject()
        writer.update_container(first_page(writer))

    caught(world, update(sealed, change), "changed_forbidden")


def test_a_seal_moved_later_is_forbidden(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        field[name("/Rect")] = generic.ArrayObject(
            [generic.NumberObject(each) for each in (10, 10, 123, 123)]
        )
        writer.update_container(field)

    caught(world, update(sealed, change), "changed_forbidden")


def test_a_seal_drawn_otherwise_later_is_forbidden(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        field[name("/AP")] = generic.DictionaryObject(
            {name("/N"): form_stream(writer, b"1 g 0 0 300 40 re f", (0, 0, 300, 40))}
        )
        writer.update_container(field)

    caught(world, update(sealed, change), "changed_forbidden")


def test_an_appearance_stream_of_a_seal_written_over_is_forbidden(
    world: World, sealed: bytes
) -> None:
    number = int(re.search(rb"/AP\s*<<\s*/N (\d+) 0 R", sealed)[1])
    body = b"<</Type/XObject/Subtype/Form/BBox[0 0 9 9]/Length 0>>stream\n\nendstream"
    caught(world, append_revision(sealed, {number: body}), "changed_forbidden")


def test_the_picture_of_a_seal_written_over_is_forbidden(world: World, sealed: bytes) -> None:
    number = int(re.search(rb"/Imprint (\d+) 0 R", sealed)[1])
    body = (
        b"<</Type/XObject/Subtype/Image/Width 1/Height 1/ColorSpace/DeviceGray/BitsPerComponent 8"
        b"/Length 1>>stream\n0\nendstream"
    )
    caught(world, append_revision(sealed, {number: body}), "changed_forbidden")


def test_a_seal_taken_out_again_leaves_no_valid_document(world: World, twice: bytes) -> None:
    def change(writer: Any) -> None:
        del writer.root["/AcroForm"]["/Fields"][0]
        writer.update_container(writer.root["/AcroForm"]["/Fields"])

    report = world.verify(update(twice, change))
    assert report.verdict is Verdict.INVALID
    assert all("changed_forbidden" in codes(each) for each in report.signatures)


def test_the_value_of_a_signed_field_cannot_be_exchanged(world: World, twice: bytes) -> None:
    def change(writer: Any) -> None:
        fields = writer.root["/AcroForm"]["/Fields"]
        first, second = fields[0].get_object(), fields[1].get_object()
        first[name("/V")] = second.raw_get("/V")
        writer.update_container(first)

    report = world.verify(update(twice, change))
    assert report.verdict is Verdict.INVALID


# ---------------------------------------------------------------- sneaky signatures


def test_an_empty_field_that_hides_text_is_suspicious(world: World, sealed: bytes) -> None:
    forged = update(sealed, lambda writer: add_widget(writer, "sneaky"))
    report = caught(world, forged, "changed_suspicious")
    assert "unsigned_mark" in codes(report)
    assert [mark.page for mark in report.unsigned_marks] == [1]


def test_an_empty_field_with_states_as_appearance_is_seen(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        states = generic.DictionaryObject(
            {name("/On"): form_stream(writer, b"1 g 0 0 300 40 re f", (0, 0, 300, 40))}
        )
        add_widget(writer, "sneaky", appearance=states, AS=name("/On"))

    caught(world, update(sealed, change), "changed_suspicious")


def test_an_invisible_empty_field_is_listed(world: World, sealed: bytes) -> None:
    forged = update(sealed, lambda writer: add_widget(writer, "later", None, rect=(0, 0, 0, 0)))
    report = world.verify(forged)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    assert report.signatures[0].changed_later[0].kind == "field_added"


def stranger(world: World, make_root: Callable[..., Any]) -> Holder:
    """A company of an authority nobody trusts, with a seal of its own making."""
    authority = make_root("别人的根")
    maker = authority.key_for("别人的制章者", usage=("digitalSignature",))
    return world.holder("32130000000033", imprint("black"), authority=authority, maker=maker)


def test_a_second_seal_nobody_trusts_spoils_the_document(
    world: World, sealed: bytes, make_root: Callable[..., Any]
) -> None:
    other = stranger(world, make_root)
    forged = world.sign(sealed, other, world.marks(other))
    report = caught(world, forged, "mark_covers")
    assert "maker_untrusted" in codes(report.signatures[1])


def test_a_trusted_second_seal_that_shows_another_picture_is_caught(
    world: World, sealed: bytes
) -> None:
    white = imprint("white", text="white")
    forged = world.sign(sealed, world.second, world.marks(world.second), picture=white)
    report = caught(world, forged, "mark_covers")
    assert codes(report.signatures[1]) & {"mark_differs", "mark_unreadable"}


def with_appearance(world: World, data: bytes, edit: Callable[[bytes], bytes]) -> bytes:
    """Seal *data* by the second holder, its own drawing changed by *edit* before it is signed."""
    from crypto.pdf.marks import drawing as pdf_marks

    drawn = pdf_marks._appearance

    def changed(*arguments: Any) -> generic.StreamObject:
        form = drawn(*arguments)
        made = generic.StreamObject(dict(form), stream_data=edit(form.data))
        return made

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf_marks, "_appearance", changed)
        return world.sign(data, world.second, world.marks(world.second))


@pytest.mark.parametrize(
    "edit",
    [
        lambda data: b"1 g 0 0 85 85 re f " + data,
        lambda data: data + b" 1 g 0 0 85 85 re f",
        lambda data: data + b" BT /F 12 Tf (x) Tj ET",
        lambda data: data + b" 0 0 m 85 85 l S",
        lambda data: data.replace(b" Do", b" Do /Imprint Do"),
        lambda data: data + b" /Nothing sh",
        lambda data: data + b" BI /W 1 /H 1 ID \x00 EI",
        lambda data: b"",
    ],
    ids=["below", "above", "text", "line", "twice", "shading", "inline image", "nothing"],
)
def test_a_trusted_second_seal_that_draws_more_or_less_than_its_imprint_is_caught(
    world: World, sealed: bytes, edit: Callable[[bytes], bytes]
) -> None:
    forged = with_appearance(world, sealed, edit)
    report = world.verify(forged)
    if edit(b"x") == b"":  # nothing drawn hides nothing
        assert report.verdict is Verdict.VALID
        assert "later_signature_unseen" in codes(report.signatures[0])
        assert "no_mark" not in codes(report.signatures[0])
        return
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_covers" in codes(report.signatures[0])


def test_a_trusted_second_seal_larger_than_filed_is_caught(world: World, sealed: bytes) -> None:
    large = [Mark(0, 20, 30, 120.0, 120.0)]
    report = caught(world, world.sign(sealed, world.second, large), "mark_covers")
    assert "mark_size_differs" in codes(report.signatures[1])


def test_a_white_seal_of_a_trusted_maker_cannot_hide_text(world: World, sealed: bytes) -> None:
    """Not multiplied, an opaque white picture would cover the page: only ink may."""
    white = world.holder("32130000000041", imprint("white", text="white"))
    trust = world.trusting(world.first, white)
    data = sealed
    honest = world.sign(data, white, world.marks(white))
    assert world.verify(honest, trust=trust).verdict is Verdict.VALID

    def plain(drawing: bytes) -> bytes:
        return drawing.replace(b"/Multiply gs ", b"")

    from crypto.pdf.marks import drawing as pdf_marks

    drawn = pdf_marks._appearance

    def changed(*arguments: Any) -> generic.StreamObject:
        form = drawn(*arguments)
        return generic.StreamObject(dict(form), stream_data=plain(form.data))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pdf_marks, "_appearance", changed)
        forged = world.sign(data, white, world.marks(white))
    report = world.verify(forged, trust=trust)
    assert report.verdict is Verdict.UNKNOWN
    assert "mark_covers" in codes(report.signatures[0])


def test_two_honest_seals_are_valid_and_the_first_tells_of_the_second(
    world: World, twice: bytes
) -> None:
    """VALID_CHANGED_LATER until 2026-11-29: but a countersigned contract is the normal case."""
    report = world.verify(twice)
    verdicts = [each.verdict for each in report.signatures]
    assert verdicts == [Verdict.VALID, Verdict.VALID]
    found = report.signatures[0].changed_later
    assert [(each.kind, each.page) for each in found] == [("seal_added", 1)]
    (told,) = (each for each in report.signatures[0].findings if each.code == "later_seal")
    assert "宿迁市测试单位" in told.text()
    assert "第 1 页" in told.text()


def test_two_honest_seals_may_overlap(world: World, sealed: bytes) -> None:
    data = world.sign(sealed, world.second, world.marks(world.second, left=105, top=205))
    assert world.verify(data).verdict is Verdict.VALID


def test_an_invisible_second_seal_is_listed(world: World, sealed: bytes) -> None:
    data = world.sign(sealed, world.second, [Mark(0, 0, 0, 0.0, 0.0)])
    report = world.verify(data)
    assert report.verdict is Verdict.VALID
    assert "later_signature_unseen" in codes(report.signatures[0])
    assert "no_mark" in codes(report.signatures[1])


def test_a_seal_nobody_trusts_makes_the_first_doubtful_even_on_blank_ground(
    world: World, sealed: bytes, make_root: Callable[..., Any]
) -> None:
    other = stranger(world, make_root)
    data = world.sign(sealed, other, world.marks(other, left=20, top=120))
    caught(world, data, "mark_covers")


# ---------------------------------------------------------------- marks that borrow a signature


def test_a_mark_added_later_in_the_name_of_a_signature_is_invalid(
    world: World, sealed: bytes
) -> None:
    def change(writer: Any) -> None:
        field = writer.root["/AcroForm"]["/Fields"][0].get_object()
        add_widget(
            writer,
            "Seal-more",
            rect=(60, 400, 60 + 40 * 72 / 25.4, 400 + 40 * 72 / 25.4),
            appearance=field["/AP"].raw_get("/N"),
            value=field.raw_get("/V"),
        )

    report = caught(world, update(sealed, change), "mark_foreign")
    assert "changed_forbidden" in codes(report.signatures[0])


def test_a_second_field_of_the_same_name_is_forbidden(world: World, sealed: bytes) -> None:
    field_name = world.verify(sealed).signatures[0].fields[0]
    forged = update(sealed, lambda writer: add_widget(writer, field_name))
    caught(world, forged, "changed_forbidden")


def test_a_mark_that_shows_another_imprint_is_invalid(world: World) -> None:
    data = world.sign(classic_pdf(), picture=world.second.picture)
    assert codes(world.verify(data).signatures[0]) & {"mark_differs", "mark_unreadable"}
    square = world.holder("32130000000058", imprint("blue", text="blue"))
    black = imprint("black", size=40, text="x")
    solid = io.BytesIO()
    from PIL import Image

    Image.new("RGB", (100, 100), "black").save(solid, "PNG")
    data = world.sign(classic_pdf(), picture=solid.getvalue())
    assert square.picture != black
    caught(world, data, "mark_differs")


@pytest.mark.parametrize("flags", [2, 6, 32])
def test_a_hidden_mark_is_named(world: World, flags: int) -> None:
    data = world.sign(classic_pdf()).replace(b"/F 132", b"/F %-3d" % flags)
    report = world.verify(data)
    assert "mark_hidden" in codes(report.signatures[0])


def test_a_mark_off_the_page_is_named(world: World) -> None:
    data = world.sign(classic_pdf(), marks=[Mark(0, 400, 100, 40.0, 40.0)])
    caught(world, data, "mark_hidden")


def test_a_mark_without_a_signature_is_pointed_out(world: World) -> None:
    forged = update(classic_pdf(), lambda writer: add_widget(writer, "looks like a seal"))
    report = world.verify(forged)
    assert report.verdict is Verdict.UNSIGNED
    assert "unsigned_mark" in codes(report)


def test_a_mark_that_no_form_mentions_is_pointed_out(world: World) -> None:
    def change(writer: Any) -> None:
        add_widget(writer, "unlisted")
        writer.root["/AcroForm"][name("/Fields")] = generic.ArrayObject()
        writer.update_container(writer.root["/AcroForm"])

    assert "unsigned_mark" in codes(world.verify(update(classic_pdf(), change)))


def test_a_mark_written_straight_into_the_page_is_pointed_out(world: World) -> None:
    content = b"1 g 0 0 9 9 re f"
    drawn = b"<</Subtype/Form/BBox[0 0 9 9]/Length %d>>stream\n%s\nendstream" % (
        len(content), content,
    )  # fmt: skip
    forged = classic_pdf(
        annots=b"/Annots[<</Type/Annot/Subtype/Widget/FT/Sig/T(x)/F 4/Rect[10 10 99 99]"
        b"/AP<</N 6 0 R>>>>]",
        extra=[drawn],
    )
    assert "unsigned_mark" in codes(world.verify(forged))


def test_a_stamp_without_a_signature_is_pointed_out(world: World) -> None:
    forged = classic_pdf(annots=b"/Annots[<</Type/Annot/Subtype/Stamp/Rect[10 10 99 99]>>]")
    report = world.verify(forged)
    assert report.verdict is Verdict.UNSIGNED
    assert "stamp_annotation" in codes(report)


# ---------------------------------------------------------------- what may come later


def test_validation_data_added_later_does_not_degrade(world: World, sealed: bytes) -> None:
    def change(writer: Any) -> None:
        stream = writer.add_object(generic.StreamObject(stream_data=b"\x30\x00"))
        writer.root[name("/DSS")] = writer.add_object(
            generic.DictionaryObject({name("/Certs"): generic.ArrayObject([stream])})
        )
        writer.update_root()

    once = update(sealed, change)

    def more(writer: Any) -> None:
        stream = writer.add_object(generic.StreamObject(stream_data=b"\x30\x00"))
        writer.root["/DSS"][name("/CRLs")] = generic.ArrayObject([stream])
        writer.update_container(writer.root["/DSS"])

    for data in (once, update(once, more)):
        report = world.verify(data)
        assert report.verdict is Verdict.VALID
        assert "evidence_added" in codes(report.signatures[0])
        assert {each.kind for each in report.signatures[0].changed_later} == {"validation_data"}


def test_document_properties_changed_later_are_listed(world: World) -> None:
    original = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]>>", b"<</Title(a)>>"],
        b"/Info 4 0 R",
    )  # fmt: skip
    sealed = world.sign(original)
    report = world.verify(append_revision(sealed, {4: b"<</Title(b)>>"}, trailer=b"/Info 4 0 R"))
    assert report.verdict is Verdict.VALID
    assert "metadata_changed" in codes(report.signatures[0])
    assert [each.kind for each in report.signatures[0].changed_later] == ["metadata"]


def test_properties_that_are_also_page_content_cannot_change(world: World) -> None:
    """An object with two roles: written over as document properties, shown as a resource."""
    original = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Resources 4 0 R>>", b"<</Title(a)>>"],
        b"/Info 4 0 R",
    )  # fmt: skip
    sealed = world.sign(original)
    forged = append_revision(sealed, {4: b"<</Title(b)>>"}, trailer=b"/Info 4 0 R")
    caught(world, forged, "changed_forbidden")


def test_metadata_that_are_also_page_content_cannot_change(world: World) -> None:
    stream = b"<</Length 3>>stream\n<x>\nendstream"
    original = build_pdf(
        [b"<</Type/Catalog/Pages 2 0 R/Metadata 4 0 R>>", b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
         b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>", stream]
    )  # fmt: skip
    forged = append_revision(world.sign(original), {4: stream.replace(b"<x>", b"<y>")})
    caught(world, forged, "changed_forbidden")
    alone = original.replace(b"/Contents 4 0 R", b"/Contents null ")
    report = world.verify(append_revision(world.sign(alone), {4: stream.replace(b"<x>", b"<y>")}))
    assert [each.kind for each in report.signatures[0].changed_later] == ["metadata"]


CERTIFIED = b"<</Type/Sig/Filter/A/Contents<00>/Reference[<</Type/SigRef%s/Data 1 0 R>>]>>"


@pytest.mark.parametrize(
    ("value", "expected"),
    [
        (CERTIFIED % b"/TransformMethod/DocMDP", Verdict.VALID),
        (CERTIFIED % b"/TransformMethod/FieldMDP/TransformParams<</Action/All>>", Verdict.VALID),
        (b"<</Type/Sig/Data 1 0 R>>", Verdict.UNKNOWN),
        (b"<</Reference<</Type/Font/Subtype/Type3/Data 1 0 R>>>>", Verdict.UNKNOWN),
        (b"<</Reference[<</Font<</Data 1 0 R>>>>]>>", Verdict.UNKNOWN),
        (b"<</A<</Reference[<</Data 1 0 R>>]>>>>", Verdict.UNKNOWN),
        (b"<</Reference[<</Other 1 0 R>>]>>", Verdict.UNKNOWN),
    ],
)
def test_a_signature_may_name_the_catalog_as_what_it_was_made_over(
    world: World, value: bytes, expected: Verdict
) -> None:
    """Certifying programs write it; anything else that refers to the catalog might read it as a
    list of resources."""
    sealed = world.sign(classic_pdf(extra=[value]), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    later = world.sign(sealed, world.second, marks=[])
    first = world.verify(later).signatures[0]
    assert first.verdict is expected
    assert ("changed_suspicious" in codes(first)) is (expected is Verdict.UNKNOWN)


def test_an_object_written_again_unchanged_is_harmless(world: World, sealed: bytes) -> None:
    body = re.search(rb"\n4 0 obj\n(.*?)\nendobj", sealed, re.DOTALL)[1]
    report = world.verify(append_revision(sealed, {4: body}))
    assert report.verdict is Verdict.VALID
    assert [each.kind for each in report.signatures[0].changed_later] == ["unused_objects"]


def test_more_objects_than_are_reviewed_is_said(world: World, sealed: bytes) -> None:
    from crypto.pdf.changes import references

    data = append_revision(append_revision(sealed, {80: b"null"}), {81: b"null"})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(references, "MAX_OBJECTS", 10)
        caught(world, data, "not_reviewed")


@pytest.mark.parametrize(
    ("length", "extra"),
    [(b"50000", []), (b"6 0 R", [b"50000"]), (b"50000/Note(a string)", [])],
    ids=["stated", "referred to", "not plain"],
)
def test_a_stream_cannot_reach_into_what_is_added_later(
    world: World, length: bytes, extra: list[bytes]
) -> None:
    """Sealed with a length beyond the end of the file, which viewers mend by looking for its end;
    what is added makes the length right, and so adds to the page."""
    plain = classic_pdf(extra=extra)
    bodies = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj\n", plain, re.DOTALL)
    stated = [re.sub(rb"^<</Length \d+>>", b"<</Length %s>>" % length, each) for each in bodies]
    sealed = world.sign(build_pdf(stated))
    start = sealed.index(b"stream\n") + 7
    added = b"\nBT /F 24 Tf 72 600 Td (Price 1) Tj ET\n".rjust(start + 50000 - len(sealed))
    forged = sealed + added + b"\nendstream\nendobj\n"
    previous = int(re.findall(rb"startxref\s+(\d+)", sealed)[-1])
    table = len(forged)
    forged += (
        b"xref\n0 1\n0000000000 65535 f \ntrailer\n<</Size 60/Root 1 0 R/Prev %d>>\n" % previous
    )
    forged += b"startxref\n%d\n%%%%EOF\n" % table
    caught(world, forged, "changed_forbidden")

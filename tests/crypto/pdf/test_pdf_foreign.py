"""What other programs write, honestly: each file here was once called forged, or refused, though
other readers find nothing wrong with it; beside each stands the attack that looks like it."""

from __future__ import annotations

import contextlib
import io
import re
from collections.abc import Callable
from typing import Any

import pymupdf
import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfEncrypted, PdfError, PdfPasswordWrong, PdfUnreadable
from crypto.pdf.signing import sign
from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf, classic_pdf, rooted_at, update
from tests.world.sealing import World, codes

GOOD = (Verdict.VALID, Verdict.VALID_CHANGED_LATER)


def changes(world: World, data: bytes, index: int = 0) -> set[tuple[str, str]]:
    """(kind, what) of the changes after signature *index*."""
    report = world.verify(data)
    return {(each.kind, each.what) for each in report.signatures[index].changed_later}


def is_good(world: World, data: bytes) -> bool:
    return world.verify(data).verdict in GOOD


def altered(data: bytes, *pairs: tuple[bytes, bytes]) -> bytes:
    """The same objects, written anew with these replacements."""
    bodies = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj\n", data, re.DOTALL)
    for old, new in pairs:
        assert any(old in each for each in bodies)
        bodies = [each.replace(old, new) for each in bodies]
    return build_pdf(bodies)


# ---------------------------------------------------------------- tables that are streams


def with_xref_stream(objects: list[bytes], trailer: bytes = b"") -> bytes:
    """A file whose table is a stream: its dictionary is the trailer."""
    out = bytearray(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")
    places = []
    for number, body in enumerate(objects, 1):
        places.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    start, count = len(out), len(objects) + 2
    rows = b"\0\0\0\0\xff" + b"".join(b"\1%s\0" % at.to_bytes(3, "big") for at in (*places, start))
    out += b"%d 0 obj\n<</Type/XRef/Size %d/W[1 3 1]/Root 1 0 R/Length %d%s>>stream\n" % (
        count - 1,
        count,
        len(rows),
        trailer,
    )
    out += rows + b"\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n" % start
    return bytes(out)


PLAIN = [
    b"<</Type/Catalog/Pages 2 0 R>>",
    b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
    b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R"
    b"/Resources<</Font<</F<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>>>>>>>",
    b"<</Length 41>>stream\nBT /F 24 Tf 72 700 Td (Price 1000) Tj ET \nendstream",
]
INFO = b"<</Title(before)>>"


def test_properties_named_by_a_table_that_is_a_stream_may_change(world: World) -> None:
    sealed = world.sign(with_xref_stream([*PLAIN, INFO], b"/Info 5 0 R"))
    later = update(sealed, lambda writer: writer.trailer["/Info"].update(
        {name("/Title"): generic.pdf_string("after")}
    ) or writer.mark_update(writer.trailer.raw_get("/Info")))  # fmt: skip
    assert later != sealed
    assert changes(world, later) == {("metadata", "/Info")}
    assert is_good(world, later)


def test_what_only_looks_like_such_a_table_gives_no_such_freedom(world: World) -> None:
    """A content stream that calls itself a table and names its resources /Info."""
    objects = [*PLAIN, INFO]
    objects[3] = objects[3].replace(b"<<", b"<</Type/XRef/Resources 5 0 R", 1)
    sealed = world.sign(with_xref_stream(objects))
    forged = append_revision(sealed, {5: b"<</Title(after)>>"})
    assert not is_good(world, forged)


def test_a_list_of_graphics_states_that_calls_itself_a_table_gives_none_either(
    world: World,
) -> None:
    """Viewers look names up in the dictionary of a stream, too."""
    objects = [*PLAIN, b"<</ca 1>>", b"<</Type/XRef/Info 5 0 R/Length 0>>stream\n\nendstream"]
    objects[2] = objects[2].replace(b"/Resources<<", b"/Resources<</ExtGState 6 0 R")
    sealed = world.sign(with_xref_stream(objects, b"/Info 5 0 R"))
    assert is_good(world, sealed)
    assert not is_good(world, append_revision(sealed, {5: b"<</ca 0>>"}))
    objects[2] = objects[2].replace(b"/ExtGState 6 0 R", b"")  # nobody reads it
    unread = world.sign(with_xref_stream(objects, b"/Info 5 0 R"))
    assert is_good(world, append_revision(unread, {5: b"<</Title(after)>>"}))


# ---------------------------------------------------------------- catalog, pages, trailer


def catalog_of(data: bytes) -> bytes:
    form = re.search(rb"/AcroForm (\d+) 0 R", data)
    assert form
    return b"<</Type/Catalog/Pages 2 0 R/AcroForm %s 0 R%%s>>" % form[1]


def test_the_same_catalog_in_a_new_object_is_harmless(world: World) -> None:
    sealed = world.sign(classic_pdf())
    assert is_good(world, rooted_at(sealed, 70, catalog_of(sealed) % b""))
    other = rooted_at(sealed, 70, catalog_of(sealed) % b"/OpenAction[5 0 R/Fit]")
    assert world.verify(other).verdict is Verdict.INVALID


def test_a_catalog_that_moved_does_not_free_the_old_one(world: World) -> None:
    """The old object is used by a page as well: what is written there shows."""
    sealed = world.sign(classic_pdf(annots=b"/PieceInfo 1 0 R"))
    moved = rooted_at(sealed, 70, catalog_of(sealed) % b"")
    forged = append_revision(moved, {1: b"<</Anything/Else>>"})
    assert world.verify(forged).verdict is Verdict.INVALID


def test_equal_resources_in_an_object_of_their_own_are_the_same(world: World) -> None:
    sealed = world.sign(classic_pdf())
    body = re.search(rb"5 0 obj\s(<<.*?>>)\s*endobj", sealed[sealed.index(b"%%EOF") :], re.DOTALL)
    assert body, "the page was written again by the seal"
    page = re.sub(rb"/Resources\s*<<.*?>>\s*>>", b"/Resources 80 0 R", body[1], flags=re.DOTALL)
    assert page != body[1]
    same = append_revision(sealed, {5: page, 80: b"<</Font<</F 3 0 R>>>>"})
    assert is_good(world, same)
    for resources in (b"<</Font<</F 4 0 R>>>>", b"<</Font<</F 3 0 R/G 3 0 R>>>>", b"<<>>"):
        other = append_revision(sealed, {5: page, 80: resources})
        assert world.verify(other).verdict is Verdict.INVALID
    swapped = append_revision(same, {80: b"<</Font<</F 4 0 R>>>>"})
    assert world.verify(swapped).verdict is Verdict.INVALID


def test_a_private_mark_in_the_page_tree_means_nothing(world: World) -> None:
    sealed = world.sign(classic_pdf())
    tree = b"<</Type/Pages/Count 1/Kids[5 0 R]%s>>"
    assert is_good(world, append_revision(sealed, {2: tree % b"/ITXT(5.0)"}))
    rotated = append_revision(sealed, {2: tree % b"/ITXT(5.0)/Rotate 90"})
    assert world.verify(rotated).verdict is Verdict.INVALID


def test_an_order_of_fields_where_there_was_none_is_harmless(world: World) -> None:
    def ordered(order: str) -> Callable[[Any], None]:
        def change(writer: Any) -> None:
            page = writer.root["/Pages"]["/Kids"][0]
            page[name("/Tabs")] = name(order)
            writer.update_container(page)

        return change

    sealed = world.sign(classic_pdf())
    assert changes(world, update(sealed, ordered("/S"))).pop()[0] == "metadata"
    sealed = world.sign(classic_pdf(annots=b"/Tabs/R"))
    assert changes(world, update(sealed, ordered("/S"))).pop()[0] == "suspicious"


def sized(data: bytes, size: int) -> bytes:
    """An empty revision whose trailer states this /Size."""
    start = int(re.findall(rb"startxref\s+(\d+)", data)[-1])
    table = len(data)
    return data + (
        b"xref\n0 1\n0000000000 65535 f \n"
        b"trailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n"
    ) % (size, start, table)


def test_only_the_last_table_says_how_many_objects_there_are(world: World) -> None:
    """An empty revision that says one, and a proper one after it: met from a signing service."""
    sealed = world.sign(classic_pdf())
    small = sized(sealed, 1)
    assert world.verify(small).verdict is Verdict.UNKNOWN
    size = int(re.findall(rb"/Size (\d+)", sealed)[-1])
    # the table in between makes strict readers complain, and so is named; nothing is forbidden
    assert changes(world, sized(small, size + 1)) == {
        ("suspicious", "xref"),
        ("unused_objects", ""),
    }


def test_objects_beyond_the_end_of_the_table_cannot_appear_later(world: World) -> None:
    sealed = world.sign(classic_pdf(), reserve=2048)
    last = sealed.rindex(b"/Size ")
    size = int(re.match(rb"\d+", sealed[last + 6 :])[0])
    assert size >= 10
    # sealed with a table that is said to end before its last objects
    cheated = classic_pdf(extra=[b"<</A 1>>", b"<</B 2>>"]).replace(b"/Size 8", b"/Size 7")
    small = world.sign(cheated)
    grown = sized(small, 60)
    names = {what for _, what in changes(world, grown)}
    assert "trailer /Size" not in names  # the seal itself states a larger one
    document = Document(io.BytesIO(small))
    assert int(document.reader.trailer["/Size"]) >= 8


# ---------------------------------------------------------------- validation data


def test_lists_inside_validation_data_may_be_written_again(world: World) -> None:
    """As they are by tools that keep certificates and lists per signature in objects."""
    record = b"/VRI<</" + b"AB" * 20 + b" 9 0 R>>"
    original = classic_pdf(
        catalog=b"/DSS 6 0 R",
        extra=[
            b"<</Certs 7 0 R%s>>" % record,
            b"[8 0 R]",
            b"<</Length 1>>stream\nx\nendstream",
            b"<</Cert 7 0 R/CRL 10 0 R>>",
            b"[]",
        ],
    )
    sealed = world.sign(original)
    grown = append_revision(
        sealed,
        {
            7: b"[8 0 R 90 0 R]",
            10: b"[90 0 R]",
            90: b"<</Length 1>>stream\ny\nendstream",
        },
    )
    assert changes(world, grown) == {("validation_data", "")}
    assert world.verify(grown).verdict is Verdict.VALID


@pytest.mark.parametrize("used", ["/Certs", "/Names"])
def test_lists_used_elsewhere_as_well_are_no_validation_data(world: World, used: str) -> None:
    original = classic_pdf(
        annots=b"/Annots 7 0 R",
        catalog=b"/DSS<<%s 7 0 R>>" % used.encode(),
        extra=[b"<</Type/Annot/Subtype/Text/Rect[0 0 9 9]>>", b"[6 0 R]"],
    )
    sealed = world.sign(original)
    assert world.verify(append_revision(sealed, {7: b"[]"})).verdict is Verdict.INVALID


# ---------------------------------------------------------------- fields


def prepared(appearance: bytes, *, listed: bool = True, resources: bytes = b"") -> bytes:
    """A document with an empty signature field that already draws something."""
    return classic_pdf(
        annots=b"/Annots[6 0 R]" if listed else b"/Annots[]",
        catalog=b"/AcroForm<</Fields[6 0 R]>>",
        extra=[
            b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Later)/F 4/Rect[60 100 160 200]/P 5 0 R"
            b"/AP<</N 7 0 R>>>>",
            b"<</Type/XObject/Subtype/Form/BBox[0 0 100 100]%s/Length %d>>stream\n%s\nendstream"
            % (resources, len(appearance), appearance),
        ],
    )


def filled(sealed: bytes, *, place: bool = False, in_place: bool = False) -> bytes:
    """The prepared field signed by somebody with a value of unknown kind, drawn anew."""

    def change(writer: Any) -> None:
        field = next(
            each.get_object()
            for each in writer.root["/AcroForm"]["/Fields"]
            if each.get_object()["/T"] == "Later"
        )
        value = generic.DictionaryObject({name("/Type"): name("/Sig")})
        field[name("/V")] = writer.add_object(value)
        drawn = generic.StreamObject(
            {
                name("/Type"): name("/XObject"),
                name("/Subtype"): name("/Form"),
                name("/BBox"): generic.ArrayObject(map(generic.NumberObject, (0, 0, 100, 100))),
            },
            stream_data=b"0 0 50 50 re f",
        )
        if in_place:
            old = field["/AP"]["/N"]
            old._data, old._encoded_data = drawn.data, None
            old.pop("/Length", None)
            writer.mark_update(field["/AP"].raw_get("/N"))
        else:
            field["/AP"] = generic.DictionaryObject({name("/N"): writer.add_object(drawn)})
        writer.update_container(field)
        if place:
            page = writer.root["/Pages"]["/Kids"][0]
            page["/Annots"].append(generic.IndirectObject(field.container_ref.idnum, 0, writer))
            writer.update_container(page["/Annots"])

    return update(sealed, change)


@pytest.mark.parametrize("in_place", [False, True])
def test_a_prepared_field_may_be_drawn_anew_as_it_is_signed(world: World, in_place: bool) -> None:
    sealed = world.sign(prepared(b"0 0 9 9 re f"))
    later = filled(sealed, in_place=in_place)
    # a prepared field that shows nothing may be drawn anew; what this one showed is gone
    assert changes(world, later, -1) == {("seal_added", "Later"), ("look_replaced", "Later")}
    assert "mark_covers" in codes(world.verify(later).signatures[-1])


def test_an_appearance_drawn_anew_without_a_signature_is_not_allowed(world: World) -> None:
    sealed = world.sign(prepared(b"0 0 9 9 re f"))
    stream = b"<</Type/XObject/Subtype/Form/BBox[0 0 100 100]/Length 14>>stream\n0 0 50 50 re f\n"
    assert not is_good(world, append_revision(sealed, {7: stream + b"endstream"}))


def test_a_field_prepared_on_no_page_may_be_put_there_as_it_is_signed(world: World) -> None:
    sealed = world.sign(prepared(b"0 0 9 9 re f", listed=False))
    later = filled(sealed, place=True)
    assert changes(world, later, -1) == {("seal_added", "Later")}
    assert "mark_covers" in codes(world.verify(later).signatures[-1])


def test_a_field_prepared_on_no_page_cannot_show_up_unsigned(world: World) -> None:
    sealed = world.sign(prepared(b"1 g 0 0 100 100 re f", listed=False))

    def change(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Annots"].append(generic.IndirectObject(6, 0, writer))
        writer.update_container(page["/Annots"])

    later = update(sealed, change)
    assert ("suspicious", "Later") in changes(world, later, -1)


def test_a_field_prepared_on_no_page_may_be_put_on_one_only(world: World) -> None:
    """Put on a second page, what is signed in it would show there as well."""
    field = b"<</Type/Annot/Subtype/Widget/FT/Sig/T(Later)/Rect[0 0 90 90]>>"
    original = classic_pdf(pages=2, catalog=b"/AcroForm<</Fields[7 0 R]>>", extra=[field])

    def put_on(index: int) -> Callable[[Any], None]:
        def change(writer: Any) -> None:
            page = writer.root["/Pages"]["/Kids"][index]
            widget = generic.IndirectObject(7, 0, writer)
            listed = page.get("/Annots", [])
            page[name("/Annots")] = generic.ArrayObject([*listed, widget])
            writer.update_container(page)

        return change

    once = update(world.sign(original, marks=[]), put_on(0))
    assert is_good(world, once)
    twice = update(once, put_on(1))
    assert ("forbidden", "/Widget (7 0 obj)") in changes(world, twice)


# ---------------------------------------------------------------- tagged documents


def tagged(*elements: bytes, root: bytes = b"", **options: Any) -> bytes:
    """A document with a structure tree: 6 root, 7 document element, 8 paragraph, 9 parent tree."""
    return classic_pdf(
        annots=b"/StructParents 0",
        catalog=b"/StructTreeRoot 6 0 R/MarkInfo<</Marked true>>",
        extra=[
            b"<</Type/StructTreeRoot/K[7 0 R]/ParentTree 9 0 R/ParentTreeNextKey 1%s>>" % root,
            b"<</Type/StructElem/S/Document/P 6 0 R/K[8 0 R]>>",
            b"<</Type/StructElem/S/P/P 7 0 R/Pg 5 0 R/K 0/ActualText(Price 1000)>>",
            b"<</Nums[0[8 0 R]]>>",
            *elements,
        ],
        **options,
    )


PRICE_9000 = b"<</Type/StructElem/S/P/P 7 0 R/Pg 5 0 R/K 0/ActualText(Price 9000)>>"
FIELD = b"<</Type/StructElem/S/Form/P 7 0 R/Pg 5 0 R/K<</Type/OBJR/Obj 60 0 R>>>>"
DOCUMENT = b"<</Type/StructElem/S/Document/P 6 0 R/K[8 0 R 90 0 R]>>"
NUMBERS = b"<</Nums[0 91 0 R 1 90 0 R]>>"


def test_an_element_for_a_new_field_may_join_the_structure_tree(world: World) -> None:
    sealed = world.sign(tagged())
    grown = append_revision(sealed, {7: DOCUMENT, 9: NUMBERS, 90: FIELD, 91: b"[8 0 R]"})
    assert changes(world, grown) == {("metadata", "/StructTreeRoot")}
    assert is_good(world, grown)


def test_a_bookmark_may_stand_for_an_element_that_grows(world: World) -> None:
    """A tagged document with bookmarks, signed a second time by the program that made it."""
    outlines = b"<</Type/Outlines/First 11 0 R/Last 11 0 R/Count 1>>"
    item = b"<</Title(a)/Parent 10 0 R/Dest[5 0 R/Fit]/SE 7 0 R>>"
    document = tagged(outlines, item).replace(b"/MarkInfo", b"/Outlines 10 0 R/MarkInfo")
    bodies = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj\n", document, re.DOTALL)
    sealed = world.sign(build_pdf(bodies))
    grown = append_revision(sealed, {7: DOCUMENT, 9: NUMBERS, 90: FIELD, 91: b"[8 0 R]"})
    assert changes(world, grown) == {("metadata", "/StructTreeRoot")}
    assert is_good(world, grown)


def test_evidence_that_is_not_there_is_doubtful_and_not_disproved(world: World) -> None:
    """A program for signing frees validation data that its lists still name."""
    sealed = world.sign(classic_pdf(), marks=[])
    form = re.findall(rb"/AcroForm \d+ 0 R", sealed)[-1]
    catalog = b"<</Type/Catalog/Pages 2 0 R%s/DSS<</Certs 170 0 R/VRI 171 0 R>>>>" % form
    later = append_revision(sealed, {1: catalog})
    report = world.verify(later)
    assert report.verdict is Verdict.UNKNOWN
    assert "changed_suspicious" in codes(report.signatures[0])


@pytest.mark.parametrize(
    "written",
    [
        {7: DOCUMENT, 90: FIELD.replace(b"/K<<", b"/ActualText(Price 1)/K<<")},
        {7: DOCUMENT, 90: FIELD.replace(b"/K<</Type/OBJR/Obj 60 0 R>>", b"/K 0")},
        {7: DOCUMENT.replace(b"8 0 R ", b""), 90: FIELD},
        {8: b"<</Type/StructElem/S/P/P 7 0 R/Pg 5 0 R/K 0/ActualText(Price 1)>>"},
        {9: b"<</Nums[0[7 0 R]]>>"},
        {9: b"<</Nums[]>>"},
        {6: b"<</Type/StructTreeRoot/K[7 0 R]/ParentTree 9 0 R/RoleMap<</P/Artifact>>>>"},
        {6: b"<</Type/StructTreeRoot/K[]/ParentTree 9 0 R>>"},
        {9: b"<</Nums[0 91 0 R 1[90 0 R]]>>", 90: PRICE_9000, 91: b"[8 0 R]"},
        {9: b"<</Nums[0 91 0 R 1 90 0 R]>>", 90: PRICE_9000, 91: b"[8 0 R]"},
        {9: b"<</Nums[0 91 0 R 1 8 0 R]>>", 91: b"[8 0 R]"},
        {9: b"<</Nums[0[90 0 R] 0 91 0 R]>>", 90: PRICE_9000, 91: b"[8 0 R]"},
        {9: b"<</Nums[0 91 0 R 0[90 0 R]]>>", 90: PRICE_9000, 91: b"[8 0 R]"},
    ],
)
def test_a_structure_tree_that_says_something_else_is_not_believed(
    world: World, written: dict[int, bytes]
) -> None:
    sealed = world.sign(tagged())
    assert not is_good(world, append_revision(sealed, written))


@pytest.mark.parametrize("number", [b"", b"/StructParents 0"])
def test_a_page_is_not_given_elements_that_stand_in_no_tree(world: World, number: bytes) -> None:
    """Readers find the text that is read aloud by the page's number alone."""
    bare = (
        tagged()
        .replace(b"/StructParents 0", number.ljust(16))
        .replace(b"[0[8 0 R]]", b"[        ]")
    )
    sealed = world.sign(bare)
    page = re.findall(rb"\n5 0 obj\n(.*?)\nendobj", sealed, re.DOTALL)[-1]
    if not number:
        page = page.replace(b"/Type", b"/StructParents 0/Type", 1)
    written = {5: page, 9: b"<</Nums[0[90 0 R]]>>", 90: PRICE_9000}
    assert not is_good(world, append_revision(sealed, written))


def test_an_element_that_is_used_otherwise_as_well_cannot_change(world: World) -> None:
    """The paragraph is the page's resources too."""
    sealed = world.sign(
        altered(tagged(), (b"/Resources<</Font<</F 3 0 R>>>>", b"/Resources 8 0 R"))
    )
    forged = append_revision(
        sealed, {8: b"<</Type/StructElem/S/P/P 7 0 R/Font<</F 4 0 R>>/Pg 5 0 R/K 0>>"}
    )
    assert world.verify(forged).verdict is Verdict.INVALID


def test_a_structure_tree_without_an_end_is_bounded(world: World) -> None:
    """A parent tree in a circle, and one that is wide beyond measure."""
    sealed = world.sign(tagged())
    looped = append_revision(sealed, {9: b"<</Kids[9 0 R]/Nums[0[8 0 R]]>>"})
    assert is_good(world, looped)
    wide = b"<</Nums[0[8 0 R]" + b" ".join(b"%d 0" % each for each in range(1, 60_000)) + b"]>>"
    found = codes(world.verify(append_revision(sealed, {9: wide})).signatures[0])
    assert found & {"not_reviewed", "changed_forbidden", "changed_suspicious"}


# ---------------------------------------------------------------- encryption, names, references


def test_a_file_whose_encryption_stands_in_the_trailer_asks_for_its_password(world: World) -> None:
    """MuPDF writes the dictionary there; pyHanko wants a reference."""
    document = pymupdf.open()
    document.new_page().insert_text((72, 72), "Price 1000")
    data = document.tobytes(
        encryption=pymupdf.PDF_ENCRYPT_AES_256, user_pw="geheim", owner_pw="owner"
    )
    assert b"/Encrypt<<" in data
    with pytest.raises(PdfEncrypted):
        world.verify(data)
    with pytest.raises(PdfPasswordWrong):
        world.sign(data, password="falsch")
    sealed = world.sign(data, password="geheim")
    twice = world.sign(sealed, world.second, world.marks(world.second, left=20), password="geheim")
    assert world.verify(sealed, password="geheim").verdict is Verdict.VALID
    assert world.verify(twice, password="geheim").verdict is Verdict.VALID


@pytest.mark.parametrize(
    "entry", [b"/Encrypt 9 0 R", b"/Encrypt 5", b"/Encrypt<<>>", b"/Encrypt[]"]
)
def test_nonsense_for_encryption_is_refused(world: World, entry: bytes) -> None:
    data = build_pdf(PLAIN, entry + b"/ID[(a)(b)]")
    with pytest.raises((PdfUnreadable, PdfEncrypted)):
        world.verify(data)


def test_names_with_unescaped_bytes_are_kept_apart_and_kept(world: World) -> None:
    """/F\\xae and /F#C2#AE are two names, though both look like F®; a sealed file keeps them."""
    data = altered(classic_pdf(annots=b"/Annots[]"), (b"/F 3 0 R", b"/F\xae 3 0 R /F#23AE 3 0 R"))
    sealed = world.sign(data)
    assert is_good(world, sealed)
    page = Document(io.BytesIO(sealed)).reader.root["/Pages"]["/Kids"][0]
    stream = io.BytesIO()
    page.write_to_stream(stream)
    assert b"/F#AE" in stream.getvalue()
    assert b"/F#23AE" in stream.getvalue()
    body = re.findall(rb"5 0 obj\s(<<.*?>>)\s*endobj", sealed, re.DOTALL)[-1]
    raw = next(each for each in (b"/F\xae", b"/F#AE") if each in body)
    for other in (b"/F#C2#AE", b"/F"):
        forged = append_revision(sealed, {5: body.replace(raw, other)})
        assert world.verify(forged).verdict is Verdict.INVALID
    assert is_good(world, append_revision(sealed, {5: body.replace(raw, b"/F#ae")}))


def test_references_to_nothing_are_null(world: World) -> None:
    data = altered(
        classic_pdf(annots=b"/Annots[77 0 R]"), (b"/Kids[5 0 R]", b"/Kids[5 0 R 78 0 R]")
    )
    sealed = world.sign(data)
    assert is_good(world, sealed)
    # and what was null when it was sealed stays null
    late = append_revision(sealed, {77: b"<</Type/Annot/Subtype/FreeText/Rect[0 0 90 90]>>"})
    assert world.verify(late).verdict is Verdict.INVALID
    late = append_revision(sealed, {78: b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 9 9]>>"})
    assert world.verify(late).verdict is Verdict.INVALID


# ---------------------------------------------------------------- deleted, doubled, permitted


def test_an_object_that_nothing_refers_to_may_be_deleted(world: World) -> None:
    sealed = world.sign(
        classic_pdf(extra=[b"<</Unused true>>", b"<</Length 1>>stream\nx\nendstream"])
    )
    assert is_good(world, append_revision(sealed, {}, free=[6]))
    used = world.sign(classic_pdf(annots=b"/PieceInfo 6 0 R", extra=[b"<</Used true>>"]))
    assert world.verify(append_revision(used, {}, free=[6])).verdict is Verdict.INVALID


def test_validation_data_that_is_replaced_may_be_deleted(world: World) -> None:
    stream = b"<</Length 1>>stream\nx\nendstream"
    sealed = world.sign(
        classic_pdf(catalog=b"/DSS 6 0 R", extra=[b"<</Certs 7 0 R>>", b"[8 0 R]", stream])
    )
    later = append_revision(sealed, {6: b"<</Certs[90 0 R]>>", 90: stream}, free=[7])
    assert world.verify(later).verdict is Verdict.VALID


def test_a_signature_with_an_entry_written_twice_is_unknown_and_spoils_nothing(
    world: World,
) -> None:
    """Met from a time-stamping service: /Type twice. Viewers take the one or the other."""
    first = world.sign(classic_pdf())
    second = world.sign(first, world.second, world.marks(world.second, left=20))
    place = list(re.finditer(rb"/Filter\s*/[\w.]+(?=\s*/SubFilter)", second))[-1]
    twice = b"/Type /Sig".ljust(len(place[0]))
    doubled = second[: place.start()] + twice + second[place.end() :]
    report = world.verify(doubled)
    assert report.verdict is Verdict.UNKNOWN
    assert codes(report.signatures[1]) == {"value_unsupported"}
    assert {each.kind for each in report.signatures[0].changed_later} == {"suspicious"}


def certified(world: World, permission: int) -> bytes:
    """A sealed document made a certification afterwards: its digest is wrong then, and what follows
    is judged by what it permits all the same."""
    limits = b"[<</TransformMethod/DocMDP/TransformParams<</P %d>>>>]" % permission
    sealed = world.sign(classic_pdf(extra=[limits]))
    kind = re.search(rb"/Type\s*/Sig(?=\s*/Filter)\s*/Filter\s*/[\w.]+", sealed)
    assert kind
    named = b"/Reference 6 0 R".ljust(len(kind[0]))
    assert len(named) == len(kind[0])
    return sealed[: kind.start()] + named + sealed[kind.end() :]


@pytest.mark.parametrize(
    ("permission", "kind"), [(1, "forbidden"), (2, "suspicious"), (3, "suspicious")]
)
def test_a_new_visible_field_after_a_certification_is_never_plainly_fine(
    world: World, monkeypatch: pytest.MonkeyPatch, permission: int, kind: str
) -> None:
    monkeypatch.setattr(sign, "check_may_sign", lambda *_, **__: None)  # others do not ask
    later = world.sign(
        certified(world, permission), world.second, world.marks(world.second, left=20)
    )
    assert {found for found, _ in changes(world, later)} == {kind}


@pytest.mark.parametrize(
    ("permission", "kind"), [(1, "forbidden"), (2, "forbidden"), (3, "suspicious")]
)
def test_an_annotation_is_suspicious_where_a_certification_permits_it(
    world: World, permission: int, kind: str
) -> None:
    def change(writer: Any) -> None:
        note = generic.DictionaryObject(
            {
                name("/Type"): name("/Annot"),
                name("/Subtype"): name("/FreeText"),
                name("/Rect"): generic.ArrayObject(map(generic.NumberObject, (60, 690, 90, 720))),
            }
        )
        page = writer.root["/Pages"]["/Kids"][0]
        page["/Annots"].append(writer.add_object(note))
        writer.update_container(page["/Annots"])

    assert {found for found, _ in changes(world, update(certified(world, permission), change))} == {
        kind
    }


@pytest.mark.parametrize("permission", [1, 2, 3])
@pytest.mark.parametrize(
    "entries",
    [
        b"/PageLabels<</Nums[0<</S/D/St 9>>]>>",
        b"/Names<</EmbeddedFiles<</Names[(a)<</F(a)/EF<</F 91 0 R>>>>]>>>>",
    ],
)
def test_no_certification_permits_files_or_labels_of_pages(
    world: World, permission: int, entries: bytes
) -> None:
    data = certified(world, permission)
    root = int(re.findall(rb"/Root (\d+)", data)[-1])
    body = re.findall(rb"\n%d 0 obj\s*(<<.*?>>)\s*endobj" % root, data, re.DOTALL)[-1]
    objects = {root: body[:-2] + entries + b">>", 91: b"<</Length 1>>stream\nx\nendstream"}
    assert {found for found, _ in changes(world, append_revision(data, objects))} == {"forbidden"}


def test_a_single_table_with_a_second_one_beside_it_is_read_or_refused(world: World) -> None:
    """pyHanko looks for a table before the first one and finds none."""
    plain = classic_pdf()
    start = int(re.findall(rb"startxref\n(\d+)", plain)[-1])
    rows = b"\1" + (9).to_bytes(3, "big") + b"\1"  # an object of a second generation
    stream = b"90 0 obj\n<</Type/XRef/Size 91/W[1 3 1]/Index[4 1]/Root 1 0 R/Length 5>>stream\n"
    stream += rows + b"\nendstream\nendobj\n"
    for place in (b"/XRefStm %d" % start, b"/Prev %d" % start):
        table = plain[start:].replace(b"/Root", place + b"/Root")
        data = (
            plain[:start]
            + stream
            + re.sub(rb"startxref\n\d+", b"startxref\n%d" % (start + len(stream)), table)
        )
        with contextlib.suppress(PdfError):
            assert world.verify(data).verdict is Verdict.UNSIGNED


def test_a_failure_of_the_library_that_looks_like_the_end_of_a_loop_is_damage(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(
        "crypto.pdf.reading.reader.Reader.__init__", lambda *_, **__: next(iter(()))
    )
    with pytest.raises(PdfUnreadable):
        world.verify(classic_pdf())

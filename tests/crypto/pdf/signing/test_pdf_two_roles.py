"""One dictionary in two roles: what may be rewritten in the one must not show in the other."""

import pytest

from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

HELVETICA = b"/Type/Font/Subtype/Type1/BaseFont/Helvetica"
OTHER = b"<<" + HELVETICA + b"/Encoding<</Type/Encoding/Differences[49/nine]>>>>"
"""A font in which 1 looks like 9."""
CATALOG, FORM, FONTS, FONT, SECOND = 1, 6, 7, 8, 9


def shown_by(
    font: bytes,
    *,
    fonts: bytes = b"7 0 R",
    catalog: bytes = b"",
    form: bytes = b"",
    fields: bytes = b"",
    named: bytes = b"",
    second: bytes = b"null",
) -> bytes:
    """A page whose text is set in the font of this name, from the dictionary *fonts*."""
    content = b"BT /%s 24 Tf 72 700 Td (Price 1000) Tj ET" % font
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/AcroForm 6 0 R" + catalog + b">>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</Font " + fonts + b">>>>",
            b"<</Fields[" + fields + b"]" + form + b">>",
            b"<<" + named + b">>",
            b"<<" + HELVETICA + b">>",
            second,
        ]
    )


def rewritten(data: bytes, number: int, old: bytes, new: bytes) -> bytes:
    """*data* and a revision in which the newest object *number* has *new* for *old*."""
    start = data.rindex(b"\n%d 0 obj" % number)
    body = data[start : data.index(b"endobj", start)].split(b"obj", 1)[1]
    assert old in body
    return append_revision(data, {number: body.replace(old, new)})


def refused(world: World, data: bytes) -> None:
    report = world.verify(data)
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID), report.signatures[0].changed_later
    assert codes(report.signatures[0]) & {"changed_suspicious", "changed_forbidden"}


def test_the_producers_note_is_no_name_of_a_font(world: World) -> None:
    data = world.sign(shown_by(b"ITXT", named=b"/ITXT 8 0 R", second=OTHER))
    refused(world, rewritten(data, FONTS, b"/ITXT 8 0 R", b"/ITXT 9 0 R"))


@pytest.mark.parametrize("key", [b"MarkInfo", b"Extensions"])
def test_the_catalog_is_no_dictionary_of_fonts(world: World, key: bytes) -> None:
    entry = b"/%s 8 0 R" % key
    data = world.sign(shown_by(key, fonts=b"1 0 R", catalog=entry, second=OTHER))
    refused(world, rewritten(data, CATALOG, entry, b"/%s 9 0 R" % key))
    refused(world, append_revision(data, {FONT: OTHER}))


@pytest.mark.parametrize("key", [b"DR", b"DA"])
def test_the_form_is_no_dictionary_of_fonts(world: World, key: bytes) -> None:
    entry = b"/%s 8 0 R" % key
    data = world.sign(shown_by(key, fonts=b"6 0 R", form=entry, second=OTHER))
    refused(world, rewritten(data, FORM, entry, b"/%s 9 0 R" % key))
    if key == b"DR":  # it may grow
        refused(world, append_revision(data, {FONT: OTHER}))


@pytest.mark.parametrize("key", [b"Certs", b"VRI"])
def test_validation_data_are_no_dictionary_of_fonts(world: World, key: bytes) -> None:
    named = b"/%s 8 0 R" % key
    data = world.sign(shown_by(key, catalog=b"/DSS 7 0 R", named=named, second=OTHER))
    refused(world, append_revision(data, {FONT: OTHER}))
    refused(world, rewritten(data, FONTS, named, b"/%s 9 0 R" % key))


def test_fonts_do_not_become_validation_data_later(world: World) -> None:
    name = b"A94A8FE5CCB19BA61C4C0873D391E987982FBBD3"
    data = world.sign(shown_by(name, named=b"/%s 8 0 R" % name))
    added = rewritten(data, CATALOG, b"/AcroForm", b"/DSS<</VRI 7 0 R>>/AcroForm")
    refused(world, append_revision(added, {FONT: OTHER}))


def test_a_field_is_no_dictionary_of_fonts(world: World) -> None:
    field = b"<</FT/Tx/T(x)/AP 8 0 R/Rect[0 0 0 0]/Subtype/Widget>>"
    data = world.sign(shown_by(b"AP", fonts=b"9 0 R", second=field, fields=b"9 0 R"))
    filled = field.replace(b"/AP 8 0 R", b"/V(1)/AP " + OTHER)
    refused(world, append_revision(data, {SECOND: filled}))


def pictures_on_the_second_page(name: bytes, entry: bytes) -> bytes:
    """The first page draws what the dictionary of the second has under *name*."""

    def form(text: bytes) -> bytes:
        drawn = b"BT /F 24 Tf 72 700 Td (%s) Tj ET" % text
        return (
            b"<</Type/XObject/Subtype/Form/BBox[0 0 600 800]/Resources<</Font<</F 3 0 R>>>>"
            b"/Length %d>>stream\n%s\nendstream" % (len(drawn), drawn)
        )

    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 2/Kids[5 0 R 6 0 R]>>",
            b"<<" + HELVETICA + b">>",
            b"<</Length %d>>stream\n/%s Do\nendstream" % (len(name) + 4, name),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]"
            b"/Resources<</XObject 6 0 R>>>>",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]" + entry + b">>",
            form(b"Price 1000"),
            form(b"Price 9000"),
        ]
    )


def test_a_list_of_annotations_is_no_picture(world: World) -> None:
    data = world.sign(pictures_on_the_second_page(b"Annots", b"/Annots 7 0 R"))
    refused(world, rewritten(data, 6, b"/Annots 7 0 R", b"/Annots 8 0 R"))
    start = data.index(b"\n8 0 obj\n") + len(b"\n8 0 obj\n")
    refused(world, append_revision(data, {7: data[start : data.index(b"\nendobj", start)]}))


@pytest.mark.parametrize("key", [b"Tabs", b"StructParents"])
def test_the_order_of_fields_is_no_picture(world: World, key: bytes) -> None:
    data = world.sign(pictures_on_the_second_page(key, b""))
    refused(world, rewritten(data, 6, b"/MediaBox", b"/%s 8 0 R/MediaBox" % key))


@pytest.mark.parametrize("key", [b"ParentTree", b"ParentTreeNextKey", b"K"])
def test_the_structure_is_no_dictionary_of_pictures(world: World, key: bytes) -> None:
    """Not even one that only grows: a picture that becomes a list is not drawn."""
    named = b"/Type/StructTreeRoot/%s 7 0 R" % key
    original = pictures_on_the_second_page(key, b"").replace(b"/Subtype/Form", b"/Subtype /Form")
    objects = original.split(b"endobj\n")
    bodies = [each.split(b" obj\n", 1)[1].rstrip(b"\n") for each in objects[:-1]]
    bodies[0] = b"<</Type/Catalog/Pages 2 0 R/StructTreeRoot 9 0 R>>"
    bodies[4] = bodies[4].replace(b"/XObject 6 0 R", b"/XObject 9 0 R")
    data = world.sign(build_pdf([*bodies, b"<<" + named + b">>"]))
    field = b"<</S/Form/P 9 0 R>>"
    new = b"/%s[7 0 R %s]" % (key, field) if key == b"K" else b"/%s 8 0 R" % key
    refused(world, rewritten(data, SECOND, b"/%s 7 0 R" % key, new))


def test_a_field_in_a_list_of_its_own_is_filled_in_as_ever(world: World) -> None:
    field = b"<</FT/Tx/T(x)/Rect[0 0 0 0]/Subtype/Widget>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm 4 0 R>>",
        b"<</Type/Pages/Count 1/Kids[3 0 R]>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Annots 6 0 R>>",
        b"<</Fields 6 0 R>>",
        field,
        b"[5 0 R]",
    ]
    data = world.sign(build_pdf([*objects[:3], b"<</Fields 7 0 R>>", *objects[4:], b"[5 0 R]"]))
    report = world.verify(append_revision(data, {5: field.replace(b"/T(x)", b"/T(x)/V(1)")}))
    assert report.verdict is Verdict.VALID_CHANGED_LATER, report.signatures[0].changed_later

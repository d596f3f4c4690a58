"""What a hostile reviewer tried against the verdicts, each as a file that must not be believed.

An attacker here may append to a sealed document, or is a holder in good standing who shows
something else than the imprint that the maker signed.
"""

import io
import re
from collections.abc import Callable
from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest
from PIL import Image, ImageDraw
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name
from pyhanko.pdf_utils.reader import PdfFileReader

from crypto.pdf.marks import drawing
from crypto.pdf.reading.document import Document
from crypto.pdf.reading.failures import PdfUnreadable
from crypto.pdf.signing.sign import PROFILES, Revision, property_info, sign_revision
from crypto.pki.certificate import Certificate
from crypto.seal.making import make_signature
from crypto.seal.statement import STAPLE
from crypto.seal.structure import Extension
from crypto.verdict import Report, Verdict
from tests.world.documents import add_widget, append_revision, build_pdf, classic_pdf, update
from tests.world.sealing import NOW, World, codes, content, drawn
from tests.world.seals import imprint

WHITE = generic.ArrayObject([generic.FloatObject(1)] * 3)

HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>"
COURIER = b"<</Type/Font/Subtype/Type1/BaseFont/Courier/Encoding<</Differences[49/nine]>>>>"


@pytest.fixture(scope="session")
def sealed(world: World) -> bytes:
    """A document with one good seal."""
    return world.sign(classic_pdf())


def not_believed(world: World, data: bytes, **options: Any) -> Report:
    """The report, which must not call the document valid."""
    report = world.verify(data, **options)
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID), report.verdict
    return report


# ---------------------------------------------------------------- more than a signature field


@pytest.mark.parametrize(
    ("subtype", "entries"),
    [
        ("/Square", {"IC": WHITE, "C": WHITE}),
        ("/FreeText", {"Contents": generic.pdf_string("Price 9"), "DA": generic.pdf_string("0 g")}),
        ("/Stamp", {"Name": name("/Approved")}),
        ("/Redact", {"IC": WHITE}),
        ("/Link", {}),
    ],
)
def test_an_annotation_that_only_says_it_is_a_signature_field_is_forbidden(
    world: World, sealed: bytes, subtype: str, entries: dict[str, Any]
) -> None:
    """Viewers draw these without any appearance: a white square hides sealed text."""

    def change(writer: Any) -> None:
        field = add_widget(writer, "later", None).get_object()
        field[name("/Subtype")] = name(subtype)
        field.update({name(f"/{key}"): value for key, value in entries.items()})

    report = not_believed(world, update(sealed, change))
    assert "changed_forbidden" in codes(report.signatures[0])


@pytest.mark.parametrize("key", ["/A", "/AA"])
def test_a_signature_field_added_later_with_an_action_is_forbidden(
    world: World, sealed: bytes, key: str
) -> None:
    script = generic.DictionaryObject(
        {name("/S"): name("/JavaScript"), name("/JS"): generic.pdf_string("app.alert(1)")}
    )
    action = script if key == "/A" else generic.DictionaryObject({name("/PV"): script})

    def change(writer: Any) -> None:
        add_widget(writer, "later", None, rect=(0, 0, 0, 0), **{key[1:]: action})

    report = not_believed(world, update(sealed, change))
    assert "changed_forbidden" in codes(report.signatures[0])


@pytest.mark.parametrize("key", ["/BG", "/BC"])
def test_a_field_without_an_appearance_that_viewers_paint_is_suspicious(
    world: World, sealed: bytes, key: str
) -> None:
    """Poppler fills its rectangle with the ground that /MK names."""
    look = generic.DictionaryObject({name(key): WHITE})
    report = not_believed(world, update(sealed, lambda w: add_widget(w, "later", None, MK=look)))
    assert "changed_suspicious" in codes(report.signatures[0])
    assert "unsigned_mark" in codes(report)


def test_appearances_to_be_drawn_anew_by_the_viewer_are_suspicious(
    world: World, sealed: bytes
) -> None:
    def change(writer: Any) -> None:
        form = writer.root["/AcroForm"]
        form[name("/NeedAppearances")] = generic.BooleanObject(True)
        writer.update_container(form)

    report = not_believed(world, update(sealed, change))
    assert "changed_suspicious" in codes(report.signatures[0])


# ---------------------------------------------------------------- another imprint than the signed


def ring(letters: str, *, extra: Callable[[ImageDraw.ImageDraw], None] | None = None) -> bytes:
    """A seal with a ring, and a shape of strokes for each letter of a company's name."""
    picture = Image.new("RGBA", (480, 480), (255, 255, 255, 0))
    draw = ImageDraw.Draw(picture)
    draw.ellipse((4, 4, 476, 476), outline=(230, 0, 0), width=12)
    for index, letter in enumerate(letters):
        left, top = 90 + 60 * (index % 5), 130 + 90 * (index // 5)
        for bit in range(8):
            if ord(letter) >> bit & 1:
                across = (left, top + 6 * bit, left + 44, top + 6 * bit)
                down = (left + 6 * bit, top, left + 6 * bit, top + 44)
                draw.line(down if bit % 2 else across, fill=(230, 0, 0), width=4)
    if extra:
        extra(draw)
    buffer = io.BytesIO()
    picture.save(buffer, "PNG")
    return buffer.getvalue()


def as_jpeg(picture: bytes, size: int) -> bytes:
    with Image.open(io.BytesIO(picture)) as opened:
        paper = Image.new("RGB", opened.size, "white")
        paper.paste(opened, mask=opened.getchannel("A"))
    buffer = io.BytesIO()
    paper.resize((size, size)).save(buffer, "JPEG", quality=80)
    return buffer.getvalue()


def test_a_seal_that_shows_another_companys_name_does_not_match(world: World) -> None:
    holder = world.holder("32130000000066", ring("ABCDEFGHIJ"))
    trust = world.trusting(holder)
    for shown in ("KLMNOPQRST", "ABCDEFGHIZ"):  # another name; one other character
        report = not_believed(
            world, world.sign(classic_pdf(), holder, picture=ring(shown)), trust=trust
        )
        assert "mark_matches" not in codes(report.signatures[0])


def test_what_is_written_over_a_seal_in_another_colour_is_seen(world: World) -> None:
    def write(draw: ImageDraw.ImageDraw) -> None:
        draw.rectangle((140, 320, 340, 400), fill=(0, 255, 0))

    holder = world.holder("32130000000074", ring("ABCDEFGHIJ"))
    forged = world.sign(classic_pdf(), holder, picture=ring("ABCDEFGHIJ", extra=write))
    not_believed(world, forged, trust=world.trusting(holder))


@pytest.mark.parametrize("size", [240, 480, 960])
def test_the_same_imprint_scaled_and_as_a_photo_still_matches(world: World, size: int) -> None:
    picture = ring("ABCDEFGHIJ")
    holder = world.holder("32130000000082", picture)
    data = world.sign(classic_pdf(), holder, picture=as_jpeg(picture, size))
    report = world.verify(data, trust=world.trusting(holder))
    assert report.verdict is Verdict.VALID
    assert "mark_matches" in codes(report.signatures[0])


# ---------------------------------------------------------------- the signed picture, shown falsely


def state(key: str, value: Any) -> Callable[[generic.StreamObject], None]:
    def edit(form: generic.StreamObject) -> None:
        form["/Resources"]["/ExtGState"]["/Multiply"][name(key)] = value

    return edit


def picture(key: str, value: Any, *, of_mask: bool = False) -> Callable[[Any], None]:
    def edit(form: generic.StreamObject) -> None:
        image = form["/Resources"]["/XObject"]["/Imprint"]
        (image["/SMask"] if of_mask else image)[name(key)] = value

    return edit


def default_space(form: generic.StreamObject) -> None:
    space = generic.ArrayObject(
        [name("/CalRGB"), generic.DictionaryObject({name("/Gamma"): WHITE})]
    )
    form["/Resources"][name("/ColorSpace")] = generic.DictionaryObject({name("/DefaultRGB"): space})


CALIBRATED = generic.ArrayObject(
    [
        name("/CalRGB"),
        generic.DictionaryObject(
            {name("/Gamma"): generic.ArrayObject([generic.NumberObject(900)] * 3)}
        ),
    ]
)


@pytest.mark.parametrize(
    "edit",
    [
        content(b" cm /Imprint", b" cm 0 0 m .5 1 l 1 0 l W n /Imprint"),
        content(b" cm /Imprint", b" cm 0 0 .1 .1 re .5 .5 .1 .1 re W n /Imprint"),
        state("/BM", name("/ColorDodge")),
        state("/TR", generic.DictionaryObject()),
        picture("/ColorSpace", CALIBRATED),
        picture("/Matte", WHITE, of_mask=True),
        picture("/Alternates", generic.ArrayObject()),
        default_space,
    ],
    ids=["clip", "clips", "blend", "transfer", "gamma", "matte", "alternates", "default space"],
)
def test_a_signed_picture_that_is_shown_otherwise_does_not_match(
    world: World, edit: Callable[[generic.StreamObject], None]
) -> None:
    report = not_believed(world, drawn(world, edit, classic_pdf()))
    assert "mark_unreadable" in codes(report.signatures[0])


@pytest.mark.parametrize(
    ("key", "value", "believed"),
    [
        ("/ca", generic.FloatObject("0.01"), False),
        ("/CA", generic.NumberObject(0), False),
        ("/BM", name("/ColorDodge"), False),
        ("/BM", name("/Multiply"), True),
        ("/ca", generic.NumberObject(1), True),
    ],
)
def test_a_widget_that_viewers_of_pdf_2_show_faintly_does_not_match(
    world: World, key: str, value: Any, believed: bool
) -> None:
    """ISO 32000-2 table 166: opacity and blend mode of the annotation itself."""
    original = drawing._widget

    def changed(*arguments: Any) -> generic.DictionaryObject:
        widget = original(*arguments)
        widget[name(key)] = value
        return widget

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_widget", changed)
        data = world.sign(classic_pdf())
    report = world.verify(data) if believed else not_believed(world, data)
    assert ("mark_unreadable" in codes(report.signatures[0])) is not believed
    assert not believed or report.verdict is Verdict.VALID


def test_a_group_that_does_not_see_the_page_is_not_multiplied_onto_it(world: World) -> None:
    """Its paper-white ground would cover what an earlier seal covers."""
    white = world.holder("32130000000090", imprint("white", text="white"))
    trust = world.trusting(world.first, white)
    group = generic.DictionaryObject(
        {name("/S"): name("/Transparency"), name("/I"): generic.BooleanObject(True)}
    )
    first = world.sign(classic_pdf())
    original, world.first = world.first, white
    try:
        forged = drawn(world, lambda form: form.update({name("/Group"): group}), first)
    finally:
        world.first = original
    report = not_believed(world, forged, trust=trust)
    assert "mark_covers" in codes(report.signatures[0])


# ---------------------------------------------------------------- what readers understand otherwise


EVIL = b"BT /F 24 Tf 72 700 Td (Price 9) Tj ET"
CONTENT = b"4 0 obj\n<</Length %d>>stream\n%s\nendstream\nendobj\n" % (len(EVIL), EVIL)


def with_rows(
    data: bytes, rows: Callable[[int], bytes], objects: bytes = CONTENT, size: int = 0
) -> bytes:
    """*data* plus *objects* and a table whose rows are told where these begin."""
    reader = PdfFileReader(io.BytesIO(data))
    place, start = len(data), len(data) + len(objects)
    trailer = b"trailer\n<</Size %d/Root 1 0 R/Prev %d>>\nstartxref\n%d\n%%%%EOF\n" % (
        size or int(reader.trailer["/Size"]),
        reader.last_startxref,
        start,
    )
    return data + objects + b"xref\n" + rows(place) + trailer


def place_of(data: bytes, number: int) -> int:
    reader = PdfFileReader(io.BytesIO(data))
    place = reader.xrefs[generic.Reference(number, 0, reader)]
    assert isinstance(place, int)
    return place


def refused_or_not_believed(world: World, data: bytes) -> None:
    try:
        not_believed(world, data)
    except PdfUnreadable:
        return


@pytest.mark.parametrize("size", [0, 3], ids=["strict", "lenient"])
@pytest.mark.parametrize("new_first", [True, False])
def test_a_table_that_names_an_object_twice_is_refused(
    world: World, sealed: bytes, new_first: bool, size: int
) -> None:
    """MuPDF and poppler take the first row, pyHanko the last: the page showed "Price 9"."""

    def rows(place: int) -> bytes:
        both = [place, place_of(sealed, 4)]
        return b"".join(
            b"4 1\n%010d 00000 n \n" % each for each in (both if new_first else both[::-1])
        )

    with pytest.raises(PdfUnreadable):
        world.verify(with_rows(sealed, rows, size=size))


@pytest.mark.parametrize("size", [0, 3], ids=["strict", "lenient"])
def test_a_catalog_with_two_page_trees_is_refused(world: World, sealed: bytes, size: int) -> None:
    """Viewers take the last entry of a name, pyHanko the first."""
    root = b"1 0 obj\n<</Type/Catalog/Pages 2 0 R/AcroForm 10 0 R/Pages 60 0 R>>\nendobj\n"
    forged = with_rows(sealed, lambda place: b"1 1\n%010d 00000 n \n" % place, root, size)
    refused_or_not_believed(world, forged)


@pytest.mark.parametrize("generation", [0, 1, 2, 5, 65535])
def test_an_object_freed_under_any_generation_is_noticed(
    world: World, sealed: bytes, generation: int
) -> None:
    """MuPDF shows the page without its content."""
    row = b"4 1\n0000000000 %05d f \n" % generation
    not_believed(world, with_rows(sealed, lambda _: row, b""))


def test_a_table_made_smaller_is_forbidden(world: World, sealed: bytes) -> None:
    row = b"0 1\n0000000000 65535 f \n"
    not_believed(world, with_rows(sealed, lambda _: row, b"", size=6))


def test_a_table_with_entries_of_an_unknown_type_is_refused(world: World, sealed: bytes) -> None:
    reader = PdfFileReader(io.BytesIO(sealed))
    table = (
        b"70 0 obj\n<</Type/XRef/Size 71/W[1 2 1]/Index[4 1]/Root 1 0 R/Prev %d/Length 4>>stream\n"
        b"\x03\0\0\0\nendstream\nendobj\nstartxref\n%d\n%%%%EOF\n"
    ) % (reader.last_startxref, len(sealed))
    with pytest.raises(PdfUnreadable):
        world.verify(sealed + table)


def test_a_table_that_became_sloppy_after_sealing_is_suspicious(
    world: World, sealed: bytes
) -> None:
    forged = with_rows(
        sealed, lambda place: b"80 1\n%010d 00000 n \n" % place, CONTENT.replace(b"4 0", b"80 0", 1)
    )
    report = not_believed(world, forged)
    assert {"opened_leniently"} <= codes(report)
    assert "changed_suspicious" in codes(report.signatures[0])


# ---------------------------------------------------------------- what the platform said of others


def test_a_ticket_for_another_certificate_of_the_seal_proves_nothing(world: World) -> None:
    holder = world.first

    def sealed_with(serial: int) -> bytes:
        def make_value(revision: Revision) -> bytes:
            ticket = world.statement(
                holder, certificate_serial=serial, document_digest=revision.digest
            )
            return make_signature(
                seal=holder.seal,
                digest=revision.digest,
                property_info=property_info(revision.byte_range),
                signed_at=NOW,
                key=holder.key,
                extensions=[Extension(STAPLE, False, ticket.token)],
            )

        output = io.BytesIO()
        sign_revision(
            Document(io.BytesIO(classic_pdf())),
            output,
            profile=PROFILES["ses"],
            marks=world.marks(holder),
            picture=holder.picture,
            value_size=len(holder.seal) + 3000,
            make_value=make_value,
            signed_at=NOW,
            signer_name=holder.code,
        )
        return output.getvalue()

    alone = replace(world.trust, statements=())
    own = Certificate.parse(holder.key.certificate).serial
    assert world.verify(sealed_with(own), trust=alone).verdict is Verdict.VALID
    report = not_believed(world, sealed_with(own + 1), trust=alone)
    assert {"status_unknown", "time_claimed"} <= codes(report.signatures[0])


def test_an_old_answer_does_not_clear_a_certificate_for_a_claimed_time(world: World) -> None:
    old = world.statement(
        world.first, issued_at=NOW - timedelta(hours=20), next_update=NOW - timedelta(hours=19)
    )
    trust = replace(world.trust, statements=(old,))
    report = not_believed(world, world.sign(classic_pdf()), trust=trust)
    assert "revocation_unknown" in codes(report.signatures[0])


def noted(sealed: bytes, after: bytes) -> bytes:
    """The page once more with another note of a program's own."""
    page = sealed[sealed.rindex(b"\n5 0 obj") :].split(b"obj", 1)[1].split(b"endobj")[0]
    changed = re.sub(rb"/PieceInfo\s*<<[^>]*>>", b"/PieceInfo " + after, page)
    assert changed != page
    return append_revision(sealed, {5: changed.strip()})


@pytest.mark.parametrize(
    ("category", "content", "before", "after"),
    [
        (b"ExtGState", b"/PieceInfo gs %s", b"<</ca 1>>", b"<</ca 0>>"),
        (b"ExtGState", b"/PieceInfo gs %s", b"<</ca 1>>", b"<</ca 1/TR/Default>>"),
        (b"Shading", b"%s /PieceInfo sh", b"<</Private 1>>", b"<</ShadingType 2>>"),
        (b"Pattern", b"/Pattern cs /PieceInfo scn %s", b"<<>>", b"<</PatternType 2>>"),
        (b"Properties", b"/OC /PieceInfo BDC %s EMC", b"<<>>", b"<</Type/OCG/Name(a)>>"),
        (b"Font", b"BT /PieceInfo 24 Tf 72 700 Td (Price 1000) Tj ET", HELVETICA, COURIER),
    ],
)
def test_a_page_that_is_also_a_list_of_resources_does_not_change(
    world: World, category: bytes, content: bytes, before: bytes, after: bytes
) -> None:
    """What a program notes on a page for itself may change, but not where content looks it up by
    its name."""
    content = content.replace(b"%s", b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET")
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]/PieceInfo %s"
    page += b"/Resources 6 0 R>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        HELVETICA,
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        page % before,
        b"<</Font<</F 3 0 R>>/%s 5 0 R>>" % category if category != b"Font" else b"<</Font 5 0 R>>",
    ]
    sealed = world.sign(build_pdf(objects), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    assert world.verify(noted(sealed, after)).verdict is Verdict.INVALID
    objects[5] = b"<</Font<</F 3 0 R>>>>"  # nobody else reads the page
    sealed = world.sign(build_pdf(objects), marks=[])
    assert world.verify(noted(sealed, after)).verdict is Verdict.VALID


TEXT = b"BT /F 24 Tf 72 700 Td (Price %s) Tj ET"


def streamed(content: bytes) -> bytes:
    return b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)


def pages_among_files() -> tuple[list[bytes], dict[int, bytes]]:
    """A node of the page tree that lists attached files as well, and another page in it."""
    node = b"<</Type/Pages/Count 1/Kids[%d 0 R]/Names[(a)7 0 R]>>"
    page = b"<</Type/Page/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents %d 0 R>>"
    file = b"<</Type/Filespec/F(a)/UF(a)/EF<</F 8 0 R>>>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Names<</EmbeddedFiles 6 0 R>>>>",
        b"<</Type/Pages/Count 1/Kids[6 0 R]>>",
        HELVETICA,
        streamed(TEXT % b"1000"),
        page % 4,
        node % 5,
        file,
        streamed(b"x"),
    ]
    return objects, {6: node % 80, 80: page % 81, 81: streamed(TEXT % b"9999")}


def page_below_a_bookmark() -> tuple[list[bytes], dict[int, bytes]]:
    """A page whose parent, from which it has its font, is a bookmark as well."""
    mark = b"<</Title(a)/Dest[5 0 R/Fit]/Parent 7 0 R%s>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/Outlines 7 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        HELVETICA,
        streamed(TEXT % b"1000"),
        b"<</Type/Page/Parent 6 0 R/MediaBox[0 0 595 842]/Contents 4 0 R>>",
        mark % b"/Resources<</Font<</F 3 0 R>>>>",
        b"<</First 6 0 R/Last 6 0 R/Count 1>>",
    ]
    return objects, {6: mark % b""}


def page_or_field() -> tuple[list[bytes], dict[int, bytes]]:
    """A node of the page tree that is a field as well, and a page if its type says so."""
    node = b"<</Type/%s/Count 1/Kids[5 0 R]/FT/Tx/T(a)/Contents 8 0 R/MediaBox[0 0 595 842]"
    node += b"/Resources<</Font<</F 3 0 R>>>>>>"
    page = b"<</Type/Page/MediaBox[0 0 595 842]/Resources<</Font<</F 3 0 R>>>>/Contents 4 0 R>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
        b"<</Type/Pages/Count 1/Kids[6 0 R]>>",
        HELVETICA,
        streamed(TEXT % b"1000"),
        page,
        node % b"Pages",
        b"null",
        streamed(TEXT % b"9999"),
    ]
    return objects, {6: node % b"Page"}


@pytest.mark.parametrize("prepared", [pages_among_files, page_below_a_bookmark, page_or_field])
def test_a_node_of_two_trees_does_not_change(
    world: World, prepared: Callable[[], tuple[list[bytes], dict[int, bytes]]]
) -> None:
    """Bookmarks and lists of files may change; what the pages are made of may not."""
    objects, later = prepared()
    sealed = world.sign(build_pdf(objects), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    assert world.verify(append_revision(sealed, later)).verdict is Verdict.INVALID

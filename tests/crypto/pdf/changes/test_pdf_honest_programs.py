"""What ordinary programs do to documents of ordinary people, encrypted ones among them."""

import io
import re
import zlib
from pathlib import Path

import pymupdf
import pytest
from pyhanko.pdf_utils.reader import PdfFileReader

from crypto.verdict import Verdict
from tests.world.documents import append_revision, build_pdf
from tests.world.sealing import World, codes

ENCRYPTIONS = (
    pymupdf.PDF_ENCRYPT_NONE,
    pymupdf.PDF_ENCRYPT_RC4_128,
    pymupdf.PDF_ENCRYPT_AES_128,
    pymupdf.PDF_ENCRYPT_AES_256,
)
CHINESE = (
    b"<</Type/Font/Subtype/Type0/BaseFont/STSong-Light/Encoding/UniGB-UCS2-H"
    b"/DescendantFonts[<</Type/Font/Subtype/CIDFontType0/BaseFont/STSong-Light"
    b"/CIDSystemInfo<</Registry(Adobe)/Ordering(GB1)/Supplement 0>>%s>>]>>"
)


def encrypted(data: bytes, encryption: int) -> bytes:
    """*data* as an author's program encrypts it, with nothing to enter when it is opened."""
    with pymupdf.open(stream=data) as pdf:
        done: bytes = pdf.tobytes(encryption=encryption, owner_pw="owner")
    return done


def page(font: bytes, *extra: bytes, annots: bytes = b"", catalog: bytes = b"") -> bytes:
    """One page with a line of text; *extra* are the objects from 6 on."""
    content = b"BT /F 24 Tf 72 700 Td <54084540> Tj ET"
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R" + catalog + b">>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            font,
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
            b"/MediaBox[0 0 595 842]" + annots + b">>",
            *extra,
        ]
    )


@pytest.mark.parametrize("encryption", ENCRYPTIONS)
@pytest.mark.parametrize("widths", [b"/W[1[500 500] 814 939 500]", b"/W[814 939 500]"])
def test_a_note_on_blank_ground_is_one_in_an_encrypted_document_too(
    world: World, tmp_path: Path, encryption: int, widths: bytes
) -> None:
    sealed = world.sign(encrypted(page(CHINESE % widths), encryption), marks=[])
    path = tmp_path / "a.pdf"
    path.write_bytes(sealed)
    with pymupdf.open(path) as opened:
        opened[0].add_text_annot((500, 60), "请核对")
        opened.saveIncr()
    report = world.verify(path.read_bytes())
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    assert "note_added" in codes(report.signatures[0])


LIMITS = b"[<</TransformMethod/%s/TransformParams<<%s>>>>]"


@pytest.mark.parametrize("encryption", ENCRYPTIONS[::3])
@pytest.mark.parametrize(
    ("limits", "is_locked"),
    [
        (LIMITS % (b"FieldMDP", b"/Action/Include/Fields[(price)]"), True),
        (LIMITS % (b"FieldMDP", b"/Action/Exclude/Fields[(price)]"), False),
        (LIMITS % (b"DocMDP", b"/P 1"), True),
        (LIMITS % (b"DocMDP", b"/P 2"), False),
    ],
)
def test_what_a_signature_locks_is_locked_in_an_encrypted_document_too(
    world: World, tmp_path: Path, encryption: int, limits: bytes, is_locked: bool
) -> None:
    """The names of the fields are encrypted, and the dictionaries around them."""
    plain = page(HELVETICA, FIELD % 1, LOOK % (3, b"q Q"), HELVETICA, limits, **FORM)
    sealed = world.sign(encrypted(plain, encryption), marks=[])
    head = re.search(rb"/Type\s*/Sig(?=\s*/Filter)\s*/Filter\s*/[\w.]+", sealed)
    assert head
    locked = sealed.replace(head[0], b"/Reference 9 0 R".ljust(len(head[0])))
    path = tmp_path / "a.pdf"
    path.write_bytes(locked)
    with pymupdf.open(path) as opened:
        page_shown = opened[0]
        for widget in page_shown.widgets():
            if widget.field_name == "price":
                widget.field_value = "1000"
                widget.update()
        opened.saveIncr()
    [signature] = world.verify(path.read_bytes()).signatures
    kinds = {each.kind for each in signature.changed_later}
    assert ("forbidden" in kinds) is is_locked, kinds
    assert ("field_filled" in kinds) is not is_locked


FIELD = (
    b"<</Type/Annot/Subtype/Widget/FT/Tx/T(price)/F 4/Rect[200 600 320 620]/P 5 0 R"
    b"/DA(/Helv 11 Tf 0 g)/MK<</BC[0 0 0]>>/BS<</S/S/W %d>>/AP<</N 7 0 R>>>>"
)
LOOK = (
    b"<</Type/XObject/Subtype/Form/BBox[0 0 120 20]/Resources<</Font<</Helv 8 0 R>>>>"
    b"/Length %d>>stream\n%s\nendstream"
)
FORM = {
    "annots": b"/Annots[6 0 R]",
    "catalog": b"/AcroForm<</Fields[6 0 R]/DA(/Helv 11 Tf 0 g)/DR<</Font<</Helv 8 0 R>>>>>>",
}
HELVETICA = b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica/Encoding/WinAnsiEncoding>>"


def form(width: int) -> bytes:
    """An empty field whose border is so many points wide."""
    return page(HELVETICA, FIELD % width, LOOK % (3, b"q Q"), HELVETICA, **FORM)


def filled(data: bytes, border: bytes, content: bytes) -> bytes:
    field = (FIELD % 0).replace(b"/BS<</S/S/W 0>>", border).replace(b"/AP<</N 7", b"/AP<</N 90")
    return append_revision(
        data,
        {6: field.replace(b"/FT/Tx", b"/FT/Tx/V(1000)"), 90: LOOK % (len(content), content)},
    )


def test_of_a_page_that_was_turned_it_is_said(world: World, tmp_path: Path) -> None:
    path = tmp_path / "a.pdf"
    for change, said, english in (
        ("set_rotation", "第 1 页被转了方向", "After sealing, page 1 was turned;"),
        (
            "set_mediabox",
            "第 1 页的内容或结构被改动",
            "content or structure was changed (page 1)",
        ),
    ):
        path.write_bytes(world.sign(page(HELVETICA), marks=[]))
        with pymupdf.open(path) as opened:
            getattr(opened[0], change)(90 if change == "set_rotation" else (0, 0, 300, 300))
            opened.saveIncr()
        [signature] = world.verify(path.read_bytes()).signatures
        [finding] = [each for each in signature.findings if each.code == "changed_forbidden"]
        assert said in finding.text()
        assert english in finding.text("en")


@pytest.mark.parametrize("change", ["new_page", "delete_page"])
def test_of_pages_that_were_added_or_taken_away_it_is_said(
    world: World, tmp_path: Path, change: str
) -> None:
    path = tmp_path / "a.pdf"
    with pymupdf.open(stream=page(HELVETICA)) as opened:
        opened.new_page()
        path.write_bytes(world.sign(opened.tobytes(), marks=[]))
    with pymupdf.open(path) as opened:
        getattr(opened, change)(1)
        opened.saveIncr()
    [signature] = world.verify(path.read_bytes()).signatures
    assert signature.verdict is Verdict.INVALID
    told = [each for each in signature.findings if each.code == "changed_forbidden"]
    assert any("文件增加或减少了页" in each.text() for each in told), told
    assert any("pages were added or taken away" in each.text("en") for each in told)


def test_of_a_seal_that_another_program_has_saved_anew_nobody_says_that_it_is_none(
    world: World,
) -> None:
    with pymupdf.open(stream=world.sign(page(HELVETICA))) as opened:
        report = world.verify(opened.tobytes())
    assert report.verdict is Verdict.INVALID
    [signature] = report.to_json()["signatures"]
    [status] = [each for each in signature["proofs"] if each["what"] == "status"]
    assert (status["state"], status["text"]) == ("missing", "没有查到印章状态。")


def test_a_form_that_names_fields_which_are_not_there_is_read(world: World) -> None:
    """pdfunite and pdfseparate leave them; a reference to nothing is one to null, and nothing may
    come to stand there later."""
    left = FORM["catalog"].replace(b"[6 0 R]", b"[6 0 R 70 0 R]")
    extra = (FIELD % 1, LOOK % (3, b"q Q"), HELVETICA)
    sealed = world.sign(page(HELVETICA, *extra, annots=FORM["annots"], catalog=left), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    later = append_revision(sealed, {70: (FIELD % 1).replace(b"/T(price)", b"/T(b)/V(9)")})
    assert world.verify(later).verdict in (Verdict.UNKNOWN, Verdict.INVALID)


TEXT = b"BT 0 g /Helv 11 Tf 2 6 Td (1000) Tj ET"
FRAME = b"q 1 w 0 0 0 RG .5 .5 119 19 re s Q " + TEXT


@pytest.mark.parametrize(
    ("border", "content", "verdict"),
    [
        (b"/BS<</S/S/W 1>>", FRAME, Verdict.VALID_CHANGED_LATER),
        (b"/BS<</S/S/W 1>>", TEXT, Verdict.VALID_CHANGED_LATER),
        (b"/BS<</W 2>>", FRAME, Verdict.VALID_CHANGED_LATER),
        (b"", FRAME, Verdict.VALID_CHANGED_LATER),
        (b"/BS<</S/S/W 9>>", FRAME, Verdict.UNKNOWN),
        (b"/BS<</S/D/W 1/D[3 1]>>", FRAME, Verdict.UNKNOWN),
        (b"/BS<</S/U/W 1>>", FRAME, Verdict.UNKNOWN),
    ],
)
def test_who_fills_a_field_may_give_it_a_thin_frame(
    world: World, border: bytes, content: bytes, verdict: Verdict
) -> None:
    """PyMuPDF makes fields without one and gives them one when they are filled in."""
    report = world.verify(filled(world.sign(form(0), marks=[]), border, content))
    assert report.verdict is verdict, [each.what for each in report.signatures[0].changed_later]
    assert "field_filled" in codes(report.signatures[0])


def written(data: bytes, objects: dict[tuple[int, int], bytes], size: int = 0) -> bytes:
    """*data* and a revision with these objects, by number and generation, none of them freed
    before; *size*: what the trailer states, 0 for what is right."""
    reader = PdfFileReader(io.BytesIO(data), strict=False)
    out, table = data, b""
    for (number, generation), body in objects.items():
        table += b"%d 1\n%010d %05d n \n" % (number, len(out), generation)
        out += b"%d %d obj\n%s\nendobj\n" % (number, generation, body)
    right = max(int(reader.trailer["/Size"]), *(number + 1 for number, _ in objects))
    return (
        out
        + b"xref\n0 1\n0000000001 65535 f \n%strailer\n<</Size %d/Root 1 0 R/Prev %d>>\n"
        % (
            table,
            size or right,
            reader.last_startxref,
        )
        + b"startxref\n%d\n%%%%EOF\n" % len(out)
    )


TEXT = b"q BT /Helv 11 Tf 0 g 4 6 Td (%d) Tj ET Q"
VALUE, OTHER = (LOOK % (len(TEXT % each), TEXT % each) for each in (1000, 9000))


def field_showing(number: int, generation: int = 0) -> bytes:
    shown = b"/AP<</N %d %d R" % (number, generation)
    return (FIELD % 0).replace(b"/FT/Tx", b"/FT/Tx/V(1000)").replace(b"/AP<</N 7 0 R", shown)


def test_a_former_look_may_be_written_once_more_where_nothing_leads_to_it(world: World) -> None:
    """Evince and Okular (Poppler) fill in fields so."""
    sealed = world.sign(form(0), marks=[])
    later = written(sealed, {(7, 1): VALUE, (6, 0): field_showing(90), (90, 0): VALUE})
    report = world.verify(later)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    assert {each.kind for each in report.signatures[0].changed_later} == {"field_filled"}
    assert "opened_leniently" not in codes(report)


def showing(text: int, number: int, generation: int = 0) -> bytes:
    return field_showing(number, generation).replace(b"(1000)", b"(%d)" % text)


def look_of(text: int) -> bytes:
    return LOOK % (len(TEXT % text), TEXT % text)


@pytest.mark.parametrize("often", [1, 2, 5])
def test_who_corrects_in_evince_what_he_filled_in_with_evince_changes_nothing_sealed(
    world: World, often: int
) -> None:
    """Each time the look that was there is written once more under the next generation."""
    sealed = world.sign(form(0), marks=[])
    data = written(sealed, {(7, 1): VALUE, (6, 0): field_showing(90), (90, 0): VALUE})
    for at in range(often):
        text, number = 2000 + at, 90 + at
        data = written(
            data,
            {
                (6, 0): showing(text, number + 1),
                (number, 1): look_of(text),
                (number + 1, 0): look_of(text),
            },
        )
    report = world.verify(data)
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (change,) = [each for each in report.signatures[0].changed_later if each.kind == "field_filled"]
    assert (change.before, change.after) == ("", str(2000 + often - 1))


@pytest.mark.parametrize(
    "objects",
    [
        {(90, 1): look_of(9000), (6, 0): showing(2000, 90)},
        {(90, 1): look_of(9000), (6, 0): showing(2000, 90, 1)},
        {(90, 1): look_of(9000)},
        {(90, 1): look_of(9000), (6, 0): showing(2000, 91), (91, 0): b"[90 0 R]"},
        {
            (90, 1): look_of(2000),
            (6, 0): showing(2000, 91),
            (91, 0): look_of(2000),
            (92, 0): b"<</A 90 1 R>>",
        },
        {(90, 1): look_of(9000), (6, 0): showing(2000, 91), (91, 0): look_of(8000)},
    ],
)
def test_a_corrected_look_to_which_something_leads_is_a_change(
    world: World, objects: dict[tuple[int, int], bytes]
) -> None:
    sealed = world.sign(form(0), marks=[])
    data = written(sealed, {(7, 1): VALUE, (6, 0): field_showing(90), (90, 0): VALUE})
    assert world.verify(written(data, objects)).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_who_leads_to_a_look_beside_the_field_cannot_correct_it(world: World) -> None:
    """What was written in between still refers to it."""
    sealed = world.sign(form(0), marks=[])
    first = {(7, 1): VALUE, (6, 0): field_showing(90), (90, 0): VALUE, (95, 0): b"<</A 90 0 R>>"}
    again = {(6, 0): showing(2000, 91), (90, 1): look_of(2000), (91, 0): look_of(2000)}
    data = written(written(sealed, first), again)
    assert world.verify(data).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


SPARE = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(x)/Rect[0 0 9 9]/P 5 0 R/AP<</N 7 0 R>>>>"


@pytest.mark.parametrize(
    "objects",
    [
        {(7, 1): OTHER},
        {(7, 1): OTHER, (6, 0): field_showing(7)},
        {(7, 1): OTHER, (6, 0): field_showing(7, 1)},
        {(7, 1): OTHER, (6, 0): field_showing(90), (90, 0): b"[7 0 R]"},
        {(7, 1): OTHER, (6, 0): field_showing(90), (90, 0): VALUE, (91, 0): SPARE},
        {(7, 1): b"<<>>", (6, 0): field_showing(90), (90, 0): VALUE},
        {(7, 2): OTHER, (6, 0): field_showing(90), (90, 0): VALUE},
        {(4, 1): OTHER, (6, 0): field_showing(90), (90, 0): VALUE},
        {(8, 1): HELVETICA, (6, 0): field_showing(90), (90, 0): VALUE},
    ],
)
def test_a_look_under_the_next_generation_to_which_something_leads_is_a_change(
    world: World, objects: dict[tuple[int, int], bytes]
) -> None:
    """Many readers look at numbers alone."""
    sealed = world.sign(form(0), marks=[])
    assert world.verify(written(sealed, objects)).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("objects", "good"),
    [
        ({6: field_showing(90), 90: VALUE}, True),
        ({6: field_showing(7)}, False),
        ({90: VALUE}, False),
        ({6: field_showing(90), 90: VALUE, 91: b"[7 0 R]"}, False),
        ({6: field_showing(90), 90: VALUE, 91: b"[7 1 R]"}, False),
    ],
)
def test_a_former_look_may_be_freed_where_nothing_leads_to_it(
    world: World, objects: dict[int, bytes], good: bool
) -> None:
    """Poppler does so in a form that says that viewers draw its fields."""
    sealed = world.sign(form(0), marks=[])
    report = world.verify(append_revision(sealed, objects, free=[7]))
    assert (report.verdict is Verdict.VALID_CHANGED_LATER) is good
    assert good or report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_who_corrects_a_field_whose_look_was_freed_changes_nothing_sealed(world: World) -> None:
    sealed = world.sign(form(0), marks=[])
    drawn = (FIELD % 0).replace(b"/AP<</N 7 0 R>>", b"")
    first = append_revision(sealed, {6: drawn.replace(b"/Tx", b"/Tx/V(1000)")}, free=[7])
    again = append_revision(first, {6: drawn.replace(b"/Tx", b"/Tx/V(2000)")})
    assert world.verify(again).verdict is Verdict.VALID_CHANGED_LATER
    put_back = append_revision(first, {6: field_showing(7)})
    assert world.verify(put_back).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_a_look_that_was_written_and_then_freed_is_a_change(world: World) -> None:
    """Readers that repair the file find what stood there in between."""
    sealed = world.sign(form(0), marks=[])
    first = append_revision(sealed, {6: field_showing(7), 7: OTHER})
    drawn = (FIELD % 0).replace(b"/AP<</N 7 0 R>>", b"")
    again = append_revision(first, {6: drawn.replace(b"/Tx", b"/Tx/V(1000)")}, free=[7])
    assert world.verify(again).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


INDIRECT = (FIELD % 0).replace(b"/AP<</N 7 0 R>>", b"/AP 9 0 R")


@pytest.mark.parametrize("is_freed", [False, True])
@pytest.mark.parametrize(
    ("sealed_objects", "later", "good"),
    [
        ((b"<</N 7 0 R>>",), {}, True),
        ((b"<</N 7 0 R>>", SPARE.replace(b"<</N 7 0 R>>", b"9 0 R")), {}, False),
        ((b"<</N 7 0 R>>", b"[9 0 R]"), {}, False),
        ((b"<</N 7 0 R/D 7 0 R>>",), {}, False),
        ((b"<</N 7 0 R>>",), {91: b"[7 0 R]"}, False),
        ((b"<</N 7 0 R>>",), {91: b"[9 0 R]"}, False),
        ((b"<</N 7 0 R>>",), {6: INDIRECT.replace(b"/FT/Tx", b"/FT/Tx/V(1000)")}, False),
    ],
)
def test_a_former_look_that_a_dictionary_of_its_own_names_is_one_too(
    world: World,
    sealed_objects: tuple[bytes, ...],
    later: dict[int, bytes],
    good: bool,
    is_freed: bool,
) -> None:
    """The fields of borb have such a dictionary; it must be that of one field."""
    blank = b"q Q"
    original = page(
        HELVETICA, INDIRECT, LOOK % (len(blank), blank), HELVETICA, *sealed_objects, **FORM
    )
    sealed = world.sign(original, marks=[])
    objects = {6: field_showing(90), 90: VALUE, **later}
    if is_freed:
        data = append_revision(sealed, objects, free=[7])
    else:
        data = written(sealed, {(7, 1): VALUE, **{(at, 0): body for at, body in objects.items()}})
    report = world.verify(data)
    assert (report.verdict is Verdict.VALID_CHANGED_LATER) is good
    assert good or report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_who_puts_something_at_the_number_of_a_freed_look_changes_something(world: World) -> None:
    sealed = world.sign(form(0), marks=[])
    later = append_revision(sealed, {6: field_showing(90), 90: VALUE}, free=[7])
    assert world.verify(written(later, {(7, 1): OTHER})).verdict in (
        Verdict.INVALID,
        Verdict.UNKNOWN,
    )


def test_who_fills_in_a_field_so_before_it_is_sealed_seals_what_is_shown(world: World) -> None:
    later = {(7, 1): VALUE, (6, 0): field_showing(90), (90, 0): VALUE}
    sealed = world.sign(written(form(0), later), marks=[])
    assert world.verify(sealed).verdict is Verdict.VALID
    titled = append_revision(sealed, {95: b"<</Title(x)>>"}, trailer=b"/Info 95 0 R")
    assert world.verify(titled).verdict is Verdict.VALID


@pytest.mark.parametrize("freed", [False, True])
def test_a_look_that_two_generations_claim_is_not_taken_for_an_empty_one(
    world: World, freed: bool
) -> None:
    """Some readers show 9000 when it is sealed, and 1000 afterwards."""
    before = append_revision(form(0), {90: b"<<>>"}, free=[7]) if freed else form(0)
    sealed = world.sign(written(before, {(7, 1): OTHER}), marks=[])
    report = world.verify(append_revision(sealed, {6: field_showing(91), 91: VALUE}))
    assert report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_who_leads_back_to_a_former_look_later_changes_something(world: World) -> None:
    sealed = world.sign(form(0), marks=[])
    later = written(sealed, {(7, 1): OTHER, (6, 0): field_showing(90), (90, 0): VALUE})
    back = written(later, {(6, 0): field_showing(7)})
    assert world.verify(back).verdict in (Verdict.INVALID, Verdict.UNKNOWN)


def test_a_table_that_counts_too_few_objects_is_doubtful_and_not_disproved(world: World) -> None:
    """PDFBox states the highest number that it has written; Poppler repairs such a file."""
    sealed = world.sign(form(0), marks=[])
    for size in (1, 8, 9):
        report = world.verify(written(sealed, {(6, 0): field_showing(7), (7, 0): VALUE}, size))
        assert report.verdict is Verdict.UNKNOWN, size


@pytest.mark.parametrize(
    ("fonts", "good"),
    [
        (b"/Helv 8 0 R/ZaDb 90 0 R", True),
        (b"/Helv 90 0 R", False),
        (b"/ZaDb 90 0 R", False),
        (b"", False),
    ],
)
@pytest.mark.parametrize("shared", [False, True])
def test_a_list_of_fonts_in_the_defaults_of_a_form_may_grow(
    world: World, fonts: bytes, good: bool, shared: bool
) -> None:
    """PDFBox adds ZapfDingbats."""
    catalog = b"/AcroForm<</Fields[6 0 R]/DA(/Helv 11 Tf 0 g)/DR 9 0 R>>"
    made = page(
        *(HELVETICA, FIELD % 0, LOOK % (3, b"q Q"), HELVETICA, b"<</Font 10 0 R>>"),
        *(b"<</Helv 8 0 R>>",),
        annots=FORM["annots"],
        catalog=catalog,
    )
    if shared:  # with the page
        own = b"/Resources<</Font<</F 3 0 R>>>>"
        made = made.replace(own, b"/Resources 9 0 R".ljust(len(own)))
    sealed = world.sign(made, marks=[])
    ornaments = b"<</Type/Font/Subtype/Type1/BaseFont/ZapfDingbats>>"
    report = world.verify(append_revision(sealed, {10: b"<<%s>>" % fonts, 90: ornaments}))
    assert (report.verdict is Verdict.VALID) is (good and not shared)


SCAN = b"q %d 0 0 %d 0 0 cm /Im Do Q"
PLACE = b"/F 4/Rect[100 600 300 700]/P 5 0 R"


@pytest.mark.parametrize(
    ("annotation", "size", "found"),
    [
        (b"/Subtype/Square", (595, 842), "drawing_added"),
        (b"/Subtype/Caret", (595, 842), "drawing_added"),
        (b"/Subtype/Ink/InkList[[100 600 300 700]]", (595, 842), "drawing_added"),
        (b"/Subtype/FreeText/Contents(ok)/DA(/Helv 11 Tf 0 g)", (595, 842), "drawing_added"),
        (b"/Subtype/FreeText/Contents(ok)/AP<</N 92 0 R>>", (595, 842), "drawing_added"),
        (b"/Subtype/Square", (320, 720), "forbidden"),  # a picture on the page, as of a seal
        (b"/Subtype/Square/IC[1 1 1]", (595, 842), "forbidden"),
        (b"/Subtype/Square/BS<</W 60>>", (595, 842), "forbidden"),
        (b"/Subtype/FreeText/C[1]/Contents(ok)/DA(/Helv 11 Tf 0 g)", (595, 842), "forbidden"),
        (b"/Subtype/FreeText/Contents(ok)/AP<</N 93 0 R>>", (595, 842), "forbidden"),
        (b"/Subtype/Stamp", (595, 842), "forbidden"),
    ],
)
def test_what_is_drawn_on_a_scanned_page_is_told_as_that(
    world: World, annotation: bytes, size: tuple[int, int], found: str
) -> None:
    """Nobody can tell from the file alone whether the paper is blank there."""
    content = SCAN % size
    picture = b"<</Type/XObject/Subtype/Image/Width 2/Height 2/BitsPerComponent 8/ColorSpace"
    picture += b"/DeviceGray/Length 4>>stream\n\xf0\x10\xf0\x10\nendstream"
    page_of = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</XObject<</Im 3 0 R>>>>"
    page_of += b"/MediaBox[0 0 595 842]%s>>"
    objects = [
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
        picture,
        b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
        page_of % b"",
    ]
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 100]/Resources<</Font<</Helv 94 0 R>>>>"
    text = b"BT /Helv 11 Tf 0 g 4 6 Td (ok) Tj ET"
    looks = {
        number: form + b"/Length %d>>stream\n%s\nendstream" % (len(drawn), drawn)
        for number, drawn in ((92, text), (93, b"1 g 0 0 200 100 re f " + text))
    }
    note = b"<</Type/Annot" + annotation + PLACE + b">>"
    sealed = world.sign(build_pdf(objects), marks=[])
    widget = re.search(rb"/Annots\s*\[([^\]]*)\]", sealed)
    listed = b"/Annots[%s 91 0 R]" % (widget[1] if widget else b"")
    later = {5: page_of % listed, 91: note, 94: HELVETICA, **looks}
    [signature] = world.verify(append_revision(sealed, later)).signatures
    kinds = {each.kind for each in signature.changed_later}
    assert found in kinds, kinds
    assert ("forbidden" in kinds) is (found == "forbidden"), kinds


DRAWN = b"BT /F 24 Tf 72 700 Td <54084540> Tj ET"
OTHERWISE = DRAWN.replace(b"5408", b"4540")
PACKED = zlib.compress(DRAWN)


@pytest.mark.parametrize(
    ("entries", "data", "good"),
    [
        (b"/Filter/FlateDecode", PACKED, True),
        (b"/Filter/FlateDecode", zlib.compress(DRAWN, 0), True),
        (b"/Filter/FlateDecode", zlib.compress(OTHERWISE), False),
        (b"/Filter/FlateDecode", PACKED + PACKED, False),
        (b"/Filter/FlateDecode", PACKED + b"0", False),
        (b"/Filter/FlateDecode", PACKED[:-4], False),
        (b"/Filter/FlateDecode", PACKED[:-4] + b"0000", False),
        (b"/Filter/FlateDecode/DecodeParms<</Predictor 12>>", PACKED, False),
        (b"/Filter[/FlateDecode/FlateDecode]", zlib.compress(PACKED), False),
        (b"/Filter/ASCIIHexDecode", DRAWN.hex().encode() + b">", False),
        (b"/Filter/FlateDecode/F(other.bin)", PACKED, False),
        (b"/Filter/FlateDecode/Type/ObjStm/N 0/First 0", PACKED, False),
    ],
)
def test_a_stream_may_be_written_again_compressed(
    world: World, entries: bytes, data: bytes, good: bool
) -> None:
    """PDFium compresses what it writes, and it writes all that it has read."""
    sealed = world.sign(page(HELVETICA), marks=[])
    body = b"<<%s/Length %d>>stream\n%s\nendstream" % (entries, len(data), data)
    report = world.verify(append_revision(sealed, {4: body}))
    assert (report.verdict is Verdict.VALID) is good
    assert good or report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    "entries",
    [b"/DP<</Predictor 12/Columns 5>>", b"/DecodeParms<</Predictor 12>>", b"/F/Fl", b"/FFilter/Fl"],
)
@pytest.mark.parametrize("packs", [True, False])
def test_a_stream_that_viewers_may_unpack_in_two_ways_stays_as_it_was(
    world: World, entries: bytes, packs: bool
) -> None:
    """MuPDF reads the short names of inline images in every stream: once it is compressed, a row of
    letters that was drawn as it stands is drawn as differences."""
    plain, packed = (
        b"<<%s%s/Length %d>>stream\n%s\nendstream" % (entries, how, len(data), data)
        for how, data in ((b"", DRAWN), (b"/Filter/FlateDecode", PACKED))
    )
    first, then = (plain, packed) if packs else (packed, plain)
    old = page(HELVETICA)
    was = b"<</Length %d>>stream\n%s\nendstream" % (len(DRAWN), DRAWN)
    objects = re.findall(rb"\d+ 0 obj\n(.*?)\nendobj", old, re.S)
    sealed = world.sign(build_pdf([first if each == was else each for each in objects]), marks=[])
    assert first in sealed
    report = world.verify(append_revision(sealed, {4: then}))
    assert report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("node", "good"),
    [
        (b"/Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 595.30396 841.8898]", True),
        (b"/Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 595.31 841.8898]", False),
        (b"/Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 (x) 841.8898]", False),
        (b"/Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 595.30396]", False),
        (b"/Type/Pages/Count 1/Kids[5 0 R]", False),
        (b"/Type/Pages/Count 2/Kids[5 0 R]/MediaBox[0 0 595.30396 841.8898]", False),
        (b"/Type/Pages/Count 1/Kids[5 0 R]/Rotate 90/MediaBox[0 0 595.30396 841.8898]", False),
    ],
)
def test_a_box_that_pages_inherit_may_be_rounded(world: World, node: bytes, good: bool) -> None:
    """LibreOffice writes more digits than PDFium repeats."""
    made = page(HELVETICA).replace(b"/MediaBox[0 0 595 842]", b" " * 22)
    written_there = b"/Kids[5 0 R]/MediaBox[0 0 595.303937007874 841.889763779528]"
    objects = re.findall(rb"\d 0 obj\n(.*?)\nendobj", made, re.DOTALL)
    objects[1] = objects[1].replace(b"/Kids[5 0 R]", written_there)
    sealed = world.sign(build_pdf(objects), marks=[])
    report = world.verify(append_revision(sealed, {2: b"<<" + node + b">>"}))
    assert (report.verdict is Verdict.VALID) is good
    assert good or report.verdict in (Verdict.INVALID, Verdict.UNKNOWN)


@pytest.mark.parametrize(
    ("field", "verdict"),
    [
        (field_showing(90).replace(b"/P 5 0 R", b"/P 1 0 R"), Verdict.VALID_CHANGED_LATER),
        (
            field_showing(90).replace(b"/P 5 0 R", b"/P 1 0 R/DR<</Font<</Helv 8 0 R/ 0 0 R>>>>"),
            Verdict.UNKNOWN,
        ),
    ],
)
def test_a_field_may_name_the_catalog_as_its_page(
    world: World, field: bytes, verdict: Verdict
) -> None:
    """As those of borb do; Evince gives a field of many lines a list of fonts of its own."""
    misled = form(0).replace(b"/P 5 0 R", b"/P 1 0 R")
    sealed = world.sign(build_pdf(_bodies(misled)), marks=[])
    number, body = _catalog_of(sealed)
    later = {number: body[:-2] + b"/Lang(zh-CN)>>", 6: field, 90: VALUE}
    assert world.verify(append_revision(sealed, later)).verdict is verdict
    shown = {number: body[:-2] + b"/MediaBox[0 0 9 9]>>", 6: field, 90: VALUE}
    assert world.verify(append_revision(sealed, shown)).verdict is Verdict.INVALID


def _bodies(data: bytes) -> list[bytes]:
    return [body.strip() for body in re.findall(rb"\d+ 0 obj\n(.*?)\nendobj", data, re.DOTALL)]


def _catalog_of(data: bytes) -> tuple[int, bytes]:
    number = int(data.rsplit(b"/Root ", 1)[1].split(b" ", 1)[0])
    return number, data.rsplit(b"\n%d 0 obj\n" % number, 1)[1].split(b"endobj", 1)[0].strip()

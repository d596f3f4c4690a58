"""What people and their programs do to a document after it was sealed, and what is said of it."""

import io
import re
from collections.abc import Callable, Sequence
from typing import Any

import pytest
from pyhanko.pdf_utils import generic
from pyhanko.pdf_utils.generic import pdf_name as name

from crypto.pdf.changes import ground
from crypto.pdf.changes.ink import read_page
from crypto.pdf.marks import drawing
from crypto.pdf.marks.drawing import Mark
from crypto.pdf.reading.document import Document
from crypto.pdf.signing.sign import Revision, document_timestamp, sign_revision
from crypto.pki.certificate import TIME_STAMPING
from crypto.pki.timestamp import make_token
from crypto.verdict import Report, Verdict
from tests.world.documents import (
    annotate,
    append_revision,
    build_pdf,
    classic_pdf,
    first_page,
    form_stream,
    update,
)
from tests.world.sealing import SIGNED_AT, World, codes

OVER_TEXT = (60.0, 690.0, 360.0, 730.0)
BLANK = (60.0, 590.0, 80.0, 610.0)


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(classic_pdf(), marks=[])


def told(world: World, data: bytes, code: str, verdict: Verdict) -> Report:
    report = world.verify(data)
    assert code in codes(report.signatures[0]), sorted(codes(report.signatures[0]))
    assert report.verdict is verdict
    return report


# ---------------------------------------------------------------- bookmarks and settings


def outlined(item: bytes) -> Callable[[bytes], bytes]:
    """A revision with one bookmark."""

    def change(data: bytes) -> bytes:
        def write(writer: Any) -> None:
            writer.root[name("/Outlines")] = generic.IndirectObject(70, 0, writer)
            writer.update_root()

        outlines = b"<</Type/Outlines/Count 1/First 71 0 R/Last 71 0 R>>"
        entry = b"<</Title(One)/Parent 70 0 R" + item + b">>"
        return append_revision(update(data, write), {70: outlines, 71: entry})

    return change


@pytest.mark.parametrize(
    ("item", "plain"),
    [
        (b"/Dest[5 0 R/Fit]", True),
        (b"/Dest(chapter)", True),
        (b"/A<</S/GoTo/D[5 0 R/XYZ 72 756 0]>>", True),
        (b"/A<</S/URI/URI(https://example.com)>>", False),
        (b"/A<</S/GoToR/F(other.pdf)/D[0/Fit]>>", False),
        (b"/A<</S/JavaScript/JS(app.alert\\(1\\))>>", False),
        (b"/A<</S/GoTo/D[5 0 R/Fit]/Next<</S/Launch/F(x.exe)>>>>", False),
        (b"/AA<</O<</S/Launch/F(x.exe)>>>>", False),
    ],
)
def test_bookmarks_that_only_lead_to_a_place_leave_a_document_valid(
    world: World, item: bytes, plain: bool
) -> None:
    prepared = classic_pdf(catalog=b"/Outlines 6 0 R", extra=[b"<</Type/Outlines>>"])
    sealed = world.sign(prepared, marks=[])
    body = b"<</Type/Outlines/Count 1/First 71 0 R/Last 71 0 R>>"
    entry = b"<</Title(One)/Parent 6 0 R" + item + b">>"
    data = append_revision(sealed, {6: body, 71: entry})
    expected = ("bookmarks_changed", Verdict.VALID) if plain else (
        "changed_suspicious", Verdict.UNKNOWN,
    )  # fmt: skip
    told(world, data, *expected)
    fresh = append_revision(outlined(item)(world.sign(classic_pdf(), marks=[])), {80: b"null"})
    assert world.verify(fresh).verdict is not Verdict.VALID_CHANGED_LATER


def test_bookmarks_that_are_also_something_else_cannot_change(world: World) -> None:
    prepared = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R/Outlines 6 0 R>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length 37>>stream\nBT /F 24 Tf 72 700 Td (Price 1) Tj ET\nendstream",
            b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 595 842]/Contents 4 0 R/Resources 6 0 R>>",
            b"<</Type/Outlines/Font<</F 3 0 R>>>>",
        ]
    )
    data = append_revision(world.sign(prepared, marks=[]), {6: b"<</Font<</F 4 0 R>>>>"})
    assert world.verify(data).verdict is Verdict.INVALID


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("/PageMode", "/UseOutlines", "view_changed"),
        ("/PageLayout", "/TwoColumnLeft", "view_changed"),
        ("/PageMode", "/SomethingElse", "changed_forbidden"),
        ("/ViewerPreferences", "/UseOutlines", "changed_forbidden"),
    ],
)
def test_view_settings_are_a_notice(
    world: World, sealed: bytes, key: str, value: str, code: str
) -> None:
    def change(writer: Any) -> None:
        writer.root[name(key)] = name(value)
        writer.update_root()

    expected = Verdict.VALID if code == "view_changed" else Verdict.INVALID
    told(world, update(sealed, change), code, expected)


@pytest.mark.parametrize(
    ("opened", "good"),
    [
        (b"[5 0 R/XYZ 0 800 1]", True),
        (b"<</S/GoTo/D[5 0 R/Fit]>>", True),
        (b"<</S/JavaScript/JS(1)>>", False),
        (b"<</S/GoTo/D[5 0 R/Fit]/Next<</S/Named/N/Print>>>>", False),
        (b"<</S/GoToR/F(a.pdf)/D[0/Fit]>>", False),
    ],
)
def test_where_a_document_opens_is_a_matter_of_the_viewer(
    world: World, opened: bytes, good: bool
) -> None:
    """As long as it is a place in it, and nothing runs."""
    sealed = world.sign(classic_pdf(), marks=[])
    catalog = sealed[sealed.rindex(b"\n1 0 obj") :].split(b"obj", 1)[1].split(b"endobj")[0].strip()
    data = append_revision(sealed, {1: catalog[:-2] + b"/OpenAction" + opened + b">>"})
    report = world.verify(data)
    assert report.verdict is (Verdict.VALID if good else Verdict.INVALID)
    assert ("view_changed" in codes(report.signatures[0])) is good


def dictionary(**entries: Any) -> generic.DictionaryObject:
    return generic.DictionaryObject({name(f"/{key}"): each for key, each in entries.items()})


ON = generic.BooleanObject(True)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("/ViewerPreferences", dictionary(DisplayDocTitle=ON, FitWindow=ON), "view_changed"),
        ("/ViewerPreferences", dictionary(PrintArea=name("/ArtBox")), "changed_forbidden"),
        ("/ViewerPreferences", dictionary(FitWindow=dictionary(A=ON)), "changed_forbidden"),
        ("/Lang", generic.pdf_string("zh-CN"), "metadata_changed"),
        ("/Lang", dictionary(A=ON), "changed_forbidden"),
        ("/PieceInfo", dictionary(Word=dictionary(Private=ON)), "metadata_changed"),
    ],
)
def test_what_no_page_shows_is_a_notice(
    world: World, sealed: bytes, key: str, value: Any, code: str
) -> None:
    def change(writer: Any) -> None:
        writer.root[name(key)] = value
        writer.update_root()

    expected = Verdict.INVALID if code == "changed_forbidden" else Verdict.VALID
    told(world, update(sealed, change), code, expected)


@pytest.mark.parametrize(
    ("key", "value", "code"),
    [
        ("/LastModified", generic.pdf_string("D:20261123"), "metadata_changed"),
        ("/PieceInfo", dictionary(Word=dictionary(Private=ON)), "metadata_changed"),
        ("/Lang", generic.pdf_string("zh-CN"), "changed_forbidden"),
        ("/PieceInfo", name("/Word"), "changed_forbidden"),
    ],
)
def test_what_programs_note_on_a_page_is_a_notice(
    world: World, sealed: bytes, key: str, value: Any, code: str
) -> None:
    def change(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page[name(key)] = value
        writer.update_container(page)

    expected = Verdict.INVALID if code == "changed_forbidden" else Verdict.VALID
    told(world, update(sealed, change), code, expected)


def box(*numbers: float) -> generic.ArrayObject:
    return generic.ArrayObject([generic.FloatObject(each) for each in numbers])


A4, TURNED = box(0, 0, 595, 842), generic.NumberObject(90)


@pytest.mark.parametrize(
    ("entries", "same"),
    [
        ({"MediaBox": A4}, True),
        ({"MediaBox": A4, "CropBox": A4, "Rotate": generic.NumberObject(0)}, True),
        ({"MediaBox": box(0, 0, 595, 841)}, False),
        ({"CropBox": box(0, 0, 595, 600)}, False),
        ({"Rotate": TURNED}, False),
        ({"Rotate": name("/x")}, False),
        ({"MediaBox": box(0, 0, 0, 0)}, False),
    ],
)
def test_a_size_that_is_said_again_on_the_page_is_no_change(
    world: World, entries: dict[str, Any], same: bool
) -> None:
    """pypdf writes on a page what it inherits, whatever else it does to it."""
    prepared = build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R>>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]/MediaBox[0 0 595 842]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length 37>>stream\nBT /F 24 Tf 72 700 Td (Price 1) Tj ET\nendstream",
            b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>>>",
        ]
    )

    def change(writer: Any) -> None:
        page = writer.root["/Pages"]["/Kids"][0]
        page.update(dictionary(**entries))
        writer.update_container(page)

    data = update(world.sign(prepared, marks=[]), change)
    assert world.verify(data).verdict is (Verdict.VALID if same else Verdict.INVALID)


# ---------------------------------------------------------------- notes, markup, drawings


def annotated(
    data: bytes,
    subtype: str,
    rect: Sequence[float],
    content: bytes | None = None,
    resources: Any = None,
    **entries: Any,
) -> bytes:
    def change(writer: Any) -> None:
        annotation = generic.DictionaryObject(
            {
                name("/Type"): name("/Annot"),
                name("/Subtype"): name(subtype),
                name("/Rect"): generic.ArrayObject([generic.FloatObject(each) for each in rect]),
                name("/Contents"): generic.pdf_string("请核对"),
            }
        )
        if content is not None:
            box = (0, 0, rect[2] - rect[0], rect[3] - rect[1])
            look = form_stream(writer, content, box, resources)
            annotation[name("/AP")] = generic.DictionaryObject({name("/N"): look})
        for key, value in entries.items():
            annotation[name(f"/{key}")] = value
        annotate(writer, writer.add_object(annotation))

    return update(data, change)


def blending(mode: str) -> generic.DictionaryObject:
    state = generic.DictionaryObject({name("/BM"): name(mode)})
    states = generic.DictionaryObject({name("/M"): state})
    return generic.DictionaryObject({name("/ExtGState"): states})


def test_a_note_that_covers_nothing_is_told_with_its_words(world: World, sealed: bytes) -> None:
    data = annotated(sealed, "/Text", BLANK, b"1 1 0 rg 0 0 20 20 re f")
    report = told(world, data, "note_added", Verdict.VALID_CHANGED_LATER)
    (found,) = report.signatures[0].changed_later
    assert (found.page, found.after) == (1, "请核对")
    assert found.box_mm == pytest.approx((21.17, 81.8, 7.06, 7.06), abs=0.1)
    assert world.verify(annotated(sealed, "/Text", BLANK)).verdict is Verdict.VALID_CHANGED_LATER


@pytest.mark.parametrize(
    ("rect", "content", "entries"),
    [
        ((70, 695, 90, 715), b"1 1 0 rg 0 0 20 20 re f", {}),
        ((60, 590, 360, 630), b"0 0 300 40 re f", {}),
        (BLANK, b"0 0 20 20 re f", {"A": generic.DictionaryObject()}),
        (BLANK, b"0 0 20 20 re f", {"OC": generic.DictionaryObject()}),
        (BLANK, b"BT /F 9 Tf (9) Tj ET", {}),
        (BLANK, b"0 G 2 w 15 14 m 15 18 5 18 5 14 c 5 10 15 10 15 14 c 15 2 l S", {}),
        (BLANK, b"0 g 4 9 12 2 re f", {}),
        ((60.0, 590.0, 63.0, 610.0), b"1 0 0 rg 0 0 3 20 re f", {}),
    ],
    ids=["over text", "large", "action", "layer", "text", "digit drawn", "dash drawn", "bar"],
)
def test_a_note_that_is_more_than_a_note_is_not_believed(
    world: World, sealed: bytes, rect: Sequence[float], content: bytes, entries: dict[str, Any]
) -> None:
    report = world.verify(annotated(sealed, "/Text", rect, content, **entries))
    assert report.verdict in (Verdict.UNKNOWN, Verdict.INVALID)


@pytest.mark.parametrize(
    ("rect", "is_open", "verdict"),
    [
        ((60, 590, 360, 730), False, Verdict.VALID_CHANGED_LATER),
        ((600, 590, 800, 690), True, Verdict.VALID_CHANGED_LATER),
        ((60, 590, 360, 730), True, Verdict.UNKNOWN),
    ],
    ids=["shut", "open beside the page", "open over text"],
)
def test_the_window_of_a_note_must_not_lie_open_on_text(
    world: World, sealed: bytes, rect: Sequence[float], is_open: bool, verdict: Verdict
) -> None:
    """Viewers show it like a slip of paper with the note's words."""

    def change(writer: Any) -> None:
        popup = generic.DictionaryObject(
            {
                name("/Type"): name("/Annot"),
                name("/Subtype"): name("/Popup"),
                name("/Rect"): generic.ArrayObject([generic.FloatObject(each) for each in rect]),
                name("/Open"): generic.BooleanObject(is_open),
            }
        )
        annotate(writer, writer.add_object(popup))

    noted = annotated(sealed, "/Text", BLANK, b"1 1 0 rg 0 0 20 20 re f")
    assert world.verify(update(noted, change)).verdict is verdict


def test_a_note_and_its_window_are_told_once_and_with_their_words(
    world: World, sealed: bytes
) -> None:
    def note(writer: Any) -> Any:
        return noting(writer, "/Text", (500, 60, 520, 80), Contents=generic.pdf_string("请核对"))

    def window(writer: Any, parent: Any) -> None:
        noting(writer, "/Popup", (530, 60, 590, 90), Parent=parent)

    together = update(sealed, lambda writer: window(writer, note(writer)))
    (added,) = world.verify(together).signatures[0].changed_later
    assert "请核对" in added.finding.text()
    first = update(sealed, note)
    again = update(first, lambda writer: window(writer, first_page(writer)["/Annots"].raw_get(-1)))
    kinds = [each.kind for each in world.verify(again).signatures[0].changed_later]
    assert kinds.count("note_added") == 2, "a window that came by itself is told"


def noting(writer: Any, subtype: str, rect: Sequence[float], **entries: Any) -> Any:
    """A new annotation on the first page; returns the reference to it."""
    box = generic.ArrayObject([generic.FloatObject(each) for each in rect])
    made = {"Type": name("/Annot"), "Subtype": name(subtype), "Rect": box, **entries}
    reference = writer.add_object(
        generic.DictionaryObject({name(f"/{key}"): value for key, value in made.items()})
    )
    annotate(writer, reference)
    return reference


@pytest.mark.parametrize(
    "rect",
    [(160, 708, 160, 708), (152, 720, 153, 721), (150, 690, 151, 691)],
    ids=["a point", "from above", "from below"],
)
def test_the_sign_of_a_note_is_as_large_as_viewers_draw_it(
    world: World, sealed: bytes, rect: Sequence[float]
) -> None:
    """PDF.js, Poppler and Acrobat draw 20 to 24 points, whatever the rectangle is."""
    told(world, annotated(sealed, "/Text", rect), "drawing_added", Verdict.UNKNOWN)


def test_a_file_pinned_to_a_page_is_no_change_of_the_page(world: World, sealed: bytes) -> None:
    file = dictionary(Type=name("/Filespec"), UF=generic.pdf_string("a.txt"))
    blank, content = (60, 590, 80, 610), b"1 0 0 RG 1 w 1 1 18 18 re S"
    pinned = annotated(sealed, "/FileAttachment", blank, content, FS=file)
    told(world, pinned, "drawing_added", Verdict.UNKNOWN)
    acts = annotated(sealed, "/FileAttachment", blank, content, FS=file, A=dictionary())
    told(world, acts, "changed_forbidden", Verdict.INVALID)
    stamp = annotated(sealed, "/Stamp", blank, content, FS=file)
    told(world, stamp, "changed_forbidden", Verdict.INVALID)


@pytest.mark.parametrize("subtype", ["/Highlight", "/Underline", "/StrikeOut", "/Squiggly"])
def test_markup_over_text_is_not_disproved_and_not_valid(
    world: World, sealed: bytes, subtype: str
) -> None:
    through = annotated(
        sealed, subtype, OVER_TEXT, b"/M gs 1 1 0 rg 0 0 300 40 re f", blending("/Multiply")
    )
    told(world, through, "markup_added", Verdict.UNKNOWN)
    line = annotated(sealed, subtype, OVER_TEXT, b"1 0 0 RG 1 w 0 12 m 300 12 l S")
    told(world, line, "markup_added", Verdict.UNKNOWN)
    told(world, annotated(sealed, subtype, OVER_TEXT), "markup_added", Verdict.UNKNOWN)


@pytest.mark.parametrize(
    "content", [b"1 g 0 0 300 40 re f", b"1 G 40 w 0 20 m 300 20 l S"], ids=["fill", "line"]
)
def test_markup_that_hides_text_is_disproved(world: World, sealed: bytes, content: bytes) -> None:
    data = annotated(sealed, "/Highlight", OVER_TEXT, content, blending("/Normal"))
    told(world, data, "changed_forbidden", Verdict.INVALID)


@pytest.mark.parametrize(
    "subtype",
    ["/FreeText", "/Ink", "/Line", "/Square", "/Circle", "/Stamp", "/FileAttachment"],
)
def test_what_is_drawn_on_blank_ground_is_not_valid_and_over_text_disproved(
    world: World, sealed: bytes, subtype: str
) -> None:
    blank = (60, 590, 360, 630)
    content = b"BT /F 12 Tf 2 2 Td (9) Tj ET"
    told(world, annotated(sealed, subtype, blank, content), "drawing_added", Verdict.UNKNOWN)
    told(world, annotated(sealed, subtype, OVER_TEXT), "changed_forbidden", Verdict.INVALID)
    around = annotated(sealed, subtype, OVER_TEXT, b"1 0 0 RG 1 w 1 1 298 38 re S")
    told(world, around, "drawing_added", Verdict.UNKNOWN)
    over = annotated(sealed, subtype, OVER_TEXT, b"1 g 0 0 300 40 re f")
    told(world, over, "changed_forbidden", Verdict.INVALID)


@pytest.mark.parametrize(
    ("box", "verdict"),
    [
        (b"[0 0 595.27601 841.89]", Verdict.VALID),
        (b"[0 0 595.2765 841.8895]", Verdict.VALID),
        (b"[0 0 595.3 841.89]", Verdict.INVALID),
        (b"[0 0 595.276 800]", Verdict.INVALID),
        (b"[0 100 595.276 841.89]", Verdict.INVALID),
    ],
)
def test_a_page_box_may_be_rounded_and_not_changed(
    world: World, box: bytes, verdict: Verdict
) -> None:
    """Programs that write a page again round its numbers, as those of LibreOffice with twelve
    digits; anything that could be seen is another page."""
    sealed = world.sign(classic_pdf(), marks=[])
    bodies = re.findall(rb"\n5 0 obj\s*(<<.*?>>)\s*endobj", sealed, re.DOTALL)
    page = re.sub(rb"/MediaBox\s*\[[^\]]*\]", b"/MediaBox" + box, bodies[-1])
    assert page != bodies[-1]
    assert world.verify(append_revision(sealed, {5: page})).verdict is verdict


@pytest.mark.parametrize("look", [b"", b"1 0 0 rg 0 0 90 20 re f", b"BT /F 9 Tf (agreed) Tj ET"])
def test_a_time_stamp_with_a_look_is_not_somebody_who_signed(
    world: World, sealed: bytes, look: bytes
) -> None:
    """Anybody gets a time stamp over anything; what it shows on blank ground is nobody's word."""
    authority = world.authority.key_for("时间", extended_key_usage=(TIME_STAMPING,))
    output = io.BytesIO()

    def value(revision: Revision) -> bytes:
        return make_token(
            key=authority, hash_name="sm3", digest=revision.digest, policy="1.2.3", serial=1,
            generated=SIGNED_AT,
        )  # fmt: skip

    original = drawing._appearance

    def changed(*arguments: Any) -> generic.StreamObject:
        form = original(*arguments)
        form._data, form._encoded_data = look, None
        return form

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(drawing, "_appearance", changed)
        sign_revision(
            Document(io.BytesIO(sealed)),
            output,
            profile=document_timestamp("sm3"),
            marks=[Mark(0, 20, 150, 40, 10)] if look else [],
            picture=world.first.picture,
            value_size=8_192,
            make_value=value,
        )
    report = world.verify(output.getvalue())
    assert report.verdict is (Verdict.UNKNOWN if look else Verdict.VALID)
    assert ("mark_covers" in codes(report.signatures[0])) is bool(look)


# ---------------------------------------------------------------- heavy pages


@pytest.fixture
def reads(monkeypatch: pytest.MonkeyPatch) -> list[int]:
    """The numbers of operators that each reading of a page's content was allowed."""
    made: list[int] = []

    def counted(page: Any, fonts: Any, most: int) -> Any:
        made.append(most)
        return read_page(page, fonts, most)

    monkeypatch.setattr(ground, "read_page", counted)
    return made


def sealed_again(world: World, data: bytes, times: int, left: float = 20.0) -> bytes:
    for turn in range(times):
        marks = world.marks(world.second, left=left + 45 * turn, top=200)
        data = world.sign(data, world.second, marks)
    return data


def test_a_page_is_read_once_however_often_it_was_sealed(world: World, reads: list[int]) -> None:
    """A drawing of 130,000 operators, signed by twelve people, took longer than may be."""
    data = sealed_again(world, world.sign(classic_pdf(), marks=[]), 3)
    assert world.verify(data).verdict is Verdict.VALID
    assert len(reads) == 1
    other = content_replaced(data, b"BT /F 24 Tf 72 300 Td (Price 9000) Tj ET")
    reads.clear()
    assert world.verify(sealed_again(world, other, 2, left=110)).verdict is Verdict.INVALID
    assert len(reads) == 2


def content_replaced(data: bytes, content: bytes) -> bytes:
    return append_revision(
        data, {4: b"<</Length %d>>stream\n%s\nendstream" % (len(content), content)}
    )


def test_a_page_of_more_than_can_be_followed_is_judged_and_not_refused(
    world: World, reads: list[int], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(ground, "MAX_OPERATORS", 12)
    heavy = classic_pdf(pages=3, content=b"q 1 0 0 1 0 0 cm Q " * 4)
    data = world.sign(heavy, marks=[])
    for page in range(3):
        data = world.sign(data, world.second, world.marks(world.second, page=page, left=20))
    report = world.verify(data)
    assert reads == [12, 0, 0]
    grounds = [each.ground for each in report.signatures[0].changed_later if each.ground]
    assert grounds == ["blank", "inked", "inked"]
    assert report.verdict is Verdict.VALID


# ---------------------------------------------------------------- glyphs over glyphs

OWN_FONT = b"<</Type/Font/Subtype/Type1/BaseFont/ABCDEF+Own>>"


@pytest.mark.parametrize(
    ("under", "expected"),
    [
        (b"BT /G 12 Tf 76 409 Td ( ) Tj ET", ("filling_over_content", Verdict.UNKNOWN)),
        (b"BT /G 12 Tf 76 409 Td (1000) Tj ET", ("filling_over_content", Verdict.UNKNOWN)),
        (b"BT /F 12 Tf 76 409 Td (1000) Tj ET", ("content_covered", Verdict.INVALID)),
        (b"74 412 m 200 412 l S", ("content_covered", Verdict.INVALID)),
        (b"0.5 g 74 405 20 12 re 0.9 g 76 407 4 4 re f*", ("content_covered", Verdict.INVALID)),
    ],
)
def test_glyphs_that_nobody_can_read_cover_no_others_for_certain(
    world: World, under: bytes, expected: tuple[str, Verdict]
) -> None:
    """As a platform for signing fills in a name: both in fonts of the file's own."""
    fonts = b"<</Font<</F 3 0 R/G 8 0 R>>>>"
    page = b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/MediaBox[0 0 595 842]/Annots[6 0 R]"
    field = b"<</Type/Annot/Subtype/Widget/FT/Tx/T(a)/Rect[72 400 272 430]/P 5 0 R/F 4"
    field += b"/DA(/G 12 Tf 0 g)"
    sealed = world.sign(
        build_pdf(
            [
                b"<</Type/Catalog/Pages 2 0 R/AcroForm<</Fields[6 0 R]>>>>",
                b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
                b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
                b"<</Length %d>>stream\n%s\nendstream" % (len(under), under),
                page + b"/Resources " + fonts + b">>",
                field + b">>",
                b"null",
                OWN_FONT,
            ]
        ),
        marks=[],
    )
    look = b"/Tx BMC BT 0 g /G 12 Tf 4 9 Td (Zhang) Tj ET EMC"
    form = b"<</Type/XObject/Subtype/Form/BBox[0 0 200 30]/Resources" + fonts
    form += b"/Length %d>>stream\n%s\nendstream" % (len(look), look)
    later = {6: field + b"/V(Zhang)/AP<</N 90 0 R>>>>", 90: form}
    told(world, append_revision(sealed, later), *expected)


@pytest.mark.parametrize(
    ("subtype", "content", "said"),
    [
        ("/Square", b"1 0 0 RG 1 w 1 1 298 38 re S", "一个方框"),
        ("/Square", b"1 0 0 RG 1 w 9 9 m 9 30 l 30 30 l 30 20 l 9 20 l 30 1 l S", ""),
        ("/Square", b"BT /F 12 Tf 2 2 Td (9) Tj ET", ""),
        ("/Square", None, "一个方框"),
        ("/Line", b"1 0 0 RG 1 w 0 20 m 300 20 l S", "一根线条"),
        ("/Line", b"BT /F 12 Tf 2 2 Td (9) Tj ET", ""),
        ("/FreeText", b"BT /F 12 Tf 2 2 Td (9) Tj ET", "文字"),
        ("/Ink", b"1 0 0 RG 1 w 0 20 m 300 20 l 300 1 l S", "手写的笔迹"),
        ("/Ink", b"BT /F 12 Tf 2 2 Td (9) Tj ET", ""),
        ("/Stamp", b"BT /F 12 Tf 2 2 Td (9) Tj ET", "一个图章图样"),
    ],
)
def test_what_was_drawn_is_called_what_it_shows(
    world: World, sealed: bytes, subtype: str, content: bytes | None, said: str
) -> None:
    """By its name an annotation may be a box and show any words."""
    data = annotated(sealed, subtype, (60, 590, 360, 630), content)
    (change,) = world.verify(data).signatures[0].changed_later
    assert f"添加了{said or '文字或图形'}（" in change.finding.text()


@pytest.mark.parametrize(
    ("subtype", "height", "said"),
    [("/Underline", 2, "加了下划线"), ("/StrikeOut", 20, "加了删除线"), ("/Underline", 20, "")],
)
def test_a_line_through_text_is_not_called_one_under_it(
    world: World, sealed: bytes, subtype: str, height: int, said: str
) -> None:
    content = b"1 0 0 RG 1 w 0 %d m 300 %d l S" % (height, height)
    data = annotated(sealed, subtype, OVER_TEXT, content)
    (change,) = world.verify(data).signatures[0].changed_later
    assert f"的文字上{said or '做了标记'}。" in change.finding.text()

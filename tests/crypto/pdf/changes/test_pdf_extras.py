"""Files, links and labels of pages that were added to a sealed document."""

import io
import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pymupdf
import pytest
from pyhanko.pdf_utils import generic

from crypto.verdict import Report, Verdict
from tests.world.documents import annotate, append_revision, build_pdf, classic_pdf, update
from tests.world.sealing import World, codes

_PAGE = (
    b"<</Type/Page/Parent 2 0 R/Contents 4 0 R/Resources<</Font<</F 3 0 R>>>>"
    b"/MediaBox[0 0 595 842]>>"
)
_OVER_TEXT = b"/Rect[60 690 360 730]"
_FILE = b"<</Type/Filespec/F(%s)/UF(%s)/EF<</F 91 0 R>>>>"
_STREAM = b"<</Length 5>>stream\nhello\nendstream"


def document(catalog: bytes = b"", *extra: bytes) -> bytes:
    """One page; *extra* are the objects from 6 on."""
    content = b"BT /F 24 Tf 72 700 Td (Price 1000) Tj ET"
    return build_pdf(
        [
            b"<</Type/Catalog/Pages 2 0 R" + catalog + b">>",
            b"<</Type/Pages/Count 1/Kids[5 0 R]>>",
            b"<</Type/Font/Subtype/Type1/BaseFont/Helvetica>>",
            b"<</Length %d>>stream\n%s\nendstream" % (len(content), content),
            _PAGE,
            *extra,
        ]
    )


@pytest.fixture(scope="module")
def sealed(world: World) -> bytes:
    return world.sign(document(), marks=[])


def root_of(data: bytes) -> tuple[int, bytes]:
    """The catalog's number and body."""
    number = int(data.rsplit(b"/Root ", 1)[1].split(b" ", 1)[0])
    body = data.rsplit(b"\n%d 0 obj\n" % number, 1)[1].split(b"endobj", 1)[0].strip()
    return number, body


def catalogued(data: bytes, entries: bytes, objects: dict[int, bytes] | None = None) -> bytes:
    number, body = root_of(data)
    return append_revision(data, {number: body[:-2] + entries + b">>", **(objects or {})})


def found(world: World, data: bytes, code: str) -> Report:
    report = world.verify(data)
    assert code in codes(report.signatures[0]), sorted(codes(report.signatures[0]))
    return report


def incrementally(change: Callable[[pymupdf.Document], object], data: bytes, path: Path) -> bytes:
    """*data* with what MuPDF appends."""
    path.write_bytes(data)
    with pymupdf.open(path) as opened:
        change(opened)
        opened.saveIncr()
    return path.read_bytes()


# ---------------------------------------------------------------- attached files


def test_a_file_that_is_attached_later_is_named_and_no_longer_green(
    world: World, sealed: bytes
) -> None:
    names = b"/Names<</EmbeddedFiles<</Names[(a)90 0 R]>>>>"
    data = catalogued(sealed, names, {90: _FILE % (b"a.docx", b"a.docx"), 91: _STREAM})
    report = found(world, data, "attachment_added")
    assert report.verdict is Verdict.VALID_CHANGED_LATER
    (change,) = [each for each in report.signatures[0].changed_later if each.after]
    assert change.after == "a.docx"


_TREE = (
    b"<</EmbeddedFiles 7 0 R>>",
    b"<</Names[(a) 8 0 R]>>",
    b"<</Type/Filespec/F(a.docx)/UF(a.docx)/EF<</F 9 0 R>>>>",
    _STREAM,
)


@pytest.mark.parametrize(
    ("objects", "verdict"),
    [
        ({7: b"<</Names[(a) 8 0 R(b) 90 0 R]>>"}, Verdict.VALID_CHANGED_LATER),
        ({6: b"<</EmbeddedFiles<</Names[(a) 8 0 R(b) 90 0 R]>>>>"}, Verdict.VALID_CHANGED_LATER),
        ({7: b"<</Kids[92 0 R]>>", 92: b"<</Limits[(a)(b)]/Names[(a) 8 0 R(b) 90 0 R]>>"},
         Verdict.VALID_CHANGED_LATER),
        ({7: b"<</Names[]>>"}, Verdict.INVALID),
        ({7: b"<</Names[(b) 90 0 R]>>"}, Verdict.INVALID),
        ({7: b"<</Names[(a) 90 0 R]>>"}, Verdict.INVALID),
        ({8: _FILE % (b"a.docx", b"a.docx")}, Verdict.INVALID),
        ({9: b"<</Length 6>>stream\nforged\nendstream"}, Verdict.INVALID),
        ({6: b"<</EmbeddedFiles 7 0 R/JavaScript<</Names[(a)<</S/JavaScript/JS(1)>>]>>>>"},
         Verdict.INVALID),
        ({6: b"<</EmbeddedFiles 7 0 R/AP<</Names[(a) 91 0 R]>>>>"}, Verdict.INVALID),
        ({6: b"null"}, Verdict.INVALID),
        ({7: b"<</Names[(a) 8 0 R(b)<</F(b)/FS/URL/EF<</F 91 0 R>>>>]>>"}, Verdict.INVALID),
        ({7: b"<</Names[(a) 8 0 R(b)<</F(b)>>]>>"}, Verdict.INVALID),
    ],
)  # fmt: skip
def test_files_that_were_attached_before_stay_what_they_were(
    world: World, objects: dict[int, bytes], verdict: Verdict
) -> None:
    before = world.sign(document(b"/Names 6 0 R", *_TREE), marks=[])
    data = append_revision(before, {90: _FILE % (b"b.docx", b"b.docx"), 91: _STREAM, **objects})
    report = world.verify(data)
    assert report.verdict is verdict, sorted(codes(report.signatures[0]))


_TOLD, _MORE = Verdict.VALID_CHANGED_LATER, b"<</Names[(z) 90 0 R]>>"


@pytest.mark.parametrize(
    ("listed", "verdict"),
    [
        (b"/Names[(a) 90 0 R(a) 8 0 R]", _TOLD),
        (b"/Names[(a) 8 0 R(a) 90 0 R]", _TOLD),
        (b"/Names[<FEFF0061> 90 0 R(a) 8 0 R]", _TOLD),
        (b"/Kids[<</Names[(a) 90 0 R]>><</Names[(a) 8 0 R]>>]", _TOLD),
        (b"/Names[(a) 8 0 R]/Kids[92 0 R]", Verdict.INVALID),
        (b"/Names[(a) 8 0 R]/Kids[]", Verdict.VALID),
    ],
)
def test_each_file_that_some_viewer_lists_is_told(
    world: World, listed: bytes, verdict: Verdict
) -> None:
    """Two under one name, or names beside other nodes: viewers list the one, the other or both."""
    before = world.sign(document(b"/Names 6 0 R", *_TREE), marks=[])
    more = {7: b"<<%s>>" % listed, 90: _FILE % (b"b.docx", b"b.docx"), 91: _STREAM, 92: _MORE}
    report = world.verify(append_revision(before, more))
    assert report.verdict is verdict
    if verdict is _TOLD:
        assert [each.after for each in report.signatures[0].changed_later] == ["b.docx"]


@pytest.mark.parametrize(
    ("tree", "then", "good"),
    [
        (b"<</Names[(a) 8 0 R(a) 10 0 R]>>", b"<</Names[(a) 10 0 R]>>", False),
        (b"<</Names[(a) 8 0 R(a) 10 0 R]>>", b"<</Names[(a) 8 0 R]>>", False),
        (b"<</Names[(a) 8 0 R]/Kids[11 0 R]>>", b"<</Names[(a) 8 0 R]>>", False),
        (b"<</Names[(a) 8 0 R(a) 10 0 R]>>", b"<</Names[(a) 8 0 R(a) 10 0 R(b) 90 0 R]>>", True),
        (b"<</Names[(a) 8 0 R]/Kids[11 0 R]>>", b"<</Kids[11 0 R]/Names[(a) 8 0 R]>>", True),
    ],
)
def test_no_file_that_some_viewer_listed_goes(
    world: World, tree: bytes, then: bytes, good: bool
) -> None:
    price = _FILE.replace(b"91 0 R", b"9 0 R") % (b"price", b"price")
    objects = (_TREE[0], tree, *_TREE[2:], price, b"<</Names[(z) 10 0 R]>>")
    before = world.sign(document(b"/Names 6 0 R", *objects), marks=[])
    more = {7: then, 90: _FILE % (b"b.docx", b"b.docx"), 91: _STREAM}
    verdict = world.verify(append_revision(before, more)).verdict
    assert (verdict in (Verdict.VALID, Verdict.VALID_CHANGED_LATER)) is good


def test_a_file_is_told_without_what_turns_its_name_around(world: World, sealed: bytes) -> None:
    name = "<FEFF" + "inv\u202etxt.exe".encode("utf-16-be").hex() + ">"
    file = b"<</Type/Filespec/F%b/UF%b/EF<</F 91 0 R>>>>" % (name.encode(), name.encode())
    names = b"/Names<</EmbeddedFiles<</Names[(a)90 0 R]>>>>"
    report = world.verify(catalogued(sealed, names, {90: file, 91: _STREAM}))
    assert [each.after for each in report.signatures[0].changed_later] == ["inv txt.exe"]


def test_a_portfolio_shows_its_files_so_none_may_be_added(world: World) -> None:
    before = world.sign(document(b"/Names 6 0 R/Collection<<>>", *_TREE), marks=[])
    more = {7: b"<</Names[(a) 8 0 R(b) 90 0 R]>>", 90: _FILE % (b"b", b"b"), 91: _STREAM}
    assert world.verify(append_revision(before, more)).verdict is Verdict.INVALID


def test_names_that_a_page_reads_as_something_else_do_not_change(world: World) -> None:
    """The tree of files is the page's dictionary of fonts as well."""
    prepared = document(b"/Names<</EmbeddedFiles 6 0 R>>", b"<</F 3 0 R>>")
    prepared = prepared.replace(b"/Font<</F 3 0 R>>", b"/Font   6 0 R    ")
    sealed = world.sign(prepared, marks=[])
    more = {6: b"<</F 92 0 R/Names[(b) 90 0 R]>>", 90: _FILE % (b"b", b"b"), 91: _STREAM}
    more[92] = b"<</Type/Font/Subtype/Type1/BaseFont/Symbol>>"
    assert world.verify(append_revision(sealed, more)).verdict is Verdict.INVALID


# ---------------------------------------------------------------- links


def linked(data: bytes, entries: bytes) -> bytes:
    link = b"<</Type/Annot/Subtype/Link" + _OVER_TEXT + entries + b">>"

    def write(writer: Any) -> None:
        made = generic.DictionaryObject.read_from_stream(
            io.BytesIO(link), generic.Reference(5, 0, writer)
        )
        annotate(writer, writer.add_object(made))

    return update(data, write)


@pytest.mark.parametrize(
    ("entries", "code", "verdict"),
    [
        (b"/A<</S/URI/URI(https://pay.example/x)>>", "link_added", Verdict.UNKNOWN),
        (b"/A<</S/URI/URI(HTTPS://kiosk.bank.example)>>", "link_added", Verdict.UNKNOWN),
        (b"/A<</S/URI/URI(mailto:kiosk@bank.example)>>", "link_added", Verdict.UNKNOWN),
        (b"/BS<</W 0>>/A<</S/URI/URI(mailto:a@b.example)>>", "link_added", Verdict.UNKNOWN),
        (b"/Border[0 0 0]/A<</S/GoTo/D[5 0 R/Fit]>>", "link_inside", Verdict.VALID),
        (b"/BS<</W 0>>/Dest[5 0 R/XYZ 0 0 1]", "link_inside", Verdict.VALID),
        (b"/Dest[5 0 R/Fit]", "drawing_added", Verdict.UNKNOWN),
        (b"/Border[0 0 2]/Dest[5 0 R/Fit]", "drawing_added", Verdict.UNKNOWN),
        (b"/Border[0 0 -9]/Dest[5 0 R/Fit]", "drawing_added", Verdict.UNKNOWN),
        (b"/Border[0 0 0]/BS<</W -9>>/Dest[5 0 R/Fit]", "drawing_added", Verdict.UNKNOWN),
        (b"/Border[0 0 9]/BS<</W 0>>/Dest[5 0 R/Fit]", "drawing_added", Verdict.UNKNOWN),
        (b"/BS<</W 0>>/Dest[5 0 R/Fit]", "link_inside", Verdict.VALID),
        (b"/A<</S/URI/URI(javascript:alert\\(1\\))>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/URI/URI(https://bank.example@evil.example/)>>",
         "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/URI/URI(https://bank.example\\\\@evil.example/)>>",
         "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/URI/URI(file:///etc/passwd)>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/URI/URI(https://a.example\\n)>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/JavaScript/JS(1)>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/Launch/F(x.exe)>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/GoToR/F(b.pdf)/D[0/Fit]>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/SubmitForm/F(https://a.example)>>", "changed_forbidden", Verdict.INVALID),
        (b"/A<</S/URI/URI(https://a.example)/Next<</S/Named/N/Print>>>>",
         "changed_forbidden", Verdict.INVALID),
        (b"/Dest[5 0 R/Fit]/A<</S/URI/URI(https://a.example)>>",
         "changed_forbidden", Verdict.INVALID),
        (b"/Dest[5 0 R/Fit]/AP<</N 4 0 R>>", "changed_forbidden", Verdict.INVALID),
        (b"/Dest[5 0 R/Fit]/AA<</E<</S/JavaScript/JS(1)>>>>",
         "changed_forbidden", Verdict.INVALID),
        (b"/PA<</S/URI/URI(https://a.example)>>/Dest[5 0 R/Fit]",
         "changed_forbidden", Verdict.INVALID),
        (b"", "changed_forbidden", Verdict.INVALID),
    ],
)  # fmt: skip
def test_a_link_that_is_added_is_told_with_where_it_leads(
    world: World, sealed: bytes, entries: bytes, code: str, verdict: Verdict
) -> None:
    report = found(world, linked(sealed, entries), code)
    assert report.verdict is verdict
    if code == "link_added":
        (text,) = [f.text("en") for f in report.signatures[0].findings if f.code == code]
        named = ("pay.example", "a@b.example", "HTTPS://kiosk.bank.example", "kiosk@bank.example")
        assert any(address in text for address in named)


# ---------------------------------------------------------------- labels of pages


@pytest.mark.parametrize(
    ("value", "verdict"),
    [
        (b"<</Nums[0<</S/D/St 9/P(A-)>>]>>", Verdict.VALID),
        (b"<</Kids[90 0 R]>>", Verdict.VALID),
        (b"<</Nums[0<</S/D/A<</S/JavaScript/JS(1)>>>>]>>", Verdict.INVALID),
        (b"<</Nums[0 4 0 R]>>", Verdict.INVALID),
        (b"[0]", Verdict.INVALID),
    ],
)
def test_labels_of_pages_are_a_matter_of_the_viewer(
    world: World, sealed: bytes, value: bytes, verdict: Verdict
) -> None:
    data = catalogued(sealed, b"/PageLabels " + value, {90: b"<</Nums[0<</S/r>>]>>"})
    report = world.verify(data)
    assert report.verdict is verdict
    assert ("page_labels_changed" in codes(report.signatures[0])) is (verdict is Verdict.VALID)


def test_labels_in_an_object_of_their_own_may_be_written_again(world: World) -> None:
    before = world.sign(document(b"/PageLabels 6 0 R", b"<</Nums[0<</S/D>>]>>"), marks=[])
    data = append_revision(before, {6: b"<</Nums[0<</S/D/St 9>>]>>"})
    assert found(world, data, "page_labels_changed").verdict is Verdict.VALID


# ---------------------------------------------------------------- other programs


@pytest.mark.parametrize(
    ("change", "code", "verdict"),
    [
        (lambda d: d.embfile_add("b.txt", b"other"), "attachment_added",
         Verdict.VALID_CHANGED_LATER),
        (lambda d: d[0].insert_link({"kind": pymupdf.LINK_URI, "uri": "https://a.example",
                                     "from": pymupdf.Rect(60, 110, 360, 150)}),
         "link_added", Verdict.UNKNOWN),
        (lambda d: d.set_page_labels([{"startpage": 0, "prefix": "A-", "firstpagenum": 1,
                                       "style": "D"}]), "page_labels_changed", Verdict.VALID),
    ],
)  # fmt: skip
def test_what_mupdf_adds_is_told_as_what_it_is(
    world: World,
    change: Callable[[pymupdf.Document], object],
    code: str,
    verdict: Verdict,
    tmp_path: Path,
) -> None:
    data = incrementally(change, world.sign(classic_pdf(), marks=[]), tmp_path / "a.pdf")
    assert found(world, data, code).verdict is verdict


@pytest.mark.parametrize(
    ("names", "told"),
    [
        (b"/F(a.docx)/UF(a.docx)", "a.docx"),
        (b"/F(a.exe)/UF(a.pdf)", "a.pdf / a.exe"),  # either name is shown somewhere
        (b"/F(a.docx)", "a.docx"),
    ],
)
def test_an_attached_file_is_told_by_every_name_that_it_has(
    world: World, sealed: bytes, names: bytes, told: str
) -> None:
    entries = b"/Names<</EmbeddedFiles<</Names[(a)90 0 R]>>>>"
    objects = {90: b"<</Type/Filespec%s/EF<</F 91 0 R>>>>" % names, 91: _STREAM}
    report = found(world, catalogued(sealed, entries, objects), "attachment_added")
    (change,) = [each for each in report.signatures[0].changed_later if each.after]
    assert change.after == told


@pytest.mark.parametrize(
    ("before", "after", "verdict"),
    [
        (b"", b"/AF[90 0 R]", Verdict.VALID_CHANGED_LATER),
        (b"/AF[8 0 R]", b"/AF[8 0 R 90 0 R]", Verdict.VALID_CHANGED_LATER),
        (b"/AF[8 0 R]", b"/AF[90 0 R 8 0 R]", Verdict.VALID_CHANGED_LATER),
        (b"/AF[8 0 R]", b"/AF[90 0 R]", Verdict.INVALID),
        (b"/AF[8 0 R]", b"", Verdict.INVALID),
        (b"", b"/AF[92 0 R]", Verdict.INVALID),
        (b"", b"/AF[90 0 R 90 0 R 92 0 R]", Verdict.INVALID),
        (b"", b"/AF[<</Type/Filespec/F(a)/UF(a)/EF<</F 91 0 R>>>>]", Verdict.INVALID),
        (b"", b"/AF 90 0 R", Verdict.INVALID),
    ],
)
def test_a_file_that_is_attached_may_be_associated_with_the_document(
    world: World, before: bytes, after: bytes, verdict: Verdict
) -> None:
    """So pdf-lib attaches files. What is listed there alone is told by nobody."""
    names = b"/Names 6 0 R"
    data = world.sign(document(names + before, *_TREE), marks=[])
    number, body = root_of(data)
    changed = re.sub(rb"/AF\s*\[.*?\]", b"", body)[:-2] + after + b">>"
    objects = {
        number: changed,
        6: b"<</EmbeddedFiles<</Names[(a) 8 0 R(b) 90 0 R]>>>>",
        90: _FILE % (b"b.docx", b"b.docx"),
        91: _STREAM,
        92: _FILE % (b"c.docx", b"c.docx"),
    }
    assert world.verify(append_revision(data, objects)).verdict is verdict


def test_a_file_without_a_name_is_no_attachment(world: World, sealed: bytes) -> None:
    entries = b"/Names<</EmbeddedFiles<</Names[(a)90 0 R]>>>>"
    objects = {90: b"<</Type/Filespec/F( )/UF( )/EF<</F 91 0 R>>>>", 91: _STREAM}
    found(world, catalogued(sealed, entries, objects), "changed_forbidden")
